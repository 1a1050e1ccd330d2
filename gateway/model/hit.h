/*
 * What matching says of one read, and the message that carries it from checkpoint-matchd to
 * checkpointd over the `matches` socket (SOCK_SEQPACKET, one message a packet, one machine, native
 * layout; `version` changes with any field). Plain values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/model/plate_read.h"
#include "gateway/model/wanted.h"

enum match_kind {
    MATCH_EXACT = 1,      /* every symbol read and equal */
    MATCH_LOOK_ALIKE = 2, /* characters of one confusable group apart */
    MATCH_CANDIDATE = 3,  /* a candidate of the camera equals */
    MATCH_PARTIAL = 4     /* unread symbols on either side, the others equal */
};

struct match_hit {
    struct wanted_record entry; /* the immutable entry, compared again before it left match */
    enum match_kind kind;
    enum class_agreement agreement;
    plate_key read_key; /* the key that matched: best read or candidate */
    uint8_t differing;  /* symbols of read_key that differ from the entry's or are unread */
    uint16_t differs;   /* bit i: the best read does not say symbol i of the entry's plate */
    int16_t odds_db;    /* 10 log10 of the odds that the vehicle carries this plate;
                           MATCH_ODDS_NONE: not computed */
    bool expired;       /* outside its validity by the clock; only while time is untrusted */
};

enum {
    MATCH_MESSAGE_VERSION = 7,
    MATCH_ODDS_NONE = INT16_MIN,
    MATCH_ODDS_MAX_DB = 300, /* computed odds lie within plus and minus this */
    MATCH_HITS_MAX = 8,
    MATCH_WATCH_MAX = 3328, /* 32 lanes, 4 holds and 8 vehicles each, 8 hits each, and 256 hits that
                               are being dealt with: all there are */
    MATCH_WITHDRAWN_MAX = 64, /* of one message; there may be several */
    MATCH_COUNTERS_MAX = 20,  /* of one message; there may be several */
    MATCH_COUNTER_NAME_SIZE = 32,
    MATCH_COUNTER_SOURCE_SIZE = 32,
    MATCH_REFUSED_SOURCE_SIZE = 56, /* "[2001:db8::1]:40000" */
    MATCH_REFUSED_BYTES_MAX = 48,
    MATCH_CHANNELS_SIZE = 64
};

enum match_message_type {
    MATCH_HELLO = 1, /* first: lanes that have a camera in matchd.yaml */
    MATCH_READ = 2,  /* a read: a passage, with its hits (none: hit_count 0) */
    MATCH_LIST = 3,  /* the list in force changed, or its state did */
    MATCH_ALIVE = 4, /* every 250 ms when nothing else was sent: silence of 1 s is "blind" */
    MATCH_ALARM = 5, /* a named alarm was raised or ended */
    MATCH_WITHDRAWN =
        6,              /* watched entries that are in the list no more (expiry is no withdrawal) */
    MATCH_SEARCHED = 7, /* answer to a search: like a read, of no passage */
    MATCH_STATS = 8,    /* counters of capture and matching since start, for status and metrics */
    MATCH_REFUSED = 9,  /* what of a camera was refused for one cause in a minute */
    MATCH_POLICY = 10,  /* by what judgement goes: once a connection, then when it changes */
    MATCH_OBSERVED = 11, /* a read with its hits on observe entries alone, without texts: of no
                            passage; hits_dropped counts earlier ones that found no room too */
    MATCH_SELF_TEST = 12 /* answer to QUERY_SELF_TEST: the self-test's read with its hits on
                            self-test entries alone. No other message has those, and no read of a
                            camera, a line or a socket becomes this one. */
};

enum list_state {
    LIST_NONE = 0,    /* no list at all */
    LIST_CURRENT = 1, /* a valid "still current" statement covers it */
    LIST_STALE = 2    /* verified, but no statement says it is still current */
};

struct list_status {
    uint64_t revision;
    uint8_t hash[32];               /* of the batch that made the revision */
    struct wall_time signed_at;     /* time in that batch */
    struct wall_time current_until; /* of the freshness statement, 0 = none */
    enum list_state state;
};

/* By what judgement goes: the signed match policy in force, or what is built in without one. */
struct policy_status {
    uint64_t version;           /* 0: built in */
    uint8_t hash[32];           /* of the policy's payload; zeros: built in */
    struct wall_time signed_at; /* 0: built in */
    uint32_t false_alerts;      /* operating point: false alerts a shift of 8 h */
    uint32_t traffic;           /* vehicles a shift it is measured by */
    bool traffic_stated;        /* by the policy; otherwise from the box's own count */
    uint8_t look_alike_max;
    char channels[MATCH_CHANNELS_SIZE]; /* alphabets with a channel, "latin mainland"; "": none */
};

struct match_counter {
    char name[MATCH_COUNTER_NAME_SIZE];     /* "frame_truncated": a-z, 0-9, _ */
    char source[MATCH_COUNTER_SOURCE_SIZE]; /* capture source it is of, "": of the whole program */
    uint16_t queue;                         /* of that source */
    uint64_t value;
};

