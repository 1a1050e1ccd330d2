/*
 * See instruction_task.h. No state.
 */
#include "gateway/signed/instruction_task.h"

#include <string.h>

#include "gateway/signed/fields.h"

static int read_lane(const json_t *body, struct instruction_task *out, struct err_text *err)
{
    uint64_t lane = 0;
    if (!json_object_get(body, "lane")) {
        return ERR_OK;
    }
    int result = field_number(body, "lane", 1, INSTRUCTION_LANE_MAX, &lane, err);
    out->lane = (uint8_t)lane;
    return result;
}

static int read_message(const json_t *body, struct instruction_task *out, struct err_text *err)
{
    static const char *const names[] = {"lane", "text", NULL};
    int result = fields_check(body, names, err);
    if (result == ERR_OK) {
        result = field_line(body, "text", INSTRUCTION_TEXT_MAX, &out->text, err);
    }
    return result == ERR_OK ? read_lane(body, out, err) : result;
}

static int read_plate(const json_t *body, struct instruction_task *out, struct err_text *err)
{
    const json_t *value = json_object_get(body, "plate");
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    if (!value) {
        return ERR_OK;
    }
    if (json_is_string(value)) {
        plate_encode(json_string_value(value), json_string_length(value), PLATE_DASH_AUTO, &plate);
    }
    if (plate.kind != PLATE_KEY || plate_has_unread(plate.key)) {
        return err_set(err, ERR_INVALID, "plate: not a whole plate");
    }
    out->plate = plate.key;
    return ERR_OK;
}

static int read_hold(const json_t *body, struct instruction_task *out, struct err_text *err)
{
    static const char *const names[] = {"lane", "plate", "reason", NULL};
    int result = fields_check(body, names, err);
    if (result == ERR_OK) {
        result = field_text(body, "reason", 1, INSTRUCTION_REASON_MAX, &out->reason, err);
    }
    if (result == ERR_OK) {
        result = read_lane(body, out, err);
    }
    if (result == ERR_OK) {
        result = read_plate(body, out, err);
    }
    if (result == ERR_OK && (out->lane != 0) == (out->plate != 0)) {
        return err_set(err, ERR_INVALID, "expected either lane or plate");
    }
    return result;
}

static int read_status(const json_t *body, struct instruction_task *out, struct err_text *err)
{
    static const char *const names[] = {NULL};
    (void)out; /* there is nothing to say */
    return fields_check(body, names, err);
}

/* ---- verdicts ---- */

static const struct {
    const char *name;
    const char *zh;
    const char *en;
} verdicts[] = {[INSTRUCTION_FALSE_ALARM] = {"false_alarm", "误报", "false alarm"},
                [INSTRUCTION_ENTRY_WRONG] = {"entry_wrong", "布控有误", "entry wrong"},
                [INSTRUCTION_FOUND] = {"found", "已查获", "found"}};

enum { VERDICTS = sizeof(verdicts) / sizeof(verdicts[0]) };

const char *instruction_verdict_name(enum instruction_verdict verdict)
{
    return (unsigned)verdict < VERDICTS ? verdicts[verdict].name : NULL;
}

const char *instruction_verdict_text(enum instruction_verdict verdict)
{
    return (unsigned)verdict < VERDICTS ? verdicts[verdict].zh : NULL;
}

const char *instruction_verdict_words(enum instruction_verdict verdict)
{
    return (unsigned)verdict < VERDICTS ? verdicts[verdict].en : NULL;
}

