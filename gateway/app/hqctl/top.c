/*
 * hqctl top: the fleet at a glance, again every few seconds: how many are in which state, how many
 * lack the newest list, records a second, and first the checkpoints that need somebody.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/text_table.h"

enum { ROWS_DEFAULT = 20, EVERY_DEFAULT_S = 2 };

static const char *const titles[] = {"CHECKPOINT", "STATE",      ">LIST", "LIST BEHIND SINCE",
                                     ">CONFIRMED", ">RECORDS/S", "SEEN",  "NAME"};
enum { COLUMNS = sizeof(titles) / sizeof(titles[0]) };

struct top {
    struct hqctl *h;
    int64_t every_s;
    int64_t rows;
    bool once;
    json_t *before; /* id -> confirmed, of the last look; NULL: there was none */
};

struct sums {
    size_t enrolled;
    size_t active;
    size_t quarantined;
    size_t revoked;
    size_t behind;
    size_t self_test_absent;
    int64_t calls;
    int64_t records;
};

static int no_memory(const struct hqctl *h)
{
    struct err_text err = {"out of memory"};
    return hqctl_fail(h, ERR_NO_MEMORY, &err);
}

/* Records confirmed since the last look; 0 at the first. */
static int64_t news_of(const struct top *top, const json_t *row)
{
    const json_t *last = json_object_get(top->before, hqctl_text_of(row, "id"));
    int64_t news = last ? hqctl_number_of(row, "confirmed") - json_integer_value(last) : 0;
    return news > 0 ? news : 0; /* a new chain begins below */
}

static bool is_behind(const json_t *row)
{
    return hqctl_text_of(row, "behind_since")[0] != '\0';
}

static bool is_absent(const json_t *row)
{
    return json_is_true(json_object_get(row, "self_test_absent"));
}

static void add_up(const struct top *top, const json_t *rows, struct sums *out)
{
    const json_t *row;
    size_t index;
    json_array_foreach(rows, index, row)
    {
        const char *state = hqctl_text_of(row, "state");
        out->enrolled += strcmp(state, "enrolled") == 0;
        out->active += strcmp(state, "active") == 0;
        out->quarantined += strcmp(state, "quarantined") == 0;
        out->revoked += strcmp(state, "revoked") == 0;
        out->behind += is_behind(row) && strcmp(state, "revoked") != 0;
        out->self_test_absent += is_absent(row);
        out->calls += hqctl_number_of(row, "calls");
        out->records += news_of(top, row);
    }
}

/* The smaller, the sooner somebody should look. */
static int rank_of(const json_t *row)
{
    const char *state = hqctl_text_of(row, "state");
    return hqctl_number_of(row, "calls") > 0   ? 0
           : strcmp(state, "quarantined") == 0 ? 1
           : strcmp(state, "revoked") == 0     ? 5
           : strcmp(state, "enrolled") == 0    ? 4
           : is_absent(row) || is_behind(row)  ? 2
                                               : 3;
}

struct place {
    const json_t *row;
};

/* Times are texts of one form: the longest not seen comes first. */
static int compare(const void *a, const void *b)
{
    const json_t *one = ((const struct place *)a)->row;
    const json_t *other = ((const struct place *)b)->row;
    int by_rank = rank_of(one) - rank_of(other);
    int by_seen = strcmp(hqctl_text_of(one, "last_seen"), hqctl_text_of(other, "last_seen"));
    return by_rank != 0   ? by_rank
           : by_seen != 0 ? by_seen
                          : strcmp(hqctl_text_of(one, "id"), hqctl_text_of(other, "id"));
}

static int add_row(const struct top *top, struct text_table *table, const json_t *row)
{
    char list[24];
    char confirmed[24];
    char rate[24];
    (void)snprintf(list, sizeof(list), "%lld",
                   (long long)hqctl_number_of(row, "list_revision")); /* fits */
    (void)snprintf(confirmed, sizeof(confirmed), "%lld",
                   (long long)hqctl_number_of(row, "confirmed")); /* fits */
    (void)snprintf(rate, sizeof(rate), "%lld",
                   (long long)(news_of(top, row) / top->every_s)); /* fits */
    const char *behind = hqctl_text_of(row, "behind_since");
    const char *seen = hqctl_text_of(row, "last_seen");
    const char *cells[COLUMNS] = {hqctl_text_of(row, "id"),
                                  hqctl_text_of(row, "state"),
                                  list,
                                  behind[0] ? behind : "-",
                                  confirmed,
                                  rate,
                                  seen[0] ? seen : "-",
                                  hqctl_text_of(row, "name")};
    return text_table_add(table, cells);
}

