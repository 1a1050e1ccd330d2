/* See asking.h. */
#include "gateway/control/asking.h"

#include <string.h>

bool asking_too_much(struct asking *asking, const char *officer, int max, struct mono_time now)
{
    int at = -1;
    for (int i = 0; i < TOKENS_MAX; i++) {
        bool idle = asking->rows[i].officer[0] == '\0' || !mono_before(now, asking->rows[i].done);
        if (strcmp(asking->rows[i].officer, officer) == 0) {
            at = i;
            break;
        }
        at = at < 0 && idle ? i : at;
    }
    if (at < 0)
        return true;
    struct mono_time *done = &asking->rows[at].done;
    if (strcmp(asking->rows[at].officer, officer) != 0 || mono_before(*done, now)) {
        memcpy(asking->rows[at].officer, officer, strlen(officer) + 1);
        *done = now;
    }
    if (mono_diff_ms(*done, now) > (int64_t)(max - 1) * ASKED_EVERY_MS)
        return true;
    *done = mono_add_ms(*done, ASKED_EVERY_MS);
    return false;
}
