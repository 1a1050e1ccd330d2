/*
 * See once.h. What was asked under a number is kept as a keyed digest, the key of this run: a new
 * password stands among the arguments of some acts.
 */
#include "gateway/control/once.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 32, DIGEST_SIZE = 32, ROWS = ONCE_OWNERS * ONCE_OF_ONE_MAX, ROW_BITS = 14 };
_Static_assert(ROWS <= 1 << ROW_BITS, "a ticket names its row");

/* No connection has such a number: they count from 1. */
#define TICKET_BIT (UINT64_C(1) << 63)

enum row_state { ROW_FREE, ROW_RUNNING, ROW_ANSWERED };

struct row {
    enum row_state state;
    uint64_t session;
    uid_t uid;
    char number[CONTROL_NUMBER_SIZE];
    uint8_t asked[DIGEST_SIZE];
    uint64_t ticket;
    struct mono_time since; /* begun; answered, once it is */
    struct control_ticket waiting[ONCE_WAITING_MAX];
    size_t waiting_count;
    char *text; /* heap; NULL: not kept */
    size_t size;
};

struct once {
    uint8_t key[KEY_SIZE];
    uint64_t tickets;
    size_t swept; /* owner */
    struct row rows[ROWS];
};

int once_create(struct once **out)
{
    struct once *once = calloc(1, sizeof *once);
    if (!once)
        return ERR_NO_MEMORY;
    if (RAND_bytes(once->key, sizeof once->key) != 1) {
        free(once);
        return ERR_IO;
    }
    *out = once;
    return 0;
}

static void drop_text(struct row *row)
{
    if (row->text)
        explicit_bzero(row->text, row->size); /* plates may stand there */
    free(row->text);
    row->text = NULL;
    row->size = 0;
}

static void forget(struct row *row)
{
    drop_text(row);
    *row = (struct row){.state = ROW_FREE};
}

void once_destroy(struct once *once)
{
    if (!once)
        return;
    for (size_t i = 0; i < ROWS; i++)
        forget(&once->rows[i]);
    explicit_bzero(once, sizeof *once);
    free(once);
}

bool once_is_number(const char *text)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ-";
    size_t size = strspn(text, allowed);
    return text[size] == '\0' && size >= ONCE_NUMBER_MIN && size < CONTROL_NUMBER_SIZE;
}

/* ---- what is asked ---- */

static int digest_of(const struct once *once, const struct once_asked *asked,
                     uint8_t out[DIGEST_SIZE])
{
    /* json_pack only counts a reference. */
    json_t *all = json_pack("[s,s,O]", asked->act, asked->second, (json_t *)asked->args);
    char *text = all ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    unsigned size = 0;
    bool done = text && HMAC(EVP_sha256(), once->key, KEY_SIZE, (const uint8_t *)text, strlen(text),
                             out, &size) != NULL;
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    json_decref(all);
    return done ? 0 : ERR_NO_MEMORY;
}

static struct row *rows_of(struct once *once, size_t owner)
{
    return &once->rows[owner * ONCE_OF_ONE_MAX];
}

static bool is_over(const struct row *row, struct mono_time now)
{
    return mono_diff_ms(now, row->since) >= ONCE_KEEP_MS;
}

/* The row of that number; NULL: it was not used, or is forgotten. */
static struct row *find(struct once *once, const struct once_asked *asked)
{
    struct row *rows = rows_of(once, asked->owner);
    for (size_t i = 0; i < ONCE_OF_ONE_MAX; i++)
        if (rows[i].state != ROW_FREE && rows[i].session == asked->session &&
            rows[i].uid == asked->uid && strcmp(rows[i].number, asked->number) == 0)
            return &rows[i];
    return NULL;
}

/* The one answered longest ago; NULL: none is answered. */
static struct row *oldest(struct row *rows, bool with_text)
{
    struct row *found = NULL;
    for (size_t i = 0; i < ONCE_OF_ONE_MAX; i++)
        if (rows[i].state == ROW_ANSWERED && (rows[i].text || !with_text) &&
            (!found || mono_before(rows[i].since, found->since)))
            found = &rows[i];
    return found;
}

