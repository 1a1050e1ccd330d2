/*
 * The folder of verified statements. State: struct shelf, an index of the files.
 */
#include "gateway/wanted/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/file.h"

enum { SHELF_NAME_SIZE = 64, SHELF_FILE_MODE = 0640, SHELF_FOLDER_MODE = 0750 };

enum file_kind { FILE_KEYSET, FILE_SNAPSHOT, FILE_CHUNK, FILE_BATCH, FILE_OTHER };

struct file_name {
    enum file_kind kind;
    uint64_t number; /* version or revision */
    uint64_t second; /* key set version or chunk index */
};

static void format_name(const struct file_name *name, char out[SHELF_NAME_SIZE])
{
    static const char *const forms[] = {[FILE_KEYSET] = "keyset",
                                        [FILE_SNAPSHOT] = "snapshot",
                                        [FILE_CHUNK] = "chunk",
                                        [FILE_BATCH] = "batch"};
    if (name->kind == FILE_KEYSET) {
        (void)snprintf(out, SHELF_NAME_SIZE, "keyset-%020" PRIu64 ".json", name->number);
    } else {
        (void)snprintf(out, SHELF_NAME_SIZE, "%s-%020" PRIu64 "-%020" PRIu64 ".%s",
                       forms[name->kind], name->number, name->second,
                       name->kind == FILE_CHUNK ? "bin" : "json");
    } /* two 20-digit numbers and a word fit SHELF_NAME_SIZE */
}

/* What a directory entry is: only names that format_name would write. */
static struct file_name parse_name(const char *text)
{
    static const char *const starts[] = {[FILE_KEYSET] = "keyset-",
                                         [FILE_SNAPSHOT] = "snapshot-",
                                         [FILE_CHUNK] = "chunk-",
                                         [FILE_BATCH] = "batch-"};
    for (int kind = FILE_KEYSET; kind < FILE_OTHER; kind++) {
        struct file_name name = {.kind = (enum file_kind)kind};
        char again[SHELF_NAME_SIZE];
        size_t start = strlen(starts[kind]);
        if (strncmp(text, starts[kind], start) != 0) {
            continue;
        }
        char *end = NULL;
        name.number = strtoull(text + start, &end, 10);
        if (kind != FILE_KEYSET && *end == '-') {
            name.second = strtoull(end + 1, &end, 10);
        }
        format_name(&name, again);
        if (strcmp(again, text) == 0) {
            return name;
        }
    }
    return (struct file_name){.kind = FILE_OTHER};
}

static void path_of(const struct shelf *shelf, const char *name, char out[SHELF_PATH_SIZE])
{
    /* shelf_open checked that folder, '/', name and ".refused" fit. */
    (void)snprintf(out, SHELF_PATH_SIZE, "%.*s/%s", SHELF_PATH_SIZE - SHELF_NAME_SIZE - 16,
                   shelf->folder, name);
}

static int put(const struct shelf *shelf, const struct file_name *name, const void *bytes,
               size_t size, struct err_text *err)
{
    char text[SHELF_NAME_SIZE];
    char path[SHELF_PATH_SIZE];
    format_name(name, text);
    path_of(shelf, text, path);
    return file_write_atomic(path, bytes, size, SHELF_FILE_MODE, err);
}

static int get(const struct shelf *shelf, const struct file_name *name, size_t limit_bytes,
               uint8_t **out, size_t *out_size, struct err_text *err)
{
    char text[SHELF_NAME_SIZE];
    char path[SHELF_PATH_SIZE];
    format_name(name, text);
    path_of(shelf, text, path);
    return file_read(path, limit_bytes, out, out_size, err);
}

static void drop(const struct shelf *shelf, const struct file_name *name, const char *suffix)
{
    char text[SHELF_NAME_SIZE];
    char path[SHELF_PATH_SIZE];
    char aside[SHELF_PATH_SIZE + 16];
    format_name(name, text);
    path_of(shelf, text, path);
    if (suffix) {
        (void)snprintf(aside, sizeof(aside), "%s%s", path, suffix);
        (void)rename(path, aside); /* kept for the technician; a missing file is fine */
    } else {
        (void)unlink(path); /* what stays is refused or ignored on the next load */
    }
}

