/*
 * See import_diff.h. Rows sorted by plate, class and case number; the list passes by once.
 */
#include "gateway/hqctl/import_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/signed/wanted_entry.h"

struct diff_row {
    struct wanted_record record;
    const char *case_number; /* inside `entry` */
    json_t *entry;           /* owned */
    json_t *listed;          /* the same on the list; owned, or NULL */
    size_t place;            /* in the file */
    bool same;               /* nothing of it differs */
};

static const int64_t day_ms = (int64_t)24 * 3600 * 1000;

static int compare_rows(const void *a, const void *b)
{
    const struct diff_row *x = a;
    const struct diff_row *y = b;
    if (x->record.key != y->record.key)
        return x->record.key < y->record.key ? -1 : 1;
    if (x->record.class != y->record.class)
        return x->record.class < y->record.class ? -1 : 1;
    return strcmp(x->case_number, y->case_number);
}

static int compare_places(const void *a, const void *b)
{
    const struct diff_row *x = a;
    const struct diff_row *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static const char *case_of(const json_t *entry)
{
    const char *text = json_string_value(json_object_get(entry, "case_number"));
    return text ? text : "";
}

static int record_of(const json_t *entry, struct wanted_record *out, struct err_text *err)
{
    char *text = NULL;
    int rc = wanted_entry_from_json(entry, out, &text, err);
    free(text);
    return rc;
}

/* Beyond the bound there are enough to say no to. */
static int add_conflict(struct import_diff *diff, json_t *entry, json_t *other)
{
    if (json_array_size(diff->conflicts) >= IMPORT_CONFLICTS_MAX)
        return 0;
    return json_array_append_new(diff->conflicts,
                                 json_pack("{s:O,s:O}", "entry", entry, "other", other)) == 0
               ? 0
               : ERR_NO_MEMORY;
}

/* The first row of that key, or where it would stand. */
static size_t find_key(const struct import_diff *diff, plate_key key)
{
    size_t from = 0;
    size_t to = diff->row_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (diff->rows[middle].record.key < key)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static int find_own_conflicts(struct import_diff *diff)
{
    int rc = 0;
    for (size_t i = 0; i < diff->row_count; i++)
        for (size_t k = i + 1;
             rc == 0 && k < diff->row_count && diff->rows[k].record.key == diff->rows[i].record.key;
             k++)
            if (wanted_records_conflict(&diff->rows[i].record, &diff->rows[k].record))
                rc = add_conflict(diff, diff->rows[i].entry, diff->rows[k].entry);
    return rc;
}

int import_diff_begin(struct import_diff *diff, const json_t *entries, bool whole,
                      struct wall_time now, struct err_text *err)
{
    size_t count = json_array_size(entries);
    *diff = (struct import_diff){.whole = whole,
                                 .now = now,
                                 .added = json_array(),
                                 .changed = json_array(),
                                 .before = json_array(),
                                 .withdrawn = json_array(),
                                 .conflicts = json_array(),
                                 .rows = calloc(count + 1, sizeof(struct diff_row))};
    if (!diff->added || !diff->changed || !diff->before || !diff->withdrawn || !diff->conflicts ||
        !diff->rows)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct diff_row *row = &diff->rows[diff->row_count++];
        row->entry = json_incref(json_array_get(entries, i));
        row->case_number = case_of(row->entry);
        row->place = i;
        int rc = record_of(row->entry, &row->record, err);
        if (rc != 0)
            return rc;
    }
    qsort(diff->rows, diff->row_count, sizeof(*diff->rows), compare_rows);
    return find_own_conflicts(diff);
}

/* Whether nothing but the id differs; the row's entry takes the listed one's id. */
static int pair(struct diff_row *row, json_t *listed)
{
    if (json_object_set(row->entry, "id", json_object_get(listed, "id")) != 0)
        return ERR_NO_MEMORY;
    row->listed = json_incref(listed);
    row->same = json_equal(row->entry, listed) == 1;
    return 0;
}

/* Not in the file: it stays, and may contradict a row, or it goes. */
static int take_alone(struct import_diff *diff, size_t at, const struct wanted_record *record,
                      json_t *entry)
{
    if (diff->whole)
        return json_array_append(diff->withdrawn, entry) == 0 ? 0 : ERR_NO_MEMORY;
    int rc = 0;
    for (; rc == 0 && at < diff->row_count && diff->rows[at].record.key == record->key; at++)
        if (wanted_records_conflict(&diff->rows[at].record, record))
            rc = add_conflict(diff, diff->rows[at].entry, entry);
    return rc;
}

int import_diff_listed(struct import_diff *diff, const json_t *entry, struct err_text *err)
{
    struct plate_text plate;
    struct wanted_record record = {0};
    json_t *own = json_incref((json_t *)(uintptr_t)entry);
    const char *text = json_string_value(json_object_get(entry, "plate"));
    int rc = 0;
    diff->listed++;
    plate_encode(text ? text : "", text ? strlen(text) : 0, PLATE_DASH_AUTO, &plate);
    size_t at = find_key(diff, plate.key);
    bool near = at < diff->row_count && diff->rows[at].record.key == plate.key;
    if (near) /* else the record is not needed: lists are long, files short */
        rc = record_of(entry, &record, err);
    for (size_t i = at; rc == 0 && near && i < diff->row_count; i++) {
        struct diff_row *row = &diff->rows[i];
        if (row->record.key != record.key)
            break;
        if (row->listed || row->record.class != record.class ||
            strcmp(row->case_number, case_of(entry)) != 0)
            continue;
        rc = pair(row, own);
        json_decref(own);
        return rc;
    }
    if (rc == 0)
        rc = take_alone(diff, near ? at : diff->row_count, &record, own);
    json_decref(own);
    return rc;
}

/* The entry as it is on the list before the import; NULL: not there. */
static const json_t *before(const struct import_diff *diff, const json_t *entry)
{
    struct plate_text plate;
    const char *text = json_string_value(json_object_get(entry, "plate"));
    plate_encode(text ? text : "", text ? strlen(text) : 0, PLATE_DASH_AUTO, &plate);
    for (size_t i = find_key(diff, plate.key);
         i < diff->row_count && diff->rows[i].record.key == plate.key; i++)
        if (diff->rows[i].entry == entry)
            return diff->rows[i].listed;
    return entry;
}

/* Whether the two contradicted each other before the import already. */
static bool is_old(const struct import_diff *diff, const json_t *pair)
{
    const json_t *one = before(diff, json_object_get(pair, "entry"));
    const json_t *two = before(diff, json_object_get(pair, "other"));
    struct wanted_record a;
    struct wanted_record b;
    return one && two && record_of(one, &a, NULL) == 0 && record_of(two, &b, NULL) == 0 &&
           wanted_records_conflict(&a, &b);
}

static void drop_old_conflicts(struct import_diff *diff)
{
    for (size_t i = json_array_size(diff->conflicts); i > 0; i--)
        if (is_old(diff, json_array_get(diff->conflicts, i - 1)))
            (void)json_array_remove(diff->conflicts, i - 1); /* it is there */
}

static void count_row(struct import_diff *diff, const struct diff_row *row)
{
    struct wanted_record was = {0};
    bool known = row->listed && record_of(row->listed, &was, NULL) == 0;
    diff->top += row->record.priority == 1 && (!known || was.priority != 1);
    diff->late += row->record.valid_until.ms > diff->now.ms + MASS_LATE_DAYS * day_ms &&
                  (!known || row->record.valid_until.ms > was.valid_until.ms);
    diff->earlier += known && row->record.valid_until.ms < was.valid_until.ms;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x =
        json_integer_value(json_object_get((*(const struct diff_row *const *)a)->listed, "id"));
    int64_t y =
        json_integer_value(json_object_get((*(const struct diff_row *const *)b)->listed, "id"));
    return (x > y) - (x < y);
}

/* Changed entries stand by rising id, as a batch has them. */
static int end_changed(struct import_diff *diff)
{
    const struct diff_row **sorted = calloc(diff->row_count + 1, sizeof(struct diff_row *));
    size_t count = 0;
    int rc = sorted ? 0 : ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < diff->row_count; i++)
        if (diff->rows[i].listed && !diff->rows[i].same)
            sorted[count++] = &diff->rows[i];
    if (rc == 0)
        qsort(sorted, count, sizeof(*sorted), compare_ids);
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (json_array_append(diff->changed, sorted[i]->entry) != 0 ||
            json_array_append(diff->before, sorted[i]->listed) != 0)
            rc = ERR_NO_MEMORY;
    free(sorted);
    return rc;
}

