/*
 * See policy_draft.h. No state.
 */
#include "gateway/hqctl/policy_draft.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/match/index.h"

static const char draft_type[] = "match-policy-draft/1";

void policy_draft_init(struct policy_draft *draft, const char *fleet)
{
    *draft = (struct policy_draft){.version = 1,
                                   .false_alerts = MATCH_FALSE_ALERTS_DEFAULT,
                                   .look_alike_max = MATCH_LOOK_ALIKE_DEFAULT};
    (void)snprintf(draft->fleet, sizeof(draft->fleet), "%s", fleet); /* checked when composed */
}

int policy_draft_set_channel(struct policy_draft *draft, const char *text, size_t size,
                             struct err_text *err)
{
    struct match_channel *channel = NULL;
    char *canonical = NULL;
    size_t canonical_size = 0;
    int rc = channel_parse(text, size, &channel, err);
    if (rc != 0)
        return rc;
    enum channel_alphabet alphabet = channel->alphabet;
    rc = channel_write(channel, &canonical, &canonical_size);
    channel_destroy(channel);
    if (rc != 0)
        return rc;
    free(draft->channels[alphabet].text);
    draft->channels[alphabet].text = canonical;
    draft->channels[alphabet].size_bytes = canonical_size;
    return 0;
}

void policy_draft_drop_channels(struct policy_draft *draft)
{
    for (size_t i = 0; i < CHANNEL_ALPHABETS; i++) {
        free(draft->channels[i].text);
        draft->channels[i].text = NULL;
        draft->channels[i].size_bytes = 0;
    }
}

void policy_draft_fini(struct policy_draft *draft)
{
    policy_draft_drop_channels(draft);
    *draft = (struct policy_draft){0};
}

int policy_draft_after(struct policy_draft *draft, const struct match_policy *policy,
                       struct err_text *err)
{
    struct policy_draft next = {.version = policy->version + 1,
                                .false_alerts = policy->false_alerts,
                                .traffic = policy->traffic,
                                .look_alike_max = policy->look_alike_max};
    int rc = 0;
    memcpy(next.fleet, policy->fleet, sizeof(next.fleet));
    for (size_t i = 0; rc == 0 && i < policy->channel_count; i++) {
        const struct match_policy_channel *row = &policy->channels[i];
        rc = policy_draft_set_channel(&next, row->text, row->size_bytes, err);
        if (rc != 0)
            (void)err_prefix(err, rc, "channel %s of version %" PRIu64, row->alphabet,
                             policy->version); /* told with rc */
    }
    if (rc != 0) {
        policy_draft_fini(&next);
        return rc;
    }
    *draft = next;
    return 0;
}

/* ---- reading ---- */

static int check_members(const json_t *object, struct err_text *err)
{
    static const char *const names[] = {"type",       "fleet",   "version", "false_alerts",
                                        "look_alike", "traffic", "channels"};
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)object, key, item)
    {
        size_t i = 0;
        while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i], key) != 0)
            i++;
        if (i == sizeof(names) / sizeof(names[0]))
            return err_set(err, ERR_INVALID, "'%.64s': unknown, expected a member of a %s", key,
                           draft_type);
    }
    const char *type = json_string_value(json_object_get(object, "type"));
    if (!type || strcmp(type, draft_type) != 0)
        return err_set(err, ERR_INVALID, "type = '%.64s': expected %s", type ? type : "",
                       draft_type);
    return 0;
}

static int read_number(const json_t *object, const char *name, int64_t min, int64_t max,
                       int64_t *out, struct err_text *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return err_set(err, ERR_INVALID, "%s: expected a whole number from %" PRId64 " to %" PRId64,
                       name, min, max);
    *out = json_integer_value(value);
    return 0;
}

static int read_numbers(const json_t *object, struct policy_draft *draft, struct err_text *err)
{
    int64_t version = 0;
    int64_t false_alerts = 0;
    int64_t look_alike = 0;
    int64_t traffic = 0;
    int rc = read_number(object, "version", 1, INT64_MAX, &version, err);
    if (rc == 0)
        rc = read_number(object, "false_alerts", 1, MATCH_POLICY_FALSE_ALERTS_MAX, &false_alerts,
                         err);
    if (rc == 0)
        rc = read_number(object, "look_alike", 0, MATCH_POLICY_LOOK_ALIKE_MAX, &look_alike, err);
    if (rc == 0)
        rc = read_number(object, "traffic", 0, MATCH_POLICY_TRAFFIC_MAX, &traffic, err);
    draft->version = (uint64_t)version;
    draft->false_alerts = (uint32_t)false_alerts;
    draft->look_alike_max = (uint8_t)look_alike;
    draft->traffic = (uint32_t)traffic;
    return rc;
}

