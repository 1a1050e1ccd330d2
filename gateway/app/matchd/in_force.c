/*
 * See in_force.h. State: the object behind the slot.
 */
#include "gateway/app/matchd/in_force.h"

#include <stdlib.h>

#include "gateway/base/rcu.h"

enum {
    ROOM_MIN = 16384, /* entries a list may grow by before its index is built anew … */
    ROOM_PART = 8     /* … or this part of it */
};

struct in_force *in_force_next(void *const *slot)
{
    struct in_force *next = calloc(1, sizeof(*next));
    const struct in_force *now = *slot; /* this thread alone replaces it */
    if (next && now) {
        *next = *now;
    } else if (next) {
        next->look_alike_max = MATCH_LOOK_ALIKE_DEFAULT;
    }
    return next;
}

void in_force_publish(void **slot, struct in_force *next)
{
    struct in_force *old = rcu_publish(slot, next);
    rcu_wait();
    if (old && old->index != next->index) {
        match_index_destroy(old->index);
    }
    if (old && old->observed != next->observed) {
        match_index_destroy(old->observed);
    }
    if (old && old->judge != next->judge) {
        match_judge_destroy(old->judge);
    }
    free(old);
}

void in_force_destroy(void **slot)
{
    struct in_force *now = *slot;
    if (now) {
        match_index_destroy(now->index);
        match_index_destroy(now->observed);
        match_judge_destroy(now->judge);
    }
    free(now);
    *slot = NULL;
}

static bool is_matched(const struct wanted_entry *entry)
{
    return entry->match.record.handling != HANDLING_OBSERVE;
}

static bool is_self_test(const struct wanted_entry *entry)
{
    return entry->match.record.category == CATEGORY_SELF_TEST;
}

/* ---- a new index ---- */

static size_t room_for(size_t count)
{
    size_t room = count / ROOM_PART > ROOM_MIN ? count / ROOM_PART : ROOM_MIN;
    size_t left = count < MATCH_ENTRIES_MAX ? MATCH_ENTRIES_MAX - count : 0;
    return room < left ? room : left;
}

/* Of those that are matched, or of those that are only observed. */
static int build(const struct wanted_list *list, bool matched, uint8_t look_alike_max,
                 struct match_index **out, size_t *out_self_tests, struct err_text *err)
{
    const struct match_entry **rows =
        malloc((wanted_list_count(list) + 1) * sizeof(const struct match_entry *));
    struct wanted_cursor cursor = {0};
    const struct wanted_entry *entry;
    size_t count = 0;
    size_t self_tests = 0;
    if (!rows) {
        return err_set(err, ERR_NO_MEMORY, "index: no memory");
    }
    while ((entry = wanted_list_next(list, &cursor))) {
        if (is_matched(entry) == matched) {
            rows[count++] = &entry->match;
            self_tests += is_self_test(entry);
        }
    }
    const struct match_options options = {.look_alike_max = look_alike_max,
                                          .room = matched ? room_for(count) : 0};
    int result = 0;
    if (matched || count > 0) {
        result = match_index_create(rows, count, &options, out, err);
    }
    free(rows);
    if (matched) {
        *out_self_tests = self_tests;
    }
    return result;
}

/* Takes `next` over: published with a new index, or freed. */
static int publish_rebuilt(void **slot, const struct wanted_list *list, struct in_force *next,
                           struct err_text *err)
{
    next->index = NULL;
    next->observed = NULL;
    int result = build(list, true, next->look_alike_max, &next->index, &next->self_tests, err);
    if (result == 0) {
        result = build(list, false, next->look_alike_max, &next->observed, &next->self_tests, err);
    }
    if (result != 0) {
        match_index_destroy(next->index);
        free(next);
        return result;
    }
    in_force_publish(slot, next);
    return 0;
}

static int rebuild(void **slot, const struct wanted_list *list, const struct list_status *status,
                   uint8_t look_alike_max, struct err_text *err)
{
    struct in_force *next = in_force_next(slot);
    if (!next) {
        return err_set(err, ERR_NO_MEMORY, "index: no memory");
    }
    next->status = *status;
    next->look_alike_max = look_alike_max;
    return publish_rebuilt(slot, list, next, err);
}

int in_force_look_alike(void **slot, const struct wanted_list *list, uint8_t look_alike_max,
                        struct err_text *err)
{
    struct in_force *next = in_force_next(slot);
    if (!next) {
        return err_set(err, ERR_NO_MEMORY, "index: no memory");
    }
    if (next->index && next->status.revision != wanted_list_head(list)->revision) {
        free(next); /* of changes that are not settled the list frees an added entry any time */
        return err_set(err, ERR_BUSY, "index: the list has changes that are not in force");
    }
    bool same = next->look_alike_max == look_alike_max;
    next->look_alike_max = look_alike_max;
    if (!same && next->index) {
        return publish_rebuilt(slot, list, next, err);
    }
    if (same) {
        free(next);
    } else {
        in_force_publish(slot, next);
    }
    return 0;
}

