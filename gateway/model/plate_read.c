/* Checks of a plate read that another program sent: everything in range before it is used. */
#include "gateway/model/plate_read.h"

#include <stdbool.h>
#include <string.h>

int plate_read_check(const struct plate_read *read, struct err_text *err)
{
    char text[PLATE_TEXT_SIZE];
    bool has_key = read->kind == PLATE_KEY;
    if (read->lane == 0)
        return err_set(err, ERR_INVALID, "lane = '0': expected 1 to %d", LANE_ID_MAX);
    if ((int)read->kind < PLATE_KEY || read->kind > PLATE_DECODE_ERROR)
        return err_set(err, ERR_INVALID, "kind = '%d': unknown", (int)read->kind);
    if (has_key != (read->key != 0) || (has_key && plate_decode(read->key, text) != 0))
        return err_set(err, ERR_INVALID, "key does not fit its kind");
    if (!memchr(read->raw, '\0', sizeof read->raw))
        return err_set(err, ERR_INVALID, "raw text without end");
    if (read->candidate_count > READ_CANDIDATES_MAX || read->char_count > PLATE_SYMBOLS_MAX)
        return err_set(err, ERR_INVALID, "more candidates or scores than there is room for");
    if ((int)read->authenticity < AUTH_NONE || read->authenticity > AUTH_SESSION)
        return err_set(err, ERR_INVALID, "authenticity = '%d': unknown", (int)read->authenticity);
    return 0;
}
