/*
 * Certificates we issue: a root for one role, perhaps an issuing CA between, and end certificates.
 * Who may have one is the caller's business (hq-cad's policy, hqctl init). P-256 with SHA-256,
 * random serial numbers, RFC 5280 extensions with the usage of the role, so that a box certificate
 * never serves as a server's. Pure; `now` is passed in. Any thread.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/tls/identity.h"

enum {
    TLS_HOSTS_MAX = 8,
    TLS_BOX_DAYS = 30,    /* a checkpoint's certificate */
    TLS_DAYS_MAX = 7300,  /* of any certificate */
    TLS_BACKDATE_S = 3600 /* a box's clock may run behind ours */
};

struct tls_issue_request {
    struct tls_identity identity;
    EVP_PKEY *public_key; /* borrowed */
    const char
        *hosts[TLS_HOSTS_MAX]; /* servers only: DNS names or IP addresses besides, NULL ends */
    struct wall_time now;
    int days; /* 1 .. TLS_DAYS_MAX */
};

/* A self-signed root named `common_name` that may sign end certificates only. X509_free is the
 * caller's. ERR_INVALID, ERR_NO_MEMORY. */
int tls_issue_root(EVP_PKEY *key, const char *common_name, struct wall_time now, int days,
                   X509 **out, struct err_text *err) MUST_CHECK;
/* The same, for a root that may also sign one level of issuing CAs: its key stays offline while the
 * issuing one serves. */
int tls_issue_upper_root(EVP_PKEY *key, const char *common_name, struct wall_time now, int days,
                         X509 **out, struct err_text *err) MUST_CHECK;
/* An issuing CA under an upper root, for end certificates only; never lives longer than its root.
 * `key` is the issuing CA's. X509_free is the caller's. ERR_INVALID, ERR_NO_MEMORY. */
int tls_issue_issuer(EVP_PKEY *root_key, const X509 *root, EVP_PKEY *key, const char *common_name,
                     struct wall_time now, int days, X509 **out, struct err_text *err) MUST_CHECK;
/* An end certificate; never lives longer than its root. X509_free is the caller's. ERR_INVALID. */
int tls_issue(EVP_PKEY *root_key, const X509 *root, const struct tls_issue_request *request,
              X509 **out, struct err_text *err) MUST_CHECK;
/* Whether this build accepts the key in a request: P-256, P-384 or Ed25519. ERR_UNSUPPORTED. */
int tls_key_kind_check(const EVP_PKEY *key, struct err_text *err) MUST_CHECK;