/* ---- the running index ---- */

/* One that is there no more went with an earlier try: see withdraw_gone. */
static void withdraw(struct match_index *index, const struct wanted_entry *entry)
{
    if (is_matched(entry)) {
        int taken = match_index_withdraw(index, &entry->match);
        (void)taken;
    }
}

/* Of `count` entries that were added, none stays. */
static void take_back(struct match_index *index, const struct wanted_entry *const *added,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        withdraw(index, added[i]);
    }
    rcu_wait();
    match_index_reclaim(index);
}

static int bring_in(struct match_index *index, const struct wanted_changes *changes,
                    struct err_text *err)
{
    size_t added = 0;
    int result = 0;
    while (added < changes->added_count && result == 0) {
        const struct wanted_entry *entry = changes->added[added];
        result = is_matched(entry) ? match_index_add(index, &entry->match, err) : 0;
        added += result == 0;
    }
    if (result == 0 && changes->added_count > 0 && changes->withdrawn_count > 0) {
        rcu_wait(); /* else a reader might pass by both versions of a changed entry */
    }
    for (size_t i = 0; i < changes->withdrawn_count && result == 0; i++) {
        withdraw(index, changes->withdrawn[i]);
    }
    if (result != 0) {
        take_back(index, changes->added, added);
    }
    return result;
}

static bool touches_observed(const struct wanted_changes *changes)
{
    for (size_t i = 0; i < changes->added_count; i++) {
        if (!is_matched(changes->added[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < changes->withdrawn_count; i++) {
        if (!is_matched(changes->withdrawn[i])) {
            return true;
        }
    }
    return false;
}

static void count_self_tests(struct in_force *next, const struct wanted_changes *changes)
{
    for (size_t i = 0; i < changes->added_count; i++) {
        next->self_tests += is_self_test(changes->added[i]);
    }
    for (size_t i = 0; i < changes->withdrawn_count; i++) {
        next->self_tests -= is_self_test(changes->withdrawn[i]);
    }
}

static int update(void **slot, const struct wanted_list *list, const struct wanted_changes *changes,
                  const struct list_status *status, struct err_text *err)
{
    struct in_force *next = in_force_next(slot);
    const struct match_index *observed = next ? next->observed : NULL;
    if (!next) {
        return err_set(err, ERR_NO_MEMORY, "index: no memory");
    }
    int result = next->index ? 0 : err_set(err, ERR_NOT_FOUND, "index: none to change");
    if (result == 0 && touches_observed(changes)) {
        next->observed = NULL;
        result = build(list, false, next->look_alike_max, &next->observed, &next->self_tests, err);
    }
    if (result == 0) {
        result = bring_in(next->index, changes, err);
    }
    if (result != 0) {
        if (next->observed != observed) {
            match_index_destroy(next->observed);
        }
        free(next);
        return result;
    }
    next->status = *status;
    count_self_tests(next, changes);
    in_force_publish(slot, next);
    match_index_reclaim(next->index);
    return 0;
}

/* Whoever headquarters withdrew is stopped by nobody, also while what came with it cannot be
 * brought in. The old version of a changed entry stays until the new one is there. */
static void withdraw_gone(void *const *slot, const struct wanted_list *list)
{
    const struct in_force *now = *slot;
    struct wanted_changes changes;
    wanted_list_changes(list, &changes);
    for (size_t i = 0; now && now->index && !changes.whole && i < changes.withdrawn_count; i++) {
        const struct wanted_entry *old = changes.withdrawn[i];
        const struct wanted_entry *next = wanted_list_find(list, old->match.record.id);
        if (!next || !is_matched(next)) {
            withdraw(now->index, old);
        }
    }
    if (now && now->index && match_index_retire_count(now->index) > 0) {
        rcu_wait();
        match_index_reclaim(now->index);
    }
}

int in_force_change(void **slot, const struct wanted_list *list,
                    const struct wanted_changes *changes, const struct list_status *status,
                    uint8_t look_alike_max, bool *out_rebuilt, struct err_text *err)
{
    int result = changes->whole ? rebuild(slot, list, status, look_alike_max, err)
                                : update(slot, list, changes, status, err);
    *out_rebuilt = changes->whole;
    if (result != 0 && changes->whole) {
        withdraw_gone(slot, list);
    }
    if (result == 0 && !changes->whole &&
        match_index_worn(((const struct in_force *)*slot)->index)) {
        /* The worn one is right, only slower: without memory it goes on, until the next change. */
        *out_rebuilt = rebuild(slot, list, status, look_alike_max, NULL) == 0;
    }
    return result;
}
