/* See pair.h. */
#include "gateway/console/pair.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/tls/pairing.h"

static const struct answer_words wrong_code = {
    "not_found", "no such code, or it was used, or it is older than 15 minutes",
    "配对码无效、已使用或已超过 15 分钟"};
static const struct answer_words too_many_codes = {"busy",
                                                   "too many wrong codes: pairing waits 15 minutes",
                                                   "错误的配对码过多，15 分钟内暂停配对"};

/* Guessing is slow for all of them together: there is one box and seldom a tablet. */
static bool may_try(struct console *console)
{
    struct mono_time now = clock_mono(&clock_system);
    if (!mono_before(now, console->pair_window_end)) {
        console->pair_window_end = mono_add_ms(now, (int64_t)PAIRING_LIFE_S * 1000);
        console->pair_tries = 0;
    }
    return console->pair_tries < PAIR_TRIES_MAX;
}

void handle_post_pair(struct exchange *x, const char *path)
{
    struct console *console = x->console;
    const char *code = json_string_value(json_object_get(x->body, "code"));
    uint8_t *bundle = NULL;
    size_t size = 0;
    (void)path; /* known */
    if (!may_try(console)) {
        exchange_refuse(x, 429, EVENT_CONSOLE_PAIR_REFUSED, &too_many_codes);
        return;
    }
    if (!code || pairing_take(console->options.pair_dir, code, clock_wall(&clock_system), &bundle,
                              &size) != 0) {
        console->pair_tries++;
        exchange_refuse(x, 404, EVENT_CONSOLE_PAIR_REFUSED, &wrong_code);
        return;
    }
    log_event(EVENT_CONSOLE_PAIRED, "address=%s", x->address);
    answer_headers(x->http, "application/x-pkcs12", false);
    answer_header(x->http, "Content-Disposition", "attachment; filename=\"tablet.p12\"");
    answer_bytes(x->http, 200, "application/x-pkcs12", bundle, size);
    explicit_bzero(bundle, size);
    free(bundle);
    exchange_end(x);
}

void pair_tick(struct console *console)
{
    enum { SWEEP_MS = 60000 };
    struct mono_time now = clock_mono(&clock_system);
    if (console->pair.http == NULL || mono_before(now, console->pair_sweep_due))
        return;
    console->pair_sweep_due = mono_add_ms(now, SWEEP_MS);
    pairing_sweep(console->options.pair_dir, clock_wall(&clock_system));
}
