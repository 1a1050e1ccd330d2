/* See tablets.h. */
#include "gateway/control/tablets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/file.h"
#include "gateway/base/json.h"

enum { FILE_MAX_BYTES = 64 * 1024, LANE_MAX = 255 };

/* ---- checks ---- */

bool tablets_is_name(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size < TABLET_NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == size;
}

static bool is_fingerprint(const char *text)
{
    size_t size = strlen(text);
    return size == TABLET_FINGERPRINT_SIZE - 1 && strspn(text, "0123456789abcdef") == size;
}

const struct tablet *tablets_find(const struct tablets *tablets, const char *name)
{
    for (int i = 0; i < tablets->count; i++)
        if (strcmp(tablets->rows[i].name, name) == 0)
            return &tablets->rows[i];
    return NULL;
}

static int parse_lanes(const json_t *list, struct tablet *out, struct err_text *err)
{
    size_t count = json_array_size(list);
    if (list && (!json_is_array(list) || count > TABLET_LANES_MAX))
        return err_set(err, ERR_INVALID, "lanes: expected a list of at most %d lane numbers",
                       TABLET_LANES_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *lane = json_array_get(list, i);
        if (!json_is_integer(lane) || json_integer_value(lane) < 1 ||
            json_integer_value(lane) > LANE_MAX)
            return err_set(err, ERR_INVALID, "lanes[%zu]: expected the number of a lane", i);
        out->lanes[i] = (uint8_t)json_integer_value(lane);
    }
    return 0;
}

int tablets_parse(const json_t *args, struct tablet *out, struct err_text *err)
{
    struct tablet tablet = {0};
    const char *name = json_string_value(json_object_get(args, "name"));
    const char *fingerprint = json_string_value(json_object_get(args, "fingerprint"));
    if (!name || !tablets_is_name(name))
        return err_set(err, ERR_INVALID, "name: expected 1 to %d of a-z, 0-9, '.', '_', '-'",
                       TABLET_NAME_SIZE - 1);
    if (!fingerprint || !is_fingerprint(fingerprint))
        return err_set(err, ERR_INVALID,
                       "fingerprint: expected the certificate's SHA-256 as 64 digits 0-9 a-f");
    int result = parse_lanes(json_object_get(args, "lanes"), &tablet, err);
    if (result != 0)
        return result;
    memcpy(tablet.name, name, strlen(name) + 1);
    memcpy(tablet.fingerprint, fingerprint, strlen(fingerprint) + 1);
    *out = tablet;
    return 0;
}

/* ---- file ---- */

json_t *tablets_row_json(const struct tablet *tablet)
{
    json_t *lanes = json_array();
    for (int i = 0; i < TABLET_LANES_MAX && tablet->lanes[i] != 0; i++)
        json_array_append_new(lanes, json_integer(tablet->lanes[i]));
    json_t *row = json_pack("{s:s,s:s,s:o,s:I,s:s,s:b}", "name", tablet->name, "fingerprint",
                            tablet->fingerprint, "lanes", lanes, "paired_at_ms",
                            (json_int_t)tablet->paired_at.ms, "paired_by", tablet->paired_by,
                            "revoked", (int)tablet->revoked);
    if (row && tablet->revoked) {
        json_object_set_new(row, "revoked_at_ms", json_integer(tablet->revoked_at.ms));
        json_object_set_new(row, "revoked_by", json_string(tablet->revoked_by));
    }
    return row;
}

