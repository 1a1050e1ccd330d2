/*
 * Wanted match record on bytes, category names. No state.
 */
#include "gateway/model/wanted.h"

#include <string.h>

enum { RESERVED_BYTES = 20, RISK_ALL = RISK_ARMED | RISK_VIOLENT | RISK_SEVERAL_PEOPLE };

static const char *const category_names[CATEGORY_COUNT] = {
    "other", "stolen", "fugitive", "hit_and_run", "cloned", "missing", "case", "self_test"};

const char *wanted_category_name(uint16_t category)
{
    return category < CATEGORY_COUNT ? category_names[category] : NULL;
}

int wanted_category_parse(const char *name, uint16_t *out)
{
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        if (strcmp(name, category_names[i]) == 0) {
            *out = (uint16_t)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

void wanted_record_write(struct byte_writer *w, const struct wanted_record *record)
{
    static const uint8_t zeros[RESERVED_BYTES];
    byte_write_le64(w, record->id);
    byte_write_le64(w, record->key);
    byte_write_le64(w, (uint64_t)record->valid_from.ms);
    byte_write_le64(w, (uint64_t)record->valid_until.ms);
    byte_write_le16(w, record->class);
    byte_write_le16(w, record->category);
    byte_write_u8(w, record->priority);
    byte_write_u8(w, record->handling);
    byte_write_u8(w, record->risk);
    byte_write_u8(w, record->flags);
    byte_write_le32(w, record->text_size);
    byte_write_bytes(w, zeros, sizeof(zeros));
}

const char *wanted_self_test_fault(const struct wanted_record *record)
{
    bool plate = record->key == WANTED_SELF_TEST_KEY;
    bool category = record->category == CATEGORY_SELF_TEST;
    if (plate != category) {
        return "category self_test and plate " WANTED_SELF_TEST_PLATE " go together";
    }
    return category && (record->priority != 3 || record->handling != HANDLING_STOP ||
                        record->risk != 0 || record->flags != 0 || record->class != PLATE_CLASS_ANY)
               ? "a self-test entry is priority 3, stop, class any, without officer risk, no "
                 "emergency"
               : NULL;
}

static const char *record_fault(const struct wanted_record *record)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    if (record->id == 0 || record->id > INT64_MAX) {
        return "entry id out of range, expected 1 .. 2^63-1";
    }
    if (plate_symbols(record->key, symbols) == 0) {
        return "plate key encodes no plate";
    }
    if (record->valid_until.ms <= record->valid_from.ms) {
        return "valid until is not after valid from";
    }
    if (record->class == PLATE_CLASS_UNKNOWN) {
        return "no plate class, expected two characters or any";
    }
    if (record->category >= CATEGORY_COUNT) {
        return "unknown category";
    }
    if (record->priority < 1 || record->priority > 3) {
        return "priority out of range, expected 1 .. 3";
    }
    if (record->handling != HANDLING_STOP && record->handling != HANDLING_OBSERVE) {
        return "unknown handling, expected stop or observe";
    }
    if ((record->risk & ~RISK_ALL) != 0) {
        return "unknown officer risk bits";
    }
    if ((record->flags & ~WANTED_EMERGENCY) != 0) {
        return "unknown flags";
    }
    if ((record->flags & WANTED_EMERGENCY) != 0 &&
        record->valid_until.ms - record->valid_from.ms > WANTED_EMERGENCY_MAX_MS) {
        return "an emergency entry is valid for 24 hours at most";
    }
    if (record->text_size > WANTED_TEXT_MAX) {
        return "text too long";
    }
    return wanted_self_test_fault(record);
}

int wanted_record_read(struct byte_reader *r, struct wanted_record *out, struct err_text *err)
{
    static const uint8_t zeros[RESERVED_BYTES];
    struct wanted_record record = {.id = byte_read_le64(r), .key = byte_read_le64(r)};
    record.valid_from.ms = (int64_t)byte_read_le64(r);
    record.valid_until.ms = (int64_t)byte_read_le64(r);
    record.class = byte_read_le16(r);
    record.category = byte_read_le16(r);
    record.priority = byte_read_u8(r);
    record.handling = byte_read_u8(r);
    record.risk = byte_read_u8(r);
    record.flags = byte_read_u8(r);
    record.text_size = byte_read_le32(r);
    const uint8_t *reserved = byte_read_bytes(r, RESERVED_BYTES);
    if (!reserved) {
        return err_set(err, ERR_INVALID, "wanted record cut short, expected %d bytes",
                       WANTED_RECORD_SIZE);
    }
    if (memcmp(reserved, zeros, sizeof(zeros)) != 0) {
        return err_set(err, ERR_INVALID, "wanted record %llu: reserved bytes are not 0",
                       (unsigned long long)record.id);
    }
    const char *fault = record_fault(&record);
    if (fault) {
        return err_set(err, ERR_INVALID, "wanted record %llu: %s", (unsigned long long)record.id,
                       fault);
    }
    *out = record;
    return ERR_OK;
}

bool wanted_records_conflict(const struct wanted_record *a, const struct wanted_record *b)
{
    return a->key == b->key && a->handling != b->handling &&
           (a->class == b->class || a->class == PLATE_CLASS_ANY || b->class == PLATE_CLASS_ANY) &&
           a->valid_from.ms < b->valid_until.ms && b->valid_from.ms < a->valid_until.ms;
}
