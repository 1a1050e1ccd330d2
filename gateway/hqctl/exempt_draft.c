/*
 * See exempt_draft.h. No state.
 */
#include "gateway/hqctl/exempt_draft.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"

static const char draft_type[] = "exempt-draft/1";

void exempt_draft_fini(struct exempt_draft *draft)
{
    json_decref(draft->entries);
    *draft = (struct exempt_draft){0};
}

int exempt_draft_init(struct exempt_draft *draft, const char *fleet)
{
    *draft = (struct exempt_draft){.revision = 1, .entries = json_array()};
    (void)snprintf(draft->fleet, sizeof(draft->fleet), "%s", fleet); /* checked when composed */
    return draft->entries ? 0 : ERR_NO_MEMORY;
}

static const char *text_of(const json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));
    return text ? text : "";
}

/* ---- changing ---- */

/* Of a list that was parsed: its entries' ids rise in step with the payload's. */
static int keep_unended(struct exempt_draft *draft, const struct exempt_list *list,
                        const json_t *entries, struct wall_time now, struct exempt_changes *changes)
{
    for (size_t i = 0; i < list->entry_count; i++) {
        if (list->entries[i].valid_until.ms <= now.ms) {
            changes->ended++;
            continue;
        }
        if (json_array_append(draft->entries, json_array_get(entries, i)) != 0)
            return ERR_NO_MEMORY;
    }
    return 0;
}

int exempt_draft_after(struct exempt_draft *draft, const void *payload, size_t size,
                       struct wall_time now, struct exempt_changes *changes, struct err_text *err)
{
    struct exempt_list list = {0};
    struct exempt_draft next = {0};
    json_t *object = NULL;
    int rc = exempt_list_parse(payload, size, &list, err);
    if (rc == 0)
        rc = json_parse(payload, size, &object, err);
    if (rc == 0)
        rc = exempt_draft_init(&next, list.fleet);
    next.revision = list.revision + 1;
    next.last_id = list.last_id;
    if (rc == 0)
        rc = keep_unended(&next, &list, json_object_get(object, "entries"), now, changes);
    json_decref(object);
    exempt_list_fini(&list);
    if (rc != 0) {
        exempt_draft_fini(&next);
        return rc;
    }
    *draft = next;
    return 0;
}

static bool same_vehicle(const json_t *a, const json_t *b)
{
    return strcmp(text_of(a, "plate"), text_of(b, "plate")) == 0 &&
           strcmp(text_of(a, "class"), text_of(b, "class")) == 0;
}

/* Its place in the array, or the array's size. */
static size_t find_vehicle(const json_t *entries, const json_t *entry)
{
    size_t i = 0;
    while (i < json_array_size(entries) && !same_vehicle(json_array_get(entries, i), entry))
        i++;
    return i;
}

static int put_one(struct exempt_draft *draft, const json_t *entry, struct exempt_changes *changes)
{
    size_t at = find_vehicle(draft->entries, entry);
    bool known = at < json_array_size(draft->entries);
    json_t *id = known ? json_incref(json_object_get(json_array_get(draft->entries, at), "id"))
                       : json_integer((json_int_t)draft->last_id + 1);
    json_t *copy = json_deep_copy(entry);
    if (!copy || json_object_set_new(copy, "id", id) != 0) {
        json_decref(copy);
        return ERR_NO_MEMORY;
    }
    if (known) {
        changes->replaced += !json_equal(copy, json_array_get(draft->entries, at));
        return json_array_set_new(draft->entries, at, copy) == 0 ? 0 : ERR_NO_MEMORY;
    }
    draft->last_id++;
    changes->added++;
    return json_array_append_new(draft->entries, copy) == 0 ? 0 : ERR_NO_MEMORY;
}

int exempt_draft_put(struct exempt_draft *draft, const json_t *entries, bool whole,
                     struct exempt_changes *changes)
{
    int rc = 0;
    for (size_t i = json_array_size(draft->entries); whole && i > 0; i--)
        if (find_vehicle(entries, json_array_get(draft->entries, i - 1)) ==
            json_array_size(entries))
            rc = json_array_remove(draft->entries, i - 1); /* it is there */
    for (size_t i = 0; rc == 0 && i < json_array_size(entries); i++)
        rc = put_one(draft, json_array_get(entries, i), changes);
    return rc;
}

