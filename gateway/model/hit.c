/* Checks of a match message as it comes off the socket: everything in range before it is used. */
#include "gateway/model/hit.h"

#include <string.h>

const char *match_kind_name(enum match_kind kind)
{
    switch (kind) {
    case MATCH_EXACT:
        return "exact";
    case MATCH_LOOK_ALIKE:
        return "look_alike";
    case MATCH_CANDIDATE:
        return "candidate";
    case MATCH_PARTIAL:
        return "partial";
    }
    return NULL;
}

enum match_kind match_kind_parse(const char *name)
{
    for (int kind = MATCH_EXACT; kind <= MATCH_PARTIAL; kind++)
        if (strcmp(match_kind_name((enum match_kind)kind), name) == 0)
            return (enum match_kind)kind;
    return (enum match_kind)0;
}

static int check_entry(const struct wanted_record *entry, struct err_text *err)
{
    char text[PLATE_TEXT_SIZE];
    if (entry->id == 0 || plate_decode(entry->key, text) != 0)
        return err_set(err, ERR_INVALID, "entry without id or key");
    if (entry->priority < 1 || entry->priority > 3)
        return err_set(err, ERR_INVALID, "entry priority = '%u': expected 1 to 3", entry->priority);
    if (entry->handling != HANDLING_STOP && entry->handling != HANDLING_OBSERVE)
        return err_set(err, ERR_INVALID, "entry handling = '%u': unknown", entry->handling);
    if (entry->text_size > WANTED_TEXT_MAX)
        return err_set(err, ERR_TOO_LARGE, "entry text of %u bytes, expected at most %d",
                       entry->text_size, WANTED_TEXT_MAX);
    return 0;
}

/* A bool off a socket is any byte; using another than 0 and 1 as a bool is undefined. */
static bool is_bool(const bool *value)
{
    uint8_t byte;
    memcpy(&byte, value, sizeof byte);
    return byte <= 1;
}

static int check_hit(const struct match_hit *hit, struct err_text *err)
{
    char text[PLATE_TEXT_SIZE];
    if (!is_bool(&hit->expired) || plate_decode(hit->read_key, text) != 0)
        return err_set(err, ERR_INVALID, "no truth value or no key of the read");
    if (!match_kind_name(hit->kind))
        return err_set(err, ERR_INVALID, "kind = '%d': unknown", (int)hit->kind);
    if ((int)hit->agreement < CLASS_AGREE || hit->agreement > CLASS_CONFLICT)
        return err_set(err, ERR_INVALID, "agreement = '%d': unknown", (int)hit->agreement);
    if (hit->odds_db != MATCH_ODDS_NONE &&
        (hit->odds_db < -MATCH_ODDS_MAX_DB || hit->odds_db > MATCH_ODDS_MAX_DB))
        return err_set(err, ERR_INVALID, "odds = '%d' dB: expected -%d to %d", hit->odds_db,
                       MATCH_ODDS_MAX_DB, MATCH_ODDS_MAX_DB);
    if (hit->differs >> PLATE_SYMBOLS_MAX != 0)
        return err_set(err, ERR_INVALID, "differs: expected at most %d bits", PLATE_SYMBOLS_MAX);
    return check_entry(&hit->entry, err);
}

static int check_read(const struct match_message *m, size_t texts_size, struct err_text *err)
{
    int result = plate_read_check(&m->u.read.read, err);
    if (result != 0)
        return err_prefix(err, result, "read");
    if (m->u.read.hit_count > MATCH_HITS_MAX)
        return err_set(err, ERR_INVALID, "hit_count = '%u': expected at most %d",
                       m->u.read.hit_count, MATCH_HITS_MAX);
    size_t expected = 0;
    for (int i = 0; i < m->u.read.hit_count; i++) {
        result = check_hit(&m->u.read.hits[i], err);
        if (result != 0)
            return err_prefix(err, result, "hits[%d]", i);
        expected += m->u.read.hits[i].entry.text_size;
    }
    if (!is_bool(&m->u.read.self_test_listed))
        return err_set(err, ERR_INVALID, "self_test_listed: no truth value");
    if (texts_size != expected)
        return err_set(err, ERR_INVALID, "%zu bytes of entry texts, expected %zu", texts_size,
                       expected);
    return 0;
}

static int check_alarm(const struct match_message *m, struct err_text *err)
{
    if (!memchr(m->u.alarm.detail, '\0', sizeof m->u.alarm.detail))
        return err_set(err, ERR_INVALID, "alarm detail without end");
    if (!is_bool(&m->u.alarm.active))
        return err_set(err, ERR_INVALID, "alarm active: no truth value");
    return 0;
}

