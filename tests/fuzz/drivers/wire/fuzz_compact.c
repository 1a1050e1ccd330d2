/* Any bytes as a compact datagram: what decodes is a sound read and survives a round trip. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "drivers/wire/compact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct plate_read *read)
{
    static const uint8_t key[SIPHASH_KEY_SIZE] = "0123456789abcdef";
    uint8_t bytes[COMPACT_SIZE_MAX];
    struct plate_read again;
    struct compact_info info;
    size_t size = compact_encode(read, key, 7, bytes, sizeof bytes);
    assert(size > 0);
    enum compact_cause cause = compact_decode(bytes, size, PLATE_DASH_AUTO, &again, &info);
    assert(cause == COMPACT_OK && info.tagged && info.counter == 7);
    assert(compact_tag_valid(bytes, &info, key));
    assert(again.lane == read->lane && again.camera == read->camera);
    assert(again.key == read->key && again.kind == read->kind);
    assert(strcmp(again.raw, read->raw) == 0);
    assert(again.event_id == read->event_id && again.camera_time.ms == read->camera_time.ms);
    assert(again.class == read->class && again.speed_kmh == read->speed_kmh);
    assert(again.candidate_count == read->candidate_count);
    assert(again.char_count == read->char_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plate_read read;
    struct compact_info info;
    if (compact_decode(data, size, PLATE_DASH_IS_UNREAD, &read, &info) == COMPACT_OK)
        assert(plate_read_check(&read, NULL) == 0);
    if (compact_decode(data, size, PLATE_DASH_AUTO, &read, &info) != COMPACT_OK)
        return 0;
    assert(plate_read_check(&read, NULL) == 0);
    assert(info.covered_size <= size);
    assert(!info.tagged || info.covered_size == size - 8);
    check_round_trip(&read);
    return 0;
}
