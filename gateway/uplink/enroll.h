/*
 * First certificate of a box: EST (RFC 7030) cacerts and simpleenroll against a one-time token. The
 * key is made here and never leaves; its fingerprint is shown, and headquarters issues nothing
 * until a person there approved it. It waits as <key>.request, so that an interrupted enrolment
 * goes on with the same one. Nothing is installed that is not exactly what was asked for. Blocks.
 */
#pragma once

#include "gateway/uplink/channel.h"

enum {
    ENROLL_TOKEN_MAX = 256,       /* bytes */
    ENROLL_FINGERPRINT_SIZE = 72, /* "sha256:" and 64 hex digits, with the NUL */
    ENROLL_RETRY_MIN_S = 1,
    ENROLL_RETRY_MAX_S = 60
};

struct enroll_options {
    const char *est_url; /* https://host:port/.well-known/est */
    const char *hq_root; /* the server is checked against it */
    const char *fleet;
    struct own_files own; /* where to; a box root that is not there yet is installed from cacerts */
    const struct clock_source *clock;
    /* Headquarters holds the request: asked again when this returns true. NULL: not waited for. */
    bool (*wait)(void *wait_ctx, int retry_after_s);
    void *wait_ctx;
};

/* The key that asks, made when there is none yet, and its fingerprint as people compare it.
 * EVP_PKEY_free is the caller's. ERR_DENIED (file mode), ERR_INVALID, ERR_FULL, ERR_IO. */
int enroll_key(const struct enroll_options *options, EVP_PKEY **out,
               char out_fingerprint[ENROLL_FINGERPRINT_SIZE], struct err_text *err) MUST_CHECK;

/* `key` is enroll_key's. ERR_DENIED (token refused; server refused; the certificate is not what was
 * asked for), ERR_BUSY (headquarters issues none now), ERR_IO, ERR_TIMEOUT, ERR_INVALID, ERR_FULL;
 * `err` says what to do. *out_until: when the certificate ends. */
int enroll(const struct enroll_options *options, EVP_PKEY *key, const char *token,
           struct wall_time *out_until, struct err_text *err) MUST_CHECK;
