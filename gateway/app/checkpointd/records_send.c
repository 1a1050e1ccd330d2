/*
 * Records to uplinkd for its credit, in sequence, and urgent ones ahead of them: see records.c.
 * Control thread, except records_wake.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/records_state.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"

enum {
    PUMP_RECORDS_MAX = 100, /* at a time: acts and tokens wait for the control thread too */
    ENOUGH = 1,             /* from send_one: credit is used up, no fault */
    URGENT_MAX = 64
};

struct sending {
    struct records *records;
    struct records_client *client; /* NULL: to all */
    const char *name;              /* "record" or "urgent" */
    char *text;                    /* of the last one */
    size_t size;
};

/* {"name":<event>} as one line; *out is heap memory. */
static int wrap(const struct records *r, const char *name, const struct journal_record *record,
                char **out, size_t *out_size, size_t *out_event_size)
{
    char *event = NULL;
    size_t size = 0;
    bool with_body = (r->c->config.keep_on_box & JOURNAL_KIND_BIT(record->header.kind)) == 0;
    int result = journal_wire_write(record, r->source, with_body, &event, &size);
    if (result != 0) {
        return result;
    }
    *out = malloc(size + 32);
    if (*out) {
        int head = snprintf(*out, 32, "{\"%s\":", name);
        memcpy(*out + head, event, size);
        (*out)[(size_t)head + size] = '}';
        *out_size = (size_t)head + size + 1;
        *out_event_size = size;
    }
    free(event);
    return *out ? 0 : ERR_NO_MEMORY;
}

static int send_one(void *ctx, const struct journal_record *record)
{
    struct sending *s = ctx;
    char *text = NULL;
    size_t size = 0;
    size_t event_size = 0;
    int result = wrap(s->records, s->name, record, &text, &size, &event_size);
    if (result != 0) {
        return result;
    }
    if (s->client) {
        line_client_send(s->client->line, text, size);
        s->client->sent = record->header.sequence;
        s->client->credit--;
        s->client->credit_bytes -= (int64_t)event_size;
        free(text);
        return s->client->credit_bytes > 0 ? 0 : ENOUGH;
    } else {
        s->text = text;
        s->size = size;
    }
    return 0;
}

void records_pump(struct records *r, struct records_client *client)
{
    struct err_text err;
    uint64_t last = 0;
    struct sending sending = {.records = r, .client = client, .name = "record"};
    uint32_t before = client->credit;
    uint32_t limit = before < PUMP_RECORDS_MAX ? before : PUMP_RECORDS_MAX;
    if (limit == 0 || client->credit_bytes <= 0) {
        return;
    }
    int result = r->reader ? 0 : journal_reader_open(r->folder, &r->reader, &err);
    if (result == 0) {
        result =
            journal_reader_read(r->reader, client->sent, 0, limit, send_one, &sending, &last, &err);
    }
    if (result == 0 && before - client->credit == PUMP_RECORDS_MAX) {
        records_wake(r, 0); /* there may be more, after what else waits */
    } else if (result != 0 && result != ENOUGH && result != ERR_BUSY) { /* busy: the next wake */
        log_event(EVENT_RECORDS_UNREADABLE, "detail=\"%s\"", err.text);
    }
}

/* NULL of the second chain. */
static json_t *pictures_json(const struct records *r, const struct picture_terms *t)
{
    return r->first ? NULL
                    : json_pack("{s:I,s:i,s:i,s:b,s:I,s:I}", "version", (json_int_t)t->version,
                                "floor", (int)t->floor_days, "ceiling", (int)t->ceiling_days,
                                "paused", (int)t->paused, "from", (json_int_t)t->held_from_ms,
                                "until", (json_int_t)t->held_until_ms);
}

void records_send_status(const struct records *r, struct records_client *client)
{
    const struct checkpointd *c = r->c;
    json_int_t recorded = (json_int_t)atomic_load(r->recorded);
    json_int_t confirmed = (json_int_t)atomic_load(r->confirmed);
    retention_pictures(c, &client->pictures);
    line_client_send_json(client->line,
                          json_pack("{s:{s:s,s:s,s:I,s:I,s:I,s:I,s:o*}}", "status", "chain",
                                    r->chain, "checkpoint", c->config.checkpoint, "confirmed",
                                    confirmed, "exempt", (json_int_t)r->exempt.held.number,
                                    "retention", (json_int_t)r->retention.held.number, "head",
                                    recorded, "pictures", pictures_json(r, &client->pictures)));
}

