#ifndef JACK_WEB_CHAT_RESOURCES_H
#define JACK_WEB_CHAT_RESOURCES_H

#include <stddef.h>
#include <stdint.h>

// Files that are part of the program: each function returns where the bytes of one begin, and writes how many there are.

const uint8_t *jack_index_html(size_t *count);
const uint8_t *jack_chat_css(size_t *count);
const uint8_t *jack_chat_js(size_t *count);

#endif
