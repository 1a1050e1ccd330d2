/*
 * hqctl audit own verify, show: headquarters' own records, verified here and not by who keeps them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/json.h"
#include "gateway/journal/record.h"
#include "gateway/signed/sign_key.h"

enum { SHOW_DEFAULT = 100, QUERY_SIZE = 128 };

/* One walk over the chain. */
struct walk {
    struct hqctl *h;
    uint64_t after;
    uint64_t end; /* where the chain stood at the first page */
    char end_hash[HASH_TEXT_SIZE];
    bool follow; /* check the chain from its first record */
    struct journal_head head;
    uint64_t anchor; /* 0: none */
    uint8_t anchor_hash[JOURNAL_HASH_SIZE];
    uint64_t deleted;   /* bodies past their term */
    const char *person; /* NULL: all */
    int status;         /* of printing */
};

/* ---- one record ---- */

static void print_text(const struct journal_record *r, const json_t *body)
{
    char time[WALL_TEXT_SIZE];
    const char *about = hqctl_text_of(body, "about");
    const char *reason = hqctl_text_of(body, "reason");
    const char *refused = hqctl_text_of(body, "refused");
    wall_format(r->header.wall, time);
    if (!body) {
        hqctl_line(stdout, "%" PRIu64 "  %s  %s  (deleted past its term 已过期删除)",
                   r->header.sequence, time, r->header.actor);
        return;
    }
    hqctl_line(stdout, "%" PRIu64 "  %s  %s  %s  %s  %lld%s%s%s%s", r->header.sequence, time,
               r->header.actor, hqctl_text_of(body, "what"),
               about[0] ? about : hqctl_text_of(body, "path"),
               (long long)hqctl_number_of(body, "answer"), reason[0] ? "  reason: " : "", reason,
               refused[0] ? "  refused: " : "", refused);
}

static int print_json(const struct journal_record *r, json_t *body)
{
    char time[WALL_TEXT_SIZE];
    wall_format(r->header.wall, time);
    return hqctl_print(json_pack("{s:I,s:s,s:s,s:O?}", "sequence", (json_int_t)r->header.sequence,
                                 "time", time, "actor", r->header.actor, "body", body));
}

static int print_record(struct walk *w, const struct journal_record *r, struct err_text *err)
{
    json_t *body = NULL;
    int rc = r->has_body ? json_parse(r->body, r->body_size, &body, err) : 0;
    if (rc != 0)
        return rc;
    if (!w->person || strcmp(w->person, r->header.actor) == 0) {
        if (w->h->json)
            w->status = print_json(r, body);
        else
            print_text(r, body);
    }
    json_decref(body);
    return 0;
}

static int follow(struct walk *w, const struct journal_record *r, struct err_text *err)
{
    if (w->head.sequence == 0)
        memcpy(w->head.chain, r->header.chain, sizeof(w->head.chain));
    int rc = journal_head_follow(&w->head, r, err);
    if (rc == 0 && r->header.sequence == w->anchor &&
        memcmp(w->head.hash, w->anchor_hash, sizeof(w->anchor_hash)) != 0)
        rc = err_set(err, ERR_CORRUPT,
                     "record %" PRIu64 " is not the one the anchor was taken of: the chain was "
                     "written anew",
                     w->anchor);
    w->deleted += !r->has_body;
    return rc;
}

static int take(struct walk *w, const json_t *item, struct err_text *err)
{
    struct journal_wire wire;
    char *line = json_dumps(item, JSON_COMPACT);
    if (!line)
        return ERR_NO_MEMORY;
    int rc = journal_wire_read(line, strlen(line), &wire, err);
    free(line);
    if (rc != 0)
        return err_prefix(err, rc, "after record %" PRIu64, w->after);
    rc = w->follow ? follow(w, &wire.record, err) : print_record(w, &wire.record, err);
    w->after = wire.record.header.sequence;
    journal_wire_free(&wire);
    return rc;
}

/* ---- pages ---- */

static int read_end(struct walk *w, const json_t *answer, struct err_text *err)
{
    const json_t *head = json_object_get(answer, "head");
    uint8_t hash[HASH_SIZE];
    const char *text = hqctl_text_of(head, "hash");
    if (strlen(text) >= HASH_TEXT_SIZE || hash_parse(text, hash) != 0)
        return err_set(err, ERR_CORRUPT, "no 'head' in the answer");
    memcpy(w->end_hash, text, strlen(text) + 1);
    w->end = (uint64_t)hqctl_number_of(head, "sequence");
    return 0;
}

