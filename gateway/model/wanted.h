/*
 * The match record of a wanted entry: what matching and rules need of it, 64 bytes little-endian on
 * disk, in batches and snapshots. The rest of an entry is a JSON text kept for display only.
 *
 *   0  entry id       u64  1 .. 2^63-1, HQ's number, never reused
 *   8  plate key      u64  with '?' symbols for a partial plate
 *  16  valid from     i64  ms since 1970
 *  24  valid until    i64  ms since 1970, exclusive; > valid from
 *  32  class          u16  as plate_class (0xFFFF = any)
 *  34  category       u16  row of the category table (data), 0 = other
 *  36  priority       u8   1-3, 1 top
 *  37  handling       u8   enum wanted_handling
 *  38  officer risk   u8   bits of enum officer_risk
 *  39  flags          u8   bits of enum wanted_flag; others refused
 *  40  text size      u32  bytes of the JSON text
 *  44  reserved       20 bytes of 0, others refused
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/bytes.h"
#include "gateway/base/clock.h"
#include "gateway/model/plate_class.h"
#include "gateway/model/plate_key.h"

enum { WANTED_RECORD_SIZE = 64, WANTED_TEXT_MAX = 4096 };

enum wanted_handling { HANDLING_STOP = 1, HANDLING_OBSERVE = 2 };

/* An emergency entry (紧急布控): by the duty leader and a second officer, valid for at most
 * WANTED_EMERGENCY_MAX_MS, so it ends unless a changed entry gives it the whole approval. */
enum wanted_flag { WANTED_EMERGENCY = 1 };
enum { WANTED_EMERGENCY_MAX_MS = 24 * 3600 * 1000 };

enum officer_risk { RISK_ARMED = 1, RISK_VIOLENT = 2, RISK_SEVERAL_PEOPLE = 4 };

enum wanted_category {
    CATEGORY_OTHER = 0,
    CATEGORY_STOLEN = 1,      /* 被盗抢 */
    CATEGORY_FUGITIVE = 2,    /* 在逃人员 */
    CATEGORY_HIT_AND_RUN = 3, /* 肇事逃逸 */
    CATEGORY_CLONED = 4,      /* 套牌 */
    CATEGORY_MISSING = 5,     /* 失踪人员 */
    CATEGORY_CASE = 6,        /* 涉案 */
    CATEGORY_SELF_TEST = 7,   /* 自检: no vehicle's, see wanted_self_test_fault() */
    CATEGORY_COUNT
};

struct wanted_record {
    uint64_t id;
    plate_key key;
    struct wall_time valid_from;
    struct wall_time valid_until;
    plate_class class;
    uint16_t category;
    uint8_t priority;
    uint8_t handling;
    uint8_t risk;
    uint8_t flags;
    uint32_t text_size; /* bytes */
};

/* Writes WANTED_RECORD_SIZE bytes. */
void wanted_record_write(struct byte_writer *w, const struct wanted_record *record);
/* Reads and checks one record: every field in range, key decodable. ERR_INVALID; `err` says which.
 */
int wanted_record_read(struct byte_reader *r, struct wanted_record *out,
                       struct err_text *err) MUST_CHECK;
/* Whether one vehicle would be stopped and watched unseen at the same time: equal keys, classes
 * that agree (equal, or one says `any`), validities that overlap, different handling. */
bool wanted_records_conflict(const struct wanted_record *a, const struct wanted_record *b);
/* The plate of the daily self-test. No form of plate begins so: 试 stands at the end of a plate or
 * not at all, so no vehicle carries it. */
#define WANTED_SELF_TEST_PLATE "试试00000"
/* Its key: symbols 79 (试) and 1 (0). A constant, for every record of a list is held against it. */
#define WANTED_SELF_TEST_KEY                                                                       \
    ((plate_key)79 << 56 | (plate_key)79 << 49 | (plate_key)1 << 42 | (plate_key)1 << 35 |         \
     (plate_key)1 << 28 | (plate_key)1 << 21 | (plate_key)1 << 14)

/* Why an entry is no good in this respect, NULL: it is good. The category and the plate go
 * together, and such an entry is priority 3, stop, of any class, without officer risk, no
 * emergency: nothing of it can stand for a vehicle, and it is matched by the self-test alone. */
const char *wanted_self_test_fault(const struct wanted_record *record);
/* "stolen" …, NULL when out of range; and back. */
const char *wanted_category_name(uint16_t category);
int wanted_category_parse(const char *name, uint16_t *out) MUST_CHECK;