static int read_channels(const json_t *channels, struct policy_draft *draft, struct err_text *err)
{
    const char *name;
    json_t *channel;
    if (!json_is_object(channels))
        return err_set(err, ERR_INVALID,
                       "channels: expected an object, a channel file an alphabet");
    json_object_foreach((json_t *)(uintptr_t)channels, name, channel)
    {
        enum channel_alphabet alphabet;
        char *text = NULL;
        size_t size = 0;
        if (channel_alphabet_parse(name, &alphabet) != 0)
            return err_set(err, ERR_INVALID, "channels: '%.32s' is no alphabet", name);
        int rc = json_canonical(channel, &text, &size);
        if (rc == 0)
            rc = policy_draft_set_channel(draft, text, size, err);
        free(text);
        if (rc == 0 && !draft->channels[alphabet].text)
            rc = err_set(err, ERR_INVALID, "is of another alphabet");
        if (rc != 0)
            return err_prefix(err, rc, "channels.%s", name);
    }
    return 0;
}

int policy_draft_read(const char *text, size_t size, struct policy_draft *out, struct err_text *err)
{
    struct policy_draft draft = {0};
    json_t *object = NULL;
    int rc = json_parse(text, size, &object, err);
    if (rc == 0 && !json_is_object(object))
        rc = err_set(err, ERR_INVALID, "no JSON object, expected a draft");
    if (rc == 0)
        rc = check_members(object, err);
    if (rc == 0)
        rc = read_numbers(object, &draft, err);
    const char *fleet = json_string_value(json_object_get(object, "fleet"));
    if (rc == 0 && (!fleet || strlen(fleet) > FLEET_NAME_MAX || !fleet_name_good(fleet)))
        rc = err_set(err, ERR_INVALID, "fleet: expected a-z, 0-9 and '-'");
    if (rc == 0)
        memcpy(draft.fleet, fleet, strlen(fleet) + 1);
    if (rc == 0)
        rc = read_channels(json_object_get(object, "channels"), &draft, err);
    json_decref(object);
    if (rc != 0) {
        policy_draft_fini(&draft);
        return rc;
    }
    *out = draft;
    return 0;
}

/* ---- writing ---- */

static void write_to(FILE *to, const struct policy_draft *draft)
{
    const char *between = "\n";
    fprintf(to,
            "{\"type\":\"%s\",\n\"fleet\":\"%s\",\n\"version\":%" PRIu64
            ",\n\"false_alerts\":%u,\n\"look_alike\":%u,\n\"traffic\":%u,\n\"channels\":{",
            draft_type, draft->fleet, draft->version, draft->false_alerts, draft->look_alike_max,
            draft->traffic);
    for (int i = 0; i < CHANNEL_ALPHABETS; i++) {
        if (!draft->channels[i].text)
            continue;
        fprintf(to, "%s\"%s\":", between, channel_alphabet_name((enum channel_alphabet)i));
        (void)fwrite(draft->channels[i].text, 1, draft->channels[i].size_bytes,
                     to); /* ferror tells */
        between = ",\n";
    }
    fputs("}}\n", to);
}

int policy_draft_write(const struct policy_draft *draft, char **out, size_t *out_size)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return ERR_NO_MEMORY;
    write_to(to, draft);
    if ((ferror(to) | fclose(to)) != 0) {
        free(text);
        return ERR_NO_MEMORY;
    }
    *out = text;
    *out_size = size;
    return 0;
}

int policy_draft_compose(const struct policy_draft *draft, struct wall_time now,
                         struct envelope *out, struct err_text *err)
{
    struct match_policy policy = {.version = draft->version,
                                  .time = now,
                                  .false_alerts = draft->false_alerts,
                                  .traffic = draft->traffic,
                                  .look_alike_max = draft->look_alike_max};
    memcpy(policy.fleet, draft->fleet, sizeof(policy.fleet));
    for (int i = 0; i < CHANNEL_ALPHABETS; i++) { /* their names rise in this order */
        struct match_policy_channel *row = &policy.channels[policy.channel_count];
        if (!draft->channels[i].text)
            continue;
        (void)snprintf(row->alphabet, sizeof(row->alphabet), "%s",
                       channel_alphabet_name((enum channel_alphabet)i)); /* fits */
        row->text = draft->channels[i].text;
        row->size_bytes = draft->channels[i].size_bytes;
        policy.channel_count++;
    }
    return match_policy_compose(&policy, out, err);
}
