/*
 * The examples of a rule file: how they are written, and running one. No state.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/base/err.h"
#include "rules/file.h"

enum { OUTCOMES = 11 }; /* that an example may state */

static const struct config_name mark_names[] = {{"suspected", MARK_SUSPECTED},
                                                {"class_unverified", MARK_CLASS_UNVERIFIED},
                                                {"clock_untrusted", MARK_CLOCK_UNTRUSTED},
                                                {"unauthenticated", MARK_UNAUTHENTICATED},
                                                {"officer_risk", MARK_OFFICER_RISK},
                                                {"class_conflict", MARK_CLASS_CONFLICT},
                                                {"list_stale", MARK_LIST_STALE},
                                                {"plate_conflict", MARK_PLATE_CONFLICT},
                                                {NULL, 0}};

#define HIT(member, key, kind, ...)                                                                \
    CONFIG_OPTION(struct example_hit, member, key, kind, __VA_ARGS__)

static const struct config_option hit_options[] = {
    HIT(kind, "match", CONFIG_ENUM, .names = rule_kind_names, .what = "a kind of match",
        .fallback = "exact", .help = "Kind of the match."),
    HIT(agreement, "class", CONFIG_ENUM, .names = rule_class_names, .what = "an agreement",
        .fallback = "agree", .help = "Agreement of the classes."),
    HIT(category, "category", CONFIG_ENUM, .names = rule_category_names, .what = "a category",
        .fallback = "stolen", .help = "Category of the entry."),
    HIT(priority, "priority", CONFIG_INT, .min = 1, .max = 3, .fallback = "2",
        .help = "Priority of the entry."),
    HIT(risk, "officer_risk", CONFIG_BOOL, .fallback = "false", .help = "The entry warns."),
    HIT(expired, "expired", CONFIG_BOOL, .fallback = "false",
        .help = "Outside its validity by an untrusted clock."),
    HIT(odds_db, "odds", CONFIG_INT, .min = -100, .max = 300, .unit = "dB",
        CONFIG_SEEN(struct example_hit, has_odds), .help = "Odds of the match."),
};
static const struct config_section hit_section = {CONFIG_ROWS(hit_options, struct example_hit)};

#define EXPECT(member, key, kind, seen, ...)                                                       \
    CONFIG_OPTION(struct example_expect, member, key, kind,                                        \
                  CONFIG_SEEN(struct example_expect, seen), __VA_ARGS__)

static const char *parse_rule_or_none(const char *text, void *member)
{
    if (strcmp(text, "none") == 0) {
        memset(member, 0, DECISION_RULE_MAX + 1);
        return NULL;
    }
    return rule_parse_name(text, member);
}

static const struct config_option expect_options[] = {
    CONFIG_OPTION(struct example_expect, rule, "rule", CONFIG_CUSTOM, .parse = parse_rule_or_none,
                  .what = "the name of a rule, or none", .required = true,
                  .help = "The rule that decides."),
    EXPECT(decision.level, "alert", CONFIG_ENUM, level, .names = rule_level_names,
           .what = "an alert level", .help = "As under then."),
    EXPECT(decision.hold, "hold", CONFIG_BOOL, hold, .help = "As under then."),
    EXPECT(decision.raise, "raise", CONFIG_BOOL, raise, .help = "As under then."),
    EXPECT(decision.siren, "siren", CONFIG_BOOL, siren, .help = "As under then."),
    EXPECT(decision.strobe, "strobe", CONFIG_BOOL, strobe, .help = "As under then."),
    EXPECT(decision.backup, "backup", CONFIG_BOOL, backup, .help = "As under then."),
    EXPECT(decision.lights, "lights", CONFIG_ENUM, lights, .names = rule_lights_names,
           .what = "a light", .help = "As under then."),
    EXPECT(decision.inspect, "inspect", CONFIG_ENUM, inspect, .names = rule_inspect_names,
           .what = "a word on inspection", .help = "As under then."),
    EXPECT(decision.escalate_after_ms, "escalate_after", CONFIG_DURATION, escalate, .min = 0,
           .max = DECISION_ESCALATE_MAX_MS, .help = "As under then."),
    EXPECT(decision.forward, "forward", CONFIG_ENUM, forward, .names = rule_forward_names,
           .what = "a way to headquarters", .help = "As under then."),
    EXPECT(decision.marks, "marks", CONFIG_SET, marks, .names = mark_names, .what = "a mark",
           .help = "All marks on the card."),
};
static const struct config_section expect_section = {
    CONFIG_ROWS(expect_options, struct example_expect)};

