/* See kept_file.h. */
#include "gateway/control/kept_file.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/base/trusted_time.h"

enum {
    DIGEST_SIZE = 32,
    HEX_SIZE = 2 * DIGEST_SIZE + 1,
    BOOT_HEX_SIZE = 2 * TIME_BOOT_ID_SIZE + 1
};

static int boot_hex(char out[BOOT_HEX_SIZE], struct err_text *err)
{
    uint8_t boot[TIME_BOOT_ID_SIZE];
    if (time_boot_id(boot) != 0)
        return err_set(err, ERR_IO, "boot id: cannot be read");
    hex_encode(boot, sizeof boot, out);
    return 0;
}

/* Over the content as it is written: a damaged or edited file is none. Who may write the file could
 * make a sum as well, but is this program's user already. */
static int sum_of(const json_t *content, char out[HEX_SIZE])
{
    uint8_t digest[DIGEST_SIZE];
    unsigned size;
    char *text = json_dumps(content, JSON_COMPACT | JSON_SORT_KEYS);
    bool done = text && EVP_Digest(text, strlen(text), digest, &size, EVP_sha256(), NULL) == 1;
    free(text);
    if (!done)
        return ERR_NO_MEMORY;
    hex_encode(digest, sizeof digest, out);
    return 0;
}

int kept_file_save(const char *path, const json_t *content, struct err_text *err)
{
    char boot[BOOT_HEX_SIZE];
    char sum[HEX_SIZE];
    int result = boot_hex(boot, err);
    if (result != 0)
        return result;
    json_t *root = sum_of(content, sum) == 0
                       ? json_pack("{s:s,s:s,s:O}", "boot", boot, "sum", sum, "content", content)
                       : NULL;
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    result = text ? file_write_atomic(path, text, strlen(text), 0600, err)
                  : err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
    json_decref(root);
    free(text);
    return result;
}

static int check_root(const char *path, const json_t *root, bool *out_this_start,
                      struct err_text *err)
{
    char boot[BOOT_HEX_SIZE];
    char sum[HEX_SIZE];
    const char *kept_boot = json_string_value(json_object_get(root, "boot"));
    const char *kept_sum = json_string_value(json_object_get(root, "sum"));
    const json_t *content = json_object_get(root, "content");
    int result = boot_hex(boot, err);
    if (result != 0)
        return result;
    if (!kept_boot || !kept_sum || !content || sum_of(content, sum) != 0 ||
        strcmp(sum, kept_sum) != 0)
        return err_set(err, ERR_CORRUPT, "%s: damaged or changed", path);
    *out_this_start = strcmp(boot, kept_boot) == 0;
    return 0;
}

int kept_file_load(const char *path, size_t limit_bytes, json_t **out_content, bool *out_this_start,
                   struct err_text *err)
{
    struct stat st;
    uint8_t *data;
    size_t size;
    json_t *root;
    *out_content = NULL;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return err_set(err, ERR_DENIED, "%s: expected a file of our own with mode 0600", path);
    int result = file_read(path, limit_bytes, &data, &size, err);
    if (result != 0)
        return result;
    result = json_parse((const char *)data, size, &root, err);
    free(data);
    if (result != 0)
        return err_set(err, ERR_CORRUPT, "%s: damaged or changed", path);
    result = check_root(path, root, out_this_start, err);
    if (result == 0)
        *out_content = json_incref(json_object_get(root, "content"));
    json_decref(root);
    return result;
}
