/*
 * See route.h. The table is the whole API; gateway/hq/API.md describes it row by row.
 */
#include "gateway/hq/route.h"

#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hq/hqd.h"

enum { BOTH = HQ_WHO_BOX | HQ_WHO_OPERATOR };

enum {
    ANY = HQ_ROLES_ALL,
    REVIEWER = HQ_ROLE_REVIEWER,
    APPROVER = HQ_ROLE_APPROVER,
    DUTY = HQ_ROLE_DUTY_OFFICER,
    AUDITOR = HQ_ROLE_AUDITOR,
    ADMIN = HQ_ROLE_FLEET_ADMINISTRATOR,
    PUBLISH = APPROVER | DUTY,
    LIST = HQ_ROLE_APPLICANT | REVIEWER | APPROVER | DUTY | AUDITOR, /* who is wanted */
    HITS = REVIEWER | APPROVER | DUTY | AUDITOR,                     /* where they were */
    HOLDS = APPROVER | DUTY | AUDITOR
};

static const struct hq_route routes[] = {
    {"GET", "/v1/list/head", BOTH, ANY, false, hq_list_head, "list.head"},
    {"PUT", "/v1/list/batches", HQ_WHO_OPERATOR, PUBLISH, false, hq_list_put_batch, "list.publish"},
    {"GET", "/v1/list/batches", BOTH, LIST, false, hq_list_batches, "list.batches"},
    {"GET", "/v1/list/entries", HQ_WHO_OPERATOR, LIST, false, hq_list_entries, "list.entries"},
    {"GET", "/v1/list/snapshot", BOTH, LIST, false, hq_list_snapshot, "list.snapshot"},
    {"PUT", "/v1/list/snapshot", HQ_WHO_OPERATOR, PUBLISH, false, hq_list_put_snapshot,
     "list.publish_snapshot"},
    {"GET", "/v1/list/chunks/{}", BOTH, LIST, false, hq_list_chunk, "list.chunk"},
    {"PUT", "/v1/list/chunks/{}", HQ_WHO_OPERATOR, PUBLISH, false, hq_list_put_chunk,
     "list.publish_chunk"},
    {"GET", "/v1/keyset", BOTH, ANY, false, hq_keyset, "keyset"},
    {"PUT", "/v1/keyset", HQ_WHO_OPERATOR, ADMIN, false, hq_put_keyset, "keyset.publish"},
    {"GET", "/v1/match-policy", BOTH, ANY, false, hq_match_policy, "match_policy"},
    {"PUT", "/v1/match-policy", HQ_WHO_OPERATOR, APPROVER, false, hq_put_match_policy,
     "match_policy.publish"},
    {"GET", "/v1/exempt-list", BOTH, LIST, false, hq_exempt_list, "exempt_list"},
    {"PUT", "/v1/exempt-list", HQ_WHO_OPERATOR, APPROVER, false, hq_put_exempt_list,
     "exempt_list.publish"},
    {"GET", "/v1/retention-terms", BOTH, HOLDS, false, hq_retention_terms, "retention"},
    {"PUT", "/v1/retention-terms", HQ_WHO_OPERATOR, APPROVER, false, hq_put_retention_terms,
     "retention.publish"},
    {"POST", "/v1/checkpoints/{}/records", HQ_WHO_BOX, 0, true, hq_box_records, "box.records"},
    {"POST", "/v1/checkpoints/{}/observe", HQ_WHO_BOX, 0, true, hq_box_observe, "box.observe"},
    {"POST", "/v1/checkpoints/{}/urgent", HQ_WHO_BOX, 0, true, hq_box_urgent, "box.urgent"},
    {"POST", "/v1/checkpoints/{}/confirm", HQ_WHO_BOX, 0, true, hq_box_confirm, "box.confirm"},
    {"GET", "/v1/checkpoints/{}/inbox", HQ_WHO_BOX, 0, true, hq_box_inbox, "box.inbox"},
    {"POST", "/v1/checkpoints/{}/journal", HQ_WHO_BOX, 0, true, hq_box_journal, "box.journal"},
    {"POST", "/v1/checkpoints/{}/evidence", HQ_WHO_BOX, 0, true, hq_box_evidence_declare,
     "box.evidence"},
    {"PUT", "/v1/checkpoints/{}/evidence/{}", HQ_WHO_BOX, 0, true, hq_box_evidence_put,
     "box.evidence_range"},
    {"GET", "/v1/checkpoints/{}/evidence/{}", HQ_WHO_BOX, 0, true, hq_box_evidence_state,
     "box.evidence_state"},
    {"GET", "/v1/operator/evidence", HQ_WHO_OPERATOR, HITS, false, hq_operator_evidence,
     "evidence"},
    {"POST", "/v1/operator/evidence/open", HQ_WHO_OPERATOR, HITS, false, hq_operator_evidence_open,
     "evidence.open"},
    {"GET", "/v1/operator/calls", HQ_WHO_OPERATOR, DUTY | AUDITOR, false, hq_operator_calls,
     "calls"},
    {"GET", "/v1/operator/hits", HQ_WHO_OPERATOR, HITS, false, hq_operator_hits, "hits"},
    {"GET", "/v1/operator/answers", HQ_WHO_OPERATOR, HITS, false, hq_operator_answers, "answers"},
    {"GET", "/v1/operator/observed", HQ_WHO_OPERATOR, DUTY, false, hq_operator_observed,
     "observed"},
    {"GET", "/v1/operator/checkpoints", HQ_WHO_OPERATOR, ANY, false, hq_operator_checkpoints,
     "checkpoints"},
    {"POST", "/v1/operator/enroll", HQ_WHO_OPERATOR, ADMIN, false, hq_operator_enroll,
     "checkpoint.enroll"},
    {"POST", "/v1/operator/replace", HQ_WHO_OPERATOR, ADMIN, false, hq_operator_replace,
     "checkpoint.replace"},
    {"GET", "/v1/operator/enrolments", HQ_WHO_OPERATOR, ADMIN | AUDITOR, false,
     hq_operator_enrolments, "enrolments"},
    {"POST", "/v1/operator/enrolments/approve", HQ_WHO_OPERATOR, ADMIN, false,
     hq_operator_enrolment_approve, "enrolment.approve"},
    {"POST", "/v1/operator/enrolments/revoke", HQ_WHO_OPERATOR, ADMIN, false,
     hq_operator_enrolment_revoke, "enrolment.revoke"},
    {"POST", "/v1/operator/revoke", HQ_WHO_OPERATOR, ADMIN | DUTY, false, hq_operator_revoke,
     "checkpoint.revoke"},
    {"POST", "/v1/operator/spool", HQ_WHO_OPERATOR, DUTY, false, hq_operator_spool, "spool.bring"},
    {"POST", "/v1/operator/spool/{}/records", HQ_WHO_OPERATOR, DUTY, false,
     hq_operator_spool_records, "spool.records"},
    {"GET", "/v1/operator/spool/{}", HQ_WHO_OPERATOR, DUTY, false, hq_operator_spool_answer,
     "spool.answer"},
    {"POST", "/v1/operator/instructions", HQ_WHO_OPERATOR, DUTY, false, hq_operator_instructions,
     "instruction.post"},
    {"GET", "/v1/operator/instructions", HQ_WHO_OPERATOR, LIST, false, hq_operator_instructed,
     "instructions"},
    {"POST", "/v1/operator/audit/verify", HQ_WHO_OPERATOR, AUDITOR | ADMIN, false,
     hq_operator_audit, "audit.verify"},
    {"GET", "/v1/operator/audit/missing", HQ_WHO_OPERATOR, AUDITOR | ADMIN, false,
     hq_operator_missing, "audit.missing"},
    {"POST", "/v1/operator/accept-chain", HQ_WHO_OPERATOR, ADMIN, false, hq_operator_accept,
     "chain.accept"},
    {"GET", "/v1/operator/holds", HQ_WHO_OPERATOR, HOLDS | AUDITOR, false, hq_operator_holds,
     "holds"},
    {"POST", "/v1/operator/holds", HQ_WHO_OPERATOR, HOLDS, false, hq_operator_hold_add, "hold.add"},
    {"POST", "/v1/operator/holds/end", HQ_WHO_OPERATOR, AUDITOR, false, hq_operator_hold_end,
     "hold.end"},
    {"GET", "/v1/operator/persons", HQ_WHO_OPERATOR, ADMIN | AUDITOR, false, hq_operator_persons,
     "persons"},
    {"POST", "/v1/operator/persons", HQ_WHO_OPERATOR, ADMIN, false, hq_operator_person_add,
     "person.add"},
    {"POST", "/v1/operator/persons/revoke", HQ_WHO_OPERATOR, ADMIN, false,
     hq_operator_person_revoke, "person.revoke"},
    {"GET", "/v1/operator/reviews", HQ_WHO_OPERATOR, REVIEWER | AUDITOR, false, hq_operator_reviews,
     "reviews"},
    {"POST", "/v1/operator/reviews/answer", HQ_WHO_OPERATOR, REVIEWER, false,
     hq_operator_review_answer, "review.answer"},
    {"GET", "/v1/operator/own", HQ_WHO_OPERATOR, AUDITOR, false, hq_operator_own, "own.records"},
    {"GET", "/v1/operator/metrics", HQ_WHO_OPERATOR, ANY, false, hq_operator_metrics, "metrics"},
    {"GET", "/v1/operator/self", HQ_WHO_OPERATOR, ANY, false, hq_operator_self, "self"},
    {"GET", "/.well-known/est/cacerts", HQ_WHO_NOBODY, 0, false, hq_est_cacerts, "est.cacerts"},
    {"POST", "/.well-known/est/simpleenroll", HQ_WHO_NOBODY, 0, false, hq_est_enroll, "est.enroll"},
    {"POST", "/.well-known/est/simplereenroll", HQ_WHO_BOX, 0, false, hq_est_reenroll,
     "est.reenroll"},
};

