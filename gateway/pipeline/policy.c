/* By what matchd judges: on record when it changes, held against the newest this box has had. See
 * pipeline.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/pipeline/fact_json.h"
#include "gateway/pipeline/state.h"

/* "latin mainland" as a list. */
static json_t *channels_body(const char *names)
{
    json_t *list = json_array();
    for (const char *at = names; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        json_array_append_new(list, json_stringn(at, size));
        at += size;
    }
    return list;
}

void policy_into(json_t *body, const struct policy_status *policy)
{
    char hash[2 * sizeof policy->hash + 1];
    json_t *value = json_object();
    hex_encode(policy->hash, sizeof policy->hash, hash);
    put_int(value, "version", (int64_t)policy->version);
    put_text(value, "hash", policy->version == 0 ? "" : hash);
    put_time(value, "signed_at", policy->signed_at);
    put_int(value, "false_alerts", policy->false_alerts);
    put_int(value, "traffic", policy->traffic);
    json_object_set_new(value, "traffic_stated", json_boolean(policy->traffic_stated));
    put_int(value, "look_alike", policy->look_alike_max);
    json_object_set_new(value, "channels", channels_body(policy->channels));
    json_object_set_new(body, "policy", value);
}

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
