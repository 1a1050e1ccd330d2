/*
 * See key_store.h. No state.
 */
#include "gateway/hqctl/key_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file.h"
#include "gateway/signed/servers.h"
#include "gateway/tls/pem.h"

enum { KEY_FILE_MAX = 16 * 1024, BACKDATE_MS = 3600 * 1000 };

static const int64_t day_ms = 24 * 3600 * 1000;

int key_store_path(char out[KEY_STORE_PATH_SIZE], const char *folder, const char *name,
                   struct err_text *err)
{
    int size = snprintf(out, KEY_STORE_PATH_SIZE, "%s/%s", folder, name);
    return size >= 0 && size < KEY_STORE_PATH_SIZE
               ? 0
               : err_set(err, ERR_TOO_LARGE, "%.100s…/%s: path too long", folder, name);
}

static int create(enum key_alg alg, const char *path, const char *passphrase, struct sign_key **out,
                  struct err_text *err)
{
    struct sign_key *key = NULL;
    char *pem = NULL;
    size_t size = 0;
    int rc = sign_key_create(alg, &key);
    if (rc == 0)
        rc = sign_key_to_pem(key, passphrase, &pem, &size);
    if (rc != 0)
        (void)err_set(err, rc, "%s: new key: %s", path, err_name(rc)); /* rc is returned */
    else
        rc = file_write_atomic(path, pem, size, 0600, err);
    if (pem)
        explicit_bzero(pem, size);
    free(pem);
    if (rc != 0) {
        sign_key_free(key);
        return rc;
    }
    *out = key;
    return 0;
}

int key_store_create(const char *path, const char *passphrase, struct sign_key **out,
                     struct err_text *err)
{
    return create(KEY_ALG_ED25519, path, passphrase, out, err);
}

int key_store_create_observe(const char *path, const char *passphrase, struct sign_key **out,
                             struct err_text *err)
{
    return create(KEY_ALG_X25519, path, passphrase, out, err);
}

static int open_with(enum key_alg alg, const char *path, const uint8_t *pem, size_t size,
                     const struct passphrase_source *source, const char *whose,
                     struct sign_key **out, struct err_text *err)
{
    char passphrase[PASSPHRASE_SIZE];
    int rc = sign_key_from_pem((const char *)pem, size, NULL, out);
    if (rc == ERR_DENIED) {
        rc = passphrase_read(source, whose, passphrase, err);
        if (rc != 0)
            return rc;
        rc = sign_key_from_pem((const char *)pem, size, passphrase, out);
        explicit_bzero(passphrase, sizeof(passphrase));
        if (rc == ERR_DENIED)
            return err_set(err, rc, "%s: wrong passphrase", path);
    }
    if (rc == 0 && sign_key_alg(*out) != alg) {
        sign_key_free(*out);
        *out = NULL;
        rc = ERR_UNSUPPORTED;
    }
    return rc == 0 ? 0
                   : err_set(err, rc, "%s: no %s private key in PEM (PKCS#8)", path,
                             alg == KEY_ALG_X25519 ? "X25519" : "Ed25519");
}

static int open_key(enum key_alg alg, const char *path, const struct passphrase_source *source,
                    const char *whose, struct sign_key **out, struct err_text *err)
{
    uint8_t *pem = NULL;
    size_t size = 0;
    int rc = tls_key_file_check(path, err);
    if (rc == 0)
        rc = file_read(path, KEY_FILE_MAX, &pem, &size, err);
    if (rc != 0)
        return rc;
    rc = open_with(alg, path, pem, size, source, whose, out, err);
    explicit_bzero(pem, size);
    free(pem);
    return rc;
}

int key_store_open(const char *path, const struct passphrase_source *source, const char *whose,
                   struct sign_key **out, struct err_text *err)
{
    return open_key(KEY_ALG_ED25519, path, source, whose, out, err);
}

int key_store_open_observe(const char *path, const struct passphrase_source *source,
                           const char *whose, struct sign_key **out, struct err_text *err)
{
    return open_key(KEY_ALG_X25519, path, source, whose, out, err);
}

static int add_root(const char *folder, const char *name, struct root_keys *roots,
                    struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    uint8_t *pem = NULL;
    size_t size = 0;
    int rc = key_store_path(path, folder, name, err);
    if (rc == 0)
        rc = file_read(path, KEY_FILE_MAX, &pem, &size, err);
    if (rc == 0 && (rc = root_keys_add_pem(roots, (const char *)pem, size)) != 0)
        (void)err_set(err, rc, "%s: no root public key, or one too many", path); /* rc returned */
    free(pem);
    return rc;
}

int key_store_read_roots(const char *folder, struct root_keys *out, struct err_text *err)
{
    struct root_keys roots = {0};
    DIR *dir = opendir(folder);
    int rc = 0;
    if (!dir)
        return err_set(err, ERR_NOT_FOUND, "%s: cannot be read, expected the root public keys",
                       folder);
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (length > 4 && strcmp(entry->d_name + length - 4, ".pem") == 0)
            rc = add_root(folder, entry->d_name, &roots, err);
    }
    (void)closedir(dir); /* was only read */
    if (rc == 0 && roots.count < ROOT_KEYS_NEEDED)
        rc = err_set(err, ERR_NOT_FOUND, "%s: %d root public keys, expected at least %d", folder,
                     roots.count, ROOT_KEYS_NEEDED);
    if (rc == 0)
        *out = roots;
    return rc;
}

int key_store_read_keyset(const char *path, const struct root_keys *roots, struct keyset *out,
                          struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = file_read(path, ENVELOPE_SIZE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    rc = keyset_verify(roots, text, size, out, err);
    free(text);
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", path);
}

int key_store_sign_keyset(const struct keyset *set, const json_t *root_changes,
                          const json_t *servers, struct sign_key *const *roots, int root_count,
                          char **out, size_t *out_size, struct err_text *err)
{
    struct envelope envelope = {0};
    int rc = server_roots_compose(set, root_changes, servers, &envelope, err);
    for (int i = 0; rc == 0 && i < root_count; i++)
        rc = envelope_sign(&envelope, roots[i]);
    if (rc == 0)
        rc = envelope_write(&envelope, out, out_size);
    envelope_fini(&envelope);
    if (rc != 0 && err && !err->text[0])
        (void)err_set(err, rc, "key set: %s", err_name(rc)); /* rc is returned */
    return rc;
}

int key_store_add(struct keyset *set, enum key_role role, const char *holder,
                  const struct sign_key *key, struct wall_time from, int days, struct err_text *err)
{
    if (set->key_count == KEYSET_KEYS_MAX)
        return err_set(err, ERR_FULL, "key set: holds %d keys already", KEYSET_KEYS_MAX);
    if (holder[0] == '\0' || strlen(holder) > KEY_HOLDER_MAX)
        return err_set(err, ERR_INVALID, "holder '%.40s': expected 1 to %d bytes", holder,
                       KEY_HOLDER_MAX);
    struct keyset_key *added = &set->keys[set->key_count++];
    *added = (struct keyset_key){.role = role,
                                 .alg = sign_key_alg(key),
                                 .not_before = {from.ms - BACKDATE_MS},
                                 .not_after = {from.ms + days * day_ms}};
    memcpy(added->id, sign_key_id(key), KEY_ID_SIZE);
    memcpy(added->public_key, sign_key_public(key), PUBLIC_KEY_SIZE);
    memcpy(added->holder, holder, strlen(holder) + 1);
    return 0;
}
