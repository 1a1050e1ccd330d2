/* A hit, as JSON and in words. See fact.h. */
#include <stdlib.h>

#include "gateway/base/json.h"
#include "gateway/pipeline/fact_json.h"
#include "gateway/pipeline/why.h"

static const char *agreement_name(enum class_agreement agreement)
{
    switch (agreement) {
    case CLASS_AGREE:
        return "agree";
    case CLASS_UNVERIFIED:
        return "unknown";
    case CLASS_CONFLICT:
        return "conflict";
    }
    return NULL;
}

/* What the officer reads of the entry; on record with the hit, for the list goes on. A record takes
 * no real numbers: an entry's text has none. New reference, or NULL. */
static json_t *card_of(const struct fact *fact)
{
    char *text = NULL;
    size_t size;
    json_t *card = json_loads(fact->text, JSON_REJECT_DUPLICATES, NULL);
    if (card && json_canonical(card, &text, &size) != 0) {
        json_decref(card);
        card = NULL;
    }
    free(text);
    return card;
}

void hit_into(json_t *body, const struct fact *fact)
{
    const struct match_hit *match = &fact->u.hit.match;
    put_id(body, "hit", fact->u.hit.hit);
    put_id(body, "passage", fact->u.hit.passage);
    put_text(body, "match", match_kind_name(match->kind));
    put_text(body, "class_agreement", agreement_name(match->agreement));
    put_plate(body, "matched", match->read_key);
    put_id(body, "differing", match->differing);
    why_into(body, match, &fact->u.hit.read);
    put_true(body, "expired", match->expired);
    json_object_set_new(body, "read", read_body(&fact->u.hit.read));
    json_object_set_new(body, "entry", entry_body(&match->entry));
    json_object_set_new(body, "decision", decision_body(&fact->u.hit.decision));
    json_object_set_new(body, "list", list_body(&fact->u.hit.list));
    json_object_set_new(body, "clock", clock_body(&fact->u.hit.clock));
    if (fact->u.hit.verdict.id != 0)
        verdict_into(body, &fact->u.hit.verdict);
    lookout_hit_into(body, match);
    put_evidence(body, &fact->evidence);
    json_t *card = card_of(fact);
    if (card)
        json_object_set_new(body, "card", card);
}

void hit_words_into(json_t *event, const struct fact *fact)
{
    char marks[DECISION_MARKS_TEXT_SIZE];
    decision_marks_format(fact->u.hit.decision.marks, marks);
    put_text(event, "marks_zh", marks);
    why_words_into(event, &fact->u.hit.match, &fact->u.hit.read);
    if (fact->u.hit.verdict.id != 0)
        verdict_words_into(event, &fact->u.hit.verdict, fact->wall);
}
