/*
 * checkpoint-uplinkd --enroll: the one-time token comes from the terminal, unseen, or from a file
 * descriptor; never from arguments, which everybody on the machine can read.
 */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/app/service.h"
#include "gateway/app/uplinkd/uplinkd.h"
#include "gateway/base/prompt.h"
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

/* Room for a line's '\r' and the NUL. */
enum { TOKEN_SIZE = ENROLL_TOKEN_MAX + 2 };

/* What reading gave, as this part says it; cuts the token before a '\r'. */
static int check_token(int rc, char token[TOKEN_SIZE], struct err_text *err)
{
    bool visible = true;
    if (rc == ERR_STOPPED)
        return err_set(err, rc, "token: interrupted");
    if (rc == ERR_IO)
        return err_set(err, rc, "token: %s", strerror(errno));
    token[strcspn(token, "\r")] = '\0';
    for (const char *c = token; *c; c++)
        visible = visible && isgraph((unsigned char)*c);
    if (rc == ERR_TOO_LARGE || rc == ERR_INVALID || !visible || strlen(token) > ENROLL_TOKEN_MAX)
        return err_set(err, ERR_INVALID, "token: expected at most %d visible characters",
                       ENROLL_TOKEN_MAX);
    return token[0] ? 0 : err_set(err, ERR_INVALID, "token: empty");
}

static int ask_terminal(const char *checkpoint, char token[TOKEN_SIZE], struct err_text *err)
{
    char text[128];
    int number = 0;
    int terminal = prompt_open_terminal();
    if (terminal < 0)
        return err_set(err, ERR_NOT_FOUND, "token: no terminal to ask at, use --token-fd");
    (void)snprintf(text, sizeof(text),
                   "One-time token of %s: ", checkpoint); /* a cut prompt is still readable */
    int rc = prompt_ask(terminal, text, false, token, TOKEN_SIZE, &number);
    if (rc == ERR_STOPPED)
        (void)raise(number); /* as if it came now; a handled one returns */
    rc = check_token(rc, token, err);
    close(terminal);
    return rc;
}

static int folder_of(const char *path, char out[UPLINKD_TEXT_SIZE], struct err_text *err)
{
    const char *slash = strrchr(path, '/');
    size_t size = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (size >= UPLINKD_TEXT_SIZE)
        return err_set(err, ERR_TOO_LARGE, "%s: path too long", path);
    (void)snprintf(out, UPLINKD_TEXT_SIZE, "%.*s", (int)size, path); /* fits */
    return 0;
}

/* Run by root, what is installed shall still be the daemon's: becomes whose folder it is. */
static int become_owner_of(const char *folder, struct err_text *err)
{
    struct stat st;
    if (geteuid() != 0)
        return 0;
    if (stat(folder, &st) != 0)
        return err_set(err, ERR_IO, "%s: %s", folder, strerror(errno));
    if (st.st_uid != 0 &&
        (setgroups(0, NULL) != 0 || setgid(st.st_gid) != 0 || setuid(st.st_uid) != 0))
        return err_set(err, ERR_IO, "%s: cannot become its owner: %s", folder, strerror(errno));
    return 0;
}

/* A token works once: that its certificate can be put in place is found out before it is used. */
static int check_places(const struct uplinkd_config *config, struct err_text *err)
{
    const char *const files[] = {config->key, config->certificate, config->box_root};
    char folder[UPLINKD_TEXT_SIZE];
    int rc = folder_of(config->key, folder, err);
    if (rc == 0)
        rc = become_owner_of(folder[0] ? folder : ".", err);
    for (size_t i = 0; rc == 0 && i < sizeof(files) / sizeof(files[0]); i++) {
        rc = folder_of(files[i], folder, err);
        if (rc == 0 && access(folder[0] ? folder : ".", W_OK | X_OK) != 0)
            rc = err_set(err, ERR_IO,
                         "%s: cannot be installed: %s: %s, expected a folder of this user",
                         files[i], folder[0] ? folder : ".", strerror(errno));
    }
    return rc;
}

static int read_token(const struct uplinkd_config *config, const struct uplinkd_enroll *options,
                      char token[TOKEN_SIZE], struct err_text *err)
{
    if (options->token_fd < 0)
        return ask_terminal(config->checkpoint, token, err);
    return check_token(prompt_read_line(options->token_fd, token, TOKEN_SIZE), token, err);
}

/* Says once what is waited for; Ctrl-C ends, and the same key asks the next time. */
static bool wait_for_approval(void *ctx, int retry_after_s)
{
    bool *told = ctx;
    const struct timespec pause = {.tv_sec = retry_after_s};
    if (!*told)
        printf(
            "Headquarters holds the request until somebody there approves this fingerprint: hqctl "
            "enrolment approve.\n总部正在等待人工核对上述指纹后批准。\n");
    *told = true;
    (void)fflush(stdout);          /* a lost line is not worth ending for */
    (void)nanosleep(&pause, NULL); /* a signal that does not end the program only shortens it */
    return true;
}

static int run_with_key(const struct uplinkd_config *config, const struct uplinkd_enroll *options,
                        struct enroll_options *what, struct wall_time *out_until,
                        struct err_text *err)
{
    char token[TOKEN_SIZE] = "";
    char fingerprint[ENROLL_FINGERPRINT_SIZE];
    EVP_PKEY *key = NULL;
    int rc = enroll_key(what, &key, fingerprint, err);
    if (rc == 0) {
        printf("Fingerprint 指纹  %s\n", fingerprint);
        (void)fflush(stdout); /* a lost line is not worth ending for */
        rc = read_token(config, options, token, err);
    }
    if (rc == 0)
        rc = enroll(what, key, token, out_until, err);
    explicit_bzero(token, sizeof(token));
    EVP_PKEY_free(key);
    return rc;
}

int uplinkd_enroll_run(const struct uplinkd_config *config, const struct uplinkd_enroll *options)
{
    bool told = false;
    char until_text[WALL_TEXT_SIZE];
    struct err_text err = {{0}};
    struct wall_time until = {0};
    if (config->est_url[0] == '\0') {
        fprintf(stderr, "%s: est_url: missing in the configuration, headquarters names it\n",
                program);
        return EXIT_CONFIG;
    }
    int rc = check_places(config, &err);
    if (rc == 0) {
        struct enroll_options what = {.est_url = config->est_url,
                                      .hq_root = config->hq_root,
                                      .fleet = config->fleet,
                                      .own = {.certificate = config->certificate,
                                              .key = config->key,
                                              .box_root = config->box_root,
                                              .checkpoint = config->checkpoint},
                                      .clock = &clock_system,
                                      .wait = wait_for_approval,
                                      .wait_ctx = &told};
        rc = run_with_key(config, options, &what, &until, &err);
    }
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
