/*
 * hqctl verdict, proposals: what was found about a hit, told to every checkpoint of the fleet by
 * one signature of a duty officer, and the entries that should be withdrawn for it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/instruct.h"
#include "gateway/base/clock.h"

enum { MINUTES_DEFAULT = 12 * 60, PATH_SIZE = 128, TRIES_MAX = 3 };

struct verdict_args {
    const char *hit;
    const char *finding;
    const char *key;
    const char *place; /* NULL: the checkpoint's name */
    bool holds;
    int64_t minutes;
};

static int find_hit(struct hqctl *h, const char *number, struct hq_answer *out,
                    const json_t **out_hit, struct err_text *err)
{
    char path[PATH_SIZE];
    uint64_t n = strtoull(number, NULL, 10);
    if (number[strspn(number, "0123456789")] != '\0' || strlen(number) > 18 || n == 0)
        return err_set(err, ERR_INVALID, "HIT = '%.60s': expected a number of 'hqctl hits'",
                       number);
    (void)snprintf(path, sizeof(path), "/v1/operator/hits?after=%" PRIu64 "&limit=1",
                   n - 1); /* fits */
    int rc = hq_client_get(&h->client, path, out, err);
    *out_hit = json_array_get(json_object_get(out->value, "hits"), 0);
    if (rc == 0 && (uint64_t)hqctl_number_of(*out_hit, "number") != n)
        rc = err_set(err, ERR_NOT_FOUND, "hit %" PRIu64 ": there is none of that number", n);
    return rc;
}

/* The name people call the checkpoint by. */
static const char *name_of(const json_t *checkpoints, const char *id)
{
    const json_t *row;
    size_t i;
    json_array_foreach(checkpoints, i, row)
    {
        if (strcmp(hqctl_text_of(row, "id"), id) == 0 && hqctl_text_of(row, "name")[0])
            return hqctl_text_of(row, "name");
    }
    return id;
}

static json_t *body_of(const struct verdict_args *a, const json_t *hit, const json_t *checkpoints)
{
    const json_t *record = json_object_get(hit, "record");
    const char *place =
        a->place ? a->place : name_of(checkpoints, hqctl_text_of(hit, "checkpoint"));
    return json_pack("{s:s,s:I,s:b,s:s,s:s,s:s}", "checked", hqctl_text_of(hit, "time"), "entry",
                     (json_int_t)hqctl_number_of(json_object_get(record, "entry"), "id"), "hold",
                     a->holds, "place", place, "plate", hqctl_text_of(record, "matched"), "verdict",
                     a->finding);
}

static int say(const struct hqctl *h, const struct instruction *i, const struct hq_answer *answer)
{
    long long told = (long long)hqctl_number_of(answer->value, "told");
    if (h->json)
        return hqctl_print(
            json_pack("{s:I,s:I}", "id", (json_int_t)i->id, "told", (json_int_t)told));
    printf("Told to %lld checkpoints. 'hqctl instructions --id %llu' shows which have it; 'hqctl "
           "proposals' the entry to withdraw.\n",
           told, (unsigned long long)i->id);
    return EXIT_OK;
}

/* One signature and one request, however many boxes. Another desk whose clock is ahead may have had
 * a higher number: then the next one. */
static int tell_all(struct hqctl *h, const struct verdict_args *a, const struct sign_key *key,
                    struct instruction *i, struct hq_answer *answer, struct err_text *err)
{
    int rc = 0;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        char *text = NULL;
        size_t size = 0;
        hq_answer_fini(answer);
        rc = instruct_compose(key, a->minutes, i, &text, &size, err);
        if (rc == 0)
            rc = hq_client_ask(&h->client, "POST", INSTRUCTIONS_PATH, text, size, 0, answer, err);
        free(text);
        int64_t last = hqctl_number_of(answer->value, "last");
        if (rc == 0 || answer->status != 409 || last < (int64_t)i->id)
            break;
        i->id = (uint64_t)last + 1;
    }
    return rc;
}

static int verdict(struct hqctl *h, const struct verdict_args *a)
{
    struct err_text err = {""};
    struct hq_answer hits = {0};
    struct hq_answer fleet = {0};
    struct hq_answer answer = {0};
    const json_t *hit = NULL;
    struct sign_key *key = NULL;
    struct instruction i = {.kind = INSTRUCTION_KIND_FOR_ALL, .checkpoint = INSTRUCTION_ALL};
    (void)snprintf(i.fleet, sizeof(i.fleet), "%s", h->client.connection.fleet); /* fits */
    int rc = find_hit(h, a->hit, &hits, &hit, &err);
    if (rc == 0)
        rc = hq_client_get(&h->client, "/v1/operator/checkpoints", &fleet, &err);
    if (rc == 0)
        rc = instruct_open_key(h, a->key, &key, &err);
    if (rc == 0) {
        i.body = body_of(a, hit, json_object_get(fleet.value, "checkpoints"));
        rc = tell_all(h, a, key, &i, &answer, &err);
    }
    int status = rc == 0 ? say(h, &i, &answer) : hqctl_fail(h, rc, &err);
    instruction_fini(&i);
    sign_key_free(key);
    hq_answer_fini(&answer);
    hq_answer_fini(&fleet);
    hq_answer_fini(&hits);
    return status;
}

