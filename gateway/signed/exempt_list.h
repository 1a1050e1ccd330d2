/*
 * The exempt list: vehicles a checkpoint opens for without their being cleared, drawn or inspected
 * (gateway/lane: nothing else is waived, and a hit always wins). Payload, one JSON object:
 *
 *   {"entries":[{"approver":"…","authority":"…","checkpoints":["…"],"class":"02","id":7,
 *     "kind":"ambulance","plate":"浙A12345","reason":"…","valid_from":"…","valid_until":"…"}],
 *    "fleet":"lu-hz","last_id":9,"revision":3,"time":"…"}
 *
 * `checkpoints` (none: all) and `reason` may be missing. Ids rise and are never used again: last_id
 * is the highest ever given. A plate and class stands once. The whole list is one statement; a
 * holder of revision n takes a later one, never an earlier and never a second n.
 *
 * Role list, two different clerks: an entry lets a vehicle past an inspection at every checkpoint
 * at once, so those answer for it who answer for the wanted list, never one alone. No entry is good
 * for longer than EXEMPT_DAYS_MAX behind the signing, so a list kept from a box runs out by itself.
 * Pure, any thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/model/plate_class.h"
#include "gateway/model/plate_key.h"
#include "gateway/signed/keyset.h"

enum {
    EXEMPT_ENTRIES_MAX = 2048,
    EXEMPT_CHECKPOINTS_MAX = 16, /* of an entry */
    EXEMPT_DAYS_MAX = 366,       /* from the list's time to an entry's end */
    EXEMPT_CLERKS = SIGNERS_TWO
};

enum exempt_kind {
    EXEMPT_AMBULANCE, /* 救护车 */
    EXEMPT_FIRE,      /* 消防车 */
    EXEMPT_POLICE,    /* 警车 */
    EXEMPT_RESCUE,    /* 工程救险车 */
    EXEMPT_CONVOY,    /* 车队 */
    EXEMPT_OFFICIAL,  /* 公务车 */
    EXEMPT_OTHER,     /* 其他 */
    EXEMPT_KINDS
};

/* Texts are heap; NULL where the list says nothing. */
struct exempt_entry {
    uint64_t id;
    plate_key key;     /* every symbol is there */
    plate_class class; /* neither unknown nor any */
    enum exempt_kind kind;
    struct wall_time valid_from;
    struct wall_time valid_until; /* exclusive */
    char *authority;
    char *approver;
    char *reason;      /* NULL: none */
    char *checkpoints; /* ids with one space between; NULL: all */
};

struct exempt_list {
    uint64_t revision; /* from 1 */
    uint64_t last_id;
    struct wall_time time;
    char fleet[FLEET_NAME_MAX + 1];
    uint8_t hash[HASH_SIZE]; /* of the payload */
    size_t entry_count;
    struct exempt_entry *entries; /* heap; ids rising, or as exempt_list_narrow leaves them */
    int clerk_count;              /* different holders that signed; filled by verify */
    char clerks[ENVELOPE_SIGNATURES_MAX][KEY_HOLDER_MAX + 1];
};

/* The field names of an entry, in the order of a CSV's usual columns; NULL ends the table. */
extern const char *const exempt_entry_fields[];

/* "ambulance" …; "救护车" …; NULL out of range. And back: ERR_INVALID. */
const char *exempt_kind_name(enum exempt_kind kind);
const char *exempt_kind_text(enum exempt_kind kind);
int exempt_kind_parse(const char *name, enum exempt_kind *out) MUST_CHECK;

/* One entry of a list signed at `signed_at`, checked field by field; `err` is "field: reason,
 * expected …". ERR_INVALID, ERR_NO_MEMORY. exempt_entry_fini frees. */
int exempt_entry_from_json(const json_t *value, struct wall_time signed_at,
                           struct exempt_entry *out, struct err_text *err) MUST_CHECK;
void exempt_entry_fini(struct exempt_entry *entry);

/* Parses and checks a payload alone. ERR_INVALID, ERR_TOO_LARGE, ERR_NO_MEMORY; an error of an
 * entry is "exempt list: entries[3]: plate: …". exempt_list_fini frees. */
int exempt_list_parse(const void *payload, size_t size, struct exempt_list *out,
                      struct err_text *err) MUST_CHECK;
/* Verifies a signed list: envelope, list role, two clerks, keys valid at its time, the key set's
 * fleet, then exempt_list_parse. ERR_CORRUPT, ERR_DENIED besides. */
int exempt_list_verify(const struct keyset *set, const void *envelope, size_t size,
                       struct exempt_list *out, struct err_text *err) MUST_CHECK;
/* Whether `next` may replace what is held (`held` NULL: nothing). ERR_OK: newer; ERR_STALE: older;
 * ERR_CONFLICT: another list of the same revision (a fork); ERR_NOT_FOUND: the one held already. */
int exempt_list_check_newer(const struct exempt_list *held, const struct exempt_list *next,
                            struct err_text *err) MUST_CHECK;
/* An unsigned envelope of a list with these entries (JSON, borrowed); revision, last_id, time and
 * fleet are those of `head`. Checked as exempt_list_parse would. The caller signs and frees. */
int exempt_list_compose(const struct exempt_list *head, json_t *entries, struct envelope *out,
                        struct err_text *err) MUST_CHECK;
/* Leaves only what concerns this checkpoint, in the order that exempt_list_find searches. */
void exempt_list_narrow(struct exempt_list *list, const char *checkpoint);
/* The entry of that plate and class in force at `now`; NULL. The list was narrowed. */
const struct exempt_entry *exempt_list_find(const struct exempt_list *list, plate_key key,
                                            plate_class class, struct wall_time now);
bool exempt_entry_in_force(const struct exempt_entry *entry, struct wall_time now);
size_t exempt_list_in_force(const struct exempt_list *list, struct wall_time now);
/* Frees what the list holds; a zeroed one is fine. */
void exempt_list_fini(struct exempt_list *list);
