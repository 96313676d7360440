#include "CCrashMark.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x4a41434b4d41524bULL

struct mark {
    uint64_t magic;
    int32_t signal;
    char name[JACK_CRASH_NAME];
};

static struct mark *volatile mapped;
static char names[JACK_CRASH_SLOTS][JACK_CRASH_NAME];
static __thread int32_t current = -1;

// Where the handler runs when the thread's own stack is used up. It lies in the thread's own memory and goes with it.
#define HANDLER_STACK 32768
static __thread char handler_stack[HANDLER_STACK];
static __thread int has_handler_stack;

static void take_handler_stack(void) {
    stack_t before;
    has_handler_stack = 1;
    if (sigaltstack(0, &before) != 0 || !(before.ss_flags & SS_DISABLE)) return;
    stack_t mine = {.ss_sp = handler_stack, .ss_size = HANDLER_STACK};
    sigaltstack(&mine, 0);
}

static const int fatal[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
#define FATAL_COUNT (sizeof fatal / sizeof *fatal)
static struct sigaction previous[FATAL_COUNT];

// Only what is safe in a signal handler: memory copies and sigaction.
static void on_fatal(int signal, siginfo_t *info, void *context) {
    (void)info;
    (void)context;
    struct mark *mark = mapped;
    if (mark && current >= 0 && current < JACK_CRASH_SLOTS && mark->signal == 0) {
        memcpy(mark->name, names[current], JACK_CRASH_NAME);
        mark->signal = signal;
    }
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (fatal[i] == signal) sigaction(signal, &previous[i], 0);
    // A fault repeats when the instruction runs again and meets the handler that was there before; a signal that was sent must be sent again.
    // A breakpoint does not repeat: the thread stands behind it already.
    if (signal == SIGABRT || signal == SIGTRAP || !info || info->si_code <= 0) raise(signal);
}

int jack_crash_mark_open(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return errno;
    if (ftruncate(file, sizeof(struct mark)) != 0) {
        int error = errno;
        close(file);
        return error;
    }
    void *memory = mmap(0, sizeof(struct mark), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) return errno;
    struct mark *mark = memory, *before = mapped;
    memset(mark, 0, sizeof *mark);
    mark->magic = MAGIC;
    mapped = mark;
    if (before) {
        munmap(before, sizeof *before);
        return 0;
    }
    for (size_t i = 0; i < FATAL_COUNT; i++) {
        struct sigaction action = {0};
        action.sa_sigaction = on_fatal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        sigaction(fatal[i], &action, &previous[i]);
    }
    return 0;
}

int jack_crash_mark_name(int32_t slot, const char *name) {
    if (slot < 0 || slot >= JACK_CRASH_SLOTS) return -1;
    strncpy(names[slot], name, JACK_CRASH_NAME - 1);
    return 0;
}

int32_t jack_crash_mark_enter(int32_t slot) {
    int32_t before = current;
    if (slot >= 0 && !has_handler_stack) take_handler_stack();
    current = slot;
    return before;
}

int jack_crash_mark_read(const char *path, char *name) {
    struct mark mark;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t count = read(file, &mark, sizeof mark);
    close(file);
    if (count != (ssize_t)sizeof mark || mark.magic != MAGIC || mark.signal == 0) return 0;
    mark.name[JACK_CRASH_NAME - 1] = 0;
    memcpy(name, mark.name, JACK_CRASH_NAME);
    return mark.signal;
}

void jack_crash_mark_clear(const char *path) { unlink(path); }