int shelf_open(struct shelf *shelf, const char *folder, struct err_text *err)
{
    *shelf = (struct shelf){0};
    int length = snprintf(shelf->folder, sizeof(shelf->folder), "%s", folder);
    if (length <= 0 || length > SHELF_PATH_SIZE - SHELF_NAME_SIZE - 16) {
        return err_set(err, ERR_INVALID, "%s: path too long", folder);
    }
    int result = file_make_folder(folder, SHELF_FOLDER_MODE, err);
    if (result != 0) {
        return result;
    }
    return access(folder, R_OK | W_OK | X_OK) == 0
               ? ERR_OK
               : err_set(err, ERR_IO, "%s: %s", folder, strerror(errno));
}

/* Forgets the first `count` batches of the index. */
static void forget_batches(struct shelf *shelf, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (shelf->batches[i].bytes) {
            shelf->waiting_bytes -= shelf->batches[i].size;
            free(shelf->batches[i].bytes);
        }
    }
    shelf->batch_count -= count;
    shelf->written_count -= count < shelf->written_count ? count : shelf->written_count;
    if (shelf->batch_count > 0) {
        memmove(shelf->batches, shelf->batches + count,
                shelf->batch_count * sizeof(*shelf->batches));
    }
}

void shelf_close(struct shelf *shelf)
{
    forget_batches(shelf, shelf->batch_count);
    free(shelf->batches);
    *shelf = (struct shelf){0};
}

/* ---- listing ---- */

struct listing {
    struct file_name *names;
    size_t count;
    size_t capacity;
};

static int compare_names(const void *a, const void *b)
{
    const struct file_name *x = a;
    const struct file_name *y = b;
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    return x->second < y->second ? -1 : x->second > y->second;
}

static int listing_add(struct listing *l, struct file_name name)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 256;
        struct file_name *names = realloc(l->names, capacity * sizeof(*names));
        if (!names) {
            return ERR_NO_MEMORY;
        }
        l->names = names;
        l->capacity = capacity;
    }
    l->names[l->count++] = name;
    return ERR_OK;
}

/* Every file of ours, by kind and number. */
static int listing_read(const struct shelf *shelf, struct listing *out, struct err_text *err)
{
    int result = ERR_OK;
    *out = (struct listing){0};
    DIR *dir = opendir(shelf->folder);
    if (!dir) {
        return err_set(err, ERR_IO, "%s: %s", shelf->folder, strerror(errno));
    }
    for (const struct dirent *item = readdir(dir); item && result == ERR_OK; item = readdir(dir)) {
        struct file_name name = parse_name(item->d_name);
        if (name.kind != FILE_OTHER) {
            result = listing_add(out, name);
        }
    }
    closedir(dir);
    if (result < 0) {
        free(out->names);
        return err_set(err, result, "%s: out of memory", shelf->folder);
    }
    if (out->count > 0) {
        qsort(out->names, out->count, sizeof(*out->names), compare_names);
    }
    return ERR_OK;
}

/* ---- loading ---- */

struct loading {
    struct shelf *shelf;
    struct wanted_list *list;
    struct listing files;
    const struct shelf_steps *steps; /* may be NULL */
    size_t done;
    int fault; /* first one, with its text */
    struct err_text *err;
};

static void step(struct loading *l)
{
    l->done++;
    if (l->steps) {
        l->steps->step(l->steps->ctx, l->done);
    }
}

static int load_chunk(void *ctx, uint64_t revision, size_t index, uint8_t **out, size_t *out_size,
                      struct err_text *err)
{
    struct loading *l = ctx;
    step(l);
    return shelf_get_chunk(l->shelf, revision, index, out, out_size, err);
}

