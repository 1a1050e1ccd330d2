/*
 * First certificate of a box: EST (RFC 7030) cacerts and simpleenroll against a one-time token. The
 * key is made here and never leaves. Nothing is installed that is not exactly what was asked for.
 * Blocks.
 */
#pragma once

#include "gateway/uplink/channel.h"

enum { ENROLL_TOKEN_MAX = 256 /* bytes */ };

struct enroll_options {
    const char *est_url; /* https://host:port/.well-known/est */
    const char *hq_root; /* the server is checked against it */
    const char *fleet;
    struct own_files own; /* where to; a box root that is not there yet is installed from cacerts */
    const struct clock_source *clock;
};

/* ERR_DENIED (token refused; server refused; the certificate is not what was asked for), ERR_BUSY
 * (headquarters issues none now), ERR_IO, ERR_TIMEOUT, ERR_INVALID, ERR_FULL; `err` says what to
 * do. *out_until: when the certificate ends. */
int enroll(const struct enroll_options *options, const char *token, struct wall_time *out_until,
           struct err_text *err) MUST_CHECK;
