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
    int rc = key_store_path(path, o->source.folder, "duty", err);
    return rc == 0 && mkdir(path, 0700) != 0 && errno != EEXIST
               ? err_set(err, ERR_IO, "%s: %s", path, strerror(errno))
               : rc;
}

static int make_key(const struct clerk_options *o, const char *path, struct sign_key **out,
                    struct err_text *err)
{
    char passphrase[PASSPHRASE_SIZE];
    char whose[NAME_SIZE];
    (void)snprintf(whose, sizeof(whose), "%s key of %s %s", key_role_name(role_of(o)), title_of(o),
                   o->name); /* a label fits */
    int rc = passphrase_read_new(&o->source.passphrases, whose, passphrase, err);
    if (rc == 0)
        rc = key_store_create(path, passphrase, out, err);
    explicit_bzero(passphrase, sizeof(passphrase));
    return rc;
}

int clerk_add(const struct clerk_options *o, uint64_t *out_version, char **out_text,
              size_t *out_size, struct err_text *err)
{
    struct set_edit edit;
    struct sign_key *key = NULL;
    char path[KEY_STORE_PATH_SIZE];
    char name[NAME_SIZE];
    char *text = NULL;
    size_t size = 0;
    (void)snprintf(name, sizeof(name), "%s/%.80s.key.pem", o->duty ? "duty" : "clerks",
                   o->name); /* check_new refuses more */
    int rc = set_edit_begin(&o->source, &edit, err);
    if (rc == 0 && o->duty)
        rc = make_duty_folder(o, err);
    if (rc == 0)
        rc = key_store_path(path, o->source.folder, name, err);
    if (rc == 0)
        rc = check_new(o, edit.set, path, err);
    if (rc == 0)
        rc = set_edit_open_roots(&edit, err);
    if (rc == 0)
        rc = make_key(o, path, &key, err);
    if (rc == 0) {
        rc = key_store_add(edit.set, role_of(o), o->name, key, o->source.now, CLERK_DAYS, err);
        if (rc == 0)
            rc = set_edit_sign(&edit, &text, &size, err);
        if (rc != 0)
            (void)unlink(path); /* a key no set names; what remains is told by the next try */
    }
    if (rc == 0)
        rc = set_edit_save(&edit, text, size, err);
    if (rc == 0) {
        *out_version = edit.set->version;
        *out_text = text;
        *out_size = size;
        text = NULL;
    }
    free(text);
    sign_key_free(key);
    set_edit_end(&edit);
    return rc;
}
