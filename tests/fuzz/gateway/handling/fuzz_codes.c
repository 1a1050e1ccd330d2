/*
 * Any bytes as a file of code tables: refused with its place, or every table there, each code once,
 * found again and told in both languages.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "gateway/config/config.h"
#include "gateway/handling/codes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_table(const struct codes *codes, enum code_table_id id, const json_t *told)
{
    const struct code_table *table = &codes->tables[id];
    assert(table->count >= 1 && table->count <= CODES_ROWS_MAX);
    assert(json_array_size(told) == table->count);
    for (size_t i = 0; i < table->count; i++) {
        const struct code *row = &table->rows[i];
        const json_t *one = json_array_get(told, i);
        assert(memchr(row->code, '\0', sizeof(row->code)) && row->code[0] != '\0');
        assert(memchr(row->zh, '\0', sizeof(row->zh)) && row->zh[0] != '\0');
        assert(memchr(row->en, '\0', sizeof(row->en)) && row->en[0] != '\0');
        assert(!row->misread || id == CODES_REJECT);
        assert(codes_find(codes, id, row->code) == row);
        assert(strcmp(json_string_value(json_object_get(one, "zh")), row->zh) == 0);
        assert(strcmp(json_string_value(json_object_get(one, "en")), row->en) == 0);
    }
    assert(!codes_find(codes, id, NULL) && !codes_find(codes, id, ""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct codes codes; /* large */
    struct err_text err = {""};
    int rc = config_parse("f", (const char *)data, size, &codes_section, &codes, &err);
    if (rc != ERR_OK) {
        assert(err.text[0] == 'f' && err.text[1] == ':');
        return 0;
    }
    json_t *told = codes_json(&codes);
    for (int i = 0; i < CODES_COUNT; i++)
        check_table(&codes, (enum code_table_id)i,
                    json_object_get(told, codes_table_name((enum code_table_id)i)));
    json_decref(told);
    return 0;
}
