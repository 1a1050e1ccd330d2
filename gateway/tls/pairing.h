/*
 * What pairs a tablet with a console: a code typed once on the tablet, and the tablet's key and
 * certificate, locked with a password, laid in a folder under the hash of the code. Who can read
 * the folder learns neither the code nor the key. Any thread; files block on the disk.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/tls/identity.h"

enum {
    PAIRING_CODE_SIZE = 13,     /* "XXXX-XXXX-XX", 50 bits */
    PAIRING_PASSWORD_SIZE = 20, /* "XXXX-XXXX-XXXX-XXXX", 80 bits */
    PAIRING_NAME_SIZE = 65,     /* of the file: 64 hex digits and a NUL */
    PAIRING_LIFE_S = 15 * 60,
    PAIRING_BUNDLE_MAX = 16 << 10,
    PAIRING_TABLET_SIZE = 32, /* bytes of a tablet's name with its NUL */
    PAIRING_DAYS = 730        /* a tablet's certificate */
};

/* Random, of letters and digits that are not mistaken for one another. ERR_IO. */
int pairing_make_code(char out[PAIRING_CODE_SIZE]) MUST_CHECK;
int pairing_make_password(char out[PAIRING_PASSWORD_SIZE]) MUST_CHECK;
/* The name of the file a code stands for; blanks, hyphens and the case of letters do not count.
 * False: no code. */
bool pairing_file_name(const char *code, char out[PAIRING_NAME_SIZE]);

/* Whether a tablet may be called so: a label of identity.h, below PAIRING_TABLET_SIZE. */
bool pairing_tablet_ok(const char *name);
/* A new key, its certificate from `ca` and both as PKCS#12 (AES-256, PBKDF2) under `password`;
 * *out is heap memory, wiped and freed by the caller. The key is nowhere else. ERR_INVALID,
 * ERR_NO_MEMORY. */
int pairing_make_bundle(const char *tablet, EVP_PKEY *ca_key, X509 *ca, struct wall_time now,
                        const char *password, uint8_t **out, size_t *out_size,
                        uint8_t out_fingerprint[TLS_FINGERPRINT_SIZE],
                        struct err_text *err) MUST_CHECK;

/* Takes the bundle of a code out of the folder, once: it is gone from there. *out is heap memory.
 * ERR_NOT_FOUND: no such code, used, or older than PAIRING_LIFE_S; ERR_IO. */
int pairing_take(const char *folder, const char *code, struct wall_time now, uint8_t **out,
                 size_t *out_size) MUST_CHECK;
/* Deletes what nobody fetched in time. */
void pairing_sweep(const char *folder, struct wall_time now);
