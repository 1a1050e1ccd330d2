/*
 * Operator events. Each has a stable id and catalogue text (events.def) that says what to do.
 * Under systemd an event goes to the journal with MESSAGE_ID and fields, otherwise one line to
 * stderr. State changes are logged once, repeats counted by the caller. Any thread. Never a full
 * plate: plates go to the evidence journal.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/err.h"

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6
};

enum log_event_id {
#define EVENT(number, name, level, en, zh, what_to_do) EVENT_##name = (number),
#include "gateway/base/events.def"
#undef EVENT
};

struct log_event_def {
    int number;       /* stable; never reused */
    const char *name; /* "REDIS_DOWN" */
    enum log_level level;
    const char *text_en;
    const char *text_zh;
    const char *what_to_do; /* English */
};

/* The whole catalogue, ordered as in events.def. */
const struct log_event_def *log_event_table(size_t *out_count);
const struct log_event_def *log_event_find(enum log_event_id id);
/* What to do in Chinese (events_zh.def); English where no row says it. */
const char *log_event_what_to_do_zh(const struct log_event_def *event);

enum { LOG_MESSAGE_ID_SIZE = 33 };
/* The event's MESSAGE_ID in the journal and its catalogue, 32 hex digits: ours, then the number. */
void log_message_id(const struct log_event_def *event, char out[LOG_MESSAGE_ID_SIZE]);

/* Before the first event: the program's name stands in each line. */
void log_init(const char *program);
/* `fmt` gives the event's fields as key=value pairs separated by spaces, "" for none. Whatever
 * bytes they carry, it is one line of UTF-8: '?' for what is none or would move a terminal. */
void log_event(enum log_event_id id, const char *fmt, ...) PRINTF_LIKE(2, 3);
