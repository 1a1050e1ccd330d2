/*
 * A rule file as it is written: rows of rules and of examples, and how single words are read.
 * Internal to rules. Lives only while a file is loaded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/config/config.h"
#include "rules/rule.h"

struct outcome_row {
    struct decision decision;
    bool escalates; /* escalate_after was written */
    bool forwards;  /* forward was written */
};

struct rule_row {
    char name[DECISION_RULE_MAX + 1];
    struct rule_condition when;
    struct outcome_row then;
};

struct example_hit {
    enum match_kind kind;
    enum class_agreement agreement;
    uint16_t category;
    uint8_t priority;
    bool risk;
    bool expired;
    bool has_odds;
    int16_t odds_db;
};

/* Which outcomes an example states; the others are not compared. */
struct example_expect {
    char rule[DECISION_RULE_MAX + 1]; /* "" = no rule matches */
    struct decision decision;
    bool level;
    bool hold;
    bool raise;
    bool siren;
    bool strobe;
    bool backup;
    bool lights;
    bool escalate;
    bool forward;
    bool inspect;
    bool marks;
};

struct example_row {
    char name[96];
    char plate[PLATE_TEXT_SIZE];
    uint8_t lane;
    uint8_t direction;
    enum read_authenticity authenticity;
    bool has_hit;
    struct example_hit hit;
    enum rule_choice clock;
    uint16_t minute;
    uint8_t weekday;
    enum list_state list;
    int64_t list_age_ms;
    bool list_too_old;
    bool cleared;
    uint16_t draw;
    struct example_expect expect;
};

struct rule_file {
    struct rule_row rules[RULES_MAX];
    size_t rule_count;
    struct example_row examples[RULES_EXAMPLES_MAX];
    size_t example_count;
    char title[RULES_TITLE_SIZE];
    struct rule_set set; /* made of the rows by the file's check */
};

extern const struct config_name rule_kind_names[];  /* values: enum match_kind */
extern const struct config_name rule_class_names[]; /* values: enum class_agreement */
extern const struct config_name rule_category_names[];
extern const struct config_name rule_authenticity_names[];
extern const struct config_name rule_weekday_names[];
extern const struct config_name rule_list_names[];
extern const struct config_name rule_clock_names[];
extern const struct config_name rule_level_names[];
extern const struct config_name rule_lights_names[];
extern const struct config_name rule_forward_names[];
extern const struct config_name rule_inspect_names[];
extern const struct config_section rule_example_section;

/* struct config_option.parse functions. */
const char *rule_parse_name(const char *text, void *member);   /* char[DECISION_RULE_MAX + 1] */
const char *rule_parse_minute(const char *text, void *member); /* uint16_t, "22:30" */
const char *rule_parse_window(const char *text, void *member); /* struct rule_window */
const char *rule_parse_share(const char *text, void *member);  /* uint16_t, "2.5%", above 0 */
const char *rule_parse_draw(const char *text, void *member);   /* uint16_t, "2.5%", below 100 */

/* Runs example `index` of the file against its set; refuses it at its own line. */
int rule_example_try(const struct rule_file *file, size_t index, const struct config_at *at,
                     bool shown[RULES_MAX], struct err_text *err) MUST_CHECK;
