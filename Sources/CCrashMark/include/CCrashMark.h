// Remembers, across the death of the process, whose code was running when it died of a trap.
//
// Each thread says which slot's code it runs; a handler for fatal signals writes that slot's name into a file mapped into memory, which outlives the process,
// and hands the signal on to whoever had it before.
#pragma once
#include <stdint.h>

/// How many slots there are.
#define JACK_CRASH_SLOTS 256
/// A name's longest length, with its final zero.
#define JACK_CRASH_NAME 128

/// Maps the file and takes the fatal signals. Returns 0, or errno. May be called again with another file.
int jack_crash_mark_open(const char *path);

/// Names a slot. Returns 0, or -1 where there is no such slot.
int jack_crash_mark_name(int32_t slot, const char *name);

/// Says that this thread now runs the code of `slot`, or of nobody (-1); returns what it was before.
int32_t jack_crash_mark_enter(int32_t slot);

/// Reads the mark that an earlier process left in the file, if any: the signal's number, or 0. `name` has room for JACK_CRASH_NAME bytes.
int jack_crash_mark_read(const char *path, char *name);

/// Takes the mark away.
void jack_crash_mark_clear(const char *path);
