/* The steps of a case. See handling.h. */
#include "gateway/handling/handling.h"

#include <stdio.h>
#include <string.h>

bool handling_done(const struct handling_case *c)
{
    return c->stage == HANDLING_REJECTED || c->stage == HANDLING_CLOSED;
}

bool handling_needs_second(const struct handling_case *c)
{
    return c->facts.officer_risk || c->facts.priority == 1;
}

/* ---- opening ---- */

static int64_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* What an officer is to type: the listed characters where the read says something else, the whole
 * plate where characters are too many or too few for a place to be named. */
static void fill_typed(struct handling_facts *facts, const json_t *hit)
{
    const json_t *differs = json_object_get(hit, "differs");
    const char *plate = json_string_value(json_object_get(json_object_get(hit, "entry"), "plate"));
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(differs); i++) {
        const json_t *row = json_array_get(differs, i);
        const char *listed = json_string_value(json_object_get(row, "listed"));
        int64_t position = number_of(row, "position");
        if (!listed) {
            facts->type_whole = plate && strlen(plate) < sizeof(facts->typed);
            continue;
        }
        if (strcmp(listed, "?") == 0 || position < 1 || position > PLATE_SYMBOLS_MAX ||
            used + strlen(listed) >= sizeof(facts->typed)) {
            continue;
        }
        memcpy(facts->typed + used, listed, strlen(listed) + 1);
        used += strlen(listed);
        facts->positions |= (uint16_t)(1u << (position - 1));
    }
    if (facts->type_whole) {
        memcpy(facts->typed, plate, strlen(plate) + 1);
        facts->positions = 0;
    }
}

int handling_open(struct handling_case *out, const json_t *hit, struct handling_when now)
{
    const json_t *entry = json_object_get(hit, "entry");
    const json_t *decision = json_object_get(hit, "decision");
    const json_t *escalate = json_object_get(decision, "escalate_after_ms");
    int64_t lane = number_of(hit, "lane");
    int64_t priority = number_of(entry, "priority");
    if (number_of(hit, "hit") <= 0 || number_of(hit, "passage") < 0 || lane < 0 ||
        lane > UINT8_MAX) {
        return ERR_INVALID;
    }
    *out = (struct handling_case){.opened = now};
    out->facts = (struct handling_facts){
        .hit = (uint64_t)number_of(hit, "hit"),
        .passage = (uint64_t)number_of(hit, "passage"),
        .entry = (uint64_t)number_of(entry, "id"),
        .lane = (uint8_t)lane,
        .priority = priority >= 1 && priority <= 3 ? (uint8_t)priority : 3,
        .officer_risk = number_of(entry, "risk") != 0,
        .holds = json_is_true(json_object_get(decision, "hold")),
        .escalate_ms = escalate ? (int32_t)json_integer_value(escalate) : -1};
    fill_typed(&out->facts, hit);
    return 0;
}

/* ---- viewing ---- */

static const struct handling_viewer *find_viewer(const struct handling_case *c, const char *officer)
{
    for (uint8_t i = 0; i < c->viewer_count; i++) {
        if (strcmp(c->viewers[i].officer, officer) == 0) {
            return &c->viewers[i];
        }
    }
    return NULL;
}

bool handling_show(struct handling_case *c, const char *officer, struct mono_time now)
{
    if (find_viewer(c, officer)) {
        return false;
    }
    if (c->viewer_count == HANDLING_VIEWERS_MAX) {
        c->viewer_count--;
        memmove(&c->viewers[0], &c->viewers[1], c->viewer_count * sizeof(c->viewers[0]));
    }
    struct handling_viewer *viewer = &c->viewers[c->viewer_count++];
    viewer->since = now;
    snprintf(viewer->officer, sizeof(viewer->officer), "%s", officer);
    return true;
}

void handling_look_again(struct handling_case *c, const char *officer, struct mono_time now)
{
    for (uint8_t i = 0; i < c->viewer_count; i++) {
        if (strcmp(c->viewers[i].officer, officer) == 0) {
            c->viewers[i].since = now;
        }
    }
}

int64_t handling_view_left_ms(const struct handling_case *c, const char *officer,
                              const struct handling_policy *policy, struct mono_time now)
{
    const struct handling_viewer *viewer = find_viewer(c, officer);
    int64_t seen_ms = viewer ? mono_diff_ms(now, viewer->since) : 0;
    return seen_ms < policy->confirm_view_ms ? policy->confirm_view_ms - seen_ms : 0;
}

