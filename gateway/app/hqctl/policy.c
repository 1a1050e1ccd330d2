/*
 * hqctl match policy draft, sign, show, publish: from a draft to every checkpoint.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/policy_file.h"
#include "gateway/app/hqctl/versioned.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"

enum { NOT_GIVEN = -1 };

/* ---- draft ---- */

struct drafting {
    const char *out;
    const char *channels[CHANNEL_ALPHABETS];
    size_t channel_count;
    bool no_channels;
    int64_t false_alerts; /* these three: NOT_GIVEN, as in the policy in force */
    int64_t look_alike;
    int64_t traffic;
};

static int start_draft(struct hqctl *h, struct policy_draft *draft, struct err_text *err)
{
    struct policy_file in_force;
    int rc = policy_file_get(h, &in_force, err);
    if (rc == ERR_NOT_FOUND) {
        policy_draft_init(draft, h->client.connection.fleet);
        return 0;
    }
    if (rc == 0) {
        rc = policy_draft_after(draft, &in_force.policy, err);
        policy_file_close(&in_force);
    }
    return rc;
}

static int add_channels(const struct drafting *d, struct policy_draft *draft, struct err_text *err)
{
    int rc = 0;
    if (d->no_channels)
        policy_draft_drop_channels(draft);
    for (size_t i = 0; rc == 0 && i < d->channel_count; i++) {
        uint8_t *text = NULL;
        size_t size = 0;
        rc = file_read(d->channels[i], CHANNEL_TEXT_MAX, &text, &size, err);
        if (rc != 0)
            return rc;
        rc = policy_draft_set_channel(draft, (const char *)text, size, err);
        free(text);
        if (rc != 0)
            return err_prefix(err, rc, "%s", d->channels[i]);
    }
    return rc;
}

