#ifndef JACK_CVECTOR_H
#define JACK_CVECTOR_H

#include <stddef.h>
#include <stdint.h>

/// The dot products of one vector with each of `count` rows of `width` numbers, which lie one after the other. Exact as long as `width` times the largest product fits 31 bits.
void jack_dot_rows(const int8_t *query, const int8_t *rows, size_t width, size_t count, int32_t *products);

#endif
