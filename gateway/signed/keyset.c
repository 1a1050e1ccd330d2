/*
 * Key set: reading, checking, looking up. No state.
 */
#include "gateway/signed/keyset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/signed/fields.h"
#include "gateway/signed/servers.h"

bool fleet_name_good(const char *fleet)
{
    size_t size = strlen(fleet);
    return size > 0 && size <= FLEET_NAME_MAX &&
           strspn(fleet, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

/* What keyset_verify and keyset_compose both hold a key to; `count` keys before it are good. */
static int check_key(const struct keyset *set, int count, struct err_text *err)
{
    const struct keyset_key *key = &set->keys[count];
    uint8_t id[KEY_ID_SIZE];
    if (!key_role_name(key->role) || key->role == KEY_ROLE_ROOT) {
        return err_set(err, ERR_INVALID, "role: a key set holds no root keys");
    }
    enum key_alg expected = key->role == KEY_ROLE_OBSERVE ? KEY_ALG_X25519 : KEY_ALG_ED25519;
    if (key->alg != expected) {
        return err_set(err, ERR_INVALID, "alg: role %s, expected %s", key_role_name(key->role),
                       key_alg_name(expected));
    }
    if (public_key_id(key->alg, key->public_key, id) < 0 || memcmp(id, key->id, KEY_ID_SIZE) != 0) {
        return err_set(err, ERR_INVALID, "id: not the hash of this public key");
    }
    if (key->holder[0] == '\0') {
        return err_set(err, ERR_INVALID, "holder: missing");
    }
    if (key->not_after.ms <= key->not_before.ms) {
        return err_set(err, ERR_INVALID, "not_after: not after not_before");
    }
    for (int i = 0; i < count; i++) {
        if (memcmp(set->keys[i].public_key, key->public_key, PUBLIC_KEY_SIZE) == 0) {
            return err_set(err, ERR_INVALID, "public: already keys[%d], a key has one role", i);
        }
    }
    return ERR_OK;
}

static int read_key(const json_t *item, struct keyset_key *key, struct err_text *err)
{
    static const char *const names[] = {"alg",        "holder", "id",   "not_after",
                                        "not_before", "public", "role", NULL};
    const char *alg = NULL;
    const char *role = NULL;
    int result = fields_check(item, names, err);
    if (result == ERR_OK) {
        result = field_text(item, "alg", 1, 32, &alg, err);
    }
    if (result == ERR_OK && key_alg_parse(alg, &key->alg) < 0) {
        result = err_set(err, ERR_UNSUPPORTED, "alg: unknown algorithm '%s'", alg);
    }
    if (result == ERR_OK) {
        result = field_text(item, "role", 1, 32, &role, err);
    }
    if (result == ERR_OK && key_role_parse(role, &key->role) < 0) {
        result = err_set(err, ERR_INVALID, "role: unknown role '%s'", role);
    }
    if (result == ERR_OK) {
        result = field_copy(item, "holder", KEY_HOLDER_MAX, key->holder, err);
    }
    if (result == ERR_OK) {
        result = field_hash(item, "id", key->id, err);
    }
    if (result == ERR_OK) {
        result = field_base64(item, "public", key->public_key, PUBLIC_KEY_SIZE, err);
    }
    if (result == ERR_OK) {
        result = field_time(item, "not_before", &key->not_before, err);
    }
    return result == ERR_OK ? field_time(item, "not_after", &key->not_after, err) : result;
}

static int read_keys(const json_t *object, struct keyset *set, struct err_text *err)
{
    const json_t *list = NULL;
    const json_t *item;
    size_t index;
    int result = field_array(object, "keys", KEYSET_KEYS_MAX, &list, err);
    if (result < 0) {
        return result;
    }
    json_array_foreach(list, index, item)
    {
        result = read_key(item, &set->keys[index], err);
        if (result == ERR_OK) {
            result = check_key(set, (int)index, err);
        }
        if (result < 0) {
            return err_prefix(err, result, "keys[%zu]", index);
        }
    }
    set->key_count = (int)json_array_size(list);
    return ERR_OK;
}

static int read_payload(const struct envelope *e, struct keyset *set, struct err_text *err)
{
    static const char *const names[] = {"fleet", "keys",    "roots", "servers",
                                        "time",  "version", NULL};
    json_t *object = NULL;
    int result = json_parse((const char *)e->payload, e->payload_size, &object, err);
    if (result == ERR_OK) {
        result = fields_check(object, names, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "version", 1, INT64_MAX, &set->version, err);
    }
    if (result == ERR_OK) {
        result = field_copy(object, "fleet", FLEET_NAME_MAX, set->fleet, err);
    }
    if (result == ERR_OK && !fleet_name_good(set->fleet)) {
        result = err_set(err, ERR_INVALID, "fleet: '%s', expected a-z, 0-9 and '-'", set->fleet);
    }
    if (result == ERR_OK) {
        result = field_time(object, "time", &set->time, err);
    }
    if (result == ERR_OK) {
        result = read_keys(object, set, err);
    }
    if (result == ERR_OK) {
        result = server_roots_check(json_object_get(object, "servers"), err);
    }
    json_decref(object);
    return result == ERR_OK ? hash_bytes(e->payload, e->payload_size, set->hash) : result;
}

/* The roots that must have signed it: those held, or where the changes it carries lead. What is no
 * JSON carries none; that it is none is told once the signatures are checked. */
static int find_roots(const struct root_keys *held, const struct envelope *e, struct keyset *set,
                      struct err_text *err)
{
    json_t *object = NULL;
    set->roots = *held;
    if (json_parse((const char *)e->payload, e->payload_size, &object, NULL) < 0) {
        return ERR_OK;
    }
    const char *fleet = json_string_value(json_object_get(object, "fleet"));
    int result = root_changes_follow(&set->roots, fleet ? fleet : "",
                                     json_object_get(object, "roots"), &set->root_changes, err);
    json_decref(object);
    return result;
}

static int check_roots(const struct root_keys *held, const struct envelope *e, struct keyset *set,
                       struct err_text *err)
{
    if (e->type != STATEMENT_KEYSET) {
        return err_set(err, ERR_DENIED, "statement is a %s, expected keyset/1",
                       statement_type_name(e->type));
    }
    int result = find_roots(held, e, set, err);
    return result == ERR_OK ? root_keys_check(&set->roots, e, err) : result;
}

/* A root key's public half inside the set would make one key two roles. */
static int check_no_root(const struct root_keys *roots, const struct keyset *set,
                         struct err_text *err)
{
    for (int i = 0; i < set->key_count; i++) {
        for (int r = 0; r < roots->count; r++) {
            if (memcmp(set->keys[i].id, roots->keys[r].id, KEY_ID_SIZE) == 0) {
                return err_set(err, ERR_INVALID, "keys[%d]: is a root key", i);
            }
        }
    }
    return ERR_OK;
}

int keyset_verify(const struct root_keys *roots, const void *envelope, size_t size,
                  struct keyset *out, struct err_text *err)
{
    struct envelope e = {0};
    struct keyset *set = calloc(1, sizeof(*set));
    int result = set ? envelope_parse(envelope, size, &e, err) : ERR_NO_MEMORY;
    if (result == ERR_OK) {
        result = check_roots(roots, &e, set, err);
    }
    if (result == ERR_OK) {
        result = read_payload(&e, set, err);
    }
    if (result == ERR_OK) {
        result = check_no_root(roots, set, err);
    }
    if (result == ERR_OK) {
        result = check_no_root(&set->roots, set, err);
    }
    if (result == ERR_OK) {
        *out = *set;
    }
    envelope_fini(&e);
    free(set);
    return result == ERR_OK ? ERR_OK : err_prefix(err, result, "key set");
}

int keyset_check_newer(const struct keyset *held, const struct keyset *next, struct err_text *err)
{
    if (held && next->version > held->version &&
        !root_changes_extend(&held->root_changes, &next->root_changes)) {
        return err_set(err, ERR_DENIED,
                       "key set version %" PRIu64 " leaves out a change of root keys that version "
                       "%" PRIu64 ", held here, has",
                       next->version, held->version);
    }
    if (!held || next->version > held->version) {
        return ERR_OK;
    }
    return err_set(err, next->version == held->version ? ERR_CONFLICT : ERR_STALE,
                   "key set version %" PRIu64 ", held is %" PRIu64, next->version, held->version);
}

static json_t *key_json(const struct keyset_key *key)
{
    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:s}", "alg", key_alg_name(key->alg), "holder",
                     key->holder, "id", hash_json(key->id), "not_after", time_json(key->not_after),
                     "not_before", time_json(key->not_before), "public",
                     base64_json(key->public_key, PUBLIC_KEY_SIZE), "role",
                     key_role_name(key->role));
}

