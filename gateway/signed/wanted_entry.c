/*
 * Wanted entry JSON: schema, match record, canonical text. No state.
 */
#include "gateway/signed/wanted_entry.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/signed/fields.h"

const char *const wanted_entry_fields[] = {"id",
                                           "plate",
                                           "class",
                                           "category",
                                           "priority",
                                           "handling",
                                           "officer_risk",
                                           "reason",
                                           "authority",
                                           "case_number",
                                           "applicant",
                                           "reviewer",
                                           "approver",
                                           "contact",
                                           "valid_from",
                                           "valid_until",
                                           "instructions",
                                           "vehicle",
                                           "applicant_number",
                                           "applicant_time",
                                           "document",
                                           "emergency",
                                           "reviewer_number",
                                           "reviewer_time",
                                           "approver_number",
                                           "approver_time",
                                           NULL};

static const struct {
    const char *name;
    size_t max_characters;
    bool required;
} texts[] = {
    {"reason", ENTRY_REASON_MAX, true},           {"authority", ENTRY_AUTHORITY_MAX, true},
    {"case_number", ENTRY_CASE_MAX, true},        {"applicant", ENTRY_PERSON_MAX, true},
    {"reviewer", ENTRY_PERSON_MAX, true},         {"approver", ENTRY_PERSON_MAX, true},
    {"contact", ENTRY_CONTACT_MAX, true},         {"instructions", ENTRY_INSTRUCTIONS_MAX, false},
    {"vehicle", ENTRY_VEHICLE_MAX, false},        {"applicant_number", ENTRY_NUMBER_MAX, false},
    {"reviewer_number", ENTRY_NUMBER_MAX, false}, {"approver_number", ENTRY_NUMBER_MAX, false},
    {"document", ENTRY_DOCUMENT_MAX, false}};

/* Who entered, checked and allowed it, in that order. */
static const struct {
    const char *name;
    const char *number;
    const char *time;
} people[] = {{"applicant", "applicant_number", "applicant_time"},
              {"reviewer", "reviewer_number", "reviewer_time"},
              {"approver", "approver_number", "approver_time"}};

enum { APPLICANT, REVIEWER, APPROVER, PEOPLE };

enum { TEXT_FIELDS = sizeof(texts) / sizeof(texts[0]) };

static const struct {
    const char *name;
    uint8_t bit;
} risks[] = {
    {"armed", RISK_ARMED}, {"violent", RISK_VIOLENT}, {"several_people", RISK_SEVERAL_PEOPLE}};

enum { RISK_COUNT = sizeof(risks) / sizeof(risks[0]) };

static int check_texts(const json_t *entry, json_t *clean, struct err_text *err)
{
    for (size_t i = 0; i < TEXT_FIELDS; i++) {
        const char *text = NULL;
        if (!texts[i].required && !json_object_get(entry, texts[i].name)) {
            continue;
        }
        int result = field_line(entry, texts[i].name, texts[i].max_characters, &text, err);
        if (result < 0) {
            return result;
        }
        if (json_object_set_new(clean, texts[i].name, json_string(text)) < 0) {
            return ERR_NO_MEMORY;
        }
    }
    return ERR_OK;
}

