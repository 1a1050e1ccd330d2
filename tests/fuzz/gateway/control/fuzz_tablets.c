/*
 * Arguments of the act that pairs a tablet: refused with the member's name, or a tablet whose own
 * row says the same and can be read again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/control/tablets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tablet(const struct tablet *tablet)
{
    struct tablet again;
    assert(tablets_is_name(tablet->name));
    assert(strlen(tablet->fingerprint) == TABLET_FINGERPRINT_SIZE - 1);
    json_t *row = tablets_row_json(tablet);
    assert(row && tablets_parse(row, &again, NULL) == 0);
    assert(strcmp(again.name, tablet->name) == 0 &&
           strcmp(again.fingerprint, tablet->fingerprint) == 0 &&
           memcmp(again.lanes, tablet->lanes, sizeof(again.lanes)) == 0);
    json_decref(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tablet tablet;
    struct err_text err = {""};
    json_t *args = NULL;
    if (size == 0 || json_parse((const char *)data, size, &args, NULL) != 0)
        return 0;
    if (tablets_parse(args, &tablet, &err) == 0)
        check_tablet(&tablet);
    else
        assert(err.text[0] != '\0');
    json_decref(args);
    return 0;
}