/* ---- answers ---- */

static bool is_withdrawn(const struct handling_case *c)
{
    return c->withdrawn_at.wall.ms != 0;
}

static bool is_same(const struct handling_person *a, const struct handling_person *b)
{
    return a->rank != HANDLING_HEADQUARTERS && b->rank != HANDLING_HEADQUARTERS &&
           strcmp(a->officer, b->officer) == 0;
}

static void refuse_by(struct handling_refused *out, const struct handling_person *who,
                      const struct handling_when *at)
{
    snprintf(out->by, sizeof(out->by), "%s", who->officer);
    out->at = at->wall;
}

static bool may_be_second(const struct handling_case *c, enum handling_answer answer,
                          const struct handling_person *first, const struct handling_person *second)
{
    bool leader_needed = answer == HANDLING_REJECT && c->facts.priority == 1 && c->facts.holds;
    return second->officer[0] != '\0' && !is_same(first, second) &&
           (!leader_needed || second->rank != HANDLING_OFFICER || first->rank != HANDLING_OFFICER);
}

/* Whose word the answer needs beside the officer's. */
static enum handling_wait wait_of(const struct handling_case *c, enum handling_answer answer)
{
    if (answer == HANDLING_CONFIRM) {
        return handling_needs_second(c) ? HANDLING_WAITS_SECOND : HANDLING_WAITS_NOT;
    }
    return c->facts.priority == 1 && c->facts.holds ? HANDLING_WAITS_LEADER : HANDLING_WAITS_NOT;
}

static void answer_counts(struct handling_case *c)
{
    c->waits = HANDLING_WAITS_NOT;
    c->stage = c->answer == HANDLING_CONFIRM ? HANDLING_CONFIRMED : HANDLING_REJECTED;
    c->overdue = HANDLING_IN_TIME;
}

/* Who answers has taken it on. */
static void sign_for(struct handling_case *c, const struct handling_person *who,
                     struct handling_when now)
{
    if (c->stage == HANDLING_ALERTED) {
        c->stage = HANDLING_SIGNED;
        c->signer = *who;
        c->signed_at = now;
        c->overdue = HANDLING_IN_TIME;
    }
}

static enum handling_refusal take_answer(struct handling_case *c, const struct handling_act *act,
                                         enum handling_answer answer, struct handling_when now)
{
    enum handling_wait wait = wait_of(c, answer);
    bool agreed = may_be_second(c, answer, &act->who, &act->second);
    if (wait != HANDLING_WAITS_NOT && act->second.officer[0] != '\0' && !agreed) {
        return HANDLING_REFUSED_SECOND_PERSON; /* who was brought is not enough */
    }
    sign_for(c, &act->who, now);
    c->answer = answer;
    c->by = act->who;
    c->answered_at = now;
    c->overdue = HANDLING_IN_TIME;
    if (wait == HANDLING_WAITS_NOT || agreed) {
        c->second = agreed ? act->second : (struct handling_person){.officer = ""};
        answer_counts(c);
    } else {
        c->waits = wait;
    }
    return HANDLING_REFUSED_NOT;
}

