/* See quota.h. */
#include "gateway/control/quota.h"

#include <string.h>

void quota_note(struct quota *quota, const struct quota_use *use)
{
    quota->uses[quota->next] = *use;
    quota->next = (quota->next + 1) % QUOTA_USES_MAX;
    if (quota->count < QUOTA_USES_MAX)
        quota->count++;
}

static bool is_like(const struct quota_use *use, const struct quota_use *like,
                    struct wall_time since)
{
    return use->kind == like->kind && use->about == like->about && use->at.ms >= since.ms &&
           (like->officer[0] == '\0' || strcmp(use->officer, like->officer) == 0);
}

/* The use that was made `back` uses ago, 1 = the last. */
static const struct quota_use *use_of(const struct quota *quota, size_t back)
{
    return &quota->uses[(quota->next + QUOTA_USES_MAX - back) % QUOTA_USES_MAX];
}

bool quota_within(const struct quota *quota, const struct quota_use *like, struct wall_time since,
                  size_t max, struct wall_time *out_oldest)
{
    struct wall_time oldest = {INT64_MAX};
    struct wall_time oldest_of_all = {INT64_MAX};
    size_t found = 0;
    for (size_t back = 1; back <= quota->count; back++) {
        const struct quota_use *use = use_of(quota, back);
        if (use->at.ms < oldest_of_all.ms)
            oldest_of_all = use->at;
        if (found < max && is_like(use, like, since)) {
            found++;
            if (use->at.ms < oldest.ms)
                oldest = use->at;
        }
    }
    bool full = since.ms > 0 && quota->count == QUOTA_USES_MAX && oldest_of_all.ms >= since.ms;
    if (found < max && !full)
        return true;
    *out_oldest = found >= max ? oldest : oldest_of_all;
    return false;
}
