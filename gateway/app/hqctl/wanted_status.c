/*
 * hqctl wanted status: which checkpoint has which revision of the list, how old it is, and since
 * when it lacks a newer one.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/clock.h"
#include "gateway/base/text_table.h"

static const char *const titles[] = {"CHECKPOINT",   ">REVISION", ">BEHIND BY", "LIST OF", "AGE",
                                     "BEHIND SINCE", "SEEN",      "STATE",      "NAME"};
enum { COLUMNS = sizeof(titles) / sizeof(titles[0]), CELL_SIZE = 32 };

struct status {
    const struct hqctl *h;
    const json_t *head;
    struct wall_time now;
    struct text_table *table; /* NULL with --json */
    size_t behind;
    size_t shown;
};

/* Seconds since a time as hqd writes it; -1 when there is none. A clock ahead of ours: 0. */
static int64_t age_s(const struct status *s, const char *text)
{
    struct wall_time time;
    if (wall_parse(text, &time) != 0)
        return -1;
    return s->now.ms > time.ms ? (s->now.ms - time.ms) / 1000 : 0;
}

/* "3 d 4 h", "5 h 12 min", "2 min", "40 s" */
static void say_age(int64_t seconds, char out[CELL_SIZE])
{
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
    long long s = seconds;
    if (s < 0)
        (void)snprintf(out, CELL_SIZE, "-"); /* fits, as those below */
    else if (s >= DAY)
        (void)snprintf(out, CELL_SIZE, "%lld d %lld h", s / DAY, s % DAY / HOUR);
    else if (s >= HOUR)
        (void)snprintf(out, CELL_SIZE, "%lld h %lld min", s / HOUR, s % HOUR / MINUTE);
    else if (s >= MINUTE)
        (void)snprintf(out, CELL_SIZE, "%lld min", s / MINUTE);
    else
        (void)snprintf(out, CELL_SIZE, "%lld s", s);
}

/* The revision of headquarters under another hash: not its list. */
static bool is_other(const struct status *s, const json_t *row)
{
    return hqctl_number_of(row, "list_revision") > 0 &&
           hqctl_number_of(row, "list_revision") == hqctl_number_of(s->head, "revision") &&
           strcmp(hqctl_text_of(row, "list_hash"), hqctl_text_of(s->head, "hash")) != 0;
}

static int add_row(struct status *s, const json_t *row)
{
    char revision[CELL_SIZE] = "-";
    char by[CELL_SIZE] = "-";
    char age[CELL_SIZE];
    long long held = (long long)hqctl_number_of(row, "list_revision");
    long long behind = (long long)hqctl_number_of(s->head, "revision") - held;
    if (held > 0)
        (void)snprintf(revision, sizeof(revision), "%lld", held); /* fits */
    if (is_other(s, row))
        (void)snprintf(by, sizeof(by), "OTHER LIST 名单不同"); /* fits */
    else if (behind > 0)
        (void)snprintf(by, sizeof(by), "%lld", behind); /* fits */
    say_age(age_s(s, hqctl_text_of(row, "list_time")), age);
    const char *cells[COLUMNS] = {hqctl_text_of(row, "id"),
                                  revision,
                                  by,
                                  hqctl_or_dash(hqctl_text_of(row, "list_time")),
                                  age,
                                  hqctl_or_dash(hqctl_text_of(row, "behind_since")),
                                  hqctl_or_dash(hqctl_text_of(row, "last_seen")),
                                  hqctl_text_of(row, "state"),
                                  hqctl_text_of(row, "name")};
    return text_table_add(s->table, cells);
}

static int print_row(const struct status *s, const json_t *row)
{
    long long held = (long long)hqctl_number_of(row, "list_revision");
    return hqctl_print(json_pack(
        "{s:O,s:O,s:O,s:I,s:O,s:I,s:O,s:O,s:O,s:b}", "id", json_object_get(row, "id"), "state",
        json_object_get(row, "state"), "list_revision", json_object_get(row, "list_revision"),
        "behind_by", (json_int_t)(hqctl_number_of(s->head, "revision") - held), "list_time",
        json_object_get(row, "list_time"), "age_s",
        (json_int_t)age_s(s, hqctl_text_of(row, "list_time")), "behind_since",
        json_object_get(row, "behind_since"), "last_seen", json_object_get(row, "last_seen"),
        "list_hash", json_object_get(row, "list_hash"), "other_list", is_other(s, row)));
}

/* Who is shut out is told nothing and takes nothing. */
static int show_rows(struct status *s, const json_t *rows)
{
    const json_t *row;
    size_t index;
    int rc = 0;
    json_array_foreach(rows, index, row)
    {
        if (rc != 0 || strcmp(hqctl_text_of(row, "state"), "revoked") == 0)
            continue;
        s->shown++;
        s->behind +=
            hqctl_number_of(row, "list_revision") != hqctl_number_of(s->head, "revision") ||
            is_other(s, row);
        rc = s->h->json ? print_row(s, row) : add_row(s, row);
    }
    return rc;
}

static int show(struct status *s, const json_t *rows)
{
    struct err_text err = {"out of memory"};
    if (s->h->json)
        return show_rows(s, rows);
    int rc = text_table_create(titles, COLUMNS, &s->table);
    if (rc == 0)
        rc = show_rows(s, rows);
    if (rc == 0) {
        hqctl_line(stdout, "List revision %lld of %s: %zu of %zu checkpoints without it",
                   (long long)hqctl_number_of(s->head, "revision"),
                   hqctl_or_dash(hqctl_text_of(s->head, "time")), s->behind, s->shown);
        text_table_print(s->table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(s->table);
    return rc == 0 ? EXIT_OK : hqctl_fail(s->h, rc, &err);
}

int hqctl_wanted_status(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct hq_answer head = {0};
    struct hq_answer all = {0};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  What each checkpoint last said it has in force. LIST OF is the time of the "
                "batch whose\n  list that is, AGE how long ago; BEHIND SINCE the time of the first "
                "batch it lacks. A\n  checkpoint not SEEN for long may have more than it could "
                "say. OTHER LIST: the newest\n  revision's number, another content.\n"};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = hq_client_get(&h->client, "/v1/list/head", &head, &err);
    if (rc == 0)
        rc = hq_client_get(&h->client, "/v1/operator/checkpoints", &all, &err);
    struct status s = {.h = h, .head = head.value, .now = clock_wall(&clock_system)};
    status =
        rc == 0 ? show(&s, json_object_get(all.value, "checkpoints")) : hqctl_fail(h, rc, &err);
    hq_answer_fini(&head);
    hq_answer_fini(&all);
    return status;
}
