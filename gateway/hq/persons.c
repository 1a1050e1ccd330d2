/*
 * Persons at headquarters: who has which roles, by configuration or by a fleet administrator. One
 * that was added is bound to one certificate; one that was taken out stays out, whatever the
 * configuration says. Nobody changes their own row.
 */
#include <string.h>

#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"

enum { FULL_NAME_MAX_BYTES = 200, POLICE_NUMBER_MAX_BYTES = 32, ROLE_TEXT_MAX = 96 };

/* "zhang", all roles, or "zhang:auditor+approver". */
int hq_operator_parse(const char *text, char out_name[TLS_LABEL_SIZE], unsigned *out_roles,
                      struct err_text *err)
{
    const char *colon = strchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : strlen(text);
    unsigned roles = colon ? 0 : (unsigned)HQ_ROLES_ALL;
    char name[TLS_LABEL_SIZE] = "";
    if (size < sizeof(name))
        memcpy(name, text, size);
    if (size > HQ_PERSON_MAX || !tls_label_ok(name))
        return err_set(err, ERR_INVALID, "'%.80s': not a name, expected 1 to %d of a-z 0-9 -", text,
                       HQ_PERSON_MAX);
    for (const char *at = colon; at && *at;) {
        size_t length = strcspn(++at, "+");
        unsigned role = hq_role_parse(at, length);
        char all[HQ_ROLES_TEXT_SIZE];
        hq_roles_format(HQ_ROLES_ALL, all);
        if (role == 0)
            return err_set(err, ERR_INVALID, "'%.80s': role '%.*s', expected %s", text,
                           (int)(length < ROLE_TEXT_MAX ? length : ROLE_TEXT_MAX), at, all);
        roles |= role;
        at += length;
    }
    memcpy(out_name, name, sizeof(name));
    *out_roles = roles;
    return 0;
}

int hqd_set_operators(struct hqd *hq, const char *const *operators, struct err_text *err)
{
    int rc = hq_db_begin(&hq->db, err);
    if (rc == 0)
        rc = hq_db_exec(&hq->db,
                        "UPDATE operators SET revoked_ms = $1"
                        " WHERE revoked_ms IS NULL AND added_by IS NULL",
                        HQ_PARAMS(hq_int(clock_wall(&hq->clock).ms)), err);
    for (size_t i = 0; rc == 0 && operators[i]; i++) {
        char name[TLS_LABEL_SIZE];
        unsigned roles = 0;
        rc = hq_operator_parse(operators[i], name, &roles, err);
        if (rc == 0)
            rc = hq_db_exec(&hq->db,
                            "INSERT INTO operators(name, roles) VALUES($1, $2)"
                            " ON CONFLICT(name) DO UPDATE SET revoked_ms = NULL, roles = $2"
                            " WHERE operators.added_by IS NULL AND operators.revoked_by IS NULL",
                            HQ_PARAMS(hq_text(name), hq_int(roles)), err);
    }
    if (rc == 0)
        rc = hq_db_commit(&hq->db, err);
    hq_db_rollback(&hq->db);
    return rc;
}

/* ---- adding ---- */

struct person {
    const char *name;
    const char *full_name;
    const char *number; /* 警号 */
    unsigned roles;
    bool has_certificate;
    uint8_t certificate[HASH_SIZE];
};

static bool read_roles(struct hq_call *call, const json_t *object, unsigned *out)
{
    const json_t *list = json_object_get(object, "roles");
    const json_t *value;
    size_t i;
    unsigned roles = 0;
    bool fits = json_is_array(list) && json_array_size(list) > 0;
    json_array_foreach(list, i, value)
    {
        unsigned role = json_is_string(value)
                            ? hq_role_parse(json_string_value(value), json_string_length(value))
                            : 0;
        fits = fits && role != 0;
        roles |= role;
    }
    if (!fits) {
        char all[HQ_ROLES_TEXT_SIZE];
        hq_roles_format(HQ_ROLES_ALL, all);
        hq_answer_error(call, 400, "roles: expected a list out of %s", all);
        return false;
    }
    *out = roles;
    return true;
}

static const char *name_of(struct hq_call *call, const json_t *object)
{
    const char *name = hq_call_member(call, object, "name", HQ_PERSON_MAX);
    if (!name)
        return NULL;
    hq_call_about(call, "%s", name);
    if (!tls_label_ok(name))
        hq_answer_error(call, 400, "name: expected 1 to %d of a-z 0-9 -", HQ_PERSON_MAX);
    else if (strcmp(name, call->peer.identity.name) == 0)
        hq_answer_error(call, 403, "nobody changes their own rights: another administrator does");
    else
        return name;
    return NULL;
}

static bool read_person(struct hq_call *call, const json_t *object, struct person *out)
{
    out->name = name_of(call, object);
    out->full_name =
        out->name ? hq_call_member(call, object, "full_name", FULL_NAME_MAX_BYTES) : NULL;
    out->number =
        out->full_name ? hq_call_member(call, object, "number", POLICE_NUMBER_MAX_BYTES) : NULL;
    if (!out->number || !read_roles(call, object, &out->roles))
        return false;
    if (!json_object_get(object, "certificate"))
        return true;
    const char *hash = hq_call_member(call, object, "certificate", HASH_TEXT_SIZE - 1);
    out->has_certificate = hash && hash_parse(hash, out->certificate) == 0;
    if (hash && !out->has_certificate)
        hq_answer_error(call, 400, "certificate: expected sha256: and 64 hex digits");
    return out->has_certificate;
}

/* A new person, or one that was taken out, needs a certificate; of one that is there roles and
 * names are changed and the certificate stays. */
