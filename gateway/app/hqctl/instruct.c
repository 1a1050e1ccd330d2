/*
 * hqctl instruct message, hold, status, agree, publish, and instructions: what a duty officer tells
 * a checkpoint, signed with the officer's own key, and what became of it there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/instruct.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/hqctl/key_store.h"

enum { MINUTES_DEFAULT = 60, MINUTE_MS = 60 * 1000 };

/* What these commands have in common. */
struct instruct_args {
    const char *key;
    const char *out; /* NULL: it is sent */
    int64_t minutes;
};

#define INSTRUCT_ROWS(h, a)                                                                        \
    ARG_OPTION_TEXT_NEEDED("key", "FILE", &(a).key,                                                \
                           "The duty officer's instruction key, duty/NAME.key.pem."),              \
        ARG_OPTION_NUMBER("minutes", "N", &(a).minutes, 1, INSTRUCT_MINUTES_MAX,                   \
                          "How long it may still be carried out, 1 to 1440. Default: 60."),        \
        ARG_OPTION_TEXT("out", "FILE", &(a).out,                                                   \
                        "Sign only: for 'hqctl instruct publish' on another machine."),            \
        HQCTL_PASSPHRASE_FD(h, "the key's")

#define INSTRUCT_MANUAL                                                                            \
    "  The box checks signature, key, checkpoint, number and time itself and puts on record "      \
    "what\n"                                                                                       \
    "  came and what became of it: 'hqctl instructions'. What arrives after --minutes is "         \
    "refused.\n"                                                                                   \
    "  No instruction opens or closes a barrier, ends a hold or an inspection, or lets anybody\n"  \
    "  through: that takes an officer at the lane.\n"

/* ---- signing and sending ---- */

/* The number is the moment of signing: it rises without asking anybody, at every officer's desk. */
int instruct_compose(const struct sign_key *key, int64_t minutes, struct instruction *i, char **out,
                     size_t *out_size, struct err_text *err)
{
    struct envelope e = {0};
    struct instruction_task task;
    if (i->time.ms == 0)
        i->time = clock_wall(&clock_system);
    if (i->id == 0)
        i->id = (uint64_t)i->time.ms;
    i->expires = (struct wall_time){i->time.ms + minutes * MINUTE_MS};
    int rc = i->body ? instruction_read_task(i, &task, err)
                     : err_set(err, ERR_INVALID, "%s: not UTF-8", i->kind);
    if (rc == 0)
        rc = instruction_compose(i, &e, err);
    if (rc == 0)
        rc = envelope_sign(&e, key);
    if (rc == 0)
        rc = envelope_write(&e, out, out_size);
    envelope_fini(&e);
    return rc;
}

int instruct_open_key(const struct hqctl *h, const char *path, struct sign_key **out,
                      struct err_text *err)
{
    const struct passphrase_source source = hqctl_passphrases(h);
    return key_store_open(path, &source, path, out, err);
}

static int send_text(struct hqctl *h, const char *text, size_t size)
{
    struct err_text err = {""};
    struct hq_answer answer = {0};
    int status = hqctl_connect(h);
    if (status != 0)
        return status;
    int rc = hq_client_ask(&h->client, "POST", INSTRUCTIONS_PATH, text, size, 0, &answer, &err);
    if (rc != 0)
        status = hqctl_fail(h, rc, &err);
    else if (h->json)
        status = hqctl_print(json_incref(answer.value));
    else
        hqctl_line(stdout, "Sent as number %lld. 'hqctl instructions' shows what became of it.",
                   (long long)hqctl_number_of(answer.value, "number"));
    hq_answer_fini(&answer);
    return status;
}