static bool copy_by(const json_t *row, const char *key, char out[TABLET_BY_SIZE])
{
    const char *text = json_string_value(json_object_get(row, key));
    if (!text || strlen(text) >= TABLET_BY_SIZE)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static int parse_row(const json_t *row, struct tablet *out, struct err_text *err)
{
    const json_t *paired = json_object_get(row, "paired_at_ms");
    const json_t *revoked = json_object_get(row, "revoked");
    if (tablets_parse(row, out, err) != 0)
        return ERR_CORRUPT;
    if (!json_is_integer(paired) || !json_is_boolean(revoked) ||
        !copy_by(row, "paired_by", out->paired_by))
        return err_set(err, ERR_CORRUPT, "paired_at_ms, paired_by or revoked: missing");
    out->paired_at.ms = json_integer_value(paired);
    out->revoked = json_is_true(revoked);
    if (out->revoked) {
        out->revoked_at.ms = json_integer_value(json_object_get(row, "revoked_at_ms"));
        if (!copy_by(row, "revoked_by", out->revoked_by))
            return err_set(err, ERR_CORRUPT, "revoked_by: missing");
    }
    return 0;
}

static int parse_file(const json_t *root, struct tablets *out, struct err_text *err)
{
    const json_t *list = json_object_get(root, "tablets");
    if (!json_is_array(list) || json_array_size(list) > TABLETS_MAX)
        return err_set(err, ERR_CORRUPT, "tablets: expected a list of at most %d", TABLETS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct tablet row;
        int result = parse_row(json_array_get(list, i), &row, err);
        if (result != 0)
            return err_prefix(err, result, "tablets[%zu]", i);
        if (tablets_find(out, row.name))
            return err_set(err, ERR_CORRUPT, "tablets[%zu]: '%s' twice", i, row.name);
        out->rows[out->count++] = row;
    }
    return 0;
}

int tablets_load(const char *path, struct tablets *out, struct err_text *err)
{
    struct stat st;
    uint8_t *data;
    size_t size;
    json_t *root;
    *out = (struct tablets){0};
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        return err_set(err, ERR_DENIED, "%s: readable or writable by others, expected mode 0600",
                       path);
    int result = file_read(path, FILE_MAX_BYTES, &data, &size, err);
    if (result == ERR_NOT_FOUND)
        return 0;
    if (result != 0)
        return result;
    result = json_parse((const char *)data, size, &root, err) == 0 ? 0 : ERR_CORRUPT;
    free(data);
    if (result == 0) {
        result = parse_file(root, out, err);
        json_decref(root);
    }
    if (result != 0)
        *out = (struct tablets){0};
    return result == 0 ? 0 : err_prefix(err, result, "%s", path);
}

/* Writes `changed` and, once it is on disk, makes it what counts. */
static int save(struct tablets *tablets, const char *path, const struct tablets *changed,
                struct err_text *err)
{
    json_t *list = json_array();
    for (int i = 0; i < changed->count; i++)
        json_array_append_new(list, tablets_row_json(&changed->rows[i]));
    json_t *root = json_pack("{s:o}", "tablets", list);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    json_decref(root);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
    int result = file_write_atomic(path, text, strlen(text), 0600, err);
    free(text);
    if (result == 0)
        *tablets = *changed;
    return result;
}

/* ---- changes ---- */

/* Where a new one goes: over a revoked one of its name, behind the last, over the longest revoked.
 * NULL: all are in use. */
static struct tablet *place_for(struct tablets *tablets, const char *name)
{
    struct tablet *oldest = NULL;
    for (int i = 0; i < tablets->count; i++) {
        struct tablet *row = &tablets->rows[i];
        if (strcmp(row->name, name) == 0)
            return row;
        if (row->revoked && (!oldest || row->revoked_at.ms < oldest->revoked_at.ms))
            oldest = row;
    }
    return tablets->count < TABLETS_MAX ? &tablets->rows[tablets->count++] : oldest;
}

int tablets_add(struct tablets *tablets, const char *path, const struct tablet *tablet,
                struct err_text *err)
{
    for (int i = 0; i < tablets->count; i++) {
        const struct tablet *row = &tablets->rows[i];
        if (strcmp(row->name, tablet->name) == 0 && !row->revoked)
            return err_set(err, ERR_CONFLICT, "tablet '%s' is paired already: revoke it first",
                           row->name);
        if (strcmp(row->fingerprint, tablet->fingerprint) == 0)
            return err_set(err, ERR_CONFLICT, "fingerprint: that of tablet '%s'", row->name);
    }
    struct tablets *changed = malloc(sizeof *changed);
    if (!changed)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
    *changed = *tablets;
    struct tablet *place = place_for(changed, tablet->name);
    int result = place ? 0 : err_set(err, ERR_FULL, "more than %d tablets in use", TABLETS_MAX);
    if (result == 0) {
        *place = *tablet;
        result = save(tablets, path, changed, err);
    }
    free(changed);
    return result;
}

int tablets_revoke(struct tablets *tablets, const char *path, const char *name,
                   struct wall_time when, const char *by, struct err_text *err)
{
    const struct tablet *found = tablets_find(tablets, name);
    if (!found || found->revoked)
        return err_set(err, ERR_NOT_FOUND, "no tablet '%.40s' in use", name);
    struct tablets *changed = malloc(sizeof *changed);
    if (!changed)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
    *changed = *tablets;
    struct tablet *row = &changed->rows[found - tablets->rows];
    row->revoked = true;
    row->revoked_at = when;
    err_copy(by, row->revoked_by, sizeof row->revoked_by);
    int result = save(tablets, path, changed, err);
    free(changed);
    return result;
}
