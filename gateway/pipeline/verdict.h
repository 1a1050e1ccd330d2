/*
 * What headquarters found about a hit: the next hit of that plate on that entry says so, and, for a
 * time, does not hold. Nothing is kept from an officer, no hold that is there ends, and an entry of
 * priority 1 holds all the same: there one person's word is not enough (rule 5). Pure.
 */
#pragma once

#include <jansson.h>

#include "gateway/model/hit.h"
#include "gateway/signed/instruction_task.h"

enum { VERDICTS_MAX = 256 };

struct pipeline_verdict {
    uint64_t id; /* of the instruction; 0: none */
    uint64_t entry;
    plate_key plate; /* read of the vehicle that was checked: another one is another vehicle */
    enum instruction_verdict verdict;
    bool holds; /* headquarters wants it held all the same */
    struct wall_time checked;
    struct wall_time expires;
    char place[INSTRUCTION_PLACE_MAX * 4 + 1];
    char signed_by[KEY_HOLDER_MAX + 1];
};

struct verdicts {
    struct pipeline_verdict kept[VERDICTS_MAX];
};

/* One of id 0: all are forgotten. A later one on the same entry and plate takes the place of an
 * earlier one; a full table lets the one go that ends first, whose hits then hold again. */
void verdicts_take(struct verdicts *verdicts, const struct pipeline_verdict *verdict);
/* The one in force on this hit; NULL, also while nobody can say what time it is. */
const struct pipeline_verdict *verdicts_find(const struct verdicts *verdicts,
                                             const struct match_hit *hit, bool clock_trusted,
                                             struct wall_time now);
/* Whether a hit of it is not to hold. */
bool verdict_drops_hold(const struct pipeline_verdict *verdict, const struct match_hit *hit);

/* Into a hit's body: "checked" {"verdict","at","place","signed_by","instruction"}. */
void verdict_into(json_t *body, const struct pipeline_verdict *verdict);
/* Into its event: "checked_zh" "20 分钟前 城东卡口已查: 误报", and "checked_en". */
void verdict_words_into(json_t *event, const struct pipeline_verdict *verdict,
                        struct wall_time now);
