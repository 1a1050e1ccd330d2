/* Checks of a plate read that another program sent: everything in range before it is used. */
#include "gateway/model/plate_read.h"

#include <stdbool.h>
#include <string.h>

static bool is_confidence(uint8_t value)
{
    return value <= 100 || value == READ_CONFIDENCE_NONE;
}

static int check_scores(const struct plate_read *read, struct err_text *err)
{
    char text[PLATE_TEXT_SIZE];
    if (read->candidate_count > READ_CANDIDATES_MAX || read->char_count > PLATE_SYMBOLS_MAX)
        return err_set(err, ERR_INVALID, "more candidates or scores than there is room for");
    bool good = is_confidence(read->confidence);
    for (int i = 0; i < read->char_count; i++)
        good = good && is_confidence(read->char_confidence[i]);
    for (int i = 0; i < read->candidate_count; i++) {
        if (plate_decode(read->candidates[i].key, text) != 0)
            return err_set(err, ERR_INVALID, "candidates[%d]: no key", i);
        good = good && is_confidence(read->candidates[i].confidence);
    }
    return good ? 0 : err_set(err, ERR_INVALID, "a confidence out of range, expected 0 to 100");
}

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
    if ((int)read->authenticity < AUTH_NONE || read->authenticity > AUTH_SESSION)
        return err_set(err, ERR_INVALID, "authenticity = '%d': unknown", (int)read->authenticity);
    return check_scores(read, err);
}
