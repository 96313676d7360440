#ifndef JACK_GATEWAY_RESOURCES_H
#define JACK_GATEWAY_RESOURCES_H

#include <stddef.h>
#include <stdint.h>

// Files that are part of the program: each function returns where the bytes of one begin, and writes how many there are.

const uint8_t *jack_openapi_yaml(size_t *count);

#endif
