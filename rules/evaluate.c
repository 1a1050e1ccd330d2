/*
 * Evaluation: conditions, first match, and the bounds no rule can cross. Pure.
 */
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/model/plate_key.h"
#include "rules/rule.h"

static bool bit_is_set(const uint8_t *map, unsigned number)
{
    return map[number / 8] & (1u << (number % 8));
}

static bool any_bit(const uint8_t *map, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (map[i]) {
            return true;
        }
    }
    return false;
}

static bool in_mask(uint32_t mask, unsigned value)
{
    return mask == 0 || (value < 32 && (mask & (1u << value)));
}

static bool chosen(enum rule_choice choice, bool fact)
{
    return choice == CHOICE_ANY || (choice == CHOICE_YES) == fact;
}

static uint32_t passage_of(const struct plate_read *read)
{
    switch (read->kind) {
    case PLATE_KEY:
        return PASSAGE_PLATE;
    case PLATE_NO_PLATE:
        return PASSAGE_NO_PLATE;
    case PLATE_UNREAD:
        return PASSAGE_UNREAD;
    case PLATE_DECODE_ERROR:
        break;
    }
    return 0; /* no passage a rule can name */
}

static bool names_a_hit(const struct rule_condition *when)
{
    return when->hit == CHOICE_YES || when->kinds || when->agreements || when->categories ||
           when->priorities || when->risk != CHOICE_ANY || when->has_odds;
}

static bool hit_matches(const struct rule_condition *when, const struct rules_input *input)
{
    const struct match_hit *hit = input->hit;
    if (!hit) {
        return !names_a_hit(when);
    }
    return when->hit != CHOICE_NO && in_mask(when->kinds, hit->kind) &&
           in_mask(when->agreements, hit->agreement) &&
           in_mask(when->categories, hit->entry.category) &&
           in_mask(when->priorities, hit->entry.priority) &&
           chosen(when->risk, hit->entry.risk != 0) &&
           (!when->has_odds ||
            (input->odds_db != RULES_ODDS_NONE && input->odds_db >= when->odds_min_db));
}

static bool in_window(const struct rule_window *window, unsigned minute)
{
    if (window->from <= window->until) {
        return minute >= window->from && minute < window->until;
    }
    return minute >= window->from || minute < window->until;
}

/* A window of local time means nothing while the clock is not trusted. */
static bool time_matches(const struct rule_condition *when, const struct rules_input *input)
{
    bool windowed = when->time.from != when->time.until;
    if ((windowed || when->weekdays) && !input->clock_trusted) {
        return false;
    }
    return (!windowed || in_window(&when->time, input->minute)) &&
           in_mask(when->weekdays, input->weekday) &&
           chosen(when->clock_trusted, input->clock_trusted);
}

static bool place_matches(const struct rule_condition *when, const struct plate_read *read)
{
    return (!any_bit(when->lanes, sizeof(when->lanes)) || bit_is_set(when->lanes, read->lane)) &&
           (!any_bit(when->directions, sizeof(when->directions)) ||
            (read->direction < 8 * sizeof(when->directions) &&
             bit_is_set(when->directions, read->direction))) &&
           in_mask(when->authenticity, read->authenticity);
}

static bool list_matches(const struct rule_condition *when, const struct rules_input *input)
{
    return in_mask(when->list_states, input->list.state) &&
           (when->list_older_than_ms == 0 || input->list_age_ms < 0 ||
            input->list_age_ms > when->list_older_than_ms);
}

bool rule_matches(const struct rule_condition *when, const struct rules_input *input)
{
    uint32_t passage = passage_of(input->read);
    return passage != 0 && (when->passages == 0 || (when->passages & passage)) &&
           hit_matches(when, input) && place_matches(when, input->read) &&
           time_matches(when, input) && list_matches(when, input) &&
           chosen(when->cleared, input->cleared) &&
           (when->share == 0 || input->draws[when->draw] < when->share);
}

