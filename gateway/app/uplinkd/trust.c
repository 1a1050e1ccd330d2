/*
 * Which roots headquarters' servers are met with: those the key set states, else the file of the
 * configuration. They stand in one file below the state folder, which every channel reads anew for
 * a new connection. What a technician put into the configuration's file after that was written
 * counts beside the key set's, until there is another key set: a box may have been away when the
 * old root went. Main thread at the start, then thread "inbox".
 */
#include <inttypes.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/app/uplinkd/uplinkd.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/signed/servers.h"
#include "gateway/tls/pem.h"

enum { TRUST_FILE_MAX = 64 * 1024, HEAD_SIZE = 40 };

/* The key set's, as certificates; empty when it states none. Who signed one that is none is told,
 * and the box goes on: without its link it could not be given a better one. */
static int read_stated(const struct uplinkd *u, STACK_OF(X509) * out, struct err_text *err)
{
    size_t size = 0;
    const void *keyset = wanted_store_keyset(u->store, &size);
    json_t *list = NULL;
    const json_t *item;
    size_t i;
    int rc = keyset ? server_roots_read(keyset, size, &list, err) : 0;
    json_array_foreach(list, i, item)
    {
        uint8_t *der = NULL;
        size_t der_size = 0;
        if (rc == 0)
            rc = base64_decode(json_string_value(item), &der, &der_size);
        const unsigned char *at = der;
        X509 *root = rc == 0 ? d2i_X509(NULL, &at, (long)der_size) : NULL;
        bool usable = root && X509_check_ca(root) == 1;
        if (rc == 0 && !usable)
            log_event(EVENT_UPLINK_STATE_UNWRITTEN,
                      "detail=\"key set: servers[%zu]: no root certificate, passed over\"", i);
        if (rc == 0 && usable && sk_X509_push(out, root) <= 0)
            rc = ERR_NO_MEMORY;
        if (rc != 0 || !usable)
            X509_free(root);
        free(der);
    }
    json_decref(list);
    return rc;
}

/* Whether the configuration's file is newer than what is in use. */
static bool is_newer(const char *configured, const char *used)
{
    struct stat a;
    struct stat b;
    return stat(configured, &a) == 0 && stat(used, &b) == 0 && a.st_mtime > b.st_mtime;
}

static int add_configured(const struct uplinkd *u, STACK_OF(X509) * out, struct err_text *err)
{
    STACK_OF(X509) *roots = NULL;
    int rc = tls_file_certificates(u->config.hq_root, &roots, err);
    while (rc == 0 && sk_X509_num(roots) > 0) {
        X509 *root = sk_X509_shift(roots);
        if (sk_X509_push(out, root) <= 0) {
            X509_free(root);
            rc = ERR_NO_MEMORY;
        }
    }
    sk_X509_pop_free(roots, X509_free);
    return rc;
}

/* The file's first line, which readers of certificates pass over: the key set it was written by. */
static void head_of(const struct uplinkd *u, char out[HEAD_SIZE])
{
    struct wanted_store_status status;
    wanted_store_status(u->store, &status);
    (void)snprintf(out, HEAD_SIZE, "Key set %" PRIu64 "\n", status.keyset_version); /* fits */
}

/* What is in use, and where its certificates begin; *out NULL: nothing. Says whether it was written
 * by the key set held: what was added to that then still counts. */
static bool read_used(const struct uplinkd *u, uint8_t **out, size_t *out_size, size_t *out_begin)
{
    char head[HEAD_SIZE];
    struct err_text none;
    *out = NULL;
    *out_begin = *out_size = 0;
    head_of(u, head);
    if (file_read(u->trust_path, TRUST_FILE_MAX, out, out_size, &none) != 0)
        *out = NULL; /* none yet, or one that cannot be read: written anew */
    if (!*out)
        return false;
    const uint8_t *end = memchr(*out, '\n', *out_size);
    *out_begin = end && **out == 'K' ? (size_t)(end - *out) + 1 : 0;
    return *out_begin == strlen(head) && memcmp(*out, head, *out_begin) == 0;
}

static int write_file(const struct uplinkd *u, const char *pem, struct err_text *err)
{
    char head[HEAD_SIZE];
    head_of(u, head);
    size_t size = strlen(head) + strlen(pem);
    char *text = malloc(size + 1);
    if (!text)
        return ERR_NO_MEMORY;
    (void)snprintf(text, size + 1, "%s%s", head, pem); /* fits */
    int rc = file_write_atomic(u->trust_path, text, size, 0644, err);
    free(text);
    return rc;
}

/* *out_changed: other certificates than before. */
static int write_changed(const struct uplinkd *u, const STACK_OF(X509) * roots, bool *out_changed,
                         struct err_text *err)
{
    char *pem = NULL;
    uint8_t *used = NULL;
    size_t size = 0;
    size_t begin = 0;
    int rc = tls_pem_write_certificates(roots, &pem);
    bool by_this = read_used(u, &used, &size, &begin);
    bool same = rc == 0 && used && size - begin == strlen(pem) &&
                memcmp(used + begin, pem, size - begin) == 0;
    if (rc == 0 && !(same && by_this))
        rc = write_file(u, pem, err);
    *out_changed = rc == 0 && !same;
    free(used);
    free(pem);
    return rc;
}

/* What stands there was made of this key set and nothing newer. */
static bool is_current(const struct uplinkd *u)
{
    uint8_t *used = NULL;
    size_t size = 0;
    size_t begin = 0;
    bool by_this = read_used(u, &used, &size, &begin);
    free(used);
    return by_this && !is_newer(u->config.hq_root, u->trust_path);
}

int uplinkd_trust_take(struct uplinkd *u, struct err_text *err)
{
    STACK_OF(X509) *roots = sk_X509_new_null();
    bool changed = false;
    int rc = roots ? read_stated(u, roots, err) : ERR_NO_MEMORY;
    int stated = roots ? sk_X509_num(roots) : 0;
    if (rc == 0 && stated > 0 && is_current(u)) {
        sk_X509_pop_free(roots, X509_free);
        return 0;
    }
    if (rc == 0 && (stated == 0 || is_newer(u->config.hq_root, u->trust_path)))
        rc = add_configured(u, roots, err);
    if (rc == 0)
        rc = write_changed(u, roots, &changed, err);
    if (changed && stated > 0)
        log_event(EVENT_UPLINK_SERVERS_TAKEN, "roots=%d", stated);
    sk_X509_pop_free(roots, X509_free);
    return rc;
}