/* One page; *out_more: the end of the first page's chain is not reached. */
static int ask_page(struct walk *w, int limit, bool *out_more, struct err_text *err)
{
    char query[QUERY_SIZE];
    struct hq_answer answer;
    const json_t *item;
    size_t index;
    (void)snprintf(query, sizeof(query), "/v1/operator/own?after=%" PRIu64 "&limit=%d", w->after,
                   limit); /* fits */
    int rc = hq_client_get(&w->h->client, query, &answer, err);
    const json_t *records = json_object_get(answer.value, "records");
    if (rc == 0 && !json_is_array(records))
        rc = err_set(err, ERR_CORRUPT, "%s: no 'records' in the answer", query);
    if (rc == 0 && w->end == 0)
        rc = read_end(w, answer.value, err);
    json_array_foreach(records, index, item)
    {
        if (rc == 0 && w->status == EXIT_OK && w->after < w->end)
            rc = take(w, item, err);
    }
    *out_more = json_array_size(records) > 0 && w->after < w->end && w->status == EXIT_OK;
    hq_answer_fini(&answer);
    return rc;
}

static int walk(struct walk *w, struct err_text *err)
{
    bool more = true;
    int rc = 0;
    while (rc == 0 && more)
        rc = ask_page(w, HQ_CLIENT_LIST_MAX, &more, err);
    return rc;
}

/* ---- verify ---- */

static int parse_anchor(struct walk *w, const char *text, struct err_text *err)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != ':' ||
        strlen(text + digits + 1) >= HASH_TEXT_SIZE ||
        hash_parse(text + digits + 1, w->anchor_hash) != 0)
        return err_set(err, ERR_INVALID, "--anchor = '%.100s': expected SEQUENCE:sha256:…", text);
    w->anchor = strtoull(text, NULL, 10);
    return 0;
}

static int check_end(const struct walk *w, struct err_text *err)
{
    char hash[HASH_TEXT_SIZE];
    hash_format(w->head.hash, hash);
    if (w->head.sequence != w->end || strcmp(hash, w->end_hash) != 0)
        return err_set(err, ERR_CORRUPT,
                       "the records end at %" PRIu64 ", headquarters said %" PRIu64,
                       w->head.sequence, w->end);
    if (w->anchor > w->head.sequence)
        return err_set(err, ERR_CORRUPT,
                       "the records end at %" PRIu64 ", before the anchor at %" PRIu64
                       ": some are missing",
                       w->head.sequence, w->anchor);
    return 0;
}

int hqctl_own_verify(struct hqctl *h, int argc, char **argv)
{
    struct walk w = {.h = h, .follow = true};
    struct err_text err = {""};
    const char *anchor = NULL;
    const struct arg_option options[] = {ARG_OPTION_TEXT(
        "anchor", "SEQUENCE:HASH", &anchor,
        "A head this command printed before, kept elsewhere: the chain must still hold it.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  Fetches what people at headquarters did, looked at and were refused, and checks "
                "the chain\n  of hashes and every body here. A cut tail shows only against an "
                "anchor: write down the\n  head that is printed. The look is recorded as well.\n"
                "  核验总部操作记录链。请另行保存打印的链头，供以后用 --anchor 比对。\n",
        ARG_OPTIONS(options)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = anchor ? parse_anchor(&w, anchor, &err) : 0;
    if (rc != 0) {
        (void)hqctl_fail(h, rc, &err); /* the status is another */
        return EXIT_USAGE;
    }
    status = hqctl_connect(h);
    if (status != 0)
        return status;
    rc = walk(&w, &err);
    if (rc == 0)
        rc = check_end(&w, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print(json_pack("{s:b,s:I,s:s,s:I,s:b}", "ok", 1, "records",
                                     (json_int_t)w.head.sequence, "head", w.end_hash, "deleted",
                                     (json_int_t)w.deleted, "anchored", anchor != NULL));
    printf("Own records ok 总部操作记录完整: 1 to %" PRIu64 ", %" PRIu64
           " deleted past their term\nHead %" PRIu64 ":%s\n",
           w.head.sequence, w.deleted, w.head.sequence, w.end_hash);
    return EXIT_OK;
}

/* ---- show ---- */

int hqctl_own_show(struct hqctl *h, int argc, char **argv)
{
    struct walk w = {.h = h};
    struct err_text err = {""};
    int64_t after = -1;
    int64_t last = SHOW_DEFAULT;
    bool more = false;
    const struct arg_option options[] = {
        ARG_OPTION_NUMBER("after", "N", &after, 0, INT64_MAX,
                          "Records with a sequence above this one. Default: the last ones."),
        ARG_OPTION_NUMBER("last", "N", &last, 1, 1000000,
                          "How many of the last ones. Default: 100."),
        ARG_OPTION_TEXT("person", "NAME", &w.person, "Only what this person did.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  One line a record: sequence, time, person, what, object, status of the answer, "
                "reason.\n  With --json the whole body. 'hqctl audit own verify' checks the "
                "chain.\n",
        ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = 0;
    if (after < 0) { /* nothing lies behind: this asks for the head alone */
        w.after = INT64_MAX;
        rc = ask_page(&w, 1, &more, &err);
        after = (int64_t)w.end > last ? (int64_t)w.end - last : 0;
    }
    w.after = (uint64_t)after;
    if (rc == 0)
        rc = walk(&w, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    return w.status == EXIT_OK ? hqctl_written() : w.status;
}