static bool same_pictures(const struct picture_terms *a, const struct picture_terms *b)
{
    return a->version == b->version && a->paused == b->paused && a->floor_days == b->floor_days &&
           a->ceiling_days == b->ceiling_days && a->held_from_ms == b->held_from_ms &&
           a->held_until_ms == b->held_until_ms;
}

/* What puts new terms on record wakes us, too. */
static void pump_one(void *ctx, struct line_client *line)
{
    const struct records *r = ctx;
    struct records_client *client = line_client_data(line);
    struct picture_terms pictures;
    retention_pictures(r->c, &pictures);
    if (!r->first && !same_pictures(&pictures, &client->pictures)) {
        records_send_status(r, client);
    }
    records_pump(ctx, client);
}

static void wake_in_control(void *ctx, void *item)
{
    struct records *r = ctx;
    (void)item;
    atomic_store_explicit(&r->wake_posted, false, memory_order_seq_cst);
    line_server_each(control_server(r->c->control), &r->ops, pump_one, r);
}

struct urgent {
    uint64_t sequence;
};

struct asking {
    const char *text; /* NULL: only whether anybody could be asked */
    size_t size;
    bool linked;
};

static void ask_one(void *ctx, struct line_client *line)
{
    struct asking *asking = ctx;
    const struct records_client *client = line_client_data(line);
    asking->linked |= client->linked;
    if (client->linked && asking->text) {
        line_client_send(line, asking->text, asking->size);
    }
}

/* Headquarters is asked whether a hit's entry still stands. */
static void ask(struct records *r, const struct journal_record *record)
{
    struct line_server *server = control_server(r->c->control);
    struct asking asking = {.text = NULL};
    if (record->header.kind != JOURNAL_HIT) {
        return;
    }
    line_server_each(server, &r->ops, ask_one, &asking);
    json_t *question = confirm_begin(r->c, record, asking.linked);
    json_t *object = question ? json_pack("{s:o}", "ask", question) : NULL;
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text) { /* without memory it goes unanswered, which is shown */
        asking.text = text;
        asking.size = strlen(text);
        line_server_each(server, &r->ops, ask_one, &asking);
    }
    free(text);
    json_decref(object);
}

static void send_text(void *ctx, struct line_client *line)
{
    const struct sending *s = ctx;
    line_client_send(line, s->text, s->size);
}

static int send_urgent(void *ctx, const struct journal_record *record)
{
    struct sending *s = ctx;
    int result = send_one(s, record);
    ask(s->records, record);
    return result;
}

static void urgent_in_control(void *ctx, void *item)
{
    struct records *r = ctx;
    struct urgent *urgent = item;
    struct err_text err;
    uint64_t last = 0;
    struct sending sending = {.records = r, .name = "urgent"};
    /* One that cannot be read now still comes in its turn. */
    if (journal_reader_read(r->reader, urgent->sequence - 1, 0, 1, send_urgent, &sending, &last,
                            &err) == 0 &&
        sending.text) {
        line_server_each(control_server(r->c->control), &r->ops, send_text, &sending);
    }
    free(sending.text);
    free(urgent);
}

void records_wake(struct records *r, uint64_t urgent)
{
    if (!r) {
        return;
    }
    struct line_server *server = control_server(r->c->control);
    struct urgent *item = urgent ? malloc(sizeof(*item)) : NULL;
    if (item) {
        item->sequence = urgent;
        if (line_server_post(server, urgent_in_control, r, item) != 0) {
            free(item); /* counted by the server; it comes in its turn */
        }
    }
    if (!atomic_exchange_explicit(&r->wake_posted, true, memory_order_seq_cst) &&
        line_server_post(server, wake_in_control, r, NULL) != 0) {
        atomic_store_explicit(&r->wake_posted, false, memory_order_seq_cst);
    }
}
