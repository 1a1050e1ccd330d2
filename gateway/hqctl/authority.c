/*
 * See authority.h. No state.
 */
#include "gateway/hqctl/authority.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/signed/servers.h"
#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

enum {
    NAME_SIZE = 160,
    ROOT_DAYS = 7300,
    ISSUING_DAYS = 1825,
    SERVER_DAYS = 397,
    PUBLIC_MODE = 0644
};

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

static void authority_fini(struct authority *a)
{
    EVP_PKEY_free(a->key);
    X509_free(a->certificate);
}

/* ---- files of the folder ---- */

static int read_certificates(const char *folder, const char *name, STACK_OF(X509) * *out,
                             struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    int rc = key_store_path(path, folder, name, err);
    return rc == 0 ? tls_file_certificates(path, out, err) : rc;
}

static int put_certificates(const char *folder, const char *name, const STACK_OF(X509) * list,
                            struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    char *pem = NULL;
    int rc = key_store_path(path, folder, name, err);
    if (rc == 0)
        rc = tls_pem_write_certificates(list, &pem);
    if (rc == 0)
        rc = file_write_atomic(path, pem, strlen(pem), PUBLIC_MODE, err);
    free(pem);
    return rc;
}

static int put_one(const char *folder, const char *name, X509 *certificate, struct err_text *err)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    int rc = list && sk_X509_push(list, certificate) > 0 ? put_certificates(folder, name, list, err)
                                                         : ERR_NO_MEMORY;
    sk_X509_free(list);
    return rc;
}

/* "<folder>/<name>" becomes "<folder>/<name><ending>"; one that is not there is fine. */
static int move(const char *folder, const char *name, const char *ending, struct err_text *err)
{
    char from[KEY_STORE_PATH_SIZE];
    char to[KEY_STORE_PATH_SIZE];
    char other[NAME_SIZE];
    (void)snprintf(other, sizeof(other), "%s%s", name, ending); /* fits: names are ours */
    int rc = key_store_path(from, folder, name, err);
    if (rc == 0)
        rc = key_store_path(to, folder, other, err);
    if (rc == 0 && rename(from, to) != 0 && errno != ENOENT)
        rc = err_set(err, ERR_IO, "%s: %s", to, strerror(errno));
    return rc;
}

static int drop(const char *folder, const char *name, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    int rc = key_store_path(path, folder, name, err);
    return rc == 0 && unlink(path) != 0 && errno != ENOENT
               ? err_set(err, ERR_IO, "%s: %s", path, strerror(errno))
               : rc;
}

static int put_key(const char *folder, const char *name, const EVP_PKEY *key,
                   const char *passphrase, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    int rc = key_store_path(path, folder, name, err);
    if (rc != 0)
        return rc;
    return passphrase ? tls_key_file_write_locked(path, key, passphrase, err)
                      : tls_key_file_write(path, key, err);
}

static void old_ending(struct wall_time now, char out[32])
{
    (void)snprintf(out, 32, ".old-%" PRId64, now.ms); /* fits */
}

static int ask_ca(const struct set_source *source, char out[PASSPHRASE_SIZE], struct err_text *err)
{
    return passphrase_read(&source->passphrases, "CA keys", out, err);
}

/* Roots are told apart by their names: a client says by name which one it trusts. */
static void name_root(const char *fleet, const char *what, struct wall_time now,
                      char out[NAME_SIZE])
{
    char at[WALL_TEXT_SIZE];
    wall_format(now, at);
    (void)snprintf(out, NAME_SIZE, "%.64s %s %.19s", fleet, what, at); /* fits */
}

/* ---- the issuing CA ---- */

static int open_box_root(const char *folder, const char *passphrase, struct authority *out,
                         struct err_text *err)
{
    STACK_OF(X509) *list = NULL;
    char path[KEY_STORE_PATH_SIZE];
    int rc = read_certificates(folder, "ca/box-root.pem", &list, err);
    if (rc == 0)
        out->certificate = sk_X509_shift(list);
    sk_X509_pop_free(list, X509_free);
    if (rc == 0)
        rc = key_store_path(path, folder, "secret/box-root.key.pem", err);
    return rc == 0 ? tls_key_file_read_locked(path, passphrase, &out->key, err) : rc;
}