/* Whether `path` fits, with the segments at {} copied to `id` and, a second one, to `part`. */
static bool fits(const char *pattern, const char *path, char id[TLS_LABEL_SIZE],
                 char part[TLS_LABEL_SIZE])
{
    char *to = id;
    id[0] = part[0] = '\0';
    while (*pattern) {
        if (pattern[0] == '{') {
            size_t size = strcspn(path, "/");
            if (size == 0 || size >= TLS_LABEL_SIZE)
                return false;
            memcpy(to, path, size);
            to[size] = '\0';
            to = part;
            pattern += 2;
            path += size;
        } else if (*pattern++ != *path++)
            return false;
    }
    return *path == '\0';
}

int hq_route_find(const char *method, const char *path, unsigned who, const struct hq_route **out,
                  char out_id[TLS_LABEL_SIZE], char out_part[TLS_LABEL_SIZE])
{
    int rc = ERR_NOT_FOUND;
    char id[TLS_LABEL_SIZE];
    char part[TLS_LABEL_SIZE];
    if (strlen(path) > HQ_PATH_MAX || strchr(path, '%'))
        return ERR_INVALID;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!(routes[i].who & who) || !fits(routes[i].pattern, path, id, part))
            continue;
        rc = ERR_UNSUPPORTED;
        if (strcmp(routes[i].method, method) != 0)
            continue;
        *out = &routes[i];
        memcpy(out_id, id, sizeof(id));
        memcpy(out_part, part, sizeof(part));
        return 0;
    }
    return rc;
}

