/*
 * See ca.h.
 */
#include "gateway/hq/ca.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/tls/est.h"
#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

struct hq_ca {
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* the issuing certificate first */
};

int hq_ca_open(const char *cert_file, const char *key_file, struct hq_ca **out,
               struct err_text *err)
{
    struct hq_ca *ca = calloc(1, sizeof(*ca));
    int rc = ca ? tls_file_certificates(cert_file, &ca->chain, err) : ERR_NO_MEMORY;
    if (rc == 0)
        rc = tls_key_file_read(key_file, &ca->key, err);
    if (rc == 0 && X509_check_ca(sk_X509_value(ca->chain, 0)) != 1)
        rc = err_set(err, ERR_INVALID, "%s: no CA certificate", cert_file);
    if (rc == 0 && X509_check_private_key(sk_X509_value(ca->chain, 0), ca->key) != 1)
        rc = tls_error(err, ERR_INVALID, key_file);
    if (rc != 0) {
        hq_ca_close(ca);
        return rc;
    }
    *out = ca;
    return 0;
}

void hq_ca_close(struct hq_ca *ca)
{
    if (!ca)
        return;
    EVP_PKEY_free(ca->key); /* OpenSSL wipes it */
    sk_X509_pop_free(ca->chain, X509_free);
    free(ca);
}

/* The request's key, when it asks for nothing but `checkpoint`. */
static int read_request(const char *text, const char *checkpoint, X509_REQ **out,
                        struct err_text *err)
{
    struct tls_identity asked;
    X509_REQ *request = NULL;
    int rc = est_request_read(text, strlen(text), &request, err);
    if (rc != 0)
        return rc;
    rc = est_request_identity(request, &asked, err);
    if (rc == ERR_NOT_FOUND)
        rc = 0;
    else if (rc == 0 && (asked.kind != TLS_PEER_CHECKPOINT || strcmp(asked.name, checkpoint) != 0))
        rc = err_set(err, ERR_DENIED, "the request names another peer than %s", checkpoint);
    if (rc != 0) {
        X509_REQ_free(request);
        return rc;
    }
    *out = request;
    return 0;
}

/* `leaf` and the CA's certificates, but no root. */
static int write_chain(const struct hq_ca *ca, X509 *leaf, char **out)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    int rc = chain && sk_X509_push(chain, leaf) > 0 ? 0 : ERR_NO_MEMORY;
    for (int i = 0; rc == 0 && i < sk_X509_num(ca->chain); i++) {
        X509 *one = sk_X509_value(ca->chain, i);
        if (!(X509_get_extension_flags(one) & EXFLAG_SS) && sk_X509_push(chain, one) <= 0)
            rc = ERR_NO_MEMORY;
    }
    if (rc == 0)
        rc = tls_pem_write_certificates(chain, out);
    sk_X509_free(chain);
    return rc;
}

int hq_ca_sign(struct hq_ca *ca, const char *request, const char *checkpoint, struct wall_time now,
               char **out_pem, struct err_text *err)
{
    X509_REQ *csr = NULL;
    X509 *leaf = NULL;
    struct tls_issue_request issue = {
        .identity = {.kind = TLS_PEER_CHECKPOINT}, .now = now, .days = TLS_BOX_DAYS};
    if (!tls_label_ok(checkpoint))
        return err_set(err, ERR_INVALID, "checkpoint: expected 1 to 64 of a-z 0-9 -");
    memcpy(issue.identity.name, checkpoint, strlen(checkpoint) + 1);
    int rc = read_request(request, checkpoint, &csr, err);
    if (rc != 0)
        return rc;
    issue.public_key = X509_REQ_get0_pubkey(csr);
    rc = tls_issue(ca->key, sk_X509_value(ca->chain, 0), &issue, &leaf, err);
    if (rc == 0)
        rc = write_chain(ca, leaf, out_pem);
    X509_free(leaf);
    X509_REQ_free(csr);
    return rc;
}

static json_t *refusal(const char *code, const char *en)
{
    log_event(EVENT_HQ_ISSUE_REFUSED, "reason=\"%s\"", en);
    return json_pack("{s:{s:s,s:s,s:s}}", "error", "code", code, "en", en, "zh", "证书申请被拒绝");
}

json_t *hq_ca_answer(struct hq_ca *ca, const json_t *request, struct wall_time now)
{
    struct err_text err = {""};
    const char *csr = json_string_value(json_object_get(request, "csr"));
    const char *checkpoint = json_string_value(json_object_get(request, "checkpoint"));
    char *pem = NULL;
    if (!csr || !checkpoint || json_object_size(request) != 2)
        return refusal("bad_request", "expected csr and checkpoint");
    int rc = hq_ca_sign(ca, csr, checkpoint, now, &pem, &err);
    if (rc != 0)
        return refusal("refused", err.text[0] ? err.text : err_name(rc));
    log_event(EVENT_HQ_ISSUED, "checkpoint=%s", checkpoint);
    json_t *answer = json_pack("{s:s}", "chain", pem);
    free(pem);
    return answer;
}
