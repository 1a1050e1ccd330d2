/*
 * A channel file: whatever parses writes to a text that parses to the same text, and judges any hit
 * without a wild number.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/match/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert(plate.kind == PLATE_KEY);
    return plate.key;
}

static void judge_some(const struct match_channel *channel)
{
    static const char *const texts[] = {"ABC128",   "1ABC12B", "AB?128",
                                        "云A12345", "A12345",  "ABCDE12345"};
    enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };
    const struct match_operating_point point = {MATCH_FALSE_ALERTS_DEFAULT, MATCH_VEHICLES_DEFAULT};
    struct match_judge *judge = NULL;
    struct err_text err = {""};
    if (match_judge_create(&channel, 1, &point, &judge, &err) != 0) {
        return; /* no memory */
    }
    for (int i = 0; i < TEXTS * TEXTS; i++) {
        struct plate_read read = {
            .kind = PLATE_KEY, .key = key_of(texts[i / TEXTS]), .confidence = 80};
        struct match_hit hit = {.entry = {.key = key_of(texts[i % TEXTS])},
                                .kind = MATCH_CANDIDATE,
                                .read_key = read.key};
        read.candidates[0] = (struct read_candidate){hit.entry.key, 70};
        read.candidate_count = 1;
        match_judge_hit(judge, &read, 1000, &hit);
        assert(hit.odds_db == MATCH_ODDS_NONE ||
               (hit.odds_db >= -MATCH_ODDS_MAX_DB && hit.odds_db <= MATCH_ODDS_MAX_DB));
    }
    match_judge_destroy(judge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct match_channel *channel = NULL;
    struct match_channel *again = NULL;
    struct err_text err = {""};
    char *text = NULL;
    char *second = NULL;
    size_t text_size = 0;
    size_t second_size = 0;
    if (channel_parse((const char *)data, size, &channel, &err) != 0) {
        assert(err.text[0] != '\0');
        return 0;
    }
    if (channel_write(channel, &text, &text_size) == 0) {
        int result = channel_parse(text, text_size, &again, &err);
        assert(result == 0 || result == ERR_NO_MEMORY);
        if (result == 0 && channel_write(again, &second, &second_size) == 0) {
            assert(second_size == text_size && memcmp(second, text, text_size) == 0);
        }
    }
    judge_some(channel);
    channel_destroy(channel);
    channel_destroy(again);
    free(text);
    free(second);
    return 0;
}