static int place_issuing(const struct set_source *source, const struct authority *issuing,
                         struct err_text *err)
{
    char ending[32];
    old_ending(source->now, ending);
    int rc = move(source->folder, "ca/box-issuing.key.pem", ending, err);
    if (rc == 0)
        rc = move(source->folder, "ca/box-issuing.pem", ending, err);
    if (rc == 0)
        rc = put_key(source->folder, "ca/box-issuing.key.pem", issuing->key, NULL, err);
    return rc == 0 ? put_one(source->folder, "ca/box-issuing.pem", issuing->certificate, err) : rc;
}

int authority_rotate_issuing(const struct set_source *source, struct err_text *err)
{
    struct set_edit edit;
    struct authority root = {0};
    struct authority issuing = {0};
    char passphrase[PASSPHRASE_SIZE] = "";
    char name[NAME_SIZE];
    int rc = set_edit_begin(source, &edit, err); /* for the fleet's name */
    if (rc == 0)
        rc = ask_ca(source, passphrase, err);
    if (rc == 0)
        rc = open_box_root(source->folder, passphrase, &root, err);
    if (rc == 0)
        rc = tls_key_create(&issuing.key, err);
    if (rc == 0) {
        name_root(edit.set->fleet, "box issuing CA", source->now, name);
        rc = tls_issue_issuer(root.key, root.certificate, issuing.key, name, source->now,
                              ISSUING_DAYS, &issuing.certificate, err);
    }
    if (rc == 0)
        rc = place_issuing(source, &issuing, err);
    explicit_bzero(passphrase, sizeof(passphrase));
    authority_fini(&issuing);
    authority_fini(&root);
    set_edit_end(&edit);
    return rc;
}

/* ---- the HQ-server CA ---- */

static int make_server(const char *fleet, const struct server_ca *ca, struct authority *root,
                       struct authority *server, struct err_text *err)
{
    struct tls_issue_request request = {
        .identity = {.kind = TLS_PEER_HQ}, .days = SERVER_DAYS, .now = ca->source.now};
    char name[NAME_SIZE];
    memcpy(request.identity.fleet, fleet, strlen(fleet) + 1); /* of a key set: a label */
    memcpy(request.hosts, ca->hosts, sizeof(ca->hosts));
    name_root(fleet, "hq root", ca->source.now, name);
    int rc = tls_key_create(&root->key, err);
    if (rc == 0)
        rc = tls_issue_root(root->key, name, ca->source.now, ROOT_DAYS, &root->certificate, err);
    if (rc == 0)
        rc = tls_key_create(&server->key, err);
    request.public_key = server->key;
    return rc == 0 ? tls_issue(root->key, root->certificate, &request, &server->certificate, err)
                   : rc;
}

/* The member of the key set, from certificates. */
static int state_servers(struct set_edit *edit, const STACK_OF(X509) * roots, struct err_text *err)
{
    json_t *list = json_array();
    int rc = list ? 0 : ERR_NO_MEMORY;
    for (int i = 0; rc == 0 && i < sk_X509_num(roots); i++) {
        unsigned char *der = NULL;
        int size = i2d_X509(sk_X509_value(roots, i), &der);
        char *text = size > 0 ? base64_encode(der, (size_t)size) : NULL;
        if (!text || json_array_append_new(list, json_string(text)) != 0)
            rc = ERR_NO_MEMORY;
        free(text);
        OPENSSL_free(der);
    }
    if (rc == 0)
        rc = server_roots_check(list, err);
    if (rc != 0) {
        json_decref(list);
        return rc;
    }
    json_decref(edit->servers);
    edit->servers = list;
    return 0;
}

/* What people and new boxes trust. */
static int put_trust(const char *folder, const STACK_OF(X509) * roots, struct err_text *err)
{
    int rc = put_certificates(folder, "ca/hq-root.pem", roots, err);
    return rc == 0 ? put_certificates(folder, "box/uplinkd/hq-root.pem", roots, err) : rc;
}