static int check_plate(const json_t *entry, struct wanted_record *record, json_t *clean,
                       struct err_text *err)
{
    const char *text = NULL;
    const char *class_text = NULL;
    struct plate_text plate;
    char canonical[PLATE_TEXT_SIZE];
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int result = field_text(entry, "plate", 1, PLATE_TEXT_MAX, &text, err);
    if (result < 0) {
        return result;
    }
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    if (plate.kind != PLATE_KEY || plate_decode(plate.key, canonical) < 0) {
        return err_set(err, ERR_INVALID, "plate: '%s' is no plate", text);
    }
    if (plate.unread_symbols > 0 &&
        plate_symbols(plate.key, symbols) - plate.unread_symbols < ENTRY_READ_SYMBOLS_MIN) {
        return err_set(err, ERR_INVALID,
                       "plate: '%s' gives too little, expected at least %d characters", text,
                       ENTRY_READ_SYMBOLS_MIN);
    }
    record->key = plate.key;
    record->class = PLATE_CLASS_ANY;
    if (json_object_get(entry, "class")) {
        result = field_text(entry, "class", 1, 3, &class_text, err);
        if (result < 0) {
            return result;
        }
        if (plate_class_parse(class_text, &record->class) < 0) {
            return err_set(err, ERR_INVALID,
                           "class: '%s', expected two digits or capitals (GA/T 16.7) or any",
                           class_text);
        }
    } else if (plate.unread_symbols == 0) {
        return err_set(err, ERR_INVALID,
                       "class: missing, expected two digits (GA/T 16.7) or any for a full plate");
    }
    char class_out[4];
    plate_class_format(record->class, class_out);
    return json_object_set_new(clean, "plate", json_string(canonical)) < 0 ||
                   json_object_set_new(clean, "class", json_string(class_out)) < 0
               ? ERR_NO_MEMORY
               : ERR_OK;
}

static int check_risk(const json_t *entry, struct wanted_record *record, json_t *clean,
                      struct err_text *err)
{
    const json_t *list = NULL;
    const json_t *item;
    size_t index;
    json_t *names = json_array();
    if (!names || json_object_set_new(clean, "officer_risk", names) < 0) {
        return ERR_NO_MEMORY;
    }
    if (!json_object_get(entry, "officer_risk")) {
        return ERR_OK;
    }
    int result = field_array(entry, "officer_risk", RISK_COUNT, &list, err);
    if (result < 0) {
        return result;
    }
    json_array_foreach(list, index, item)
    {
        const char *name = json_string_value(item);
        uint8_t bit = 0;
        for (size_t i = 0; i < RISK_COUNT && name; i++) {
            bit |= strcmp(name, risks[i].name) == 0 ? risks[i].bit : 0;
        }
        if (bit == 0 || (record->risk & bit) != 0) {
            return err_set(err, ERR_INVALID,
                           "officer_risk: '%.32s', expected each of armed, violent, several_people "
                           "at most once",
                           name ? name : "");
        }
        record->risk |= bit;
    }
    for (size_t i = 0; i < RISK_COUNT; i++) {
        if ((record->risk & risks[i].bit) != 0 &&
            json_array_append_new(names, json_string(risks[i].name)) < 0) {
            return ERR_NO_MEMORY;
        }
    }
    return ERR_OK;
}

static int check_kind(const json_t *entry, struct wanted_record *record, json_t *clean,
                      struct err_text *err)
{
    const char *category = NULL;
    const char *handling = NULL;
    uint64_t priority = 0;
    int result = field_number(entry, "id", 1, INT64_MAX, &record->id, err);
    if (result == ERR_OK) {
        result = field_text(entry, "category", 1, 32, &category, err);
    }
    if (result == ERR_OK && wanted_category_parse(category, &record->category) < 0) {
        result = err_set(err, ERR_INVALID,
                         "category: '%s', expected other, stolen, fugitive, hit_and_run, cloned, "
                         "missing, case or self_test",
                         category);
    }
    if (result == ERR_OK) {
        result = field_number(entry, "priority", 1, 3, &priority, err);
    }
    if (result == ERR_OK) {
        result = field_text(entry, "handling", 1, 16, &handling, err);
    }
    if (result != ERR_OK) {
        return result;
    }
    record->priority = (uint8_t)priority;
    if (strcmp(handling, "stop") == 0) {
        record->handling = HANDLING_STOP;
    } else if (strcmp(handling, "observe") == 0) {
        record->handling = HANDLING_OBSERVE;
    } else {
        return err_set(err, ERR_INVALID, "handling: '%s', expected stop or observe", handling);
    }
    return json_object_set_new(clean, "id", json_integer((json_int_t)record->id)) < 0 ||
                   json_object_set_new(clean, "category", json_string(category)) < 0 ||
                   json_object_set_new(clean, "priority", json_integer((json_int_t)priority)) < 0 ||
                   json_object_set_new(clean, "handling", json_string(handling)) < 0
               ? ERR_NO_MEMORY
               : ERR_OK;
}

