/*
 * Envelope JSON and its signed bytes. No state.
 */
#include "gateway/signed/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/signed/fields.h"

static const struct {
    const char *name;
    enum key_role role;
} statements[] = {
    [STATEMENT_KEYSET] = {"keyset/1", KEY_ROLE_ROOT},
    [STATEMENT_BATCH] = {"wanted-batch/1", KEY_ROLE_LIST},
    [STATEMENT_SNAPSHOT] = {"wanted-snapshot/1", KEY_ROLE_LIST},
    [STATEMENT_FRESHNESS] = {"freshness/1", KEY_ROLE_FRESHNESS},
    [STATEMENT_RECEIPT] = {"receipt/1", KEY_ROLE_RECEIPT},
    [STATEMENT_INSTRUCTION] = {"instruction/1", KEY_ROLE_INSTRUCTION},
    [STATEMENT_MATCH_POLICY] = {"match-policy/1", KEY_ROLE_LIST},
    [STATEMENT_EXEMPT_LIST] = {"exempt-list/1", KEY_ROLE_LIST},
    [STATEMENT_STANDING] = {"standing/1", KEY_ROLE_FRESHNESS},
    [STATEMENT_RETENTION_TERMS] = {"retention-terms/1", KEY_ROLE_LIST},
    [STATEMENT_SPOOL_ANSWER] = {"spool-answer/1", KEY_ROLE_RECEIPT},
    [STATEMENT_ROOTS] = {"roots/1", KEY_ROLE_ROOT},
};

static const unsigned statements_end = sizeof(statements) / sizeof(statements[0]);

static const char *const role_names[] = {
    [KEY_ROLE_ROOT] = "root",
    [KEY_ROLE_LIST] = "list",
    [KEY_ROLE_FRESHNESS] = "freshness",
    [KEY_ROLE_RECEIPT] = "receipt",
    [KEY_ROLE_INSTRUCTION] = "instruction",
    [KEY_ROLE_OBSERVE] = "observe",
};

static const char signed_prefix[] = "checkpoint:";

const char *key_role_name(enum key_role role)
{
    return role >= KEY_ROLE_ROOT && role <= KEY_ROLE_OBSERVE ? role_names[role] : NULL;
}

