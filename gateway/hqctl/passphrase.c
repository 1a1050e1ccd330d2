/*
 * See passphrase.h. Reading is gateway/base/prompt's; what a passphrase must be stands here.
 */
#include "gateway/hqctl/passphrase.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/prompt.h"

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            return true;
    return false;
}

/* What reading gave, as this part says it. */
static int told(int rc, const char *whose, const char *line, struct err_text *err)
{
    switch (rc == 0 && has_control(line) ? ERR_INVALID : rc) {
    case 0:
        return line[0] ? 0 : err_set(err, ERR_INVALID, "passphrase of the %s: empty", whose);
    case ERR_INVALID:
        return err_set(err, ERR_INVALID, "passphrase of the %s: control character", whose);
    case ERR_TOO_LARGE:
        return err_set(err, ERR_INVALID, "passphrase of the %s: above %d bytes", whose,
                       PASSPHRASE_SIZE - 1);
    case ERR_NOT_FOUND:
        return err_set(err, rc, "passphrase of the %s: no line left to read", whose);
    case ERR_STOPPED:
        return err_set(err, rc, "passphrase of the %s: interrupted", whose);
    default:
        return err_set(err, ERR_IO, "passphrase of the %s: %s", whose, strerror(errno));
    }
}

static int ask(int tty, const char *prompt, const char *whose, char out[PASSPHRASE_SIZE],
               struct err_text *err)
{
    int number = 0;
    int rc = prompt_ask(tty, prompt, false, out, PASSPHRASE_SIZE, &number);
    if (rc == ERR_STOPPED)
        (void)raise(number); /* as if it came now; a handled one returns */
    return told(rc, whose, out, err);
}

static int ask_terminal(const char *whose, bool is_new, char out[PASSPHRASE_SIZE],
                        struct err_text *err)
{
    char prompt[256];
    char again[PASSPHRASE_SIZE] = "";
    int tty = prompt_open_terminal();
    if (tty < 0)
        return err_set(err, ERR_NOT_FOUND,
                       "passphrase of the %s: no terminal, expected one or --passphrase-fd", whose);
    int rc = ERR_INVALID;
    for (int tries = 0; tries < PASSPHRASE_TRIES && rc == ERR_INVALID; tries++) {
        (void)snprintf(prompt, sizeof(prompt), "%s passphrase of the %s: ", is_new ? "New" : "The",
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
        rc = ask(tty, "Once more: ", whose, again, err);
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
        rc = told(prompt_read_line(source->fd, out, PASSPHRASE_SIZE), whose, out, err);
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