static bool number_of(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    size_t size = strlen(text);
    if (size == 0 || size > 19)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return value >= min && value <= max;
}

enum query_key {
    KEY_AFTER,
    KEY_LIMIT,
    KEY_WAIT,
    KEY_REVISION,
    KEY_HASH,
    KEY_CHECKPOINT,
    KEY_POLICY,
    KEY_EXEMPT,
    KEY_RETENTION,
    KEY_CONFLICTS,
    KEY_ABOVE,
    KEY_HIT,
    KEY_COUNT
};
static const char *const key_names[KEY_COUNT] = {"after",     "limit",      "wait",   "revision",
                                                 "hash",      "checkpoint", "policy", "exempt",
                                                 "retention", "conflicts",  "above",  "hit"};

/* NULL, or what was expected. */
static const char *take_value(enum query_key key, const char *value, struct hq_query *q)
{
    uint8_t hash[HASH_SIZE];
    uint64_t number = 0;
    switch (key) {
    case KEY_AFTER:
        return number_of(value, 0, INT64_MAX, &q->after) ? NULL : "a number";
    case KEY_LIMIT:
        if (!number_of(value, 1, HQ_LIMIT_MAX, &number))
            return "1 to 1000";
        q->limit = (int)number;
        return NULL;
    case KEY_WAIT:
        if (!number_of(value, 0, HQ_WAIT_MAX_S, &number))
            return "0 to 60 seconds";
        q->wait_s = (int)number;
        return NULL;
    case KEY_REVISION:
        q->has_revision = true;
        return number_of(value, 0, INT64_MAX, &q->revision) ? NULL : "a number";
    case KEY_HASH:
        if (strlen(value) >= HASH_TEXT_SIZE || hash_parse(value, hash) != 0)
            return "sha256: and 64 hex digits";
        memcpy(q->hash, value, strlen(value) + 1);
        return NULL;
    case KEY_CHECKPOINT:
        if (!tls_label_ok(value))
            return "a checkpoint id";
        memcpy(q->checkpoint, value, strlen(value) + 1);
        return NULL;
    case KEY_POLICY:
        q->has_policy = true;
        return number_of(value, 0, INT64_MAX, &q->policy) ? NULL : "a number";
    case KEY_EXEMPT:
        q->has_exempt = true;
        return number_of(value, 0, INT64_MAX, &q->exempt) ? NULL : "a number";
    case KEY_RETENTION:
        q->has_retention = true;
        return number_of(value, 0, INT64_MAX, &q->retention) ? NULL : "a number";
    case KEY_CONFLICTS:
        q->confirm_conflicts = strcmp(value, "confirm") == 0;
        return q->confirm_conflicts ? NULL : "confirm";
    case KEY_ABOVE:
        if (value[0] && !tls_label_ok(value))
            return "a checkpoint id, or nothing";
        q->has_above = true;
        memcpy(q->above, value, strlen(value) + 1);
        return NULL;
    case KEY_HIT:
        return number_of(value, 1, INT64_MAX, &q->hit) ? NULL : "the number of a hit";
    case KEY_COUNT:
        break;
    }
    return "another key";
}

