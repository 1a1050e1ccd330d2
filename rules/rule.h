/*
 * The inside of a rule set: conditions as bit masks, outcome as a decision. Internal to rules and
 * its tests. Plain values; 0 in a mask means "any".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rules/rules.h"

enum rule_choice { CHOICE_ANY = 0, CHOICE_NO = 1, CHOICE_YES = 2 };

/* Bits of rule_condition.passages. */
enum rule_passage { PASSAGE_PLATE = 1, PASSAGE_NO_PLATE = 2, PASSAGE_UNREAD = 4 };

enum { RULE_NO_ODDS = 0, RULE_LANE_BYTES = 32, RULE_DIRECTION_BYTES = 2 };

/* Minutes of a day; from == until: any time. from > until goes over midnight. */
struct rule_window {
    uint16_t from;  /* inclusive */
    uint16_t until; /* exclusive */
};

struct rule_condition {
    uint32_t passages;     /* enum rule_passage */
    enum rule_choice hit;  /* a wanted entry matched */
    uint32_t kinds;        /* 1 << enum match_kind; any of them implies a hit */
    uint32_t agreements;   /* 1 << enum class_agreement; implies a hit */
    uint32_t categories;   /* 1 << enum wanted_category; implies a hit */
    uint8_t priorities;    /* bit p: priority p; implies a hit */
    enum rule_choice risk; /* officer risk; implies a hit */
    bool has_odds;         /* implies a hit with computed odds */
    int16_t odds_min_db;
    uint8_t lanes[RULE_LANE_BYTES];           /* bitmap, all 0 = any */
    uint8_t directions[RULE_DIRECTION_BYTES]; /* bitmap of GA/T 1400 codes, 0 = not given */
    uint32_t authenticity;                    /* 1 << enum read_authenticity */
    struct rule_window time;                  /* holds only under a trusted clock */
    uint32_t weekdays;                        /* 1 << weekday; only under a trusted clock */
    uint32_t list_states;                     /* 1 << enum list_state */
    int64_t list_older_than_ms;               /* 0 = any */
    enum rule_choice clock_trusted;
    enum rule_choice cleared;
    uint16_t share; /* of RULES_DRAW_END; 0 = no draw */
    uint8_t draw;   /* which draw, when share > 0 */
};

struct rule {
    char name[DECISION_RULE_MAX + 1];
    struct rule_condition when;
    struct decision then; /* without rule name and marks */
};

struct rule_set {
    char title[RULES_TITLE_SIZE];
    size_t count;
    size_t example_count;
    struct rule rules[RULES_MAX];
};

/* The condition alone. */
bool rule_matches(const struct rule_condition *when, const struct rules_input *input);
/* Bounds a decision by what the input allows and sets its marks; see rules.h. */
void rule_enforce(const struct rules_input *input, struct decision *decision);
/* Why a rule may not be in force ("hold needs …"), NULL when it may; *out_key is the offending
 * option ("then.hold"). */
const char *rule_fault(const struct rule *rule, const char **out_key);