static uint32_t marks_of(const struct rules_input *input)
{
    const struct match_hit *hit = input->hit;
    uint32_t marks = input->read->authenticity == AUTH_NONE ? MARK_UNAUTHENTICATED : 0;
    marks |= input->list_too_old || input->list.state == LIST_NONE ? MARK_LIST_STALE : 0;
    if (!hit) {
        return marks;
    }
    marks |= hit->kind != MATCH_EXACT || hit->agreement == CLASS_CONFLICT ? MARK_SUSPECTED : 0;
    marks |= hit->agreement == CLASS_UNVERIFIED ? MARK_CLASS_UNVERIFIED : 0;
    marks |= hit->agreement == CLASS_CONFLICT ? MARK_CLASS_CONFLICT : 0;
    marks |= !input->clock_trusted || hit->expired ? MARK_CLOCK_UNTRUSTED : 0;
    marks |= hit->entry.risk ? MARK_OFFICER_RISK : 0;
    return marks;
}

static bool may_raise(const struct rules_input *input)
{
    return !input->hit && input->cleared && input->read->authenticity != AUTH_NONE &&
           input->read->kind == PLATE_KEY && !plate_has_unread(input->read->key) &&
           input->list.state != LIST_NONE && !input->list_too_old;
}

static void silence_outside(struct decision *d, enum alert_level highest)
{
    d->siren = false;
    d->strobe = false;
    d->level = d->level > highest ? highest : d->level;
}

static void enforce_hit(const struct rules_input *input, struct decision *d)
{
    const struct match_hit *hit = input->hit;
    bool exact = hit->kind == MATCH_EXACT;
    bool certain = exact && hit->agreement == CLASS_AGREE;
    bool valid = input->clock_trusted && !hit->expired;
    if (!certain || !valid) {
        d->hold = false;
        d->lights = d->lights == DECISION_LIGHTS_RED ? DECISION_LIGHTS_YELLOW : d->lights;
        silence_outside(d, certain ? ALERT_SILENT : ALERT_QUIET);
    }
    if (d->inspect == DECISION_INSPECT_NOT) {
        d->inspect = DECISION_INSPECT_UNSAID;
    }
    if (hit->entry.risk) {
        silence_outside(d, ALERT_SILENT);
        d->backup = d->backup || (exact && hit->agreement != CLASS_CONFLICT);
    }
    if (exact && d->level == ALERT_NONE) {
        d->level = ALERT_QUIET;
    }
    if (d->level != ALERT_NONE && d->forward == FORWARD_NONE) {
        d->forward = FORWARD_NORMAL;
    }
}

void rule_enforce(const struct rules_input *input, struct decision *d)
{
    d->raise = d->raise && may_raise(input);
    d->marks = marks_of(input);
    if (input->hit) {
        enforce_hit(input, d);
    } else {
        d->hold = false;
        silence_outside(d, ALERT_QUIET);
    }
}

static bool facts_in_range(const struct rules_input *input)
{
    for (size_t i = 0; i < RULES_DRAWS; i++) {
        if (input->draws[i] >= RULES_DRAW_END) {
            return false;
        }
    }
    return !input->clock_trusted ||
           (input->minute < 24 * 60 && input->weekday >= 1 && input->weekday <= 7);
}

int rules_evaluate(const struct rule_set *set, const struct rules_input *input,
                   struct decision *out)
{
    struct rules_input facts = *input;
    if (facts.hit && facts.hit->entry.handling == HANDLING_OBSERVE) {
        facts.hit = NULL; /* design page, "Wanted entry": nothing here may differ */
    }
    bool in_range = facts_in_range(&facts);
    decision_init(out);
    if (facts.hit) {
        out->level = ALERT_QUIET;
    }
    for (size_t i = 0; in_range && i < set->count; i++) {
        if (rule_matches(&set->rules[i].when, &facts)) {
            *out = set->rules[i].then;
            memcpy(out->rule, set->rules[i].name, sizeof(out->rule));
            break;
        }
    }
    rule_enforce(&facts, out);
    return in_range ? ERR_OK : ERR_INVALID;
}
