#pragma once
#include <yaml.h>

// Swift sees a C enum's bit and the parser's unions awkwardly; these say the same in one typed call each.

static inline const char *jack_yaml_text(const yaml_event_t *event, size_t *length) {
    *length = event->data.scalar.length;
    return (const char *)event->data.scalar.value;
}

static inline int jack_yaml_is_plain(const yaml_event_t *event) { return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE; }

// The anchor that an event sets, or that an alias names; NULL where there is none.
static inline const char *jack_yaml_anchor(const yaml_event_t *event) {
    switch (event->type) {
    case YAML_ALIAS_EVENT: return (const char *)event->data.alias.anchor;
    case YAML_SCALAR_EVENT: return (const char *)event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT: return (const char *)event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT: return (const char *)event->data.mapping_start.anchor;
    default: return 0;
    }
}

// The tag that is written in the document; NULL where there is none.
static inline const char *jack_yaml_tag(const yaml_event_t *event) {
    switch (event->type) {
    case YAML_SCALAR_EVENT: return (const char *)event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT: return (const char *)event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT: return (const char *)event->data.mapping_start.tag;
    default: return 0;
    }
}
