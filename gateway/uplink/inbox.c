/*
 * See inbox.h. A message is acknowledged with the next poll, once what it told of is in force here
 * or kept; until then headquarters tells it again.
 */
#include "gateway/uplink/inbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"

enum {
    POLL_GRACE_MS = 15000,
    BATCHES_AT_ONCE = 100,
    QUICK_POLLS = 5,
    KEYSET_SIZE_MAX = 512 * 1024
};

void inbox_init(struct inbox *in, const struct uplink_site *site, int channel_number,
                const struct inbox_list *list, uint64_t after, int wait_s,
                const struct uplink_wait *wait)
{
    *in = (struct inbox){.list = list, .after = after, .wait_s = wait_s, .look = true};
    channel_init(&in->channel, site, channel_number, wait);
}

void inbox_fini(struct inbox *in)
{
    channel_fini(&in->channel);
}

static void tell(struct inbox *in, enum log_event_id event, bool active, const char *detail)
{
    uplink_alarm_set(in->channel.site->alarms, in->channel.number, event, active, detail);
}

/* GET with a 200; anything else is an error. ERR_NOT_FOUND for 404. */
static int get(struct inbox *in, const char *path, int timeout_ms, struct https_answer *out,
               struct err_text *err)
{
    struct channel_ask ask = {.method = "GET", .path = path, .total_timeout_ms = timeout_ms};
    int rc = channel_send(&in->channel, &ask, out, err);
    if (rc == 0 && out->status != 200) {
        const struct https_request request = {.url = path};
        rc = https_answer_error(&request, out, err);
        https_answer_free(out);
    }
    return rc;
}

/* An answer of headquarters that could not be read. */
static int bad_answer(struct inbox *in, const char *path, int rc, struct err_text *err)
{
    if (rc == ERR_INVALID || rc == ERR_TOO_LARGE) {
        rc = err_prefix(err, rc, "%s", path);
        tell(in, EVENT_UPLINK_ANSWER_BAD, true, err->text);
    }
    return rc;
}

/* ---- statements ---- */

/* *out is the caller's. */
static int fetch_object(struct inbox *in, const char *path, size_t size_max, char **out,
                        size_t *out_size, struct err_text *err)
{
    struct https_answer answer = {0};
    int rc = get(in, path, 0, &answer, err);
    if (rc != 0)
        return rc;
    rc = answer.size > size_max ? err_set(err, ERR_TOO_LARGE, "%zu bytes", answer.size)
                                : object_answer_read(answer.body, answer.size, out, out_size, err);
    https_answer_free(&answer);
    return rc == 0 ? 0 : bad_answer(in, path, rc, err);
}

static int fetch_statement(struct inbox *in, const char *path, size_t size_max,
                           int (*take)(void *ctx, const void *envelope, size_t size,
                                       struct err_text *err),
                           struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    int rc = fetch_object(in, path, size_max, &text, &size, err);
    if (rc == 0)
        rc = take(in->list->ctx, text, size, err);
    free(text);
    return rc;
}

/* ---- list ---- */

/* Whether a statement was refused for what it says, not for want of disk or memory. */
static bool is_refusal(int rc)
{
    return rc == ERR_DENIED || rc == ERR_CORRUPT || rc == ERR_INVALID || rc == ERR_CONFLICT ||
           rc == ERR_NOT_FOUND || rc == ERR_TOO_LARGE || rc == ERR_UNSUPPORTED;
}

static int refused_list(struct inbox *in, int rc, struct err_text *err)
{
    if (is_refusal(rc))
        tell(in, EVENT_UPLINK_LIST_REFUSED, true, err->text);
    return rc;
}

static int fetch_chunk(struct inbox *in, const struct snapshot *s, size_t index,
                       struct err_text *err)
{
    char hex[2 * HASH_SIZE + 1];
    char path[UPLINK_PATH_SIZE];
    struct https_answer answer = {0};
    hex_encode(s->chunks[index].hash, HASH_SIZE, hex);
    (void)snprintf(path, sizeof(path), "/v1/list/chunks/%s", hex); /* fits */
    int rc = get(in, path, 0, &answer, err);
    if (rc != 0)
        return rc;
    rc = in->list->put_chunk(in->list->ctx, s->revision, index, answer.body, answer.size, err);
    https_answer_free(&answer);
    return rc;
}