int key_role_parse(const char *name, enum key_role *out)
{
    for (enum key_role role = KEY_ROLE_ROOT; role <= KEY_ROLE_OBSERVE; role++) {
        if (strcmp(name, role_names[role]) == 0) {
            *out = role;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

const char *statement_type_name(enum statement_type type)
{
    return type >= STATEMENT_KEYSET && type < statements_end ? statements[type].name : NULL;
}

enum key_role statement_role(enum statement_type type)
{
    return statements[type].role;
}

static int type_parse(const char *name, enum statement_type *out)
{
    for (enum statement_type t = STATEMENT_KEYSET; t < statements_end; t++) {
        if (statements[t].name && strcmp(name, statements[t].name) == 0) {
            *out = t;
            return ERR_OK;
        }
    }
    return ERR_UNSUPPORTED;
}

int envelope_init(struct envelope *e, enum statement_type type, const void *payload, size_t size)
{
    if (size > ENVELOPE_PAYLOAD_MAX) {
        return ERR_TOO_LARGE;
    }
    char head[64];
    int head_size = snprintf(head, sizeof(head), "%s%s\n", signed_prefix, statements[type].name);
    uint8_t *bytes = malloc((size_t)head_size + size);
    if (!bytes) {
        return ERR_NO_MEMORY;
    }
    memcpy(bytes, head, (size_t)head_size);
    if (size > 0) {
        memcpy(bytes + head_size, payload, size);
    }
    *e = (struct envelope){.type = type,
                           .alg = KEY_ALG_ED25519,
                           .signed_bytes = bytes,
                           .signed_size = (size_t)head_size + size,
                           .payload = bytes + head_size,
                           .payload_size = size};
    return ERR_OK;
}

void envelope_fini(struct envelope *e)
{
    free(e->signed_bytes);
    *e = (struct envelope){0};
}

static int find_signature(const struct envelope *e, const uint8_t id[KEY_ID_SIZE])
{
    for (int i = 0; i < e->signature_count; i++) {
        if (memcmp(e->signatures[i].key_id, id, KEY_ID_SIZE) == 0) {
            return i;
        }
    }
    return -1;
}

int envelope_sign(struct envelope *e, const struct sign_key *key)
{
    if (find_signature(e, sign_key_id(key)) >= 0) {
        return ERR_CONFLICT;
    }
    if (e->signature_count == ENVELOPE_SIGNATURES_MAX) {
        return ERR_FULL;
    }
    struct envelope_signature *s = &e->signatures[e->signature_count];
    int result = sign_key_sign(key, e->signed_bytes, e->signed_size, s->signature);
    if (result == ERR_OK) {
        memcpy(s->key_id, sign_key_id(key), KEY_ID_SIZE);
        e->signature_count++;
    }
    return result;
}

int envelope_check_signature(const struct envelope *e, int index,
                             const uint8_t public_key[PUBLIC_KEY_SIZE])
{
    return signature_check(public_key, e->signed_bytes, e->signed_size,
                           e->signatures[index].signature);
}

static int parse_signatures(const json_t *object, struct envelope *e, struct err_text *err)
{
    static const char *const names[] = {"key", "sig", NULL};
    const json_t *list = NULL;
    const json_t *item;
    size_t index;
    int result = field_array(object, "signatures", ENVELOPE_SIGNATURES_MAX, &list, err);
    if (result < 0) {
        return result;
    }
    json_array_foreach(list, index, item)
    {
        struct envelope_signature s = {.key_id = {0}};
        result = fields_check(item, names, err);
        if (result == ERR_OK) {
            result = field_hash(item, "key", s.key_id, err);
        }
        if (result == ERR_OK) {
            result = field_base64(item, "sig", s.signature, SIGNATURE_SIZE, err);
        }
        if (result == ERR_OK && find_signature(e, s.key_id) >= 0) {
            result = err_set(err, ERR_INVALID, "key: signed twice by the same key");
        }
        if (result < 0) {
            return err_prefix(err, result, "signatures[%zu]", index);
        }
        e->signatures[e->signature_count++] = s;
    }
    return e->signature_count > 0 ? ERR_OK : err_set(err, ERR_DENIED, "signatures: unsigned");
}

static int parse_payload(const json_t *object, struct envelope *e, struct err_text *err)
{
    const char *type_text = NULL;
    const char *payload_text = NULL;
    uint8_t *payload = NULL;
    size_t size = 0;
    enum statement_type type = STATEMENT_KEYSET;
    int result = field_text(object, "type", 1, 64, &type_text, err);
    if (result == ERR_OK && type_parse(type_text, &type) < 0) {
        result = err_set(err, ERR_UNSUPPORTED, "type: unknown statement type '%s'", type_text);
    }
    if (result == ERR_OK) {
        result = field_text(object, "payload", 0, ENVELOPE_SIZE_MAX, &payload_text, err);
    }
    if (result == ERR_OK && base64_decode(payload_text, &payload, &size) < 0) {
        result = err_set(err, ERR_INVALID, "payload: not base64");
    }
    if (result == ERR_OK) {
        result = envelope_init(e, type, payload, size);
        if (result < 0) {
            result = err_set(err, result, "payload: %zu bytes, expected at most %d", size,
                             ENVELOPE_PAYLOAD_MAX);
        }
    }
    free(payload);
    return result;
}

static int parse_fields(const json_t *object, struct envelope *e, struct err_text *err)
{
    static const char *const names[] = {"alg", "payload", "signatures", "type", NULL};
    const char *alg_text = NULL;
    enum key_alg alg = KEY_ALG_ED25519;
    int result = fields_check(object, names, err);
    if (result == ERR_OK) {
        result = field_text(object, "alg", 1, 32, &alg_text, err);
    }
    if (result == ERR_OK && (key_alg_parse(alg_text, &alg) < 0 || alg != KEY_ALG_ED25519)) {
        result = err_set(err, ERR_UNSUPPORTED,
                         "alg: '%s' is not a signature algorithm of this build, expected ed25519",
                         alg_text);
    }
    if (result == ERR_OK) {
        result = parse_payload(object, e, err);
    }
    return result == ERR_OK ? parse_signatures(object, e, err) : result;
}

int envelope_parse(const void *text, size_t size, struct envelope *out, struct err_text *err)
{
    if (size > ENVELOPE_SIZE_MAX) {
        return err_set(err, ERR_TOO_LARGE, "envelope: %zu bytes, expected at most %d", size,
                       ENVELOPE_SIZE_MAX);
    }
    json_t *object = NULL;
    struct envelope e = {0};
    int result = json_parse(text, size, &object, err);
    if (result == ERR_OK) {
        result = parse_fields(object, &e, err);
    }
    json_decref(object);
    if (result < 0) {
        envelope_fini(&e);
        return err_prefix(err, result, "envelope");
    }
    *out = e;
    return ERR_OK;
}

int envelope_write(const struct envelope *e, char **out, size_t *out_size)
{
    json_t *signatures = json_array();
    for (int i = 0; i < e->signature_count; i++) {
        json_t *item = json_pack("{s:o,s:o}", "key", hash_json(e->signatures[i].key_id), "sig",
                                 base64_json(e->signatures[i].signature, SIGNATURE_SIZE));
        if (!item || json_array_append_new(signatures, item) < 0) {
            json_decref(signatures);
            return ERR_NO_MEMORY;
        }
    }
    json_t *object = json_pack("{s:s,s:o,s:o,s:s}", "alg", key_alg_name(e->alg), "payload",
                               base64_json(e->payload, e->payload_size), "signatures", signatures,
                               "type", statement_type_name(e->type));
    int result = object ? json_canonical(object, out, out_size) : ERR_NO_MEMORY;
    json_decref(object);
    return result;
}
