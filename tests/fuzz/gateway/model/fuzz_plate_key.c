/* Any bytes as plate text, any eight bytes as key: what has a key round-trips. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/model/plate_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size, enum plate_dash dash)
{
    struct plate_text first;
    struct plate_text again;
    char canonical[PLATE_TEXT_SIZE];
    plate_encode(text, size, dash, &first);
    assert((first.kind == PLATE_KEY) == (first.key != 0));
    if (first.kind != PLATE_KEY)
        return;
    int result = plate_decode(first.key, canonical);
    assert(result == 0);
    plate_encode(canonical, strlen(canonical), PLATE_DASH_AUTO, &again);
    assert(again.key == first.key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text((const char *)data, size, PLATE_DASH_AUTO);
    check_text((const char *)data, size, PLATE_DASH_IS_UNREAD);
    if (size >= sizeof(plate_key)) {
        plate_key key;
        char text[PLATE_TEXT_SIZE];
        memcpy(&key, data, sizeof key);
        if (plate_decode(key, text) == 0)
            check_text(text, strlen(text), PLATE_DASH_AUTO);
    }
    return 0;
}