static int check_validity(const json_t *entry, struct wanted_record *record, json_t *clean,
                          struct err_text *err)
{
    int result = field_time(entry, "valid_from", &record->valid_from, err);
    if (result == ERR_OK) {
        result = field_time(entry, "valid_until", &record->valid_until, err);
    }
    if (result == ERR_OK && record->valid_until.ms <= record->valid_from.ms) {
        result = err_set(err, ERR_INVALID, "valid_until: not after valid_from");
    }
    if (result < 0) {
        return result;
    }
    return json_object_set_new(clean, "valid_from", time_json(record->valid_from)) < 0 ||
                   json_object_set_new(clean, "valid_until", time_json(record->valid_until)) < 0
               ? ERR_NO_MEMORY
               : ERR_OK;
}

static int check_times(const json_t *entry, json_t *clean, struct err_text *err)
{
    int result = ERR_OK;
    for (int i = 0; i < PEOPLE && result == ERR_OK; i++) {
        struct wall_time time;
        if (!json_object_get(entry, people[i].time)) {
            continue;
        }
        result = field_time(entry, people[i].time, &time, err);
        if (result == ERR_OK && json_object_set_new(clean, people[i].time, time_json(time)) < 0) {
            result = ERR_NO_MEMORY;
        }
    }
    return result;
}

static int check_emergency(const json_t *entry, struct wanted_record *record, json_t *clean,
                           struct err_text *err)
{
    const json_t *value = json_object_get(entry, "emergency");
    if (!value) {
        return ERR_OK;
    }
    if (!json_is_true(value)) {
        return err_set(err, ERR_INVALID, "emergency: expected true, or to be left out");
    }
    if (record->valid_until.ms - record->valid_from.ms > WANTED_EMERGENCY_MAX_MS) {
        return err_set(err, ERR_INVALID,
                       "valid_until: an emergency entry is valid for 24 hours at most");
    }
    record->flags |= WANTED_EMERGENCY;
    return json_object_set_new(clean, "emergency", json_true()) < 0 ? ERR_NO_MEMORY : ERR_OK;
}

static int check_all(const json_t *entry, struct wanted_record *record, json_t *clean,
                     struct err_text *err)
{
    int result = fields_check(entry, wanted_entry_fields, err);
    if (result == ERR_OK) {
        result = check_kind(entry, record, clean, err);
    }
    if (result == ERR_OK) {
        result = check_plate(entry, record, clean, err);
    }
    if (result == ERR_OK) {
        result = check_risk(entry, record, clean, err);
    }
    if (result == ERR_OK) {
        result = check_validity(entry, record, clean, err);
    }
    if (result == ERR_OK) {
        result = check_times(entry, clean, err);
    }
    if (result == ERR_OK) {
        result = check_emergency(entry, record, clean, err);
    }
    const char *fault = result == ERR_OK ? wanted_self_test_fault(record) : NULL;
    if (fault) {
        result = err_set(err, ERR_INVALID, "category: %s", fault);
    }
    return result == ERR_OK ? check_texts(entry, clean, err) : result;
}

int wanted_entry_from_json(const json_t *entry, struct wanted_record *out_record, char **out_text,
                           struct err_text *err)
{
    struct wanted_record record = {0};
    char *text = NULL;
    size_t size = 0;
    json_t *clean = json_object();
    int result = clean ? check_all(entry, &record, clean, err) : ERR_NO_MEMORY;
    if (result == ERR_OK) {
        result = json_canonical(clean, &text, &size);
    }
    json_decref(clean);
    if (result == ERR_OK && size > WANTED_TEXT_MAX) {
        free(text);
        result = err_set(err, ERR_TOO_LARGE, "entry: %zu bytes as JSON, expected at most %d", size,
                         WANTED_TEXT_MAX);
    }
    if (result < 0) {
        return result;
    }
    record.text_size = (uint32_t)size;
    *out_record = record;
    *out_text = text;
    return ERR_OK;
}

