#include "GatewayResources.h"

// As lists of numbers in Swift these took longer to build than the code around them.

static const uint8_t openapi_yaml[] = {
#embed "openapi.yaml"
};

const uint8_t *jack_openapi_yaml(size_t *count) {
    *count = sizeof openapi_yaml;
    return openapi_yaml;
}
