/* See tablets.h. */
#include "gateway/console/tablets.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/console/lines.h"

struct tablet {
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    char name[FEED_TABLET_SIZE];
};

struct tablets {
    struct tablets_options options;
    struct relay_call *call;
    struct mono_time ask_due;
    struct lines watch;
    bool watching;              /* it was answered: the list is as checkpointd has it */
    struct mono_time watch_due; /* the next try, or by when it is answered */
    struct tablet list[TABLETS_MAX];
    size_t count;
    bool known; /* checkpointd told the list, since this program started */
};

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

/* False: it is none, as a refusal is; the list before stays. */
static bool take_list(struct tablets *tablets, const char *text, size_t size)
{
    json_t *object = NULL;
    const json_t *one;
    size_t i;
    if (json_parse(text, size, &object, NULL) != 0)
        return false;
    const json_t *list = json_object_get(object, "tablets");
    bool is_list = json_is_array(list);
    if (is_list) {
        tablets->count = 0;
        tablets->known = true;
    }
    json_array_foreach(list, i, one)
    {
        if (tablets->count < TABLETS_MAX && take_one(one, &tablets->list[tablets->count]))
            tablets->count++;
    }
    json_decref(object);
    return is_list;
}

/* ---- told ---- */

static void stop_watching(struct tablets *tablets)
{
    lines_close(&tablets->watch);
    tablets->watching = false;
    tablets->watch_due = mono_add_ms(clock_mono(&clock_system), TABLETS_AGAIN_MS);
}

static void on_lost(void *ctx)
{
    stop_watching(ctx);
}

static void on_line(void *ctx, const char *line, size_t size)
{
    struct tablets *tablets = ctx;
    tablets->watching = take_list(tablets, line, size);
    if (!tablets->watching)
        stop_watching(tablets);
}

static const struct lines_ops ops = {.line = on_line, .lost = on_lost};

static void watch(struct tablets *tablets, struct mono_time now)
{
    const struct tablets_options *o = &tablets->options;
    if (tablets->watching || mono_before(now, tablets->watch_due))
        return;
    stop_watching(tablets); /* no answer in time */
    if (lines_open(&tablets->watch, o->base, o->events_path,
                   json_pack("{s:s,s:s}", "do", "watch_tablets", "tablet", "")) == 0)
        tablets->watch_due = mono_add_ms(now, TABLETS_WAIT_MS);
}

/* ---- asked ---- */

static void on_answer(void *ctx, const struct relay_answer *answer)
{
    struct tablets *tablets = ctx;
    tablets->call = NULL;
    /* One that is told is newer than this may be. */
    if (answer->rc == 0 && answer->ok && !tablets->watching)
        (void)take_list(tablets, answer->result, answer->size); /* none such is written */
    if (!tablets->known)
        tablets->ask_due = clock_mono(&clock_system); /* nobody gets in before */
    if (answer->rc == 0 || answer->rc == ERR_TIMEOUT)
        tablets->options.hung(tablets->options.ctx, answer->rc == ERR_TIMEOUT);
}

void tablets_tick(struct tablets *tablets)
{
    struct mono_time now = clock_mono(&clock_system);
    watch(tablets, now);
    if (tablets->call || mono_before(now, tablets->ask_due))
        return;
    tablets->ask_due = mono_add_ms(now, TABLETS_ASK_MS);
    tablets->call =
        relay_ask(tablets->options.relay, json_pack("{s:s,s:s}", "do", "tablets", "tablet", ""),
                  TABLETS_WAIT_MS, true, on_answer, tablets);
}

bool tablets_known(const struct tablets *tablets)
{
    return tablets->known;
}

bool tablets_find(struct tablets *tablets, const uint8_t fingerprint[TLS_FINGERPRINT_SIZE],
                  char out_name[FEED_TABLET_SIZE])
{
    lines_read(&tablets->watch);
    for (size_t i = 0; i < tablets->count; i++)
        if (memcmp(tablets->list[i].fingerprint, fingerprint, TLS_FINGERPRINT_SIZE) == 0) {
            memcpy(out_name, tablets->list[i].name, FEED_TABLET_SIZE);
            return true;
        }
    return false;
}

/* ---- life ---- */

int tablets_create(const struct tablets_options *options, struct tablets **out)
{
    struct tablets *tablets = calloc(1, sizeof *tablets);
    if (!tablets)
        return ERR_NO_MEMORY;
    tablets->options = *options;
    lines_init(&tablets->watch, &ops, tablets);
    *out = tablets;
    return 0;
}

void tablets_destroy(struct tablets *tablets)
{
    if (!tablets)
        return;
    if (tablets->call)
        relay_cancel(tablets->call);
    lines_fini(&tablets->watch);
    free(tablets);
}