static int take_pair(char *pair, unsigned *seen, struct hq_query *q, struct err_text *err)
{
    char *equals = strchr(pair, '=');
    if (!equals)
        return err_set(err, ERR_INVALID, "query: expected key=value");
    *equals = '\0';
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        if (strcmp(pair, key_names[key]) != 0)
            continue;
        if (*seen & 1U << key)
            return err_set(err, ERR_INVALID, "query: %s stands twice", pair);
        *seen |= 1U << key;
        size_t size = 0;
        char *value = evhttp_uridecode(equals + 1, 0, &size);
        const char *expected = !value || strlen(value) != size
                                   ? "plain text"
                                   : take_value((enum query_key)key, value, q);
        free(value);
        return expected ? err_set(err, ERR_INVALID, "query: %s: expected %s", pair, expected) : 0;
    }
    return err_set(err, ERR_INVALID, "query: unknown key '%.32s'", pair);
}

int hq_query_parse(const char *text, struct hq_query *out, struct err_text *err)
{
    struct hq_query query = {.limit = HQ_LIMIT_DEFAULT};
    unsigned seen = 0;
    int rc = 0;
    char *copy = text ? strdup(text) : NULL;
    char *rest = copy;
    if (text && !copy)
        return ERR_NO_MEMORY;
    while (rc == 0 && rest && *rest) {
        char *pair = strsep(&rest, "&");
        rc = take_pair(pair, &seen, &query, err);
    }
    free(copy);
    if (rc == 0)
        *out = query;
    return rc;
}
