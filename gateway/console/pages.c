/* See pages.h. */
#include "gateway/console/pages.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"

enum { TAG_BYTES = 16 };

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".ogg", "audio/ogg"},
    {".mp3", "audio/mpeg"},
    {".wav", "audio/wav"},
    {".woff2", "font/woff2"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
};

static const struct {
    const char *file;
    const char *path;
} names[] = {{"/index.html", "/"}, {"/pair.html", "/pair"}, {"/favicon.svg", "/favicon.ico"}};

static const char *type_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    return NULL;
}

static const char *path_of(const char *file)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(file, names[i].file) == 0)
            return names[i].path;
    return file;
}

int pages_add(struct pages *pages, const char *path, const uint8_t *data, size_t size,
              struct err_text *err)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    struct page page = {.path = path_of(path), .type = type_of(path), .data = data, .size = size};
    if (!page.type)
        return err_set(err, ERR_UNSUPPORTED, "%s: no content type for such a file", path);
    struct page *list = realloc(pages->list, (pages->count + 1) * sizeof *list);
    if (!list)
        return err_set(err, ERR_NO_MEMORY, "pages: no memory");
    pages->list = list;
    if (EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) != 1)
        return err_set(err, ERR_NO_MEMORY, "pages: no memory");
    page.tag[0] = '"';
    hex_encode(digest, TAG_BYTES, page.tag + 1);
    page.tag[1 + 2 * TAG_BYTES] = '"';
    pages->list[pages->count++] = page;
    return 0;
}

int pages_init(struct pages *pages, struct err_text *err)
{
    *pages = (struct pages){0};
    for (size_t i = 0; i < page_file_count; i++) {
        const struct page_file *file = &page_files[i];
        int rc = pages_add(pages, file->path, file->begin, (size_t)(file->end - file->begin), err);
        if (rc != 0) {
            pages_fini(pages);
            return rc;
        }
    }
    return 0;
}

const struct page *pages_find(const struct pages *pages, const char *path)
{
    for (size_t i = 0; i < pages->count; i++)
        if (strcmp(pages->list[i].path, path) == 0)
            return &pages->list[i];
    return NULL;
}

void pages_fini(struct pages *pages)
{
    free(pages->list);
    *pages = (struct pages){0};
}
