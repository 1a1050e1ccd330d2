/*
 * A rule file: its option table, the set made of it, and its own examples run against that set.
 * No state between calls.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file.h"
#include "rules/file.h"

static const struct config_name passage_names[] = {{"plate", PASSAGE_PLATE},
                                                   {"no_plate", PASSAGE_NO_PLATE},
                                                   {"unread", PASSAGE_UNREAD},
                                                   {NULL, 0}};
static const struct config_name choice_names[] = {
    {"true", CHOICE_YES}, {"false", CHOICE_NO}, {NULL, 0}};

#define WHEN(member, key, kind, ...)                                                               \
    CONFIG_OPTION(struct rule_condition, member, key, kind, __VA_ARGS__)

static const struct config_option when_options[] = {
    WHEN(passages, "passage", CONFIG_SET, .names = passage_names, .what = "a passage",
         .help = "plate: something was read; no_plate: the vehicle carries none; unread: there may "
                 "be one."),
    WHEN(hit, "hit", CONFIG_ENUM, .names = choice_names, .what = "a switch",
         .help = "Whether a wanted entry matched."),
    WHEN(kinds, "match", CONFIG_FLAGS, .names = rule_kind_names, .what = "a kind of match",
         .help = "How the read matched the entry."),
    WHEN(agreements, "class", CONFIG_FLAGS, .names = rule_class_names, .what = "an agreement",
         .help = "Whether the class read (号牌种类) is the entry's."),
    WHEN(categories, "category", CONFIG_FLAGS, .names = rule_category_names, .what = "a category",
         .help = "Category of the entry."),
    WHEN(priorities, "priority", CONFIG_NUMBERS, .min = 1, .max = 3,
         .help = "Priority of the entry, 1 is the top."),
    WHEN(risk, "officer_risk", CONFIG_ENUM, .names = choice_names, .what = "a switch",
         .help = "Whether the entry warns of armed, violent or several people."),
    WHEN(odds_min_db, "odds_min", CONFIG_INT, .min = -100, .max = 300, .unit = "dB",
         CONFIG_SEEN(struct rule_condition, has_odds),
         .help =
             "Least odds of the match as 10 log10; 20 is 100 to 1. A match without computed odds "
             "does not count."),
    WHEN(lanes, "lane", CONFIG_NUMBERS, .min = 0, .max = LANE_ID_MAX, .help = "Lane ids."),
    WHEN(directions, "direction", CONFIG_NUMBERS, .min = 0, .max = 9,
         .help = "GA/T 1400 directions; 0 = the camera gave none."),
    WHEN(authenticity, "authenticity", CONFIG_FLAGS, .names = rule_authenticity_names,
         .what = "an authenticity", .help = "How far the read's origin is proven."),
    WHEN(time, "time", CONFIG_CUSTOM, .parse = rule_parse_window,
         .what = "a time window like 22:00-06:00",
         .help = "Local time of day; never holds under an untrusted clock."),
    WHEN(weekdays, "weekday", CONFIG_FLAGS, .names = rule_weekday_names, .what = "a day",
         .help = "Local days; never hold under an untrusted clock."),
    WHEN(list_states, "list", CONFIG_FLAGS, .names = rule_list_names, .what = "a list state",
         .help = "State of the wanted list."),
    WHEN(list_older_than_ms, "list_older_than", CONFIG_DURATION, .min = 1000,
         .max = INT64_C(365) * 86400000, .help = "Headquarters vouched for the list longer ago."),
    WHEN(clock_trusted, "clock", CONFIG_ENUM, .names = rule_clock_names, .what = "a clock state",
         .help = "Whether the time is trusted."),
    WHEN(cleared, "cleared", CONFIG_ENUM, .names = choice_names, .what = "a switch",
         .help = "Completed authenticated read, no open hit, list fresh."),
    WHEN(share, "random", CONFIG_CUSTOM, .parse = rule_parse_share, .what = "a share like 5%",
         .help = "Holds for this share of passages, drawn once a passage and rule."),
};
static const struct config_section when_section = {
    CONFIG_ROWS(when_options, struct rule_condition)};

#define THEN(member, key, kind, ...)                                                               \
    CONFIG_OPTION(struct outcome_row, member, key, kind, __VA_ARGS__)

static const struct config_option then_options[] = {
    THEN(decision.level, "alert", CONFIG_ENUM, .names = rule_level_names, .what = "an alert level",
         .required = true,
         .help = "none; quiet: in the list; silent: full alert, nothing outside; sounding."),
    THEN(decision.hold, "hold", CONFIG_BOOL, .fallback = "false",
         .help = "Hold the passage once its vehicle is at the boom."),
    THEN(decision.raise, "raise", CONFIG_BOOL, .fallback = "false",
         .help = "Open for a cleared vehicle; the lane still checks everything."),
    THEN(decision.siren, "siren", CONFIG_BOOL, .fallback = "false", .help = "Outside siren."),
    THEN(decision.strobe, "strobe", CONFIG_BOOL, .fallback = "false", .help = "Outside strobe."),
    THEN(decision.backup, "backup", CONFIG_BOOL, .fallback = "false",
         .help = "Call backup: a silent request to headquarters and the other consoles."),
    THEN(decision.lights, "lights", CONFIG_ENUM, .names = rule_lights_names, .what = "a light",
         .fallback = "unchanged", .help = "The lane's lights."),
    THEN(decision.inspect, "inspect", CONFIG_ENUM, .names = rule_inspect_names,
         .what = "a word on inspection", .fallback = "unsaid",
         .help = "true: the vehicle waits for an officer's inspection; false: it is due for none, "
                 "at a check point either; unsaid: due at a check point only."),
    THEN(decision.escalate_after_ms, "escalate_after", CONFIG_DURATION, .min = 0,
         .max = DECISION_ESCALATE_MAX_MS, CONFIG_SEEN(struct outcome_row, escalates),
         .help = "Unacknowledged this long: escalate. Not written: never."),
    THEN(decision.forward, "forward", CONFIG_ENUM, .names = rule_forward_names,
         .what = "a way to headquarters", CONFIG_SEEN(struct outcome_row, forwards),
         .help = "none, normal (in order) or urgent (ahead of the backlog). Not written: normal "
                 "with an alert, none without."),
};

static int complete_outcome(void *section, const struct config_at *at, struct err_text *err)
{
    struct outcome_row *row = section;
    (void)at; /* nothing is refused here */
    (void)err;
    if (!row->escalates) {
        row->decision.escalate_after_ms = DECISION_NEVER_MS;
    }
    if (!row->forwards && row->decision.level != ALERT_NONE) {
        row->decision.forward = FORWARD_NORMAL;
    }
    return ERR_OK;
}