int exempt_draft_withdraw(struct exempt_draft *draft, uint64_t id, struct err_text *err)
{
    for (size_t i = 0; i < json_array_size(draft->entries); i++) {
        const json_t *entry = json_array_get(draft->entries, i);
        if ((uint64_t)json_integer_value(json_object_get(entry, "id")) == id)
            return json_array_remove(draft->entries, i); /* it is there */
    }
    return err_set(err, ERR_NOT_FOUND, "entry %" PRIu64 " is not on the list", id);
}

/* ---- reading ---- */

static int check_members(const json_t *object, struct err_text *err)
{
    static const char *const names[] = {"type", "fleet", "revision", "last_id", "entries"};
    const char *type = json_string_value(json_object_get(object, "type"));
    const char *key;
    json_t *item;
    if (!json_is_object(object))
        return err_set(err, ERR_INVALID, "no JSON object, expected a draft");
    json_object_foreach((json_t *)(uintptr_t)object, key, item)
    {
        size_t i = 0;
        while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i], key) != 0)
            i++;
        if (i == sizeof(names) / sizeof(names[0]))
            return err_set(err, ERR_INVALID, "'%.64s': unknown, expected a member of a %s", key,
                           draft_type);
    }
    if (!type || strcmp(type, draft_type) != 0)
        return err_set(err, ERR_INVALID, "type = '%.64s': expected %s", type ? type : "",
                       draft_type);
    return 0;
}

static int read_number(const json_t *object, const char *name, int64_t min, uint64_t *out,
                       struct err_text *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < min)
        return err_set(err, ERR_INVALID, "%s: expected a whole number from %" PRId64, name, min);
    *out = (uint64_t)json_integer_value(value);
    return 0;
}

int exempt_draft_read(const char *text, size_t size, struct exempt_draft *out, struct err_text *err)
{
    struct exempt_draft draft = {0};
    json_t *object = NULL;
    int rc = json_parse(text, size, &object, err);
    if (rc == 0)
        rc = check_members(object, err);
    if (rc == 0)
        rc = read_number(object, "revision", 1, &draft.revision, err);
    if (rc == 0)
        rc = read_number(object, "last_id", 0, &draft.last_id, err);
    const char *fleet = text_of(object, "fleet");
    if (rc == 0 && (strlen(fleet) > FLEET_NAME_MAX || !fleet_name_good(fleet)))
        rc = err_set(err, ERR_INVALID, "fleet: expected a-z, 0-9 and '-'");
    if (rc == 0)
        memcpy(draft.fleet, fleet, strlen(fleet) + 1);
    draft.entries = json_incref(json_object_get(object, "entries"));
    if (rc == 0 && !json_is_array(draft.entries))
        rc = err_set(err, ERR_INVALID, "entries: expected a list");
    json_decref(object);
    if (rc != 0) {
        exempt_draft_fini(&draft);
        return rc;
    }
    *out = draft;
    return 0;
}

/* ---- writing ---- */

static int write_entries(FILE *to, const json_t *entries)
{
    for (size_t i = 0; i < json_array_size(entries); i++) {
        char *text = NULL;
        size_t size = 0;
        int rc = json_canonical(json_array_get(entries, i), &text, &size);
        if (rc != 0)
            return rc;
        fprintf(to, "%s\n%s", i > 0 ? "," : "", text);
        free(text);
    }
    return 0;
}

int exempt_draft_write(const struct exempt_draft *draft, char **out, size_t *out_size)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return ERR_NO_MEMORY;
    fprintf(to,
            "{\"type\":\"%s\",\n\"fleet\":\"%s\",\n\"revision\":%" PRIu64 ",\n\"last_id\":%" PRIu64
            ",\n\"entries\":[",
            draft_type, draft->fleet, draft->revision, draft->last_id);
    int rc = write_entries(to, draft->entries);
    fputs("]}\n", to);
    if ((ferror(to) | fclose(to)) != 0 && rc == 0)
        rc = ERR_NO_MEMORY;
    if (rc != 0) {
        free(text);
        return rc;
    }
    *out = text;
    *out_size = size;
    return 0;
}

int exempt_draft_compose(const struct exempt_draft *draft, struct wall_time now,
                         struct envelope *out, struct err_text *err)
{
    struct exempt_list head = {.revision = draft->revision, .last_id = draft->last_id, .time = now};
    memcpy(head.fleet, draft->fleet, sizeof(head.fleet));
    return exempt_list_compose(&head, draft->entries, out, err);
}
