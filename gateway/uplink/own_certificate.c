/*
 * See own_certificate.h. Two files cannot be renamed at once: the new key waits as <key>.new until
 * the certificate is in place; a certificate whose key is the waiting one says what is to be done.
 */
#include "gateway/uplink/own_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/tls/identity.h"
#include "gateway/tls/pem.h"

enum { OWN_PATH_SIZE = 512, CERTIFICATE_MODE = 0644 };

static int waiting_path(const struct own_files *files, char out[OWN_PATH_SIZE],
                        struct err_text *err)
{
    if (snprintf(out, OWN_PATH_SIZE, "%s.new", files->key) >= OWN_PATH_SIZE)
        return err_set(err, ERR_INVALID, "%s: path too long", files->key);
    return 0;
}

/* Renames durably. */
static int put_in_place(const char *from, const char *to, struct err_text *err)
{
    char folder[OWN_PATH_SIZE];
    if (rename(from, to) != 0)
        return err_set(err, ERR_IO, "%s: %s", to, strerror(errno));
    (void)snprintf(folder, sizeof(folder), "%s", to); /* paths of this size are refused before */
    char *slash = strrchr(folder, '/');
    if (slash)
        *(slash == folder ? slash + 1 : slash) = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : err_set(err, ERR_IO, "%s: %s", to, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

/* ---- judging ---- */

static int check_chain(const STACK_OF(X509) * chain, const STACK_OF(X509) * roots,
                       struct wall_time now, struct err_text *err)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int rc = store && ctx ? 0 : tls_error(err, ERR_NO_MEMORY, "certificate");
    for (int i = 0; rc == 0 && i < sk_X509_num(roots); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(roots, i)) != 1)
            rc = tls_error(err, ERR_NO_MEMORY, "certificate");
    if (rc == 0 && X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0),
                                       (STACK_OF(X509) *)(uintptr_t)chain) != 1)
        rc = tls_error(err, ERR_NO_MEMORY, "certificate");
    if (rc == 0) {
        X509_STORE_CTX_set_time(ctx, 0, (time_t)(now.ms / 1000));
        (void)X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT); /* a fixed, known one */
        if (X509_verify_cert(ctx) != 1)
            rc = err_set(err, ERR_DENIED, "does not chain to the box root: %s",
                         X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return rc;
}

static int check_times(const struct tls_cert_facts *facts, struct wall_time now,
                       struct err_text *err)
{
    char at[WALL_TEXT_SIZE];
    if (now.ms > facts->not_after.ms) {
        wall_format(facts->not_after, at);
        return err_set(err, ERR_STALE, "expired at %s", at);
    }
    if (now.ms < facts->not_before.ms) {
        wall_format(facts->not_before, at);
        return err_set(err, ERR_STALE, "not valid before %s: is the clock right?", at);
    }
    return 0;
}

int own_certificate_judge(const STACK_OF(X509) * chain, const STACK_OF(X509) * roots, EVP_PKEY *key,
                          const char *checkpoint, struct wall_time now, struct wall_time *out_until,
                          struct err_text *err)
{
    struct tls_cert_facts facts;
    X509 *own = sk_X509_value(chain, 0);
    int rc = own ? tls_cert_facts_of(own, &facts, err) : err_set(err, ERR_INVALID, "empty");
    if (rc == 0 && (facts.identity.kind != TLS_PEER_CHECKPOINT ||
                    strcmp(facts.identity.name, checkpoint) != 0))
        rc = err_set(err, ERR_DENIED, "is of '%s', expected checkpoint '%s'",
                     facts.identity.kind == TLS_PEER_CHECKPOINT ? facts.identity.name
                                                                : "no checkpoint",
                     checkpoint);
    if (rc == 0 && X509_check_private_key(own, key) != 1) {
        ERR_clear_error();
        rc = err_set(err, ERR_INVALID, "does not belong to the key");
    }
    if (rc == 0)
        rc = check_times(&facts, now, err);
    if (rc == 0 && roots)
        rc = check_chain(chain, roots, now, err);
    if (rc == 0)
        *out_until = facts.not_after;
    return rc;
}

/* ---- in place ---- */

static bool is_pair(const struct own_files *files, const char *key_path)
{
    EVP_PKEY *key = NULL;
    STACK_OF(X509) *chain = NULL;
    struct err_text ignored; /* whichever is missing: no pair */
    bool pair = tls_key_file_read(key_path, &key, &ignored) == 0 &&
                tls_file_certificates(files->certificate, &chain, &ignored) == 0 &&
                X509_check_private_key(sk_X509_value(chain, 0), key) == 1;
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return pair;
}

/* The waiting key becomes the key. Several threads may find that to be done: one does it. */
static int take_waiting(const struct own_files *files, const char *waiting, struct err_text *err)
{
    int rc = put_in_place(waiting, files->key, err);
    return rc != 0 && is_pair(files, files->key) ? 0 : rc;
}

static int complete_install(const struct own_files *files, struct err_text *err)
{
    char waiting[OWN_PATH_SIZE];
    int rc = waiting_path(files, waiting, err);
    if (rc == 0 && access(waiting, F_OK) == 0 && !is_pair(files, files->key) &&
        is_pair(files, waiting))
        rc = take_waiting(files, waiting, err);
    return rc;
}

static int read_roots(const char *path, STACK_OF(X509) * *out, struct err_text *err)
{
    int rc = tls_file_certificates(path, out, err);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

int own_certificate_check(const struct own_files *files, struct wall_time now,
                          struct wall_time *out_until, struct err_text *err)
{
    EVP_PKEY *key = NULL;
    STACK_OF(X509) *chain = NULL;
    STACK_OF(X509) *roots = NULL;
    int rc = complete_install(files, err);
    if (rc == 0)
        rc = tls_file_certificates(files->certificate, &chain, err);
    if (rc == 0)
        rc = tls_key_file_read(files->key, &key, err);
    if (rc == 0)
        rc = read_roots(files->box_root, &roots, err);
    if (rc == 0) {
        rc = own_certificate_judge(chain, roots, key, files->checkpoint, now, out_until, err);
        if (rc != 0)
            rc = err_prefix(err, rc, "%s", files->certificate);
    }
    sk_X509_pop_free(roots, X509_free);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    return rc;
}

void own_certificate_first(STACK_OF(X509) * chain, EVP_PKEY *key)
{
    for (int i = 1; i < sk_X509_num(chain); i++)
        if (X509_check_private_key(sk_X509_value(chain, i), key) == 1)
            (void)sk_X509_unshift(chain, sk_X509_delete(chain, i)); /* there is room: one left */
    ERR_clear_error();
}

int own_certificate_install(const struct own_files *files, const STACK_OF(X509) * chain,
                            const EVP_PKEY *key, struct err_text *err)
{
    char waiting[OWN_PATH_SIZE];
    char *pem = NULL;
    int rc = waiting_path(files, waiting, err);
    if (rc == 0)
        rc = tls_pem_write_certificates(chain, &pem);
    if (rc == 0)
        rc = tls_key_file_write(waiting, key, err);
    if (rc == 0)
        rc = file_write_atomic(files->certificate, pem, strlen(pem), CERTIFICATE_MODE, err);
    if (rc == 0)
        rc = take_waiting(files, waiting, err);
    free(pem);
    return rc;
}
