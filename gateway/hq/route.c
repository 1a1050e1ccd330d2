/*
 * See route.h. The table is the whole API; gateway/hq/API.md describes it row by row.
 */
#include "gateway/hq/route.h"

#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hq/hqd.h"

enum { BOTH = HQ_WHO_BOX | HQ_WHO_OPERATOR };

static const struct hq_route routes[] = {
    {"GET", "/v1/list/head", BOTH, false, hq_list_head},
    {"PUT", "/v1/list/batches", HQ_WHO_OPERATOR, false, hq_list_put_batch},
    {"GET", "/v1/list/batches", BOTH, false, hq_list_batches},
    {"GET", "/v1/list/entries", HQ_WHO_OPERATOR, false, hq_list_entries},
    {"GET", "/v1/list/snapshot", BOTH, false, hq_list_snapshot},
    {"PUT", "/v1/list/snapshot", HQ_WHO_OPERATOR, false, hq_list_put_snapshot},
    {"GET", "/v1/list/chunks/{}", BOTH, false, hq_list_chunk},
    {"PUT", "/v1/list/chunks/{}", HQ_WHO_OPERATOR, false, hq_list_put_chunk},
    {"GET", "/v1/keyset", BOTH, false, hq_keyset},
    {"PUT", "/v1/keyset", HQ_WHO_OPERATOR, false, hq_put_keyset},
    {"GET", "/v1/match-policy", BOTH, false, hq_match_policy},
    {"PUT", "/v1/match-policy", HQ_WHO_OPERATOR, false, hq_put_match_policy},
    {"GET", "/v1/exempt-list", BOTH, false, hq_exempt_list},
    {"PUT", "/v1/exempt-list", HQ_WHO_OPERATOR, false, hq_put_exempt_list},
    {"POST", "/v1/checkpoints/{}/records", HQ_WHO_BOX, true, hq_box_records},
    {"POST", "/v1/checkpoints/{}/urgent", HQ_WHO_BOX, true, hq_box_urgent},
    {"GET", "/v1/checkpoints/{}/inbox", HQ_WHO_BOX, true, hq_box_inbox},
    {"GET", "/v1/operator/hits", HQ_WHO_OPERATOR, false, hq_operator_hits},
    {"GET", "/v1/operator/answers", HQ_WHO_OPERATOR, false, hq_operator_answers},
    {"GET", "/v1/operator/checkpoints", HQ_WHO_OPERATOR, false, hq_operator_checkpoints},
    {"POST", "/v1/operator/enroll", HQ_WHO_OPERATOR, false, hq_operator_enroll},
    {"POST", "/v1/operator/revoke", HQ_WHO_OPERATOR, false, hq_operator_revoke},
    {"POST", "/v1/operator/instructions", HQ_WHO_OPERATOR, false, hq_operator_instructions},
    {"POST", "/v1/operator/audit/verify", HQ_WHO_OPERATOR, false, hq_operator_audit},
    {"POST", "/v1/operator/accept-chain", HQ_WHO_OPERATOR, false, hq_operator_accept},
    {"GET", "/v1/operator/metrics", HQ_WHO_OPERATOR, false, hq_operator_metrics},
    {"GET", "/v1/operator/self", HQ_WHO_OPERATOR, false, hq_operator_self},
    {"GET", "/.well-known/est/cacerts", HQ_WHO_NOBODY, false, hq_est_cacerts},
    {"POST", "/.well-known/est/simpleenroll", HQ_WHO_NOBODY, false, hq_est_enroll},
    {"POST", "/.well-known/est/simplereenroll", HQ_WHO_BOX, false, hq_est_reenroll},
};

/* Whether `path` fits, with the segment at {} copied to `id`. */
static bool fits(const char *pattern, const char *path, char id[TLS_LABEL_SIZE])
{
    id[0] = '\0';
    while (*pattern) {
        if (pattern[0] == '{') {
            size_t size = strcspn(path, "/");
            if (size == 0 || size >= TLS_LABEL_SIZE)
                return false;
            memcpy(id, path, size);
            id[size] = '\0';
            pattern += 2;
            path += size;
        } else if (*pattern++ != *path++)
            return false;
    }
    return *path == '\0';
}

int hq_route_find(const char *method, const char *path, unsigned who, const struct hq_route **out,
                  char out_id[TLS_LABEL_SIZE])
{
    int rc = ERR_NOT_FOUND;
    char id[TLS_LABEL_SIZE];
    if (strlen(path) > HQ_PATH_MAX || strchr(path, '%'))
        return ERR_INVALID;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!(routes[i].who & who) || !fits(routes[i].pattern, path, id))
            continue;
        rc = ERR_UNSUPPORTED;
        if (strcmp(routes[i].method, method) != 0)
            continue;
        *out = &routes[i];
        memcpy(out_id, id, sizeof(id));
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
    KEY_COUNT
};
static const char *const key_names[KEY_COUNT] = {"after", "limit",      "wait",   "revision",
                                                 "hash",  "checkpoint", "policy", "exempt"};

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