int import_diff_end(struct import_diff *diff, uint64_t first_id)
{
    int rc = 0;
    drop_old_conflicts(diff);
    qsort(diff->rows, diff->row_count, sizeof(*diff->rows), compare_places);
    for (size_t i = 0; rc == 0 && i < diff->row_count; i++) {
        struct diff_row *row = &diff->rows[i];
        diff->same += row->same;
        if (row->same)
            continue;
        count_row(diff, row);
        if (!row->listed &&
            (json_object_set_new(
                 row->entry, "id",
                 json_integer((json_int_t)(first_id + json_array_size(diff->added)))) != 0 ||
             json_array_append(diff->added, row->entry) != 0))
            rc = ERR_NO_MEMORY;
    }
    return rc == 0 ? end_changed(diff) : rc;
}

/* ---- what is suspicious ---- */

static bool is_mass(size_t count, size_t of, size_t least, size_t percent)
{
    return count > least && count * 100 > of * percent;
}

struct mass_rule {
    const char *what;
    size_t count;
    bool of_listed; /* a share of the entries in force, else of what is added and changed */
    size_t least;
    size_t percent;
    const char *en;
    const char *zh;
};

static json_t *suspicion(const struct mass_rule *rule, size_t of)
{
    char en[160];
    char zh[160];
    (void)snprintf(en, sizeof(en), "%zu %s", rule->count, rule->en); /* fits */
    (void)snprintf(zh, sizeof(zh), "%zu %s", rule->count, rule->zh); /* fits */
    return json_pack("{s:s,s:I,s:I,s:s,s:s}", "what", rule->what, "count", (json_int_t)rule->count,
                     "of", (json_int_t)of, "en", en, "zh", zh);
}

