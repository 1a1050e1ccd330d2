/*
 * Changes of root keys: reading, checking, walking along them. No state.
 */
#include "gateway/signed/roots.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/signed/fields.h"

static int add_key(struct root_keys *roots, const uint8_t public_key[PUBLIC_KEY_SIZE])
{
    uint8_t id[KEY_ID_SIZE];
    int result = public_key_id(KEY_ALG_ED25519, public_key, id);
    if (result < 0) {
        return result;
    }
    if (root_keys_find(roots, id) >= 0) {
        return ERR_CONFLICT;
    }
    if (roots->count == ROOT_KEYS_MAX) {
        return ERR_FULL;
    }
    memcpy(roots->keys[roots->count].id, id, KEY_ID_SIZE);
    memcpy(roots->keys[roots->count].public_key, public_key, PUBLIC_KEY_SIZE);
    roots->count++;
    return ERR_OK;
}

int root_keys_add_pem(struct root_keys *roots, const char *pem, size_t size)
{
    enum key_alg alg = KEY_ALG_ED25519;
    uint8_t public_key[PUBLIC_KEY_SIZE];
    int result = public_key_from_pem(pem, size, &alg, public_key);
    return result < 0 || alg != KEY_ALG_ED25519 ? ERR_INVALID : add_key(roots, public_key);
}

int root_keys_find(const struct root_keys *roots, const uint8_t id[KEY_ID_SIZE])
{
    for (int i = 0; i < roots->count; i++) {
        if (memcmp(roots->keys[i].id, id, KEY_ID_SIZE) == 0) {
            return i;
        }
    }
    return -1;
}

int root_keys_check(const struct root_keys *roots, const struct envelope *e, struct err_text *err)
{
    for (int i = 0; i < e->signature_count; i++) {
        int r = root_keys_find(roots, e->signatures[i].key_id);
        if (r < 0) {
            return err_set(err, ERR_DENIED, "signatures[%d]: not by a root key held here", i);
        }
        if (envelope_check_signature(e, i, roots->keys[r].public_key) < 0) {
            return err_set(err, ERR_CORRUPT, "signatures[%d]: does not verify", i);
        }
    }
    if (e->signature_count < ROOT_KEYS_NEEDED) {
        return err_set(err, ERR_DENIED, "signed by %d root key, expected %d different ones",
                       e->signature_count, ROOT_KEYS_NEEDED);
    }
    return ERR_OK;
}

/* ---- one change ---- */

static json_t *key_json(const struct root_keys *roots, int i)
{
    return json_pack("{s:s,s:o,s:o}", "alg", key_alg_name(KEY_ALG_ED25519), "id",
                     hash_json(roots->keys[i].id), "public",
                     base64_json(roots->keys[i].public_key, PUBLIC_KEY_SIZE));
}

int root_change_compose(const struct root_change *change, struct envelope *out,
                        struct err_text *err)
{
    if (change->version == 0 || change->keys.count < ROOT_KEYS_NEEDED ||
        !fleet_name_good(change->fleet)) {
        return err_set(err, ERR_INVALID, "roots: version, fleet or number of keys out of range");
    }
    json_t *keys = json_array();
    for (int i = 0; i < change->keys.count; i++) {
        if (json_array_append_new(keys, key_json(&change->keys, i)) < 0) {
            json_decref(keys);
            return ERR_NO_MEMORY;
        }
    }
    json_t *object = json_pack("{s:s,s:o,s:o,s:I}", "fleet", change->fleet, "keys", keys, "time",
                               time_json(change->time), "version", (json_int_t)change->version);
    return statement_compose(object, STATEMENT_ROOTS, out);
}

