/* See token_file.h. */
#include "gateway/control/token_file.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/base/trusted_time.h"

enum {
    FILE_MAX_BYTES = 128 * 1024, /* 256 rows of at most 340 bytes */
    HEX_SIZE = 2 * TOKEN_DIGEST_SIZE + 1,
    BOOT_HEX_SIZE = 2 * TIME_BOOT_ID_SIZE + 1,
    PATH_SIZE = 512
};

int token_file_prepare(const char *path, struct err_text *err)
{
    char folder[PATH_SIZE];
    struct stat st;
    const char *slash = strrchr(path, '/');
    if (!slash || (size_t)(slash - path) >= sizeof folder)
        return err_set(err, ERR_INVALID, "%s: too long", path);
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    int result = file_make_folder(folder, 0700, err);
    if (result != 0)
        return result;
    if (lstat(folder, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 077) != 0)
        return err_set(err, ERR_DENIED, "%s: expected a folder of our own with mode 0700", folder);
    return 0;
}

static int boot_hex(char out[BOOT_HEX_SIZE], struct err_text *err)
{
    uint8_t boot[TIME_BOOT_ID_SIZE];
    if (time_boot_id(boot) != 0)
        return err_set(err, ERR_IO, "boot id: cannot be read");
    hex_encode(boot, sizeof boot, out);
    return 0;
}

/* Over the rows as they are written: a damaged or edited file is none. Who may write the file could
 * make a sum as well, but is this program's user already. */
static int sum_of(const json_t *rows, char out[HEX_SIZE])
{
    uint8_t digest[TOKEN_DIGEST_SIZE];
    unsigned size;
    char *text = json_dumps(rows, JSON_COMPACT | JSON_SORT_KEYS);
    bool done = text && EVP_Digest(text, strlen(text), digest, &size, EVP_sha256(), NULL) == 1;
    free(text);
    if (!done)
        return ERR_NO_MEMORY;
    hex_encode(digest, sizeof digest, out);
    return 0;
}

/* ---- saving ---- */

static json_t *row_of(const struct token *token)
{
    char digest[HEX_SIZE];
    hex_encode(token->digest, sizeof token->digest, digest);
    return json_pack("{s:s,s:s,s:s,s:I,s:s,s:I}", "digest", digest, "officer",
                     token->holder.officer, "role", officer_role_name(token->holder.role), "uid",
                     (json_int_t)token->holder.uid, "tablet", token->holder.tablet, "expires_ns",
                     (json_int_t)token->expires.ns);
}

int token_file_save(const char *path, const struct tokens *tokens, struct mono_time now,
                    struct err_text *err)
{
    char boot[BOOT_HEX_SIZE];
    char sum[HEX_SIZE];
    json_t *rows = json_array();
    for (int i = 0; i < TOKENS_MAX; i++)
        if (tokens_state(tokens, &tokens->slots[i], now) == TOKEN_GOOD)
            json_array_append_new(rows, row_of(&tokens->slots[i]));
    int result = boot_hex(boot, err);
    if (result == 0 && sum_of(rows, sum) != 0)
        result = err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
    json_t *root =
        result == 0 ? json_pack("{s:s,s:s,s:O}", "boot", boot, "sum", sum, "tokens", rows) : NULL;
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    json_decref(rows);
    if (result == 0 && !text)
        result = err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
    if (result == 0)
        result = file_write_atomic(path, text, strlen(text), 0600, err);
    free(text);
    return result;
}

/* ---- loading ---- */

static bool copy(const char *text, char *out, size_t room)
{
    if (!text || strlen(text) >= room)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static int parse_token(const json_t *row, struct token *out)
{
    const char *digest;
    const char *officer;
    const char *role;
    const char *tablet;
    json_int_t uid;
    json_int_t expires;
    /* json_unpack only reads, whatever its signature says. */
    if (json_unpack((json_t *)row, "{s:s,s:s,s:s,s:I,s:s,s:I!}", "digest", &digest, "officer",
                    &officer, "role", &role, "uid", &uid, "tablet", &tablet, "expires_ns",
                    &expires) != 0 ||
        hex_decode(digest, out->digest, sizeof out->digest) != 0 ||
        !copy(officer, out->holder.officer, sizeof out->holder.officer) ||
        officer_role_parse(role, &out->holder.role) != 0 || uid < 0 || uid > UINT32_MAX ||
        !copy(tablet, out->holder.tablet, sizeof out->holder.tablet))
        return ERR_CORRUPT;
    out->holder.uid = (uid_t)uid;
    out->expires.ns = expires;
    return 0;
}

static int check_root(const char *path, const json_t *root, struct err_text *err)
{
    char boot[BOOT_HEX_SIZE];
    char sum[HEX_SIZE];
    const char *kept_boot = json_string_value(json_object_get(root, "boot"));
    const char *kept_sum = json_string_value(json_object_get(root, "sum"));
    const json_t *rows = json_object_get(root, "tokens");
    int result = boot_hex(boot, err);
    if (result != 0)
        return result;
    if (!kept_boot || !kept_sum || !json_is_array(rows) || json_array_size(rows) > TOKENS_MAX ||
        sum_of(rows, sum) != 0 || strcmp(sum, kept_sum) != 0)
        return err_set(err, ERR_CORRUPT, "%s: damaged or changed", path);
    if (strcmp(boot, kept_boot) != 0)
        return err_set(err, ERR_STALE, "%s: of another start of the machine", path);
    return 0;
}

static int take_rows(const char *path, const json_t *rows, struct tokens *tokens,
                     struct mono_time now,
                     bool (*accept)(void *ctx, const struct token_holder *holder), void *ctx,
                     struct err_text *err)
{
    int count = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct token token = {.id = ++tokens->last_id, .used = now};
        if (parse_token(json_array_get(rows, i), &token) != 0) {
            memset(tokens->slots, 0, sizeof tokens->slots);
            return err_set(err, ERR_CORRUPT, "%s: tokens[%zu]: damaged or changed", path, i);
        }
        if (tokens_state(tokens, &token, now) == TOKEN_GOOD && accept(ctx, &token.holder))
            tokens->slots[count++] = token;
    }
    return 0;
}

int token_file_load(const char *path, struct tokens *tokens, struct mono_time now,
                    bool (*accept)(void *ctx, const struct token_holder *holder), void *ctx,
                    struct err_text *err)
{
    struct stat st;
    uint8_t *data;
    size_t size;
    json_t *root;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return err_set(err, ERR_DENIED, "%s: expected a file of our own with mode 0600", path);
    int result = file_read(path, FILE_MAX_BYTES, &data, &size, err);
    if (result != 0)
        return result;
    result = json_parse((const char *)data, size, &root, err);
    free(data);
    if (result != 0)
        return err_set(err, ERR_CORRUPT, "%s: damaged or changed", path);
    result = check_root(path, root, err);
    if (result == 0)
        result = take_rows(path, json_object_get(root, "tokens"), tokens, now, accept, ctx, err);
    json_decref(root);
    return result;
}