static const struct config_section then_section = {CONFIG_ROWS(then_options, struct outcome_row),
                                                   .check = complete_outcome};

static const struct config_option rule_options[] = {
    CONFIG_OPTION(struct rule_row, name, "name", CONFIG_CUSTOM, .parse = rule_parse_name,
                  .what = "a name of a-z, 0-9 and '-'", .required = true,
                  .help = "Stands in every record of a decision."),
    CONFIG_OPTION(struct rule_row, when, "when", CONFIG_SECTION, .section = &when_section,
                  .help = "Conditions; all that are written must hold. None: always."),
    CONFIG_OPTION(struct rule_row, then, "then", CONFIG_SECTION, .section = &then_section,
                  .required = true, .help = "The decision."),
};

static int check_rule(void *section, const struct config_at *at, struct err_text *err)
{
    const struct rule_row *row = section;
    struct rule rule = {.when = row->when, .then = row->then.decision};
    const char *key;
    const char *fault = rule_fault(&rule, &key);
    return fault ? config_refuse(at, key, err, "%s", fault) : ERR_OK;
}

static const struct config_section rule_section = {CONFIG_ROWS(rule_options, struct rule_row),
                                                   .unique = "name", .check = check_rule};

static const struct config_option file_options[] = {
    CONFIG_OPTION(struct rule_file, title, "title", CONFIG_STRING, .min = 1, .required = true,
                  .help = "What the set is for; shown to technicians and recorded at start."),
    CONFIG_ARRAY(struct rule_file, rules, rule_count, "rules", .section = &rule_section, .min = 1,
                 .required = true, .help = "The rules in order; the first that matches decides."),
    CONFIG_ARRAY(struct rule_file, examples, example_count, "examples",
                 .section = &rule_example_section, .min = 1, .required = true,
                 .help = "Passages with the expected decision; every rule must be shown once."),
};

