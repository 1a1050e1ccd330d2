/* Any template up to the first NUL, any message behind it: what compiles reads soundly. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "drivers/wire/read_fields.h"
#include "drivers/wire/text_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char template[256];
    struct text_template form = {.trailing_optional = size % 2, .utc_offset_minutes = 480};
    const uint8_t *end = memchr(data, 0, size);
    if (!end || (size_t)(end - data) >= sizeof template)
        return 0;
    memcpy(template, data, (size_t)(end - data) + 1);
    if (text_template_compile(template, &form) != NULL)
        return 0;
    assert(form.count > 0 && form.count <= TEMPLATE_PARTS_MAX);
    const uint8_t *text = end + 1;
    size_t text_size = size - (size_t)(text - data);
    struct plate_read read;
    struct template_extra extra;
    if (!read_text_valid(text, text_size) ||
        text_template_read(&form, text, text_size, &read, &extra) != TEMPLATE_OK)
        return 0;
    read.lane = 1; /* the caller knows it */
    assert(plate_read_check(&read, NULL) == 0);
    return 0;
}
