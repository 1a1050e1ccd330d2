/*
 * What stands in a request's head, judged: which host it was for, whose page sent it, whose session
 * it is, from where a stream goes on. Strict: what is not exactly of the form is not there. Pure,
 * any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REQUEST_TOKEN_SIZE = 65, /* 64 hex digits and a NUL */
    REQUEST_EPOCH_SIZE = 17, /* 16 hex digits and a NUL */
    REQUEST_SHA_SIZE = 65,
    REQUEST_HIT_SIZE = 65,
    REQUEST_COOKIE_MAX = 4096,
    REQUEST_CSRF_SIZE = 65
};

#define REQUEST_COOKIE_NAME "__Host-token"

/* The session's token from a Cookie header (NULL: none). False without one, with two, or one that
 * is not 64 lower-case hex digits. */
bool request_token(const char *cookie, char out[REQUEST_TOKEN_SIZE]);
/* Whether a Host header ("name", "name:port", "[::1]:8443") names one of the hosts; letters in
 * either case, any port. */
bool request_host_allowed(const char *host, const char *const *hosts, size_t count);
/* Whether an Origin header is this very host and port over https. */
bool request_same_origin(const char *origin, const char *host);
/* hex(HMAC-SHA256(token, "csrf")): what a page must send with each act. False without memory. */
bool request_csrf(const char *token, char out[REQUEST_CSRF_SIZE]);
bool request_csrf_fits(const char *token, const char *header);

/* "<epoch>-<number>" */
struct stream_id {
    char epoch[REQUEST_EPOCH_SIZE];
    uint64_t number;
};
bool request_stream_id(const char *text, struct stream_id *out);

/* "/api/hits/<hit>/pictures" or "/api/hits/<hit>/pictures/<sha256>"; `sha` is "" for the first. A
 * hit's name is 1 to 64 of letters, digits, '-', '_', '.', ':'. */
bool request_picture_path(const char *path, char hit[REQUEST_HIT_SIZE], char sha[REQUEST_SHA_SIZE]);

/* Whether a request's lines end as they must: fed with the bytes of its head one after another.
 * `end` counts the line ends in a row. */
struct head_scan {
    char before;
    uint8_t line_ends;
    bool bare;  /* a line feed without its carriage return was seen */
    bool whole; /* the empty line was seen: what follows is the body */
};
void head_scan_add(struct head_scan *scan, const char *bytes, size_t size);
