/*
 * Reading what a device says it is. No state.
 */
#include "drivers/bus/device_identity.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/bytes.h"

enum {
    MORE_FOLLOWS = 0xFF,
    HEAD_SIZE = 3, /* MEI type, code, conformity: checked, or of no use here */
    SERVER_DATA_AT = 1,
    SHOWN_BYTES = 4
};

const char *device_identity_name(enum identity_object object)
{
    static const char *const names[IDENTITY_OBJECTS] = {
        [IDENTITY_VENDOR] = "vendor",
        [IDENTITY_PRODUCT] = "product code",
        [IDENTITY_REVISION] = "revision",
    };
    return (unsigned)object < IDENTITY_OBJECTS ? names[object] : NULL;
}

static char printable(uint8_t byte)
{
    return (char)(byte >= ' ' && byte <= '~' ? byte : '?');
}

void device_text_show(const uint8_t *data, size_t size, char *out)
{
    while (size > 0 && (data[size - 1] == ' ' || data[size - 1] == '\0')) {
        size--;
    }
    size = size < IDENTITY_TEXT_SIZE ? size : IDENTITY_TEXT_SIZE - 1;
    for (size_t i = 0; i < size; i++) {
        out[i] = printable(data[i]);
    }
    out[size] = '\0';
}

static int take_object(struct device_identity *identity, struct byte_reader *r, uint8_t *out_id,
                       struct err_text *err)
{
    uint8_t id = byte_read_u8(r);
    uint8_t size = byte_read_u8(r);
    const uint8_t *data = byte_read_bytes(r, size);
    if (!data) {
        return err_set(err, ERR_CORRUPT, "identification cut short in object %u", id);
    }
    if (id < IDENTITY_OBJECTS && size >= IDENTITY_TEXT_SIZE) {
        return err_set(err, ERR_CORRUPT, "%s of %u bytes, expected at most %d",
                       device_identity_name((enum identity_object)id), size,
                       IDENTITY_TEXT_SIZE - 1);
    }
    if (id < IDENTITY_OBJECTS) {
        device_text_show(data, size, identity->text[id]);
    }
    *out_id = id;
    return ERR_OK;
}

int device_identity_take(struct device_identity *identity, uint8_t first,
                         const struct modbus_answer *answer, uint8_t *out_next,
                         struct err_text *err)
{
    struct byte_reader r;
    byte_reader_init(&r, answer->raw, answer->raw_size);
    (void)byte_read_bytes(&r, HEAD_SIZE); /* a short one shows in what follows */
    uint8_t more = byte_read_u8(&r);
    uint8_t next = byte_read_u8(&r);
    uint8_t count = byte_read_u8(&r);
    uint8_t last = 0;
    int rc = r.failed ? err_set(err, ERR_CORRUPT, "identification cut short") : ERR_OK;
    for (unsigned i = 0; rc == ERR_OK && i < count; i++) {
        rc = take_object(identity, &r, &last, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    if (!byte_reader_done(&r)) {
        return err_set(err, ERR_CORRUPT, "identification with bytes behind its %u objects", count);
    }
    if (more != MORE_FOLLOWS || next >= IDENTITY_OBJECTS) { /* others were not asked for */
        *out_next = 0;
        return ERR_OK;
    }
    if (count == 0 || next <= first || next <= last) {
        return err_set(err, ERR_CORRUPT, "identification without end: after object %u object %u",
                       last, next);
    }
    *out_next = next;
    return ERR_OK;
}

bool device_identity_matches(const char *pattern, const char *text)
{
    size_t length = strlen(pattern);
    return length > 0 && pattern[length - 1] == '*' ? strncmp(text, pattern, length - 1) == 0
                                                    : strcmp(text, pattern) == 0;
}

/* What follows the byte count; a short answer has nothing. */
static size_t server_data(const struct modbus_answer *answer, const uint8_t **out)
{
    *out = answer->raw + SERVER_DATA_AT;
    return answer->raw_size > SERVER_DATA_AT ? answer->raw_size - (size_t)SERVER_DATA_AT : 0;
}

bool server_id_matches(const struct modbus_answer *answer, const uint8_t *id, size_t id_size,
                       const char *text)
{
    const uint8_t *data;
    size_t size = server_data(answer, &data);
    size_t length = strlen(text);
    return size >= id_size && memcmp(data, id, id_size) == 0 &&
           (length == 0 || memmem(data, size, text, length) != NULL);
}

void server_id_show(const struct modbus_answer *answer, char *out)
{
    const uint8_t *data;
    size_t size = server_data(answer, &data);
    size_t at = 0;
    for (size_t i = 0; i < size && i < SHOWN_BYTES; i++) {
        at += (size_t)snprintf(out + at, IDENTITY_TEXT_SIZE - at, "%02X ", data[i]);
    }
    at += (size_t)snprintf(out + at, IDENTITY_TEXT_SIZE - at, "'");
    for (size_t i = 0; i < size && at < IDENTITY_TEXT_SIZE - 2; i++) {
        out[at++] = printable(data[i]);
    }
    out[at++] = '\'';
    out[at] = '\0';
}
