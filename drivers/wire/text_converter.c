/*
 * Text between encodings, over iconv. State: the open conversion.
 */
#include "drivers/wire/text_converter.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "drivers/wire/read_fields.h"

/* What iconv takes for `inbuf`: it never writes there, its interface only forgot to say so. */
union source {
    const char *read;
    char *taken;
};

int text_converter_open(struct text_converter *out, enum text_encoding encoding,
                        enum text_direction direction, struct err_text *err)
{
    struct text_converter converter = {.encoding = encoding};
    if (encoding == TEXT_GBK) {
        bool from = direction == TEXT_FROM_DEVICE;
        converter.handle = iconv_open(from ? "UTF-8" : "GBK", from ? "GBK" : "UTF-8");
        if (converter.handle == (iconv_t)-1)
            return err_set(err, errno == ENOMEM ? ERR_NO_MEMORY : ERR_UNSUPPORTED,
                           "encoding GBK: %s", strerror(errno));
    }
    *out = converter;
    return ERR_OK;
}

void text_converter_close(struct text_converter *converter)
{
    if (converter->encoding == TEXT_GBK)
        (void)iconv_close(converter->handle); /* fails only for a handle that is none */
    *converter = (struct text_converter){0};
}

static int convert_gbk(iconv_t handle, const void *text, size_t size, void *out, size_t room,
                       size_t *out_size)
{
    union source from = {.read = text};
    char *to = out;
    size_t left = room;
    /* Back to the first state; there is nothing to flush. */
    (void)iconv(handle, NULL, NULL, NULL, NULL);
    if (iconv(handle, &from.taken, &size, &to, &left) == (size_t)-1)
        return errno == E2BIG ? ERR_TOO_LARGE : ERR_INVALID;
    *out_size = room - left;
    return ERR_OK;
}

static bool has_control(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < 0x20 || text[i] == 0x7F)
            return true;
    return false;
}

int text_convert(struct text_converter *converter, const void *text, size_t size_bytes, void *out,
                 size_t room, size_t *out_size)
{
    size_t made = 0;
    if (has_control(text, size_bytes))
        return ERR_INVALID;
    if (size_bytes == 0) { /* iconv wants room even for nothing */
        *out_size = 0;
        return ERR_OK;
    }
    if (converter->encoding == TEXT_GBK) {
        int rc = convert_gbk(converter->handle, text, size_bytes, out, room, &made);
        if (rc != ERR_OK)
            return rc;
        *out_size = made;
        return ERR_OK;
    }
    if (!read_text_valid(text, size_bytes))
        return ERR_INVALID;
    if (size_bytes > room)
        return ERR_TOO_LARGE;
    memcpy(out, text, size_bytes);
    *out_size = size_bytes;
    return ERR_OK;
}
