/* See answers.h. */
#include "gateway/uplink/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"

static int parse_object(const char *text, size_t size, json_t **out, struct err_text *err)
{
    json_t *root = NULL;
    int rc = json_parse(text, size, &root, err);
    if (rc == 0 && !json_is_object(root))
        rc = err_set(err, ERR_INVALID, "expected an object");
    if (rc != 0) {
        json_decref(root);
        return rc;
    }
    *out = root;
    return 0;
}

static int get_number(const json_t *object, const char *key, uint64_t *out, struct err_text *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return err_set(err, ERR_INVALID, "%s: expected a number from 0", key);
    *out = (uint64_t)json_integer_value(value);
    return 0;
}

/* *out is heap text; `value` must be an object. */
static int get_object_text(const json_t *value, const char *key, char **out, size_t *out_size,
                           struct err_text *err)
{
    if (!json_is_object(value))
        return err_set(err, ERR_INVALID, "%s: expected an object", key);
    int rc = json_canonical(value, out, out_size);
    return rc == 0 ? 0 : err_set(err, rc, "%s: %s", key, err_name(rc));
}

/* ---- inbox ---- */

static int get_kind(const json_t *message, char out[ANSWER_KIND_SIZE], struct err_text *err)
{
    const char *kind = json_string_value(json_object_get(message, "kind"));
    size_t size = kind ? strlen(kind) : 0;
    if (size == 0 || size >= ANSWER_KIND_SIZE ||
        strspn(kind, "abcdefghijklmnopqrstuvwxyz_") != size)
        return err_set(err, ERR_INVALID, "kind: expected 1 to %d of a-z and _",
                       ANSWER_KIND_SIZE - 1);
    memcpy(out, kind, size + 1);
    return 0;
}

static int read_message(const json_t *value, uint64_t above, struct inbox_message *out,
                        struct err_text *err)
{
    int rc = json_is_object(value) && json_is_object(json_object_get(value, "body"))
                 ? get_number(value, "number", &out->number, err)
                 : err_set(err, ERR_INVALID, "expected an object with a body");
    if (rc == 0 && out->number <= above)
        rc = err_set(err, ERR_INVALID, "number: %llu is not above %llu",
                     (unsigned long long)out->number, (unsigned long long)above);
    if (rc == 0)
        rc = get_kind(value, out->kind, err);
    if (rc == 0)
        rc = get_object_text(value, "message", &out->text, &out->size, err);
    return rc;
}

static int read_messages(const json_t *root, uint64_t after, struct inbox_answer *out,
                         struct err_text *err)
{
    const json_t *list = json_object_get(root, "messages");
    size_t count = json_array_size(list);
    uint64_t above = after;
    if (!json_is_array(list) || count > ANSWER_MESSAGES_MAX)
        return err_set(err, ERR_INVALID, "messages: expected a list of at most %d",
                       ANSWER_MESSAGES_MAX);
    out->messages = calloc(count + 1, sizeof(out->messages[0]));
    if (!out->messages)
        return err_set(err, ERR_NO_MEMORY, "messages: no memory");
    for (size_t i = 0; i < count; i++) {
        int rc = read_message(json_array_get(list, i), above, &out->messages[i], err);
        if (rc != 0)
            return err_prefix(err, rc, "messages[%zu]", i);
        above = out->messages[i].number;
        out->count++;
    }
    int rc = get_number(root, "next", &out->next, err);
    if (rc == 0 && out->next != above)
        rc = err_set(err, ERR_INVALID, "next: expected %llu", (unsigned long long)above);
    return rc;
}

int inbox_answer_read(const char *text, size_t size, uint64_t after, struct inbox_answer *out,
                      struct err_text *err)
{
    json_t *root = NULL;
    struct inbox_answer answer = {0};
    int rc = parse_object(text, size, &root, err);
    if (rc == 0)
        rc = read_messages(root, after, &answer, err);
    json_decref(root);
    if (rc != 0) {
        inbox_answer_free(&answer);
        return rc;
    }
    *out = answer;
    return 0;
}

void inbox_answer_free(struct inbox_answer *answer)
{
    /* The one after the last may be half read: calloc left room and zeros. */
    for (size_t i = 0; answer->messages && i <= answer->count; i++)
        free(answer->messages[i].text);
    free(answer->messages);
    *answer = (struct inbox_answer){0};
}

/* ---- head ---- */

int head_answer_read(const char *text, size_t size, struct head_answer *out, struct err_text *err)
{
    json_t *root = NULL;
    struct head_answer answer = {0};
    int rc = parse_object(text, size, &root, err);
    const json_t *freshness = json_object_get(root, "freshness");
    const char *hash = json_string_value(json_object_get(root, "hash"));
    if (rc == 0)
        rc = get_number(root, "revision", &answer.revision, err);
    if (rc == 0)
        rc = get_number(root, "keyset_version", &answer.keyset_version, err);
    answer.has_policy = json_object_get(root, "policy_version") != NULL;
    if (rc == 0 && answer.has_policy)
        rc = get_number(root, "policy_version", &answer.policy_version, err);
    for (int i = 0; rc == 0 && i < BOX_STATEMENTS; i++) {
        const char *member = box_statement_names[i].head;
        answer.has_statement[i] = json_object_get(root, member) != NULL;
        if (answer.has_statement[i])
            rc = get_number(root, member, &answer.statements[i], err);
    }
    if (rc == 0 && (!hash || hash_parse(hash, answer.hash) != 0))
        rc = err_set(err, ERR_INVALID, "hash: expected sha256:<64 hex>");
    if (rc == 0 && !freshness)
        rc = err_set(err, ERR_INVALID, "freshness: missing, expected an envelope or null");
    if (rc == 0 && !json_is_null(freshness))
        rc =
            get_object_text(freshness, "freshness", &answer.freshness, &answer.freshness_size, err);
    json_decref(root);
    if (rc == 0)
        *out = answer;
    return rc;
}

