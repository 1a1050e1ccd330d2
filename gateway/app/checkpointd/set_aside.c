/*
 * A journal at the start: opened, or set aside where it is damaged. And one that is sound and yet
 * cannot go on: the box was put back to an earlier state of it, or two boxes wrote it, so that
 * headquarters holds other records under its numbers. A named person asks for a new chain; it
 * begins at the next start, as with a damaged one (rescue.c): the old files stay, open holds are
 * taken over. What is asked for stands in a file that names the chains, so that a power cut at any
 * point sets none aside twice. The act: control thread; the rest: main thread, at the start, for a
 * second chain that could not be opened then its own thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"

enum { REQUEST_MAX = 4096, REQUEST_PATH_SIZE = 256 };

static void request_path(const struct checkpointd *c, char out[REQUEST_PATH_SIZE])
{
    (void)snprintf(out, REQUEST_PATH_SIZE, "%s/set-aside.json", c->config.state_dir); /* fits */
}

/* ---- asked for ---- */

static int write_request(const struct checkpointd *c, const struct control_actor *actor,
                         const char *reason, struct err_text *err)
{
    char path[REQUEST_PATH_SIZE];
    const char *by = actor->officer[0] ? actor->officer : "administrator";
    json_t *object = json_pack("{s:s,s:s,s:[s,s]}", "by", by, "reason", reason, "chains",
                               c->recorder.chain, observe_counts(c->observe)->chain);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    request_path(c, path);
    int result = text ? file_write_atomic(path, text, strlen(text), 0600, err)
                      : err_set(err, ERR_NO_MEMORY, "no memory");
    free(text);
    json_decref(object);
    return result;
}

void set_aside_act(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    static struct fact fact; /* control thread */
    struct err_text err = {""};
    const char *reason = acts_reason(control, call, true);
    if (!reason) {
        return;
    }
    acts_begin_fact(c, &fact, &call->actor, FACT_ACT, reason);
    (void)snprintf(fact.u.act.act, sizeof(fact.u.act.act), "journal_set_aside"); /* fits */
    if (recorder_record_and_wait(c, &fact) != 0) {
        control_refuse(control, call->ticket, "journal", "the journal cannot record it now",
                       "日志当前无法写入");
        return;
    }
    publish_push(c, &fact);
    if (write_request(c, &call->actor, reason, &err) != 0) {
        control_refuse(control, call->ticket, "failed", err.text, "无法写入磁盘");
        return;
    }
    control_answer(control, call->ticket, json_pack("{s:s}", "chain", c->recorder.chain));
}

/* ---- carried out ---- */

/* NULL: nothing is asked for. What cannot be read asks for nothing, and says so. */
static json_t *read_request(const struct checkpointd *c)
{
    char path[REQUEST_PATH_SIZE];
    uint8_t *text = NULL;
    size_t size = 0;
    json_t *object = NULL;
    struct err_text err = {""};
    request_path(c, path);
    int result = file_read(path, REQUEST_MAX, &text, &size, &err);
    if (result == 0) {
        result = json_parse((const char *)text, size, &object, &err);
    }
    free(text);
    if (result != 0 && result != ERR_NOT_FOUND) {
        log_event(EVENT_JOURNAL_BEGUN_ANEW, "detail=\"not done: %s: %s\"", path, err.text);
    }
    return object;
}

static bool is_due(const struct checkpointd *c, const struct journal *journal,
                   struct err_text *out_why)
{
    struct journal_head head;
    char chain[2 * sizeof(head.chain) + 1];
    json_t *object = read_request(c);
    const json_t *item;
    size_t i;
    bool due = false;
    journal_head_read(journal, &head);
    hex_encode(head.chain, sizeof(head.chain), chain);
    json_array_foreach(json_object_get(object, "chains"), i, item)
    {
        due |= json_is_string(item) && strcmp(json_string_value(item), chain) == 0;
    }
    if (due) {
        const char *by = json_string_value(json_object_get(object, "by"));
        const char *reason = json_string_value(json_object_get(object, "reason"));
        (void)err_set(out_why, ERR_STALE, "set aside by %s: %s", by ? by : "?",
                      reason ? reason : "?"); /* the text alone is used */
        log_event(EVENT_JOURNAL_BEGUN_ANEW, "chain=%s detail=\"%s\"", chain, out_why->text);
    }
    json_decref(object);
    return due;
}

int set_aside_open(struct checkpointd *c, const struct journal_options *options, bool holds,
                   struct journal **out, struct err_text *err)
{
    int result = journal_open(options, out, err);
    if (result == 0 && !is_due(c, *out, err)) {
        return 0;
    }
    if (result == 0) {
        journal_close(*out);
        *out = NULL;
    } else if (result == ERR_CORRUPT) {
        log_event(EVENT_JOURNAL_SET_ASIDE, "detail=\"%s\"", err->text);
    } else {
        return result;
    }
    if (holds) {
        rescue_keep(c, err->text);
    }
    result = journal_set_aside(options->folder, clock_wall(&c->clock), err);
    return result == 0 ? journal_open(options, out, err) : result;
}

void set_aside_done(const struct checkpointd *c)
{
    char path[REQUEST_PATH_SIZE];
    request_path(c, path);
    if (unlink(path) != 0 && errno != ENOENT) {
        /* it names chains that are no longer written: it does nothing any more */
        log_event(EVENT_JOURNAL_BEGUN_ANEW, "detail=\"%s: %s\"", path, strerror(errno));
    }
}