static int print_table(const struct top *top, const json_t *rows)
{
    struct text_table *table = NULL;
    size_t count = json_array_size(rows);
    struct place *sorted = calloc(count + 1, sizeof(*sorted));
    int rc = sorted ? text_table_create(titles, COLUMNS, &table) : ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < count; i++)
        sorted[i].row = json_array_get(rows, i);
    if (rc == 0)
        qsort(sorted, count, sizeof(*sorted), compare);
    for (size_t i = 0; rc == 0 && i < count && i < (size_t)top->rows; i++)
        rc = add_row(top, table, sorted[i].row);
    if (rc == 0)
        text_table_print(table, stdout, text_screen_columns(stdout));
    text_table_destroy(table);
    free(sorted);
    return rc;
}

static int print(const struct top *top, const json_t *head, const json_t *rows)
{
    struct sums sums = {0};
    add_up(top, rows, &sums);
    if (top->h->json)
        return hqctl_print(json_pack(
            "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "list_revision",
            (json_int_t)hqctl_number_of(head, "revision"), "enrolled", (json_int_t)sums.enrolled,
            "active", (json_int_t)sums.active, "quarantined", (json_int_t)sums.quarantined,
            "revoked", (json_int_t)sums.revoked, "behind", (json_int_t)sums.behind,
            "self_test_absent", (json_int_t)sums.self_test_absent, "calls", (json_int_t)sums.calls,
            "records_per_s", (json_int_t)(sums.records / top->every_s)));
    if (isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout); /* ECMA-48: home, erase */
    hqctl_line(stdout,
               "List revision %lld. %zu active, %zu quarantined, %zu enrolled, %zu revoked; %zu"
               " without the newest list, %zu whose self-test is absent; %lld records/s."
               " %lld calls open 未结束呼叫 (hqctl calls)",
               (long long)hqctl_number_of(head, "revision"), sums.active, sums.quarantined,
               sums.enrolled, sums.revoked, sums.behind, sums.self_test_absent,
               (long long)(sums.records / top->every_s), (long long)sums.calls);
    if (print_table(top, rows) != 0)
        return no_memory(top->h);
    return hqctl_written();
}

static int remember(struct top *top, const json_t *rows)
{
    const json_t *row;
    size_t index;
    json_t *now = json_object();
    int rc = now ? 0 : -1;
    json_array_foreach(rows, index, row)
    {
        if (rc == 0)
            rc = json_object_set_new(now, hqctl_text_of(row, "id"),
                                     json_integer(hqctl_number_of(row, "confirmed")));
    }
    json_decref(top->before);
    top->before = now;
    return rc == 0 ? EXIT_OK : no_memory(top->h);
}

static int look(struct top *top)
{
    struct err_text err = {""};
    struct hq_answer head = {0};
    struct hq_answer all = {0};
    int rc = hq_client_get(&top->h->client, "/v1/list/head", &head, &err);
    if (rc == 0)
        rc = hq_client_get(&top->h->client, "/v1/operator/checkpoints", &all, &err);
    int status = rc == 0 ? EXIT_OK : hqctl_fail(top->h, rc, &err);
    const json_t *rows = json_object_get(all.value, "checkpoints");
    if (status == EXIT_OK)
        status = print(top, head.value, rows);
    if (status == EXIT_OK)
        status = remember(top, rows);
    hq_answer_fini(&head);
    hq_answer_fini(&all);
    return status;
}

int hqctl_top(struct hqctl *h, int argc, char **argv)
{
    struct top top = {.h = h, .every_s = EVERY_DEFAULT_S, .rows = ROWS_DEFAULT};
    const struct arg_option options[] = {
        ARG_OPTION_NUMBER("every", "SECONDS", &top.every_s, 1, 3600,
                          "Seconds between two looks. Default: 2."),
        ARG_OPTION_NUMBER("rows", "N", &top.rows, 1, 100000,
                          "How many checkpoints are shown. Default: 20."),
        ARG_OPTION_FLAG("once", &top.once, "Look once and end.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  The fleet at a glance until it is interrupted. First come checkpoints that "
                "call,\n  then those in quarantine, those without the newest list or a self-test, "
                "then those not "
                "seen for "
                "longest.\n",
        ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    status = look(&top);
    while (status == EXIT_OK && !top.once) {
        (void)sleep((unsigned)top.every_s); /* a signal ends the program */
        status = look(&top);
    }
    json_decref(top.before);
    return status;
}
