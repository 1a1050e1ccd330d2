/*
 * The signed-on officer's token: one file of mode 0600 under $XDG_RUNTIME_DIR/checkpoint, which
 * the system removes with the session. A file that others could read or that is not ours is
 * refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"

enum { PATH_SIZE = 512, FILE_MAX_BYTES = 4096 };

static const char *session_folder(void)
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    return folder && folder[0] == '/' ? folder : NULL;
}

static int fail_no_folder(const struct ctl *ctl)
{
    return ctl_fail(ctl, EXIT_DENIED, "no_session",
                    "XDG_RUNTIME_DIR is not set: the token needs your session's own folder, such "
                    "as /run/user/1000. Sign on to the machine through its login (pam_systemd), or "
                    "set XDG_RUNTIME_DIR to a folder only you can enter",
                    "未设置 XDG_RUNTIME_DIR：令牌须保存在会话目录（如 /run/user/1000）。请正常登录"
                    "系统，或将 XDG_RUNTIME_DIR 设为仅本人可进入的目录");
}

/* "<session>/checkpoint/token"; 0 when there is no session or the path is too long. */
static bool token_path(char out[PATH_SIZE])
{
    const char *folder = session_folder();
    return folder && snprintf(out, PATH_SIZE, "%s/checkpoint/token", folder) < PATH_SIZE;
}

int ctl_token_place(const struct ctl *ctl)
{
    char path[PATH_SIZE];
    struct stat info;
    if (!token_path(path)) {
        return fail_no_folder(ctl);
    }
    *strrchr(path, '/') = '\0';
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        char en[PATH_SIZE + 64];
        snprintf(en, sizeof(en), "%s: %s", path, strerror(errno));
        return ctl_fail(ctl, EXIT_RUN, "io", en, "无法建立令牌目录");
    }
    if (lstat(path, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() ||
        (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        char en[PATH_SIZE + 64];
        snprintf(en, sizeof(en), "%s: expected a folder of your own with mode 0700", path);
        return ctl_fail(ctl, EXIT_DENIED, "denied", en, "令牌目录须属于本人且权限为 0700");
    }
    return 0;
}

/* Reads the file into an object. ERR_NOT_FOUND, ERR_DENIED (not ours, or others may read it). */
static int read_file(json_t **out, struct err_text *err)
{
    char path[PATH_SIZE];
    struct stat info;
    uint8_t *text = NULL;
    size_t size = 0;
    if (!token_path(path) || lstat(path, &info) != 0) {
        return err_set(err, ERR_NOT_FOUND, "not signed on");
    }
    if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() ||
        (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return err_set(err, ERR_DENIED, "%s: mode %04o: expected a file of your own with mode 0600",
                       path, info.st_mode & 07777u);
    }
    int result = file_read(path, FILE_MAX_BYTES, &text, &size, err);
    if (result != 0) {
        return result;
    }
    result = json_parse((const char *)text, size, out, err);
    explicit_bzero(text, size);
    free(text);
    return result;
}

int ctl_token_load(struct ctl *ctl, bool needed)
{
    struct err_text err;
    json_t *file = NULL;
    if (needed && !session_folder()) {
        return fail_no_folder(ctl);
    }
    int result = read_file(&file, &err);
    if (result == ERR_NOT_FOUND && !needed) {
        return 0;
    }
    if (result == ERR_NOT_FOUND) {
        return ctl_fail(ctl, EXIT_DENIED, "denied", "sign on first: checkpointctl login",
                        "请先登录：checkpointctl login");
    }
    if (result != 0) {
        return ctl_fail(ctl, EXIT_DENIED, err_name(result), err.text, "令牌文件无效，请重新登录");
    }
    const char *token = json_string_value(json_object_get(file, "token"));
    ctl->token = token ? strdup(token) : NULL;
    json_decref(file);
    return ctl->token ? 0
                      : ctl_fail(ctl, EXIT_DENIED, "invalid", "the token's file holds no token",
                                 "令牌文件无效，请重新登录");
}

int ctl_token_save(const struct ctl *ctl, const json_t *login)
{
    char path[PATH_SIZE];
    struct err_text err;
    json_int_t life_s = json_integer_value(json_object_get(login, "expires_in_s"));
    int64_t expires_ms = clock_wall(&clock_system).ms + life_s * 1000;
    json_t *file = json_pack("{s:O,s:O,s:O,s:I}", "token", json_object_get(login, "token"),
                             "officer", json_object_get(login, "officer"), "role",
                             json_object_get(login, "role"), "expires_ms", (json_int_t)expires_ms);
    char *text = file ? json_dumps(file, JSON_COMPACT) : NULL;
    json_decref(file);
    if (!text || !token_path(path)) {
        free(text);
        return ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
    }
    int result = file_write_atomic(path, text, strlen(text), 0600, &err);
    explicit_bzero(text, strlen(text));
    free(text);
    return result == 0 ? 0 : ctl_fail_err(ctl, EXIT_RUN, result, &err);
}

int ctl_token_wipe(const struct ctl *ctl)
{
    static const char zeros[FILE_MAX_BYTES];
    char path[PATH_SIZE];
    struct stat info;
    if (!token_path(path)) {
        return fail_no_folder(ctl);
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        return 0;
    }
    bool wiped = fd >= 0 && fstat(fd, &info) == 0 && info.st_size <= FILE_MAX_BYTES &&
                 write(fd, zeros, (size_t)info.st_size) == info.st_size && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (unlink(path) != 0 || !wiped) {
        char en[PATH_SIZE + 64];
        snprintf(en, sizeof(en), "%s: cannot be wiped: %s", path, strerror(errno));
        return ctl_fail(ctl, EXIT_RUN, "io", en, "无法清除令牌文件");
    }
    return 0;
}

json_t *ctl_token_about(const struct ctl *ctl)
{
    struct err_text err;
    json_t *file = NULL;
    (void)ctl;
    if (read_file(&file, &err) != 0) {
        return NULL;
    }
    json_int_t expires_ms = json_integer_value(json_object_get(file, "expires_ms"));
    int64_t left_s = (expires_ms - clock_wall(&clock_system).ms) / 1000;
    json_t *about = json_pack("{s:O,s:O,s:I}", "officer", json_object_get(file, "officer"), "role",
                              json_object_get(file, "role"), "expires_in_s",
                              (json_int_t)(left_s > 0 ? left_s : 0));
    json_decref(file);
    return about;
}