#define ROW(member, key, kind, ...)                                                                \
    CONFIG_OPTION(struct example_row, member, key, kind, __VA_ARGS__)

static const struct config_option example_options[] = {
    ROW(name, "name", CONFIG_STRING, .min = 1, .required = true, .help = "What the example shows."),
    ROW(plate, "plate", CONFIG_STRING, .fallback = "鲁H12345",
        .help = "Plate text; 无车牌 is no_plate, ------- is unread."),
    ROW(lane, "lane", CONFIG_INT, .min = 0, .max = LANE_ID_MAX, .fallback = "1",
        .help = "Lane id."),
    ROW(direction, "direction", CONFIG_INT, .min = 0, .max = 9, .fallback = "0",
        .help = "GA/T 1400 direction."),
    ROW(authenticity, "authenticity", CONFIG_ENUM, .names = rule_authenticity_names,
        .what = "an authenticity", .fallback = "tag", .help = "Proof of the read's origin."),
    ROW(hit, "hit", CONFIG_SECTION, .section = &hit_section,
        CONFIG_SEEN(struct example_row, has_hit),
        .help = "The entry that matched; none if absent."),
    ROW(clock, "clock", CONFIG_ENUM, .names = rule_clock_names, .what = "a clock state",
        .fallback = "trusted", .help = "State of the clock."),
    ROW(minute, "time", CONFIG_CUSTOM, .parse = rule_parse_minute,
        .what = "a time of day like 22:30", .fallback = "12:00", .help = "Local time of day."),
    ROW(weekday, "weekday", CONFIG_ENUM, .names = rule_weekday_names, .what = "a day",
        .fallback = "wed", .help = "Local day."),
    ROW(list, "list", CONFIG_ENUM, .names = rule_list_names, .what = "a list state",
        .fallback = "current", .help = "State of the list."),
    ROW(list_age_ms, "list_age", CONFIG_DURATION, .min = 0, .max = INT64_C(3650) * 86400000,
        .fallback = "1min", .help = "Since headquarters vouched for the list."),
    ROW(list_too_old, "list_too_old", CONFIG_BOOL, .fallback = "false",
        .help = "Older than the lane's limit."),
    ROW(cleared, "cleared", CONFIG_BOOL, .fallback = "false", .help = "As under when."),
    ROW(draw, "draw", CONFIG_CUSTOM, .parse = rule_parse_draw, .what = "a draw like 5%",
        .fallback = "99.99%", .help = "Every draw; a rule with a larger random share is taken."),
    ROW(expect, "expect", CONFIG_SECTION, .section = &expect_section, .required = true,
        .help = "The decision; only what is written is compared, the rule always."),
};
const struct config_section rule_example_section = {
    CONFIG_ROWS(example_options, struct example_row)};

static void read_of(const struct example_row *row, struct plate_read *out)
{
    struct plate_text text;
    plate_encode(row->plate, strlen(row->plate), PLATE_DASH_AUTO, &text);
    memset(out, 0, sizeof(*out));
    out->kind = text.kind;
    out->key = text.key;
    out->lane = row->lane;
    out->direction = row->direction;
    out->authenticity = row->authenticity;
}

static void hit_of(const struct example_row *row, plate_key key, struct match_hit *out)
{
    memset(out, 0, sizeof(*out));
    out->kind = row->hit.kind;
    out->agreement = row->hit.agreement;
    out->expired = row->hit.expired;
    out->read_key = key;
    out->entry.key = key;
    out->entry.category = row->hit.category;
    out->entry.priority = row->hit.priority;
    out->entry.handling = HANDLING_STOP;
    out->entry.risk = row->hit.risk ? RISK_ARMED : 0;
}

struct outcome_check {
    const char *key;
    bool stated;
    bool same;
    const char *got;
};

static const char *text_of(bool value)
{
    return value ? "true" : "false";
}

