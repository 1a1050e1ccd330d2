/*
 * See draft.h. No state.
 */
#include "gateway/hqctl/draft.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"

static const char draft_type[] = "wanted-draft/1";

static int read_number(const json_t *value, const char *name, uint64_t *out, struct err_text *err)
{
    const json_t *number = json_object_get(value, name);
    if (!json_is_integer(number) || json_integer_value(number) < 0)
        return err_set(err, ERR_INVALID, "head.%s: %s, expected a whole number", name,
                       number ? "not one" : "missing");
    *out = (uint64_t)json_integer_value(number);
    return 0;
}

int draft_head_read(const json_t *value, struct draft_head *out, struct err_text *err)
{
    struct draft_head head = {0};
    const char *hash = json_string_value(json_object_get(value, "hash"));
    const json_t *time = json_object_get(value, "time");
    if (!json_is_object(value))
        return err_set(err, ERR_INVALID, "head: missing, expected an object");
    int rc = read_number(value, "revision", &head.list.revision, err);
    if (rc == 0)
        rc = read_number(value, "max_id", &head.max_id, err);
    if (rc == 0 && json_object_get(value, "entries"))
        rc = read_number(value, "entries", &head.entries, err);
    if (rc == 0 && (!hash || hash_parse(hash, head.list.hash) != 0))
        rc = err_set(err, ERR_INVALID, "head.hash: expected sha256: and 64 hex digits");
    if (rc == 0 && !(json_is_null(time) && head.list.revision == 0) &&
        (!json_is_string(time) || wall_parse(json_string_value(time), &head.list.time) != 0))
        rc = err_set(err, ERR_INVALID,
                     "head.time: expected UTC as 2026-11-24T03:46:48.123Z, or null at revision 0");
    if (rc == 0)
        *out = head;
    return rc;
}

static json_t *head_json(const struct draft_head *head)
{
    char hash[HASH_TEXT_SIZE];
    char time[WALL_TEXT_SIZE];
    hash_format(head->list.hash, hash);
    wall_format(head->list.time, time);
    return json_pack("{s:s,s:I,s:I,s:o}", "hash", hash, "max_id", (json_int_t)head->max_id,
                     "revision", (json_int_t)head->list.revision, "time",
                     head->list.revision ? json_string(time) : json_null());
}

static int check_members(const json_t *object, struct err_text *err)
{
    static const char *const names[] = {"type", "source", "head", "added", "changed", "withdrawn"};
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)object, key, item)
    {
        size_t i = 0;
        while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i], key) != 0)
            i++;
        if (i == sizeof(names) / sizeof(names[0]))
            return err_set(
                err, ERR_INVALID,
                "'%.64s': unknown, expected type, source, head, added, changed or withdrawn", key);
    }
    const char *type = json_string_value(json_object_get(object, "type"));
    if (!type || strcmp(type, draft_type) != 0)
        return err_set(err, ERR_INVALID, "type = '%.64s': expected %s", type ? type : "",
                       draft_type);
    return 0;
}

/* Ids of `list` are whole, above `floor` and rise. */
static int check_ids(const json_t *list, const char *name, uint64_t floor, struct err_text *err)
{
    const json_t *item;
    size_t index;
    if (!json_is_array(list))
        return err_set(err, ERR_INVALID, "%s: missing, expected a list", name);
    json_array_foreach(list, index, item)
    {
        const json_t *id = json_object_get(item, "id");
        if (!json_is_integer(id) || json_integer_value(id) < 1 ||
            (uint64_t)json_integer_value(id) <= floor)
            return err_set(err, ERR_INVALID, "%s[%zu].id: expected a whole number above %" PRIu64,
                           name, index, floor);
        floor = (uint64_t)json_integer_value(id);
    }
    return 0;
}

