/*
 * What an import would change, for the person who asked and for programs. Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/hqctl/import_diff.h"

/* Counts, then + added, ~ changed field by field, - withdrawn; the first of each, with `all` every
 * one. `against_list`: the list was at hand. */
void wanted_diff_show(FILE *to, const struct import_diff *diff, bool against_list,
                      uint64_t revision, bool all);
/* What is suspicious and which entries contradict each other. */
void wanted_diff_warn(FILE *to, const struct import_diff *diff, const json_t *suspicions);
/* An entry as it is after a change, and field by field what it was before. */
void wanted_change_show(FILE *to, const json_t *before, const json_t *after);
/* One pair: a vehicle under stop and observe, both entries named. */
void wanted_conflict_show(FILE *to, const json_t *entry, const json_t *other);
/* {"added":[…],"changed":[{"before":{…},"after":{…}}…],"withdrawn":[…]}; NULL without memory. */
json_t *wanted_diff_json(const struct import_diff *diff);
/* Rows of a draft's `withdrawn`; NULL without memory. */
json_t *wanted_diff_withdrawals(const struct import_diff *diff);
