#include "EmbeddedAIResources.h"

// As lists of numbers in Swift these took longer to build than the code around them.

static const uint8_t languages_txt[] = {
#embed "languages.txt"
};

const uint8_t *jack_languages_txt(size_t *count) {
    *count = sizeof languages_txt;
    return languages_txt;
}

static const uint8_t lexicon_txt[] = {
#embed "lexicon.txt"
};

const uint8_t *jack_lexicon_txt(size_t *count) {
    *count = sizeof lexicon_txt;
    return lexicon_txt;
}
