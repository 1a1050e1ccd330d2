/*
 * Exempt list payload: reading, checking, writing, looking up. No state.
 */
#include "gateway/signed/exempt_list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/signed/fields.h"
#include "gateway/signed/receipt.h"
#include "gateway/signed/wanted_entry.h"

static const int64_t day_ms = (int64_t)24 * 3600 * 1000;

const char *const exempt_entry_fields[] = {"id",          "plate",       "class",    "kind",
                                           "reason",      "authority",   "approver", "valid_from",
                                           "valid_until", "checkpoints", NULL};

static const struct {
    const char *name;
    const char *zh;
} kinds[] = {
    [EXEMPT_AMBULANCE] = {"ambulance", "救护车"}, [EXEMPT_FIRE] = {"fire", "消防车"},
    [EXEMPT_POLICE] = {"police", "警车"},         [EXEMPT_RESCUE] = {"rescue", "工程救险车"},
    [EXEMPT_CONVOY] = {"convoy", "车队"},         [EXEMPT_OFFICIAL] = {"official", "公务车"},
    [EXEMPT_OTHER] = {"other", "其他"},
};

const char *exempt_kind_name(enum exempt_kind kind)
{
    return kind < EXEMPT_KINDS ? kinds[kind].name : NULL;
}

const char *exempt_kind_text(enum exempt_kind kind)
{
    return kind < EXEMPT_KINDS ? kinds[kind].zh : NULL;
}