int keyset_compose_with(const struct keyset *set, const json_t *root_changes, struct envelope *out,
                        struct err_text *err)
{
    if (set->version == 0 || !fleet_name_good(set->fleet)) {
        return err_set(err, ERR_INVALID, "key set: version or fleet name out of range");
    }
    json_t *keys = json_array();
    for (int i = 0; i < set->key_count; i++) {
        int result = check_key(set, i, err);
        if (result < 0) {
            json_decref(keys);
            return err_prefix(err, result, "keys[%d]", i);
        }
        if (json_array_append_new(keys, key_json(&set->keys[i])) < 0) {
            json_decref(keys);
            return ERR_NO_MEMORY;
        }
    }
    json_t *object = json_pack("{s:s,s:o,s:o,s:I}", "fleet", set->fleet, "keys", keys, "time",
                               time_json(set->time), "version", (json_int_t)set->version);
    if (object && root_changes &&
        json_object_set_new(object, "roots", json_deep_copy(root_changes)) < 0) {
        json_decref(object);
        object = NULL;
    }
    return statement_compose(object, STATEMENT_KEYSET, out);
}

int keyset_compose(const struct keyset *set, struct envelope *out, struct err_text *err)
{
    return keyset_compose_with(set, NULL, out, err);
}

int keyset_root_changes(const void *envelope, size_t size, json_t **out, struct err_text *err)
{
    struct envelope e = {0};
    json_t *object = NULL;
    int result = envelope_parse(envelope, size, &e, err);
    if (result == ERR_OK) {
        result = json_parse((const char *)e.payload, e.payload_size, &object, err);
    }
    if (result == ERR_OK) {
        *out = json_incref(json_object_get(object, "roots"));
    }
    json_decref(object);
    envelope_fini(&e);
    return result;
}