int hqctl_verdict(struct hqctl *h, int argc, char **argv)
{
    struct verdict_args a = {.minutes = MINUTES_DEFAULT};
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("finding", "WHAT", &a.finding, "false_alarm, entry_wrong or found."),
        ARG_OPTION_TEXT_NEEDED("key", "FILE", &a.key,
                               "The duty officer's instruction key, duty/NAME.key.pem."),
        ARG_OPTION_TEXT("place", "TEXT", &a.place,
                        "Where it was checked. Default: the name of the hit's checkpoint."),
        ARG_OPTION_FLAG("hold", &a.holds, "The next hits hold all the same."),
        ARG_OPTION_NUMBER("minutes", "N", &a.minutes, 1, INSTRUCT_MINUTES_MAX,
                          "How long it counts, 1 to 1440. Default: 720."),
        HQCTL_PASSPHRASE_FD(h, "the key's")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  Tells every checkpoint what was found when the vehicle of a hit was stopped. The\n"
            "  next hit of that plate on that entry says so (\"20 分钟前 城东卡口已查: 误报\") "
            "and\n"
            "  does not hold, unless --hold, or the entry is of priority 1: one person's word "
            "ends\n"
            "  no hold there. Every hit is still shown, recorded and sent. The entry stays "
            "listed:\n"
            "  'hqctl proposals' tells its owner that it should be withdrawn.\n"
            "  "
            "核查结果通报：下次命中显示核查结果，不再拦停（一级布控除外）；布控须由责任人撤控。\n\n"
            "EXAMPLE\n"
            "  hqctl verdict 4711 --finding false_alarm --key duty/wang.key.pem\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("HIT", 1, &a.hit)};
    int status = hqctl_open(h, argc, argv, &spec);
    return status >= 0 ? status : verdict(h, &a);
}

/* ---- proposals ---- */

struct proposals {
    const struct hqctl *h;
    int64_t last_id; /* each box has a row of its own under one number */
    bool all;
};

static int print_proposal(void *ctx, const json_t *row)
{
    struct proposals *p = ctx;
    const char *verdict = hqctl_text_of(row, "verdict");
    bool open = json_is_true(json_object_get(row, "in_force"));
    int64_t id = hqctl_number_of(row, "id");
    if (!verdict[0] || id == p->last_id || (!open && !p->all))
        return 0;
    p->last_id = id;
    if (p->h->json)
        return hqctl_print(json_pack("{s:I,s:s,s:s,s:s,s:s,s:b}", "entry",
                                     (json_int_t)hqctl_number_of(row, "entry"), "verdict", verdict,
                                     "signed_by", hqctl_text_of(row, "signed_by"), "time",
                                     hqctl_text_of(row, "time"), "owner",
                                     hqctl_text_of(row, "owner"), "open", open)) == EXIT_OK
                   ? 0
                   : ERR_IO;
    hqctl_line(stdout, "entry %lld  %s  by %s  %s  owner %s  %s",
               (long long)hqctl_number_of(row, "entry"), verdict, hqctl_text_of(row, "signed_by"),
               hqctl_text_of(row, "time"), hqctl_or_dash(hqctl_text_of(row, "owner")),
               open ? "to be withdrawn 待撤控" : "withdrawn 已撤控");
    return 0;
}

int hqctl_proposals(struct hqctl *h, int argc, char **argv)
{
    struct proposals p = {.h = h};
    struct err_text err = {""};
    uint64_t after = 0;
    const struct arg_option options[] = {ARG_OPTION_FLAG("all", &p.all, "Withdrawn ones too.")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  Entries that a verified hit showed to be wrong, a false alarm or done with, and\n"
            "  who applied for them: 'hqctl wanted withdraw ENTRY' ends one. 撤控建议。\n",
        ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = hq_client_walk(&h->client, INSTRUCTIONS_PATH "?", "instructions", &after,
                            print_proposal, &p, &err);
    return rc == 0 ? EXIT_OK : hqctl_fail(h, rc, &err);
}
