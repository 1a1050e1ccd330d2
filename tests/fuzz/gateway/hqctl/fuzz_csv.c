/*
 * A CSV of any bytes, read row by row and imported. Whatever comes in: fields lie inside the room,
 * end with NUL, hold UTF-8; an import gives entries that check or faults that say where.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hqctl/csv.h"
#include "gateway/hqctl/import.h"
#include "gateway/signed/wanted_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_rows(const uint8_t *data, size_t size)
{
    static struct csv_reader reader;
    static struct csv_row row;
    struct err_text err = {""};
    int rc = csv_open(&reader, "f", data, size, &err);
    while (rc == 0) {
        rc = csv_next(&reader, &row, &err);
        for (size_t i = 0; rc == 0 && i < row.count; i++) {
            const struct csv_field *field = &row.fields[i];
            assert(strlen(field->text) == field->size);
            json_t *text = json_stringn(field->text, field->size);
            assert(text);
            json_decref(text);
        }
    }
    assert(rc == ERR_NOT_FOUND || (err.text[0] && reader.fault_reason[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct import_result result;
    struct err_text err = {""};
    const json_t *entry;
    size_t index;
    read_rows(data, size);
    int rc = import_csv("f", data, size, 1, (struct wall_time){1795392000000}, &result, &err);
    assert((rc == 0) == (result.fault_count == 0));
    json_array_foreach(result.entries, index, entry)
    {
        struct wanted_record record;
        char *text = NULL;
        assert(wanted_entry_from_json(entry, &record, &text, &err) == 0);
        assert(record.id == index + 1 && record.handling == HANDLING_STOP);
        free(text);
    }
    for (size_t i = 0; i < result.fault_count && i < IMPORT_FAULTS_MAX; i++)
        assert(result.faults[i].line > 0 && result.faults[i].reason[0]);
    import_fini(&result);
    return 0;
}