int draft_read(const char *text, size_t size, struct draft *out, struct err_text *err)
{
    struct draft draft = {0};
    json_t *object = NULL;
    int rc = json_parse(text, size, &object, err);
    if (rc == 0 && !json_is_object(object))
        rc = err_set(err, ERR_INVALID, "no JSON object, expected a draft");
    if (rc == 0)
        rc = check_members(object, err);
    if (rc == 0)
        rc = draft_head_read(json_object_get(object, "head"), &draft.head, err);
    draft.added = json_incref(json_object_get(object, "added"));
    draft.changed = json_incref(json_object_get(object, "changed"));
    draft.withdrawn = json_incref(json_object_get(object, "withdrawn"));
    if (rc == 0)
        rc = check_ids(draft.added, "added", draft.head.max_id, err);
    if (rc == 0 && draft.changed)
        rc = check_ids(draft.changed, "changed", 0, err);
    if (rc == 0)
        rc = check_ids(draft.withdrawn, "withdrawn", 0, err);
    if (rc == 0 && json_array_size(draft.added) + json_array_size(draft.changed) +
                           json_array_size(draft.withdrawn) ==
                       0)
        rc = err_set(err, ERR_INVALID, "nothing added, changed or withdrawn");
    const char *source = json_string_value(json_object_get(object, "source"));
    (void)snprintf(draft.source, sizeof(draft.source), "%s", source ? source : ""); /* shown only */
    json_decref(object);
    if (rc != 0) {
        draft_fini(&draft);
        return rc;
    }
    *out = draft;
    return 0;
}

/* Appends `"name":[` the items, one a line `],`. */
static int append_list(FILE *to, const char *name, const json_t *list)
{
    const json_t *item;
    size_t index;
    fprintf(to, ",\n\"%s\":[", name);
    json_array_foreach(list, index, item)
    {
        fputs(index == 0 ? "\n" : ",\n", to);
        if (json_dumpf(item, to, JSON_COMPACT | JSON_SORT_KEYS) != 0)
            return ERR_NO_MEMORY;
    }
    fputs("]", to);
    return 0;
}

static int write_to(FILE *to, const struct draft *draft)
{
    json_t *head = head_json(&draft->head);
    json_t *source = json_string(draft->source);
    int rc = head && source ? 0 : ERR_NO_MEMORY;
    fprintf(to, "{\"type\":\"%s\",\n\"source\":", draft_type);
    if (rc == 0 && (json_dumpf(source, to, JSON_ENCODE_ANY) != 0 || fputs(",\n\"head\":", to) < 0 ||
                    json_dumpf(head, to, JSON_COMPACT | JSON_SORT_KEYS) != 0))
        rc = ERR_NO_MEMORY;
    if (rc == 0)
        rc = append_list(to, "added", draft->added);
    if (rc == 0 && json_array_size(draft->changed) > 0)
        rc = append_list(to, "changed", draft->changed);
    if (rc == 0)
        rc = append_list(to, "withdrawn", draft->withdrawn);
    fputs("}\n", to);
    json_decref(head);
    json_decref(source);
    return rc;
}

int draft_write(const struct draft *draft, char **out, size_t *out_size)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    int rc = to ? write_to(to, draft) : ERR_NO_MEMORY;
    if (to && (ferror(to) | fclose(to)) != 0)
        rc = ERR_NO_MEMORY;
    if (rc != 0) {
        free(text);
        return rc;
    }
    *out = text;
    *out_size = size;
    return 0;
}

int draft_rebase(struct draft *draft, const struct draft_head *head, struct err_text *err)
{
    json_t *item;
    size_t index;
    if (head->list.revision < draft->head.list.revision)
        return err_set(err, ERR_STALE,
                       "the list is at revision %" PRIu64 ", the draft already at %" PRIu64,
                       head->list.revision, draft->head.list.revision);
    json_array_foreach(draft->added, index, item)
    {
        if (json_object_set_new(
                item, "id", json_integer((json_int_t)head->max_id + 1 + (json_int_t)index)) != 0)
            return ERR_NO_MEMORY;
    }
    draft->head = *head;
    return 0;
}

void draft_fini(struct draft *draft)
{
    json_decref(draft->added);
    json_decref(draft->changed);
    json_decref(draft->withdrawn);
    *draft = (struct draft){0};
}
