/*
 * Root public keys from their folder. No state.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file.h"
#include "gateway/wanted/list.h"

enum { ROOT_PEM_MAX_BYTES = 4096, ROOT_PATH_SIZE = 4096 };

static bool is_pem(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '.' && length > 4 && strcmp(name + length - 4, ".pem") == 0;
}

static int add_file(const char *folder, const char *name, struct root_keys *roots,
                    struct err_text *err)
{
    char path[ROOT_PATH_SIZE];
    uint8_t *pem = NULL;
    size_t size = 0;
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return err_set(err, ERR_TOO_LARGE, "%s: path too long", folder);
    }
    int result = file_read(path, ROOT_PEM_MAX_BYTES, &pem, &size, err);
    if (result < 0) {
        return result;
    }
    result = root_keys_add_pem(roots, (const char *)pem, size);
    free(pem);
    return result == ERR_OK
               ? ERR_OK
               : err_set(err, result, "%s: %s, expected one of at most %d Ed25519 public keys",
                         path, err_name(result), ROOT_KEYS_MAX);
}

int wanted_roots_load(const char *folder, struct root_keys *out, struct err_text *err)
{
    struct root_keys roots = {0};
    int result = ERR_OK;
    DIR *dir = opendir(folder);
    if (!dir) {
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", folder,
                       strerror(errno));
    }
    for (const struct dirent *item = readdir(dir); item && result == ERR_OK; item = readdir(dir)) {
        if (is_pem(item->d_name)) {
            result = add_file(folder, item->d_name, &roots, err);
        }
    }
    closedir(dir);
    if (result == ERR_OK && roots.count < ROOT_KEYS_NEEDED) {
        result = err_set(err, ERR_NOT_FOUND, "%s: %d root keys (*.pem), expected %d to %d", folder,
                         roots.count, ROOT_KEYS_NEEDED, ROOT_KEYS_MAX);
    }
    if (result == ERR_OK) {
        *out = roots;
    }
    return result;
}
