#include "CVector.h"

// In C because its compiler makes one function for each generation of processors, and the program takes the best when it starts; Swift's makes all for the oldest.
#if defined(__x86_64__) && defined(__linux__)
__attribute__((target_clones("avx512bw", "avx2", "default")))
#endif
void jack_dot_rows(
    const int8_t *restrict query, const int8_t *restrict rows, size_t width, size_t count, int32_t *restrict products) {
    for (size_t row = 0; row < count; row++) {
        const int8_t *numbers = rows + row * width;
        int32_t sum = 0;
        for (size_t at = 0; at < width; at++) sum += (int32_t)query[at] * numbers[at];
        products[row] = sum;
    }
}
