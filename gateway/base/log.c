/*
 * Operator events to the systemd journal or stderr. State: the program's name, set once in main
 * before threads start.
 */
#include "gateway/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "gateway/base/clock.h"
#include "gateway/base/utf8.h"

static const struct log_event_def events[] = {
#define EVENT(number, name, level, en, zh, what_to_do)                                             \
    {(number), #name, (level), (en), (zh), (what_to_do)},
#include "gateway/base/events.def"
#undef EVENT
};

static const struct {
    enum log_event_id id;
    const char *what_to_do;
} chinese[] = {
#define EVENT_ZH(name, what_to_do) {EVENT_##name, (what_to_do)},
#include "gateway/base/events_zh.def"
#undef EVENT_ZH
};

static const char *program_name = "checkpoint";
static bool to_journal;

const struct log_event_def *log_event_table(size_t *out_count)
{
    *out_count = sizeof(events) / sizeof(events[0]);
    return events;
}

const struct log_event_def *log_event_find(enum log_event_id id)
{
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (events[i].number == (int)id) {
            return &events[i];
        }
    }
    return NULL;
}

const char *log_event_what_to_do_zh(const struct log_event_def *event)
{
    for (size_t i = 0; i < sizeof(chinese) / sizeof(chinese[0]); i++) {
        if ((int)chinese[i].id == event->number) {
            return chinese[i].what_to_do;
        }
    }
    return event->what_to_do;
}

void log_message_id(const struct log_event_def *event, char out[LOG_MESSAGE_ID_SIZE])
{
    (void)snprintf(out, LOG_MESSAGE_ID_SIZE, "c4ec9017c0de4a7e8d000000%08x", /* fits */
                   (unsigned)event->number);
}

void log_init(const char *program)
{
    program_name = program;
    to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_event(enum log_event_id id, const char *fmt, ...)
{
    const struct log_event_def *event = log_event_find(id);
    char fields[1024];
    char message_id[LOG_MESSAGE_ID_SIZE];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fields, sizeof(fields), fmt, args); /* over-long fields are cut */
    va_end(args);
    utf8_make_line(fields); /* some of it came from a peer, and the cut may be inside a character */
    if (!event) {
        return; /* an id outside the enum: the compiler's warning, not ours */
    }
    log_message_id(event, message_id);
    if (to_journal && sd_journal_send("MESSAGE=%s: %s %s", event->name, event->text_en, fields,
                                      "MESSAGE_ID=%s", message_id, "PRIORITY=%d", (int)event->level,
                                      "CHECKPOINT_EVENT=%s", event->name, "CHECKPOINT_FIELDS=%s",
                                      fields, "SYSLOG_IDENTIFIER=%s", program_name, NULL) == 0) {
        return;
    }
    char now[WALL_TEXT_SIZE];
    wall_format(clock_wall(&clock_system), now);
    fprintf(stderr, "%s %s <%d> %s: %s%s%s\n", now, program_name, (int)event->level, event->name,
            event->text_en, fields[0] ? " " : "", fields);
}