static void refuse(struct loading *l, const struct file_name *name, int code,
                   const struct err_text *why)
{
    char text[SHELF_NAME_SIZE];
    format_name(name, text);
    if (code != ERR_NOT_FOUND && code != ERR_NO_MEMORY && code != ERR_IO) {
        drop(l->shelf, name, ".refused");
    }
    if (l->fault == ERR_OK) {
        bool ours = code == ERR_NO_MEMORY || code == ERR_IO;
        l->fault = err_set(l->err, ours ? code : ERR_CORRUPT, "%s/%s: %.300s", l->shelf->folder,
                           text, why->text);
    }
}

/* The highest key set up to `version` comes into force; versions rise, so a later call goes on. */
static void use_keyset(struct loading *l, uint64_t version)
{
    const struct keyset *held = wanted_list_keyset(l->list);
    for (size_t i = l->files.count; i-- > 0;) {
        const struct file_name *name = &l->files.names[i];
        struct err_text why = {{0}};
        uint8_t *bytes = NULL;
        size_t size = 0;
        if (name->kind != FILE_KEYSET || name->number > version) {
            continue;
        }
        if (held && held->version >= name->number) {
            return;
        }
        int result = get(l->shelf, name, ENVELOPE_SIZE_MAX, &bytes, &size, &why);
        if (result == ERR_OK) {
            result = wanted_list_set_keyset(l->list, bytes, size, &why);
        }
        free(bytes);
        if (result == ERR_OK) {
            return;
        }
        refuse(l, name, result, &why);
    }
}

/* The newest snapshot that verifies. */
static void load_snapshot(struct loading *l)
{
    for (size_t i = l->files.count; i-- > 0;) {
        const struct file_name *name = &l->files.names[i];
        struct err_text why = {{0}};
        uint8_t *bytes = NULL;
        size_t size = 0;
        if (name->kind != FILE_SNAPSHOT) {
            continue;
        }
        use_keyset(l, name->second);
        int result = get(l->shelf, name, ENVELOPE_SIZE_MAX, &bytes, &size, &why);
        if (result == ERR_OK) {
            result = wanted_list_load_snapshot(l->list, bytes, size, load_chunk, l, &why);
        }
        free(bytes);
        if (result == ERR_OK) {
            l->shelf->snapshot = name->number;
            l->shelf->snapshot_keyset = name->second;
            l->shelf->snapshot_chunks = wanted_list_snapshot_chunks(l->list);
            return;
        }
        refuse(l, name, result, &why);
    }
}

static int note_batch(struct shelf *shelf, const struct shelf_batch *batch)
{
    if (shelf->batch_count == shelf->batch_capacity) {
        size_t capacity = shelf->batch_capacity ? shelf->batch_capacity * 2 : 256;
        struct shelf_batch *batches = realloc(shelf->batches, capacity * sizeof(*batches));
        if (!batches) {
            return ERR_NO_MEMORY;
        }
        shelf->batches = batches;
        shelf->batch_capacity = capacity;
    }
    shelf->batches[shelf->batch_count++] = *batch;
    return ERR_OK;
}

static int load_batch(struct loading *l, const struct file_name *name)
{
    struct err_text why = {{0}};
    uint8_t *bytes = NULL;
    size_t size = 0;
    uint64_t expected = wanted_list_head(l->list)->revision + 1;
    if (name->number < expected) {
        drop(l->shelf, name, NULL); /* the snapshot, or a second file of this revision, has it */
        return ERR_OK;
    }
    use_keyset(l, name->second);
    step(l);
    int result = get(l->shelf, name, ENVELOPE_SIZE_MAX, &bytes, &size, &why);
    if (result == ERR_OK) {
        result = wanted_list_apply_batch(l->list, bytes, size, &why);
    }
    if (result == ERR_OK && wanted_list_head(l->list)->revision != name->number) {
        result = err_set(&why, ERR_CORRUPT, "holds another revision than its name says");
    }
    if (result == ERR_OK) {
        result = note_batch(
            l->shelf, &(struct shelf_batch){.revision = name->number, .keyset = name->second});
        l->shelf->written_count = l->shelf->batch_count;
    }
    free(bytes);
    if (result < 0) {
        refuse(l, name, result, &why);
    }
    return result;
}