struct match_message {
    uint32_t version; /* MATCH_MESSAGE_VERSION */
    enum match_message_type type;
    uint64_t sequence;       /* of this connection, from 1: a gap is a fault */
    struct list_status list; /* in force when the read was matched; all types */
    union {
        struct {
            uint8_t lane_count;
            uint8_t lanes[LANE_ID_MAX];
            uint16_t cameras[LANE_ID_MAX]; /* first camera of each lane */
        } hello;
        struct {
            struct plate_read read;
            uint8_t hit_count;     /* strongest first: kind, agreement, priority */
            uint8_t hits_dropped;  /* beyond MATCH_HITS_MAX, 255 = 255 or more */
            bool self_test_listed; /* MATCH_SELF_TEST: the list has such an entry, hit or not */
            struct match_hit hits[MATCH_HITS_MAX];
        } read; /* MATCH_OBSERVED too; MATCH_SEARCHED and MATCH_SELF_TEST with the question's number
                   as event_id */
        struct {
            uint32_t count;
            uint64_t entries[MATCH_WITHDRAWN_MAX];
        } withdrawn;
        struct {
            uint32_t event; /* enum log_event_id of the named alarm */
            bool active;
            char detail[160];
        } alarm;
        struct {
            uint32_t count;
            struct match_counter counters[MATCH_COUNTERS_MAX];
        } stats;
        struct {
            uint16_t camera;                     /* 0: none of matchd.yaml */
            uint8_t lane;                        /* of that camera; 0 with camera 0 */
            uint32_t count;                      /* > 0 */
            char cause[MATCH_COUNTER_NAME_SIZE]; /* the counter's name */
            /* The first one. */
            char source[MATCH_REFUSED_SOURCE_SIZE]; /* address and port, "": not known */
            uint8_t size;
            uint8_t bytes[MATCH_REFUSED_BYTES_MAX]; /* its first bytes, none of a plate */
        } refused;
        struct policy_status policy;
    } u;
    /* MATCH_READ, MATCH_SEARCHED, MATCH_SELF_TEST: the JSON texts of the hits' entries follow, each
     * entry.text_size bytes, in order. */
};

enum match_query_type {
    QUERY_WATCH = 1,    /* replaces the set of watched entries: those with an open hit */
    QUERY_SEARCH = 2,   /* match this plate now */
    QUERY_SELF_TEST = 3 /* inject the self-test's plate and say what matching made of it */
};

/* From checkpointd to checkpoint-matchd, on the same connection, one query a packet. */
struct match_query {
    uint32_t version; /* MATCH_MESSAGE_VERSION */
    enum match_query_type type;
    union {
        struct {
            uint32_t count; /* matchd answers with MATCH_WITHDRAWN, soon and after each change of
                               the list, unless all of them are in it */
            uint64_t entries[MATCH_WATCH_MAX];
        } watch;
        struct {
            uint64_t number; /* the asker's, > 0 */
            plate_key key;
            plate_class class;
        } search;
        uint64_t self_test; /* the asker's number, > 0 */
    } u;
};

enum { MATCH_MESSAGE_SIZE_MAX = sizeof(struct match_message) + MATCH_HITS_MAX * WANTED_TEXT_MAX };

/* "exact", "look_alike", "candidate", "partial"; NULL when it is none. */
const char *match_kind_name(enum match_kind kind);
/* And back; 0 when no kind has that name. */
enum match_kind match_kind_parse(const char *name);
/* What the odds of a hit mean to an officer: "almost certainly this plate" … "possible: check by
 * eye"; for MATCH_ODDS_NONE what its kind says by itself. Never NULL. */
const char *match_odds_words(int16_t odds_db, enum match_kind kind);
const char *match_odds_words_zh(int16_t odds_db, enum match_kind kind);

/* One place where the best read says something else than the entry's plate. */
struct match_difference {
    uint8_t position; /* of the plate's symbols, from 1 */
    uint8_t listed;   /* the plate's symbol; 0: something was read before that position that the
                         plate does not have (a position above the last: behind it) */
    uint8_t read;     /* the symbol read; PLATE_SYMBOL_UNREAD: not read */
};
enum {
    MATCH_DIFFERENCES_MAX = 2 * PLATE_SYMBOLS_MAX,
    MATCH_DIFFERS_TEXT_SIZE = 640,
    MATCH_WHY_TEXT_SIZE = MATCH_DIFFERS_TEXT_SIZE + 128
};
/* Where the best read (its key, 0: none) differs, `differs` as in the hit, positions rising.
 * Returns how many. */
int match_differences(plate_key entry, plate_key best_read, uint16_t differs,
                      struct match_difference out[MATCH_DIFFERENCES_MAX]);
/* How the best read (its key, 0: none) differs from the entry's plate, `differs` as in the hit:
 * "O read for 0 at position 3; 5 not read at position 7; 1 read before position 1", "" when it does
 * not. */
void match_differs_text(plate_key entry, plate_key best_read, uint16_t differs,
                        char out[MATCH_DIFFERS_TEXT_SIZE]);
void match_differs_text_zh(plate_key entry, plate_key best_read, uint16_t differs,
                           char out[MATCH_DIFFERS_TEXT_SIZE]);
/* Why this is a hit, for an officer: its kind, how the read differs, what the odds mean:
 * "look-alike: O read for 0 at position 3; very likely this plate". */
void match_why_text(enum match_kind kind, plate_key entry, plate_key best_read, uint16_t differs,
                    int16_t odds_db, char out[MATCH_WHY_TEXT_SIZE]);
void match_why_text_zh(enum match_kind kind, plate_key entry, plate_key best_read, uint16_t differs,
                       int16_t odds_db, char out[MATCH_WHY_TEXT_SIZE]);

/* Checks a query of `size` bytes as it came off the socket. Errors as match_message_check. */
int match_query_check(const struct match_query *query, size_t size,
                      struct err_text *err) MUST_CHECK;
/* Checks every field of a message of `size` bytes as it came off the socket, texts included.
 * ERR_INVALID, ERR_UNSUPPORTED (version), ERR_TOO_LARGE; `err` says which field. */
int match_message_check(const struct match_message *m, size_t size,
                        struct err_text *err) MUST_CHECK;
