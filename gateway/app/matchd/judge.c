/*
 * The judgement of matches: made from the match policy of headquarters, or from what is built in
 * without one, and made anew when the traffic it is measured by has changed. The list thread alone
 * replaces it; capture, reads and link judge by it under RCU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/matchd/matchd.h"

_Static_assert((int)TRAFFIC_HOURS *(int)TRAFFIC_HOUR_ORDINARY == (int)MATCH_VEHICLES_DEFAULT,
               "ordinary traffic is what judgement takes for it");

static uint32_t traffic_of(const struct judging *j)
{
    return j->stated > 0 ? j->stated : traffic_of_shift(&j->traffic);
}

static int make_judge(const struct judging *j, const struct policy_status *status,
                      struct match_judge **out, struct err_text *err)
{
    const struct match_operating_point point = {.false_alerts = status->false_alerts,
                                                .vehicles = status->traffic};
    return match_judge_create((const struct match_channel *const *)j->channels, j->channel_count,
                              &point, out, err);
}

/* Puts a judgement in force that goes by `status`, its traffic as it is now. */
static int put_in_force(struct matchd *m, struct policy_status *status, struct err_text *err)
{
    struct judging *j = &m->judging;
    struct in_force *next = in_force_next(&m->in_force);
    status->traffic = traffic_of(j);
    status->traffic_stated = j->stated > 0;
    int result = next ? make_judge(j, status, &next->judge, err)
                      : err_set(err, ERR_NO_MEMORY, "judgement: no memory");
    if (result != 0) {
        free(next);
        return result;
    }
    if (!next->index) { /* one that is there is built anew by the list's next look */
        next->look_alike_max = status->look_alike_max;
    }
    in_force_publish(&m->in_force, next);
    pthread_mutex_lock(&m->judging.lock);
    j->status = *status;
    pthread_mutex_unlock(&m->judging.lock);
    /* Pairs with the load of send_policy_change(). */
    atomic_fetch_add_explicit(&m->policy_changes, 1, memory_order_release);
    return 0;
}

int matchd_judge_begin(struct matchd *m, struct err_text *err)
{
    struct judging *j = &m->judging;
    struct policy_status built_in = {.false_alerts = MATCH_FALSE_ALERTS_DEFAULT,
                                     .look_alike_max = MATCH_LOOK_ALIKE_DEFAULT};
    traffic_init(&j->traffic, 0, clock_mono(&clock_system));
    return put_in_force(m, &built_in, err);
}

/* ---- a policy ---- */

static void free_channels(struct match_channel **channels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        channel_destroy(channels[i]);
    }
}

/* Takes the policy's channels in place of those held, all or none. The reader has parsed them once:
 * what fails now is memory. */
static int take_channels(struct judging *j, const struct match_policy *policy,
                         struct policy_status *status, struct err_text *err)
{
    struct match_channel *channels[CHANNEL_ALPHABETS];
    size_t count = 0;
    size_t used = 0;
    for (size_t i = 0; i < policy->channel_count && count < CHANNEL_ALPHABETS; i++) {
        const struct match_policy_channel *row = &policy->channels[i];
        int result = channel_parse(row->text, row->size_bytes, &channels[count], err);
        if (result != 0) {
            free_channels(channels, count);
            return result;
        }
        count++;
        int more = snprintf(status->channels + used, sizeof(status->channels) - used, "%s%s",
                            used > 0 ? " " : "", row->alphabet);
        used += more > 0 && (size_t)more < sizeof(status->channels) - used ? (size_t)more : 0;
    }
    free_channels(j->channels, j->channel_count);
    for (j->channel_count = 0; j->channel_count < count; j->channel_count++) {
        j->channels[j->channel_count] = channels[j->channel_count];
    }
    return 0;
}

int matchd_judge_policy(void *matchd, const struct match_policy *policy)
{
    struct matchd *m = matchd;
    struct err_text err;
    struct policy_status status = {.version = policy->version,
                                   .signed_at = policy->time,
                                   .false_alerts = policy->false_alerts,
                                   .look_alike_max = policy->look_alike_max};
    memcpy(status.hash, policy->hash, sizeof(status.hash));
    int result = take_channels(&m->judging, policy, &status, &err);
    if (result != 0) {
        return result;
    }
    m->judging.stated = policy->traffic;
    return put_in_force(m, &status, &err);
}

/* ---- traffic ---- */

/* Far enough from what is in force that it matters. */
static bool moved(uint32_t from, uint32_t to)
{
    uint32_t apart = from > to ? from - to : to - from;
    return apart > from / 10;
}

void matchd_judge_look(struct matchd *m, struct mono_time now)
{
    struct judging *j = &m->judging;
    struct err_text err;
    struct policy_status status = j->status; /* this thread alone writes it */
    traffic_look(&j->traffic, atomic_load_explicit(&m->reads_vouched, memory_order_relaxed), now);
    if (moved(status.traffic, traffic_of(j))) {
        /* Without memory the old one stays in force and the next look tries again. */
        (void)!put_in_force(m, &status, &err);
    }
}

void matchd_judge_fill(struct matchd *m, struct policy_status *out)
{
    pthread_mutex_lock(&m->judging.lock);
    *out = m->judging.status;
    pthread_mutex_unlock(&m->judging.lock);
}

void matchd_judge_end(struct matchd *m)
{
    free_channels(m->judging.channels, m->judging.channel_count);
}
