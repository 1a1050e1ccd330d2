/*
 * Decisions: start value, merging over the hits of one passage, names. No state.
 */
#include "gateway/model/decision.h"

#include <string.h>

#include "gateway/model/glossary.h"

static const char *const level_names[] = {"none", "quiet", "silent", "sounding"};
static const char *const lights_names[] = {"unchanged", "red", "yellow"};
static const char *const forward_names[] = {"none", "normal", "urgent"};
static const char *const inspect_names[] = {"", "not", "due"};

static const char *const mark_names[MARK_COUNT] = {
    "suspected",      "class_unverified", "clock_untrusted", "unauthenticated", "officer_risk",
    "class_conflict", "list_stale",       "plate_conflict",  "local_lookout"};

void decision_init(struct decision *out)
{
    memset(out, 0, sizeof(*out));
    out->escalate_after_ms = DECISION_NEVER_MS;
}

static int32_t sooner(int32_t a_ms, int32_t b_ms)
{
    if (a_ms < 0) {
        return b_ms;
    }
    return b_ms < 0 || a_ms < b_ms ? a_ms : b_ms;
}

void decision_merge(struct decision *into, const struct decision *other)
{
    if (other->level > into->level || into->rule[0] == '\0') {
        memcpy(into->rule, other->rule, sizeof(into->rule));
    }
    uint32_t risk = (into->marks | other->marks) & MARK_OFFICER_RISK;
    uint32_t conflict = (into->marks | other->marks) & MARK_PLATE_CONFLICT;
    if (other->level > into->level) {
        into->level = other->level;
        into->marks = other->marks;
    }
    into->hold = into->hold || other->hold;
    into->raise = into->raise && other->raise;
    into->siren = into->siren || other->siren;
    into->strobe = into->strobe || other->strobe;
    into->backup = into->backup || other->backup;
    if (into->lights != DECISION_LIGHTS_RED && other->lights != DECISION_LIGHTS_UNCHANGED) {
        into->lights = other->lights;
    }
    if (other->inspect > into->inspect) {
        into->inspect = other->inspect;
    }
    into->escalate_after_ms = sooner(into->escalate_after_ms, other->escalate_after_ms);
    if (other->forward > into->forward) {
        into->forward = other->forward;
    }
    into->marks |= risk | conflict;
    if (risk) {
        into->siren = false;
        into->strobe = false;
        if (into->level == ALERT_SOUNDING) {
            into->level = ALERT_SILENT;
        }
    }
}

const char *alert_level_name(enum alert_level level)
{
    return (unsigned)level <= ALERT_SOUNDING ? level_names[level] : NULL;
}

const char *decision_lights_name(enum decision_lights lights)
{
    return (unsigned)lights <= DECISION_LIGHTS_YELLOW ? lights_names[lights] : NULL;
}

const char *decision_forward_name(enum decision_forward forward)
{
    return (unsigned)forward <= FORWARD_URGENT ? forward_names[forward] : NULL;
}

const char *decision_inspect_name(enum decision_inspect inspect)
{
    return (unsigned)inspect <= DECISION_INSPECT_DUE ? inspect_names[inspect] : NULL;
}

static int mark_index(enum decision_mark mark)
{
    for (int i = 0; i < MARK_COUNT; i++) {
        if ((unsigned)mark == 1u << i) {
            return i;
        }
    }
    return -1;
}

const char *decision_mark_name(enum decision_mark mark)
{
    int i = mark_index(mark);
    return i < 0 ? NULL : mark_names[i];
}

const char *decision_mark_text(enum decision_mark mark)
{
    const struct glossary_term *term = glossary_of("mark", decision_mark_name(mark));
    return term ? term->zh : NULL;
}

void decision_marks_format(uint32_t marks, char out[DECISION_MARKS_TEXT_SIZE])
{
    size_t at = 0;
    for (int i = 0; i < MARK_COUNT; i++) {
        if (!(marks & 1u << i)) {
            continue;
        }
        const char *text = decision_mark_text((enum decision_mark)(1u << i));
        size_t length = text ? strlen(text) : 0;
        if (at + length + 2 > DECISION_MARKS_TEXT_SIZE) {
            break;
        }
        if (at > 0) {
            out[at++] = ' ';
        }
        memcpy(out + at, text, length);
        at += length;
    }
    out[at] = '\0';
}
