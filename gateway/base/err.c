/*
 * Error names and texts. No state.
 */
#include "gateway/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_name(int code)
{
    switch (code) {
    case ERR_OK:
        return "ok";
    case ERR_INVALID:
        return "invalid";
    case ERR_NO_MEMORY:
        return "no_memory";
    case ERR_IO:
        return "io";
    case ERR_TIMEOUT:
        return "timeout";
    case ERR_FULL:
        return "full";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_DENIED:
        return "denied";
    case ERR_CORRUPT:
        return "corrupt";
    case ERR_STALE:
        return "stale";
    case ERR_STOPPED:
        return "stopped";
    case ERR_UNSUPPORTED:
        return "unsupported";
    case ERR_BUSY:
        return "busy";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_TOO_LARGE:
        return "too_large";
    default:
        return "unknown";
    }
}

/* Drops a UTF-8 sequence that the cut at the buffer's end left incomplete. */
static void cut_at_character(char *text)
{
    size_t length = strlen(text);
    size_t back = 0;
    while (back < 4 && back < length) {
        unsigned char byte = (unsigned char)text[length - 1 - back];
        if ((byte & 0xC0) != 0x80) {
            size_t need = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
            if (need > back + 1) {
                text[length - 1 - back] = '\0';
            }
            return;
        }
        back++;
    }
}

void err_copy(const char *text, char *out, size_t size_bytes)
{
    size_t length = strnlen(text, size_bytes - 1);
    memcpy(out, text, length);
    out[length] = '\0';
    cut_at_character(out);
}

int(err_set)(struct err_text *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        (void)vsnprintf(err->text, sizeof(err->text), fmt, args); /* a cut text is still a text */
        va_end(args);
        cut_at_character(err->text);
    }
    return code;
}

int(err_prefix)(struct err_text *err, int code, const char *fmt, ...)
{
    if (err) {
        char prefix[sizeof(err->text)];
        char joined[2 * sizeof(err->text) + 2];
        va_list args;
        va_start(args, fmt);
        (void)vsnprintf(prefix, sizeof(prefix), fmt, args); /* a cut prefix is still a prefix */
        va_end(args);
        (void)snprintf(joined, sizeof(joined), "%s: %s", prefix, err->text); /* both fit */
        memcpy(err->text, joined, sizeof(err->text) - 1);
        err->text[sizeof(err->text) - 1] = '\0';
        cut_at_character(err->text);
    }
    return code;
}
