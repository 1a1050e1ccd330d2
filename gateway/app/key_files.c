/* See key_files.h. */
#include "gateway/app/key_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file.h"

enum { PEM_MAX_BYTES = 4096, PATH_SIZE = 512 };

static int is_pem(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 4 && strcmp(entry->d_name + size - 4, ".pem") == 0;
}

static int add_file(const char *folder, const char *name, struct root_keys *out,
                    struct err_text *err)
{
    char path[PATH_SIZE];
    uint8_t *pem = NULL;
    size_t size = 0;
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
        return err_set(err, ERR_INVALID, "%s: path too long", folder);
    }
    int result = file_read(path, PEM_MAX_BYTES, &pem, &size, err);
    if (result == 0) {
        result = root_keys_add_pem(out, (const char *)pem, size);
        if (result != 0) {
            result = err_set(err, ERR_INVALID, "%s: %s, expected an Ed25519 public key, each once",
                             path, err_name(result));
        }
    }
    free(pem);
    return result;
}

int root_keys_load(const char *folder, struct root_keys *out, struct err_text *err)
{
    struct dirent **names = NULL;
    int result = 0;
    memset(out, 0, sizeof(*out));
    int count = scandir(folder, &names, is_pem, alphasort);
    if (count < 0) {
        return err_set(err, ERR_NOT_FOUND, "%s: no such folder of root keys", folder);
    }
    for (int i = 0; i < count; i++) {
        if (result == 0) {
            result = add_file(folder, names[i]->d_name, out, err);
        }
        free(names[i]);
    }
    free(names);
    if (result == 0 && out->count < ROOT_KEYS_NEEDED) {
        return err_set(err, ERR_NOT_FOUND, "%s: %d root keys, expected at least %d", folder,
                       out->count, ROOT_KEYS_NEEDED);
    }
    return result;
}