static int save(const struct hqctl *h, const char *path, const char *text, size_t size)
{
    struct err_text err = {""};
    int rc = file_write_atomic(path, text, size, 0600, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print(json_pack("{s:s}", "file", path));
    printf("Signed: %s. Send it: hqctl instruct publish %s\n", path, path);
    return EXIT_OK;
}

/* Takes over `body`. */
static int instruct(struct hqctl *h, const struct instruct_args *a, const char *checkpoint,
                    const char *kind, json_t *body)
{
    struct err_text err = {""};
    struct instruction i = {.body = body};
    struct sign_key *key = NULL;
    char *text = NULL;
    size_t size = 0;
    int rc = checkpoint && strlen(checkpoint) < sizeof(i.checkpoint)
                 ? 0
                 : err_set(&err, ERR_INVALID,
                           "CHECKPOINT: expected an id that 'hqctl checkpoints' shows");
    if (rc == 0)
        memcpy(i.checkpoint, checkpoint, strlen(checkpoint) + 1);
    (void)snprintf(i.kind, sizeof(i.kind), "%s", kind); /* a fixed word */
    if (rc == 0)
        rc = instruct_open_key(h, a->key, &key, &err);
    if (rc == 0)
        rc = instruct_compose(key, a->minutes, &i, &text, &size, &err);
    sign_key_free(key);
    int status = rc != 0  ? hqctl_fail(h, rc, &err)
                 : a->out ? save(h, a->out, text, size)
                          : send_text(h, text, size);
    free(text);
    json_decref(body);
    return status;
}

int hqctl_instruct_message(struct hqctl *h, int argc, char **argv)
{
    struct instruct_args a = {.minutes = MINUTES_DEFAULT};
    const char *operands[2] = {NULL, NULL};
    int64_t lane = 0;
    const struct arg_option options[] = {
        ARG_OPTION_NUMBER("lane", "N", &lane, 1, INSTRUCTION_LANE_MAX,
                          "The lane it is about. Default: the checkpoint."),
        INSTRUCT_ROWS(h, a)};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  A message to the officers there, up to 400 characters: shown by 'checkpointctl\n"
                "  messages' and on consoles.\n" INSTRUCT_MANUAL "\nEXAMPLE\n"
                "  hqctl instruct message lu-hz-01 '注意白色面包车' --key duty/wang.key.pem\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("CHECKPOINT TEXT", 2, operands)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    json_t *body = json_pack("{s:s}", "text", operands[1]);
    if (body && lane > 0)
        json_object_set_new(body, "lane", json_integer(lane));
    return instruct(h, &a, operands[0], "message", body);
}

int hqctl_instruct_hold(struct hqctl *h, int argc, char **argv)
{
    struct instruct_args a = {.minutes = MINUTES_DEFAULT};
    const char *checkpoint = NULL;
    const char *plate = NULL;
    const char *reason = NULL;
    int64_t lane = 0;
    const struct arg_option options[] = {
        ARG_OPTION_NUMBER("lane", "N", &lane, 1, INSTRUCTION_LANE_MAX,
                          "Whoever stands at the boom of this lane …"),
        ARG_OPTION_TEXT("plate", "PLATE", &plate,
                        "… or the vehicle of this plate, at whichever boom it stands."),
        ARG_OPTION_TEXT_NEEDED("reason", "TEXT", &reason, "Why; the officers there read it."),
        INSTRUCT_ROWS(h, a)};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  Holds the vehicle that stands at the boom when it arrives, as an officer there\n"
                "  could; an officer there ends it. One that is not there is not held: list it as\n"
                "  wanted, in a hurry by an emergency entry.\n" INSTRUCT_MANUAL "\nEXAMPLE\n"
                "  hqctl instruct hold lu-hz-01 --lane 2 --reason 协查 --key duty/wang.key.pem\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("CHECKPOINT", 1, &checkpoint)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    json_t *body = json_pack("{s:s,s:s*}", "reason", reason, "plate", plate);
    if (body && lane > 0)
        json_object_set_new(body, "lane", json_integer(lane));
    return instruct(h, &a, checkpoint, "hold", body);
}

int hqctl_instruct_status(struct hqctl *h, int argc, char **argv)
{
    struct instruct_args a = {.minutes = MINUTES_DEFAULT};
    const char *checkpoint = NULL;
    const struct arg_option options[] = {INSTRUCT_ROWS(h, a)};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  Asks how the box is: lanes, alarms, journal, clock, list. The answer comes with\n"
            "  the acknowledgement: 'hqctl instructions --json'.\n" INSTRUCT_MANUAL,
        ARG_OPTIONS(options),
        ARG_OPERANDS("CHECKPOINT", 1, &checkpoint)};
    int status = hqctl_parse(h, argc, argv, &spec);
    return status >= 0 ? status : instruct(h, &a, checkpoint, "status", json_object());
}

/* Takes over nothing; NULL: no memory, or no number. */
static json_t *agreement(const char *const operands[4], const char *note, bool disagree)
{
    const char *what = operands[1];
    json_int_t numbers[2]; /* of the hold or hit, of the question */
    bool hold = strcmp(what, instruction_question_name(INSTRUCTION_RELEASE)) == 0;
    for (int i = 0; i < 2; i++) {
        char *end = NULL;
        numbers[i] = strtoll(operands[2 + i], &end, 10);
        if (end == operands[2 + i] || *end != '\0')
            return NULL;
    }
    return json_pack("{s:b,s:I,s:s,s:I,s:s}", "agrees", !disagree, hold ? "hold" : "hit",
                     numbers[0], "note", note, "question", numbers[1], "what", what);
}

