/*
 * Content-Range of a picture's range: what is taken keeps every bound that storing relies on, and
 * is the one text that says it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hq/evidence.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct hq_range range = {0};
    struct err_text err = {""};
    char again[64];
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (hq_range_parse(text, &range, &err) == 0) {
        assert(range.from < range.to && range.to <= range.total && range.total <= HQ_PICTURE_MAX);
        assert(range.to - range.from <= HQ_RANGE_MAX && range.from % HQ_RANGE_STEP == 0);
        assert(range.to % HQ_RANGE_STEP == 0 || range.to == range.total);
        (void)snprintf(again, sizeof(again), "bytes %u-%u/%u", range.from, range.to - 1,
                       range.total); /* fits */
        assert(strcmp(again, text) == 0);
    } else {
        assert(err.text[0] != '\0');
    }
    free(text);
    return 0;
}