static bool records_equal(const struct wanted_record *a, const struct wanted_record *b)
{
    uint8_t bytes_a[WANTED_RECORD_SIZE];
    uint8_t bytes_b[WANTED_RECORD_SIZE];
    struct byte_writer w;
    byte_writer_init(&w, bytes_a, sizeof(bytes_a));
    wanted_record_write(&w, a);
    byte_writer_init(&w, bytes_b, sizeof(bytes_b));
    wanted_record_write(&w, b);
    return memcmp(bytes_a, bytes_b, sizeof(bytes_a)) == 0;
}

int wanted_entry_check_text(const struct wanted_record *record, const char *text, size_t size,
                            struct err_text *err)
{
    json_t *entry = NULL;
    char *canonical = NULL;
    struct wanted_record expected = {0};
    int result = json_parse(text, size, &entry, err);
    if (result == ERR_OK) {
        result = wanted_entry_from_json(entry, &expected, &canonical, err);
    }
    json_decref(entry);
    if (result == ERR_OK && (expected.text_size != size || memcmp(canonical, text, size) != 0)) {
        result = err_set(err, ERR_INVALID, "text is not canonical");
    }
    if (result == ERR_OK && !records_equal(record, &expected)) {
        result = err_set(err, ERR_INVALID, "match record and text differ");
    }
    free(canonical);
    return result;
}

/* ---- approval ---- */

static const char *text_of(const json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));
    return text ? text : "";
}

static int check_there(const json_t *entry, bool emergency, struct err_text *err)
{
    for (int i = 0; i < PEOPLE; i++) {
        const char *const names[] = {people[i].name, people[i].number, people[i].time};
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            if (text_of(entry, names[k])[0] == '\0') {
                return err_set(err, ERR_DENIED,
                               "%s: missing, expected who it is with number and time", names[k]);
            }
        }
    }
    if (!emergency && text_of(entry, "document")[0] == '\0') {
        return err_set(err, ERR_DENIED, "document: missing, expected the one it was approved by");
    }
    return ERR_OK;
}

static bool same_person(const json_t *entry, int a, int b)
{
    return strcmp(text_of(entry, people[a].name), text_of(entry, people[b].name)) == 0 ||
           strcmp(text_of(entry, people[a].number), text_of(entry, people[b].number)) == 0;
}

static int check_different(const json_t *entry, bool emergency, struct err_text *err)
{
    if (same_person(entry, APPROVER, APPLICANT)) {
        return err_set(err, ERR_DENIED, "approver: is the applicant, expected another person");
    }
    if (same_person(entry, APPROVER, REVIEWER)) {
        return err_set(err, ERR_DENIED, "approver: is the reviewer, expected another person");
    }
    if (!emergency && same_person(entry, REVIEWER, APPLICANT)) {
        return err_set(err, ERR_DENIED, "reviewer: is the applicant, expected another person");
    }
    return ERR_OK;
}

static int check_order(const json_t *entry, struct err_text *err)
{
    struct wall_time before = {INT64_MIN};
    for (int i = 0; i < PEOPLE; i++) {
        struct wall_time time;
        int result = field_time(entry, people[i].time, &time, err);
        if (result < 0) {
            return result;
        }
        if (time.ms < before.ms) {
            return err_set(err, ERR_DENIED, "%s: before %s", people[i].time, people[i - 1].time);
        }
        before = time;
    }
    return ERR_OK;
}

int wanted_entry_check_approval(const json_t *entry, struct err_text *err)
{
    bool emergency = json_is_true(json_object_get(entry, "emergency"));
    int result = check_there(entry, emergency, err);
    if (result == ERR_OK) {
        result = check_different(entry, emergency, err);
    }
    return result == ERR_OK ? check_order(entry, err) : result;
}

int wanted_entry_check_approval_text(const char *text, size_t size, struct err_text *err)
{
    json_t *entry = NULL;
    int result = json_parse(text, size, &entry, err);
    if (result == ERR_OK) {
        result = wanted_entry_check_approval(entry, err);
    }
    json_decref(entry);
    return result;
}

bool wanted_record_needs_two(const struct wanted_record *record)
{
    return record->priority == 1 || record->handling == HANDLING_OBSERVE ||
           (record->flags & WANTED_EMERGENCY) != 0;
}
