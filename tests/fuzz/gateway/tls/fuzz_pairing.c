/*
 * A pairing code as somebody types it into a tablet's browser: no code, or the name of a file in
 * the folder and of nothing else, the same however it is written. And a tablet's name.
 */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/tls/pairing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
    assert(strlen(name) == PAIRING_NAME_SIZE - 1);
    assert(strspn(name, "0123456789abcdef") == PAIRING_NAME_SIZE - 1);
}

/* The other case, and a blank and a hyphen behind each sign. */
static char *written_otherwise(const char *code)
{
    char *text = malloc(strlen(code) * 3 + 1);
    char *to = text;
    for (const char *c = code; text && *c; c++) {
        *to++ = (char)(islower((unsigned char)*c) ? toupper((unsigned char)*c)
                                                  : tolower((unsigned char)*c));
        *to++ = ' ';
        *to++ = '-';
    }
    if (text)
        *to = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[PAIRING_NAME_SIZE];
    char again[PAIRING_NAME_SIZE];
    char *code = malloc(size + 1);
    if (!code)
        return 0;
    memcpy(code, data, size);
    code[size] = '\0';
    char *other = written_otherwise(code);
    bool is_code = pairing_file_name(code, name);
    if (other)
        assert(pairing_file_name(other, again) == is_code);
    if (is_code) {
        check_name(name);
        assert(!other || strcmp(name, again) == 0);
    }
    if (pairing_tablet_ok(code))
        assert(strlen(code) < PAIRING_TABLET_SIZE && code[0] != '\0' && !strpbrk(code, "./ %"));
    free(other);
    free(code);
    return 0;
}
