/*
 * The nearest known key by edit distance (insert, delete, replace, each 1). No state.
 */
#include "gateway/config/nearest.h"

#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 64 };

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[KEY_MAX + 1];
    size_t a_length = strnlen(a, KEY_MAX);
    size_t b_length = strnlen(b, KEY_MAX);
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

void nearest_key(const struct config_section *section, const char *key, char *out, size_t size)
{
    const char *best = NULL;
    size_t best_distance = strnlen(key, KEY_MAX) / 3 + 2; /* farther is no likeness */
    for (size_t i = 0; i < section->option_count; i++) {
        size_t distance = edit_distance(key, section->options[i].key);
        if (distance < best_distance) {
            best = section->options[i].key;
            best_distance = distance;
        }
    }
    if (best) {
        (void)snprintf(out, size, "unknown key, did you mean '%s'?", best); /* fits */
        return;
    }
    size_t at = (size_t)snprintf(out, size, "unknown key, expected one of ");
    for (size_t i = 0; i < section->option_count && at < size; i++) {
        int n = snprintf(out + at, size - at, "%s%s", i ? ", " : "", section->options[i].key);
        at += n > 0 ? (size_t)n : 0;
    }
}
