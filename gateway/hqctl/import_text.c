/*
 * See import_text.h. No state.
 */
#include "gateway/hqctl/import_text.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/utf8.h"
#include "gateway/hqctl/csv.h"

/* What iconv takes for `inbuf`: it never writes there, its interface only forgot to say so. */
union source {
    const char *read;
    char *taken;
};

int import_encoding_parse(const char *name, enum import_encoding *out, struct err_text *err)
{
    static const char *const names[] = {"auto", "utf-8", "gbk"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum import_encoding)i;
            return 0;
        }
    return err_set(err, ERR_INVALID, "--encoding = '%.32s': expected auto, utf-8 or gbk", name);
}

/* Valid UTF-8 that reads like the UTF-8 of a Chinese list. */
static bool is_utf8(const uint8_t *bytes, size_t size)
{
    size_t foreign = 0; /* characters of two bytes but the dot of a plate, U+00B7 */
    size_t wide = 0;
    for (size_t at = 0; at < size;) {
        size_t length = utf8_length(bytes + at, size - at);
        if (length == 0)
            return false;
        wide += length > 2;
        foreign += length == 2 && !(bytes[at] == 0xC2 && bytes[at + 1] == 0xB7);
        at += length;
    }
    return wide > 0 || foreign == 0;
}

/* ERR_INVALID: no GB 18030. Each two bytes become three at most, four become four. */
static int convert(const void *data, size_t size, char **out, size_t *out_size)
{
    union source from = {.read = data};
    size_t room = size * 2 + 1;
    char *text = malloc(room);
    char *to = text;
    size_t left = room - 1;
    size_t in_left = size;
    iconv_t handle = text ? iconv_open("UTF-8", "GB18030") : (iconv_t)-1;
    if (handle == (iconv_t)-1) {
        free(text);
        return text && errno != ENOMEM ? ERR_UNSUPPORTED : ERR_NO_MEMORY;
    }
    int rc = iconv(handle, &from.taken, &in_left, &to, &left) == (size_t)-1 ? ERR_INVALID : 0;
    (void)iconv_close(handle); /* fails only for a handle that is none */
    if (rc != 0) {
        free(text);
        return rc;
    }
    *to = '\0';
    *out = text;
    *out_size = (size_t)(to - text);
    return 0;
}

int import_text_decode(const void *data, size_t size, enum import_encoding encoding, char **out,
                       size_t *out_size, enum import_encoding *out_was, struct err_text *err)
{
    const uint8_t *bytes = data;
    bool marked = size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0;
    char *text = NULL;
    size_t text_size = 0;
    int rc = 0;
    if (encoding == IMPORT_ENCODING_GBK ||
        (encoding == IMPORT_ENCODING_AUTO && !marked && !is_utf8(bytes, size)))
        rc = convert(data, size, &text, &text_size);
    if (rc == ERR_INVALID && encoding == IMPORT_ENCODING_AUTO)
        rc = 0; /* neither */
    if (rc != 0)
        return err_set(err, rc, "%s",
                       rc == ERR_INVALID       ? "no GBK, expected what --encoding says"
                       : rc == ERR_UNSUPPORTED ? "this system's iconv knows no GB18030"
                                               : err_name(rc));
    *out = text;
    *out_size = text ? text_size : size;
    *out_was = text ? IMPORT_ENCODING_GBK : IMPORT_ENCODING_UTF8;
    return 0;
}