int hqctl_instruct_agree(struct hqctl *h, int argc, char **argv)
{
    struct instruct_args a = {.minutes = MINUTES_DEFAULT};
    const char *operands[4] = {NULL, NULL, NULL, NULL};
    const char *note = NULL;
    bool disagree = false;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("note", "TEXT", &note, "Why; the officers there read it."),
        ARG_OPTION_FLAG("disagree", &disagree, "Headquarters does not agree."),
        INSTRUCT_ROWS(h, a)};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  Answers what a checkpoint asks for want of a second person on shift ('hqctl\n"
                "  calls' shows these words and numbers): 'release' and the number of a hold of\n"
                "  priority 1, 'reject' or 'confirm' and that of a hit, then the question's own:\n"
                "  when another hit joins the hold, the checkpoint asks anew. Agreed, you stand\n"
                "  on record as the second person of the officer's own act; what is not asked\n"
                "  for is refused there.\n"
                "  答复检查站的请示，作为第二人记录在案。\n" INSTRUCT_MANUAL "\nEXAMPLE\n"
                "  hqctl instruct agree lu-hz-01 release 1048577 1795392000123 --note 已核实 --key "
                "duty/wang.key.pem\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("CHECKPOINT WHAT NUMBER QUESTION", 4, operands)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    json_t *body = agreement(operands, note, disagree);
    if (!body) {
        fprintf(
            stderr,
            "hqctl instruct agree: NUMBER, QUESTION: expected those that 'hqctl calls' shows\n");
        return EXIT_USAGE;
    }
    return instruct(h, &a, operands[0], "agree", body);
}

int hqctl_instruct_publish(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    const char *path = NULL;
    uint8_t *text = NULL;
    size_t size = 0;
    struct arg_spec spec = {.text = "DESCRIPTION\n  Sends what another machine signed (--out).\n",
                            ARG_OPERANDS("FILE", 1, &path)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = file_read(path, ENVELOPE_SIZE_MAX, &text, &size, &err);
    status = rc == 0 ? send_text(h, (const char *)text, size) : hqctl_fail(h, rc, &err);
    free(text);
    return status;
}

/* ---- what became of them ---- */

struct shown {
    const struct hqctl *h;
    int64_t id;   /* 0: all */
    bool waiting; /* only those without an answer */
    size_t told;
    size_t done;
    size_t other; /* failed or refused */
};

static int print_row(void *ctx, const json_t *row)
{
    struct shown *shown = ctx;
    const struct hqctl *h = shown->h;
    const char *result = hqctl_text_of(row, "result");
    const char *why = hqctl_text_of(row, "why");
    if (shown->id != 0 && hqctl_number_of(row, "id") != shown->id)
        return 0;
    shown->told++;
    shown->done += strcmp(result, "done") == 0;
    shown->other += result[0] && strcmp(result, "done") != 0;
    if (shown->waiting && result[0])
        return 0;
    if (h->json)
        return hqctl_print(json_incref((json_t *)(uintptr_t)row)) == EXIT_OK ? 0 : ERR_IO;
    hqctl_line(stdout, "%lld  %s  %s  %s  signed by %s  %s%s%s%s%s",
               (long long)hqctl_number_of(row, "number"), hqctl_text_of(row, "time"),
               hqctl_text_of(row, "checkpoint"), hqctl_text_of(row, "kind"),
               hqctl_text_of(row, "signed_by"), result[0] ? result : "no answer yet",
               result[0] ? "  " : "", hqctl_text_of(row, "answered"), why[0] ? "  " : "", why);
    return 0;
}

int hqctl_instructions(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    uint64_t after = 0;
    struct shown shown = {.h = h};
    const struct arg_option options[] = {
        ARG_OPTION_NUMBER("id", "N", &shown.id, 1, INT64_MAX,
                          "Those of one act, and how many boxes have answered it."),
        ARG_OPTION_FLAG("waiting", &shown.waiting, "Only those no box has answered yet.")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  What was sent, by whom it is signed, and what the box's own record says became\n"
            "  of it: done, failed (a good one that could not be carried out) or refused, with\n"
            "  the reason. What 'hqctl verdict' told has a row for each box under one id.\n"
            "  指令回执。\n",
        ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = hq_client_walk(&h->client, INSTRUCTIONS_PATH "?", "instructions", &after, print_row,
                            &shown, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (shown.id != 0 && !h->json)
        printf("%zu told: %zu done, %zu failed or refused, %zu without an answer.\n", shown.told,
               shown.done, shown.other, shown.told - shown.done - shown.other);
    return EXIT_OK;
}
