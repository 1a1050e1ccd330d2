/* See codes.h. */
#include "gateway/handling/codes.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/config/config.h"

static int check_code(void *section, const struct config_at *at, struct err_text *err)
{
    const struct code *row = section;
    if (strspn(row->code, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(row->code)) {
        return config_refuse(at, "code", err, "not a code, expected letters a to z, digits and _");
    }
    return 0;
}

#define CODE_ROW(member, key_, size_, ...)                                                         \
    CONFIG_OPTION(struct code, member, key_, CONFIG_STRING, .required = true, .min = 1,            \
                  .max = (size_)-1, __VA_ARGS__)
#define WORD_ROWS                                                                                  \
    CODE_ROW(code, "code", HANDLING_CODE_SIZE, .help = "What goes on record; never reused."),      \
        CODE_ROW(zh, "zh", CODE_TEXT_SIZE, .help = "What officers read, in Chinese."),             \
        CODE_ROW(en, "en", CODE_TEXT_SIZE, .help = "The same in English.")

static const struct config_option code_rows[] = {WORD_ROWS};
static const struct config_section code_section = {CONFIG_ROWS(code_rows, struct code),
                                                   .unique = "code", .check = check_code};

static const struct config_option reject_rows[] = {
    WORD_ROWS, CONFIG_OPTION(struct code, misread, "misread", CONFIG_BOOL, .required = true,
                             .help = "The vehicle carries another plate than was read.")};
static const struct config_section reject_section = {CONFIG_ROWS(reject_rows, struct code),
                                                     .unique = "code", .check = check_code};

#define TABLE(id, key_, section_, help_)                                                           \
    CONFIG_ARRAY(struct codes, tables[id].rows, tables[id].count, key_, .section = &(section_),    \
                 .min = 1, .max = CODES_ROWS_MAX, .required = true, .help = (help_))

static const struct config_option tables[] = {
    [CODES_REJECT] = TABLE(CODES_REJECT, "reject", reject_section, "Why a hit is not the vehicle."),
    [CODES_RELEASE] = TABLE(CODES_RELEASE, "release", code_section, "Why a hold ends."),
    [CODES_RAISE] = TABLE(CODES_RAISE, "raise", code_section, "Why a boom is raised by hand."),
    [CODES_HOLD] = TABLE(CODES_HOLD, "hold", code_section, "Why an officer holds a vehicle."),
    [CODES_SEARCH] = TABLE(CODES_SEARCH, "search", code_section, "Why a plate is looked up."),
    [CODES_HISTORY] = TABLE(CODES_HISTORY, "history", code_section, "Why passages are searched."),
    [CODES_SERVICE] =
        TABLE(CODES_SERVICE, "service", code_section, "Why a lane is out of service."),
    [CODES_OUTCOME] =
        TABLE(CODES_OUTCOME, "outcome", code_section, "What became of an intercepted vehicle."),
    [CODES_NOT_INTERCEPTED] = TABLE(CODES_NOT_INTERCEPTED, "not_intercepted", code_section,
                                    "Why a vehicle was not intercepted."),
    [CODES_SUSPECT] = TABLE(CODES_SUSPECT, "suspect", code_section, "Whether it is suspect."),
    [CODES_HANDED_TO] =
        TABLE(CODES_HANDED_TO, "handed_to", code_section, "To whom it was handed.")};

const struct config_section codes_section = {CONFIG_ROWS(tables, struct codes)};

int codes_load(const char *path, struct codes *out, struct err_text *err)
{
    return config_load(path, &codes_section, out, err);
}

const struct code *codes_find(const struct codes *codes, enum code_table_id table, const char *code)
{
    const struct code_table *t = &codes->tables[table];
    for (size_t i = 0; code && i < t->count; i++) {
        if (strcmp(t->rows[i].code, code) == 0) {
            return &t->rows[i];
        }
    }
    return NULL;
}

const char *codes_table_name(enum code_table_id table)
{
    return tables[table].key;
}

json_t *codes_json(const struct codes *codes)
{
    json_t *object = json_object();
    for (int i = 0; object && i < CODES_COUNT; i++) {
        const struct code_table *table = &codes->tables[i];
        json_t *rows = json_array();
        for (size_t r = 0; r < table->count; r++) {
            const struct code *row = &table->rows[r];
            json_array_append_new(
                rows, json_pack("{s:s,s:s,s:s}", "code", row->code, "zh", row->zh, "en", row->en));
        }
        json_object_set_new(object, tables[i].key, rows);
    }
    return object;
}
