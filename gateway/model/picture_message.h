/*
 * Pictures between programs of one machine, over checkpoint-camerad's sockets (SOCK_SEQPACKET, one
 * message a packet, native layout): `pictures`, where camera programs hand them in, `evidence`,
 * where checkpoint-uplinkd says which belong to hits and takes those to headquarters, and `look`,
 * where the console shows them to officers. Plain values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/model/hit_events.h"

enum {
    PICTURE_MESSAGE_VERSION = 1,
    PICTURE_MAX = 8 << 20,        /* bytes, also headquarters' limit */
    PICTURE_DATA_MAX = 64 * 1024, /* bytes of one packet */
    PICTURE_SHA_SIZE = 32,
    PICTURE_CHAIN_SIZE = 16,
    PICTURE_WHY_SIZE = 200,
    PICTURE_DAYS_MAX = 3650,
    PICTURES_FOUND_MAX = 32
};

/* The year 9999: what a time can be written as. */
#define PICTURE_TIME_MAX_MS INT64_C(253402300799999)

/* Numbers stand on disk. */
enum picture_kind {
    PICTURE_SCENE = 1, /* what the camera took when it read */
    PICTURE_CROP = 2,  /* the plate of it */
    PICTURE_LATER = 3  /* taken after the read: never what was read */
};

enum picture_message_type {
    /* `pictures`: one comes, its bytes in PICTURE_DATA right behind, in order. Answered once, when
     * it is stored or refused; bytes behind a refusal are passed over. */
    PICTURE_PUT = 1,
    PICTURE_DATA = 2,
    /* `evidence`, each answered before the next: */
    PICTURE_PIN = 3,  /* a hit rests on these events: PICTURE_ANSWER */
    PICTURE_NEXT = 4, /* what is to go to headquarters? PICTURE_ITEM, or ERR_NOT_FOUND */
    PICTURE_READ = 5, /* bytes of one: PICTURE_DATA; ERR_CORRUPT when it is damaged */
    PICTURE_DONE = 6, /* what became of it there: PICTURE_ANSWER */
    PICTURE_ITEM = 7,
    PICTURE_ANSWER = 8,
    PICTURE_TERMS = 9, /* `evidence`: what is kept how long from now on: PICTURE_ANSWER */
    /* `look`, besides PICTURE_READ: which pictures show these events? PICTURE_FOUND. */
    PICTURE_LOOK = 10,
    PICTURE_FOUND = 11
};

/* Numbers stand on disk. */
enum picture_result {
    PICTURE_TAKEN = 1,   /* headquarters holds it, its hash verified */
    PICTURE_REFUSED = 2, /* and will not have it */
    PICTURE_AGAIN = 3    /* not now */
};

struct picture_about {
    uint8_t sha[PICTURE_SHA_SIZE]; /* SHA-256 */
    uint64_t event;                /* the camera's own, from 1 */
    int64_t taken_ms;              /* wall time */
    uint32_t size;                 /* bytes, 1 … PICTURE_MAX */
    uint16_t camera;
    uint8_t kind; /* enum picture_kind */
};

/* A record of the journal. */
struct picture_hit {
    uint8_t chain[PICTURE_CHAIN_SIZE];
    uint64_t sequence; /* from 1 */
};

/* Headquarters' retention terms as far as pictures go, as checkpointd applies them. */
struct picture_terms {
    uint64_t version;      /* 0: there are none */
    int64_t held_from_ms;  /* hits of that time are held by a case, the end exclusive; */
    int64_t held_until_ms; /* 0 both: none is */
    uint32_t floor_days;   /* from 1 */
    uint32_t ceiling_days; /* to PICTURE_DAYS_MAX */
    uint32_t paused;       /* 1: they are older than others this box had: nothing goes by age */
};

struct picture_message {
    uint32_t version; /* PICTURE_MESSAGE_VERSION */
    uint32_t type;    /* enum picture_message_type */
    union {
        struct picture_about put;
        struct {
            uint32_t offset;
            uint32_t size; /* bytes that follow the struct, 1 … PICTURE_DATA_MAX */
        } data;
        struct {
            struct picture_hit hit;
            int64_t time_ms; /* of the read that hit, wall time */
            uint32_t count;  /* 1 … HIT_EVENTS_MAX */
            /* 1: the record goes up in its turn. Once more it does only when headquarters lost it,
             * so what was taken before is offered again. */
            uint32_t in_turn;
            struct hit_event events[HIT_EVENTS_MAX];
        } pin;
        struct {
            uint8_t sha[PICTURE_SHA_SIZE];
            uint32_t offset;
            uint32_t size; /* 1 … PICTURE_DATA_MAX; the answer may hold less at the end */
        } read;
        struct {
            struct picture_about about;
            struct picture_hit hit;
        } item;
        struct {
            struct picture_about about; /* of the item */
            struct picture_hit hit;
            uint32_t result; /* enum picture_result */
        } done;
        struct picture_terms terms;
        struct {
            int64_t time_ms; /* of the read, wall time */
            uint32_t count;  /* 1 … HIT_EVENTS_MAX */
            struct hit_event events[HIT_EVENTS_MAX];
        } look;
        struct {
            uint32_t count; /* struct picture_about that follow, 0 … PICTURES_FOUND_MAX */
        } found;
        struct {
            int32_t rc;                 /* 0 or enum err_code */
            char why[PICTURE_WHY_SIZE]; /* UTF-8, "" for 0 */
        } answer;
    } u;
};

enum { PICTURE_MESSAGE_SIZE_MAX = sizeof(struct picture_message) + PICTURE_DATA_MAX };

/* Checks a message of `size` bytes as it came off the socket. ERR_INVALID, ERR_UNSUPPORTED
 * (version); `err` says which field. */
int picture_message_check(const struct picture_message *message, size_t size,
                          struct err_text *err) MUST_CHECK;
/* ERR_INVALID; `err` says which field. */
int picture_about_check(const struct picture_about *about, struct err_text *err) MUST_CHECK;
/* The same. */
int picture_terms_check(const struct picture_terms *terms, struct err_text *err) MUST_CHECK;
/* Whether it was taken when the camera read: what an officer may check a plate by. One bound to the
 * read but taken after it never is. */
bool picture_is_trigger(const struct picture_about *about);
/* "scene", "crop", "later"; NULL when it is none. */
const char *picture_kind_name(uint8_t kind);
