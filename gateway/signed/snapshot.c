/*
 * Snapshot manifest and chunks. No state.
 */
#include "gateway/signed/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "gateway/signed/fields.h"
#include "gateway/signed/wanted_entry.h"

static const char *const encodings[] = {"identity", "zstd"};

enum { ZSTD_LEVEL = 6 };

static int read_chunk_row(const json_t *item, struct snapshot_chunk *chunk, struct err_text *err)
{
    static const char *const names[] = {"encoding", "entries", "hash", "raw_size", "size", NULL};
    const char *encoding = NULL;
    uint64_t entries = 0;
    uint64_t raw_size = 0;
    uint64_t size = 0;
    int result = fields_check(item, names, err);
    if (result == ERR_OK) {
        result = field_text(item, "encoding", 1, 16, &encoding, err);
    }
    if (result == ERR_OK) {
        chunk->encoding =
            strcmp(encoding, encodings[CHUNK_ZSTD]) == 0 ? CHUNK_ZSTD : CHUNK_IDENTITY;
        if (strcmp(encoding, encodings[chunk->encoding]) != 0) {
            result = err_set(err, ERR_UNSUPPORTED, "encoding: '%s', expected identity or zstd",
                             encoding);
        }
    }
    if (result == ERR_OK) {
        result = field_number(item, "entries", 1, SNAPSHOT_CHUNK_ENTRIES_MAX, &entries, err);
    }
    if (result == ERR_OK) {
        result = field_number(item, "raw_size", WANTED_RECORD_SIZE, SNAPSHOT_CHUNK_RAW_MAX,
                              &raw_size, err);
    }
    if (result == ERR_OK) {
        result = field_number(item, "size", 1, SNAPSHOT_CHUNK_MAX, &size, err);
    }
    chunk->entry_count = (uint32_t)entries;
    chunk->raw_size_bytes = (uint32_t)raw_size;
    chunk->size_bytes = (uint32_t)size;
    return result == ERR_OK ? field_hash(item, "hash", chunk->hash, err) : result;
}

static int read_chunk_rows(const json_t *object, struct snapshot *s, struct err_text *err)
{
    const json_t *list = NULL;
    const json_t *item;
    size_t index;
    uint64_t entries = 0;
    int result = field_array(object, "chunks", SNAPSHOT_CHUNKS_MAX, &list, err);
    if (result < 0) {
        return result;
    }
    s->chunk_count = json_array_size(list);
    s->chunks = calloc(s->chunk_count ? s->chunk_count : 1, sizeof(*s->chunks));
    if (!s->chunks) {
        return ERR_NO_MEMORY;
    }
    json_array_foreach(list, index, item)
    {
        result = read_chunk_row(item, &s->chunks[index], err);
        if (result < 0) {
            return err_prefix(err, result, "chunks[%zu]", index);
        }
        entries += s->chunks[index].entry_count;
    }
    return entries == s->entry_count
               ? ERR_OK
               : err_set(err, ERR_INVALID, "entries: %" PRIu64 ", its chunks hold %" PRIu64,
                         s->entry_count, entries);
}

static int read_manifest(const json_t *object, struct snapshot *s, struct err_text *err)
{
    static const char *const names[] = {"chunks",   "entries", "hash", "max_id",
                                        "revision", "time",    NULL};
    int result = fields_check(object, names, err);
    if (result == ERR_OK) {
        result = field_number(object, "revision", 1, INT64_MAX, &s->revision, err);
    }
    if (result == ERR_OK) {
        result = field_hash(object, "hash", s->hash, err);
    }
    if (result == ERR_OK) {
        result = field_time(object, "time", &s->time, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "entries", 0, INT64_MAX, &s->entry_count, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "max_id", 0, INT64_MAX, &s->max_id, err);
    }
    return result == ERR_OK ? read_chunk_rows(object, s, err) : result;
}

int snapshot_verify(const struct keyset *set, const void *envelope, size_t size,
                    struct snapshot *out, struct err_text *err)
{
    struct signers signers;
    struct snapshot s = {0};
    json_t *object = NULL;
    int result = statement_open(set, envelope, size, STATEMENT_SNAPSHOT, &signers, &object, err);
    if (result == ERR_OK) {
        result = read_manifest(object, &s, err);
    }
    json_decref(object);
    if (result == ERR_OK) {
        result = signers_check_time(&signers, s.time, err);
    }
    if (result < 0) {
        snapshot_fini(&s);
        return err_prefix(err, result, "snapshot");
    }
    s.clerk_count = signers_distinct(&signers);
    *out = s;
    return ERR_OK;
}

int snapshot_check_newer(const struct snapshot *s, const struct list_head *head,
                         struct err_text *err)
{
    if (s->revision > head->revision) {
        return ERR_OK;
    }
    bool fork = s->revision == head->revision && memcmp(s->hash, head->hash, HASH_SIZE) != 0;
    return err_set(err, fork ? ERR_CONFLICT : ERR_STALE,
                   "snapshot of revision %" PRIu64 ", the list is already at %" PRIu64, s->revision,
                   head->revision);
}

