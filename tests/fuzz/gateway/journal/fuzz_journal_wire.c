/* One line of records off the wire. What is taken must be written again as a line that reads back
 * to the same header and body. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/journal/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_wire first;
    struct journal_wire again;
    struct err_text err;
    char *line = NULL;
    size_t line_size;
    if (journal_wire_read((const char *)data, size, &first, &err) != 0)
        return 0;
    assert(journal_wire_write(&first.record, first.source, true, &line, &line_size) == 0);
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
