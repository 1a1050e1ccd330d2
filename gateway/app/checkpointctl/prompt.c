/*
 * Passwords and short answers, asked by gateway/base/prompt and told about in both languages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/base/prompt.h"
#include "gateway/control/accounts.h"

enum { LINE_SIZE = PASSWORD_MAX_BYTES + 2 };

void ctl_password_free(char *password)
{
    if (password) {
        explicit_bzero(password, strlen(password));
    }
    free(password);
}

static void hand_signals(sigset_t *out)
{
    sigemptyset(out);
    sigaddset(out, SIGINT);
    sigaddset(out, SIGTERM);
    sigaddset(out, SIGHUP);
}

void ctl_signals_block(sigset_t *out_before)
{
    sigset_t set;
    hand_signals(&set);
    (void)sigprocmask(SIG_BLOCK, &set, out_before); /* cannot fail with these arguments */
}

int ctl_pause(int ms)
{
    enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };
    const struct timespec wait = {.tv_sec = ms / MS_PER_S,
                                  .tv_nsec = (long)(ms % MS_PER_S) * NS_PER_MS};
    sigset_t set;
    hand_signals(&set);
    return sigtimedwait(&set, NULL, &wait) > 0 ? EXIT_INTERRUPTED : 0;
}

bool ctl_has_terminal(void)
{
    int terminal = prompt_open_terminal();
    if (terminal >= 0) {
        close(terminal);
    }
    return terminal >= 0;
}

static int ask(const char *prompt, bool echo, char buffer[LINE_SIZE])
{
    int terminal = prompt_open_terminal();
    if (terminal < 0) {
        return terminal;
    }
    int result = prompt_ask(terminal, prompt, echo, buffer, LINE_SIZE, NULL);
    close(terminal);
    return result;
}

static int told(const struct ctl *ctl, int result, const char *buffer, char **out)
{
    switch (result) {
    case 0:
        *out = strdup(buffer);
        return *out ? 0 : ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
    case ERR_STOPPED:
        return ctl_fail(ctl, EXIT_INTERRUPTED, "interrupted", "interrupted", "已中断");
    case ERR_TOO_LARGE:
        return ctl_fail(ctl, EXIT_USAGE, "too_large", "password: longer than 128 bytes",
                        "密码过长，最多 128 字节");
    case ERR_NOT_FOUND:
        return ctl_fail(ctl, EXIT_USAGE, "no_password",
                        "no password: there is no terminal to ask at, or nothing to read; give "
                        "--password-fd N (for a second officer --second NAME --second-fd N)",
                        "没有密码：没有终端或没有内容可读，请使用 --password-fd N（第二名民警使用 "
                        "--second 姓名 --second-fd N）");
    default:
        return ctl_fail(ctl, EXIT_USAGE, "io", "the password cannot be read", "无法读取密码");
    }
}

int ctl_password_read(const struct ctl *ctl, int64_t fd, const char *prompt, char **out)
{
    char buffer[LINE_SIZE] = "";
    int result =
        fd >= 0 ? prompt_read_line((int)fd, buffer, sizeof(buffer)) : ask(prompt, false, buffer);
    int status = told(ctl, result, buffer, out);
    explicit_bzero(buffer, sizeof(buffer));
    return status;
}

int ctl_password_new(const struct ctl *ctl, int64_t fd, char **out)
{
    char *first = NULL;
    char *again = NULL;
    int status = ctl_password_read(ctl, fd, ctl_say(ctl, "New password: ", "新密码："), &first);
    if (status != 0 || fd >= 0) {
        *out = first;
        return status;
    }
    if (first && strlen(first) < PIN_MIN_DIGITS) { /* shorter than either may be */
        ctl_password_free(first);
        return ctl_fail(ctl, EXIT_USAGE, "invalid",
                        "password: expected 8 to 128 bytes, or a PIN of 6 to 12 digits",
                        "密码：应为 8 至 128 字节，或 6 至 12 位数字 PIN");
    }
    status = ctl_password_read(ctl, fd, ctl_say(ctl, "Again: ", "再次输入："), &again);
    if (status == 0 && first && again && strcmp(first, again) != 0) {
        status = ctl_fail(ctl, EXIT_USAGE, "differs", "the two passwords differ",
                          "两次输入的密码不一致");
    }
    ctl_password_free(again);
    if (status != 0) {
        ctl_password_free(first);
        return status;
    }
    *out = first;
    return 0;
}

int ctl_line_read(const struct ctl *ctl, const char *prompt, char **out)
{
    char buffer[LINE_SIZE] = "";
    int result = ask(prompt, true, buffer);
    if (result == ERR_NOT_FOUND && ctl_has_terminal()) {
        return ctl_fail(ctl, EXIT_USAGE, "no_answer", "no answer", "没有输入");
    }
    return told(ctl, result, buffer, out);
}