void snapshot_fini(struct snapshot *s)
{
    free(s->chunks);
    *s = (struct snapshot){0};
}

void snapshot_read_begin(struct snapshot_reader *reader, const struct snapshot *snapshot)
{
    *reader = (struct snapshot_reader){.snapshot = snapshot};
}

static int decode_chunk(const struct snapshot_chunk *chunk, const void *stored, size_t size,
                        uint8_t *raw, struct err_text *err)
{
    if (chunk->encoding == CHUNK_IDENTITY) {
        if (size != chunk->raw_size_bytes) {
            return err_set(err, ERR_INVALID, "size and raw_size differ");
        }
        memcpy(raw, stored, size);
        return ERR_OK;
    }
    size_t got = ZSTD_decompress(raw, chunk->raw_size_bytes, stored, size);
    if (ZSTD_isError(got) || got != chunk->raw_size_bytes) {
        return err_set(err, ERR_INVALID, "zstd: does not decode to %" PRIu32 " bytes",
                       chunk->raw_size_bytes);
    }
    return ERR_OK;
}

static int read_items(struct snapshot_reader *reader, const struct snapshot_chunk *chunk,
                      bool check_texts, struct snapshot_part *part, struct err_text *err)
{
    struct byte_reader r;
    byte_reader_init(&r, part->raw, chunk->raw_size_bytes);
    for (size_t i = 0; i < part->count; i++) {
        struct wanted_record *record = &part->items[i].record;
        int result = wanted_record_read(&r, record, err);
        if (result < 0) {
            return result;
        }
        if (record->id <= reader->last_id || record->id > reader->snapshot->max_id) {
            return err_set(err, ERR_INVALID, "entry %" PRIu64 ": ids must rise and not pass max_id",
                           record->id);
        }
        reader->last_id = record->id;
        reader->needs_two |= wanted_record_needs_two(record);
    }
    for (size_t i = 0; i < part->count; i++) {
        struct wanted_item *item = &part->items[i];
        const uint8_t *text = byte_read_bytes(&r, item->record.text_size);
        if (!text) {
            return err_set(err, ERR_INVALID, "entry %" PRIu64 ": text cut short", item->record.id);
        }
        item->text = (const char *)text;
        if (check_texts) {
            int result =
                wanted_entry_check_text(&item->record, item->text, item->record.text_size, err);
            if (result < 0) {
                return err_prefix(err, result, "entry %" PRIu64, item->record.id);
            }
        }
    }
    return byte_reader_done(&r) ? ERR_OK : err_set(err, ERR_INVALID, "bytes behind the last text");
}

/* Hash and sizes of the stored bytes are the manifest's. */
static int check_stored(const struct snapshot_chunk *chunk, const void *stored, size_t size,
                        struct err_text *err)
{
    uint8_t hash[HASH_SIZE];
    int result = hash_bytes(stored, size, hash);
    if (result < 0) {
        return result;
    }
    if (size != chunk->size_bytes || memcmp(hash, chunk->hash, HASH_SIZE) != 0) {
        return err_set(err, ERR_CORRUPT, "not the bytes the manifest names");
    }
    return (uint64_t)chunk->entry_count * WANTED_RECORD_SIZE <= chunk->raw_size_bytes
               ? ERR_OK
               : err_set(err, ERR_INVALID, "raw_size too small for its entries");
}

int snapshot_read_chunk(struct snapshot_reader *reader, const void *stored, size_t size,
                        bool check_texts, struct snapshot_part *out, struct err_text *err)
{
    if (reader->next_chunk == reader->snapshot->chunk_count) {
        return err_set(err, ERR_INVALID, "snapshot: more chunks than its manifest names");
    }
    const struct snapshot_chunk *chunk = &reader->snapshot->chunks[reader->next_chunk];
    struct snapshot_part part = {.count = chunk->entry_count};
    int result = check_stored(chunk, stored, size, err);
    if (result == ERR_OK) {
        part.raw = malloc(chunk->raw_size_bytes);
        part.items = calloc(part.count, sizeof(*part.items));
        result = part.raw && part.items ? ERR_OK : ERR_NO_MEMORY;
    }
    if (result == ERR_OK) {
        result = decode_chunk(chunk, stored, size, part.raw, err);
    }
    if (result == ERR_OK) {
        result = read_items(reader, chunk, check_texts, &part, err);
    }
    if (result < 0) {
        snapshot_part_fini(&part);
        return err_prefix(err, result, "snapshot chunk %zu", reader->next_chunk);
    }
    reader->next_chunk++;
    *out = part;
    return ERR_OK;
}

