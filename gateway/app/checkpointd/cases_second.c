/*
 * Headquarters as the second person of an answer that waits for one: asked where nobody else who
 * may be it is on shift, heard whoever is. See cases.h and duty.h. Control thread.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/cases.h"
#include "gateway/app/checkpointd/checkpointd.h"

static enum instruction_question question_of(const struct handling_case *now)
{
    return now->answer == HANDLING_CONFIRM ? INSTRUCTION_CONFIRM : INSTRUCTION_REJECT;
}

void cases_ask_headquarters(struct checkpointd *c, const struct case_slot *slot)
{
    const struct handling_case *now = &slot->now;
    struct control_actor asks = {.program = "checkpointd"};
    char second[DUTY_SECOND_SIZE];
    bool leaders_only = now->waits == HANDLING_WAITS_LEADER && now->by.rank == HANDLING_OFFICER;
    if (now->waits == HANDLING_WAITS_NOT) {
        duty_ask_over(c, INSTRUCTION_CONFIRM, now->facts.hit);
        duty_ask_over(c, INSTRUCTION_REJECT, now->facts.hit);
        return;
    }
    if (duty_hq_word(c, question_of(now), now->facts.hit, second, NULL) != DUTY_WORD_NOT_ASKED ||
        duty_others(c, now->by.officer, leaders_only) > 0) {
        return;
    }
    (void)snprintf(asks.officer, sizeof(asks.officer), "%s", now->by.officer); /* of one size */
    int result = duty_ask_hq(c, question_of(now), now->facts.hit, now->facts.lane, &asks, NULL);
    (void)result; /* not asked: at the next look */
}

static int take_word(struct checkpointd *c, struct case_slot *slot, bool agrees, const char *name,
                     const char *note)
{
    struct handling_act act = {.kind = HANDLING_ACT_AGREE, .disagrees = !agrees};
    struct handling_refused why;
    act.who.rank = HANDLING_HEADQUARTERS;
    (void)snprintf(act.who.officer, sizeof(act.who.officer), "%s", name); /* cut: said in full in
                                                                             the answer's record */
    slot->flight = (struct case_flight){.after = slot->now, .kind = act.kind};
    (void)snprintf(slot->flight.actor.program, sizeof(slot->flight.actor.program), "headquarters");
    (void)snprintf(slot->flight.actor.origin, sizeof(slot->flight.actor.origin), "%s", name);
    (void)snprintf(slot->flight.reason, sizeof(slot->flight.reason), "%s", note); /* likewise */
    if (handling_step(&slot->flight.after, &act, &c->config.handling, cases_now(c), &why) !=
        HANDLING_REFUSED_NOT) {
        return ERR_NOT_FOUND;
    }
    slot->flight.answers = cases_answer_counts(&slot->now, &slot->flight.after);
    return cases_launch(c, slot);
}

bool cases_hear_headquarters(struct checkpointd *c)
{
    bool left = false;
    for (size_t i = 0; i < c->cases.count; i++) {
        struct case_slot *slot = &c->cases.slots[i];
        char second[DUTY_SECOND_SIZE] = "hq";
        const char *note = "";
        if (slot->now.waits == HANDLING_WAITS_NOT || slot->in_flight) {
            continue;
        }
        enum duty_word word =
            duty_hq_word(c, question_of(&slot->now), slot->now.facts.hit, second, &note);
        if (word == DUTY_WORD_NOT_ASKED) { /* who could be it may have signed off */
            cases_ask_headquarters(c, slot);
        } else if (word == DUTY_WORD_AGREES || word == DUTY_WORD_DISAGREES) {
            left |= take_word(c, slot, word == DUTY_WORD_AGREES, second, note ? note : "") != 0;
        }
    }
    return left;
}
