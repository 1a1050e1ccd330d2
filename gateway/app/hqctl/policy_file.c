/*
 * See policy_file.h.
 */
#include "gateway/app/hqctl/policy_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/signed_file.h"
#include "gateway/base/file.h"
#include "gateway/match/strictness.h"

/* ---- reading and saving ---- */

int policy_file_read_signed(const char *text, size_t size, struct policy_file *out,
                            struct err_text *err)
{
    struct policy_file file = {.is_draft = false};
    int rc = signed_file_parse(text, size, STATEMENT_MATCH_POLICY, &file.envelope, err);
    if (rc == 0)
        rc = match_policy_parse(file.envelope.payload, file.envelope.payload_size, &file.policy,
                                err);
    if (rc != 0) {
        policy_file_close(&file);
        return rc;
    }
    *out = file;
    return 0;
}

int policy_file_open(const char *path, struct policy_file *out, struct err_text *err)
{
    static const char signed_type[] = "\"match-policy/1\"";
    struct policy_file file = {.is_draft = true};
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = file_read(path, POLICY_FILE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    file.is_draft = memmem(text, size, signed_type, sizeof(signed_type) - 1) == NULL;
    rc = file.is_draft ? policy_draft_read((const char *)text, size, &file.draft, err)
                       : policy_file_read_signed((const char *)text, size, &file, err);
    free(text);
    if (rc != 0)
        return err_prefix(err, rc, "%s", path);
    *out = file;
    return 0;
}

int policy_file_get(struct hqctl *h, struct policy_file *out, struct err_text *err)
{
    struct hq_answer answer;
    int rc = hq_client_get(&h->client, POLICY_PATH, &answer, err);
    if (rc == 0)
        rc = policy_file_read_signed(answer.text, answer.size, out, err);
    hq_answer_fini(&answer);
    return rc;
}

int policy_file_compose(struct policy_file *file, struct wall_time now, struct err_text *err)
{
    if (!file->is_draft)
        return 0;
    int rc = policy_draft_compose(&file->draft, now, &file->envelope, err);
    if (rc == 0)
        rc = match_policy_parse(file->envelope.payload, file->envelope.payload_size, &file->policy,
                                err);
    file->is_draft = rc != 0;
    return rc;
}

int policy_file_save(const char *path, const struct policy_file *file, struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    int rc = file->is_draft ? policy_draft_write(&file->draft, &text, &size)
                            : envelope_write(&file->envelope, &text, &size);
    if (rc == 0)
        rc = signed_file_save(path, text, size, !file->is_draft, err);
    free(text);
    return rc;
}

void policy_file_close(struct policy_file *file)
{
    policy_draft_fini(&file->draft);
    envelope_fini(&file->envelope);
    match_policy_fini(&file->policy);
}

/* ---- showing ---- */

/* Sizes of list for which it is said what the operating point hides. */
static const size_t told_entries[] = {10 * 1000, 100 * 1000, 1000 * 1000};
enum { TOLD_SIZES = sizeof(told_entries) / sizeof(told_entries[0]), TOLD_FEW_PERCENT = 50 };

static int count_told(const struct match_policy *policy, const struct match_channel *channel,
                      int out_percent[TOLD_SIZES], struct err_text *err)
{
    const struct match_operating_point point = {policy->false_alerts, policy->traffic};
    int rc = 0;
    for (size_t i = 0; i < TOLD_SIZES && rc == 0; i++)
        rc = match_told_percent(channel, &point, told_entries[i], &out_percent[i], err);
    return rc;
}

/* Who signs a policy knows what it keeps from officers. */
static void show_told(FILE *to, const struct match_policy *policy,
                      const struct match_channel *channel)
{
    struct err_text err = {""};
    int percent[TOLD_SIZES];
    if (count_told(policy, channel, percent, &err) != 0) {
        hqctl_line(to, "    what it hides is not known: %s", err.text);
        return;
    }
    hqctl_line(to, "    of wanted plates misread in one symbol and named second by the camera,");
    hqctl_line(to,
               "    officers are told of %d %% at 10,000 entries, %d %% at 100,000, %d %% at "
               "1,000,000",
               percent[0], percent[1], percent[2]);
    if (percent[1] < TOLD_FEW_PERCENT)
        hqctl_line(to, "    WARNING: hides most misread plates, of priority 1 too; more false "
                       "alerts would show them");
}

static void show_channel(FILE *to, const struct match_policy *policy,
                         const struct match_policy_channel *row)
{
    struct match_channel *channel = NULL;
    struct err_text err = {""};
    char time[WALL_TEXT_SIZE];
    char hash[HASH_TEXT_SIZE];
    uint8_t digest[HASH_SIZE] = {0};
    if (hash_bytes(row->text, row->size_bytes, digest) != 0 ||
        channel_parse(row->text, row->size_bytes, &channel, &err) != 0) {
        hqctl_line(to, "  channel %s: CANNOT BE READ, no box takes it: %s", row->alphabet,
                   err.text);
        return;
    }
    wall_format(channel->learned_at, time);
    hash_format(digest, hash);
    hqctl_line(to,
               "  channel %s: version %" PRIu64 ", learned %s from %" PRIu64
               " confirmed pairs, %.19s…",
               row->alphabet, channel->version, time, channel->pairs, hash);
    show_told(to, policy, channel);
    channel_destroy(channel);
}

void policy_show(FILE *to, const struct match_policy *policy, const struct envelope *envelope,
                 const struct keyset *keyset)
{
    char time[WALL_TEXT_SIZE];
    wall_format(policy->time, time);
    hqctl_line(to, "Match policy version %" PRIu64 " of fleet %s, dated %s:", policy->version,
               policy->fleet, time);
    hqctl_line(to, "  at most %u false alert%s a shift of 8 hours", policy->false_alerts,
               policy->false_alerts == 1 ? "" : "s");
    if (policy->traffic > 0)
        hqctl_line(to, "  at %u vehicles a shift", policy->traffic);
    else
        hqctl_line(to, "  at the traffic each checkpoint counts");
    hqctl_line(to, "  look-alike characters apart: at most %u", policy->look_alike_max);
    for (size_t i = 0; i < policy->channel_count; i++)
        show_channel(to, policy, &policy->channels[i]);
    if (policy->channel_count > 0 && policy->look_alike_max > 1)
        hqctl_line(to,
                   "  channels know false alerts of look-alikes 1 character apart: with %u "
                   "there may be more",
                   policy->look_alike_max);
    if (policy->channel_count == 0)
        hqctl_line(to, "  no channel: matches are told by the look-alike rule alone");
    signed_file_show_signers(to, envelope, keyset);
    fprintf(to, "Needs two different clerks.\n");
}

static json_t *told_json(const struct match_policy *policy, const struct match_policy_channel *row)
{
    struct match_channel *channel = NULL;
    int percent[TOLD_SIZES];
    json_t *told = json_array();
    int rc = channel_parse(row->text, row->size_bytes, &channel, NULL);
    if (rc == 0)
        rc = count_told(policy, channel, percent, NULL);
    for (size_t i = 0; i < TOLD_SIZES && rc == 0; i++)
        (void)json_array_append_new(
            told, json_pack("{s:I,s:i}", "entries", (json_int_t)told_entries[i], "percent",
                            percent[i])); /* without memory the row is missing */
    channel_destroy(channel);
    return told;
}

json_t *policy_json(const struct match_policy *policy, const struct envelope *envelope,
                    const struct keyset *keyset)
{
    char time[WALL_TEXT_SIZE];
    char hash[HASH_TEXT_SIZE];
    json_t *channels = json_array();
    wall_format(policy->time, time);
    hash_format(policy->hash, hash);
    for (size_t i = 0; i < policy->channel_count; i++)
        (void)json_array_append_new(
            channels,
            json_pack(
                "{s:s,s:I,s:o}", "alphabet", policy->channels[i].alphabet, "bytes",
                (json_int_t)policy->channels[i].size_bytes, "told",
                told_json(policy, &policy->channels[i]))); /* without memory the row is missing */
    return json_pack("{s:I,s:s,s:s,s:s,s:I,s:I,s:I,s:o,s:o,s:i}", "version",
                     (json_int_t)policy->version, "fleet", policy->fleet, "time", time, "hash",
                     hash, "false_alerts", (json_int_t)policy->false_alerts, "look_alike",
                     (json_int_t)policy->look_alike_max, "traffic", (json_int_t)policy->traffic,
                     "channels", channels, "signed_by", signed_file_signers_json(envelope, keyset),
                     "clerks_needed", MATCH_POLICY_CLERKS);
}
