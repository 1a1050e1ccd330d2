/*
 * See person.h. No state.
 */
#include "gateway/hqctl/person.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/hqctl/key_store.h"
#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

enum { NAME_SIZE = 128 };

/* The console root: its certificate, and its key under the passphrase asked for. */
static int open_root(const struct person_options *o, X509 **out_root, EVP_PKEY **out_key,
                     struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    char passphrase[PASSPHRASE_SIZE] = "";
    STACK_OF(X509) *roots = NULL;
    int rc = key_store_path(path, o->folder, "ca/console-root.pem", err);
    if (rc == 0)
        rc = tls_file_certificates(path, &roots, err);
    if (rc == 0)
        rc = key_store_path(path, o->folder, "secret/console-root.key.pem", err);
    if (rc == 0)
        rc = passphrase_read(&o->passphrases, "the console root's key (CA keys)", passphrase, err);
    if (rc == 0)
        rc = tls_key_file_read_locked(path, passphrase, out_key, err);
    explicit_bzero(passphrase, sizeof(passphrase));
    *out_root = rc == 0 ? sk_X509_shift(roots) : NULL;
    sk_X509_pop_free(roots, X509_free);
    return rc;
}

static int issue(const struct person_options *o, X509 *root, EVP_PKEY *root_key, EVP_PKEY *key,
                 X509 **out, struct err_text *err)
{
    struct tls_issue_request request = {.identity = {.kind = TLS_PEER_OPERATOR},
                                        .public_key = key,
                                        .now = o->now,
                                        .days = PERSON_DAYS};
    (void)snprintf(request.identity.fleet, sizeof(request.identity.fleet), "%s",
                   o->connection->fleet); /* checked with the configuration */
    (void)snprintf(request.identity.name, sizeof(request.identity.name), "%s",
                   o->name); /* checked */
    return tls_issue(root_key, root, &request, out, err);
}

static void put_yaml(FILE *to, const char *key, const char *value)
{
    fprintf(to, "%s: \"", key);
    for (const char *c = value; *c; c++)
        fprintf(to, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
    fputs("\"\n", to);
}

static int write_yaml(const struct person_options *o, const char *folder, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return ERR_NO_MEMORY;
    fputs("# hqctl's connection; copy it with its files to ~/.config/hqctl.yaml of its person.\n",
          to);
    put_yaml(to, "hq", o->connection->hq);
    put_yaml(to, "hq_root", o->connection->hq_root);
    put_yaml(to, "fleet", o->connection->fleet);
    int rc = key_store_path(path, folder, "cert.pem", err);
    if (rc == 0)
        put_yaml(to, "certificate", path);
    if (rc == 0)
        rc = key_store_path(path, folder, "key.pem", err);
    if (rc == 0)
        put_yaml(to, "key", path);
    bool broken = (ferror(to) | fclose(to)) != 0;
    if (rc == 0 && broken)
        rc = ERR_NO_MEMORY;
    if (rc == 0)
        rc = key_store_path(path, folder, "hqctl.yaml", err);
    if (rc == 0)
        rc = file_write_atomic(path, text, size, 0600, err);
    free(text);
    return rc;
}

/* operators/<name> as an absolute path: hqctl.yaml wants such ones. */
static int find_folder(const struct person_options *o, char out[KEY_STORE_PATH_SIZE],
                       struct err_text *err)
{
    char name[NAME_SIZE];
    char *real = realpath(o->folder, NULL);
    (void)snprintf(name, sizeof(name), "operators/%s", o->name); /* a label fits */
    int rc = real ? key_store_path(out, real, name, err)
                  : err_set(err, ERR_NOT_FOUND, "%s: %s", o->folder, strerror(errno));
    free(real);
    return rc;
}

static int write_files(const struct person_options *o, const EVP_PKEY *key, const X509 *certificate,
                       struct err_text *err)
{
    char folder[KEY_STORE_PATH_SIZE];
    char path[KEY_STORE_PATH_SIZE];
    char *pem = NULL;
    int rc = find_folder(o, folder, err);
    if (rc == 0 && mkdir(folder, 0700) != 0 && errno != EEXIST)
        rc = err_set(err, ERR_IO, "%s: %s", folder, strerror(errno));
    if (rc == 0)
        rc = tls_pem_write_certificate(certificate, &pem);
    if (rc == 0)
        rc = key_store_path(path, folder, "key.pem.new", err);
    if (rc == 0)
        rc = tls_key_file_write(path, key, err);
    if (rc == 0)
        rc = key_store_path(path, folder, "cert.pem.new", err);
    if (rc == 0)
        rc = file_write_atomic(path, pem, strlen(pem), 0644, err);
    free(pem);
    return rc;
}

/* "<file>.new" to its place, or away. */
static int settle_file(const char *folder, const char *file, bool accepted, struct err_text *err)
{
    char name[NAME_SIZE];
    char from[KEY_STORE_PATH_SIZE];
    char to[KEY_STORE_PATH_SIZE];
    (void)snprintf(name, sizeof(name), "%s.new", file); /* fits */
    int rc = key_store_path(from, folder, name, err);
    if (rc == 0)
        rc = key_store_path(to, folder, file, err);
    if (rc == 0 && (accepted ? rename(from, to) : unlink(from)) != 0)
        rc = err_set(err, ERR_IO, "%s: %s", from, strerror(errno));
    return rc;
}

int person_settle(const struct person_options *o, bool accepted, struct err_text *err)
{
    char folder[KEY_STORE_PATH_SIZE];
    int rc = find_folder(o, folder, err);
    if (rc == 0)
        rc = settle_file(folder, "key.pem", accepted, err);
    if (rc == 0)
        rc = settle_file(folder, "cert.pem", accepted, err);
    if (rc == 0 && accepted)
        return write_yaml(o, folder, err);
    if (rc == 0)
        (void)rmdir(folder); /* it stays with an earlier certificate in it */
    return rc;
}

int person_make(const struct person_options *o, uint8_t out_fingerprint[TLS_FINGERPRINT_SIZE],
                struct err_text *err)
{
    struct tls_cert_facts facts;
    X509 *root = NULL;
    X509 *certificate = NULL;
    EVP_PKEY *root_key = NULL;
    EVP_PKEY *key = NULL;
    if (!tls_label_ok(o->name) || strlen(o->name) > PERSON_NAME_MAX)
        return err_set(err, ERR_INVALID, "NAME = '%.80s': expected 1 to %d of a-z 0-9 -", o->name,
                       PERSON_NAME_MAX);
    int rc = open_root(o, &root, &root_key, err);
    if (rc == 0)
        rc = tls_key_create(&key, err);
    if (rc == 0)
        rc = issue(o, root, root_key, key, &certificate, err);
    if (rc == 0)
        rc = tls_cert_facts_of(certificate, &facts, err);
    if (rc == 0)
        rc = write_files(o, key, certificate, err);
    if (rc == 0)
        memcpy(out_fingerprint, facts.fingerprint, TLS_FINGERPRINT_SIZE);
    X509_free(certificate);
    EVP_PKEY_free(key);
    X509_free(root);
    EVP_PKEY_free(root_key);
    return rc;
}
