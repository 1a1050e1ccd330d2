/* See verdict.h. */
#include "gateway/pipeline/verdict.h"

#include <stdio.h>
#include <string.h>

#include "gateway/pipeline/fact_json.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MINUTES = 60, WORDS_SIZE = 512 };

void verdicts_take(struct verdicts *verdicts, const struct pipeline_verdict *verdict)
{
    struct pipeline_verdict *place = &verdicts->kept[0];
    if (verdict->id == 0) {
        memset(verdicts, 0, sizeof(*verdicts));
        return;
    }
    for (int i = 0; i < VERDICTS_MAX; i++) {
        struct pipeline_verdict *kept = &verdicts->kept[i];
        if (kept->id != 0 && kept->entry == verdict->entry && kept->plate == verdict->plate) {
            place = kept;
            break;
        }
        if (kept->expires.ms < place->expires.ms)
            place = kept; /* a free one's is 0 */
    }
    if (place->entry == verdict->entry && place->plate == verdict->plate &&
        place->id >= verdict->id)
        return;
    *place = *verdict;
}

const struct pipeline_verdict *verdicts_find(const struct verdicts *verdicts,
                                             const struct match_hit *hit, bool clock_trusted,
                                             struct wall_time now)
{
    for (int i = 0; clock_trusted && i < VERDICTS_MAX; i++) {
        const struct pipeline_verdict *kept = &verdicts->kept[i];
        if (kept->id != 0 && kept->entry == hit->entry.id && kept->plate == hit->read_key &&
            now.ms < kept->expires.ms)
            return kept;
    }
    return NULL;
}

bool verdict_drops_hold(const struct pipeline_verdict *verdict, const struct match_hit *hit)
{
    return !verdict->holds && hit->entry.priority > 1;
}

void verdict_into(json_t *body, const struct pipeline_verdict *verdict)
{
    json_t *checked = json_object();
    put_text(checked, "verdict", instruction_verdict_name(verdict->verdict));
    put_time(checked, "at", verdict->checked);
    put_text(checked, "place", verdict->place);
    put_text(checked, "signed_by", verdict->signed_by);
    put_id(checked, "instruction", verdict->id);
    json_object_set_new(body, "checked", checked);
}

void verdict_words_into(json_t *event, const struct pipeline_verdict *verdict, struct wall_time now)
{
    char text[WORDS_SIZE];
    int64_t minutes = (now.ms - verdict->checked.ms) / MINUTE_MS;
    minutes = minutes < 0 ? 0 : minutes;
    bool hours = minutes >= 2 * HOUR_MINUTES;
    long long ago = (long long)(hours ? minutes / HOUR_MINUTES : minutes);
    (void)snprintf(text, sizeof(text), "%lld %s前 %s已查: %s", ago, hours ? "小时" : "分钟",
                   verdict->place, instruction_verdict_text(verdict->verdict)); /* fits */
    put_text(event, "checked_zh", text);
    (void)snprintf(text, sizeof(text), "checked %lld %s ago at %s: %s", ago, hours ? "h" : "min",
                   verdict->place, instruction_verdict_words(verdict->verdict)); /* fits */
    put_text(event, "checked_en", text);
}
