/*
 * See rotate.h. No state.
 */
#include "gateway/hqctl/rotate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/file.h"

enum { NAME_SIZE = 160, LIST_DAYS = 365, SERVER_DAYS = 730, HOUR_MS = 3600 * 1000 };

/* ---- files ---- */

/* <folder>/<stem>.key.pem is in use; .new waits, .old-<version> was before. */
static int name_files(const char *folder, const char *stem, uint64_t version, struct rotated *out,
                      char waiting[KEY_STORE_PATH_SIZE], struct err_text *err)
{
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof(name), "%s.key.pem", stem); /* fits: a label and a folder */
    int rc = key_store_path(out->path, folder, name, err);
    (void)snprintf(name, sizeof(name), "%s.key.pem.new", stem); /* fits */
    if (rc == 0)
        rc = key_store_path(waiting, folder, name, err);
    (void)snprintf(name, sizeof(name), "%s.old-%" PRIu64 ".key.pem", stem, version); /* fits */
    return rc == 0 ? key_store_path(out->kept, folder, name, err) : rc;
}

/* The set that names the new key is saved: it takes its place. */
static int put_in_place(struct rotated *r, const char *waiting, struct err_text *err)
{
    if (rename(r->path, r->kept) != 0) {
        if (errno != ENOENT)
            return err_set(err, ERR_IO, "%s: %s", r->kept, strerror(errno));
        r->kept[0] = '\0';
    }
    return rename(waiting, r->path) == 0 ? 0
                                         : err_set(err, ERR_IO, "%s: %s; the new key waits in %s",
                                                   r->path, strerror(errno), waiting);
}

static int make_key(const struct set_source *source, enum key_role role, const char *whose,
                    const char *path, struct sign_key **out, struct err_text *err)
{
    char passphrase[PASSPHRASE_SIZE];
    if (role == KEY_ROLE_FRESHNESS || role == KEY_ROLE_RECEIPT)
        return key_store_create(path, NULL, out, err); /* hqd starts without a person */
    int rc = passphrase_read_new(&source->passphrases, whose, passphrase, err);
    if (rc == 0)
        rc = role == KEY_ROLE_OBSERVE ? key_store_create_observe(path, passphrase, out, err)
                                      : key_store_create(path, passphrase, out, err);
    explicit_bzero(passphrase, sizeof(passphrase));
    return rc;
}

/* Signs, saves and puts in place; a key that no set names is taken away again. */
static int finish(struct set_edit *edit, struct rotated *r, const char *waiting,
                  struct err_text *err)
{
    int rc = set_edit_sign(edit, &r->text, &r->size, err);
    if (rc != 0)
        (void)unlink(waiting); /* what remains is told by the next try */
    if (rc == 0)
        rc = set_edit_save(edit, r->text, r->size, err);
    r->version = edit->set->version;
    return rc == 0 ? put_in_place(r, waiting, err) : rc;
}

/* ---- keys of the set ---- */

static bool is_before(const struct rotate_options *o, const char *holder,
                      const struct keyset_key *key)
{
    return key->role == o->role && (!o->holder || strcmp(key->holder, holder) == 0);
}

/* What becomes of the keys before: an end, or out of the set. */
static void end_before(const struct rotate_options *o, const char *holder, struct keyset *set)
{
    int64_t end_ms = o->source.now.ms + o->overlap_hours * HOUR_MS;
    int kept = 0;
    for (int i = 0; i < set->key_count; i++) {
        struct keyset_key *key = &set->keys[i];
        bool before = is_before(o, holder, key);
        if (before && !o->remove && key->not_after.ms > end_ms && end_ms > key->not_before.ms)
            key->not_after.ms = end_ms;
        if (!before || !o->remove)
            set->keys[kept++] = *key;
    }
    set->key_count = kept;
}

