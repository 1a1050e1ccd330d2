/*
 * hqctl hits: what is there, and with --follow what comes. A long poll; hqd may restart meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/hqctl/hit_record.h"

enum { WAIT_S = 50, WAIT_SLACK_S = 15, BACKOFF_FIRST_S = 1, BACKOFF_MAX_S = 30, QUERY_SIZE = 256 };

struct follow {
    struct hqctl *h;
    const char *checkpoint; /* NULL: all */
    uint64_t after;
    bool follow;
    bool lost; /* hqd could not be reached the last time; told once */
};

/* "17  2026-11-24T03:46:48.123Z  lu-hz-01  lane 1  鲁H12345  exact; very likely this plate  entry 7
 * priority 1  sounding, hold" */
static int print_hit(const struct hqctl *h, const json_t *hit)
{
    const json_t *record = json_object_get(hit, "record");
    const json_t *entry = json_object_get(record, "entry");
    const json_t *decision = json_object_get(record, "decision");
    const char *plate = hqctl_text_of(json_object_get(record, "read"), "plate");
    char why[MATCH_WHY_TEXT_SIZE];
    hit_record_why(record, why);
    if (h->json)
        return hqctl_print(json_incref((json_t *)(uintptr_t)hit));
    hqctl_line(stdout, "%lld  %s  %s  lane %lld  %s  %s  entry %lld priority %lld  %s%s%s",
               (long long)hqctl_number_of(hit, "number"), hqctl_text_of(hit, "time"),
               hqctl_text_of(hit, "checkpoint"), (long long)hqctl_number_of(record, "lane"),
               plate[0] ? plate : hqctl_text_of(record, "plate"), why,
               (long long)hqctl_number_of(entry, "id"),
               (long long)hqctl_number_of(entry, "priority"), hqctl_text_of(decision, "level"),
               json_is_true(json_object_get(decision, "hold")) ? ", hold" : "",
               json_is_true(json_object_get(hit, "provisional")) ? "  (provisional)" : "");
    return hqctl_written();
}

/* One page. 0 with the count of hits, or an error; *status is not EXIT_OK when printing failed. */
static int ask_page(struct follow *f, int wait_s, size_t *out_count, int *status,
                    struct err_text *err)
{
    char query[QUERY_SIZE];
    struct hq_answer answer;
    const json_t *hit;
    size_t index;
    int used =
        snprintf(query, sizeof(query), "/v1/operator/hits?after=%" PRIu64 "&limit=%d&wait=%d%s%s",
                 f->after, HQ_CLIENT_LIST_MAX, wait_s, f->checkpoint ? "&checkpoint=" : "",
                 f->checkpoint ? f->checkpoint : "");
    if (used >= (int)sizeof(query))
        return err_set(err, ERR_TOO_LARGE, "checkpoint: name too long");
    int rc =
        hq_client_ask(&f->h->client, "GET", query, NULL, 0, wait_s + WAIT_SLACK_S, &answer, err);
    const json_t *hits = json_object_get(answer.value, "hits");
    const json_t *next = json_object_get(answer.value, "next");
    if (rc == 0 && (!json_is_array(hits) || !json_is_integer(next)))
        rc = err_set(err, ERR_CORRUPT, "%s: no 'hits' and 'next' in the answer", query);
    json_array_foreach(hits, index, hit)
    {
        if (rc == 0 && *status == EXIT_OK)
            *status = print_hit(f->h, hit);
    }
    if (rc == 0) {
        f->after = (uint64_t)json_integer_value(next);
        *out_count = json_array_size(hits);
    }
    hq_answer_fini(&answer);
    return rc;
}

/* Whether waiting and asking again makes sense. */
static bool passes(int rc)
{
    return rc == ERR_IO || rc == ERR_TIMEOUT || rc == ERR_BUSY;
}

static void pause_s(int seconds)
{
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static int run(struct follow *f)
{
    struct err_text err = {""};
    int status = EXIT_OK;
    int pause = BACKOFF_FIRST_S;
    int wait_s = 0;
    for (;;) {
        size_t count = 0;
        int rc = ask_page(f, wait_s, &count, &status, &err);
        if (status != EXIT_OK)
            return status;
        if (rc == 0) {
            if (f->lost)
                fprintf(stderr, "hqctl: hqd answers again\n");
            f->lost = false;
            pause = BACKOFF_FIRST_S;
            if (count == 0 && !f->follow)
                return EXIT_OK;
            wait_s = count == 0 ? WAIT_S : 0;
            continue;
        }
        if (!f->follow || !passes(rc))
            return hqctl_fail(f->h, rc, &err);
        if (!f->lost)
            hqctl_line(stderr, "hqctl: %s; going on when hqd answers", err.text);
        f->lost = true;
        pause_s(pause);
        pause = pause * 2 < BACKOFF_MAX_S ? pause * 2 : BACKOFF_MAX_S;
    }
}

int hqctl_hits(struct hqctl *h, int argc, char **argv)
{
    struct follow f = {.h = h};
    struct err_text err = {""};
    int64_t after = 0;
    const struct arg_option options[] = {
        ARG_OPTION_FLAG("follow", &f.follow,
                        "Go on and print hits as they come, also over a restart of hqd."),
        ARG_OPTION_TEXT("checkpoint", "ID", &f.checkpoint, "Only this checkpoint's."),
        ARG_OPTION_NUMBER("after", "N", &after, 0, INT64_MAX,
                          "Only hits with a number above this one. Default: 0, all.")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  One line a hit: number, time, checkpoint, lane, plate, why it matched, entry, "
            "decision. A\n  hit sent ahead of its chain is provisional; it comes again under a "
            "new number only if\n  its content changed. With --json hqd's object, one a line.\n",
        ARG_OPTIONS(options)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (f.checkpoint && !tls_label_ok(f.checkpoint)) {
        (void)err_set(&err, ERR_INVALID, "--checkpoint = '%s': expected 1 to 64 of a-z 0-9 -",
                      f.checkpoint);            /* told below */
        (void)hqctl_fail(h, ERR_INVALID, &err); /* the status is another */
        return EXIT_USAGE;
    }
    f.after = (uint64_t)after;
    status = hqctl_connect(h);
    return status == 0 ? run(&f) : status;
}