static int take_snapshot(struct inbox *in, const char *manifest, size_t size, struct err_text *err)
{
    struct snapshot s = {0};
    int rc = in->list->read_snapshot(in->list->ctx, manifest, size, &s, err);
    if (rc == ERR_STALE)
        return 0; /* the batches go further */
    for (size_t i = 0; rc == 0 && i < s.chunk_count; i++)
        rc = fetch_chunk(in, &s, i, err);
    if (rc == 0)
        rc = in->list->set_snapshot(in->list->ctx, manifest, size, err);
    snapshot_fini(&s);
    if (rc == 0)
        in->list_taken = true;
    return rc == 0 ? 0 : refused_list(in, rc, err);
}

/* None at headquarters is fine: the batches tell everything, too. */
static int fetch_snapshot(struct inbox *in, struct err_text *err)
{
    struct https_answer answer = {0};
    char *text = NULL;
    size_t size = 0;
    int rc = get(in, "/v1/list/snapshot", 0, &answer, err);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc != 0)
        return rc;
    rc = object_answer_read(answer.body, answer.size, &text, &size, err);
    https_answer_free(&answer);
    if (rc != 0)
        return bad_answer(in, "/v1/list/snapshot", rc, err);
    rc = take_snapshot(in, text, size, err);
    free(text);
    return rc;
}

static int take_batches(struct inbox *in, const struct batches_answer *page, struct err_text *err)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct batch_text *batch = &page->batches[i];
        int rc = in->list->add_batch(in->list->ctx, batch->envelope, batch->size, err);
        if (rc != 0 && rc != ERR_STALE)
            return refused_list(in, err_prefix(err, rc, "batch %" PRIu64, batch->revision), err);
        in->list_taken = true;
    }
    return 0;
}

/* One page behind what is held; *out_further: the list is at a later revision now. Without one
 * there is no more, or what is called the next batch is one before. */
static int fetch_batches(struct inbox *in, bool *out_further, struct err_text *err)
{
    char path[UPLINK_PATH_SIZE];
    struct https_answer answer = {0};
    struct batches_answer page = {0};
    uint64_t after = in->list->head(in->list->ctx)->revision;
    (void)snprintf(path, sizeof(path), "/v1/list/batches?after=%" PRIu64 "&limit=%d", after,
                   BATCHES_AT_ONCE); /* fits */
    int rc = get(in, path, 0, &answer, err);
    if (rc != 0)
        return rc;
    rc = batches_answer_read(answer.body, answer.size, after, &page, err);
    https_answer_free(&answer);
    if (rc != 0)
        return bad_answer(in, path, rc, err);
    rc = take_batches(in, &page, err);
    *out_further = in->list->head(in->list->ctx)->revision > after;
    batches_answer_free(&page);
    return rc;
}

static int fetch_list(struct inbox *in, const struct head_answer *head, struct err_text *err)
{
    uint64_t held = in->list->head(in->list->ctx)->revision;
    int rc = 0;
    if (head->revision > held && (held == 0 || head->revision - held > INBOX_SNAPSHOT_GAP))
        rc = fetch_snapshot(in, err);
    bool further = true;
    while (rc == 0 && further && in->list->head(in->list->ctx)->revision < head->revision)
        rc = fetch_batches(in, &further, err);
    held = in->list->head(in->list->ctx)->revision;
    if (rc == 0 && held < head->revision) {
        rc = err_set(err, ERR_NOT_FOUND,
                     "headquarters names revision %" PRIu64 " but has no batch behind %" PRIu64,
                     head->revision, held);
        tell(in, EVENT_UPLINK_ANSWER_BAD, true, err->text);
    }
    return rc;
}

/* ---- looking ---- */

