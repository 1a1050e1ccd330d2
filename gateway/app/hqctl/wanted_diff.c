/*
 * See wanted_diff.h. No state.
 */
#include "gateway/app/hqctl/wanted_diff.h"

#include <inttypes.h>

enum { SHOWN_EACH_MAX = 20, WARNED_MAX = 20 };

static void show_entry(FILE *to, const char *sign, const json_t *entry)
{
    hqctl_line(to, "  %s %lld  %s  class %s  %s  %s  priority %lld  case %s  until %s", sign,
               (long long)hqctl_number_of(entry, "id"), hqctl_text_of(entry, "plate"),
               hqctl_text_of(entry, "class"), hqctl_text_of(entry, "category"),
               hqctl_text_of(entry, "handling"), (long long)hqctl_number_of(entry, "priority"),
               hqctl_text_of(entry, "case_number"), hqctl_text_of(entry, "valid_until"));
}

static void show_field(FILE *to, const char *name, const json_t *before, const json_t *after)
{
    char *was = before ? json_dumps(before, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    char *is = after ? json_dumps(after, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    hqctl_line(to, "      %s: %s -> %s", name, was ? was : "-", is ? is : "-");
    free(was);
    free(is);
}

void wanted_change_show(FILE *to, const json_t *before, const json_t *after)
{
    const char *key;
    json_t *value;
    show_entry(to, "~", after);
    json_object_foreach((json_t *)(uintptr_t)before, key, value)
    {
        const json_t *now = json_object_get(after, key);
        if (json_equal(value, now) != 1)
            show_field(to, key, value, now);
    }
    json_object_foreach((json_t *)(uintptr_t)after, key, value)
    {
        if (!json_object_get(before, key))
            show_field(to, key, NULL, value);
    }
}

static void show_list(FILE *to, const char *sign, const json_t *list, const json_t *before,
                      bool all)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count && (all || i < SHOWN_EACH_MAX); i++)
        if (before)
            wanted_change_show(to, json_array_get(before, i), json_array_get(list, i));
        else
            show_entry(to, sign, json_array_get(list, i));
    if (!all && count > SHOWN_EACH_MAX)
        fprintf(to, "  %s … and %zu more\n", sign, count - SHOWN_EACH_MAX);
}

void wanted_diff_show(FILE *to, const struct import_diff *diff, bool against_list,
                      uint64_t revision, bool all)
{
    if (against_list)
        fprintf(to,
                "Against revision %" PRIu64 " with %zu entries: %zu added, %zu changed, %zu"
                " withdrawn; %zu are there already\n",
                revision, diff->listed, json_array_size(diff->added),
                json_array_size(diff->changed), json_array_size(diff->withdrawn), diff->same);
    else
        fputs("Without the list in force every row is added; hqd was not asked.\n", to);
    show_list(to, "+", diff->added, NULL, all);
    show_list(to, "~", diff->changed, diff->before, all);
    show_list(to, "-", diff->withdrawn, NULL, all);
}

void wanted_conflict_show(FILE *to, const json_t *entry, const json_t *other)
{
    hqctl_line(to, "WARNING 警告: %s would be under stop and observe at once 同时列为拦截和监控:",
               hqctl_text_of(entry, "plate"));
    show_entry(to, "!", entry);
    show_entry(to, "!", other);
}

void wanted_diff_warn(FILE *to, const struct import_diff *diff, const json_t *suspicions)
{
    const json_t *one;
    size_t index;
    json_array_foreach(suspicions, index, one)
    {
        hqctl_line(to, "WARNING 警告: %s (of %lld) %s", hqctl_text_of(one, "en"),
                   (long long)hqctl_number_of(one, "of"), hqctl_text_of(one, "zh"));
    }
    json_array_foreach(diff->conflicts, index, one)
    {
        if (index < WARNED_MAX)
            wanted_conflict_show(to, json_object_get(one, "entry"), json_object_get(one, "other"));
    }
    if (json_array_size(diff->conflicts) > WARNED_MAX)
        fprintf(to, "… and %zu more\n", json_array_size(diff->conflicts) - WARNED_MAX);
}

json_t *wanted_diff_json(const struct import_diff *diff)
{
    json_t *changes = json_array();
    for (size_t i = 0; changes && i < json_array_size(diff->changed); i++)
        if (json_array_append_new(changes,
                                  json_pack("{s:O,s:O}", "before", json_array_get(diff->before, i),
                                            "after", json_array_get(diff->changed, i))) != 0) {
            json_decref(changes);
            changes = NULL;
        }
    return changes ? json_pack("{s:O,s:o,s:O}", "added", diff->added, "changed", changes,
                               "withdrawn", diff->withdrawn)
                   : NULL;
}

json_t *wanted_diff_withdrawals(const struct import_diff *diff)
{
    json_t *rows = json_array();
    const json_t *entry;
    size_t index;
    json_array_foreach(diff->withdrawn, index, entry)
    {
        if (rows &&
            json_array_append_new(rows, json_pack("{s:O,s:O}", "id", json_object_get(entry, "id"),
                                                  "plate", json_object_get(entry, "plate"))) != 0) {
            json_decref(rows);
            rows = NULL;
        }
    }
    return rows;
}