static void load_current(struct loading *l, struct wall_time now)
{
    struct err_text why = {{0}};
    uint8_t *bytes = NULL;
    size_t size = 0;
    int result = shelf_get_current(l->shelf, &bytes, &size, &why);
    if (result == ERR_OK) {
        result = wanted_list_set_freshness(l->list, bytes, size, now, &why);
        if (result < 0 && l->fault == ERR_OK) {
            l->fault =
                err_set(l->err, ERR_CORRUPT, "%s/current.json: %.300s", l->shelf->folder, why.text);
        }
    }
    free(bytes);
}

int shelf_load(struct shelf *shelf, struct wanted_list *list, struct wall_time now,
               const struct shelf_steps *steps, struct err_text *err)
{
    struct loading l = {.shelf = shelf, .list = list, .steps = steps, .err = err};
    int result = listing_read(shelf, &l.files, err);
    if (result < 0) {
        return result;
    }
    shelf->snapshot = 0;
    shelf->snapshot_chunks = 0;
    forget_batches(shelf, shelf->batch_count);
    load_snapshot(&l);
    for (size_t i = 0; i < l.files.count; i++) {
        if (l.files.names[i].kind == FILE_BATCH && load_batch(&l, &l.files.names[i]) < 0) {
            break;
        }
    }
    use_keyset(&l, UINT64_MAX);
    load_current(&l, now);
    free(l.files.names);
    return l.fault;
}

/* ---- putting ---- */

int shelf_put_keyset(struct shelf *shelf, uint64_t version, const void *bytes, size_t size,
                     struct err_text *err)
{
    return put(shelf, &(struct file_name){.kind = FILE_KEYSET, .number = version}, bytes, size,
               err);
}

int shelf_put_current(struct shelf *shelf, const void *bytes, size_t size, struct err_text *err)
{
    char path[SHELF_PATH_SIZE];
    path_of(shelf, "current.json", path);
    return file_write_atomic(path, bytes, size, SHELF_FILE_MODE, err);
}

bool shelf_has_room(const struct shelf *shelf, size_t size)
{
    return shelf->batch_count - shelf->written_count < SHELF_WAITING_MAX &&
           shelf->waiting_bytes + size <= SHELF_WAITING_BYTES_MAX;
}

int shelf_add_batch(struct shelf *shelf, uint64_t revision, uint64_t keyset, const void *bytes,
                    size_t size, struct err_text *err)
{
    struct shelf_batch batch = {.revision = revision, .keyset = keyset, .size = size};
    if (revision != shelf_revision(shelf) + 1) {
        return err_set(err, ERR_INVALID, "%s: batch %" PRIu64 " does not follow %" PRIu64,
                       shelf->folder, revision, shelf_revision(shelf));
    }
    if (!shelf_has_room(shelf, size)) {
        return err_set(err, ERR_FULL, "%s: too many batches wait for the disk", shelf->folder);
    }
    batch.bytes = malloc(size + 1);
    if (!batch.bytes || note_batch(shelf, &batch) < 0) {
        free(batch.bytes);
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", shelf->folder);
    }
    memcpy(batch.bytes, bytes, size);
    shelf->waiting_bytes += size;
    return ERR_OK;
}

int shelf_flush(struct shelf *shelf, struct err_text *err)
{
    while (shelf->written_count < shelf->batch_count) {
        struct shelf_batch *batch = &shelf->batches[shelf->written_count];
        struct file_name name = {
            .kind = FILE_BATCH, .number = batch->revision, .second = batch->keyset};
        int result = put(shelf, &name, batch->bytes, batch->size, err);
        if (result < 0) {
            return result;
        }
        free(batch->bytes);
        batch->bytes = NULL;
        shelf->waiting_bytes -= batch->size;
        shelf->written_count++;
    }
    return ERR_OK;
}

int shelf_put_chunk(struct shelf *shelf, uint64_t revision, size_t index, const void *bytes,
                    size_t size, struct err_text *err)
{
    struct file_name name = {.kind = FILE_CHUNK, .number = revision, .second = index};
    return put(shelf, &name, bytes, size, err);
}

