/*
 * TLS as this product speaks it: version 1.3 only, both sides show a certificate, no resumption, no
 * tickets, no early data (OpenSSL 3.0 accepts a revoked peer on a resumed session). Each trusted
 * root is bound to one kind of peer: a box root cannot vouch for an operator. A peer is its SAN URI
 * (identity.h), checked inside the handshake, before any byte of ours. A context is owned by its
 * creator (SSL_CTX_free) and may be used by several threads once it is complete.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "gateway/base/err.h"
#include "gateway/tls/identity.h"

enum {
    TLS_TRUST_MAX = 4,
    TLS_SECURITY_LEVEL = 2 /* of OpenSSL: RSA from 2048 bits, curves from 224, no SHA-1 */
};

struct tls_trust {
    const char *ca_file;     /* PEM, one or more roots */
    enum tls_peer_kind kind; /* what these roots may vouch for */
};

/* Told when a peer's certificate is refused, by the thread that runs the handshake. `why` is one
 * line of English. Must not block. */
typedef void (*tls_refused_cb)(void *ctx, const char *why);

struct tls_server_options {
    const char *cert_file; /* PEM chain */
    const char *key_file;  /* 0600 */
    /* The pair before, NULL: none. A client that names the roots it trusts (RFC 8446 section 4.2.4)
     * and not that of the pair above is shown this one if it names its root. */
    const char *before_cert_file;
    const char *before_key_file;
    struct tls_trust trust[TLS_TRUST_MAX];
    int trust_count;        /* 0: clients show no certificate (EST enrolment) */
    tls_refused_cb refused; /* may be NULL */
    void *refused_ctx;
};

/* ERR_DENIED (key file mode), ERR_NOT_FOUND, ERR_INVALID (key and certificate do not belong
 * together, a file that is none), ERR_NO_MEMORY; `err` names the file. */
int tls_server_create(const struct tls_server_options *options, SSL_CTX **out,
                      struct err_text *err) MUST_CHECK;

/* What a client learnt of a handshake that failed. */
struct tls_client_report {
    bool peer_refused;  /* we refused theirs; `why` says so */
    int alert_received; /* TLS alert description of the peer, 0 = none (RFC 8446 section 6) */
    int verify_error;   /* X509_V_ERR_…, 0 = none */
    char why[320];
};

struct tls_client_options {
    struct tls_identity peer;         /* who must answer: kind HQ and the fleet */
    struct tls_client_report *report; /* filled by the handshake's thread; may be NULL */
};

/* Completes a client context that already has its roots, certificate and key (libcurl's
 * CURLOPT_SSL_CTX_FUNCTION): hardens it and demands `peer`. `options` must outlive the context.
 * ERR_NO_MEMORY. */
int tls_client_setup(SSL_CTX *ctx, const struct tls_client_options *options) MUST_CHECK;

/* Certificate and identity of the peer of an established connection. ERR_DENIED without one. */
int tls_peer_facts(const SSL *ssl, struct tls_cert_facts *out, struct err_text *err) MUST_CHECK;
/* English for a TLS alert number ("certificate expired"). */
const char *tls_alert_text(int alert);
