/*
 * The exempt list on its way to the lanes: verified by this box's own key set, never an older one,
 * kept as signed in one file and judged anew at every start and under every new key set. Control
 * thread, exempt_load before the threads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/exempt.h"
#include "gateway/base/file.h"

/* When it changes: uplinkd offers one that was refused again with every connection. */
static void alarm_refused(struct checkpointd *c, struct exempt_keeper *k, int result,
                          const struct err_text *why)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    if ((result != 0) == k->refused) {
        return;
    }
    k->refused = result != 0;
    event.u.alarm.active = k->refused;
    event.u.alarm.event = EVENT_EXEMPT_REFUSED;
    snprintf(event.u.alarm.detail, sizeof(event.u.alarm.detail), "%.199s",
             result != 0 ? why->text : ""); /* a cut reason still reads */
    lane_post(c, &event);
}

static void post(struct checkpointd *c, struct exempt_list *list)
{
    if (list) {
        exempt_list_narrow(list, c->config.checkpoint);
    }
    lane_post(c, &(struct pipeline_event){.kind = PIPELINE_EXEMPT, .u.exempt = list});
}

/* Takes over `list` and `bytes`. */
static void hold(struct exempt_keeper *k, const struct exempt_list *list, char *bytes, size_t size)
{
    free(k->bytes);
    k->bytes = bytes;
    k->size = size;
    k->head = (struct exempt_list){.revision = list->revision};
    memcpy(k->head.hash, list->hash, sizeof(k->head.hash));
}

static int verify(const struct keyset *set, const char *text, size_t size, struct exempt_list **out,
                  struct err_text *err)
{
    struct exempt_list *list = calloc(1, sizeof(*list));
    int result = !list  ? err_set(err, ERR_NO_MEMORY, "exempt list: no memory")
                 : !set ? err_set(err, ERR_DENIED, "exempt list: no key set yet")
                        : exempt_list_verify(set, text, size, list, err);
    if (result != 0) {
        free(list);
        return result;
    }
    *out = list;
    return 0;
}

/* A verified one: stored, then in force. ERR_NOT_FOUND: it is the one held already. */
static int take(struct checkpointd *c, struct exempt_keeper *k, struct exempt_list *list,
                const char *text, size_t size, struct err_text *err)
{
    const struct exempt_list *held = k->head.revision > 0 ? &k->head : NULL;
    int result = exempt_list_check_newer(held, list, err);
    char *bytes = result == 0 ? malloc(size) : NULL;
    if (result == 0 && !bytes) {
        result = err_set(err, ERR_NO_MEMORY, "exempt list: no memory");
    }
    if (result == 0) {
        result = file_write_atomic(k->path, text, size, 0600, err);
    }
    if (result != 0) {
        free(bytes);
        return result;
    }
    memcpy(bytes, text, size);
    hold(k, list, bytes, size);
    post(c, list);
    return 0;
}

int exempt_offer(struct checkpointd *c, struct exempt_keeper *k, const struct keyset *set,
                 const char *text, size_t size, struct err_text *err)
{
    struct exempt_list *list = NULL;
    int result = verify(set, text, size, &list, err);
    if (result == 0) {
        result = take(c, k, list, text, size, err);
    }
    if (result != 0 && list) {
        exempt_list_fini(list);
        free(list);
    }
    result = result == ERR_NOT_FOUND ? 0 : result;
    alarm_refused(c, k, result, err);
    return result;
}

void exempt_rejudge(struct checkpointd *c, struct exempt_keeper *k, const struct keyset *set)
{
    struct err_text why = {{0}};
    struct exempt_list *list = NULL;
    if (!k->bytes) {
        return;
    }
    int result = verify(set, k->bytes, k->size, &list, &why);
    if (result == 0) {
        exempt_list_fini(list); /* the one in force says the same */
        free(list);
        return;
    }
    free(k->bytes);
    k->bytes = NULL;
    k->head = (struct exempt_list){0}; /* the journal still knows how new the next must be */
    post(c, NULL);
    alarm_refused(c, k, result, &why);
}

void exempt_load(struct checkpointd *c, struct exempt_keeper *k, const struct keyset *set)
{
    struct err_text why = {{0}};
    struct exempt_list *list = NULL;
    uint8_t *text = NULL;
    size_t size = 0;
    (void)snprintf(k->path, sizeof(k->path), "%s/exempt-list.json", c->config.state_dir); /* fits */
    int result = file_read(k->path, ENVELOPE_SIZE_MAX, &text, &size, &why);
    if (result == ERR_NOT_FOUND) {
        return; /* none yet: the first comes from headquarters */
    }
    if (result == 0) {
        result = verify(set, (const char *)text, size, &list, &why);
    }
    if (result == 0) {
        hold(k, list, (char *)text, size);
        post(c, list);
    } else {
        free(text);
        alarm_refused(c, k, result, &why);
    }
}

void exempt_fini(struct exempt_keeper *k)
{
    free(k->bytes);
    *k = (struct exempt_keeper){.refused = false};
}
