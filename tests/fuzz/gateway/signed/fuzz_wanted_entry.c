/*
 * A wanted entry as JSON, from a clerk's import or from inside a batch. What is accepted must have
 * a canonical text that fits its own record, and be accepted again as the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/signed/wanted_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *entry = NULL;
    json_t *again = NULL;
    char *text = NULL;
    char *second = NULL;
    struct wanted_record record;
    struct wanted_record copy;
    struct err_text err = {""};
    if (json_parse((const char *)data, size, &entry, NULL) != 0)
        return 0;
    if (wanted_entry_from_json(entry, &record, &text, &err) == 0) {
        assert(record.text_size == strlen(text) && record.text_size <= WANTED_TEXT_MAX);
        int result = wanted_entry_check_text(&record, text, record.text_size, &err);
        assert(result == 0);
        result = json_parse(text, record.text_size, &again, &err);
        assert(result == 0);
        result = wanted_entry_from_json(again, &copy, &second, &err);
        assert(result == 0 && strcmp(text, second) == 0 && copy.key == record.key &&
               copy.id == record.id && copy.class == record.class);
    } else {
        assert(err.text[0]);
    }
    free(text);
    free(second);
    json_decref(again);
    json_decref(entry);
    return 0;
}