static int build_set(struct rule_file *file, const struct config_at *at, struct err_text *err)
{
    unsigned draws = 0;
    memcpy(file->set.title, file->title, sizeof(file->set.title));
    for (size_t i = 0; i < file->rule_count; i++) {
        const struct rule_row *row = &file->rules[i];
        struct rule *rule = &file->set.rules[i];
        memcpy(rule->name, row->name, sizeof(rule->name));
        rule->when = row->when;
        rule->then = row->then.decision;
        if (rule->when.share == 0) {
            continue;
        }
        if (draws == RULES_DRAWS) {
            char key[32];
            (void)snprintf(key, sizeof(key), "rules[%zu].when.random", i); /* fits */
            return config_refuse(at, key, err, "the ninth rule with random, expected at most %d",
                                 RULES_DRAWS);
        }
        rule->when.draw = (uint8_t)draws++;
    }
    file->set.count = file->rule_count;
    file->set.example_count = file->example_count;
    return ERR_OK;
}

static int check_file(void *section, const struct config_at *at, struct err_text *err)
{
    struct rule_file *file = section;
    bool shown[RULES_MAX] = {false};
    int rc = build_set(file, at, err);
    for (size_t i = 0; rc == ERR_OK && i < file->example_count; i++) {
        rc = rule_example_try(file, i, at, shown, err);
    }
    for (size_t i = 0; rc == ERR_OK && i < file->rule_count; i++) {
        if (!shown[i]) {
            char key[32];
            (void)snprintf(key, sizeof(key), "rules[%zu].name", i); /* fits */
            rc = config_refuse(at, key, err,
                               "no example reaches it, expected one with 'expect: "
                               "{rule: %s}'",
                               file->rules[i].name);
        }
    }
    return rc;
}

static const struct config_section file_section = {CONFIG_ROWS(file_options, struct rule_file),
                                                   .check = check_file};

int rules_parse(const char *name, const char *text, size_t size, struct rule_set **out,
                struct err_text *err)
{
    struct rule_set *set = NULL;
    struct rule_file *file = calloc(1, sizeof(*file));
    int rc = file ? ERR_OK : err_set(err, ERR_NO_MEMORY, "%s: out of memory", name);
    if (rc == ERR_OK) {
        rc = config_parse(name, text, size, &file_section, file, err);
    }
    if (rc == ERR_OK) {
        set = malloc(sizeof(*set));
        rc = set ? ERR_OK : err_set(err, ERR_NO_MEMORY, "%s: out of memory", name);
    }
    if (rc == ERR_OK) {
        *set = file->set;
        *out = set;
    }
    free(file);
    return rc;
}

int rules_load(const char *path, struct rule_set **out, struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size;
    int rc = file_read(path, CONFIG_FILE_MAX_BYTES, &text, &size, err);
    if (rc == ERR_OK) {
        rc = rules_parse(path, (const char *)text, size, out, err);
    }
    free(text);
    return rc;
}

void rules_destroy(struct rule_set *set)
{
    free(set);
}

const char *rules_title(const struct rule_set *set)
{
    return set->title;
}

size_t rules_count(const struct rule_set *set)
{
    return set->count;
}

size_t rules_example_count(const struct rule_set *set)
{
    return set->example_count;
}

void rules_print_options(FILE *to)
{
    config_print(&file_section, to);
}
