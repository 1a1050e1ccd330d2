/*
 * Thread "search": what reads the journal back for people: searches of past passages and reports.
 * One after the other; each is on record under the asker's name before it begins, and works for a
 * bounded time. Internal to checkpointd; inquiries.c, history.c, report.c.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/queue.h"
#include "gateway/base/thread.h"
#include "gateway/control/control.h"
#include "gateway/journal/reader.h"
#include "gateway/pipeline/fact.h"
#include "gateway/pipeline/passage_search.h"

struct checkpointd;

enum {
    INQUIRIES_MAX = 8,      /* waiting */
    INQUIRY_BATCH = 500,    /* records of one transaction */
    INQUIRY_BATCH_MS = 10,  /* at least, so that at most 50,000 records a second are read */
    INQUIRY_SPAN_DAYS = 31, /* of a report; a search's is HISTORY_SPAN_DAYS */
    HISTORY_OPEN_MAX = 16,
    HISTORY_LIFE_MS = 10 * 60000, /* one that nobody goes on with ends */
    HISTORY_SEEN_MAX = 4096,      /* passages shown that are not shown again */
    HISTORY_ROWS_DEFAULT = 50,
    HISTORY_ROWS_MAX = 100,
    HISTORY_SPAN_DAYS = 30,
    HISTORY_CASE_MAX = 64,
    HISTORY_WORK_MS = 400 /* of one answer */
};

/* A search of past passages. */
struct history {
    uint64_t id; /* 0 = free */
    char officer[OFFICER_NAME_MAX + 1];
    struct mono_time used;
    struct passage_query query;
    struct journal_span span;
    struct journal_place place;
    bool begun;
    size_t rows_max;
    uint64_t scanned;
    size_t seen_count; /* of all; the ring has the last ones */
    json_int_t seen[HISTORY_SEEN_MAX];
};

enum inquiry_kind { INQUIRY_HISTORY, INQUIRY_MORE, INQUIRY_REPORT };

struct inquiry {
    enum inquiry_kind kind;
    struct control_ticket ticket;
    char officer[OFFICER_NAME_MAX + 1];
    struct fact fact;        /* its record; not of MORE */
    struct history *history; /* HISTORY: heap, handed over */
    uint64_t more;           /* MORE: the search that goes on */
    struct wall_time from;   /* REPORT */
    struct wall_time until;
};

struct inquiries {
    struct queue *jobs; /* struct inquiry * */
    struct thread thread;
    /* The thread's own. */
    struct history *open[HISTORY_OPEN_MAX];
    uint64_t last_id;
    struct journal_reader *reader; /* NULL: not opened yet */
};

/* ERR_NO_MEMORY. Before the threads. */
int inquiries_init(struct checkpointd *c, struct err_text *err) MUST_CHECK;
void inquiries_destroy(struct checkpointd *c); /* the thread has ended */
void inquiries_run(struct thread *self, void *checkpointd);
/* Takes the inquiry over, or refuses it through its ticket and frees it. Control thread. */
void inquiries_submit(struct checkpointd *c, struct inquiry *inquiry);
void inquiry_free(struct inquiry *inquiry); /* NULL is fine */

/* The times "from" and "to" of a call, at most `days` apart; false: it was refused. */
bool inquiry_span(struct control *control, const struct control_call *call, int days,
                  struct wall_time *out_from, struct wall_time *out_until);
/* Begins the fact of an inquiry that the caller makes. NULL without memory: it was refused. */
struct inquiry *inquiry_begin(struct checkpointd *c, const struct control_call *call,
                              enum inquiry_kind kind, const char *act, const char *reason);
/* What the record says beside who and why; steals `more`. False: too much, nothing is said. */
bool inquiry_details(struct inquiry *inquiry, json_t *more);

/* Search thread: reads a span back, batch by batch, at a bounded rate, damage passed over and
 * counted. take() as of the journal's reader. 0: all was read; ERR_TIMEOUT: `work_ms` are over,
 * what is left can be read from *place on; ERR_STOPPED of take() or the program; ERR_IO. */
struct inquiry_reading {
    struct journal_span span;
    struct journal_place place;
    int work_ms;
    uint64_t scanned;
    uint64_t damaged;
    int (*take)(void *ctx, const struct journal_record *record);
    void *ctx;
};
int inquiry_read(struct checkpointd *c, struct thread *self, struct inquiry_reading *reading,
                 struct err_text *err) MUST_CHECK;

/* Search thread; answers the ticket. */
void history_run(struct checkpointd *c, struct thread *self, struct inquiry *inquiry);
void report_run(struct checkpointd *c, struct thread *self, const struct inquiry *inquiry);

/* The acts. */
void acts_history(void *checkpointd, struct control *control, const struct control_call *call);
void acts_history_more(void *checkpointd, struct control *control, const struct control_call *call);
void acts_report(void *checkpointd, struct control *control, const struct control_call *call);
