/* See request.h. */
#include "gateway/console/request.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/encode.h"

enum { HEX_256 = 64, HEX_64 = 16, NUMBER_DIGITS_MAX = 18 };

static bool is_lower_hex(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdef") >= digits;
}

/* The next "name=value" of a Cookie header, without blanks around. Returns where the rest begins.
 */
static const char *next_cookie(const char *at, const char **out, size_t *out_size)
{
    at += strspn(at, " \t");
    size_t size = strcspn(at, ";");
    const char *rest = at[size] ? at + size + 1 : at + size;
    while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t'))
        size--;
    *out = at;
    *out_size = size;
    return rest;
}

bool request_token(const char *cookie, char out[REQUEST_TOKEN_SIZE])
{
    const size_t name = strlen(REQUEST_COOKIE_NAME "=");
    const char *found = NULL;
    if (!cookie || strnlen(cookie, REQUEST_COOKIE_MAX + 1) > REQUEST_COOKIE_MAX)
        return false;
    while (*cookie) {
        const char *one = NULL;
        size_t size = 0;
        cookie = next_cookie(cookie, &one, &size);
        if (size < name || memcmp(one, REQUEST_COOKIE_NAME "=", name) != 0)
            continue;
        if (found || size != name + HEX_256 || !is_lower_hex(one + name, HEX_256))
            return false;
        found = one + name;
    }
    if (!found)
        return false;
    memcpy(out, found, HEX_256);
    out[HEX_256] = '\0';
    return true;
}

/* Bytes of the host part; 0 when the text is none. */
static size_t host_part(const char *host)
{
    const char *close = host[0] == '[' ? strchr(host, ']') : NULL;
    size_t size = close ? (size_t)(close - host) + 1 : strcspn(host, ":");
    const char *port = host + size;
    if (host[0] == '[' && !close)
        return 0;
    if (*port == '\0')
        return size;
    size_t digits = strspn(port + 1, "0123456789");
    return *port == ':' && digits >= 1 && digits <= 5 && port[1 + digits] == '\0' ? size : 0;
}

bool request_host_allowed(const char *host, const char *const *hosts, size_t count)
{
    size_t size = host ? host_part(host) : 0;
    for (size_t i = 0; size > 0 && i < count; i++)
        if (strlen(hosts[i]) == size && strncasecmp(hosts[i], host, size) == 0)
            return true;
    return false;
}

bool request_same_origin(const char *origin, const char *host)
{
    const size_t scheme = strlen("https://");
    return origin && host && strncmp(origin, "https://", scheme) == 0 &&
           strcasecmp(origin + scheme, host) == 0;
}

bool request_csrf(const char *token, char out[REQUEST_CSRF_SIZE])
{
    static const uint8_t purpose[] = {'c', 's', 'r', 'f'};
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!HMAC(EVP_sha256(), token, (int)strlen(token), purpose, sizeof purpose, digest, &size) ||
        size != 32)
        return false;
    hex_encode(digest, size, out);
    return true;
}

bool request_csrf_fits(const char *token, const char *header)
{
    char expected[REQUEST_CSRF_SIZE];
    return header && strlen(header) == REQUEST_CSRF_SIZE - 1 && request_csrf(token, expected) &&
           CRYPTO_memcmp(header, expected, REQUEST_CSRF_SIZE - 1) == 0;
}

bool request_stream_id(const char *text, struct stream_id *out)
{
    uint64_t number = 0;
    if (!text || !is_lower_hex(text, HEX_64) || text[HEX_64] != '-')
        return false;
    const char *digits = text + HEX_64 + 1;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > NUMBER_DIGITS_MAX || digits[count] != '\0')
        return false;
    for (size_t i = 0; i < count; i++)
        number = number * 10 + (uint64_t)(digits[i] - '0');
    memcpy(out->epoch, text, HEX_64);
    out->epoch[HEX_64] = '\0';
    out->number = number;
    return true;
}

bool request_picture_path(const char *path, char hit[REQUEST_HIT_SIZE], char sha[REQUEST_SHA_SIZE])
{
    static const char before[] = "/api/hits/";
    static const char after[] = "/pictures";
    static const char name_chars[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:";
    if (strncmp(path, before, sizeof before - 1) != 0)
        return false;
    const char *name = path + sizeof before - 1;
    size_t size = strspn(name, name_chars);
    const char *rest = name + size;
    if (size == 0 || size >= REQUEST_HIT_SIZE || strncmp(rest, after, sizeof after - 1) != 0)
        return false;
    rest += sizeof after - 1;
    if (*rest != '\0' &&
        (rest[0] != '/' || !is_lower_hex(rest + 1, HEX_256) || rest[1 + HEX_256] != '\0'))
        return false;
    memcpy(hit, name, size);
    hit[size] = '\0';
    memcpy(sha, *rest ? rest + 1 : rest, *rest ? HEX_256 + 1 : 1);
    return true;
}

void head_scan_add(struct head_scan *scan, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size && !scan->whole; i++) {
        char c = bytes[i];
        if (c == '\n') {
            scan->bare |= scan->before != '\r';
            scan->whole = ++scan->line_ends == 2;
        } else if (c != '\r') {
            scan->line_ends = 0;
        }
        scan->before = c;
    }
}
