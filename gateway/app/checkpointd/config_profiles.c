/* Where the profile files of cameras and displays lie. See config.h. */
#include "gateway/app/checkpointd/config_parts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "folder/kind/name.yaml" when there is such a file. */
static bool path_in(const char *folder, const char *kind, const char *name,
                    char out[CONFIG_PROFILE_PATH_SIZE])
{
    int size = snprintf(out, CONFIG_PROFILE_PATH_SIZE, "%s/%s/%s.yaml", folder, kind, name);
    return size > 0 && size < CONFIG_PROFILE_PATH_SIZE && access(out, F_OK) == 0;
}

int config_profile_path(const struct checkpointd_config *config, const char *kind, const char *name,
                        char out[CONFIG_PROFILE_PATH_SIZE], struct err_text *err)
{
    static const char in_name[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    char site[CONFIG_PROFILE_PATH_SIZE];
    if (name[0] == '\0' || name[strspn(name, in_name)] != '\0') {
        return err_set(err, ERR_INVALID, "expected the name of a profile: letters, digits and _-");
    }
    bool in_shipped = path_in(config->shipped_profiles, kind, name, out);
    bool in_site = path_in(config->profiles, kind, name, site);
    if (in_shipped && in_site) {
        return err_set(err, ERR_CONFLICT,
                       "both in %s/%s and in %s/%s, expected another name for the site's",
                       config->shipped_profiles, kind, config->profiles, kind);
    }
    if (!in_shipped && !in_site) {
        return err_set(err, ERR_NOT_FOUND, "unknown, expected %s/%s.yaml in %s or %s", kind, name,
                       config->shipped_profiles, config->profiles);
    }
    if (in_site) {
        memcpy(out, site, sizeof(site));
    }
    return ERR_OK;
}

static int check_one(const struct checkpointd_config *config, const char *kind, const char *name,
                     const char *key, const struct config_at *at, struct err_text *err)
{
    char path[CONFIG_PROFILE_PATH_SIZE];
    struct err_text why = {""};
    return config_profile_path(config, kind, name, path, &why) == ERR_OK
               ? ERR_OK
               : config_refuse(at, key, err, "%s", why.text);
}

int config_check_profile_files(const struct checkpointd_config *config, const struct config_at *at,
                               struct err_text *err)
{
    int result = 0;
    char key[48];
    for (size_t i = 0; result == 0 && i < config->camera_count; i++) {
        snprintf(key, sizeof(key), "cameras[%zu].profile", i);
        if (config->cameras[i].kind == CAMERA_SERIAL) {
            result =
                check_one(config, CONFIG_PROFILE_SERIAL, config->cameras[i].profile, key, at, err);
        }
    }
    for (size_t i = 0; result == 0 && i < config->display_count; i++) {
        snprintf(key, sizeof(key), "displays[%zu].profile", i);
        result =
            check_one(config, CONFIG_PROFILE_DISPLAY, config->displays[i].profile, key, at, err);
    }
    return result;
}
