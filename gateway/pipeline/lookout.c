/* See lookout.h. */
#include "gateway/pipeline/lookout.h"

#include <string.h>

#include "gateway/model/wanted.h"

enum { LOOKOUT_PRIORITY = 3 };

bool lookouts_take(struct lookouts *lookouts, const struct lookout *lookout)
{
    struct lookout *free_row = NULL;
    for (int i = 0; i < LOOKOUTS_MAX; i++) {
        struct lookout *row = &lookouts->rows[i];
        if (row->id == lookout->id) {
            *row = lookout->until.ms != 0 ? *lookout : (struct lookout){.id = 0};
            return true;
        }
        if (!free_row && row->id == 0)
            free_row = row;
    }
    if (!free_row || lookout->until.ms == 0)
        return false;
    *free_row = *lookout;
    return true;
}

const struct lookout *lookouts_over(const struct lookouts *lookouts, struct wall_time now)
{
    for (int i = 0; i < LOOKOUTS_MAX; i++)
        if (lookouts->rows[i].id != 0 && now.ms >= lookouts->rows[i].until.ms)
            return &lookouts->rows[i];
    return NULL;
}

static void fill_match(const struct lookout *row, const struct plate_read *read,
                       enum class_agreement agreement, bool expired, struct match_hit *out)
{
    *out = (struct match_hit){.entry = {.id = LOOKOUT_ENTRY_BASE + row->id,
                                        .key = row->key,
                                        .valid_from = row->begun,
                                        .valid_until = row->until,
                                        .class = row->class,
                                        .category = CATEGORY_OTHER,
                                        .priority = LOOKOUT_PRIORITY,
                                        .handling = HANDLING_STOP,
                                        .text_size = (uint32_t)strlen(row->text)},
                              .kind = MATCH_EXACT,
                              .agreement = agreement,
                              .read_key = read->key,
                              .odds_db = MATCH_ODDS_NONE,
                              .expired = expired};
}

const struct lookout *lookouts_match(const struct lookouts *lookouts, const struct plate_read *read,
                                     bool trusted, struct wall_time now,
                                     struct match_hit *out_match)
{
    const struct lookout *found = NULL;
    if (read->kind != PLATE_KEY)
        return NULL;
    for (int i = 0; i < LOOKOUTS_MAX; i++) {
        const struct lookout *row = &lookouts->rows[i];
        enum class_agreement agreement = plate_class_agree(read->class, row->class);
        bool over = now.ms >= row->until.ms;
        if (row->id == 0 || row->key != read->key || agreement == CLASS_CONFLICT ||
            (over && trusted) || (found && agreement != CLASS_AGREE))
            continue;
        found = row;
        fill_match(row, read, agreement, over, out_match);
    }
    return found;
}

void lookout_bound(struct decision *decision)
{
    decision->hold = false;
    decision->raise = false;
    decision->siren = false;
    decision->strobe = false;
    decision->backup = false;
    decision->lights = DECISION_LIGHTS_UNCHANGED;
    decision->marks |= MARK_LOCAL_LOOKOUT;
    if (decision->level == ALERT_NONE)
        decision->level = ALERT_QUIET;
}