/* The set is saved: the new root's key and hqd's pair take their places. */
static int place_server(const char *folder, const struct authority *root,
                        const struct authority *server, const char *passphrase,
                        struct wall_time now, struct err_text *err)
{
    char ending[32];
    old_ending(now, ending);
    int rc = move(folder, "secret/hq-root.key.pem", ending, err);
    if (rc == 0)
        rc = put_key(folder, "secret/hq-root.key.pem", root->key, passphrase, err);
    if (rc == 0)
        rc = move(folder, "hqd/server.pem", ".before", err);
    if (rc == 0)
        rc = move(folder, "hqd/server.key.pem", ".before", err);
    if (rc == 0)
        rc = put_key(folder, "hqd/server.key.pem", server->key, NULL, err);
    return rc == 0 ? put_one(folder, "hqd/server.pem", server->certificate, err) : rc;
}

static int sign_and_save(struct set_edit *edit, struct rotated_set *out, struct err_text *err)
{
    int rc = set_edit_sign(edit, &out->text, &out->size, err);
    out->version = edit->set->version;
    return rc == 0 ? set_edit_save(edit, out->text, out->size, err) : rc;
}

int authority_rotate_server(const struct server_ca *ca, struct rotated_set *out,
                            struct err_text *err)
{
    const char *folder = ca->source.folder;
    struct set_edit edit;
    struct authority root = {0};
    struct authority server = {0};
    STACK_OF(X509) *roots = NULL;
    char passphrase[PASSPHRASE_SIZE] = "";
    int rc = set_edit_begin(&ca->source, &edit, err);
    if (rc == 0)
        rc = read_certificates(folder, "ca/hq-root.pem", &roots, err);
    if (rc == 0)
        rc = set_edit_open_roots(&edit, err);
    if (rc == 0)
        rc = ask_ca(&ca->source, passphrase, err);
    if (rc == 0)
        rc = make_server(edit.set->fleet, ca, &root, &server, err);
    if (rc == 0 && X509_up_ref(root.certificate) == 1 &&
        sk_X509_unshift(roots, root.certificate) <= 0)
        rc = ERR_NO_MEMORY;
    if (rc == 0)
        rc = state_servers(&edit, roots, err);
    if (rc == 0)
        rc = sign_and_save(&edit, out, err);
    if (rc == 0)
        rc = put_trust(folder, roots, err);
    if (rc == 0)
        rc = place_server(folder, &root, &server, passphrase, ca->source.now, err);
    explicit_bzero(passphrase, sizeof(passphrase));
    sk_X509_pop_free(roots, X509_free);
    authority_fini(&root);
    authority_fini(&server);
    set_edit_end(&edit);
    return rc;
}

int authority_end_server(const struct set_source *source, struct rotated_set *out,
                         struct err_text *err)
{
    struct set_edit edit;
    STACK_OF(X509) *roots = NULL;
    int rc = set_edit_begin(source, &edit, err);
    if (rc == 0)
        rc = read_certificates(source->folder, "ca/hq-root.pem", &roots, err);
    if (rc == 0 && sk_X509_num(roots) < 2)
        rc = err_set(err, ERR_NOT_FOUND, "ca/hq-root.pem: one root, expected the one before too");
    while (rc == 0 && sk_X509_num(roots) > 1)
        X509_free(sk_X509_pop(roots)); /* the newest stands first */
    if (rc == 0)
        rc = set_edit_open_roots(&edit, err);
    if (rc == 0)
        rc = state_servers(&edit, roots, err);
    if (rc == 0)
        rc = sign_and_save(&edit, out, err);
    if (rc == 0)
        rc = put_trust(source->folder, roots, err);
    if (rc == 0)
        rc = drop(source->folder, "hqd/server.pem.before", err);
    if (rc == 0)
        rc = drop(source->folder, "hqd/server.key.pem.before", err);
    sk_X509_pop_free(roots, X509_free);
    set_edit_end(&edit);
    return rc;
}