static int read_key(const json_t *item, struct root_keys *roots, struct err_text *err)
{
    static const char *const names[] = {"alg", "id", "public", NULL};
    const char *alg = NULL;
    enum key_alg parsed = KEY_ALG_ED25519;
    uint8_t id[KEY_ID_SIZE] = {0};
    uint8_t public_key[PUBLIC_KEY_SIZE];
    int result = fields_check(item, names, err);
    if (result == ERR_OK) {
        result = field_text(item, "alg", 1, 32, &alg, err);
    }
    if (result == ERR_OK && (key_alg_parse(alg, &parsed) < 0 || parsed != KEY_ALG_ED25519)) {
        result = err_set(err, ERR_UNSUPPORTED, "alg: '%s', expected ed25519", alg);
    }
    if (result == ERR_OK) {
        result = field_hash(item, "id", id, err);
    }
    if (result == ERR_OK) {
        result = field_base64(item, "public", public_key, PUBLIC_KEY_SIZE, err);
    }
    if (result == ERR_OK && add_key(roots, public_key) < 0) {
        result = err_set(err, ERR_INVALID, "public: there twice");
    }
    if (result == ERR_OK && memcmp(id, roots->keys[roots->count - 1].id, KEY_ID_SIZE) != 0) {
        result = err_set(err, ERR_INVALID, "id: not the hash of this public key");
    }
    return result;
}

static int read_keys(const json_t *object, struct root_keys *out, struct err_text *err)
{
    const json_t *list = NULL;
    const json_t *item;
    size_t index;
    int result = field_array(object, "keys", ROOT_KEYS_MAX, &list, err);
    json_array_foreach(list, index, item)
    {
        if (result == ERR_OK) {
            result = read_key(item, out, err);
            result = result == ERR_OK ? ERR_OK : err_prefix(err, result, "keys[%zu]", index);
        }
    }
    if (result == ERR_OK && out->count < ROOT_KEYS_NEEDED) {
        result = err_set(err, ERR_INVALID, "keys: %d, expected %d or more", out->count,
                         ROOT_KEYS_NEEDED);
    }
    return result;
}

static int read_change(const struct envelope *e, struct root_change *out, struct err_text *err)
{
    static const char *const names[] = {"fleet", "keys", "time", "version", NULL};
    json_t *object = NULL;
    int result = json_parse((const char *)e->payload, e->payload_size, &object, err);
    if (result == ERR_OK) {
        result = fields_check(object, names, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "version", 1, ROOT_CHANGES_MAX, &out->version, err);
    }
    if (result == ERR_OK) {
        result = field_copy(object, "fleet", FLEET_NAME_MAX, out->fleet, err);
    }
    if (result == ERR_OK) {
        result = field_time(object, "time", &out->time, err);
    }
    if (result == ERR_OK) {
        result = read_keys(object, &out->keys, err);
    }
    json_decref(object);
    return result;
}

/* ---- along the changes ---- */

/* A change as it stands in a key set. */
struct link {
    struct envelope envelope;
    struct root_change change;
};

static int read_link(const json_t *item, struct link *out, struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    int result = json_is_object(item) ? json_canonical(item, &text, &size)
                                      : err_set(err, ERR_INVALID, "expected an envelope");
    if (result == ERR_OK) {
        result = envelope_parse(text, size, &out->envelope, err);
    }
    free(text);
    if (result == ERR_OK && out->envelope.type != STATEMENT_ROOTS) {
        result = err_set(err, ERR_DENIED, "statement is a %s, expected roots/1",
                         statement_type_name(out->envelope.type));
    }
    return result == ERR_OK ? read_change(&out->envelope, &out->change, err) : result;
}

