/*
 * Guided tests: <state_dir>/guided-tests.yaml says when somebody saw, at the barrier, the hardware
 * stop a lower onto a test body (safety rule 7). Read at start and on SIGHUP whole or not at all; a
 * file others could have written is refused. What is taken over is journaled. `checkpointctl
 * barrier test` has it written here. The lane thread alone turns dates into how long a test is
 * still good for, by trusted time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"

#define GUIDED_LIFE_MS (INT64_C(365) * 24 * 3600 * 1000)

struct guided_row {
    uint8_t lane;
    struct wall_time tested;
    bool stopped;
    char by[64];
};

struct guided_file {
    struct guided_row rows[PIPELINE_LANES_MAX];
    size_t count;
};

static const char *parse_time(const char *text, void *member)
{
    return wall_parse(text, member) == 0 ? NULL : "not a time, expected like 2026-05-01T10:00:00Z";
}

static const struct config_option row_options[] = {
    CONFIG_OPTION(struct guided_row, lane, "lane", CONFIG_INT, .required = true, .min = 1,
                  .max = LANE_ID_MAX, .help = "The lane that was tested."),
    CONFIG_OPTION(struct guided_row, tested, "tested", CONFIG_CUSTOM, .required = true,
                  .parse = parse_time, .help = "When, UTC."),
    CONFIG_OPTION(struct guided_row, stopped, "stopped", CONFIG_BOOL, .required = true,
                  .help = "Whether the hardware stopped the lower."),
    CONFIG_OPTION(struct guided_row, by, "by", CONFIG_STRING, .required = true, .min = 1,
                  .help = "Who saw it.")};
static const struct config_section row_section = {CONFIG_ROWS(row_options, struct guided_row),
                                                  .unique = "lane"};
static const struct config_option file_options[] = {
    CONFIG_ARRAY(struct guided_file, rows, count, "tests", .section = &row_section,
                 .max = PIPELINE_LANES_MAX, .required = true, .help = "The newest test a lane.")};
static const struct config_section file_section = {CONFIG_ROWS(file_options, struct guided_file)};

/* Only we or root may have written it: a boom comes down on its word. */
static int check_owner(const char *path, struct err_text *err)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return errno == ENOENT ? ERR_NOT_FOUND
                               : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if ((info.st_uid != 0 && info.st_uid != getuid()) || (info.st_mode & (S_IWGRP | S_IWOTH))) {
        return err_set(err, ERR_DENIED, "%s: others may write it, expected mode 0600 and our user",
                       path);
    }
    return 0;
}

static void journal_row(struct checkpointd *c, const struct guided_row *row)
{
    static struct fact fact; /* under guided_lock */
    char when[WALL_TEXT_SIZE];
    memset(&fact, 0, sizeof(fact));
    fact.kind = FACT_ACT;
    fact.lane = row->lane;
    fact.wall = clock_wall(&clock_system);
    fact.mono = clock_mono(&clock_system);
    fact.to_journal = true;
    fact.to_events = true;
    wall_format(row->tested, when);
    snprintf(fact.actor.program, sizeof(fact.actor.program), "checkpointd");
    fact.actor.uid = getuid();
    snprintf(fact.u.act.act, sizeof(fact.u.act.act), "guided_test");
    snprintf(fact.u.act.detail, sizeof(fact.u.act.detail), "lane %u tested %s by %s: %s", row->lane,
             when, row->by, row->stopped ? "stopped" : "not stopped");
    if (recorder_push(c, &fact) != 0) { /* not on record: not in force */
        atomic_store_explicit(&c->guided_ms[row->lane], 0, memory_order_relaxed);
        return;
    }
    publish_push(c, &fact);
}

static void tell(struct checkpointd *c, bool refused, const char *detail)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    if (refused == c->guided_refused) {
        return;
    }
    c->guided_refused = refused;
    event.u.alarm.event = EVENT_GUIDED_TESTS_REFUSED;
    event.u.alarm.active = refused;
    snprintf(event.u.alarm.detail, sizeof(event.u.alarm.detail), "%s", detail);
    lane_post(c, &event);
}

