#ifndef JACK_CMALLOC_H
#define JACK_CMALLOC_H

/// Blocks of at least so many bytes are given back to the system when they are freed. Does nothing without glibc.
void jack_malloc_return_blocks(int bytes);

/// Gives free memory back to the system. Does nothing without glibc.
void jack_malloc_trim(void);

#endif
