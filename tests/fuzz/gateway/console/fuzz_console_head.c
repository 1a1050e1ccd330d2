/*
 * Pieces of a request's head, from the network: what is taken is exactly of its form, and a head's
 * scan sees the same however the bytes are cut. The first byte says which piece.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/console/request.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void try_cookie(const char *text)
{
    char token[REQUEST_TOKEN_SIZE];
    if (!request_token(text, token))
        return;
    assert(strlen(token) == REQUEST_TOKEN_SIZE - 1);
    assert(strspn(token, "0123456789abcdef") == REQUEST_TOKEN_SIZE - 1);
    const char *found = strstr(text, REQUEST_COOKIE_NAME "=");
    assert(found && strstr(text, token));
}

static void try_host(const char *text)
{
    static const char *const hosts[] = {"console.local", "192.168.10.2", "[fd00::1]"};
    if (request_host_allowed(text, hosts, 3))
        assert(strpbrk(text, " /@?#") == NULL);
    (void)request_same_origin(text, "console.local:8443"); /* no more to say than that it ends */
}

static void try_id(const char *text)
{
    struct stream_id id;
    char again[64];
    if (!request_stream_id(text, &id))
        return;
    (void)snprintf(again, sizeof again, "%s-%llu", id.epoch, (unsigned long long)id.number);
    const char *digits = text + strlen(id.epoch) + 1;
    while (digits[0] == '0' && digits[1] != '\0')
        digits++; /* leading zeros are let pass */
    assert(strcmp(strchr(again, '-') + 1, digits) == 0);
}

static void try_path(const char *text)
{
    char hit[REQUEST_HIT_SIZE];
    char sha[REQUEST_SHA_SIZE];
    char again[256];
    if (!request_picture_path(text, hit, sha))
        return;
    (void)snprintf(again, sizeof again, "/api/hits/%s/pictures%s%s", hit, sha[0] ? "/" : "", sha);
    assert(strcmp(again, text) == 0);
}

static void try_scan(const char *text, size_t size)
{
    struct head_scan whole = {0};
    struct head_scan single = {0};
    head_scan_add(&whole, text, size);
    for (size_t i = 0; i < size; i++)
        head_scan_add(&single, text + i, 1);
    assert(whole.bare == single.bare && whole.whole == single.whole);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char *text = size > 0 ? malloc(size) : NULL;
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 5) {
    case 0:
        try_cookie(text);
        break;
    case 1:
        try_host(text);
        break;
    case 2:
        try_id(text);
        break;
    case 3:
        try_path(text);
        break;
    default:
        try_scan(text, size - 1);
        break;
    }
    free(text);
    return 0;
}