static void list_told(struct inbox *in)
{
    char detail[UPLINK_DETAIL_SIZE];
    if (!in->list_taken)
        return;
    (void)snprintf(detail, sizeof(detail), "revision %" PRIu64,
                   in->list->head(in->list->ctx)->revision); /* fits */
    /* An event, not a state: raised and ended, so that the next one is told again. */
    tell(in, EVENT_UPLINK_LIST_TAKEN, true, detail);
    tell(in, EVENT_UPLINK_LIST_TAKEN, false, detail);
    in->list_taken = false;
}

/* One that is refused holds up neither the list nor the news: it is alarmed by the one who judges
 * it, and asked for again with the next look. */
static int fetch_policy(struct inbox *in, const struct head_answer *head, struct err_text *err)
{
    struct err_text why = {{0}};
    in->tell_policy = head->has_policy;
    if (head->policy_version <= in->list->policy_version(in->list->ctx))
        return 0;
    int rc = fetch_statement(in, "/v1/match-policy", ENVELOPE_SIZE_MAX, in->list->set_policy, &why);
    return rc == 0 || rc == ERR_STALE || is_refusal(rc) ? 0 : err_set(err, rc, "%s", why.text);
}

/* checkpointd judges it later and alarms one it refuses: it is not asked for again until there is a
 * later one, or until the next start. */
static int fetch_for_checkpointd(struct inbox *in, enum box_statement which,
                                 const struct head_answer *head, struct err_text *err)
{
    struct err_text why = {{0}};
    uint64_t number = head->statements[which];
    char *text = NULL;
    size_t size = 0;
    in->tell_statement[which] = head->has_statement[which];
    if (number <= in->list->statement_held(in->list->ctx, which) ||
        number <= in->statement_fetched[which])
        return 0;
    int rc =
        fetch_object(in, box_statement_names[which].path, ENVELOPE_SIZE_MAX, &text, &size, &why);
    if (rc == 0)
        rc = in->list->set_statement(in->list->ctx, which, text, size, &why);
    free(text);
    if (rc == 0) {
        in->statement_fetched[which] = number;
        in->quick = QUICK_POLLS;
    }
    return rc == 0 || is_refusal(rc) ? 0 : err_set(err, rc, "%s", why.text);
}

/* Headquarters at an older list than the one held before the look, or at another one of the same
 * revision: it was put back, or it lies. What is held stays; told for as long as it says so. */
static bool contradicts(struct inbox *in, const struct head_answer *head, uint64_t held_before)
{
    struct err_text why = {{0}};
    const struct list_head *held = in->list->head(in->list->ctx);
    bool older = head->revision < held_before;
    bool other = head->revision > 0 && head->revision == held->revision &&
                 memcmp(head->hash, held->hash, HASH_SIZE) != 0;
    if (older)
        (void)err_set(&why, ERR_STALE,
                      "headquarters is back at revision %" PRIu64 ", held is %" PRIu64,
                      head->revision, held_before); /* only the text is wanted */
    else if (other)
        (void)err_set(&why, ERR_CONFLICT, "headquarters names another list of revision %" PRIu64,
                      head->revision); /* only the text is wanted */
    if (older || other)
        tell(in, EVENT_UPLINK_LIST_REFUSED, true, why.text);
    return older || other;
}

/* Brings key set, list, statement, match policy and checkpointd's statements up to headquarters'
 * head. */
