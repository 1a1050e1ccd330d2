/*
 * Who a certificate speaks for: exactly one SAN URI of our own form.
 *
 *   urn:checkpoint:<id>                        a checkpoint's box
 *   urn:checkpoint-hq:<fleet>                  an HQ server
 *   urn:checkpoint-operator:<fleet>:<name>     a person at HQ
 *   urn:checkpoint-console:<name>              a checkpoint's console (its server)
 *   urn:checkpoint-tablet:<name>               a tablet paired with it
 *
 * <id>, <fleet> and <name> are 1-64 of a-z 0-9 - and begin and end with a letter or digit. Names in
 * the subject or in DNS entries mean nothing here. Pure, any thread.
 */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum {
    TLS_LABEL_SIZE = 65,        /* id, fleet or name, with its NUL */
    TLS_URN_SIZE = 160,         /* the longest URN, with its NUL */
    TLS_FINGERPRINT_SIZE = 32,  /* SHA-256 of the certificate's DER */
    TLS_CERT_FILE_MAX = 1 << 18 /* bytes of a PEM file */
};

enum tls_peer_kind {
    TLS_PEER_CHECKPOINT = 1,
    TLS_PEER_HQ = 2,
    TLS_PEER_OPERATOR = 3,
    TLS_PEER_CONSOLE = 4,
    TLS_PEER_TABLET = 5
};

struct tls_identity {
    enum tls_peer_kind kind;
    char fleet[TLS_LABEL_SIZE]; /* of HQ and its operators, "" for others */
    char name[TLS_LABEL_SIZE];  /* checkpoint id, operator's, console's or tablet's; "" for HQ */
};

/* Whether `text` may stand as id, fleet or name. */
bool tls_label_ok(const char *text);
/* ERR_INVALID for every text that is not exactly one of the forms. */
int tls_identity_parse(const char *urn, size_t size, struct tls_identity *out) MUST_CHECK;
/* The URN; ERR_INVALID when a label is not one. */
int tls_identity_format(const struct tls_identity *id, char out[TLS_URN_SIZE]) MUST_CHECK;
bool tls_identity_equal(const struct tls_identity *a, const struct tls_identity *b);
/* The identity a certificate names. ERR_INVALID: none, two, or a malformed one. */
int tls_identity_of(const X509 *certificate, struct tls_identity *out,
                    struct err_text *err) MUST_CHECK;

struct tls_cert_facts {
    struct tls_identity identity;
    struct wall_time not_before;
    struct wall_time not_after; /* last second it is good */
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
};

/* ERR_INVALID as tls_identity_of; ERR_NO_MEMORY. */
int tls_cert_facts_of(const X509 *certificate, struct tls_cert_facts *out,
                      struct err_text *err) MUST_CHECK;
/* Of the first certificate in a PEM file. ERR_NOT_FOUND, ERR_IO, ERR_INVALID. */
int tls_cert_file_facts(const char *path, struct tls_cert_facts *out,
                        struct err_text *err) MUST_CHECK;
/* When a certificate should be renewed: two thirds through its life. */
struct wall_time tls_cert_renew_at(const struct tls_cert_facts *facts);
