/*
 * See prompt.h. While a line is asked for, signals are blocked and taken through a signalfd, so
 * that the terminal is always put right.
 */
#include "gateway/base/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* Waits for a byte or a signal. ERR_STOPPED: a signal. */
static int wait_byte(int fd, int signals)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR) {
            return ERR_IO;
        }
    }
    return fds[1].revents ? ERR_STOPPED : 0;
}

/* `signals` -1: none are listened to. */
static int fill_line(int fd, int signals, char *line, size_t size)
{
    size_t used = 0;
    for (;;) {
        char *c = &line[used];
        int result = signals >= 0 ? wait_byte(fd, signals) : 0;
        if (result != 0) {
            return result;
        }
        ssize_t n = read(fd, c, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ERR_IO;
        }
        if (n == 0 && used == 0) {
            return ERR_NOT_FOUND;
        }
        if (n == 0 || *c == '\n') {
            *c = '\0';
            return 0;
        }
        if (*c == '\0') {
            return ERR_INVALID;
        }
        if (used == size - 1) {
            return ERR_TOO_LARGE;
        }
        used++;
    }
}

static int read_line(int fd, int signals, char *line, size_t size)
{
    int result = fill_line(fd, signals, line, size);
    if (result != 0) {
        explicit_bzero(line, size);
    }
    return result;
}

int prompt_read_line(int fd, char *line, size_t size)
{
    return read_line(fd, -1, line, size);
}

/* ---- terminal ---- */

int prompt_open_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return ERR_NOT_FOUND;
    }
    return fd;
}

struct session {
    int terminal;
    int signals; /* signalfd */
    sigset_t mask_before;
    struct termios before;
};

static int session_begin(struct session *s, int terminal, bool echo)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t set;
    s->terminal = terminal;
    if (tcgetattr(terminal, &s->before) != 0) {
        return ERR_IO;
    }
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaddset(&set, numbers[i]);
    }
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0) {
        return ERR_IO;
    }
    struct termios wanted = s->before;
    if (!echo) {
        wanted.c_lflag &= ~((tcflag_t)ECHO | (tcflag_t)ECHONL);
    }
    (void)sigprocmask(SIG_BLOCK, &set, &s->mask_before); /* cannot fail with these arguments */
    if (tcsetattr(terminal, TCSAFLUSH, &wanted) != 0) {
        int cause = errno;
        (void)sigprocmask(SIG_SETMASK, &s->mask_before, NULL); /* as above */
        close(s->signals);
        errno = cause;
        return ERR_IO;
    }
    return 0;
}

/* Puts everything right; the signals that came meanwhile are taken, the first one's number is
 * returned, 0 without one. Bytes behind the line are dropped: a passphrase typed too long must not
 * be the shell's next command. */
static int session_end(const struct session *s, bool *out_restored)
{
    struct signalfd_siginfo info;
    int first = 0;
    *out_restored = tcsetattr(s->terminal, TCSAFLUSH, &s->before) == 0;
    int cause = errno;
    while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        first = first ? first : (int)info.ssi_signo;
    }
    close(s->signals);
    (void)sigprocmask(SIG_SETMASK, &s->mask_before, NULL); /* cannot fail with these arguments */
    errno = cause;
    return first;
}

int prompt_ask(int terminal, const char *text, bool echo, char *line, size_t size, int *out_signal)
{
    struct session s;
    bool restored = false;
    int result = session_begin(&s, terminal, echo);
    if (result != 0) {
        explicit_bzero(line, size);
        return result;
    }
    /* A prompt that cannot be shown is no reason not to read. */
    (void)!write(terminal, text, strlen(text));
    result = read_line(terminal, s.signals, line, size);
    int cause = errno;
    if (!echo) {
        (void)!write(terminal, "\n", 1); /* the end of the line that was not shown; likewise */
    }
    int number = session_end(&s, &restored);
    if (number != 0) { /* also one that came behind the line: nobody else hears of it */
        result = ERR_STOPPED;
    } else if (result == 0 && !restored) {
        result = ERR_IO;
    } else {
        errno = cause;
    }
    if (result == ERR_STOPPED && out_signal) {
        *out_signal = number;
    }
    if (result != 0) {
        explicit_bzero(line, size);
    }
    return result;
}
