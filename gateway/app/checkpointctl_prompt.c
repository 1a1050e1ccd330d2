/*
 * Passwords and short answers from the terminal or a file descriptor, never from arguments. While
 * the echo is off, signals are taken through a signalfd, so that the terminal is always put right.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/app/checkpointctl.h"
#include "gateway/control/accounts.h"

enum { LINE_SIZE = PASSWORD_MAX_BYTES + 2 };

void ctl_password_free(char *password)
{
    if (password) {
        explicit_bzero(password, strlen(password));
    }
    free(password);
}

bool ctl_has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Takes a line out of `buffer`; one byte a read from a descriptor, so that what stands behind the
 * line stays there for the next reader. 0, ERR_TOO_LARGE, ERR_IO, ERR_NOT_FOUND (no byte at all).
 */
static int read_line(int fd, char buffer[LINE_SIZE])
{
    size_t size = 0;
    for (;;) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ERR_IO;
        }
        if (n == 0 && size == 0) {
            return ERR_NOT_FOUND;
        }
        if (n == 0 || c == '\n') {
            buffer[size] = '\0';
            return 0;
        }
        if (size == LINE_SIZE - 1 || c == '\0') {
            return ERR_TOO_LARGE;
        }
        buffer[size++] = c;
    }
}

/* ---- terminal ---- */

struct terminal {
    int fd;
    int signals; /* signalfd */
    sigset_t mask_before;
    struct termios before;
};

static int terminal_open(struct terminal *t, bool echo)
{
    sigset_t set;
    t->signals = -1;
    t->fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (t->fd < 0) {
        return ERR_NOT_FOUND;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGTSTP); /* not while a password is typed */
    if (tcgetattr(t->fd, &t->before) != 0 || sigprocmask(SIG_BLOCK, &set, &t->mask_before) != 0) {
        close(t->fd);
        return ERR_IO;
    }
    t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    struct termios quiet = t->before;
    if (!echo) {
        quiet.c_lflag &= (tcflag_t) ~(tcflag_t)ECHO;
        quiet.c_lflag |= ECHONL;
    }
    if (t->signals < 0 || tcsetattr(t->fd, TCSAFLUSH, &quiet) != 0) {
        close(t->fd);
        return ERR_IO;
    }
    return 0;
}

static void terminal_close(struct terminal *t)
{
    struct signalfd_siginfo info;
    /* Fails only when the terminal has gone: then there is nothing to put right. */
    (void)tcsetattr(t->fd, TCSADRAIN, &t->before);
    while (t->signals >= 0 && read(t->signals, &info, sizeof(info)) == sizeof(info)) {
        continue; /* answered by EXIT_INTERRUPTED */
    }
    if (t->signals >= 0) {
        close(t->signals);
    }
    close(t->fd);
    (void)sigprocmask(SIG_SETMASK, &t->mask_before, NULL); /* cannot fail with these arguments */
}

/* Waits for a line: the terminal hands out whole lines. ERR_STOPPED on a signal. */
static int terminal_read(struct terminal *t, char buffer[LINE_SIZE])
{
    struct pollfd fds[2] = {{.fd = t->fd, .events = POLLIN}, {.fd = t->signals, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR) {
            return ERR_IO;
        }
    }
    return fds[1].revents ? ERR_STOPPED : read_line(t->fd, buffer);
}

static int ask(const char *prompt, bool echo, char buffer[LINE_SIZE])
{
    struct terminal t;
    int result = terminal_open(&t, echo);
    if (result != 0) {
        return result;
    }
    /* A prompt that cannot be shown is no reason not to read. */
    (void)!write(t.fd, prompt, strlen(prompt));
    result = terminal_read(&t, buffer);
    terminal_close(&t);
    return result;
}

/* ---- what commands call ---- */

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
    int result = fd >= 0 ? read_line((int)fd, buffer) : ask(prompt, false, buffer);
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
    return told(ctl, ask(prompt, true, buffer), buffer, out);
}