/* A name becomes a key of JSON and a metric's name: nothing but its letters. */
static bool counter_name_good(const char name[MATCH_COUNTER_NAME_SIZE])
{
    size_t size = strnlen(name, MATCH_COUNTER_NAME_SIZE);
    return size > 0 && size < MATCH_COUNTER_NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

/* A source becomes a label: text that can be printed. */
static bool counter_source_good(const char source[MATCH_COUNTER_SOURCE_SIZE])
{
    size_t size = strnlen(source, MATCH_COUNTER_SOURCE_SIZE);
    for (size_t i = 0; i < size; i++)
        if (source[i] < ' ' || source[i] > '~')
            return false;
    return size < MATCH_COUNTER_SOURCE_SIZE;
}

static int check_stats(const struct match_message *m, struct err_text *err)
{
    if (m->u.stats.count > MATCH_COUNTERS_MAX)
        return err_set(err, ERR_INVALID, "counters = '%u': expected at most %d", m->u.stats.count,
                       MATCH_COUNTERS_MAX);
    for (uint32_t i = 0; i < m->u.stats.count; i++) {
        if (!counter_name_good(m->u.stats.counters[i].name))
            return err_set(err, ERR_INVALID, "counters[%u]: a name of a-z, 0-9 and _ expected", i);
        if (!counter_source_good(m->u.stats.counters[i].source))
            return err_set(err, ERR_INVALID, "counters[%u]: a source of printed ASCII expected", i);
    }
    return 0;
}

/* The source becomes text of a record: an address and a port, nothing else. */
static int check_refused(const struct match_message *m, struct err_text *err)
{
    size_t size = strnlen(m->u.refused.source, MATCH_REFUSED_SOURCE_SIZE);
    if (m->u.refused.count == 0)
        return err_set(err, ERR_INVALID, "refused count = '0': expected at least 1");
    if (!counter_name_good(m->u.refused.cause))
        return err_set(err, ERR_INVALID, "refused cause: a name of a-z, 0-9 and _ expected");
    if (size == MATCH_REFUSED_SOURCE_SIZE ||
        strspn(m->u.refused.source, "0123456789abcdef.:[]") != size)
        return err_set(err, ERR_INVALID, "refused source: an address and a port expected");
    if (m->u.refused.size > MATCH_REFUSED_BYTES_MAX)
        return err_set(err, ERR_INVALID, "refused bytes = '%u': expected at most %d",
                       m->u.refused.size, MATCH_REFUSED_BYTES_MAX);
    return 0;
}

/* The channels' names become text of a record. */
static int check_policy(const struct policy_status *policy, struct err_text *err)
{
    size_t size = strnlen(policy->channels, sizeof policy->channels);
    if (size == sizeof policy->channels ||
        strspn(policy->channels, "abcdefghijklmnopqrstuvwxyz0123456789-_ ") != size)
        return err_set(err, ERR_INVALID, "policy channels: names of a-z, 0-9, - and _ expected");
    if (policy->version > INT64_MAX || policy->false_alerts == 0 || policy->traffic == 0)
        return err_set(err, ERR_INVALID, "policy numbers: out of range");
    return is_bool(&policy->traffic_stated)
               ? 0
               : err_set(err, ERR_INVALID, "policy traffic_stated: no truth value");
}

int match_message_check(const struct match_message *m, size_t size, struct err_text *err)
{
    if (size < sizeof *m)
        return err_set(err, ERR_INVALID, "%zu bytes, expected at least %zu", size, sizeof *m);
    if (m->version != MATCH_MESSAGE_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "version = '%u': expected %d", m->version,
                       MATCH_MESSAGE_VERSION);
    if ((int)m->list.state < LIST_NONE || m->list.state > LIST_STALE)
        return err_set(err, ERR_INVALID, "list state = '%d': unknown", (int)m->list.state);
    size_t texts_size = size - sizeof *m;
    if (m->type == MATCH_READ || m->type == MATCH_SEARCHED || m->type == MATCH_OBSERVED ||
        m->type == MATCH_SELF_TEST)
        return check_read(m, texts_size, err);
    if (texts_size != 0)
        return err_set(err, ERR_INVALID, "%zu bytes too many", texts_size);
    switch (m->type) {
    case MATCH_READ:
    case MATCH_SEARCHED:
    case MATCH_OBSERVED:
    case MATCH_SELF_TEST:
        break;
    case MATCH_WITHDRAWN:
        if (m->u.withdrawn.count <= MATCH_WITHDRAWN_MAX)
            return 0;
        return err_set(err, ERR_INVALID, "withdrawn count = '%u': expected at most %d",
                       m->u.withdrawn.count, MATCH_WITHDRAWN_MAX);
    case MATCH_HELLO:
    case MATCH_LIST:
    case MATCH_ALIVE:
        return 0;
    case MATCH_ALARM:
        return check_alarm(m, err);
    case MATCH_STATS:
        return check_stats(m, err);
    case MATCH_REFUSED:
        return check_refused(m, err);
    case MATCH_POLICY:
        return check_policy(&m->u.policy, err);
    }
    return err_set(err, ERR_INVALID, "type = '%d': unknown", (int)m->type);
}

int match_query_check(const struct match_query *query, size_t size, struct err_text *err)
{
    char text[PLATE_TEXT_SIZE];
    if (size != sizeof *query)
        return err_set(err, ERR_INVALID, "query of %zu bytes, expected %zu", size, sizeof *query);
    if (query->version != MATCH_MESSAGE_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "query version = '%u': expected %d", query->version,
                       MATCH_MESSAGE_VERSION);
    switch (query->type) {
    case QUERY_WATCH:
        if (query->u.watch.count <= MATCH_WATCH_MAX)
            return 0;
        return err_set(err, ERR_INVALID, "watch count = '%u': expected at most %d",
                       query->u.watch.count, MATCH_WATCH_MAX);
    case QUERY_SEARCH:
        if (query->u.search.number > 0 && plate_decode(query->u.search.key, text) == 0)
            return 0;
        return err_set(err, ERR_INVALID, "search without number or key");
    case QUERY_SELF_TEST:
        return query->u.self_test > 0 ? 0 : err_set(err, ERR_INVALID, "self-test without number");
    }
    return err_set(err, ERR_INVALID, "query type = '%d': unknown", (int)query->type);
}
