/*
 * checkpoint-uplinkd --enroll: the one-time token comes from the terminal, unseen, or from a file
 * descriptor; never from arguments, which everybody on the machine can read.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/app/service.h"
#include "gateway/app/uplinkd.h"
#include "gateway/uplink/enroll.h"

static const char program[] = "checkpoint-uplinkd";

/* ---- arguments ---- */

static int usage(const char *what)
{
    fprintf(stderr, "%s: %s\nTry '%s --help'.\n", program, what, program);
    return EXIT_USAGE;
}

static bool parse_fd(const char *text, int *out)
{
    char *end = NULL;
    long fd = text ? strtol(text, &end, 10) : -1;
    if (fd < 0 || fd > 1023 || end == text || *end != '\0')
        return false;
    *out = (int)fd;
    return true;
}

int uplinkd_enroll_args(int *argc, char **argv, struct uplinkd_enroll *out)
{
    int kept = 1;
    *out = (struct uplinkd_enroll){.token_fd = -1};
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--enroll") == 0) {
            out->wanted = true;
        } else if (strcmp(argv[i], "--token-fd") == 0) {
            if (!parse_fd(i + 1 < *argc ? argv[++i] : NULL, &out->token_fd))
                return usage("--token-fd: expected the number of an open file descriptor");
        } else {
            argv[kept++] = argv[i];
        }
    }
    argv[kept] = NULL;
    *argc = kept;
    if (out->token_fd >= 0 && !out->wanted)
        return usage("--token-fd: only with --enroll");
    return -1;
}

/* ---- the token ---- */

/* Up to the first newline or the end. */
static int read_token(int fd, char token[ENROLL_TOKEN_MAX + 1], struct err_text *err)
{
    size_t used = 0;
    for (;;) {
        char byte;
        ssize_t n = read(fd, &byte, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_IO, "token: %s", strerror(errno));
        if (n == 0 || byte == '\n' || byte == '\r')
            break;
        if (used == ENROLL_TOKEN_MAX || !isgraph((unsigned char)byte))
            return err_set(err, ERR_INVALID, "token: expected at most %d visible characters",
                           ENROLL_TOKEN_MAX);
        token[used++] = byte;
    }
    token[used] = '\0';
    return used ? 0 : err_set(err, ERR_INVALID, "token: empty");
}

static int ask_terminal(const char *checkpoint, char token[ENROLL_TOKEN_MAX + 1],
                        struct err_text *err)
{
    struct termios before;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || tcgetattr(fd, &before) != 0) {
        if (fd >= 0)
            close(fd);
        return err_set(err, ERR_NOT_FOUND, "token: no terminal to ask at, use --token-fd");
    }
    struct termios unseen = before;
    unseen.c_lflag &= ~(tcflag_t)ECHO;
    int rc = 0;
    if (tcsetattr(fd, TCSAFLUSH, &unseen) != 0)
        rc = err_set(err, ERR_IO, "token: the terminal cannot hide it: %s", strerror(errno));
    if (rc == 0) {
        (void)dprintf(fd,
                      "One-time token of %s: ", checkpoint); /* a prompt nobody sees is no loss */
        rc = read_token(fd, token, err);
        (void)dprintf(fd, "\n"); /* likewise */
        if (tcsetattr(fd, TCSAFLUSH, &before) != 0 && rc == 0)
            rc = err_set(err, ERR_IO, "token: the terminal: %s", strerror(errno));
    }
    close(fd);
    return rc;
}

int uplinkd_enroll_run(const struct uplinkd_config *config, const struct uplinkd_enroll *options)
{
    char token[ENROLL_TOKEN_MAX + 1] = "";
    char until_text[WALL_TEXT_SIZE];
    struct err_text err = {{0}};
    struct wall_time until = {0};
    if (config->est_url[0] == '\0') {
        fprintf(stderr, "%s: est_url: missing in the configuration, headquarters names it\n",
                program);
        return EXIT_CONFIG;
    }
    int rc = options->token_fd >= 0 ? read_token(options->token_fd, token, &err)
                                    : ask_terminal(config->checkpoint, token, &err);
    if (rc == 0) {
        struct enroll_options what = {.est_url = config->est_url,
                                      .hq_root = config->hq_root,
                                      .fleet = config->fleet,
                                      .own = {.certificate = config->certificate,
                                              .key = config->key,
                                              .box_root = config->box_root,
                                              .checkpoint = config->checkpoint},
                                      .clock = &clock_system};
        rc = enroll(&what, token, &until, &err);
    }
    explicit_bzero(token, sizeof(token));
    if (rc != 0) {
        fprintf(stderr, "%s: not enrolled: %s\n", program, err.text);
        return EXIT_RUN;
    }
    wall_format(until, until_text);
    log_init(program);
    log_event(EVENT_UPLINK_ENROLLED, "checkpoint=%s until=%s", config->checkpoint, until_text);
    printf("%s: enrolled %s, certificate until %s\n", program, config->checkpoint, until_text);
    return EXIT_OK;
}