/* ERR_NOT_FOUND: there is none. */
static int load_file(const char *path, struct guided_file *out, struct err_text *err)
{
    memset(out, 0, sizeof(*out));
    int result = check_owner(path, err);
    return result == 0 ? config_load(path, &file_section, out, err) : result;
}

/* Under guided_lock. */
static void load(struct checkpointd *c)
{
    static struct guided_file file;
    char path[sizeof(c->config.state_dir) + 24];
    struct err_text err = {""};
    int64_t tested_ms[LANE_ID_MAX + 1] = {0};
    snprintf(path, sizeof(path), "%s/guided-tests.yaml", c->config.state_dir);
    int result = load_file(path, &file, &err);
    for (size_t i = 0; result == 0 && i < file.count; i++) {
        tested_ms[file.rows[i].lane] = file.rows[i].stopped ? file.rows[i].tested.ms : 0;
    }
    for (int lane = 1; lane <= LANE_ID_MAX; lane++) {
        atomic_store_explicit(&c->guided_ms[lane], tested_ms[lane], memory_order_relaxed);
    }
    for (size_t i = 0; result == 0 && i < file.count; i++) {
        journal_row(c, &file.rows[i]);
    }
    tell(c, result != 0 && result != ERR_NOT_FOUND, err.text);
}

void guided_load(struct checkpointd *c)
{
    pthread_mutex_lock(&c->guided_lock);
    load(c);
    pthread_mutex_unlock(&c->guided_lock);
}

/* ---- a test that was made ---- */

static int put_row(struct guided_file *file, const struct guided_row *row)
{
    size_t at = 0;
    while (at < file->count && file->rows[at].lane != row->lane) {
        at++;
    }
    if (at == PIPELINE_LANES_MAX) {
        return ERR_FULL; /* rows of lanes that are no longer there */
    }
    file->rows[at] = *row;
    file->count += at == file->count;
    return 0;
}

/* A JSON text is one of YAML too. */
static int write_file(const char *path, const struct guided_file *file, struct err_text *err)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < file->count; i++) {
        const struct guided_row *row = &file->rows[i];
        char when[WALL_TEXT_SIZE];
        wall_format(row->tested, when);
        json_array_append_new(rows, json_pack("{s:i,s:s,s:b,s:s}", "lane", (int)row->lane, "tested",
                                              when, "stopped", (int)row->stopped, "by", row->by));
    }
    json_t *whole = json_pack("{s:o}", "tests", rows);
    char *text = whole ? json_dumps(whole, JSON_INDENT(1)) : NULL;
    int result = text ? file_write_atomic(path, text, strlen(text), 0600, err)
                      : err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
    free(text);
    json_decref(whole);
    return result;
}

int guided_put(struct checkpointd *c, uint8_t lane, struct wall_time tested, bool stopped,
               const char *by, struct err_text *err)
{
    static struct guided_file file; /* under guided_lock */
    char path[sizeof(c->config.state_dir) + 24];
    struct guided_row row = {.lane = lane, .tested = tested, .stopped = stopped};
    snprintf(row.by, sizeof(row.by), "%s", by);
    snprintf(path, sizeof(path), "%s/guided-tests.yaml", c->config.state_dir);
    pthread_mutex_lock(&c->guided_lock);
    int result = load_file(path, &file, err);
    if (result == 0 || result == ERR_NOT_FOUND) {
        result = put_row(&file, &row);
        if (result != 0) {
            result = err_set(err, result, "%s: no room for one more lane", path);
        }
    }
    if (result == 0) {
        result = write_file(path, &file, err);
    }
    if (result == 0) {
        load(c);
    }
    pthread_mutex_unlock(&c->guided_lock);
    return result;
}

int64_t guided_valid_ms(const struct checkpointd *c, uint8_t lane, struct wall_time now,
                        bool trusted)
{
    int64_t tested = atomic_load_explicit(&c->guided_ms[lane], memory_order_relaxed);
    if (tested <= 0 || !trusted || tested > now.ms) { /* a test of tomorrow is no test */
        return 0;
    }
    return tested + GUIDED_LIFE_MS - now.ms;
}
