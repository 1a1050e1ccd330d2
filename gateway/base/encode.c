/*
 * Hexadecimal and base64 text (base64 through OpenSSL's block codec). No state.
 */
#include "gateway/base/encode.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void hex_encode(const uint8_t *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * size] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hex_decode(const char *text, uint8_t *out, size_t size)
{
    if (strlen(text) != 2 * size) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < 2 * size; i++) {
        if (hex_digit(text[i]) < 0) {
            return ERR_INVALID;
        }
    }
    for (size_t i = 0; i < size; i++) {
        out[i] =
            (uint8_t)((unsigned)hex_digit(text[2 * i]) << 4 | (unsigned)hex_digit(text[2 * i + 1]));
    }
    return ERR_OK;
}

/* Where the pair of digits begins that `text` goes on with, NULL: something else stands there. */
static const char *next_pair(const char *text, bool first)
{
    const char *at = *text == ' ' && !first ? text + 1 : text;
    return hex_digit(at[0]) >= 0 && hex_digit(at[1]) >= 0 ? at : NULL;
}

int hex_decode_spaced(const char *text, uint8_t *out, size_t max, size_t *out_size)
{
    size_t size = 0;
    const char *at = text;
    while (*at) {
        at = next_pair(at, size == 0);
        if (!at || size == max) {
            return ERR_INVALID;
        }
        at += 2;
        size++;
    }
    if (size == 0) {
        return ERR_INVALID;
    }
    size = 0;
    for (at = text; *at; at += 2) {
        at += *at == ' ';
        out[size++] = (uint8_t)((unsigned)hex_digit(at[0]) << 4 | (unsigned)hex_digit(at[1]));
    }
    *out_size = size;
    return ERR_OK;
}

size_t base64_encode_into(const uint8_t *data, size_t size, char *out)
{
    assert(size <= INT_MAX / 2);
    out[0] = '\0';
    return (size_t)EVP_EncodeBlock((unsigned char *)out, data, (int)size);
}

char *base64_encode(const uint8_t *data, size_t size)
{
    char *out = size > INT_MAX / 2 ? NULL : malloc(BASE64_SIZE(size));
    if (out) {
        (void)base64_encode_into(data, size, out); /* the caller measures it */
    }
    return out;
}

int base64_decode(const char *text, uint8_t **out, size_t *out_size)
{
    size_t length = strlen(text);
    if (length % 4 != 0 || length > INT_MAX / 2) {
        return ERR_INVALID;
    }
    size_t body = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = length - body;
    if (padding > 2 || strspn(text + body, "=") != padding) {
        return ERR_INVALID;
    }
    uint8_t *data = malloc(length / 4 * 3 + 1);
    if (!data) {
        return ERR_NO_MEMORY;
    }
    int written = length == 0 ? 0 : EVP_DecodeBlock(data, (const unsigned char *)text, (int)length);
    /* RFC 4648 section 3.5: the bits behind the last byte are zero, so one text has one meaning. */
    if (written < 0 || (padding > 0 && data[written - (int)padding] != 0)) {
        free(data);
        return ERR_INVALID;
    }
    data[written] = '\0'; /* text that comes so ends with its zero, like any other */
    *out = data;
    *out_size = (size_t)written - padding;
    return ERR_OK;
}