void head_answer_free(struct head_answer *answer)
{
    free(answer->freshness);
    *answer = (struct head_answer){0};
}

/* ---- batches ---- */

static int read_batches(const json_t *root, uint64_t after, struct batches_answer *out,
                        struct err_text *err)
{
    const json_t *list = json_object_get(root, "batches");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > ANSWER_MESSAGES_MAX)
        return err_set(err, ERR_INVALID, "batches: expected a list of at most %d",
                       ANSWER_MESSAGES_MAX);
    out->batches = calloc(count + 1, sizeof(out->batches[0]));
    if (!out->batches)
        return err_set(err, ERR_NO_MEMORY, "batches: no memory");
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(list, i);
        struct batch_text *batch = &out->batches[i];
        int rc = get_number(row, "revision", &batch->revision, err);
        if (rc == 0 && batch->revision != after + i + 1)
            rc = err_set(err, ERR_INVALID, "revision: expected %llu",
                         (unsigned long long)(after + i + 1));
        if (rc == 0)
            rc = get_object_text(json_object_get(row, "envelope"), "envelope", &batch->envelope,
                                 &batch->size, err);
        if (rc != 0)
            return err_prefix(err, rc, "batches[%zu]", i);
        out->count++;
    }
    return 0;
}

int batches_answer_read(const char *text, size_t size, uint64_t after, struct batches_answer *out,
                        struct err_text *err)
{
    json_t *root = NULL;
    struct batches_answer answer = {0};
    int rc = parse_object(text, size, &root, err);
    if (rc == 0)
        rc = read_batches(root, after, &answer, err);
    json_decref(root);
    if (rc != 0) {
        batches_answer_free(&answer);
        return rc;
    }
    *out = answer;
    return 0;
}

void batches_answer_free(struct batches_answer *answer)
{
    for (size_t i = 0; answer->batches && i <= answer->count; i++)
        free(answer->batches[i].envelope);
    free(answer->batches);
    *answer = (struct batches_answer){0};
}

/* ---- single objects ---- */

int object_answer_read(const char *text, size_t size, char **out, size_t *out_size,
                       struct err_text *err)
{
    json_t *root = NULL;
    int rc = parse_object(text, size, &root, err);
    if (rc == 0)
        rc = get_object_text(root, "answer", out, out_size, err);
    json_decref(root);
    return rc;
}

static int get_place(const json_t *object, const char *number, struct place_answer *out,
                     struct err_text *err)
{
    const char *chain = json_string_value(json_object_get(object, "chain"));
    if (!chain || strlen(chain) != sizeof(out->chain) - 1)
        return err_set(err, ERR_INVALID, "chain: expected %zu hex digits", sizeof(out->chain) - 1);
    int rc = get_number(object, number, &out->sequence, err);
    if (rc == 0)
        memcpy(out->chain, chain, sizeof(out->chain));
    return rc;
}

int gap_answer_read(const char *text, size_t size, struct place_answer *out, struct err_text *err)
{
    json_t *root = NULL;
    int rc = parse_object(text, size, &root, err);
    const json_t *gap = json_object_get(root, "gap");
    if (rc == 0)
        rc = gap ? get_place(gap, "after", out, err) : err_set(err, ERR_NOT_FOUND, "no gap");
    json_decref(root);
    return rc;
}

int journal_answer_read(const char *text, size_t size, struct place_answer *out,
                        struct err_text *err)
{
    json_t *root = NULL;
    int rc = parse_object(text, size, &root, err);
    if (rc == 0)
        rc = get_place(root, "held", out, err);
    json_decref(root);
    return rc;
}

int picture_answer_read(const char *text, size_t size, struct picture_state *out,
                        struct err_text *err)
{
    json_t *root = NULL;
    struct picture_state state = {0};
    int rc = parse_object(text, size, &root, err);
    const json_t *complete = json_object_get(root, "complete");
    if (rc == 0)
        rc = get_number(root, "held", &state.held, err);
    if (rc == 0)
        rc = get_number(root, "size", &state.size, err);
    if (rc == 0 && !json_is_boolean(complete))
        rc = err_set(err, ERR_INVALID, "complete: expected true or false");
    state.complete = json_is_true(complete);
    json_decref(root);
    if (rc == 0)
        *out = state;
    return rc;
}

int quarantine_answer_read(const char *text, size_t size, char out_reason[ANSWER_REASON_SIZE],
                           bool *out_set_aside, struct err_text *err)
{
    json_t *root = NULL;
    int rc = parse_object(text, size, &root, err);
    const json_t *quarantine = json_object_get(root, "quarantine");
    const char *reason = json_string_value(json_object_get(quarantine, "reason"));
    if (rc == 0 && !quarantine)
        rc = err_set(err, ERR_NOT_FOUND, "no quarantine");
    if (rc == 0 && !reason)
        rc = err_set(err, ERR_INVALID, "quarantine.reason: expected a text");
    if (rc == 0) {
        (void)snprintf(out_reason, ANSWER_REASON_SIZE, "%s", reason); /* a cut reason still reads */
        *out_set_aside = json_is_true(json_object_get(quarantine, "set_aside"));
    }
    json_decref(root);
    return rc;
}
