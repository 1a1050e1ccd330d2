/* See tablets.h. */
#include "gateway/console/tablets.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"

struct tablet {
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    char name[FEED_TABLET_SIZE];
};

struct tablets {
    struct tablets_options options;
    struct relay_call *call;
    struct mono_time ask_due;
    struct tablet list[TABLETS_MAX];
    size_t count;
    bool known; /* checkpointd told the list, since this program started */
};

int tablets_create(const struct tablets_options *options, struct tablets **out)
{
    struct tablets *tablets = calloc(1, sizeof *tablets);
    if (!tablets)
        return ERR_NO_MEMORY;
    tablets->options = *options;
    *out = tablets;
    return 0;
}

static bool take_one(const json_t *object, struct tablet *out)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    const char *print = json_string_value(json_object_get(object, "fingerprint"));
    if (!name || !print || strlen(name) >= sizeof out->name ||
        json_is_true(json_object_get(object, "revoked")))
        return false;
    memcpy(out->name, name, strlen(name) + 1);
    return hex_decode(print, out->fingerprint, sizeof out->fingerprint) == 0;
}

static void take_list(struct tablets *tablets, const struct relay_answer *answer)
{
    json_t *result = NULL;
    const json_t *one;
    size_t i;
    if (json_parse(answer->result, answer->size, &result, NULL) != 0)
        return; /* checkpointd writes none such; the list before stays */
    tablets->count = 0;
    tablets->known = true;
    json_array_foreach(json_object_get(result, "tablets"), i, one)
    {
        if (tablets->count < TABLETS_MAX && take_one(one, &tablets->list[tablets->count]))
            tablets->count++;
    }
    json_decref(result);
}

static void on_answer(void *ctx, const struct relay_answer *answer)
{
    struct tablets *tablets = ctx;
    tablets->call = NULL;
    if (answer->rc == 0 && answer->ok)
        take_list(tablets, answer);
    if (!tablets->known)
        tablets_refresh(tablets); /* nobody gets in before */
    if (answer->rc == 0 || answer->rc == ERR_TIMEOUT)
        tablets->options.hung(tablets->options.ctx, answer->rc == ERR_TIMEOUT);
}

void tablets_tick(struct tablets *tablets)
{
    struct mono_time now = clock_mono(&clock_system);
    if (tablets->call || mono_before(now, tablets->ask_due))
        return;
    tablets->ask_due = mono_add_ms(now, TABLETS_ASK_MS);
    tablets->call =
        relay_ask(tablets->options.relay, json_pack("{s:s,s:s}", "do", "tablets", "tablet", ""),
                  TABLETS_WAIT_MS, true, on_answer, tablets);
}

void tablets_refresh(struct tablets *tablets)
{
    tablets->ask_due = clock_mono(&clock_system);
}

bool tablets_known(const struct tablets *tablets)
{
    return tablets->known;
}

bool tablets_find(const struct tablets *tablets, const uint8_t fingerprint[TLS_FINGERPRINT_SIZE],
                  char out_name[FEED_TABLET_SIZE])
{
    for (size_t i = 0; i < tablets->count; i++)
        if (memcmp(tablets->list[i].fingerprint, fingerprint, TLS_FINGERPRINT_SIZE) == 0) {
            memcpy(out_name, tablets->list[i].name, FEED_TABLET_SIZE);
            return true;
        }
    return false;
}

void tablets_destroy(struct tablets *tablets)
{
    if (!tablets)
        return;
    if (tablets->call)
        relay_cancel(tablets->call);
    free(tablets);
}
