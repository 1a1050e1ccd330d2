/*
 * Match policy payload: reading, checking, writing. No state.
 */
#include "gateway/signed/match_policy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/base/json.h"
#include "gateway/signed/fields.h"

static bool alphabet_good(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == size;
}

static int read_channel(const json_t *row, struct match_policy *p, struct err_text *err)
{
    static const char *const names[] = {"alphabet", "bytes", NULL};
    struct match_policy_channel *channel = &p->channels[p->channel_count];
    uint64_t bytes = 0;
    int result = fields_check(row, names, err);
    if (result == ERR_OK) {
        result = field_copy(row, "alphabet", MATCH_POLICY_ALPHABET_MAX, channel->alphabet, err);
    }
    if (result == ERR_OK && !alphabet_good(channel->alphabet)) {
        result = err_set(err, ERR_INVALID, "alphabet: expected a-z, 0-9, '-' and '_'");
    }
    if (result == ERR_OK && p->channel_count > 0 &&
        strcmp(p->channels[p->channel_count - 1].alphabet, channel->alphabet) >= 0) {
        result = err_set(err, ERR_INVALID, "alphabet: '%s' does not rise after '%s'",
                         channel->alphabet, p->channels[p->channel_count - 1].alphabet);
    }
    if (result == ERR_OK) {
        result = field_number(row, "bytes", 1, MATCH_POLICY_PAYLOAD_MAX, &bytes, err);
    }
    channel->size_bytes = bytes;
    p->channel_count += result == ERR_OK;
    return result;
}

static int read_channels(const json_t *object, struct match_policy *p, struct err_text *err)
{
    const json_t *list = NULL;
    const json_t *row;
    size_t index;
    int result = field_array(object, "channels", MATCH_POLICY_CHANNELS_MAX, &list, err);
    if (result < 0) {
        return result;
    }
    json_array_foreach(list, index, row)
    {
        result = read_channel(row, p, err);
        if (result < 0) {
            return err_prefix(err, result, "channels[%zu]", index);
        }
    }
    return ERR_OK;
}

static int read_numbers(const json_t *object, struct match_policy *p, struct err_text *err)
{
    uint64_t false_alerts = 0;
    uint64_t look_alike = 0;
    uint64_t traffic = 0;
    int result = field_number(object, "version", 1, INT64_MAX, &p->version, err);
    if (result == ERR_OK) {
        result = field_number(object, "false_alerts", 1, MATCH_POLICY_FALSE_ALERTS_MAX,
                              &false_alerts, err);
    }
    if (result == ERR_OK) {
        result =
            field_number(object, "look_alike", 0, MATCH_POLICY_LOOK_ALIKE_MAX, &look_alike, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "traffic", 0, MATCH_POLICY_TRAFFIC_MAX, &traffic, err);
    }
    p->false_alerts = (uint32_t)false_alerts;
    p->look_alike_max = (uint8_t)look_alike;
    p->traffic = (uint32_t)traffic;
    return result;
}

static int read_head(const char *line, size_t size, struct match_policy *p, struct err_text *err)
{
    static const char *const names[] = {"channels", "false_alerts", "fleet",   "look_alike",
                                        "time",     "traffic",      "version", NULL};
    json_t *object = NULL;
    int result = json_parse(line, size, &object, err);
    if (result == ERR_OK) {
        result = fields_check(object, names, err);
    }
    if (result == ERR_OK) {
        result = read_numbers(object, p, err);
    }
    if (result == ERR_OK) {
        result = field_copy(object, "fleet", FLEET_NAME_MAX, p->fleet, err);
    }
    if (result == ERR_OK && !fleet_name_good(p->fleet)) {
        result = err_set(err, ERR_INVALID, "fleet: expected a-z, 0-9 and '-'");
    }
    if (result == ERR_OK) {
        result = field_time(object, "time", &p->time, err);
    }
    if (result == ERR_OK) {
        result = read_channels(object, p, err);
    }
    json_decref(object);
    return result;
}

/* The channels' texts behind the head line. A NUL would cut what a person is shown. */
static int read_texts(struct match_policy *p, size_t head_size, struct err_text *err)
{
    const char *at = (const char *)p->payload + head_size;
    size_t left = p->payload_size - head_size;
    for (size_t i = 0; i < p->channel_count; i++) {
        struct match_policy_channel *channel = &p->channels[i];
        if (channel->size_bytes > left) {
            return err_set(err, ERR_INVALID, "channels[%zu]: cut short", i);
        }
        if (memchr(at, '\0', channel->size_bytes)) {
            return err_set(err, ERR_INVALID, "channels[%zu]: is no text", i);
        }
        channel->text = at;
        at += channel->size_bytes;
        left -= channel->size_bytes;
    }
    return left == 0 ? ERR_OK
                     : err_set(err, ERR_INVALID, "%zu bytes behind the last channel", left);
}

static int parse_into(const void *payload, size_t size, struct match_policy *p,
                      struct err_text *err)
{
    if (size > MATCH_POLICY_PAYLOAD_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%zu bytes, expected at most %d", size,
                       MATCH_POLICY_PAYLOAD_MAX);
    }
    size_t look = size < MATCH_POLICY_HEAD_MAX ? size : MATCH_POLICY_HEAD_MAX;
    const char *end = look > 0 ? memchr(payload, '\n', look) : NULL;
    if (!end) {
        return err_set(err, ERR_INVALID, "no head line within %d bytes", MATCH_POLICY_HEAD_MAX);
    }
    size_t head_size = (size_t)(end - (const char *)payload);
    p->payload = malloc(size);
    if (!p->payload) {
        return ERR_NO_MEMORY;
    }
    memcpy(p->payload, payload, size);
    p->payload_size = size;
    int result = hash_bytes(payload, size, p->hash);
    if (result == ERR_OK) {
        result = read_head((const char *)p->payload, head_size, p, err);
    }
    return result == ERR_OK ? read_texts(p, head_size + 1, err) : result;
}

