/*
 * A further person at headquarters: key, certificate under the console root and hqctl.yaml in a
 * folder of 'hqctl init'. hqd is told apart from this. Blocks; main thread.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hqctl/hq_client.h"
#include "gateway/hqctl/passphrase.h"

enum { PERSON_DAYS = 365, PERSON_NAME_MAX = 48 /* gateway/hq/hqd.h: HQ_PERSON_MAX */ };

struct person_options {
    const char *folder; /* of 'hqctl init', with secret/console-root.key.pem in it */
    const char *name;
    const struct hq_connection *connection; /* where hqd is, as the caller reaches it */
    struct passphrase_source passphrases;   /* asked: the CA keys' */
    struct wall_time now;
};

/* Writes operators/<name>/cert.pem.new and key.pem.new: an earlier certificate stays until
 * person_settle(). `out_fingerprint`: SHA-256 of the certificate. ERR_INVALID (name), ERR_DENIED
 * (passphrase), ERR_NOT_FOUND, ERR_FULL, ERR_IO. */
int person_make(const struct person_options *options, uint8_t out_fingerprint[TLS_FINGERPRINT_SIZE],
                struct err_text *err) MUST_CHECK;
/* What hqd said: the new files take their place with hqctl.yaml beside them, or are removed.
 * ERR_FULL, ERR_IO. */
int person_settle(const struct person_options *options, bool accepted,
                  struct err_text *err) MUST_CHECK;
