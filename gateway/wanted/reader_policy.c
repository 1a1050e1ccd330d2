/*
 * The reader's match policy: taken from Redis when it verifies and is newer, kept beside the list,
 * handed to the caller. An older, other or altered one changes nothing but the alarm.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/wanted/keys.h"
#include "gateway/wanted/reader_state.h"

static void keep(struct wanted_reader *r)
{
    struct err_text why = {{0}};
    if (policy_keep(&r->policy, &r->shelf, &why) < 0) {
        alarms_raise(&r->alarms, EVENT_WANTED_FILE_UNWRITTEN, why.text);
    }
}

void reader_tell_policy(struct wanted_reader *r)
{
    if (!r->policy.policy || !r->owes_policy || !r->options.policy_changed) {
        return;
    }
    /* Out of memory: tried again with the next look. */
    r->owes_policy = r->options.policy_changed(r->options.ctx, r->policy.policy) < 0;
}

void reader_load_policy(struct wanted_reader *r, const struct root_keys *roots)
{
    struct err_text why = {{0}};
    int result = policy_load(&r->policy, &r->shelf, roots, &why);
    alarms_set(&r->alarms, EVENT_WANTED_POLICY_REFUSED, result < 0, why.text);
    r->owes_policy = r->policy.policy != NULL;
}

int reader_look_policy(struct wanted_reader *r, struct err_text *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool taken = false;
    struct err_text why = {{0}};
    keep(r);
    int result = link_get(&r->link, KEY_POLICY, ENVELOPE_SIZE_MAX, &bytes, &size, &why);
    if (result == ERR_NOT_FOUND) {
        return ERR_OK; /* uplinkd writes it again when there is one */
    }
    if (result != ERR_OK && result != ERR_TOO_LARGE && result != ERR_CORRUPT) {
        return err_set(err, result, "%s", why.text);
    }
    if (result == ERR_OK) {
        result = policy_take(&r->policy, wanted_list_keyset(r->list), bytes, size, &taken, &why);
    }
    free(bytes);
    if (result == ERR_NO_MEMORY) {
        return err_set(err, result, "%s", why.text);
    }
    /* Without a key set nothing is refused for what it says. */
    alarms_set(&r->alarms, EVENT_WANTED_POLICY_REFUSED, result < 0 && result != ERR_NOT_FOUND,
               why.text);
    if (taken) {
        r->owes_policy = true;
        keep(r);
    }
    return ERR_OK;
}
