/*
 * Profile files: the folder of the product, then that of the site. No state.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "drivers/modbus_io/profile.h"

int profile_load(const char *path, struct module_profile *out, struct err_text *err)
{
    struct module_profile profile;
    int rc = config_load(path, &module_profile_section, &profile, err);
    if (rc != ERR_OK) {
        return rc;
    }
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    size_t length = strlen(profile.name);
    if (strncmp(file, profile.name, length) != 0 || strcmp(file + length, ".yaml") != 0) {
        return err_set(err, ERR_INVALID,
                       "%s: name = '%s': not the file's, expected a file '%s.yaml'", path,
                       profile.name, profile.name);
    }
    *out = profile;
    return ERR_OK;
}

enum { PATH_SIZE = 320 };

/* "folder/name.yaml" when there is such a file. */
static bool path_in(const char *folder, const char *name, char out[PATH_SIZE])
{
    int length = snprintf(out, PATH_SIZE, "%s/%s.yaml", folder, name);
    return length > 0 && length < PATH_SIZE && access(out, F_OK) == 0;
}

int profile_find(const char *shipped, const char *site, const char *name,
                 struct module_profile *out, struct err_text *err)
{
    static const char in_name[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    char path[PATH_SIZE];
    char other[PATH_SIZE];
    if (name[0] == '\0' || strspn(name, in_name) != strlen(name)) {
        return err_set(err, ERR_NOT_FOUND, "unknown, expected letters, digits and _-");
    }
    bool in_shipped = path_in(shipped, name, path);
    bool in_site = path_in(site, name, other);
    if (in_shipped && in_site) {
        return err_set(err, ERR_CONFLICT,
                       "both in %s and in %s, expected another name for the site's", shipped, site);
    }
    if (!in_shipped && !in_site) {
        return err_set(err, ERR_NOT_FOUND, "unknown, expected %s.yaml in %s or %s", name, shipped,
                       site);
    }
    return profile_load(in_shipped ? path : other, out, err);
}
