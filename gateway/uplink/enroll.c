/* See enroll.h. */
#include "gateway/uplink/enroll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/tls/est.h"
#include "gateway/tls/pem.h"

enum { ROOT_MODE = 0644, REQUEST_PATH_SIZE = 512 };

/* One request; the answer's body is what EST carries. */
static int ask(struct https_client *client, struct https_request *request, struct https_answer *out,
               struct err_text *err)
{
    request->answer_max = EST_ANSWER_MAX;
    int rc = https_client_send(client, request, out, err);
    if (rc != 0 || out->status == 200 || out->status == 202)
        return rc;
    int status = out->status;
    rc = https_answer_error(request, out, err);
    https_answer_free(out);
    if (status == 401)
        rc = err_set(err, ERR_DENIED,
                     "%s: the token was refused: wrong, used, expired, or of another checkpoint; "
                     "ask headquarters for a new one",
                     request->url);
    return rc;
}

static int url_of(const struct enroll_options *options, const char *operation,
                  char out[HTTPS_URL_SIZE], struct err_text *err)
{
    if (snprintf(out, HTTPS_URL_SIZE, "%s/%s", options->est_url, operation) >= HTTPS_URL_SIZE)
        return err_set(err, ERR_INVALID, "%s: address too long", options->est_url);
    return 0;
}

/* Asks until headquarters no longer holds the request for a person (202). */
static int ask_until_approved(struct https_client *client, const struct enroll_options *options,
                              struct https_request *request, struct https_answer *out,
                              struct err_text *err)
{
    int rc = ask(client, request, out, err);
    while (rc == 0 && out->status == 202) {
        int wait_s = out->retry_after_s;
        https_answer_free(out);
        if (wait_s < ENROLL_RETRY_MIN_S)
            wait_s = ENROLL_RETRY_MIN_S;
        if (wait_s > ENROLL_RETRY_MAX_S)
            wait_s = ENROLL_RETRY_MAX_S;
        if (!options->wait || !options->wait(options->wait_ctx, wait_s))
            return err_set(err, ERR_BUSY, "%s: headquarters has yet to approve the fingerprint",
                           request->url);
        rc = ask(client, request, out, err);
    }
    return rc;
}

/* The certificates an operation answers with. */
static int certificates_of(struct https_client *client, const struct enroll_options *options,
                           struct https_request *request, STACK_OF(X509) * *out,
                           struct err_text *err)
{
    struct https_answer answer = {0};
    int rc = ask_until_approved(client, options, request, &answer, err);
    if (rc != 0)
        return rc;
    rc = est_certificates_read(answer.body, answer.size, out, err);
    https_answer_free(&answer);
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", request->url);
}

static int fetch_roots(struct https_client *client, const struct enroll_options *options,
                       STACK_OF(X509) * *out, struct err_text *err)
{
    char url[HTTPS_URL_SIZE];
    struct https_request request = {.method = "GET", .url = url};
    int rc = url_of(options, "cacerts", url, err);
    return rc == 0 ? certificates_of(client, options, &request, out, err) : rc;
}

static int fetch_certificate(struct https_client *client, const struct enroll_options *options,
                             EVP_PKEY *key, const char *token, STACK_OF(X509) * *out,
                             struct err_text *err)
{
    char url[HTTPS_URL_SIZE];
    char *csr = NULL;
    struct tls_identity identity = {.kind = TLS_PEER_CHECKPOINT};
    (void)snprintf(identity.name, sizeof(identity.name), "%s",
                   options->own.checkpoint); /* judged by est_request_write */
    int rc = url_of(options, "simpleenroll", url, err);
    if (rc == 0)
        rc = est_request_write(key, &identity, &csr, err);
    if (rc != 0)
        return rc;
    struct https_request request = {.method = "POST",
                                    .url = url,
                                    .content_type = "application/pkcs10",
                                    .encoding = "base64",
                                    .body = csr,
                                    .body_size = strlen(csr),
                                    .user = options->own.checkpoint,
                                    .password = token};
    rc = certificates_of(client, options, &request, out, err);
    free(csr);
    return rc;
}

