/*
 * What a rule may not say. The same bounds that evaluation enforces, told to the writer at load, so
 * that a file never promises what does not happen. Pure.
 */
#include <stddef.h>

#include "rules/rule.h"

static bool only_exact(const struct rule_condition *when)
{
    return when->kinds == 1u << MATCH_EXACT;
}

static bool only_agree(const struct rule_condition *when)
{
    return when->agreements == 1u << CLASS_AGREE;
}

static bool may_be_a_hit(const struct rule_condition *when)
{
    return when->hit != CHOICE_NO;
}

static const char *condition_fault(const struct rule_condition *when, const char **out_key)
{
    bool of_hit = when->kinds || when->agreements || when->categories || when->priorities ||
                  when->risk != CHOICE_ANY || when->has_odds;
    *out_key = "when.hit";
    if (when->hit == CHOICE_NO && of_hit) {
        return "contradicts the conditions on a hit beside it";
    }
    *out_key = "when.clock";
    if (when->clock_trusted == CHOICE_NO &&
        (when->weekdays || when->time.from != when->time.until)) {
        return "never matches: time and weekday hold only under a trusted clock";
    }
    *out_key = "when.cleared";
    if (when->cleared == CHOICE_YES && (of_hit || when->hit == CHOICE_YES)) {
        return "never matches: a vehicle with a hit is not cleared";
    }
    return NULL;
}

/* An outcome that holds a vehicle or is heard and seen outside. */
static const char *strong_fault(const struct rule *rule, const char **out_key)
{
    const struct decision *then = &rule->then;
    bool outside = then->level == ALERT_SOUNDING || then->siren || then->strobe;
    *out_key = then->hold                      ? "then.hold"
               : then->level == ALERT_SOUNDING ? "then.alert"
               : then->siren                   ? "then.siren"
                                               : "then.strobe";
    if (!then->hold && !outside) {
        return NULL;
    }
    if (!only_exact(&rule->when)) {
        return "only an exact match may hold or sound, expected 'match: exact' under when";
    }
    if (!only_agree(&rule->when)) {
        return "only an agreeing class may hold or sound, expected 'class: agree' under when";
    }
    if (rule->when.clock_trusted != CHOICE_YES) {
        return "nothing holds or sounds under an untrusted clock, expected 'clock: trusted' under "
               "when";
    }
    if (then->hold && then->level < ALERT_SILENT) {
        return "a hold without a full alert, expected 'alert: silent' or 'alert: sounding'";
    }
    *out_key = then->level == ALERT_SOUNDING ? "then.alert"
               : then->siren                 ? "then.siren"
                                             : "then.strobe";
    if (outside && rule->when.risk != CHOICE_NO) {
        return "officer risk is silent outside, expected 'officer_risk: false' under when";
    }
    if (then->level != ALERT_SOUNDING && (then->siren || then->strobe)) {
        return "siren and strobe go with 'alert: sounding'";
    }
    return NULL;
}

/* A red light holds a normally open lane. */
static const char *red_fault(const struct rule *rule, const char **out_key)
{
    const struct rule_condition *when = &rule->when;
    bool certain = only_exact(when) && only_agree(when) && when->clock_trusted == CHOICE_YES;
    *out_key = "then.lights";
    if (rule->then.lights != DECISION_LIGHTS_RED || !may_be_a_hit(when) || certain) {
        return NULL;
    }
    return "red stops like a hold, so a hit needs 'match: exact', 'class: agree' and 'clock: "
           "trusted' under when, expected yellow";
}

static const char *raise_fault(const struct rule *rule, const char **out_key)
{
    const struct rule_condition *when = &rule->when;
    *out_key = "then.raise";
    if (!rule->then.raise) {
        return NULL;
    }
    if (when->hit != CHOICE_NO || when->cleared != CHOICE_YES) {
        return "only a cleared vehicle without hit is let through, expected 'hit: false' and "
               "'cleared: true' under when";
    }
    if (when->passages != PASSAGE_PLATE) {
        return "only a read plate is let through, expected 'passage: plate' under when";
    }
    if (when->authenticity == 0 || (when->authenticity & 1u << AUTH_NONE)) {
        return "an unauthenticated read never raises, expected 'authenticity: [tag, wired, "
               "session]' "
               "under when";
    }
    return NULL;
}

static const char *weak_fault(const struct rule *rule, const char **out_key)
{
    const struct rule_condition *when = &rule->when;
    const struct decision *then = &rule->then;
    bool hits_exactly = may_be_a_hit(when) && (!when->kinds || (when->kinds & 1u << MATCH_EXACT));
    *out_key = "then.alert";
    if (then->level == ALERT_SILENT && !(only_exact(when) && only_agree(when))) {
        return "anything but an exact match with agreeing class is at most quiet, expected 'match: "
               "exact' and 'class: agree' under when";
    }
    if (then->level == ALERT_NONE && hits_exactly) {
        return "an exact match always alerts, expected at least quiet, or 'hit: false' under when";
    }
    *out_key = "then.escalate_after";
    if (then->level == ALERT_NONE && then->escalate_after_ms != DECISION_NEVER_MS) {
        return "no alert to escalate";
    }
    *out_key = "then.forward";
    if (then->level != ALERT_NONE && then->forward == FORWARD_NONE && may_be_a_hit(when)) {
        return "what alerts on a hit goes to headquarters, expected normal or urgent";
    }
    *out_key = "then.inspect";
    if (then->inspect == DECISION_INSPECT_NOT && may_be_a_hit(when)) {
        return "a hit takes no inspection off a vehicle, expected 'hit: false' under when";
    }
    *out_key = "then.backup";
    if (when->risk == CHOICE_YES && only_exact(when) && !then->backup &&
        when->agreements != 1u << CLASS_CONFLICT) {
        return "officer risk calls backup, expected true";
    }
    return NULL;
}

const char *rule_fault(const struct rule *rule, const char **out_key)
{
    const char *fault = condition_fault(&rule->when, out_key);
    if (!fault) {
        fault = strong_fault(rule, out_key);
    }
    if (!fault) {
        fault = red_fault(rule, out_key);
    }
    if (!fault) {
        fault = raise_fault(rule, out_key);
    }
    return fault ? fault : weak_fault(rule, out_key);
}