const struct keyset_key *keyset_find(const struct keyset *set, enum key_role role,
                                     const uint8_t id[KEY_ID_SIZE])
{
    for (int i = 0; i < set->key_count; i++) {
        if (set->keys[i].role == role && memcmp(set->keys[i].id, id, KEY_ID_SIZE) == 0) {
            return &set->keys[i];
        }
    }
    return NULL;
}

bool keyset_key_valid(const struct keyset_key *key, struct wall_time time)
{
    return time.ms >= key->not_before.ms && time.ms < key->not_after.ms;
}

const struct keyset_key *keyset_current(const struct keyset *set, enum key_role role,
                                        struct wall_time time)
{
    const struct keyset_key *best = NULL;
    for (int i = 0; i < set->key_count; i++) {
        const struct keyset_key *key = &set->keys[i];
        if (key->role == role && keyset_key_valid(key, time) &&
            (!best || key->not_after.ms > best->not_after.ms)) {
            best = key;
        }
    }
    return best;
}

/* Says why no key of the role has that id. */
static int unknown_signer(const struct keyset *set, const uint8_t id[KEY_ID_SIZE],
                          enum key_role role, int index, struct err_text *err)
{
    for (int i = 0; i < set->key_count; i++) {
        if (memcmp(set->keys[i].id, id, KEY_ID_SIZE) == 0) {
            return err_set(err, ERR_DENIED, "signatures[%d]: key of role %s, expected %s", index,
                           key_role_name(set->keys[i].role), key_role_name(role));
        }
    }
    return err_set(err, ERR_DENIED, "signatures[%d]: key is not in key set version %" PRIu64, index,
                   set->version);
}

int keyset_check_envelope(const struct keyset *set, const struct envelope *e,
                          enum statement_type type, struct signers *out, struct err_text *err)
{
    struct signers found = {0};
    enum key_role role = statement_role(type);
    if (e->type != type) {
        return err_set(err, ERR_DENIED, "statement is a %s, expected %s",
                       statement_type_name(e->type), statement_type_name(type));
    }
    if (e->signature_count == 0) {
        return err_set(err, ERR_DENIED, "signatures: unsigned");
    }
    for (int i = 0; i < e->signature_count; i++) {
        const uint8_t *id = e->signatures[i].key_id;
        const struct keyset_key *key = keyset_find(set, role, id);
        if (!key) {
            return unknown_signer(set, id, role, i, err);
        }
        if (envelope_check_signature(e, i, key->public_key) < 0) {
            return err_set(err, ERR_CORRUPT, "signatures[%d]: does not verify", i);
        }
        found.keys[found.count++] = key;
    }
    *out = found;
    return ERR_OK;
}

int signers_check_time(const struct signers *signers, struct wall_time time, struct err_text *err)
{
    for (int i = 0; i < signers->count; i++) {
        if (!keyset_key_valid(signers->keys[i], time)) {
            char text[WALL_TEXT_SIZE];
            wall_format(time, text);
            return err_set(err, ERR_DENIED, "signatures[%d]: key of %s is not valid at %s", i,
                           signers->keys[i]->holder, text);
        }
    }
    return ERR_OK;
}

int signers_check_two(const struct signers *signers, const struct keyset *set, const char *fleet,
                      struct wall_time time, struct err_text *err)
{
    if (strcmp(set->fleet, fleet) != 0) {
        return err_set(err, ERR_DENIED, "fleet: of fleet %s, expected %s", fleet, set->fleet);
    }
    if (signers_distinct(signers) < SIGNERS_TWO) {
        return err_set(err, ERR_DENIED, "signatures: expected two different clerks");
    }
    return signers_check_time(signers, time, err);
}

int signers_distinct(const struct signers *signers)
{
    char holders[ENVELOPE_SIGNATURES_MAX][KEY_HOLDER_MAX + 1];
    return signers_holders(signers, holders);
}

int signers_holders(const struct signers *signers,
                    char out[ENVELOPE_SIGNATURES_MAX][KEY_HOLDER_MAX + 1])
{
    int count = 0;
    for (int i = 0; i < signers->count; i++) {
        int known = 0;
        while (known < count && strcmp(out[known], signers->keys[i]->holder) != 0) {
            known++;
        }
        if (known == count) {
            memcpy(out[count++], signers->keys[i]->holder, sizeof(out[0]));
        }
    }
    return count;
}
