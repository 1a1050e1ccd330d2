/*
 * See clerk.h. No state.
 */
#include "gateway/hqctl/clerk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/tls/identity.h"

enum { NAME_SIZE = 128 };

/* The newest key set: hqd's when it is given, else the folder's. */
static int read_set(const struct clerk_options *o, struct root_keys *roots, struct keyset *set,
                    struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    int rc = key_store_path(path, o->folder, "roots", err);
    if (rc == 0)
        rc = key_store_read_roots(path, roots, err);
    if (rc == 0)
        rc = key_store_path(path, o->folder, "keyset.json", err);
    if (rc == 0)
        rc = key_store_read_keyset(path, roots, set, err);
    if (rc != 0 || !o->keyset_text)
        return rc;
    uint64_t held = set->version;
    rc = keyset_verify(roots, o->keyset_text, o->keyset_size, set, err);
    if (rc == 0 && set->version < held)
        rc = err_set(err, ERR_STALE,
                     "%s: version %" PRIu64 ", hqd has %" PRIu64
                     ": publish it first with 'hqctl keyset publish'",
                     path, held, set->version);
    return rc;
}

static enum key_role role_of(const struct clerk_options *o)
{
    return o->duty ? KEY_ROLE_INSTRUCTION : KEY_ROLE_LIST;
}

static const char *title_of(const struct clerk_options *o)
{
    return o->duty ? "duty officer" : "clerk";
}

static int check_new(const struct clerk_options *o, const struct keyset *set, const char *path,
                     struct err_text *err)
{
    struct stat st;
    if (!tls_label_ok(o->name))
        return err_set(err, ERR_INVALID, "NAME = '%s': expected 1 to 64 of a-z 0-9 -", o->name);
    enum key_role role = role_of(o);
    for (int i = 0; i < set->key_count; i++)
        if (set->keys[i].role == role && strcmp(set->keys[i].holder, o->name) == 0)
            return err_set(err, ERR_CONFLICT,
                           "%s %s: has a %s key in key set version %" PRIu64 " already",
                           title_of(o), o->name, key_role_name(role), set->version);
    return lstat(path, &st) == 0 ? err_set(err, ERR_CONFLICT, "%s: is there already", path) : 0;
}

/* 'hqctl init' makes none: the first duty officer's key does. */
static int make_duty_folder(const struct clerk_options *o, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    int rc = key_store_path(path, o->folder, "duty", err);
    return rc == 0 && mkdir(path, 0700) != 0 && errno != EEXIST
               ? err_set(err, ERR_IO, "%s: %s", path, strerror(errno))
               : rc;
}

static int open_roots(const struct clerk_options *o, struct sign_key *roots[2],
                      struct err_text *err)
{
    if (o->root_numbers[0] == o->root_numbers[1])
        return err_set(err, ERR_INVALID, "root key %d: named twice, expected two different ones",
                       o->root_numbers[0]);
    for (int i = 0; i < 2; i++) {
        char name[NAME_SIZE];
        char path[KEY_STORE_PATH_SIZE];
        (void)snprintf(name, sizeof(name), "secret/root-%d.key.pem", o->root_numbers[i]); /* fits */
        int rc = key_store_path(path, o->folder, name, err);
        (void)snprintf(name, sizeof(name), "root key %d", o->root_numbers[i]); /* fits */
        if (rc == 0)
            rc = key_store_open(path, &o->passphrases, name, &roots[i], err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int make_key(const struct clerk_options *o, const char *path, struct sign_key **out,
                    struct err_text *err)
{
    char passphrase[PASSPHRASE_SIZE];
    char whose[NAME_SIZE];
    (void)snprintf(whose, sizeof(whose), "%s key of %s %s", key_role_name(role_of(o)), title_of(o),
                   o->name); /* a label fits */
    int rc = passphrase_read_new(&o->passphrases, whose, passphrase, err);
    if (rc == 0)
        rc = key_store_create(path, passphrase, out, err);
    explicit_bzero(passphrase, sizeof(passphrase));
    return rc;
}

static int save_set(const char *folder, const char *text, size_t size, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    int rc = key_store_path(path, folder, "keyset.json", err);
    if (rc == 0)
        rc = file_write_atomic(path, text, size, 0644, err);
    if (rc == 0)
        rc = key_store_path(path, folder, "box/keyset.json", err);
    return rc == 0 ? file_write_atomic(path, text, size, 0644, err) : rc;
}

/* Adds the key, signs, and proves the result as every box will. */
static int sign_next(const struct clerk_options *o, const struct root_keys *known,
                     struct keyset *set, struct sign_key *const *roots, const struct sign_key *key,
                     char **out, size_t *out_size, struct err_text *err)
{
    struct keyset *check = calloc(1, sizeof(*check));
    int rc = check ? 0 : ERR_NO_MEMORY;
    set->version++;
    set->time = o->now;
    if (rc == 0)
        rc = key_store_add(set, role_of(o), o->name, key, o->now, CLERK_DAYS, err);
    if (rc == 0)
        rc = key_store_sign_keyset(set, roots, 2, out, out_size, err);
    if (rc == 0)
        rc = keyset_verify(known, *out, *out_size, check, err);
    free(check);
    return rc;
}

int clerk_add(const struct clerk_options *o, uint64_t *out_version, char **out_text,
              size_t *out_size, struct err_text *err)
{
    struct root_keys known = {0};
    struct sign_key *roots[2] = {NULL, NULL};
    struct sign_key *key = NULL;
    struct keyset *set = calloc(1, sizeof(*set));
    char path[KEY_STORE_PATH_SIZE];
    char name[NAME_SIZE];
    char *text = NULL;
    size_t size = 0;
    (void)snprintf(name, sizeof(name), "%s/%.80s.key.pem", o->duty ? "duty" : "clerks",
                   o->name); /* check_new refuses more */
    int rc = set ? read_set(o, &known, set, err) : ERR_NO_MEMORY;
    if (rc == 0 && o->duty)
        rc = make_duty_folder(o, err);
    if (rc == 0)
        rc = key_store_path(path, o->folder, name, err);
    if (rc == 0)
        rc = check_new(o, set, path, err);
    if (rc == 0)
        rc = open_roots(o, roots, err);
    if (rc == 0)
        rc = make_key(o, path, &key, err);
    if (rc == 0) {
        rc = sign_next(o, &known, set, roots, key, &text, &size, err);
        if (rc != 0)
            (void)unlink(path); /* a key no set names; what remains is told by the next try */
    }
    if (rc == 0)
        rc = save_set(o->folder, text, size, err);
    if (rc == 0) {
        *out_version = set->version;
        *out_text = text;
        *out_size = size;
        text = NULL;
    }
    free(text);
    free(set);
    sign_key_free(key);
    sign_key_free(roots[0]);
    sign_key_free(roots[1]);
    return rc;
}
