/*
 * Retention terms: how long a box and headquarters keep bodies and pictures at least and at most,
 * and what cases hold beyond. Payload, one JSON object:
 *
 *   {"fleet":"lu-hz","holds":[{"begun":"…","by":"zhang","case":"A3717","checkpoint":"lu-hz-01",
 *     "entry":7,"from":"…","lane":2,"plate":"0011223344556677","until":"…"}],
 *    "plate_key":<base64 of 16 bytes>,"terms":[{"from":"…","passage":{"ceiling":60,"floor":10},
 *     "picture":{…},"record":{…}}],"time":"…","version":V}
 *
 * Days. Of the terms the last one whose `from` has come is in force, before the first none but the
 * built-in bounds; so what is to come and what it follows stand in one statement. Of a hold `case`,
 * `by`, `begun` and at least one condition are there; what all its conditions fit is held. `lane`
 * only with `checkpoint`. A hold ends with the version that leaves it out: who ended it stands in
 * headquarters' records. Versions only rise, as a match policy's.
 *
 * Role list, two different clerks: too short a ceiling destroys what a case needs, too high a floor
 * or a hold keeps where citizens were for longer than the law allows, and either reaches every box
 * at once; so never one alone, nor a key of a server that is online.
 *
 * A plate is its SipHash under plate_key, drawn for the statement: what lies on a box's disk names
 * no plate, also after the hold has ended. Whoever has the file can try plates, as with the wanted
 * list beside it. Pure, any thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/siphash.h"
#include "gateway/model/plate_key.h"
#include "gateway/signed/keyset.h"
#include "gateway/signed/receipt.h"

enum {
    RETENTION_DAYS_MIN = 1,
    RETENTION_DAYS_MAX = 3650,
    RETENTION_RECORD_DAYS_MIN = 30, /* hits, acts and the rest outlast their receipt by as much */
    RETENTION_DEFAULT_DAYS = 30,    /* of passages and pictures, where nobody says otherwise */
    RETENTION_TERMS_MAX = 4,
    RETENTION_HOLDS_MAX = 1024,
    RETENTION_CASE_MAX = 256,  /* bytes of UTF-8 */
    RETENTION_PERSON_MAX = 64, /* the same */
    RETENTION_LANE_MAX = 255,
    RETENTION_CLERKS = SIGNERS_TWO
};

enum retention_kind {
    RETENTION_PASSAGE, /* bodies of passages */
    RETENTION_PICTURE, /* pictures, those of hits too once headquarters has them */
    RETENTION_RECORD,  /* bodies of all other records that name somebody */
    RETENTION_KINDS
};

struct retention_bounds {
    uint32_t floor_days;
    uint32_t ceiling_days;
};

struct retention_term {
    struct wall_time from;
    struct retention_bounds kinds[RETENTION_KINDS];
};

struct retention_hold {
    char case_number[RETENTION_CASE_MAX + 1];
    char begun_by[RETENTION_PERSON_MAX + 1];
    struct wall_time begun;
    char checkpoint[CHECKPOINT_ID_MAX + 1]; /* "": any */
    bool has_plate;
    uint64_t plate; /* retention_plate_hash */
    uint64_t entry; /* 0: any */
    uint32_t lane;  /* 0: any */
    bool has_from;
    bool has_until;
    struct wall_time from;
    struct wall_time until; /* exclusive */
};

struct retention_terms {
    uint64_t version; /* from 1 */
    struct wall_time time;
    char fleet[FLEET_NAME_MAX + 1];
    uint8_t hash[HASH_SIZE]; /* of the payload */
    uint8_t plate_key[SIPHASH_KEY_SIZE];
    size_t term_count; /* by rising `from` */
    struct retention_term terms[RETENTION_TERMS_MAX];
    size_t hold_count;
    struct retention_hold *holds; /* heap */
    int clerk_count;              /* different holders that signed; filled by verify */
    char clerks[ENVELOPE_SIGNATURES_MAX][KEY_HOLDER_MAX + 1];
};

/* "passage", "picture", "record"; NULL out of range. */
const char *retention_kind_name(enum retention_kind kind);

/* The bounds in force at `now`; `terms` may be NULL: the built-in ones, which terms cannot leave.
 */
struct retention_bounds retention_terms_bounds(const struct retention_terms *terms,
                                               enum retention_kind kind, struct wall_time now);
/* What is configured, kept within those bounds: milliseconds of age, and days. */
int64_t retention_terms_age_ms(const struct retention_terms *terms, enum retention_kind kind,
                               int64_t configured_ms, struct wall_time now);
uint32_t retention_terms_days(const struct retention_terms *terms, enum retention_kind kind,
                              uint32_t configured_days, struct wall_time now);

/* Parses and checks a payload alone. ERR_INVALID, ERR_TOO_LARGE, ERR_NO_MEMORY; an error of a hold
 * is "retention terms: holds[3]: lane: …". retention_terms_fini frees. */
int retention_terms_parse(const void *payload, size_t size, struct retention_terms *out,
                          struct err_text *err) MUST_CHECK;
/* Verifies signed terms: envelope, list role, two clerks, keys valid at their time, the key set's
 * fleet, then retention_terms_parse. ERR_CORRUPT, ERR_DENIED besides. */
int retention_terms_verify(const struct keyset *set, const void *envelope, size_t size,
                           struct retention_terms *out, struct err_text *err) MUST_CHECK;
/* Whether `next` may replace what is held (`held` NULL: nothing). ERR_OK: newer; ERR_STALE: older;
 * ERR_CONFLICT: others of the same version (a fork); ERR_NOT_FOUND: those held already. */
int retention_terms_check_newer(const struct retention_terms *held,
                                const struct retention_terms *next,
                                struct err_text *err) MUST_CHECK;
/* An unsigned envelope; checked as retention_terms_parse would. Hash and clerks of `terms` are not
 * looked at. The caller signs and frees. */
int retention_terms_compose(const struct retention_terms *terms, struct envelope *out,
                            struct err_text *err) MUST_CHECK;
/* The terms and holds as they stand in the payload; new references, NULL without memory. */
json_t *retention_terms_json(const struct retention_terms *terms);
json_t *retention_holds_json(const struct retention_terms *terms);
void retention_terms_fini(struct retention_terms *terms);

/* ---- holds (retention_holds.c) ---- */

/* What a plate's canonical text is in a hold. */
uint64_t retention_plate_hash(const uint8_t key[SIPHASH_KEY_SIZE], const char *plate);
/* Leaves only the holds that concern this checkpoint, ready for retention_holds_cover. */
void retention_holds_narrow(struct retention_terms *terms, const char *checkpoint);
/* Whether a hold fits a record of that time with this JSON body: a plate wherever it stands in it
 * (a read, a candidate, what an officer wrote), `entry` and `lane` as members. A body that is no
 * JSON is held where a hold asks for a member. `terms` were narrowed; NULL: nothing is held. */
bool retention_holds_cover(const struct retention_terms *terms, struct wall_time time,
                           const char *body, size_t size);