static int look(struct inbox *in, struct err_text *err)
{
    struct https_answer answer = {0};
    struct head_answer head = {0};
    bool contradicted = false;
    uint64_t held_before = in->list->head(in->list->ctx)->revision;
    int rc = get(in, "/v1/list/head", 0, &answer, err);
    if (rc != 0)
        return rc;
    rc = head_answer_read(answer.body, answer.size, &head, err);
    https_answer_free(&answer);
    if (rc != 0)
        return bad_answer(in, "/v1/list/head", rc, err);
    if (head.keyset_version > in->list->keyset_version(in->list->ctx))
        rc = fetch_statement(in, "/v1/keyset", KEYSET_SIZE_MAX, in->list->set_keyset, err);
    if (rc == 0)
        rc = fetch_list(in, &head, err);
    if (rc == 0)
        contradicted = contradicts(in, &head, held_before);
    if (rc == 0)
        rc = fetch_policy(in, &head, err);
    for (int i = 0; rc == 0 && i < BOX_STATEMENTS; i++)
        rc = fetch_for_checkpointd(in, (enum box_statement)i, &head, err);
    list_told(in);
    if (rc == 0 && head.freshness) {
        struct err_text why = {{0}};
        /* A statement that is refused is alarmed by the one who judges it; the list stands. */
        (void)in->list->set_freshness(in->list->ctx, head.freshness, head.freshness_size, &why);
    }
    head_answer_free(&head);
    if (rc == 0) {
        if (!contradicted)
            tell(in, EVENT_UPLINK_LIST_REFUSED, false, "");
        in->look = false;
        in->looked = clock_mono(in->channel.site->clock);
        in->told[0] = '\0';
    }
    return rc;
}

/* Tells headquarters how far the journal here goes, so that it knows what it lacks; and learns from
 * its answer whether it lost what it confirmed. An older hqd does not know the request. */
static int tell_journal(struct inbox *in, struct err_text *err)
{
    char path[UPLINK_PATH_SIZE];
    char body[200];
    char chain[sizeof(in->told)];
    uint64_t recorded = 0;
    uint64_t confirmed = 0;
    struct https_answer answer = {0};
    struct place_answer place;
    struct err_text why = {{0}};
    if (!in->list->journal || !in->list->journal(in->list->ctx, chain, &recorded, &confirmed) ||
        strcmp(chain, in->told) == 0)
        return 0;
    (void)snprintf(path, sizeof(path), "/v1/checkpoints/%s/journal",
                   in->channel.site->own.checkpoint); /* ids are short */
    int size = snprintf(body, sizeof(body),
                        "{\"chain\":\"%s\",\"recorded\":%" PRIu64 ",\"confirmed\":%" PRIu64 "}",
                        chain, recorded, confirmed);
    struct channel_ask ask = {.method = "POST",
                              .path = path,
                              .content_type = "application/json",
                              .body = body,
                              .body_size = (size_t)size};
    int rc = channel_send(&in->channel, &ask, &answer, err);
    if (rc != 0)
        return rc;
    memcpy(in->told, chain, sizeof(in->told));
    if (answer.status == 200 && journal_answer_read(answer.body, answer.size, &place, &why) == 0)
        in->list->held(in->list->ctx, place.chain, place.sequence);
    https_answer_free(&answer);
    return 0;
}

/* ---- the long poll ---- */

static bool tells_of_a_statement(const struct inbox_message *message)
{
    for (int i = 0; i < BOX_STATEMENTS; i++)
        if (strcmp(message->kind, box_statement_names[i].name) == 0)
            return true;
    return false;
}

static int keep(struct inbox *in, const struct inbox_message *message, struct err_text *err)
{
    if (strcmp(message->kind, "list") == 0 || strcmp(message->kind, "keyset") == 0 ||
        strcmp(message->kind, "policy") == 0 || tells_of_a_statement(message)) {
        in->look = true;
        return 0;
    }
    /* Who may sign it stands in the key set, which may be news of the same answer. */
    int rc = in->look ? look(in, err) : 0;
    if (rc != 0)
        return rc;
    rc = in->list->keep_message(in->list->ctx, message, err);
    tell(in, EVENT_UPLINK_STATE_UNWRITTEN, rc != 0 && rc != ERR_BUSY, err->text);
    return rc;
}