/* Whose the new key is: told, or the holder of the newest there is. */
static int find_holder(const struct rotate_options *o, const struct keyset *set,
                       char out[KEY_HOLDER_MAX + 1], struct err_text *err)
{
    const struct keyset_key *found = NULL;
    for (int i = 0; i < set->key_count; i++)
        if (set->keys[i].role == o->role &&
            (!o->holder || strcmp(set->keys[i].holder, o->holder) == 0))
            found = &set->keys[i];
    if (!found && o->role != KEY_ROLE_OBSERVE)
        return err_set(err, ERR_NOT_FOUND, "no %s key%s%s in key set version %" PRIu64,
                       key_role_name(o->role), o->holder ? " of " : "", o->holder ? o->holder : "",
                       set->version);
    memcpy(out, found ? found->holder : "hq", found ? strlen(found->holder) + 1 : sizeof("hq"));
    return 0;
}

static void name_stem(enum key_role role, const char *holder, char out[NAME_SIZE])
{
    const char *name = role == KEY_ROLE_FRESHNESS || role == KEY_ROLE_RECEIPT ? key_role_name(role)
                       : role == KEY_ROLE_OBSERVE                             ? "observe"
                                                                              : holder;
    const char *folder = role == KEY_ROLE_LIST          ? "clerks"
                         : role == KEY_ROLE_INSTRUCTION ? "duty"
                         : role == KEY_ROLE_OBSERVE     ? "secret"
                                                        : "hqd";
    (void)snprintf(out, NAME_SIZE, "%s/%.80s", folder, name); /* holders of keys here are labels */
}

int key_rotate(const struct rotate_options *o, struct rotated *out, struct err_text *err)
{
    struct set_edit edit;
    struct rotated r = {0};
    struct sign_key *key = NULL;
    char holder[KEY_HOLDER_MAX + 1] = "";
    char stem[NAME_SIZE] = "";
    char whose[NAME_SIZE];
    char waiting[KEY_STORE_PATH_SIZE];
    bool server = o->role == KEY_ROLE_FRESHNESS || o->role == KEY_ROLE_RECEIPT;
    int days = server || o->role == KEY_ROLE_OBSERVE ? SERVER_DAYS : LIST_DAYS;
    int rc = set_edit_begin(&o->source, &edit, err);
    if (rc == 0)
        rc = find_holder(o, edit.set, holder, err);
    name_stem(o->role, holder, stem);
    if (rc == 0)
        rc = name_files(o->source.folder, stem, edit.held, &r, waiting, err);
    if (rc == 0)
        rc = set_edit_open_roots(&edit, err);
    (void)snprintf(whose, sizeof(whose), "new %s key of %.100s", key_role_name(o->role), holder);
    if (rc == 0)
        rc = make_key(&o->source, o->role, whose, waiting, &key, err);
    if (rc == 0) {
        end_before(o, holder, edit.set);
        rc = key_store_add(edit.set, o->role, holder, key, o->source.now, days, err);
        rc = rc == 0 ? finish(&edit, &r, waiting, err) : rc;
    }
    sign_key_free(key);
    set_edit_end(&edit);
    if (rc != 0) {
        free(r.text);
        return rc;
    }
    *out = r;
    return 0;
}

/* ---- a root ---- */

static int put_public(const char *folder, const char *name, const struct sign_key *key,
                      struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    char *pem = NULL;
    int rc = key_store_path(path, folder, name, err);
    if (rc == 0)
        rc = public_key_to_pem(KEY_ALG_ED25519, sign_key_public(key), &pem);
    if (rc == 0)
        rc = file_write_atomic(path, pem, strlen(pem), 0644, err);
    free(pem);
    return rc;
}

/* The public half of root `number` that goes. */
static int read_public(const char *folder, int number, struct root_keys *out, struct err_text *err)
{
    char name[NAME_SIZE];
    char path[KEY_STORE_PATH_SIZE];
    uint8_t *pem = NULL;
    size_t size = 0;
    (void)snprintf(name, sizeof(name), "roots/root-%d.pub.pem", number); /* fits */
    int rc = key_store_path(path, folder, name, err);
    if (rc == 0)
        rc = file_read(path, KEY_STORE_PATH_SIZE * 4, &pem, &size, err);
    if (rc == 0 && (rc = root_keys_add_pem(out, (const char *)pem, size)) != 0)
        rc = err_set(err, rc, "%s: no root public key", path);
    free(pem);
    return rc;
}

