/*
 * A snapshot: the whole list at one revision as a signed manifest over chunks. Manifest payload:
 *
 *   {"chunks":[{"encoding":"zstd","entries":N,"hash":"sha256:…","raw_size":B,"size":B}],
 *    "entries":N,"hash":"sha256:…","max_id":I,"revision":R,"time":"…"}
 *
 * `hash` is of the batch that made the revision; a chunk's hash is of its stored bytes. A chunk,
 * decoded ("zstd", or "identity" as it is), is N match records, then their N canonical texts. Ids
 * rise strictly over all chunks. Manifests are list statements: two clerks when the list holds any
 * priority-1 or observe entry, as snapshot_read_end checks. Pure, any thread.
 */
#pragma once

#include "gateway/signed/batch.h"

enum {
    SNAPSHOT_CHUNK_MAX = 1 << 20,     /* bytes stored */
    SNAPSHOT_CHUNK_RAW_MAX = 4 << 20, /* bytes decoded */
    SNAPSHOT_CHUNKS_MAX = 4096,       /* 16 GB decoded: 30 million entries with 500 bytes of text */
    SNAPSHOT_CHUNK_ENTRIES_MAX = SNAPSHOT_CHUNK_RAW_MAX / WANTED_RECORD_SIZE
};

enum chunk_encoding { CHUNK_IDENTITY = 0, CHUNK_ZSTD = 1 };

struct snapshot_chunk {
    uint8_t hash[HASH_SIZE];
    uint32_t size_bytes;     /* stored */
    uint32_t raw_size_bytes; /* decoded */
    uint32_t entry_count;
    enum chunk_encoding encoding;
};

struct snapshot {
    uint64_t revision;
    uint8_t hash[HASH_SIZE];
    struct wall_time time;
    uint64_t entry_count;
    uint64_t max_id; /* highest id ever on the list, withdrawn ones included */
    size_t chunk_count;
    struct snapshot_chunk *chunks; /* heap */
    int clerk_count;               /* different holders that signed */
};

/* Verifies a manifest. ERR_INVALID, ERR_CORRUPT, ERR_DENIED, ERR_TOO_LARGE. snapshot_fini frees. */
int snapshot_verify(const struct keyset *set, const void *envelope, size_t size,
                    struct snapshot *out, struct err_text *err) MUST_CHECK;
/* Whether it may replace the list held: ERR_STALE unless its revision is higher. The revision held
 * with the same hash is a repeat, ERR_CONFLICT with another one. */
int snapshot_check_newer(const struct snapshot *s, const struct list_head *head,
                         struct err_text *err) MUST_CHECK;
void snapshot_fini(struct snapshot *s);

/* Reads the chunks of one snapshot in order: begin, next for each, end. */
struct snapshot_reader {
    const struct snapshot *snapshot;
    size_t next_chunk;
    uint64_t last_id;
    bool needs_two;
};

struct snapshot_part {
    uint8_t *raw; /* heap */
    size_t count;
    struct wanted_item *items; /* heap; texts point into raw */
};

void snapshot_read_begin(struct snapshot_reader *reader, const struct snapshot *snapshot);
/* Checks the next chunk's stored bytes against the manifest and decodes it: hash, sizes, every
 * record, ids rising. Texts are checked against their records only with `check_texts`: a box loads
 * records, not JSON. ERR_CORRUPT (hash), ERR_INVALID. snapshot_part_fini frees. */
int snapshot_read_chunk(struct snapshot_reader *reader, const void *stored, size_t size,
                        bool check_texts, struct snapshot_part *out,
                        struct err_text *err) MUST_CHECK;
/* All chunks were read, and two clerks signed if need be. ERR_INVALID, ERR_DENIED. Before it says
 * ERR_OK nothing of the snapshot may come into force. */
int snapshot_read_end(const struct snapshot_reader *reader, struct err_text *err) MUST_CHECK;
void snapshot_part_fini(struct snapshot_part *part);

/* Encodes as many of the items as fit one chunk, both its limits kept, *out_used of `count`;
 * *out_stored is heap memory the caller frees. ERR_NO_MEMORY. */
int snapshot_write_chunk(const struct wanted_item *items, size_t count,
                         enum chunk_encoding encoding, struct snapshot_chunk *out,
                         uint8_t **out_stored, size_t *out_used) MUST_CHECK;
/* An unsigned manifest; the caller signs and frees. ERR_INVALID, ERR_TOO_LARGE. */
int snapshot_compose(const struct snapshot *s, struct envelope *out,
                     struct err_text *err) MUST_CHECK;
