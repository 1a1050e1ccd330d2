/* One line of records off the wire. What is taken must be written again as a line that reads back
 * to the same header and body. The quick ways of reading take nothing else than a JSON parser. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/journal/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A space before it leaves a line to the parser. */
static void compare_ways(const char *text, size_t size)
{
    struct journal_wire wire;
    struct err_text err;
    json_t *value = NULL;
    char *spaced = malloc(size + 1);
    assert(spaced);
    spaced[0] = ' ';
    memcpy(spaced + 1, text, size);
    int quick = journal_wire_read(text, size, &wire, &err);
    if (quick == 0)
        journal_wire_free(&wire);
    int parsed = journal_wire_read(spaced, size + 1, &wire, &err);
    if (parsed == 0)
        journal_wire_free(&wire);
    assert(quick == parsed || size == JOURNAL_WIRE_MAX);
    const char *id = NULL;
    size_t id_size = 0;
    if (journal_wire_id(text, size, &id, &id_size)) {
        assert(json_parse(text, size, &value, &err) == 0);
        const json_t *member = json_object_get(value, "id");
        assert(json_string_length(member) == id_size);
        assert(memcmp(json_string_value(member), id, id_size) == 0);
        json_decref(value);
    }
    if (json_is_canonical_object(text, size)) {
        assert(json_parse(text, size, &value, &err) == 0 && json_is_object(value));
        json_decref(value);
    }
    free(spaced);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    compare_ways((const char *)data, size);
    struct journal_wire first;
    struct journal_wire again;
    struct err_text err;
    char *line = NULL;
    size_t line_size;
    if (journal_wire_read((const char *)data, size, &first, &err) != 0)
        return 0;
    assert(journal_wire_write(&first.record, "urn:checkpoint:again", true, &line, &line_size) == 0);
    assert(journal_wire_read(line, line_size, &again, &err) == 0);
    assert(memcmp(again.record.bytes, first.record.bytes, sizeof again.record.bytes) == 0);
    assert(again.record.has_body == first.record.has_body);
    assert(again.record.body_size == first.record.body_size);
    if (first.record.has_body)
        assert(memcmp(again.record.body, first.record.body, first.record.body_size) == 0);
    free(line);
    journal_wire_free(&again);
    journal_wire_free(&first);
    return 0;
}