static int read_finding(const json_t *body, struct instruction_task *out, struct err_text *err)
{
    const char *name = json_string_value(json_object_get(body, "verdict"));
    for (int i = INSTRUCTION_FALSE_ALARM; name && i < VERDICTS; i++) {
        if (strcmp(verdicts[i].name, name) == 0) {
            out->verdict = (enum instruction_verdict)i;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID, "verdict: expected false_alarm, entry_wrong or found");
}

static int read_verdict(const json_t *body, struct instruction_task *out, struct err_text *err)
{
    static const char *const names[] = {"checked", "entry",   "hold", "place",
                                        "plate",   "verdict", NULL};
    const json_t *holds = json_object_get(body, "hold");
    int result = fields_check(body, names, err);
    if (result == ERR_OK) {
        result = read_finding(body, out, err);
    }
    if (result == ERR_OK) {
        result = field_number(body, "entry", 1, INT64_MAX, &out->entry, err);
    }
    if (result == ERR_OK) {
        result = field_time(body, "checked", &out->checked, err);
    }
    if (result == ERR_OK) {
        result = field_line(body, "place", INSTRUCTION_PLACE_MAX, &out->place, err);
    }
    if (result == ERR_OK) {
        result = read_plate(body, out, err);
    }
    if (result == ERR_OK && (out->plate == 0 || !json_is_boolean(holds))) {
        return err_set(err, ERR_INVALID, "%s: missing", out->plate == 0 ? "plate" : "hold");
    }
    out->holds = json_is_true(holds);
    return result;
}

/* ---- agreements ---- */

static const char *const questions[INSTRUCTION_QUESTION_KINDS] = {[INSTRUCTION_RELEASE] = "release",
                                                                  [INSTRUCTION_REJECT] = "reject",
                                                                  [INSTRUCTION_CONFIRM] =
                                                                      "confirm"};

const char *instruction_question_name(enum instruction_question question)
{
    return (unsigned)question < INSTRUCTION_QUESTION_KINDS ? questions[question] : NULL;
}

enum instruction_question instruction_question_parse(const char *name)
{
    for (int i = INSTRUCTION_RELEASE; name && i < INSTRUCTION_QUESTION_KINDS; i++) {
        if (strcmp(questions[i], name) == 0) {
            return (enum instruction_question)i;
        }
    }
    return 0;
}

static int read_agree(const json_t *body, struct instruction_task *out, struct err_text *err)
{
    static const char *const of_hold[] = {"agrees", "hold", "note", "question", "what", NULL};
    static const char *const of_hit[] = {"agrees", "hit", "note", "question", "what", NULL};
    const json_t *agrees = json_object_get(body, "agrees");
    out->question = instruction_question_parse(json_string_value(json_object_get(body, "what")));
    if (out->question == 0) {
        return err_set(err, ERR_INVALID, "what: expected release, reject or confirm");
    }
    bool hold = out->question == INSTRUCTION_RELEASE;
    int result = fields_check(body, hold ? of_hold : of_hit, err);
    if (result == ERR_OK) {
        result = field_number(body, hold ? "hold" : "hit", 1, INT64_MAX, &out->subject, err);
    }
    if (result == ERR_OK) {
        result = field_text(body, "note", 1, INSTRUCTION_REASON_MAX, &out->note, err);
    }
    if (result == ERR_OK) {
        result = field_number(body, "question", 1, INT64_MAX, &out->asked, err);
    }
    if (result == ERR_OK && !json_is_boolean(agrees)) {
        return err_set(err, ERR_INVALID, "agrees: missing");
    }
    out->agrees = json_is_true(agrees);
    return result;
}

static const struct {
    const char *name;
    enum instruction_kind kind;
    int (*read)(const json_t *body, struct instruction_task *out, struct err_text *err);
} kinds[] = {{"message", INSTRUCTION_MESSAGE, read_message},
             {"hold", INSTRUCTION_HOLD, read_hold},
             {"status", INSTRUCTION_STATUS, read_status},
             {"verdict", INSTRUCTION_VERDICT, read_verdict},
             {"agree", INSTRUCTION_AGREE, read_agree}};

int instruction_read_task(const struct instruction *i, struct instruction_task *out,
                          struct err_text *err)
{
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        struct instruction_task task = {.kind = kinds[k].kind};
        if (strcmp(i->kind, kinds[k].name) != 0) {
            continue;
        }
        int result = kinds[k].read(i->body, &task, err);
        if (result != ERR_OK) {
            return err_prefix(err, result, "%s", i->kind);
        }
        *out = task;
        return ERR_OK;
    }
    return err_set(err, ERR_UNSUPPORTED,
                   "kind '%s': not known here, expected message, hold, status, verdict, agree",
                   i->kind);
}