/* Every signature by a root of before or after, enough of either, and each new one's own. */
static int check_link(const struct root_keys *before, const struct link *link, struct err_text *err)
{
    const struct root_keys *after = &link->change.keys;
    const struct envelope *e = &link->envelope;
    bool signed_by[ROOT_KEYS_MAX] = {false};
    int old = 0;
    int own = 0;
    for (int i = 0; i < e->signature_count; i++) {
        int o = root_keys_find(before, e->signatures[i].key_id);
        int n = root_keys_find(after, e->signatures[i].key_id);
        if (o < 0 && n < 0) {
            return err_set(err, ERR_DENIED, "signatures[%d]: by no root of before or after", i);
        }
        const uint8_t *key = n >= 0 ? after->keys[n].public_key : before->keys[o].public_key;
        if (envelope_check_signature(e, i, key) < 0) {
            return err_set(err, ERR_CORRUPT, "signatures[%d]: does not verify", i);
        }
        old += o >= 0;
        own += n >= 0;
        if (n >= 0) {
            signed_by[n] = true;
        }
    }
    if (old < ROOT_KEYS_NEEDED || own < ROOT_KEYS_NEEDED) {
        return err_set(err, ERR_DENIED,
                       "signed by %d roots of before and %d of after, expected %d of each", old,
                       own, ROOT_KEYS_NEEDED);
    }
    for (int n = 0; n < after->count; n++) {
        if (!signed_by[n] && root_keys_find(before, after->keys[n].id) < 0) {
            return err_set(err, ERR_DENIED, "keys[%d]: brought in without its own signature", n);
        }
    }
    return ERR_OK;
}

static bool same_keys(const struct root_keys *a, const struct root_keys *b)
{
    bool same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++) {
        same = root_keys_find(b, a->keys[i].id) >= 0;
    }
    return same;
}

static int read_links(const json_t *list, const char *fleet, struct link *links,
                      struct root_changes *out, struct err_text *err)
{
    const json_t *item;
    size_t i;
    int result = ERR_OK;
    json_array_foreach(list, i, item)
    {
        result = read_link(item, &links[i], err);
        if (result == ERR_OK &&
            (links[i].change.version != i + 1 || strcmp(links[i].change.fleet, fleet) != 0)) {
            result = err_set(err, ERR_DENIED, "version %" PRIu64 " of fleet %s, expected %zu of %s",
                             links[i].change.version, links[i].change.fleet, i + 1, fleet);
        }
        if (result == ERR_OK) {
            result = hash_bytes(links[i].envelope.payload, links[i].envelope.payload_size,
                                out->hashes[i]);
        }
        if (result < 0) {
            return err_prefix(err, result, "roots[%zu]", i);
        }
        out->count = (int)i + 1;
    }
    return ERR_OK;
}

static int walk(struct root_keys *roots, const struct link *links, int count, struct err_text *err)
{
    int from = count;
    while (from > 0 && !same_keys(roots, &links[from - 1].change.keys)) {
        from--;
    }
    for (int i = from; i < count; i++) {
        int result = check_link(roots, &links[i], err);
        if (result < 0) {
            return err_prefix(err, result, "roots[%d]", i);
        }
        *roots = links[i].change.keys;
    }
    return ERR_OK;
}

int root_changes_follow(struct root_keys *roots, const char *fleet, const json_t *list,
                        struct root_changes *out, struct err_text *err)
{
    struct root_changes changes = {0};
    struct root_keys now = *roots;
    size_t count = json_array_size(list); /* 0 for NULL */
    if (!list) {
        *out = changes;
        return ERR_OK;
    }
    if (!json_is_array(list) || count == 0 || count > ROOT_CHANGES_MAX) {
        return err_set(err, ERR_INVALID, "roots: expected a list of 1 to %d", ROOT_CHANGES_MAX);
    }
    struct link *links = calloc(count, sizeof(*links));
    if (!links) {
        return ERR_NO_MEMORY;
    }
    int result = read_links(list, fleet, links, &changes, err);
    if (result == ERR_OK) {
        result = walk(&now, links, changes.count, err);
    }
    for (size_t i = 0; i < count; i++) {
        envelope_fini(&links[i].envelope);
    }
    free(links);
    if (result == ERR_OK) {
        *roots = now;
        *out = changes;
    }
    return result;
}

bool root_changes_extend(const struct root_changes *held, const struct root_changes *next)
{
    return next->count >= held->count &&
           memcmp(held->hashes, next->hashes, (size_t)held->count * HASH_SIZE) == 0;
}