/* Acknowledges what was dealt with, also when what follows it was not: that comes again. */
static int take_messages(struct inbox *in, const struct inbox_answer *inbox, struct err_text *err)
{
    struct err_text why = {{0}};
    uint64_t dealt_with = in->after;
    int kept = 0;
    int rc = 0;
    for (size_t i = 0; kept == 0 && i < inbox->count; i++) {
        kept = keep(in, &inbox->messages[i], err);
        dealt_with = kept == 0 ? inbox->messages[i].number : dealt_with;
    }
    if (in->look)
        rc = look(in, &why);
    if (rc == 0 && dealt_with > in->after) {
        rc = in->list->keep_number(in->list->ctx, dealt_with, &why);
        tell(in, EVENT_UPLINK_STATE_UNWRITTEN, rc != 0, why.text);
    }
    if (rc == 0)
        in->after = dealt_with;
    if (kept == 0 && rc != 0)
        *err = why;
    return kept != 0 ? kept : rc;
}

static bool all_held(const struct inbox *in)
{
    for (int i = 0; i < BOX_STATEMENTS; i++)
        if (in->list->statement_held(in->list->ctx, (enum box_statement)i) <
            in->statement_fetched[i])
            return false;
    return true;
}

/* Seconds of the next poll: one while checkpointd has not said yet what it thinks of a statement.
 */
static int poll_wait_s(struct inbox *in)
{
    if (in->quick == 0 || all_held(in))
        return in->wait_s;
    in->quick--;
    return in->wait_s > 0;
}

/* "&exempt=3&retention=1": the numbers that checkpointd holds, of what headquarters knows. */
static void held_text(const struct inbox *in, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < BOX_STATEMENTS && used < size; i++)
        if (in->tell_statement[i])
            used += (size_t)snprintf(
                out + used, size - used, "&%s=%" PRIu64, box_statement_names[i].name,
                in->list->statement_held(in->list->ctx, (enum box_statement)i)); /* fits */
}

static int poll_inbox(struct inbox *in, struct err_text *err)
{
    int wait_s = poll_wait_s(in);
    char path[UPLINK_PATH_SIZE];
    char hash[HASH_TEXT_SIZE];
    char policy[40] = "";
    char held[40 * BOX_STATEMENTS];
    struct https_answer answer = {0};
    struct inbox_answer inbox = {0};
    const struct list_head *head = in->list->head(in->list->ctx);
    hash_format(head->hash, hash);
    if (in->tell_policy)
        (void)snprintf(policy, sizeof(policy), "&policy=%" PRIu64,
                       in->list->policy_version(in->list->ctx)); /* fits */
    held_text(in, held, sizeof(held));
    (void)snprintf(path, sizeof(path),
                   "/v1/checkpoints/%s/inbox?after=%" PRIu64 "&wait=%d&revision=%" PRIu64
                   "&hash=%s%s%s",
                   in->channel.site->own.checkpoint, in->after, wait_s, head->revision, hash,
                   policy, held); /* fits */
    int rc = get(in, path, wait_s * 1000 + POLL_GRACE_MS, &answer, err);
    if (rc != 0)
        return rc;
    rc = inbox_answer_read(answer.body, answer.size, in->after, &inbox, err);
    https_answer_free(&answer);
    if (rc != 0)
        return bad_answer(in, "inbox", rc, err);
    tell(in, EVENT_UPLINK_ANSWER_BAD, false, "");
    rc = take_messages(in, &inbox, err);
    inbox_answer_free(&inbox);
    return rc;
}

int inbox_once(struct inbox *in, struct err_text *err)
{
    in->wait_s = 0;
    int rc = look(in, err);
    return rc == 0 ? poll_inbox(in, err) : rc;
}

void inbox_step(struct inbox *in)
{
    struct err_text err = {{0}};
    struct mono_time now = clock_mono(in->channel.site->clock);
    if (mono_diff_ms(now, in->looked) >= INBOX_LOOK_MS)
        in->look = true;
    int rc = in->look ? look(in, &err) : 0;
    if (rc == 0)
        rc = tell_journal(in, &err);
    if (rc == 0)
        rc = poll_inbox(in, &err);
    if (rc == 0 || rc == ERR_BUSY) /* the link is as good as can be: the pause is a short one */
        channel_succeeded(&in->channel);
    if (rc != 0 && rc != ERR_STOPPED) {
        in->look = true; /* a short request tells that the link is back, a long poll would not */
        channel_pause(&in->channel);
    }
}