int snapshot_read_end(const struct snapshot_reader *reader, struct err_text *err)
{
    if (reader->next_chunk != reader->snapshot->chunk_count) {
        return err_set(err, ERR_INVALID, "snapshot: %zu of %zu chunks read", reader->next_chunk,
                       reader->snapshot->chunk_count);
    }
    if (reader->needs_two && reader->snapshot->clerk_count < 2) {
        return err_set(err, ERR_DENIED,
                       "snapshot: holds a priority 1 or observe entry, expected two different "
                       "clerks");
    }
    return ERR_OK;
}

void snapshot_part_fini(struct snapshot_part *part)
{
    free(part->raw);
    free(part->items);
    *part = (struct snapshot_part){0};
}

/* How many items are `limit` bytes at most, decoded. */
static size_t fitting(const struct wanted_item *items, size_t count, size_t limit,
                      size_t *out_raw_size)
{
    size_t used = 0;
    size_t raw_size = 0;
    while (used < count) {
        size_t next = raw_size + WANTED_RECORD_SIZE + items[used].record.text_size;
        if (next > limit) {
            break;
        }
        raw_size = next;
        used++;
    }
    *out_raw_size = raw_size;
    return used;
}

/* Records, then texts; returns what is stored of them. 0: more than SNAPSHOT_CHUNK_MAX bytes. */
static size_t encode(const struct wanted_item *items, size_t used, enum chunk_encoding encoding,
                     uint8_t *raw, size_t raw_size, uint8_t *stored)
{
    struct byte_writer w;
    byte_writer_init(&w, raw, raw_size);
    for (size_t i = 0; i < used; i++) {
        wanted_record_write(&w, &items[i].record);
    }
    for (size_t i = 0; i < used; i++) {
        byte_write_bytes(&w, items[i].text, items[i].record.text_size);
    }
    if (encoding == CHUNK_ZSTD) {
        size_t size = ZSTD_compress(stored, SNAPSHOT_CHUNK_MAX, raw, raw_size, ZSTD_LEVEL);
        return ZSTD_isError(size) ? 0 : size;
    }
    memcpy(stored, raw, raw_size);
    return raw_size;
}

int snapshot_write_chunk(const struct wanted_item *items, size_t count,
                         enum chunk_encoding encoding, struct snapshot_chunk *out,
                         uint8_t **out_stored, size_t *out_used)
{
    size_t limit = encoding == CHUNK_ZSTD ? SNAPSHOT_CHUNK_RAW_MAX : SNAPSHOT_CHUNK_MAX;
    size_t raw_size = 0;
    size_t used = fitting(items, count, limit, &raw_size);
    if (used == 0) {
        return ERR_INVALID;
    }
    uint8_t *raw = malloc(raw_size);
    uint8_t *stored = malloc(SNAPSHOT_CHUNK_MAX);
    size_t size = raw && stored ? encode(items, used, encoding, raw, raw_size, stored) : 0;
    /* What does not shrink enough: half of it, until even its worst case fits. */
    while (raw && stored && size == 0 && ZSTD_compressBound(limit) > SNAPSHOT_CHUNK_MAX) {
        limit /= 2;
        used = fitting(items, count, limit, &raw_size);
        size = encode(items, used, encoding, raw, raw_size, stored);
    }
    struct snapshot_chunk chunk = {.raw_size_bytes = (uint32_t)raw_size,
                                   .size_bytes = (uint32_t)size,
                                   .entry_count = (uint32_t)used,
                                   .encoding = encoding};
    int result = size > 0 ? hash_bytes(stored, size, chunk.hash) : ERR_NO_MEMORY;
    free(raw);
    if (result < 0) {
        free(stored);
        return result;
    }
    *out = chunk;
    *out_stored = stored;
    *out_used = used;
    return ERR_OK;
}

int snapshot_compose(const struct snapshot *s, struct envelope *out, struct err_text *err)
{
    if (s->revision == 0 || s->chunk_count > SNAPSHOT_CHUNKS_MAX) {
        return err_set(err, ERR_INVALID, "snapshot: revision or number of chunks out of range");
    }
    json_t *chunks = json_array();
    for (size_t i = 0; i < s->chunk_count; i++) {
        const struct snapshot_chunk *c = &s->chunks[i];
        json_t *row =
            json_pack("{s:s,s:I,s:o,s:I,s:I}", "encoding", encodings[c->encoding], "entries",
                      (json_int_t)c->entry_count, "hash", hash_json(c->hash), "raw_size",
                      (json_int_t)c->raw_size_bytes, "size", (json_int_t)c->size_bytes);
        if (json_array_append_new(chunks, row) < 0) {
            json_decref(chunks);
            return ERR_NO_MEMORY;
        }
    }
    return statement_compose(json_pack("{s:o,s:I,s:o,s:I,s:I,s:o}", "chunks", chunks, "entries",
                                       (json_int_t)s->entry_count, "hash", hash_json(s->hash),
                                       "max_id", (json_int_t)s->max_id, "revision",
                                       (json_int_t)s->revision, "time", time_json(s->time)),
                             STATEMENT_SNAPSHOT, out);
}
