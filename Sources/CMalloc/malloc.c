#include "CMalloc.h"

#include <stdlib.h>

// Swift's Glibc module leaves this header out.
#ifdef __GLIBC__
#include <malloc.h>
#endif

void jack_malloc_return_blocks(int bytes) {
#ifdef __GLIBC__
    // Set by hand, the limits no longer grow with each large block that is freed.
    mallopt(M_MMAP_THRESHOLD, bytes);
    mallopt(M_TRIM_THRESHOLD, bytes);
#else
    (void)bytes;
#endif
}

void jack_malloc_trim(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
