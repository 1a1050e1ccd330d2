/* See inquiries.h. */
#include "gateway/app/checkpointd/inquiries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"

enum {
    POP_WAIT_MS = 200,
    SILENT_MAX_MS = 10 * 60000, /* as the journal's thread, which it may wait for */
    DAY_MS = 24 * 3600 * 1000
};

int inquiries_init(struct checkpointd *c, struct err_text *err)
{
    c->inquiries.jobs = queue_create(INQUIRIES_MAX, sizeof(struct inquiry *));
    return c->inquiries.jobs ? 0 : err_set(err, ERR_NO_MEMORY, "search: no memory");
}

void inquiry_free(struct inquiry *inquiry)
{
    if (!inquiry) {
        return;
    }
    free(inquiry->history);
    free(inquiry);
}

void inquiries_destroy(struct checkpointd *c)
{
    struct inquiry *left = NULL;
    while (c->inquiries.jobs && queue_pop(c->inquiries.jobs, &left, 0) == 0) {
        inquiry_free(left);
    }
    for (size_t i = 0; i < HISTORY_OPEN_MAX; i++) {
        free(c->inquiries.open[i]);
    }
    journal_reader_close(c->inquiries.reader);
    queue_destroy(c->inquiries.jobs);
}

/* ---- asking; control thread ---- */

bool inquiry_span(struct control *control, const struct control_call *call, int days,
                  struct wall_time *out_from, struct wall_time *out_until)
{
    const char *from = json_string_value(json_object_get(call->args, "from"));
    const char *to = json_string_value(json_object_get(call->args, "to"));
    char text[96];
    if (!from || !to || wall_parse(from, out_from) != 0 || wall_parse(to, out_until) != 0) {
        control_refuse(control, call->ticket, "invalid",
                       "from, to: expected times like 2026-11-24T03:46:48Z", "起止时间格式不正确");
        return false;
    }
    if (out_from->ms >= out_until->ms || out_until->ms - out_from->ms > (int64_t)days * DAY_MS) {
        snprintf(text, sizeof(text), "to: expected a time after from, at most %d days", days);
        control_refuse(control, call->ticket, "invalid", text, "时间范围不正确或过长");
        return false;
    }
    return true;
}

struct inquiry *inquiry_begin(struct checkpointd *c, const struct control_call *call,
                              enum inquiry_kind kind, const char *act, const char *reason)
{
    struct inquiry *inquiry = calloc(1, sizeof(*inquiry));
    if (!inquiry) {
        control_refuse(c->control, call->ticket, "no_memory", "no memory", "内存不足");
        return NULL;
    }
    inquiry->kind = kind;
    inquiry->ticket = call->ticket;
    snprintf(inquiry->officer, sizeof(inquiry->officer), "%s", call->actor.officer);
    acts_begin_fact(c, &inquiry->fact, &call->actor, FACT_ACT, reason);
    snprintf(inquiry->fact.u.act.act, sizeof(inquiry->fact.u.act.act), "%s", act);
    return inquiry;
}

bool inquiry_details(struct inquiry *inquiry, json_t *more)
{
    char *text = inquiry->fact.text;
    size_t size = json_dumpb(more, text, WANTED_TEXT_MAX, JSON_COMPACT);
    bool fits = size > 0 && size <= WANTED_TEXT_MAX;
    text[fits ? size : 0] = '\0';
    json_decref(more);
    return fits;
}

void inquiries_submit(struct checkpointd *c, struct inquiry *inquiry)
{
    if (queue_push(c->inquiries.jobs, &inquiry) != 0) {
        control_refuse(c->control, inquiry->ticket, "busy", "other searches still wait",
                       "其他查询尚未完成");
        inquiry_free(inquiry);
    }
}

/* ---- reading; search thread ---- */

static int open_reader(struct checkpointd *c, struct err_text *err)
{
    return c->inquiries.reader ? 0 : journal_reader_open(c->journal_dir, &c->inquiries.reader, err);
}

int inquiry_read(struct checkpointd *c, struct thread *self, struct inquiry_reading *reading,
                 struct err_text *err)
{
    struct mono_time begin = clock_mono(&clock_system);
    int result = open_reader(c, err);
    while (result == 0) {
        struct mono_time batch = clock_mono(&clock_system);
        size_t count = 0;
        thread_alive(self);
        result = journal_reader_back(c->inquiries.reader, &reading->span, &reading->place,
                                     INQUIRY_BATCH, reading->take, reading->ctx, &count, err);
        reading->scanned += count;
        if (result == ERR_CORRUPT) { /* the place is behind it */
            reading->damaged++;
            result = 0;
        } else if (result == 0 && count < INQUIRY_BATCH) {
            return 0;
        }
        int64_t took_ms = mono_diff_ms(clock_mono(&clock_system), batch);
        if (result == 0 && took_ms < INQUIRY_BATCH_MS) {
            thread_wait_ms(self, (int)(INQUIRY_BATCH_MS - took_ms));
        }
        if (result == 0 && thread_stopping(self)) {
            result = err_set(err, ERR_STOPPED, "the program ends");
        } else if (result == 0 &&
                   mono_diff_ms(clock_mono(&clock_system), begin) >= reading->work_ms) {
            result = err_set(err, ERR_TIMEOUT, "not done yet");
        }
    }
    return result;
}

/* False: it is not on record, and was refused. */
static bool record(struct checkpointd *c, const struct inquiry *inquiry)
{
    if (inquiry->kind == INQUIRY_MORE || recorder_record_and_wait(c, &inquiry->fact) == 0) {
        return true;
    }
    control_refuse(c->control, inquiry->ticket, "journal",
                   "the journal cannot record the search now: nothing was searched",
                   "日志当前无法写入，未能查询");
    return false;
}

void inquiries_run(struct thread *self, void *arg)
{
    struct checkpointd *c = arg;
    while (!thread_stopping(self)) {
        struct inquiry *inquiry = NULL;
        thread_alive(self);
        if (queue_pop(c->inquiries.jobs, &inquiry, POP_WAIT_MS) != 0) {
            continue;
        }
        thread_silent_ms(self, SILENT_MAX_MS);
        if (record(c, inquiry)) {
            switch (inquiry->kind) {
            case INQUIRY_HISTORY:
            case INQUIRY_MORE:
                history_run(c, self, inquiry);
                break;
            case INQUIRY_REPORT:
                report_run(c, self, inquiry);
                break;
            }
        }
        inquiry_free(inquiry);
    }
}
