/* See token_file.h. */
#include "gateway/control/token_file.h"

#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/control/kept_file.h"

enum {
    FILE_MAX_BYTES = 128 * 1024, /* 256 rows of at most 340 bytes */
    HEX_SIZE = 2 * TOKEN_DIGEST_SIZE + 1,
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
    json_t *rows = json_array();
    for (int i = 0; i < TOKENS_MAX; i++)
        if (tokens_state(tokens, &tokens->slots[i], now) == TOKEN_GOOD)
            json_array_append_new(rows, row_of(&tokens->slots[i]));
    int result = kept_file_save(path, rows, err);
    json_decref(rows);
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
    json_t *rows;
    bool this_start = false;
    int result = kept_file_load(path, FILE_MAX_BYTES, &rows, &this_start, err);
    if (result != 0 || !rows)
        return result;
    if (!json_is_array(rows) || json_array_size(rows) > TOKENS_MAX)
        result = err_set(err, ERR_CORRUPT, "%s: damaged or changed", path);
    else if (!this_start)
        result = err_set(err, ERR_STALE, "%s: of another start of the machine", path);
    else
        result = take_rows(path, rows, tokens, now, accept, ctx, err);
    json_decref(rows);
    return result;
}