static int say_draft(const struct hqctl *h, const char *out, struct policy_file *file)
{
    struct err_text err = {""};
    /* Shown as it will be signed; the file stays the draft. */
    int rc = policy_file_compose(file, clock_wall(&clock_system), &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print_with(policy_json(&file->policy, &file->envelope, NULL), "file",
                                json_string(out));
    policy_show(stdout, &file->policy, &file->envelope, NULL);
    printf("Draft: %s. Two clerks sign it: hqctl match policy sign %s\n", out, out);
    return EXIT_OK;
}

static int draft_policy(struct hqctl *h, const struct drafting *d)
{
    struct err_text err = {""};
    struct policy_file file = {.is_draft = true};
    struct policy_draft *draft = &file.draft;
    int rc = start_draft(h, draft, &err);
    if (rc == 0 && d->false_alerts != NOT_GIVEN)
        draft->false_alerts = (uint32_t)d->false_alerts;
    if (rc == 0 && d->look_alike != NOT_GIVEN)
        draft->look_alike_max = (uint8_t)d->look_alike;
    if (rc == 0 && d->traffic != NOT_GIVEN)
        draft->traffic = (uint32_t)d->traffic;
    if (rc == 0)
        rc = add_channels(d, draft, &err);
    if (rc == 0)
        rc = policy_file_save(d->out, &file, &err);
    int status = rc == 0 ? say_draft(h, d->out, &file) : hqctl_fail(h, rc, &err);
    policy_file_close(&file);
    return status;
}

int hqctl_policy_draft(struct hqctl *h, int argc, char **argv)
{
    struct drafting d = {.false_alerts = NOT_GIVEN, .look_alike = NOT_GIVEN, .traffic = NOT_GIVEN};
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("out", "FILE", &d.out, "Where the draft goes; must not be there."),
        {.name = "channel",
         .value = "FILE",
         .kind = ARG_TEXTS,
         .target = d.channels,
         .max = CHANNEL_ALPHABETS,
         .count = &d.channel_count,
         .help = "A channel file of 'hqctl match learn', in place of its alphabet's; may be given "
                 "once an alphabet."},
        ARG_OPTION_FLAG("no-channels", &d.no_channels,
                        "Leave out the channels in force: look-alike rule alone, but for those "
                        "given by --channel."),
        ARG_OPTION_NUMBER("false-alerts", "N", &d.false_alerts, 1, MATCH_POLICY_FALSE_ALERTS_MAX,
                          "Operating point: at most so many false alerts a shift of 8 hours at "
                          "one checkpoint. Without a policy in force: 3."),
        ARG_OPTION_NUMBER("look-alike", "K", &d.look_alike, 0, MATCH_POLICY_LOOK_ALIKE_MAX,
                          "A look-alike match may be at most so many characters apart. Without "
                          "a policy in force: 1."),
        ARG_OPTION_NUMBER("traffic", "N", &d.traffic, 0, MATCH_POLICY_TRAFFIC_MAX,
                          "Vehicles a shift at a checkpoint; 0: each goes by its own count. "
                          "Without a policy in force: 0.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  What is not given stays as in the policy in force, which hqd is asked for. The\n"
                "  draft is the version behind it; two different clerks sign it offline.\n\n"
                "EXAMPLE\n"
                "  hqctl match learn --out channels\n"
                "  hqctl match policy draft --channel channels/latin.json --false-alerts 3 --out "
                "policy.json\n"
                "  hqctl match policy sign policy.json --key zhang.key.pem\n"
                "  hqctl match policy sign policy.json --key li.key.pem\n"
                "  hqctl match policy publish policy.json\n",
        ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    return status < 0 ? draft_policy(h, &d) : status;
}

/* ---- sign, show, publish ---- */

static int open_file(const char *path, void *file, struct err_text *err)
{
    return policy_file_open(path, file, err);
}

static int get_file(struct hqctl *h, void *file, struct err_text *err)
{
    return policy_file_get(h, file, err);
}

static int compose_file(void *file, struct wall_time now, struct err_text *err)
{
    return policy_file_compose(file, now, err);
}

static int save_file(const char *path, const void *file, struct err_text *err)
{
    return policy_file_save(path, file, err);
}

static void close_file(void *file)
{
    policy_file_close(file);
}

static void show_file(FILE *to, const void *file, const struct keyset *set)
{
    const struct policy_file *f = file;
    policy_show(to, &f->policy, &f->envelope, set);
}

static json_t *file_json(const void *file, const struct keyset *set)
{
    const struct policy_file *f = file;
    return policy_json(&f->policy, &f->envelope, set);
}

static int verify_text(const struct keyset *set, const char *text, size_t size,
                       struct err_text *err)
{
    struct match_policy value = {0};
    int rc = match_policy_verify(set, text, size, &value, err);
    if (rc == 0)
        match_policy_fini(&value);
    return rc;
}

static struct versioned_view view_of(void *file)
{
    struct policy_file *f = file;
    return (struct versioned_view){f->is_draft, f->policy.time, f->policy.version, &f->envelope};
}

static const struct versioned_kind kind = {
    .command = "match policy",
    .title = "match policy",
    .in_force = "policy",
    .pronoun = "it",
    .number_name = "version",
    .path = POLICY_PATH,
    .clerks = MATCH_POLICY_CLERKS,
    .sign_text =
        "DESCRIPTION\n"
        "  Shows what is signed, then asks for the passphrase. The first signature dates the\n"
        "  policy; a second clerk runs the same command on the same file. Needs no network.\n"
        "  gateway/signed/README.md shows how stock openssl checks a signature.\n",
    .show_text =
        "DESCRIPTION\n"
        "  Without FILE the policy in force, as hqd has it. With a key set, verifies it exactly "
        "as\n"
        "  a checkpoint does before it takes it: status 1 when it would refuse.\n",
    .publish_text = "DESCRIPTION\n"
                    "  hqd verifies it as a checkpoint would and takes it only if "
                    "it follows the version in\n  force. Publishing the same file "
                    "once more changes nothing.\n",
    .open = open_file,
    .get = get_file,
    .compose = compose_file,
    .save = save_file,
    .close = close_file,
    .show = show_file,
    .json = file_json,
    .verify = verify_text,
    .view = view_of,
};

int hqctl_policy_sign(struct hqctl *h, int argc, char **argv)
{
    struct policy_file file = {.is_draft = false};
    return versioned_sign(h, argc, argv, &kind, &file);
}

int hqctl_policy_show(struct hqctl *h, int argc, char **argv)
{
    struct policy_file file = {.is_draft = false};
    return versioned_show(h, argc, argv, &kind, &file);
}

int hqctl_policy_publish(struct hqctl *h, int argc, char **argv)
{
    struct policy_file file = {.is_draft = false};
    return versioned_publish(h, argc, argv, &kind, &file);
}
