/*
 * Which roots headquarters' servers are met with: those the key set states, else the file of the
 * configuration. They stand in one file below the state folder, which every channel reads anew for
 * a new connection. What a technician put into the configuration's file after that was written
 * counts beside the key set's: a box may have been away when the old root went. Main thread at the
 * start, then thread "inbox".
 */
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

enum { TRUST_FILE_MAX = 64 * 1024 };

/* The key set's, as certificates; empty when it states none. */
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
        if (rc == 0 && (!root || X509_check_ca(root) != 1))
            rc = err_set(err, ERR_INVALID, "servers[%zu]: no root certificate", i);
        if (rc == 0 && sk_X509_push(out, root) <= 0)
            rc = ERR_NO_MEMORY;
        if (rc != 0)
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

static int write_changed(const struct uplinkd *u, const STACK_OF(X509) * roots, bool *out_changed,
                         struct err_text *err)
{
    char *pem = NULL;
    uint8_t *held = NULL;
    size_t held_size = 0;
    struct err_text none;
    int rc = tls_pem_write_certificates(roots, &pem);
    bool same = rc == 0 &&
                file_read(u->trust_path, TRUST_FILE_MAX, &held, &held_size, &none) == 0 &&
                held_size == strlen(pem) && memcmp(held, pem, held_size) == 0;
    if (rc == 0 && !same)
        rc = file_write_atomic(u->trust_path, pem, strlen(pem), 0644, err);
    *out_changed = rc == 0 && !same;
    free(held);
    free(pem);
    return rc;
}

int uplinkd_trust_take(struct uplinkd *u, struct err_text *err)
{
    STACK_OF(X509) *roots = sk_X509_new_null();
    bool changed = false;
    int rc = roots ? read_stated(u, roots, err) : ERR_NO_MEMORY;
    int stated = roots ? sk_X509_num(roots) : 0;
    if (rc == 0 && (stated == 0 || is_newer(u->config.hq_root, u->trust_path)))
        rc = add_configured(u, roots, err);
    if (rc == 0)
        rc = write_changed(u, roots, &changed, err);
    if (changed && stated > 0)
        log_event(EVENT_UPLINK_SERVERS_TAKEN, "roots=%d", stated);
    sk_X509_pop_free(roots, X509_free);
    return rc;
}