/* The pinned box root, or when the box has none yet what HQ names as such. */
static int roots_to_judge_by(const struct enroll_options *options, STACK_OF(X509) * *cacerts,
                             bool *out_new, struct err_text *err)
{
    STACK_OF(X509) *pinned = NULL;
    int rc = tls_file_certificates(options->own.box_root, &pinned, err);
    *out_new = rc == ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0) {
        sk_X509_pop_free(*cacerts, X509_free);
        *cacerts = pinned;
    }
    return rc;
}

static int install(const struct enroll_options *options, const STACK_OF(X509) * chain,
                   const STACK_OF(X509) * new_roots, const EVP_PKEY *key, struct err_text *err)
{
    char *pem = NULL;
    int rc = 0;
    if (new_roots) {
        rc = tls_pem_write_certificates(new_roots, &pem);
        if (rc == 0)
            rc = file_write_atomic(options->own.box_root, pem, strlen(pem), ROOT_MODE, err);
        free(pem);
    }
    return rc == 0 ? own_certificate_install(&options->own, chain, key, err) : rc;
}

static int request_path(const struct enroll_options *options, char out[REQUEST_PATH_SIZE],
                        struct err_text *err)
{
    if (snprintf(out, REQUEST_PATH_SIZE, "%s.request", options->own.key) >= REQUEST_PATH_SIZE)
        return err_set(err, ERR_INVALID, "%s: path too long", options->own.key);
    return 0;
}

int enroll_key(const struct enroll_options *options, EVP_PKEY **out,
               char out_fingerprint[ENROLL_FINGERPRINT_SIZE], struct err_text *err)
{
    char path[REQUEST_PATH_SIZE];
    char hex[2 * TLS_FINGERPRINT_SIZE + 1];
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    EVP_PKEY *key = NULL;
    int rc = request_path(options, path, err);
    if (rc == 0)
        rc = tls_key_file_read(path, &key, err);
    if (rc == ERR_NOT_FOUND) {
        rc = tls_key_create(&key, err);
        if (rc == 0)
            rc = tls_key_file_write(path, key, err);
    }
    if (rc == 0)
        rc = est_key_fingerprint(key, fingerprint);
    if (rc != 0) {
        EVP_PKEY_free(key);
        return rc;
    }
    hex_encode(fingerprint, sizeof(fingerprint), hex);
    (void)snprintf(out_fingerprint, ENROLL_FINGERPRINT_SIZE, "sha256:%s", hex); /* fits */
    *out = key;
    return 0;
}

/* The key has become the box's: the next enrolment makes one of its own. */
static void forget_request(const struct enroll_options *options)
{
    char path[REQUEST_PATH_SIZE];
    struct err_text err;
    if (request_path(options, path, &err) == 0)
        (void)unlink(path); /* one that stays asks again the next time */
}

int enroll(const struct enroll_options *options, EVP_PKEY *key, const char *token,
           struct wall_time *out_until, struct err_text *err)
{
    struct https_client *client = NULL;
    struct https_client_options https = {.root_file = options->hq_root, .fleet = options->fleet};
    STACK_OF(X509) *roots = NULL;
    STACK_OF(X509) *chain = NULL;
    bool new_roots = false;
    int rc = https_client_create(&https, &client, err);
    if (rc == 0)
        rc = fetch_roots(client, options, &roots, err);
    if (rc == 0)
        rc = roots_to_judge_by(options, &roots, &new_roots, err);
    if (rc == 0)
        rc = fetch_certificate(client, options, key, token, &chain, err);
    if (rc == 0) {
        own_certificate_first(chain, key);
        rc = own_certificate_judge(chain, roots, key, options->own.checkpoint,
                                   clock_wall(options->clock), out_until, err);
        if (rc != 0)
            rc = err_prefix(err, rc, "the certificate headquarters issued");
    }
    if (rc == 0)
        rc = install(options, chain, new_roots ? roots : NULL, key, err);
    if (rc == 0)
        forget_request(options);
    sk_X509_pop_free(chain, X509_free);
    sk_X509_pop_free(roots, X509_free);
    https_client_destroy(client);
    return rc;
}
