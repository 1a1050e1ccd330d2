/* By what matchd judges: on record when it changes, held against the newest this box has had. See
 * pipeline.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/pipeline/state.h"

static bool same_hash(const struct policy_status *a, const struct policy_status *b)
{
    return memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}

/* matchd's files may have been lost or set back: the journal remembers. */
static void compare_with_high_water(struct pipeline *p)
{
    const struct policy_status *high = &p->policy_high;
    bool behind = p->policy.version < high->version ||
                  (p->policy.version == high->version && !same_hash(&p->policy, high));
    char detail[FACT_DETAIL_SIZE];
    snprintf(detail, sizeof detail, "in force %" PRIu64 ", highest %" PRIu64, p->policy.version,
             high->version);
    if (behind != p->policy_rolled_back)
        raise_alarm(p, 0, EVENT_WANTED_POLICY_ROLLED_BACK, behind, 0, detail);
    p->policy_rolled_back = behind;
    if (p->policy.version > high->version)
        p->policy_high = p->policy;
}

void take_policy(struct pipeline *p, const struct policy_status *policy)
{
    /* The box's own count of the traffic moves every hour: told, not recorded. */
    bool other =
        !p->policy_known || policy->version != p->policy.version || !same_hash(policy, &p->policy);
    struct fact *fact = begin_fact(p, FACT_POLICY, 0);
    p->policy = *policy;
    p->policy_known = true;
    fact->u.policy = *policy;
    fact->to_journal = other;
    (void)send_fact(p);
    if (other)
        compare_with_high_water(p);
}
