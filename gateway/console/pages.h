/*
 * The pages compiled in: every file below web/, byte for byte. Read-only after pages_init(), any
 * thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

/* As CMake makes them from the folder. */
struct page_file {
    const char *path; /* "/js/main.js" */
    const uint8_t *begin;
    const uint8_t *end;
};
extern const struct page_file page_files[];
extern const size_t page_file_count;

enum { PAGE_TAG_SIZE = 35 };

struct page {
    const char *path; /* "/" for index.html, "/pair" for pair.html */
    const char *type; /* of the content */
    const uint8_t *data;
    size_t size;
    char tag[PAGE_TAG_SIZE]; /* ETag, in its quotes */
};

struct pages {
    struct page *list;
    size_t count;
};

/* Names, types and tags. `list` is heap memory for pages_fini(). ERR_UNSUPPORTED: a file whose
 * ending has no type here; ERR_NO_MEMORY. */
int pages_init(struct pages *pages, struct err_text *err) MUST_CHECK;
/* Makes room for one more page, whose `data` outlives `pages`. ERR_NO_MEMORY. */
int pages_add(struct pages *pages, const char *path, const uint8_t *data, size_t size,
              struct err_text *err) MUST_CHECK;
const struct page *pages_find(const struct pages *pages, const char *path);
void pages_fini(struct pages *pages);
