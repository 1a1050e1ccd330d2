/*
 * The box's own certificate and key: checked before anything is sent, so that a wrong one is named
 * here and not guessed from a broken handshake, and put in place as a pair. Blocks on the disk; no
 * state.
 */
#pragma once

#include <openssl/x509.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

struct own_files {
    const char *certificate; /* PEM chain */
    const char *key;         /* 0600 */
    const char *box_root;    /* PEM: what it must chain to; a file that is not there is no check */
    const char *checkpoint;  /* id it must name */
};

/* Whether the pair in place may speak for the checkpoint at `now`; *out_until: its last second.
 * First completes an installation that a power cut interrupted. ERR_NOT_FOUND (not enrolled),
 * ERR_DENIED (another checkpoint's, foreign root, key file mode), ERR_STALE (expired or not yet
 * valid), ERR_INVALID (not a pair, not PEM), ERR_IO. */
int own_certificate_check(const struct own_files *files, struct wall_time now,
                          struct wall_time *out_until, struct err_text *err) MUST_CHECK;
/* The same of certificates in memory, `chain` beginning with the box's own; `roots` NULL: no chain
 * is checked. */
int own_certificate_judge(const STACK_OF(X509) * chain, const STACK_OF(X509) * roots, EVP_PKEY *key,
                          const char *checkpoint, struct wall_time now, struct wall_time *out_until,
                          struct err_text *err) MUST_CHECK;
/* The certificate of `key` to the front: PKCS#7 promises no order. */
void own_certificate_first(STACK_OF(X509) * chain, EVP_PKEY *key);
/* Puts both in place so that after a power cut at any moment the old pair or the new one is there.
 * ERR_FULL, ERR_IO, ERR_NO_MEMORY. */
int own_certificate_install(const struct own_files *files, const STACK_OF(X509) * chain,
                            const EVP_PKEY *key, struct err_text *err) MUST_CHECK;