/* The first stated outcome that differs; NULL when none does. */
static const struct outcome_check *find_difference(const struct example_expect *expect,
                                                   const struct decision *d, const char *escalate,
                                                   const char *marks,
                                                   struct outcome_check checks[OUTCOMES])
{
    const struct decision *want = &expect->decision;
    const struct outcome_check all[OUTCOMES] = {
        {"alert", expect->level, want->level == d->level, alert_level_name(d->level)},
        {"hold", expect->hold, want->hold == d->hold, text_of(d->hold)},
        {"raise", expect->raise, want->raise == d->raise, text_of(d->raise)},
        {"siren", expect->siren, want->siren == d->siren, text_of(d->siren)},
        {"strobe", expect->strobe, want->strobe == d->strobe, text_of(d->strobe)},
        {"backup", expect->backup, want->backup == d->backup, text_of(d->backup)},
        {"lights", expect->lights, want->lights == d->lights, decision_lights_name(d->lights)},
        {"inspect", expect->inspect, want->inspect == d->inspect,
         d->inspect == DECISION_INSPECT_UNSAID ? "unsaid"
                                               : text_of(d->inspect == DECISION_INSPECT_DUE)},
        {"escalate_after", expect->escalate, want->escalate_after_ms == d->escalate_after_ms,
         escalate},
        {"forward", expect->forward, want->forward == d->forward,
         decision_forward_name(d->forward)},
        {"marks", expect->marks, want->marks == d->marks, marks},
    };
    memcpy(checks, all, sizeof(all));
    for (size_t i = 0; i < OUTCOMES; i++) {
        if (checks[i].stated && !checks[i].same) {
            return &checks[i];
        }
    }
    return NULL;
}

static void marks_text(uint32_t marks, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < MARK_COUNT && at < size; i++) {
        if (marks & 1u << i) {
            int n = snprintf(out + at, size - at, "%s%s", at ? ", " : "",
                             decision_mark_name((enum decision_mark)(1u << i)));
            at += n > 0 ? (size_t)n : 0;
        }
    }
    if (at == 0) {
        (void)snprintf(out, size, "none"); /* fits */
    }
}

static int compare(const struct example_row *row, size_t index, const struct decision *d,
                   const struct config_at *at, struct err_text *err)
{
    char key[64];
    char escalate[24];
    char marks[120];
    struct outcome_check checks[OUTCOMES];
    if (strcmp(row->expect.rule, d->rule) != 0) {
        (void)snprintf(key, sizeof(key), "examples[%zu].expect.rule", index); /* fits */
        return config_refuse(at, key, err, "the decision is that of '%s'",
                             d->rule[0] ? d->rule : "none");
    }
    if (d->escalate_after_ms == DECISION_NEVER_MS) {
        (void)snprintf(escalate, sizeof(escalate), "never"); /* fits */
    } else {
        (void)snprintf(escalate, sizeof(escalate), "%dms", (int)d->escalate_after_ms); /* fits */
    }
    marks_text(d->marks, marks, sizeof(marks));
    const struct outcome_check *other = find_difference(&row->expect, d, escalate, marks, checks);
    if (!other) {
        return ERR_OK;
    }
    (void)snprintf(key, sizeof(key), "examples[%zu].expect.%s", index, other->key); /* fits */
    return config_refuse(at, key, err, "the decision of '%s' is %s", d->rule[0] ? d->rule : "none",
                         other->got);
}

int rule_example_try(const struct rule_file *file, size_t index, const struct config_at *at,
                     bool shown[RULES_MAX], struct err_text *err)
{
    const struct example_row *row = &file->examples[index];
    struct plate_read read;
    struct match_hit hit;
    struct decision decision;
    read_of(row, &read);
    hit_of(row, read.key, &hit);
    struct rules_input input = {
        .read = &read,
        .hit = row->has_hit ? &hit : NULL,
        .odds_db = (int16_t)(row->hit.has_odds ? row->hit.odds_db : RULES_ODDS_NONE),
        .list = {.state = row->list},
        .list_age_ms = row->list_age_ms,
        .list_too_old = row->list_too_old,
        .clock_trusted = row->clock == CHOICE_YES,
        .minute = row->minute,
        .weekday = row->weekday,
        .cleared = row->cleared,
    };
    for (size_t i = 0; i < RULES_DRAWS; i++) {
        input.draws[i] = row->draw;
    }
    int rc = rules_evaluate(&file->set, &input, &decision);
    if (rc != ERR_OK) {
        return rc; /* cannot be: the table bounds every fact */
    }
    for (size_t i = 0; i < file->rule_count; i++) {
        shown[i] = shown[i] || strcmp(file->rules[i].name, decision.rule) == 0;
    }
    return compare(row, index, &decision, at, err);
}