int exempt_kind_parse(const char *name, enum exempt_kind *out)
{
    for (int i = 0; i < EXEMPT_KINDS; i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            *out = (enum exempt_kind)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

/* ---- an entry ---- */

void exempt_entry_fini(struct exempt_entry *entry)
{
    free(entry->authority);
    free(entry->approver);
    free(entry->reason);
    free(entry->checkpoints);
    *entry = (struct exempt_entry){0};
}

static int read_plate(const json_t *value, struct exempt_entry *e, struct err_text *err)
{
    const char *text = NULL;
    const char *class_text = NULL;
    struct plate_text plate;
    char canonical[PLATE_TEXT_SIZE];
    int result = field_text(value, "plate", 1, PLATE_TEXT_MAX, &text, err);
    if (result < 0) {
        return result;
    }
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    if (plate.kind != PLATE_KEY || plate_decode(plate.key, canonical) < 0) {
        return err_set(err, ERR_INVALID, "plate: '%s' is no plate", text);
    }
    if (plate.unread_symbols > 0) {
        return err_set(err, ERR_INVALID, "plate: '%s' is partial, expected every character", text);
    }
    if (strcmp(canonical, text) != 0) { /* what clerks see is what a box looks for */
        return err_set(err, ERR_INVALID, "plate: '%s', expected it as '%s'", text, canonical);
    }
    result = field_text(value, "class", 1, 3, &class_text, err);
    if (result < 0) {
        return result;
    }
    if (plate_class_parse(class_text, &e->class) < 0 || e->class == PLATE_CLASS_ANY) {
        return err_set(err, ERR_INVALID,
                       "class: '%s', expected two digits or capitals (GA/T 16.7); 'any' would "
                       "exempt another vehicle's plate",
                       class_text);
    }
    e->key = plate.key;
    return ERR_OK;
}

static int read_kind(const json_t *value, struct exempt_entry *e, struct err_text *err)
{
    const char *kind = NULL;
    int result = field_number(value, "id", 1, INT64_MAX, &e->id, err);
    if (result == ERR_OK) {
        result = field_text(value, "kind", 1, 32, &kind, err);
    }
    if (result == ERR_OK && exempt_kind_parse(kind, &e->kind) < 0) {
        result = err_set(err, ERR_INVALID,
                         "kind: '%s', expected ambulance, fire, police, rescue, convoy, official "
                         "or other",
                         kind);
    }
    return result;
}

static int read_validity(const json_t *value, struct wall_time signed_at, struct exempt_entry *e,
                         struct err_text *err)
{
    char text[WALL_TEXT_SIZE];
    char latest[WALL_TEXT_SIZE];
    const struct wall_time end = {signed_at.ms + EXEMPT_DAYS_MAX * day_ms};
    int result = field_time(value, "valid_from", &e->valid_from, err);
    if (result == ERR_OK) {
        result = field_time(value, "valid_until", &e->valid_until, err);
    }
    if (result < 0) {
        return result;
    }
    if (e->valid_until.ms <= e->valid_from.ms) {
        return err_set(err, ERR_INVALID, "valid_until: not after valid_from");
    }
    if (e->valid_until.ms > end.ms) {
        wall_format(e->valid_until, text);
        wall_format(end, latest);
        return err_set(err, ERR_INVALID,
                       "valid_until: '%s', expected at most %s, %d days after the list is signed",
                       text, latest, EXEMPT_DAYS_MAX);
    }
    return ERR_OK;
}

static int copy_line(const json_t *value, const char *name, size_t max_characters, char **out,
                     struct err_text *err)
{
    const char *text = NULL;
    int result = field_line(value, name, max_characters, &text, err);
    if (result < 0) {
        return result;
    }
    *out = strdup(text);
    return *out ? ERR_OK : err_set(err, ERR_NO_MEMORY, "%s: no memory", name);
}

static int read_checkpoints(const json_t *value, struct exempt_entry *e, struct err_text *err)
{
    enum { ROOM = EXEMPT_CHECKPOINTS_MAX * (CHECKPOINT_ID_MAX + 1) };
    const json_t *list = NULL;
    size_t used = 0;
    int result = field_array(value, "checkpoints", EXEMPT_CHECKPOINTS_MAX, &list, err);
    if (result == ERR_OK && json_array_size(list) == 0) {
        result = err_set(err, ERR_INVALID, "checkpoints: empty, leave it out for all");
    }
    if (result < 0) {
        return result;
    }
    e->checkpoints = malloc(ROOM);
    if (!e->checkpoints) {
        return err_set(err, ERR_NO_MEMORY, "checkpoints: no memory");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_array_get(list, i));
        if (!id || !checkpoint_id_good(id)) {
            return err_set(err, ERR_INVALID, "checkpoints: '%.64s', expected a-z, 0-9 and '-'",
                           id ? id : "");
        }
        if (i > 0) {
            e->checkpoints[used++] = ' ';
        }
        memcpy(e->checkpoints + used, id, strlen(id) + 1);
        used += strlen(id);
    }
    return ERR_OK;
}

static int read_entry(const json_t *value, struct wall_time signed_at, struct exempt_entry *e,
                      struct err_text *err)
{
    int result = fields_check(value, exempt_entry_fields, err);
    if (result == ERR_OK) {
        result = read_kind(value, e, err);
    }
    if (result == ERR_OK) {
        result = read_plate(value, e, err);
    }
    if (result == ERR_OK) {
        result = copy_line(value, "authority", ENTRY_AUTHORITY_MAX, &e->authority, err);
    }
    if (result == ERR_OK) {
        result = copy_line(value, "approver", ENTRY_PERSON_MAX, &e->approver, err);
    }
    if (result == ERR_OK && json_object_get(value, "reason")) {
        result = copy_line(value, "reason", ENTRY_REASON_MAX, &e->reason, err);
    }
    if (result == ERR_OK) {
        result = read_validity(value, signed_at, e, err);
    }
    return result == ERR_OK && json_object_get(value, "checkpoints")
               ? read_checkpoints(value, e, err)
               : result;
}

int exempt_entry_from_json(const json_t *value, struct wall_time signed_at,
                           struct exempt_entry *out, struct err_text *err)
{
    struct exempt_entry entry = {0};
    int result = read_entry(value, signed_at, &entry, err);
    if (result < 0) {
        exempt_entry_fini(&entry);
        return result;
    }
    *out = entry;
    return ERR_OK;
}

/* ---- the list ---- */

void exempt_list_fini(struct exempt_list *list)
{
    for (size_t i = 0; i < list->entry_count; i++) {
        exempt_entry_fini(&list->entries[i]);
    }
    free(list->entries);
    *list = (struct exempt_list){0};
}

static int compare_plates(const void *a, const void *b)
{
    const struct exempt_entry *x = a;
    const struct exempt_entry *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return (x->class > y->class) - (x->class < y->class);
}

static int compare_ids(const void *a, const void *b)
{
    const struct exempt_entry *x = a;
    const struct exempt_entry *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Which of two entries of one vehicle a box would go by must not be its guess. */
static int check_doubles(struct exempt_list *list, struct err_text *err)
{
    int result = ERR_OK;
    qsort(list->entries, list->entry_count, sizeof(list->entries[0]), compare_plates);
    for (size_t i = 1; i < list->entry_count && result == ERR_OK; i++) {
        const struct exempt_entry *e = &list->entries[i];
        if (compare_plates(e - 1, e) == 0) {
            result = err_set(err, ERR_INVALID,
                             "entries %" PRIu64 " and %" PRIu64 ": the same plate and class",
                             e[-1].id, e->id);
        }
    }
    qsort(list->entries, list->entry_count, sizeof(list->entries[0]), compare_ids);
    return result;
}

static int read_entries(const json_t *object, struct exempt_list *list, struct err_text *err)
{
    const json_t *rows = NULL;
    uint64_t before = 0;
    int result = field_array(object, "entries", EXEMPT_ENTRIES_MAX, &rows, err);
    if (result < 0) {
        return result;
    }
    list->entries = calloc(json_array_size(rows) + 1, sizeof(list->entries[0]));
    if (!list->entries) {
        return err_set(err, ERR_NO_MEMORY, "entries: no memory");
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct exempt_entry *e = &list->entries[i];
        result = exempt_entry_from_json(json_array_get(rows, i), list->time, e, err);
        if (result < 0) {
            return err_prefix(err, result, "entries[%zu]", i);
        }
        list->entry_count++;
        if (e->id <= before || e->id > list->last_id) {
            return err_set(err, ERR_INVALID,
                           "entries[%zu]: id: %" PRIu64 ", expected rising ids up to last_id", i,
                           e->id);
        }
        before = e->id;
    }
    return check_doubles(list, err);
}

static int read_list(const json_t *object, struct exempt_list *list, struct err_text *err)
{
    static const char *const names[] = {"entries", "fleet", "last_id", "revision", "time", NULL};
    int result = fields_check(object, names, err);
    if (result == ERR_OK) {
        result = field_number(object, "revision", 1, INT64_MAX, &list->revision, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "last_id", 0, INT64_MAX, &list->last_id, err);
    }
    if (result == ERR_OK) {
        result = field_copy(object, "fleet", FLEET_NAME_MAX, list->fleet, err);
    }
    if (result == ERR_OK && !fleet_name_good(list->fleet)) {
        result = err_set(err, ERR_INVALID, "fleet: expected a-z, 0-9 and '-'");
    }
    if (result == ERR_OK) {
        result = field_time(object, "time", &list->time, err);
    }
    return result == ERR_OK ? read_entries(object, list, err) : result;
}

int exempt_list_parse(const void *payload, size_t size, struct exempt_list *out,
                      struct err_text *err)
{
    struct exempt_list list = {0};
    json_t *object = NULL;
    int result = size > ENVELOPE_PAYLOAD_MAX
                     ? err_set(err, ERR_TOO_LARGE, "%zu bytes, expected at most %d", size,
                               ENVELOPE_PAYLOAD_MAX)
                     : json_parse(payload, size, &object, err);
    if (result == ERR_OK) {
        result = hash_bytes(payload, size, list.hash);
    }
    if (result == ERR_OK) {
        result = read_list(object, &list, err);
    }
    json_decref(object);
    if (result < 0) {
        exempt_list_fini(&list);
        return err_prefix(err, result, "exempt list");
    }
    *out = list;
    return ERR_OK;
}

int exempt_list_verify(const struct keyset *set, const void *envelope, size_t size,
                       struct exempt_list *out, struct err_text *err)
{
    struct envelope e = {0};
    struct exempt_list list = {0};
    struct signers signers;
    int result = envelope_parse(envelope, size, &e, err);
    if (result == ERR_OK) {
        result = keyset_check_envelope(set, &e, STATEMENT_EXEMPT_LIST, &signers, err);
    }
    if (result == ERR_OK) {
        result = exempt_list_parse(e.payload, e.payload_size, &list, err);
    }
    if (result == ERR_OK) {
        result = signers_check_two(&signers, set, list.fleet, list.time, err);
    }
    envelope_fini(&e);
    if (result != ERR_OK) {
        exempt_list_fini(&list);
        return err_prefix(err, result, "exempt list statement");
    }
    list.clerk_count = signers_holders(&signers, list.clerks);
    *out = list;
    return ERR_OK;
}

int exempt_list_check_newer(const struct exempt_list *held, const struct exempt_list *next,
                            struct err_text *err)
{
    if (!held || next->revision > held->revision) {
        return ERR_OK;
    }
    if (next->revision < held->revision) {
        return err_set(err, ERR_STALE, "exempt list revision %" PRIu64 ", %" PRIu64 " is held",
                       next->revision, held->revision);
    }
    return memcmp(held->hash, next->hash, HASH_SIZE) == 0
               ? err_set(err, ERR_NOT_FOUND, "exempt list revision %" PRIu64 " is held already",
                         held->revision)
               : err_set(err, ERR_CONFLICT,
                         "another exempt list of revision %" PRIu64 " than the one held",
                         held->revision);
}

int exempt_list_compose(const struct exempt_list *head, json_t *entries, struct envelope *out,
                        struct err_text *err)
{
    struct envelope e = {0};
    struct exempt_list check = {0};
    int result =
        statement_compose(json_pack("{s:O,s:s,s:I,s:I,s:o}", "entries", entries, "fleet",
                                    head->fleet, "last_id", (json_int_t)head->last_id, "revision",
                                    (json_int_t)head->revision, "time", time_json(head->time)),
                          STATEMENT_EXEMPT_LIST, &e);
    if (result == ERR_TOO_LARGE) {
        return err_set(err, result, "exempt list: more than %d bytes", ENVELOPE_PAYLOAD_MAX);
    }
    if (result == ERR_OK) {
        result = exempt_list_parse(e.payload, e.payload_size, &check, err);
    }
    exempt_list_fini(&check);
    if (result < 0) {
        envelope_fini(&e);
        return result;
    }
    *out = e;
    return ERR_OK;
}

/* ---- at a checkpoint ---- */

static bool concerns(const struct exempt_entry *e, const char *checkpoint)
{
    size_t size = strlen(checkpoint);
    for (const char *at = e->checkpoints; at && *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (length == size && memcmp(at, checkpoint, size) == 0) {
            return true;
        }
        at += length;
    }
    return !e->checkpoints;
}

void exempt_list_narrow(struct exempt_list *list, const char *checkpoint)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->entry_count; i++) {
        if (concerns(&list->entries[i], checkpoint)) {
            list->entries[kept++] = list->entries[i];
        } else {
            exempt_entry_fini(&list->entries[i]);
        }
    }
    list->entry_count = kept;
    qsort(list->entries, kept, sizeof(list->entries[0]), compare_plates);
}

bool exempt_entry_in_force(const struct exempt_entry *entry, struct wall_time now)
{
    return now.ms >= entry->valid_from.ms && now.ms < entry->valid_until.ms;
}

const struct exempt_entry *exempt_list_find(const struct exempt_list *list, plate_key key,
                                            plate_class class, struct wall_time now)
{
    const struct exempt_entry wanted = {.key = key, .class = class};
    const struct exempt_entry *found = list->entry_count == 0
                                           ? NULL
                                           : bsearch(&wanted, list->entries, list->entry_count,
                                                     sizeof(list->entries[0]), compare_plates);
    return found && exempt_entry_in_force(found, now) ? found : NULL;
}

size_t exempt_list_in_force(const struct exempt_list *list, struct wall_time now)
{
    size_t count = 0;
    for (size_t i = 0; i < list->entry_count; i++) {
        count += exempt_entry_in_force(&list->entries[i], now);
    }
    return count;
}