int match_policy_parse(const void *payload, size_t size, struct match_policy *out,
                       struct err_text *err)
{
    struct match_policy p = {0};
    int result = parse_into(payload, size, &p, err);
    if (result < 0) {
        match_policy_fini(&p);
        return err_prefix(err, result, "match policy");
    }
    *out = p;
    return ERR_OK;
}

int match_policy_verify(const struct keyset *set, const void *envelope, size_t size,
                        struct match_policy *out, struct err_text *err)
{
    struct envelope e = {0};
    struct match_policy p = {0};
    struct signers signers;
    int result = envelope_parse(envelope, size, &e, err);
    if (result == ERR_OK) {
        result = keyset_check_envelope(set, &e, STATEMENT_MATCH_POLICY, &signers, err);
    }
    if (result == ERR_OK) {
        result = match_policy_parse(e.payload, e.payload_size, &p, err);
    }
    if (result == ERR_OK) {
        result = signers_check_two(&signers, set, p.fleet, p.time, err);
    }
    envelope_fini(&e);
    if (result != ERR_OK) {
        match_policy_fini(&p);
        return err_prefix(err, result, "match policy statement");
    }
    p.clerk_count = signers_holders(&signers, p.clerks);
    *out = p;
    return ERR_OK;
}

int match_policy_check_newer(const struct match_policy *held, const struct match_policy *next,
                             struct err_text *err)
{
    if (!held || next->version > held->version) {
        return ERR_OK;
    }
    if (next->version < held->version) {
        return err_set(err, ERR_STALE, "match policy version %" PRIu64 ", %" PRIu64 " is held",
                       next->version, held->version);
    }
    return memcmp(held->hash, next->hash, HASH_SIZE) == 0
               ? err_set(err, ERR_NOT_FOUND, "match policy version %" PRIu64 " is held already",
                         held->version)
               : err_set(err, ERR_CONFLICT,
                         "another match policy of version %" PRIu64 " than the one held",
                         held->version);
}

static json_t *head_json(const struct match_policy *policy)
{
    json_t *channels = json_array();
    for (size_t i = 0; i < policy->channel_count; i++) {
        json_t *row = json_pack("{s:s,s:I}", "alphabet", policy->channels[i].alphabet, "bytes",
                                (json_int_t)policy->channels[i].size_bytes);
        if (!row || json_array_append_new(channels, row) < 0) {
            json_decref(channels);
            return NULL;
        }
    }
    return json_pack("{s:o,s:I,s:s,s:I,s:o,s:I,s:I}", "channels", channels, "false_alerts",
                     (json_int_t)policy->false_alerts, "fleet", policy->fleet, "look_alike",
                     (json_int_t)policy->look_alike_max, "time", time_json(policy->time), "traffic",
                     (json_int_t)policy->traffic, "version", (json_int_t)policy->version);
}

static int write_payload(const struct match_policy *policy, uint8_t *bytes, size_t *out_size,
                         struct err_text *err)
{
    char *head = NULL;
    size_t head_size = 0;
    struct byte_writer w;
    json_t *object = head_json(policy);
    int result = object ? json_canonical(object, &head, &head_size) : ERR_NO_MEMORY;
    json_decref(object);
    if (result < 0) {
        return result;
    }
    byte_writer_init(&w, bytes, MATCH_POLICY_PAYLOAD_MAX);
    byte_write_bytes(&w, head, head_size);
    byte_write_u8(&w, '\n');
    for (size_t i = 0; i < policy->channel_count; i++) {
        byte_write_bytes(&w, policy->channels[i].text, policy->channels[i].size_bytes);
    }
    free(head);
    *out_size = w.at;
    return w.failed ? err_set(err, ERR_TOO_LARGE, "match policy: more than %d bytes",
                              MATCH_POLICY_PAYLOAD_MAX)
                    : ERR_OK;
}

int match_policy_compose(const struct match_policy *policy, struct envelope *out,
                         struct err_text *err)
{
    struct match_policy check = {0};
    size_t size = 0;
    uint8_t *bytes = malloc(MATCH_POLICY_PAYLOAD_MAX);
    int result = bytes ? ERR_OK : ERR_NO_MEMORY;
    if (result == ERR_OK && policy->channel_count > MATCH_POLICY_CHANNELS_MAX) {
        result = err_set(err, ERR_TOO_LARGE, "channels: %zu, expected at most %d",
                         policy->channel_count, MATCH_POLICY_CHANNELS_MAX);
    }
    if (result == ERR_OK) {
        result = write_payload(policy, bytes, &size, err);
    }
    if (result == ERR_OK) {
        result = match_policy_parse(bytes, size, &check, err);
    }
    if (result == ERR_OK) {
        result = envelope_init(out, STATEMENT_MATCH_POLICY, bytes, size);
    }
    match_policy_fini(&check);
    free(bytes);
    return result;
}

void match_policy_fini(struct match_policy *policy)
{
    free(policy->payload);
    *policy = (struct match_policy){0};
}