json_t *import_diff_suspicions(const struct import_diff *diff)
{
    size_t added = json_array_size(diff->added);
    size_t touched = added + json_array_size(diff->changed);
    const struct mass_rule rules[] = {
        {"added", added, true, MASS_ADDED_MIN, MASS_ADDED_PERCENT, "entries would be added",
         "条将新增"},
        {"withdrawn", json_array_size(diff->withdrawn), true, MASS_WITHDRAWN_MIN,
         MASS_WITHDRAWN_PERCENT, "entries in force would be withdrawn", "条在控记录将撤控"},
        {"priority_1", diff->top, false, MASS_TOP_MIN, MASS_TOP_PERCENT,
         "entries would become priority 1", "条将成为一级"},
        {"late_end", diff->late, false, MASS_LATE_MIN, 0,
         "entries would end more than 366 days from now", "条的截止时间在 366 天以后"},
        {"earlier_end", diff->earlier, true, MASS_EARLIER_MIN, MASS_EARLIER_PERCENT,
         "entries in force would end earlier than now set", "条在控记录的截止时间将提前"}};
    json_t *list = json_array();
    for (size_t i = 0; list && i < sizeof(rules) / sizeof(rules[0]); i++) {
        size_t of = rules[i].of_listed ? diff->listed : touched;
        if (of == 0 || !is_mass(rules[i].count, of, rules[i].least, rules[i].percent))
            continue;
        if (json_array_append_new(list, suspicion(&rules[i], of)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

void import_diff_fini(struct import_diff *diff)
{
    for (size_t i = 0; i < diff->row_count; i++) {
        json_decref(diff->rows[i].entry);
        json_decref(diff->rows[i].listed);
    }
    free(diff->rows);
    json_decref(diff->added);
    json_decref(diff->changed);
    json_decref(diff->before);
    json_decref(diff->withdrawn);
    json_decref(diff->conflicts);
    *diff = (struct import_diff){0};
}
