/*
 * See set_edit.h. No state.
 */
#include "gateway/hqctl/set_edit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file.h"
#include "gateway/signed/servers.h"

enum { NAME_SIZE = 128 };

/* The folder's set, or hqd's where that is given. */
static int read_set(struct set_edit *edit, struct err_text *err)
{
    const struct set_source *source = edit->source;
    char path[KEY_STORE_PATH_SIZE];
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = key_store_path(path, source->folder, "keyset.json", err);
    if (rc == 0)
        rc = file_read(path, ENVELOPE_SIZE_MAX, &text, &size, err);
    if (rc == 0 && (rc = keyset_verify(&edit->known, text, size, edit->set, err)) != 0)
        rc = err_prefix(err, rc, "%s", path);
    uint64_t held = edit->set->version;
    if (rc == 0 && source->keyset_text) {
        rc = keyset_verify(&edit->known, source->keyset_text, source->keyset_size, edit->set, err);
        if (rc == 0 && edit->set->version < held)
            rc = err_set(err, ERR_STALE,
                         "%s: version %" PRIu64 ", hqd has %" PRIu64
                         ": publish it first with 'hqctl keyset publish'",
                         path, held, edit->set->version);
    }
    if (rc == 0)
        rc = keyset_root_changes(source->keyset_text ? source->keyset_text : (const char *)text,
                                 source->keyset_text ? source->keyset_size : size,
                                 &edit->root_changes, err);
    if (rc == 0)
        rc = server_roots_read(source->keyset_text ? source->keyset_text : (const char *)text,
                               source->keyset_text ? source->keyset_size : size, &edit->servers,
                               err);
    free(text);
    return rc;
}

int set_edit_begin(const struct set_source *source, struct set_edit *out, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    *out = (struct set_edit){.source = source, .set = calloc(1, sizeof(*out->set))};
    int rc = out->set ? key_store_path(path, source->folder, "roots", err) : ERR_NO_MEMORY;
    if (rc == 0)
        rc = key_store_read_roots(path, &out->known, err);
    if (rc == 0)
        rc = read_set(out, err);
    if (rc == 0)
        out->held = out->set->version;
    return rc;
}

int set_edit_open_roots(struct set_edit *edit, struct err_text *err)
{
    const struct set_source *source = edit->source;
    if (source->root_numbers[0] == source->root_numbers[1])
        return err_set(err, ERR_INVALID, "root key %d: named twice, expected two different ones",
                       source->root_numbers[0]);
    for (int i = 0; i < 2; i++) {
        char name[NAME_SIZE];
        char path[KEY_STORE_PATH_SIZE];
        int number = source->root_numbers[i];
        (void)snprintf(name, sizeof(name), "secret/root-%d.key.pem", number); /* fits */
        int rc = key_store_path(path, source->folder, name, err);
        (void)snprintf(name, sizeof(name), "root key %d", number); /* fits */
        if (rc == 0)
            rc = key_store_open(path, &source->passphrases, name, &edit->roots[i], err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int set_edit_sign(struct set_edit *edit, char **out, size_t *out_size, struct err_text *err)
{
    struct keyset *check = calloc(1, sizeof(*check));
    char *text = NULL;
    size_t size = 0;
    edit->set->version = edit->held + 1;
    edit->set->time = edit->source->now;
    int rc = check ? key_store_sign_keyset(edit->set, edit->root_changes, edit->servers,
                                           edit->roots, 2, &text, &size, err)
                   : ERR_NO_MEMORY;
    if (rc == 0)
        rc = keyset_verify(&edit->known, text, size, check, err);
    free(check);
    if (rc != 0) {
        free(text);
        return rc;
    }
    *out = text;
    *out_size = size;
    return 0;
}

int set_edit_save(const struct set_edit *edit, const char *text, size_t size, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    int rc = key_store_path(path, edit->source->folder, "keyset.json", err);
    if (rc == 0)
        rc = file_write_atomic(path, text, size, 0644, err);
    if (rc == 0)
        rc = key_store_path(path, edit->source->folder, "box/keyset.json", err);
    return rc == 0 ? file_write_atomic(path, text, size, 0644, err) : rc;
}

void set_edit_end(struct set_edit *edit)
{
    free(edit->set);
    json_decref(edit->root_changes);
    json_decref(edit->servers);
    sign_key_free(edit->roots[0]);
    sign_key_free(edit->roots[1]);
    *edit = (struct set_edit){0};
}
