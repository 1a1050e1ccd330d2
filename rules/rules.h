/*
 * Rules: what a match means here and now. An ordered list read from YAML; the first rule whose
 * conditions all hold gives the decision. Loaded whole, checked with the file's own examples, never
 * changed afterwards: the caller swaps one pointer, any number of threads evaluate. Evaluation is
 * pure: no clock, no randomness, no allocation. How to write a rule file: README.md in this folder.
 *
 * Whatever a rule file says, evaluation enforces (rules_evaluate):
 * - only an exact match with agreeing class, on an entry that is not expired, under a trusted
 * clock, may hold, sound, switch siren or strobe; the rest is at most a quiet alert (an exact match
 * with agreeing class under an untrusted clock: at most silent);
 * - an entry with officer risk is silent outside, and an exact match with it calls backup;
 * - an exact match never gets less than a quiet alert, and what alerts on a hit goes to HQ;
 * - a hit takes no inspection off a vehicle;
 * - only a cleared, fully read, authenticated passage without any hit raises, under a list that is
 *   there and not too old;
 * - an `observe` entry decides nothing: the result is that of the same read without a hit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/err.h"
#include "gateway/model/decision.h"
#include "gateway/model/hit.h"
#include "gateway/model/plate_read.h"

enum {
    RULES_MAX = 64,           /* rules of a set */
    RULES_EXAMPLES_MAX = 256, /* examples of a file */
    RULES_DRAWS = 8,          /* rules of a set with `random` */
    RULES_DRAW_END = 10000,   /* a draw is 0 .. RULES_DRAW_END - 1 */
    RULES_TITLE_SIZE = 64,
    RULES_ODDS_NONE = INT16_MIN
};

/* The facts one decision rests on. One call a hit; decision_merge joins those of one passage. */
struct rules_input {
    const struct plate_read *read;
    const struct match_hit *hit; /* NULL: nothing matched */
    int16_t odds_db;             /* 10 log10 of the match's odds; RULES_ODDS_NONE: not computed */
    struct list_status list;     /* in force when the read was matched */
    int64_t list_age_ms; /* since HQ last vouched for it; negative: unknown, older than any limit */
    bool list_too_old;   /* older than the lane's limit */
    bool clock_trusted;
    uint16_t minute;             /* local time of day, 0-1439; looked at only while clock_trusted */
    uint8_t weekday;             /* local, 1 Monday - 7 Sunday */
    bool cleared;                /* completed authenticated read, no open hit, list fresh */
    uint16_t draws[RULES_DRAWS]; /* each uniform in 0 .. RULES_DRAW_END - 1, drawn for this passage;
                                    the n-th rule with `random` looks at the n-th */
};

struct rule_set;

/* Reads, checks and tries a file; *out is a new set, ended with rules_destroy(). ERR_NOT_FOUND,
 * ERR_IO, ERR_TOO_LARGE, ERR_NO_MEMORY, ERR_INVALID; `err` names file, line, key, value, reason. */
int rules_load(const char *path, struct rule_set **out, struct err_text *err) MUST_CHECK;
/* The same for text in memory; `name` stands for the file in errors. */
int rules_parse(const char *name, const char *text, size_t size, struct rule_set **out,
                struct err_text *err) MUST_CHECK;
void rules_destroy(struct rule_set *set);

/* The decision for one read and one hit or none; fills *out always. When no rule matches: nothing
 * for a passage, a quiet alert for a hit, and out->rule is "". ERR_INVALID when a fact is out of
 * its range: *out is then what no rule gives. */
int rules_evaluate(const struct rule_set *set, const struct rules_input *input,
                   struct decision *out) MUST_CHECK;

/* Title and number of rules, for the start record and `checkpointctl status`. */
const char *rules_title(const struct rule_set *set);
size_t rules_count(const struct rule_set *set);
/* Number of examples the file was tried with when it was loaded. */
size_t rules_example_count(const struct rule_set *set);
/* Every option of a rule file as manual text. */
void rules_print_options(FILE *to);
