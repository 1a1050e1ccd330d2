/*
 * Headquarters' word on a hit's entry, as JSON and in words. See fact.h. The words never say more
 * than that headquarters said so: what is on the list, its clerks sign.
 */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/pipeline/fact_json.h"

enum { WORDS_SIZE = 160 };

static const char *state_name(const struct fact_standing *s)
{
    switch (s->state) {
    case FACT_STANDING_ANSWERED:
        return standing_name(s->answer.standing);
    case FACT_STANDING_NO_ANSWER:
        return "no_answer";
    case FACT_STANDING_NO_LINK:
        return "no_link";
    case FACT_STANDING_TOO_MANY:
        return "too_many_hits";
    }
    return NULL;
}

void standing_into(json_t *body, const struct fact *fact)
{
    const struct fact_standing *s = &fact->u.standing;
    json_t *statement = json_loads(fact->text, JSON_REJECT_DUPLICATES, NULL);
    put_text(body, "what", "entry_standing");
    put_id(body, "hit", s->hit);
    put_id(body, "passage", s->passage);
    put_id(body, "entry", s->entry);
    put_id(body, "list_revision", s->revision);
    put_text(body, "standing", state_name(s));
    if (s->state == FACT_STANDING_ANSWERED) {
        put_id(body, "hit_sequence", s->answer.sequence);
        put_id(body, "hq_revision", s->answer.revision);
        put_time(body, "said", s->answer.time);
    }
    if (statement)
        json_object_set(body, "statement", statement);
    json_decref(statement);
}

static void say(char *en, char *zh, const char *words_en, const char *words_zh)
{
    snprintf(en, WORDS_SIZE, "%s", words_en);
    snprintf(zh, WORDS_SIZE, "%s", words_zh);
}

static void say_answer(const struct fact_standing *s, char *en, char *zh)
{
    switch (s->answer.standing) {
    case STANDING_STANDS:
        say(en, zh, "headquarters confirms: the entry stands", "总部确认有效");
        break;
    case STANDING_WITHDRAWN:
        snprintf(en, WORDS_SIZE,
                 "headquarters says withdrawn; not in the signed list (revision %" PRIu64 ")",
                 s->revision);
        snprintf(zh, WORDS_SIZE, "总部称已撤控，签名名单（版本 %" PRIu64 "）中未撤", s->revision);
        break;
    case STANDING_CHANGED:
        snprintf(en, WORDS_SIZE,
                 "headquarters says changed since the list held here (revision %" PRIu64 ")",
                 s->revision);
        snprintf(zh, WORDS_SIZE, "总部称布控已变更，本站名单为版本 %" PRIu64, s->revision);
        break;
    case STANDING_EXPIRED:
        say(en, zh, "headquarters says expired", "总部称布控已到期");
        break;
    case STANDING_UNKNOWN:
        say(en, zh, "headquarters says it knows no such entry", "总部称无此布控");
        break;
    }
}

void standing_words_into(json_t *event, const struct fact *fact)
{
    const struct fact_standing *s = &fact->u.standing;
    char en[WORDS_SIZE] = "";
    char zh[WORDS_SIZE] = "";
    switch (s->state) {
    case FACT_STANDING_ANSWERED:
        say_answer(s, en, zh);
        break;
    case FACT_STANDING_NO_ANSWER:
        say(en, zh, "headquarters gave no answer", "总部未答");
        break;
    case FACT_STANDING_NO_LINK:
        say(en, zh, "headquarters not asked: no link", "未询问总部：链路中断");
        break;
    case FACT_STANDING_TOO_MANY:
        say(en, zh, "headquarters not asked: too many hits at once", "未询问总部：同时命中过多");
        break;
    }
    put_text(event, "en", en);
    put_text(event, "zh", zh);
    json_object_del(event, "statement"); /* it stands in the record */
}
