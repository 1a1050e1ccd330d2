/*
 * The journal's own state, shared by the files of this folder that work for its one thread.
 */
#pragma once

#include "gateway/journal/journal.h"
#include "gateway/journal/seal.h"
#include "gateway/journal/store.h"

/* A place in the order of time. */
struct journal_mark {
    int64_t wall_ms;
    int64_t sequence;
};

struct journal {
    struct journal_options options;
    char path[STORE_PATH_SIZE];
    char key_path[STORE_PATH_SIZE];
    char next_key_path[STORE_PATH_SIZE];
    char reserve_path[STORE_PATH_SIZE];
    sqlite3 *db;
    sqlite3_stmt *insert;
    struct journal_head head;
    uint8_t boot[JOURNAL_BOOT_ID_SIZE];
    uint8_t seal_key[SEAL_KEY_SIZE]; /* private */
    struct mono_time sealed_at;
    uint64_t confirmed;
    bool reserve_used;
    bool failed;     /* the last append did */
    bool start_owed; /* a full disk had no room for the record of this start */
    struct journal_mark held[JOURNAL_KIND_COUNT]; /* up to here nothing past its term is left … */
    uint64_t held_version;                        /* … but what these holds hold */
    struct wall_time held_since;                  /* when that was last begun; 0: never */
    bool log_holds_deleted; /* the write-ahead log was not emptied after bodies were deleted */
};