static int put_person(struct hq_call *call, const struct person *p, int *out_status,
                      struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int64_t there = 0;
    int rc = hq_db_number(db,
                          "SELECT count(*) FROM operators WHERE name = $1 AND added_by IS NOT NULL"
                          " AND revoked_ms IS NULL",
                          HQ_PARAMS(hq_text(p->name)), 0, &there, err);
    if (rc != 0)
        return rc;
    if (!there && !p->has_certificate)
        return err_set(err, ERR_INVALID, "certificate: missing, expected the one of a new person");
    *out_status = there ? 200 : 201;
    return hq_db_exec(
        db,
        "INSERT INTO operators(name, roles, full_name, police_number, certificate, added_by,"
        " added_ms) VALUES($1, $2, $3, $4, $5, $6, $7) ON CONFLICT(name) DO UPDATE SET roles = $2,"
        " full_name = $3, police_number = $4, added_by = $6, added_ms = $7, revoked_ms = NULL,"
        " revoked_by = NULL, certificate = coalesce($5, operators.certificate)",
        HQ_PARAMS(hq_text(p->name), hq_int(p->roles), hq_text(p->full_name), hq_text(p->number),
                  p->has_certificate ? hq_blob(p->certificate, HASH_SIZE) : hq_text(NULL),
                  hq_text(call->peer.identity.name), hq_int(call->now.ms)),
        err);
}

static enum hq_step add_person(struct hq_call *call, const struct person *p)
{
    struct err_text err = {""};
    char roles[HQ_ROLES_TEXT_SIZE];
    int status = 0;
    hq_roles_format(p->roles, roles);
    hq_call_about(call, "%s: %s", p->name, roles);
    int rc = hq_db_begin(&call->hq->db, &err);
    if (rc == 0)
        rc = put_person(call, p, &status, &err);
    if (rc == 0)
        rc = hq_act_commit(call, status, &err);
    hq_db_rollback(&call->hq->db);
    if (rc == ERR_INVALID)
        return hq_answer_error(call, 400, "%s", err.text);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    return hq_answer_json(
        call, status, json_pack("{s:s,s:o}", "name", p->name, "roles", hq_roles_json(p->roles)));
}

enum hq_step hq_operator_person_add(struct hq_call *call)
{
    static const char *const names[] = {"name",  "full_name",   "number",
                                        "roles", "certificate", NULL};
    struct person person = {0};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    if (read_person(call, object, &person))
        step = add_person(call, &person);
    json_decref(object);
    return step;
}

/* ---- taking out, and who there is ---- */

static enum hq_step revoke_person(struct hq_call *call, const char *name)
{
    struct err_text err = {""};
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_begin(db, &err);
    if (rc == 0)
        rc = hq_db_exec(
            db,
            "UPDATE operators SET revoked_ms = $2, revoked_by = $3"
            " WHERE name = $1 AND revoked_by IS NULL",
            HQ_PARAMS(hq_text(name), hq_int(call->now.ms), hq_text(call->peer.identity.name)),
            &err);
    if (rc == 0 && hq_db_changed(db) == 0)
        rc = ERR_NOT_FOUND;
    if (rc == 0)
        rc = hq_db_change(db, HQ_DB_CHANGE_HITS, &err);
    if (rc == 0)
        rc = hq_act_commit(call, 200, &err);
    hq_db_rollback(db);
    if (rc == ERR_NOT_FOUND)
        return hq_answer_error(call, 404, "no such person, or taken out already");
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    hqd_wake(call->hq, HQ_TOPIC_HITS); /* who waits is looked at again */
    return hq_answer_json(call, 200, json_pack("{s:s,s:s}", "name", name, "state", "revoked"));
}

enum hq_step hq_operator_person_revoke(struct hq_call *call)
{
    static const char *const names[] = {"name", "reason", NULL};
    json_t *object = NULL;
    enum hq_step step = HQ_DONE;
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    const char *name = name_of(call, object);
    if (name && hq_call_member(call, object, "reason", HQ_REASON_MAX_BYTES))
        step = revoke_person(call, name);
    json_decref(object);
    return step;
}

static json_t *text_json(const struct hq_value *v)
{
    return v->type == HQ_TEXT ? json_stringn(v->data, v->size) : json_null();
}

static int add_row(void *ctx, const struct hq_value *c, size_t count)
{
    char hash[HASH_TEXT_SIZE] = "";
    if (count != 10)
        return ERR_CORRUPT;
    if (c[4].size == HASH_SIZE)
        hash_format((const uint8_t *)c[4].data, hash);
    json_t *row = json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "name", text_json(&c[0]), "roles",
        hq_roles_json((unsigned)c[1].number), "full_name", text_json(&c[2]), "number",
        text_json(&c[3]), "certificate", hash[0] ? json_string(hash) : json_null(), "added_by",
        text_json(&c[5]), "added", hq_time_json(c[6].number), "revoked_by", text_json(&c[7]),
        "revoked", hq_time_json(c[8].number), "last_seen", hq_time_json(c[9].number));
    return row && json_array_append_new(ctx, row) == 0 ? 0 : ERR_NO_MEMORY;
}

enum hq_step hq_operator_persons(struct hq_call *call)
{
    struct err_text err = {""};
    json_t *rows = json_array();
    int rc = rows ? hq_db_query(&call->hq->db,
                                "SELECT name, roles, full_name, police_number, certificate,"
                                " added_by, added_ms, revoked_by, revoked_ms, last_seen_ms"
                                " FROM operators ORDER BY name",
                                NULL, 0, add_row, rows, &err)
                  : ERR_NO_MEMORY;
    if (rc != 0) {
        json_decref(rows);
        return hq_answer_failure(call, rc, &err);
    }
    return hq_answer_json(call, 200, json_pack("{s:o}", "persons", rows));
}
