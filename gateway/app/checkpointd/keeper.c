/*
 * See keeper.h. Control thread, keeper_load before the threads.
 */
#include "gateway/app/checkpointd/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file.h"

/* When it changes: uplinkd offers one that was refused again with every connection. */
static void alarm_refused(struct checkpointd *c, struct keeper *k, int result,
                          const struct err_text *why)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    if ((result != 0) == k->refused) {
        return;
    }
    k->refused = result != 0;
    event.u.alarm.active = k->refused;
    event.u.alarm.event = k->ops->refused;
    snprintf(event.u.alarm.detail, sizeof(event.u.alarm.detail), "%.199s",
             result != 0 ? why->text : ""); /* a cut reason still reads */
    lane_post(c, &event);
}

/* Takes over `bytes`. */
static void hold(struct keeper *k, const struct keeper_number *number, char *bytes, size_t size)
{
    free(k->bytes);
    k->bytes = bytes;
    k->size = size;
    k->held = *number;
}

static int verify(const struct keeper *k, const struct keyset *set, const char *text, size_t size,
                  void **out, struct keeper_number *out_number, struct err_text *err)
{
    return set ? k->ops->verify(set, text, size, out, out_number, err)
               : err_set(err, ERR_DENIED, "%s: no key set yet", k->ops->what);
}

/* A verified one: stored, then in force. ERR_NOT_FOUND: it is the one held already. */
static int take(struct checkpointd *c, struct keeper *k, void *statement,
                const struct keeper_number *number, const char *text, size_t size,
                struct err_text *err)
{
    int result = k->ops->check_newer(c, &k->held, statement, err);
    char *bytes = result == 0 ? malloc(size) : NULL;
    if (result == 0 && !bytes) {
        result = err_set(err, ERR_NO_MEMORY, "%s: no memory", k->ops->what);
    }
    if (result == 0) {
        result = file_write_atomic(k->path, text, size, 0600, err);
    }
    if (result != 0) {
        free(bytes);
        return result;
    }
    memcpy(bytes, text, size);
    hold(k, number, bytes, size);
    k->ops->put_in_force(c, statement);
    return 0;
}

int keeper_offer(struct checkpointd *c, struct keeper *k, const struct keyset *set,
                 const char *text, size_t size, struct err_text *err)
{
    void *statement = NULL;
    struct keeper_number number;
    int result = verify(k, set, text, size, &statement, &number, err);
    if (result == 0) {
        result = take(c, k, statement, &number, text, size, err);
        if (result != 0) {
            k->ops->drop(statement);
        }
    }
    result = result == ERR_NOT_FOUND ? 0 : result;
    alarm_refused(c, k, result, err);
    return result;
}

void keeper_rejudge(struct checkpointd *c, struct keeper *k, const struct keyset *set)
{
    struct err_text why = {{0}};
    void *statement = NULL;
    struct keeper_number number;
    if (!k->bytes) {
        return;
    }
    int result = verify(k, set, k->bytes, k->size, &statement, &number, &why);
    if (result == 0) {
        k->ops->drop(statement); /* the one in force says the same */
        return;
    }
    if (!k->ops->stays_in_force) {
        free(k->bytes);
        k->bytes = NULL;
        k->held = (struct keeper_number){0}; /* the journal still knows how new the next must be */
        k->ops->put_in_force(c, NULL);
    }
    alarm_refused(c, k, result, &why);
}

void keeper_load(struct checkpointd *c, struct keeper *k, const struct keeper_ops *ops,
                 const struct keyset *set)
{
    struct err_text why = {{0}};
    struct err_text no_matter;
    void *statement = NULL;
    struct keeper_number number;
    uint8_t *text = NULL;
    size_t size = 0;
    k->ops = ops;
    (void)snprintf(k->path, sizeof(k->path), "%s/%s", c->config.state_dir, ops->file); /* fits */
    int result = file_read(k->path, ENVELOPE_SIZE_MAX, &text, &size, &why);
    bool none = result == ERR_NOT_FOUND; /* yet: the first comes from headquarters */
    if (result == 0) {
        result = verify(k, set, (const char *)text, size, &statement, &number, &why);
    }
    bool usable = result == 0 ||
                  (text && ops->reread &&
                   ops->reread(c, (const char *)text, size, &statement, &number, &no_matter) == 0);
    if (usable) {
        hold(k, &number, (char *)text, size);
        ops->put_in_force(c, statement);
    } else {
        free(text);
        if (ops->none_at_start) {
            ops->none_at_start(c, NULL);
        }
    }
    if (result != 0 && !none) {
        alarm_refused(c, k, result, &why);
    }
}

void keeper_fini(struct keeper *k)
{
    free(k->bytes);
    *k = (struct keeper){.refused = false};
}
