/* See barrier.h: what the watch over a lane's inputs says. */
#include "gateway/app/checkpointctl/barrier.h"

#include <string.h>

#include "gateway/base/clock.h"

enum { LOOK_MS = 50 };

int barrier_look(struct barrier *b)
{
    json_t *about = NULL;
    int status =
        ctl_ask(b->ctl, "test_watch", json_pack("{s:I}", "lane", (json_int_t)b->lane), &about);
    if (status == 0) {
        json_decref(b->about);
        b->about = about;
    }
    return status;
}

const json_t *barrier_declared(const struct barrier *b)
{
    return json_object_get(b->about, "declared");
}

static bool has_name(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        if (strcmp(json_string_value(json_array_get(names, i)), name) == 0) {
            return true;
        }
    }
    return false;
}

bool barrier_wired(const struct barrier *b, const char *input)
{
    return has_name(json_object_get(barrier_declared(b), "inputs"), input);
}

static const json_t *edges_of(const struct barrier *b)
{
    return json_object_get(json_object_get(b->about, "watch"), "edges");
}

bool barrier_input_now(const struct barrier *b, const char *input)
{
    const json_t *edges = edges_of(b);
    size_t count = json_array_size(edges);
    const json_t *now = count > 0 ? json_array_get(edges, count - 1) : b->about;
    return has_name(json_object_get(now, "inputs"), input);
}

bool barrier_began(const struct barrier *b)
{
    return json_array_size(edges_of(b)) > 0;
}

bool barrier_was(const struct barrier *b, const char *list, const char *name)
{
    return has_name(json_object_get(json_array_get(edges_of(b), 0), list), name);
}

long long barrier_edge(const struct barrier *b, const char *list, const char *name, bool active,
                       long long after_ms)
{
    const json_t *edges = edges_of(b);
    for (size_t i = 1; i < json_array_size(edges); i++) {
        const json_t *edge = json_array_get(edges, i);
        long long ms = (long long)json_integer_value(json_object_get(edge, "ms"));
        bool before = has_name(json_object_get(json_array_get(edges, i - 1), list), name);
        if (ms > after_ms && before != active &&
            has_name(json_object_get(edge, list), name) == active) {
            return ms;
        }
    }
    return -1;
}

int barrier_await(struct barrier *b, const char *list, const char *name, bool active,
                  long long after_ms, long long ms, long long *out_ms)
{
    struct mono_time end = mono_add_ms(clock_mono(&clock_system), ms);
    for (;;) {
        int status = barrier_look(b);
        if (status != 0) {
            return status;
        }
        *out_ms = barrier_edge(b, list, name, active, after_ms);
        if (*out_ms >= 0 || !mono_before(clock_mono(&clock_system), end)) {
            return 0;
        }
        status = ctl_pause(LOOK_MS);
        if (status != 0) {
            return status;
        }
    }
}
