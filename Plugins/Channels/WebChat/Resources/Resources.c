#include "WebChatResources.h"

// As lists of numbers in Swift these took longer to build than the code around them.

static const uint8_t index_html[] = {
#embed "index.html"
};

const uint8_t *jack_index_html(size_t *count) {
    *count = sizeof index_html;
    return index_html;
}

static const uint8_t chat_css[] = {
#embed "chat.css"
};

const uint8_t *jack_chat_css(size_t *count) {
    *count = sizeof chat_css;
    return chat_css;
}

static const uint8_t chat_js[] = {
#embed "chat.js"
};

const uint8_t *jack_chat_js(size_t *count) {
    *count = sizeof chat_js;
    return chat_js;
}
