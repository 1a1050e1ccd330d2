/* Any words as camera registers: what decodes is a sound read and encodes to a map that decodes;
 * the words behind it are taken for the status and the candidates of that read. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "drivers/wire/camera_registers.h"

enum { WORDS_MAX = CAMERA_CANDIDATES_AT + CAMERA_CANDIDATES_COUNT + 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opened once: a conversion opened a million times would be all that is tested. */
static struct registers_form *opened(void)
{
    static struct registers_form form;
    static int open;
    if (!open) {
        int rc = registers_form_open(&form, PLATE_DASH_AUTO, REGISTERS_ENCODING_TOLD, NULL);
        assert(rc == 0);
        open = 1;
    }
    return &form;
}

static size_t count_from(size_t count, size_t at)
{
    return count > at ? count - at : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t registers[WORDS_MAX] = {0};
    size_t count = size / 2 < WORDS_MAX ? size / 2 : WORDS_MAX;
    struct registers_form *form = opened();
    struct registers_read found;
    struct registers_read again;
    struct registers_status status;
    for (size_t i = 0; i < count; i++)
        registers[i] = (uint16_t)(data[2 * i] << 8 | data[2 * i + 1]);
    if (camera_status_decode(registers + CAMERA_STATUS_AT, count_from(count, CAMERA_STATUS_AT),
                             &status) == REGISTERS_OK)
        assert(status.now_ms >= 0);
    if (camera_registers_decode(registers, count, form, &found) != REGISTERS_OK)
        return 0;
    assert(found.sequence != 0 && found.version != 0);
    enum registers_cause cause = camera_candidates_decode(
        registers + CAMERA_CANDIDATES_AT, count_from(count, CAMERA_CANDIDATES_AT), form, &found);
    assert(cause == REGISTERS_OK || found.read.candidate_count == 0);
    found.read.lane = 1; /* the caller knows it */
    assert(plate_read_check(&found.read, NULL) == 0);
    camera_registers_encode(&found.read, found.sequence, registers);
    cause = camera_registers_decode(registers, CAMERA_REGISTERS_COUNT, form, &again);
    assert(cause == REGISTERS_OK && again.read.key == found.read.key &&
           strcmp(again.read.raw, found.read.raw) == 0);
    return 0;
}