/* Adds the change to those the set carries: signed by the two that stay and by the new one. */
static int add_change(struct set_edit *edit, const struct root_keys *gone,
                      const struct sign_key *key, struct err_text *err)
{
    struct root_change change = {.version = (uint64_t)edit->set->root_changes.count + 1,
                                 .time = edit->source->now,
                                 .keys = edit->set->roots};
    struct envelope envelope = {0};
    char *text = NULL;
    size_t size = 0;
    json_error_t unused;
    memcpy(change.fleet, edit->set->fleet, sizeof(change.fleet));
    int at = root_keys_find(&change.keys, gone->keys[0].id);
    if (at < 0)
        return err_set(err, ERR_NOT_FOUND,
                       "this root key is not in force: run the command with "
                       "the newest roots folder");
    memcpy(change.keys.keys[at].id, sign_key_id(key), KEY_ID_SIZE);
    memcpy(change.keys.keys[at].public_key, sign_key_public(key), PUBLIC_KEY_SIZE);
    int rc = root_change_compose(&change, &envelope, err);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = envelope_sign(&envelope, edit->roots[i]);
    if (rc == 0)
        rc = envelope_sign(&envelope, key);
    if (rc == 0)
        rc = envelope_write(&envelope, &text, &size);
    envelope_fini(&envelope);
    if (rc == 0 && !edit->root_changes)
        edit->root_changes = json_array();
    if (rc == 0 &&
        json_array_append_new(edit->root_changes,
                              json_loadb(text, size, JSON_REJECT_DUPLICATES, &unused)) != 0)
        rc = ERR_NO_MEMORY;
    free(text);
    return rc;
}

static int put_publics(const char *folder, int number, const struct sign_key *key,
                       struct err_text *err)
{
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof(name), "roots/root-%d.pub.pem", number); /* fits */
    int rc = put_public(folder, name, key, err);
    (void)snprintf(name, sizeof(name), "box/roots/root-%d.pub.pem", number); /* fits */
    return rc == 0 ? put_public(folder, name, key, err) : rc;
}

int root_rotate(const struct set_source *source, int number, struct rotated *out,
                struct err_text *err)
{
    struct set_source others = *source;
    struct set_edit edit;
    struct rotated r = {0};
    struct root_keys gone = {0};
    struct sign_key *key = NULL;
    char stem[NAME_SIZE];
    char whose[NAME_SIZE];
    char waiting[KEY_STORE_PATH_SIZE];
    others.root_numbers[0] = number == 1 ? 2 : 1;
    others.root_numbers[1] = number == 3 ? 2 : 3;
    (void)snprintf(stem, sizeof(stem), "secret/root-%d", number);         /* fits */
    (void)snprintf(whose, sizeof(whose), "new root key %d of 3", number); /* fits */
    int rc = set_edit_begin(&others, &edit, err);
    if (rc == 0)
        rc = read_public(source->folder, number, &gone, err);
    if (rc == 0)
        rc = name_files(source->folder, stem, edit.held, &r, waiting, err);
    if (rc == 0)
        rc = set_edit_open_roots(&edit, err);
    if (rc == 0)
        rc = make_key(&others, KEY_ROLE_ROOT, whose, waiting, &key, err);
    if (rc == 0) {
        rc = add_change(&edit, &gone, key, err);
        if (rc != 0)
            (void)unlink(waiting); /* what remains is told by the next try */
    }
    if (rc == 0)
        rc = finish(&edit, &r, waiting, err);
    if (rc == 0)
        rc = put_publics(source->folder, number, key, err);
    sign_key_free(key);
    set_edit_end(&edit);
    if (rc != 0) {
        free(r.text);
        return rc;
    }
    *out = r;
    return 0;
}
