/* See crowd.h. */
#include "gateway/match/crowd.h"

#include <stdlib.h>

#include "gateway/match/look_alike.h"

/* Patterns are numbered 1 and 2: as keys these have no first symbol, so they are no plate's. */
static bool is_of_patterns(uint64_t crowd)
{
    return crowd <= KEY_FORMS;
}

uint64_t match_crowd_of(plate_key key)
{
    struct look_alike look_alike;
    if (match_is_pattern(key)) {
        return (uint64_t)key_form(key) + 1;
    }
    look_alike_init(&look_alike, true);
    return look_alike_fold(&look_alike, key);
}

size_t match_crowd_max(uint64_t crowd)
{
    return is_of_patterns(crowd) ? MATCH_PARTIAL_MAX : MATCH_SAME_PLATE_MAX;
}

int match_crowd_check(uint64_t crowd, size_t count, uint64_t id, struct err_text *err)
{
    size_t max = match_crowd_max(crowd);
    if (count <= max) {
        return 0;
    }
    return err_set(err, ERR_TOO_LARGE, "entry %llu: makes %zu %s, expected at most %zu",
                   (unsigned long long)id, count,
                   is_of_patterns(crowd) ? "partial plates"
                                         : "entries of its plate and those that look like it",
                   max);
}

static int compare(const void *a, const void *b)
{
    const struct match_crowd *one = a;
    const struct match_crowd *two = b;
    int order = (one->crowd > two->crowd) - (one->crowd < two->crowd);
    return order != 0 ? order : (one->id > two->id) - (one->id < two->id);
}

void match_crowds_sort(struct match_crowd *entries, size_t count)
{
    if (count > 0) {
        qsort(entries, count, sizeof(*entries), compare);
    }
}

int match_crowds_check(struct match_crowd *entries, size_t count, struct err_text *err)
{
    size_t first = 0;
    int result = 0;
    match_crowds_sort(entries, count);
    for (size_t i = 1; i <= count && result == 0; i++) {
        if (i < count && entries[i].crowd == entries[first].crowd) {
            continue;
        }
        size_t max = match_crowd_max(entries[first].crowd);
        size_t named = i - first > max ? first + max : first;
        result = match_crowd_check(entries[first].crowd, i - first, entries[named].id, err);
        first = i;
    }
    return result;
}

int match_entries_check(uint64_t count, uint64_t id, struct err_text *err)
{
    if (count <= MATCH_ENTRIES_MAX) {
        return 0;
    }
    return err_set(err, ERR_TOO_LARGE,
                   "entry %llu: makes a list of %llu entries, expected at most %d",
                   (unsigned long long)id, (unsigned long long)count, MATCH_ENTRIES_MAX);
}