/* What the snapshot in force makes superfluous. */
static void prune(struct shelf *shelf)
{
    struct listing files;
    struct err_text ignored;
    if (listing_read(shelf, &files, &ignored) < 0) {
        return; /* the next snapshot prunes again; old files do no harm */
    }
    for (size_t i = 0; i < files.count; i++) {
        const struct file_name *name = &files.names[i];
        bool old = name->kind == FILE_BATCH ? name->number <= shelf->snapshot
                   : name->kind == FILE_SNAPSHOT || name->kind == FILE_CHUNK
                       ? name->number < shelf->snapshot
                       : false;
        if (old) {
            drop(shelf, name, NULL);
        }
    }
    free(files.names);
}

int shelf_put_snapshot(struct shelf *shelf, uint64_t revision, uint64_t keyset, size_t chunks,
                       const void *bytes, size_t size, struct err_text *err)
{
    struct file_name name = {.kind = FILE_SNAPSHOT, .number = revision, .second = keyset};
    int result = put(shelf, &name, bytes, size, err);
    if (result < 0) {
        return result;
    }
    size_t first = 0;
    while (first < shelf->batch_count && shelf->batches[first].revision <= revision) {
        first++;
    }
    forget_batches(shelf, first);
    shelf->snapshot = revision;
    shelf->snapshot_keyset = keyset;
    shelf->snapshot_chunks = chunks;
    prune(shelf);
    return ERR_OK;
}

/* ---- getting ---- */

int shelf_get_keyset(const struct shelf *shelf, uint64_t version, uint8_t **out, size_t *out_size,
                     struct err_text *err)
{
    return get(shelf, &(struct file_name){.kind = FILE_KEYSET, .number = version},
               ENVELOPE_SIZE_MAX, out, out_size, err);
}

int shelf_get_current(const struct shelf *shelf, uint8_t **out, size_t *out_size,
                      struct err_text *err)
{
    char path[SHELF_PATH_SIZE];
    path_of(shelf, "current.json", path);
    return file_read(path, ENVELOPE_SIZE_MAX, out, out_size, err);
}

int shelf_get_batch(const struct shelf *shelf, uint64_t revision, uint8_t **out, size_t *out_size,
                    struct err_text *err)
{
    if (revision <= shelf->snapshot || revision > shelf_revision(shelf)) {
        return err_set(err, ERR_NOT_FOUND, "%s: no batch %" PRIu64, shelf->folder, revision);
    }
    const struct shelf_batch *batch = &shelf->batches[revision - shelf->snapshot - 1];
    struct file_name name = {
        .kind = FILE_BATCH, .number = batch->revision, .second = batch->keyset};
    if (!batch->bytes) {
        return get(shelf, &name, ENVELOPE_SIZE_MAX, out, out_size, err);
    }
    uint8_t *bytes = malloc(batch->size + 1);
    if (!bytes) {
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", shelf->folder);
    }
    memcpy(bytes, batch->bytes, batch->size);
    *out = bytes;
    *out_size = batch->size;
    return ERR_OK;
}

int shelf_get_snapshot(const struct shelf *shelf, uint8_t **out, size_t *out_size,
                       struct err_text *err)
{
    struct file_name name = {
        .kind = FILE_SNAPSHOT, .number = shelf->snapshot, .second = shelf->snapshot_keyset};
    return get(shelf, &name, ENVELOPE_SIZE_MAX, out, out_size, err);
}

int shelf_get_chunk(void *ctx, uint64_t revision, size_t index, uint8_t **out, size_t *out_size,
                    struct err_text *err)
{
    struct file_name name = {.kind = FILE_CHUNK, .number = revision, .second = index};
    return get(ctx, &name, SNAPSHOT_CHUNK_MAX, out, out_size, err);
}

uint64_t shelf_revision(const struct shelf *shelf)
{
    return shelf->snapshot + shelf->batch_count;
}
