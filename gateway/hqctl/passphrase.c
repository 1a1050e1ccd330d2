/*
 * See passphrase.h. The one piece of state is the signal that came while the echo was off.
 */
#include "gateway/hqctl/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t caught; /* written by the handler, read by the same thread */

static void note_signal(int number)
{
    caught = number;
}

/* One line without its end, byte by byte: what follows it is the next reader's. */
static int read_line(int fd, const char *whose, char out[PASSPHRASE_SIZE], struct err_text *err)
{
    size_t size = 0;
    for (;;) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR && !caught)
            continue;
        if (n < 0)
            return err_set(err, caught ? ERR_STOPPED : ERR_IO, "passphrase of the %s: %s", whose,
                           strerror(errno));
        if (n == 0 && size == 0)
            return err_set(err, ERR_NOT_FOUND, "passphrase of the %s: no line left to read", whose);
        if (n == 0 || c == '\n')
            break;
        if ((unsigned char)c < ' ' || c == 0x7F)
            return err_set(err, ERR_INVALID, "passphrase of the %s: control character", whose);
        if (size + 1 >= PASSPHRASE_SIZE)
            return err_set(err, ERR_INVALID, "passphrase of the %s: above %d bytes", whose,
                           PASSPHRASE_SIZE - 1);
        out[size++] = c;
    }
    out[size] = '\0';
    return size > 0 ? 0 : err_set(err, ERR_INVALID, "passphrase of the %s: empty", whose);
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { SIGNAL_COUNT = sizeof(signals) / sizeof(signals[0]) };

static int ask(int tty, const char *prompt, const char *whose, char out[PASSPHRASE_SIZE],
               struct err_text *err)
{
    struct sigaction old[SIGNAL_COUNT];
    struct sigaction handler = {.sa_handler = note_signal}; /* no SA_RESTART: read() returns */
    struct termios shown;
    if (tcgetattr(tty, &shown) != 0)
        return err_set(err, ERR_IO, "/dev/tty: %s", strerror(errno));
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    caught = 0;
    sigemptyset(&handler.sa_mask);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        (void)sigaction(signals[i], &handler, &old[i]); /* fails only for a bad number */
    int rc = tcsetattr(tty, TCSAFLUSH, &hidden) == 0
                 ? 0
                 : err_set(err, ERR_IO, "/dev/tty: %s", strerror(errno));
    if (rc == 0) {
        dprintf(tty, "%s: ", prompt);
        rc = read_line(tty, whose, out, err);
        dprintf(tty, "\n");
    }
    (void)tcsetattr(tty, TCSAFLUSH, &shown); /* nothing more can be done for the terminal */
    for (int i = 0; i < SIGNAL_COUNT; i++)
        (void)sigaction(signals[i], &old[i], NULL); /* as above */
    if (caught)
        (void)raise(caught); /* as if it came now; a handled or ignored one returns */
    return rc;
}

static int ask_terminal(const char *whose, bool is_new, char out[PASSPHRASE_SIZE],
                        struct err_text *err)
{
    char prompt[256];
    char again[PASSPHRASE_SIZE] = "";
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return err_set(err, ERR_NOT_FOUND,
                       "passphrase of the %s: no terminal, expected one or --passphrase-fd", whose);
    int rc = ERR_INVALID;
    for (int tries = 0; tries < PASSPHRASE_TRIES && rc == ERR_INVALID; tries++) {
        (void)snprintf(prompt, sizeof(prompt), "%s passphrase of the %s", is_new ? "New" : "The",
                       whose); /* a cut prompt is still readable */
        rc = ask(tty, prompt, whose, out, err);
        if (rc != 0 || !is_new)
            break;
        if (strlen(out) < PASSPHRASE_NEW_MIN) {
            rc = err_set(err, ERR_INVALID, "passphrase of the %s: %zu bytes, expected at least %d",
                         whose, strlen(out), PASSPHRASE_NEW_MIN);
            dprintf(tty, "At least %d characters, please.\n", PASSPHRASE_NEW_MIN);
            continue;
        }
        rc = ask(tty, "Once more", whose, again, err);
        if (rc == 0 && strcmp(out, again) != 0) {
            rc = err_set(err, ERR_INVALID, "passphrase of the %s: typed differently", whose);
            dprintf(tty, "They differ.\n");
        }
    }
    explicit_bzero(again, sizeof(again));
    close(tty);
    return rc;
}

static int get(const struct passphrase_source *source, const char *whose, bool is_new,
               char out[PASSPHRASE_SIZE], struct err_text *err)
{
    int rc = 0;
    if (source->fd < 0) {
        rc = ask_terminal(whose, is_new, out, err);
    } else {
        caught = 0;
        rc = read_line(source->fd, whose, out, err);
        if (rc == 0 && is_new && strlen(out) < PASSPHRASE_NEW_MIN)
            rc = err_set(err, ERR_INVALID, "passphrase of the %s: %zu bytes, expected at least %d",
                         whose, strlen(out), PASSPHRASE_NEW_MIN);
    }
    if (rc != 0)
        explicit_bzero(out, PASSPHRASE_SIZE);
    return rc;
}

int passphrase_read(const struct passphrase_source *source, const char *whose,
                    char out[PASSPHRASE_SIZE], struct err_text *err)
{
    return get(source, whose, false, out, err);
}

int passphrase_read_new(const struct passphrase_source *source, const char *whose,
                        char out[PASSPHRASE_SIZE], struct err_text *err)
{
    return get(source, whose, true, out, err);
}
