/*
 * What reads are matched against, behind an RCU pointer, and how the list thread alters it while
 * the others match.
 *
 * A batch is brought into the running index: first what it adds, a grace period later away with
 * what it withdraws or changed, then the new revision is published; after one more grace period the
 * old slots are free. A whole list (start, snapshot), and an index that has become full or worn,
 * take a new index, which is swapped in. So a read that carries revision r
 *   - was offered every entry of r but those that the change being brought in withdraws, of a
 *     changed one the old version or the new: never neither, never both,
 *   - was offered no entry that r or an earlier revision withdrew,
 *   - may have been offered entries of the change being brought in already.
 * When no change is on its way, and after a swap, it was offered exactly r's.
 *
 * Observe entries have an index of their own, built anew whenever a change touches one: nothing
 * that is counted or told of the first index depends on them.
 */
#pragma once

#include "gateway/match/index.h"
#include "gateway/wanted/list.h"

/* Each part is replaced without the others. */
struct in_force {
    struct match_index *index;    /* NULL: no list; its entries are the list's */
    struct match_index *observed; /* of the observe entries; NULL: there is none */
    struct match_judge *judge;    /* NULL: everything is told */
    size_t self_tests;            /* entries of the self-test in `index`, by the list */
    uint8_t look_alike_max;       /* symbols a look-alike may be apart: the index is built for it */
    struct list_status status;    /* the revision a read carries */
};

/* All of it is the one writer's; others rcu_load(slot). `*slot` is NULL at first. */

/* A copy of what is in force, to be altered and published. NULL: no memory. */
struct in_force *in_force_next(void *const *slot);
/* Puts `next` in force, waits until no reader has the one before and destroys what of that is not
 * in `next`. */
void in_force_publish(void **slot, struct in_force *next);
/* Brings the changes in force with their status, or all of the list with changes->whole. When it
 * returns 0 nobody holds a withdrawn entry any more. *out_rebuilt: with a new index, for
 * look-alikes of `look_alike_max` symbols; a running one stays as it was built. Errors of
 * match_index_create and match_index_add, ERR_NO_MEMORY: nobody holds an added entry, and when the
 * whole could not be brought in, nobody finds an entry that batches withdrew. */
int in_force_change(void **slot, const struct wanted_list *list,
                    const struct wanted_changes *changes, const struct list_status *status,
                    uint8_t look_alike_max, bool *out_rebuilt, struct err_text *err) MUST_CHECK;
/* Look-alikes of up to that many symbols from now on; an index built for another number is built
 * anew over `list` (not looked at without an index). ERR_BUSY: the list has changes that are not in
 * force and brings the number with them, as nobody may hold their entries before. Errors of
 * match_index_create. After an error all is as before. */
int in_force_look_alike(void **slot, const struct wanted_list *list, uint8_t look_alike_max,
                        struct err_text *err) MUST_CHECK;
/* When nobody reads any more. */
void in_force_destroy(void **slot);
