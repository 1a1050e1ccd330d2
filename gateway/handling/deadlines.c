/* What is due when, and who hears that it is late. See handling.h. */
#include "gateway/handling/handling.h"

static struct handling_when later(struct handling_when t, int64_t ms)
{
    return (struct handling_when){mono_add_ms(t.mono, ms), {t.wall.ms + ms}};
}

/* From when the present step's time runs, and how long it is; false: nothing is due. */
static bool term_of(const struct handling_case *c, const struct handling_policy *p,
                    struct handling_when *out_from, int64_t *out_ms)
{
    if (c->waits != HANDLING_WAITS_NOT) {
        *out_from = c->answered_at;
        *out_ms = p->sign_ms;
        return true;
    }
    switch (c->stage) {
    case HANDLING_ALERTED:
        *out_from = c->opened;
        *out_ms = c->facts.escalate_ms >= 0 ? c->facts.escalate_ms : p->sign_ms;
        return true;
    case HANDLING_SIGNED:
        *out_from = c->signed_at;
        *out_ms = p->feedback_ms;
        return true;
    case HANDLING_CONFIRMED:
    case HANDLING_INTERCEPTING:
        *out_from = c->answered_at;
        *out_ms = p->feedback_ms;
        return true;
    case HANDLING_REPORTED:
        *out_from = c->opened;
        *out_ms = p->close_ms;
        return true;
    case HANDLING_REJECTED:
    case HANDLING_CLOSED:
    case HANDLING_STAGE_COUNT:
        break;
    }
    return false;
}

/* A rule that calls the leader at once does not call headquarters in the same breath. */
static int64_t again_ms(const struct handling_policy *p, int64_t term_ms)
{
    return p->again_ms > 0 ? p->again_ms : term_ms > 0 ? term_ms : p->sign_ms;
}

bool handling_due(const struct handling_case *c, const struct handling_policy *policy,
                  struct handling_when *out)
{
    struct handling_when from;
    int64_t ms;
    if (!term_of(c, policy, &from, &ms)) {
        return false;
    }
    *out = later(from, ms);
    return true;
}

struct mono_time handling_next_look(const struct handling_case *c,
                                    const struct handling_policy *policy)
{
    struct handling_when from;
    int64_t ms;
    if (c->overdue == HANDLING_OVERDUE_HQ || !term_of(c, policy, &from, &ms)) {
        return (struct mono_time){INT64_MAX};
    }
    return mono_add_ms(from.mono, c->overdue == HANDLING_IN_TIME ? ms : ms + again_ms(policy, ms));
}

bool handling_look(struct handling_case *c, const struct handling_policy *policy,
                   struct mono_time now)
{
    enum handling_overdue before = c->overdue;
    while (c->overdue != HANDLING_OVERDUE_HQ && !mono_before(now, handling_next_look(c, policy))) {
        c->overdue = c->overdue == HANDLING_IN_TIME ? HANDLING_OVERDUE_LEADER : HANDLING_OVERDUE_HQ;
    }
    return c->overdue != before;
}