/* Upper case, no blanks. */
static void tidy(const char *text, char out[HANDLING_TYPED_SIZE])
{
    size_t used = 0;
    for (const char *p = text; *p != '\0' && used + 1 < HANDLING_TYPED_SIZE; p++) {
        if (*p != ' ') {
            out[used++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
        }
    }
    out[used] = '\0';
}

static enum handling_refusal check_typed(struct handling_case *c, const char *text)
{
    char typed[HANDLING_TYPED_SIZE];
    tidy(text, typed);
    if (c->facts.typed[0] == '\0') {
        return HANDLING_REFUSED_NOT;
    }
    if (typed[0] == '\0') {
        return HANDLING_REFUSED_TYPED;
    }
    return strcmp(typed, c->facts.typed) == 0 ? HANDLING_REFUSED_NOT
                                              : HANDLING_REFUSED_TYPED_DIFFERS;
}

static bool is_answered(const struct handling_case *c, struct handling_refused *out)
{
    if (c->answer != HANDLING_UNANSWERED) {
        refuse_by(out, &c->by, &c->answered_at);
        return true;
    }
    return false;
}

static enum handling_refusal step_confirm(struct handling_case *c, const struct handling_act *act,
                                          const struct handling_policy *policy,
                                          struct handling_when now, struct handling_refused *out)
{
    if (is_answered(c, out)) {
        return HANDLING_REFUSED_ANSWERED;
    }
    if (is_withdrawn(c)) {
        return HANDLING_REFUSED_WITHDRAWN;
    }
    out->left_ms = handling_view_left_ms(c, act->who.officer, policy, now.mono);
    if (out->left_ms > 0) {
        return HANDLING_REFUSED_TOO_SOON;
    }
    if (!act->plate_agrees || !act->class_agrees || !act->vehicle_agrees) {
        return HANDLING_REFUSED_NOT_AGREED;
    }
    if (!act->has_trigger_picture && !act->by_eye) {
        return HANDLING_REFUSED_BY_EYE;
    }
    enum handling_refusal refusal = check_typed(c, act->typed);
    if (refusal == HANDLING_REFUSED_NOT) {
        refusal = take_answer(c, act, HANDLING_CONFIRM, now);
    }
    if (refusal == HANDLING_REFUSED_NOT) {
        c->by_eye = act->by_eye;
        memcpy(c->typed, c->facts.typed, sizeof(c->typed));
    }
    return refusal;
}

static enum handling_refusal step_reject(struct handling_case *c, const struct handling_act *act,
                                         struct handling_when now, struct handling_refused *out)
{
    if (is_answered(c, out)) {
        return HANDLING_REFUSED_ANSWERED;
    }
    if (act->reason[0] == '\0') {
        return HANDLING_REFUSED_NO_REASON;
    }
    enum handling_refusal refusal = take_answer(c, act, HANDLING_REJECT, now);
    if (refusal == HANDLING_REFUSED_NOT) {
        memcpy(c->reason, act->reason, sizeof(c->reason));
        memcpy(c->note, act->note, sizeof(c->note));
        memcpy(c->seen, act->seen, sizeof(c->seen));
        c->misread = act->misread;
    }
    return refusal;
}

/* The answer is taken back: somebody else sees it otherwise. */
static void set_aside(struct handling_case *c, struct handling_when now)
{
    c->answer = HANDLING_UNANSWERED;
    c->waits = HANDLING_WAITS_NOT;
    c->by = (struct handling_person){.officer = ""};
    c->answered_at = (struct handling_when){.wall = {0}};
    c->by_eye = false;
    c->misread = false;
    c->typed[0] = '\0';
    c->reason[0] = '\0';
    c->note[0] = '\0';
    c->seen[0] = '\0';
    c->signed_at = now; /* it is looked at anew */
    c->overdue = HANDLING_IN_TIME;
}

bool handling_withdraw(struct handling_case *c, struct handling_when now)
{
    if (is_withdrawn(c) || handling_done(c)) {
        return false;
    }
    c->withdrawn_at = now;
    if (c->waits != HANDLING_WAITS_NOT && c->answer == HANDLING_CONFIRM) {
        set_aside(c, now);
    }
    return true;
}

static enum handling_refusal step_agree(struct handling_case *c, const struct handling_act *act,
                                        const struct handling_policy *policy,
                                        struct handling_when now, struct handling_refused *out)
{
    bool remote = act->who.rank == HANDLING_HEADQUARTERS;
    const char *viewer = act->viewer[0] != '\0' ? act->viewer : act->who.officer;
    if (c->waits == HANDLING_WAITS_NOT) {
        if (is_answered(c, out)) {
            return HANDLING_REFUSED_ANSWERED;
        }
        return HANDLING_REFUSED_NOTHING_WAITS;
    }
    if (act->disagrees && act->who.officer[0] != '\0') { /* the first person may, too */
        set_aside(c, now);
        return HANDLING_REFUSED_NOT;
    }
    if (!may_be_second(c, c->answer, &c->by, &act->who)) {
        return HANDLING_REFUSED_SECOND_PERSON;
    }
    out->left_ms = remote || c->answer == HANDLING_REJECT
                       ? 0
                       : handling_view_left_ms(c, viewer, policy, now.mono);
    if (out->left_ms > 0) {
        return HANDLING_REFUSED_TOO_SOON;
    }
    c->second = act->who;
    answer_counts(c);
    if (c->stage == HANDLING_CONFIRMED) {
        c->answered_at = now; /* from here the feedback is due */
    }
    return HANDLING_REFUSED_NOT;
}

void handling_answered(struct handling_case *c, bool confirmed, const char *officer,
                       struct handling_when now)
{
    struct handling_act act = {.who = {.rank = HANDLING_OFFICER}};
    enum handling_answer answer = confirmed ? HANDLING_CONFIRM : HANDLING_REJECT;
    if (c->answer != HANDLING_UNANSWERED || wait_of(c, answer) != HANDLING_WAITS_NOT ||
        (confirmed && is_withdrawn(c))) {
        return;
    }
    snprintf(act.who.officer, sizeof(act.who.officer), "%s", officer);
    (void)take_answer(c, &act, answer, now); /* nobody's word is needed: it cannot be refused */
    c->misread = !confirmed;
}

/* ---- afterwards ---- */

static enum handling_refusal step_sign(struct handling_case *c, const struct handling_act *act,
                                       struct handling_when now, struct handling_refused *out)
{
    if (c->stage != HANDLING_ALERTED) {
        bool answered = is_answered(c, out);
        if (!answered) {
            refuse_by(out, &c->signer, &c->signed_at);
        }
        return answered ? HANDLING_REFUSED_ANSWERED : HANDLING_REFUSED_SIGNED;
    }
    sign_for(c, &act->who, now);
    return HANDLING_REFUSED_NOT;
}

static enum handling_refusal step_intercept(struct handling_case *c, const struct handling_act *act,
                                            struct handling_when now)
{
    if (c->stage != HANDLING_CONFIRMED) {
        return HANDLING_REFUSED_STAGE;
    }
    if (is_withdrawn(c)) {
        return HANDLING_REFUSED_WITHDRAWN;
    }
    c->stage = HANDLING_INTERCEPTING;
    c->interceptor = act->who;
    c->intercepted_at = now;
    return HANDLING_REFUSED_NOT; /* the feedback is due as before */
}

/* May be said again until the case is closed: the latest counts, all are on record. */
static enum handling_refusal step_feedback(struct handling_case *c, const struct handling_act *act,
                                           struct handling_when now)
{
    if (c->stage != HANDLING_CONFIRMED && c->stage != HANDLING_INTERCEPTING &&
        c->stage != HANDLING_REPORTED) {
        return HANDLING_REFUSED_STAGE;
    }
    if (act->feedback.outcome[0] == '\0' ||
        (act->feedback.intercepted && !act->feedback.suspect_said)) {
        return HANDLING_REFUSED_NO_OUTCOME;
    }
    c->feedback = act->feedback;
    c->feedback.at = now;
    memcpy(c->feedback.officer, act->who.officer, sizeof(c->feedback.officer));
    if (c->stage != HANDLING_REPORTED) {
        c->stage = HANDLING_REPORTED;
        c->overdue = HANDLING_IN_TIME;
    }
    return HANDLING_REFUSED_NOT;
}

/* A rejected hit's reason is its outcome. */
static enum handling_refusal step_close(struct handling_case *c, const struct handling_act *act,
                                        struct handling_when now)
{
    if (c->stage == HANDLING_CLOSED) {
        return HANDLING_REFUSED_STAGE;
    }
    if (c->stage != HANDLING_REPORTED && c->stage != HANDLING_REJECTED) {
        return HANDLING_REFUSED_NO_OUTCOME;
    }
    c->stage = HANDLING_CLOSED;
    c->closer = act->who;
    c->closed_at = now;
    c->overdue = HANDLING_IN_TIME;
    return HANDLING_REFUSED_NOT;
}

enum handling_refusal handling_step(struct handling_case *c, const struct handling_act *act,
                                    const struct handling_policy *policy, struct handling_when now,
                                    struct handling_refused *out)
{
    *out = (struct handling_refused){.left_ms = 0};
    switch (act->kind) {
    case HANDLING_ACT_SIGN:
        return step_sign(c, act, now, out);
    case HANDLING_ACT_CONFIRM:
        return step_confirm(c, act, policy, now, out);
    case HANDLING_ACT_REJECT:
        return step_reject(c, act, now, out);
    case HANDLING_ACT_AGREE:
        return step_agree(c, act, policy, now, out);
    case HANDLING_ACT_INTERCEPT:
        return step_intercept(c, act, now);
    case HANDLING_ACT_FEEDBACK:
        return step_feedback(c, act, now);
    case HANDLING_ACT_CLOSE:
        return step_close(c, act, now);
    case HANDLING_ACT_COUNT:
        break;
    }
    return HANDLING_REFUSED_STAGE;
}