/* A place for one more; NULL: every one is running. */
static struct row *take_place(struct once *once, size_t owner)
{
    struct row *rows = rows_of(once, owner);
    for (size_t i = 0; i < ONCE_OF_ONE_MAX; i++)
        if (rows[i].state == ROW_FREE)
            return &rows[i];
    struct row *row = oldest(rows, false);
    if (row)
        forget(row);
    return row;
}

static enum once_verdict begin(struct once *once, const struct once_asked *asked,
                               const uint8_t digest[DIGEST_SIZE], struct control_ticket ticket,
                               struct mono_time now, struct control_ticket *out_ticket)
{
    struct row *row = take_place(once, asked->owner);
    if (!row)
        return ONCE_FULL;
    row->state = ROW_RUNNING;
    row->session = asked->session;
    row->uid = asked->uid;
    memcpy(row->number, asked->number, strlen(asked->number) + 1);
    memcpy(row->asked, digest, DIGEST_SIZE);
    row->since = now;
    row->waiting[row->waiting_count++] = ticket;
    row->ticket = TICKET_BIT | ++once->tickets << ROW_BITS | (uint64_t)(row - once->rows);
    *out_ticket = (struct control_ticket){.client = row->ticket};
    return ONCE_NEW;
}

enum once_verdict once_ask(struct once *once, const struct once_asked *asked,
                           struct control_ticket ticket, struct mono_time now,
                           struct control_ticket *out_ticket, const char **out_text)
{
    uint8_t digest[DIGEST_SIZE];
    if (digest_of(once, asked, digest) != 0)
        return ONCE_FULL;
    struct row *row = find(once, asked);
    if (row && is_over(row, now)) {
        forget(row);
        row = NULL;
    }
    if (!row)
        return begin(once, asked, digest, ticket, now, out_ticket);
    if (memcmp(row->asked, digest, DIGEST_SIZE) != 0)
        return ONCE_OTHER;
    if (row->state == ROW_ANSWERED) {
        *out_text = row->text;
        return row->text ? ONCE_KNOWN : ONCE_GONE;
    }
    if (row->waiting_count == ONCE_WAITING_MAX)
        return ONCE_CROWDED;
    row->waiting[row->waiting_count++] = ticket;
    return ONCE_WAITS;
}

/* ---- what is answered ---- */

bool once_is_ticket(struct control_ticket ticket)
{
    return (ticket.client & TICKET_BIT) != 0;
}

/* Keeps an answer within its owner's bytes: older ones give way, the rows stay. */
static void keep(struct once *once, struct row *row, const char *text)
{
    struct row *rows = rows_of(once, (size_t)(row - once->rows) / ONCE_OF_ONE_MAX);
    size_t size = text ? strlen(text) : 0;
    size_t sum = 0;
    if (size == 0 || size > ONCE_OF_ONE_MAX_BYTES)
        return;
    for (size_t i = 0; i < ONCE_OF_ONE_MAX; i++)
        sum += rows[i].size;
    for (struct row *old; sum + size > ONCE_OF_ONE_MAX_BYTES && (old = oldest(rows, true));) {
        sum -= old->size;
        drop_text(old);
    }
    row->text = strdup(text);
    row->size = row->text ? size : 0;
}

void once_take(struct once *once, struct control_ticket ticket, const char *text,
               struct mono_time now, struct once_answer *out)
{
    size_t at = (size_t)(ticket.client & ((1u << ROW_BITS) - 1));
    struct row *row = at < ROWS ? &once->rows[at] : NULL;
    out->count = 0;
    if (!row || row->state != ROW_RUNNING || row->ticket != ticket.client)
        return; /* forgotten meanwhile */
    out->count = row->waiting_count;
    memcpy(out->tickets, row->waiting, sizeof out->tickets);
    keep(once, row, text);
    row->state = ROW_ANSWERED;
    row->since = now;
    row->waiting_count = 0;
}

void once_tick(struct once *once, struct mono_time now)
{
    struct row *rows = rows_of(once, once->swept);
    for (size_t i = 0; i < ONCE_OF_ONE_MAX; i++)
        if (rows[i].state != ROW_FREE && is_over(&rows[i], now))
            forget(&rows[i]);
    once->swept = (once->swept + 1) % ONCE_OWNERS;
}
