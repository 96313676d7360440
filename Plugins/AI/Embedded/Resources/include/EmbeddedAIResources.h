#ifndef JACK_EMBEDDED_AI_RESOURCES_H
#define JACK_EMBEDDED_AI_RESOURCES_H

#include <stddef.h>
#include <stdint.h>

// Files that are part of the program: each function returns where the bytes of one begin, and writes how many there are.

const uint8_t *jack_languages_txt(size_t *count);
const uint8_t *jack_lexicon_txt(size_t *count);

#endif
