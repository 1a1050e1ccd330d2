/*
 * hqctl replace: a checkpoint's hardware was swapped. The old box is shut out and the new one gets
 * a token for the same checkpoint, in one act.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"

static void print_old(const json_t *old, const char *checkpoint)
{
    long long held = (long long)hqctl_number_of(old, "held");
    long long recorded = (long long)hqctl_number_of(old, "recorded");
    if (!json_is_object(old))
        hqctl_line(stdout, "The old box never sent a record.");
    else if (recorded > held)
        hqctl_line(stdout,
                   "Of the old box's journal %s records %lld to %lld never came: 'hqctl audit "
                   "missing %s' goes on naming them.",
                   hqctl_text_of(old, "chain"), held + 1, recorded, checkpoint);
    else
        hqctl_line(stdout, "Of the old box's journal %s all %lld records that are known of came.",
                   hqctl_text_of(old, "chain"), held);
}

static const char text[] =
    "DESCRIPTION\n"
    "  For hardware that was swapped. From now on the box that served the checkpoint is refused, "
    "its live\n  connections too. The technician gives the token to the new box "
    "('checkpoint-uplinkd --enroll'), which\n  gets its certificate once the fingerprint it shows "
    "is "
    "approved ('hqctl enrolment approve'). It is sent\n  the lists and what the old one had not "
    "answered; the first new journal it begins is accepted with this\n  act, any other is "
    "quarantined. When the old box is seen again, hqd alarms HQ_TWO_BOXES and 'hqctl\n  "
    "checkpoints' shows it.\n";

int hqctl_replace(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    const char *checkpoint = NULL;
    const char *reason = NULL;
    const char *fingerprint = NULL;
    int64_t minutes = 60;
    bool yes = false;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("reason", "TEXT", &reason, "Why; recorded with your name."),
        ARG_OPTION_TEXT("fingerprint", "SHA256", &fingerprint,
                        "The fingerprint the new box shows, approved beforehand. Default: 'hqctl "
                        "enrolment approve' later."),
        ARG_OPTION_NUMBER("minutes", "N", &minutes, 1, 4320,
                          "How long the token is good, 1 to 4320 (72 hours). Default: 60."),
        ARG_OPTION_FLAG("yes", &yes, "Do not ask.")};
    struct arg_spec spec = {
        .text = text, ARG_OPTIONS(options), ARG_OPERANDS("CHECKPOINT", 1, &checkpoint)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (!yes &&
        !hqctl_confirmed(checkpoint, "the box that serves it now will be shut out for good")) {
        fprintf(stderr, "hqctl: nothing done\n");
        return EXIT_RUN;
    }
    json_t *body = json_pack("{s:s,s:s,s:I,s:s*}", "checkpoint", checkpoint, "reason", reason,
                             "valid_minutes", (json_int_t)minutes, "fingerprint", fingerprint);
    status = hqctl_post(h, "/v1/operator/replace", body, &answer);
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0) {
        hqctl_print_token(answer.value);
        print_old(json_object_get(answer.value, "old"), checkpoint);
    }
    if (answer.text)
        explicit_bzero(answer.text, answer.size);
    hq_answer_fini(&answer);
    return status;
}
