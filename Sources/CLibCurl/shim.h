#include <curl/curl.h>

/* libcurl's setters and getters take any type after the option. Swift calls no variadic C function, so each type has its own name here. */

static inline CURLcode jack_curl_set_long(CURL *easy, CURLoption option, long value) { return (curl_easy_setopt)(easy, option, value); }

static inline CURLcode jack_curl_set_large(CURL *easy, CURLoption option, curl_off_t value) { return (curl_easy_setopt)(easy, option, value); }

/* libcurl copies the text. */
static inline CURLcode jack_curl_set_text(CURL *easy, CURLoption option, const char *value) { return (curl_easy_setopt)(easy, option, value); }

/* libcurl keeps the pointer. */
static inline CURLcode jack_curl_set_pointer(CURL *easy, CURLoption option, void *value) { return (curl_easy_setopt)(easy, option, value); }

static inline CURLcode jack_curl_set_headers(CURL *easy, struct curl_slist *list) { return (curl_easy_setopt)(easy, CURLOPT_HTTPHEADER, list); }

/* Takes pieces of a body (CURLOPT_WRITEFUNCTION) or lines of a head (CURLOPT_HEADERFUNCTION). */
static inline CURLcode jack_curl_set_receiver(CURL *easy, CURLoption option, size_t (*receive)(char *, size_t, size_t, void *)) {
    return (curl_easy_setopt)(easy, option, receive);
}

static inline CURLcode jack_curl_set_open_socket(CURL *easy, curl_socket_t (*open)(void *, curlsocktype, struct curl_sockaddr *)) {
    return (curl_easy_setopt)(easy, CURLOPT_OPENSOCKETFUNCTION, open);
}

static inline CURLcode jack_curl_set_before_request(CURL *easy, int (*check)(void *, char *, char *, int, int)) {
    return (curl_easy_setopt)(easy, CURLOPT_PREREQFUNCTION, check);
}

/* libcurl copies the bytes (CURL_BLOB_COPY). */
static inline CURLcode jack_curl_set_bytes(CURL *easy, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
    return (curl_easy_setopt)(easy, option, &blob);
}

static inline CURLcode jack_curl_get_socket(CURL *easy, curl_socket_t *value) { return (curl_easy_getinfo)(easy, CURLINFO_ACTIVESOCKET, value); }

static inline CURLcode jack_curl_get_pointer(CURL *easy, CURLINFO info, void **value) { return (curl_easy_getinfo)(easy, info, value); }

static inline CURLMcode jack_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) { return (curl_multi_setopt)(multi, option, value); }

/* The result is a member of a union, which Swift would see as raw bytes. */
static inline CURLcode jack_curl_message_result(const CURLMsg *message) { return message->data.result; }
