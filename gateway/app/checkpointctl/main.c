/*
 * checkpointctl: the command line of technicians, and of officers without a console. The command
 * line is taken apart here by two tables, options and (commands.c) commands.
 */
#include "gateway/app/checkpointctl/checkpointctl.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 256, WORDS_MAX = 8 };

/* ---- options ---- */

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };

struct option_row {
    const char *name;
    unsigned bit;
    enum option_kind kind;
    size_t offset; /* of the member in struct ctl */
    int64_t min;   /* numbers */
    int64_t max;
};

#define FLAG(name, bit, member)                                                                    \
    {                                                                                              \
        name, bit, OPTION_FLAG, offsetof(struct ctl, member), 0, 0                                 \
    }
#define TEXT(name, bit, member)                                                                    \
    {                                                                                              \
        name, bit, OPTION_TEXT, offsetof(struct ctl, member), 0, 0                                 \
    }
#define NUMBER(name, bit, member, min, max)                                                        \
    {                                                                                              \
        name, bit, OPTION_NUMBER, offsetof(struct ctl, member), min, max                           \
    }

static const struct option_row option_rows[] = {
    FLAG("json", CTL_JSON, json),
    TEXT("lang", CTL_LANG, lang),
    TEXT("runtime-dir", CTL_RUNTIME_DIR, runtime_dir),
    FLAG("help", CTL_HELP, help),
    FLAG("version", CTL_VERSION, version),
    TEXT("reason", CTL_REASON, reason),
    NUMBER("password-fd", CTL_PASSWORD_FD, password_fd, 0, 1023),
    TEXT("second", CTL_SECOND, second),
    NUMBER("second-fd", CTL_SECOND_FD, second_fd, 0, 1023),
    TEXT("role", CTL_ROLE, role),
    TEXT("name", CTL_NAME, name),
    NUMBER("limit", CTL_LIMIT, limit, 1, 256),
    NUMBER("minutes", CTL_MINUTES, minutes, 1, 120),
    FLAG("emergency", CTL_EMERGENCY, emergency),
    TEXT("journal", CTL_JOURNAL, journal),
    TEXT("receipt", CTL_RECEIPT, receipt),
    TEXT("seal", CTL_SEAL, seal),
    TEXT("keyset", CTL_KEYSET, keyset),
    TEXT("roots", CTL_ROOTS, roots),
    TEXT("config", CTL_CONFIG, config),
    TEXT("plate", CTL_PLATE, plate),
    NUMBER("from", CTL_FROM, from, 1, 247),
    NUMBER("to", CTL_TO, to, 1, 247),
    NUMBER("wait", CTL_WAIT, wait_s, 1, 600),
    FLAG("interactive", CTL_INTERACTIVE, interactive),
    TEXT("config-dir", CTL_CONFIG_DIR, config_dir)};

enum { OPTION_COUNT = sizeof(option_rows) / sizeof(option_rows[0]), OPTION_VALUE_BASE = 256 };

static int fail_usage(const struct ctl *ctl, const char *en, const char *zh)
{
    int status = ctl_fail(ctl, EXIT_USAGE, "usage", en, zh);
    if (!ctl->json) {
        fprintf(stderr, "%s: checkpointctl help%s%s\n", ctl_say(ctl, "see", "参见"),
                ctl->command ? " " : "", ctl->command ? ctl->command->name : "");
    }
    return status;
}

static int bad_option(const struct ctl *ctl, const char *name, const char *value,
                      const struct option_row *row)
{
    char en[256];
    char zh[256];
    if (row) {
        snprintf(en, sizeof(en), "--%s '%.60s': expected a number from %lld to %lld", name, value,
                 (long long)row->min, (long long)row->max);
        snprintf(zh, sizeof(zh), "--%s “%.60s”：应为 %lld 到 %lld 之间的数字", name, value,
                 (long long)row->min, (long long)row->max);
    } else {
        snprintf(en, sizeof(en), "--%s: not an option of this command", name);
        snprintf(zh, sizeof(zh), "--%s：本命令没有该选项", name);
    }
    return fail_usage(ctl, en, zh);
}

/* Takes one option; allowed is looked at later, when the command is known. */
static int take_option(struct ctl *ctl, const struct option_row *row, const char *value)
{
    void *member = (char *)ctl + row->offset;
    char *end = NULL;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)member = value;
        return 0;
    case OPTION_NUMBER:
        errno = 0;
        *(int64_t *)member = strtoll(value, &end, 10);
        if (errno != 0 || end == value || *end != '\0' || *(int64_t *)member < row->min ||
            *(int64_t *)member > row->max) {
            return bad_option(ctl, row->name, value, row);
        }
        return 0;
    }
    return EXIT_USAGE;
}

/* Parses all options, wherever they stand; *out_seen: their bits. */
static int parse_options(struct ctl *ctl, int argc, char **argv, unsigned *out_seen)
{
    struct option options[OPTION_COUNT + 1] = {{0}};
    int c;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        options[i] =
            (struct option){option_rows[i].name,
                            option_rows[i].kind == OPTION_FLAG ? no_argument : required_argument,
                            NULL, OPTION_VALUE_BASE + (int)i};
    }
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (c == 'h') {
            ctl->help = true;
            continue;
        }
        if (c < OPTION_VALUE_BASE) {
            char en[160];
            char zh[160];
            snprintf(en, sizeof(en), "'%.60s': %s", argv[optind - 1],
                     c == ':' ? "needs a value" : "no such option");
            snprintf(zh, sizeof(zh), "“%.60s”：%s", argv[optind - 1],
                     c == ':' ? "缺少参数值" : "没有该选项");
            return fail_usage(ctl, en, zh);
        }
        const struct option_row *row = &option_rows[c - OPTION_VALUE_BASE];
        *out_seen |= row->bit;
        int status = take_option(ctl, row, optarg);
        if (status != 0) {
            return status;
        }
    }
    ctl->operands = argv + optind;
    ctl->operand_count = argc - optind;
    return 0;
}

/* ---- commands ---- */

/* The command that the words name, the longest match; *out_words: how many it took. */
static const struct ctl_command *find_command(char *const *words, int count, int *out_words)
{
    char two[64];
    for (int taken = count >= 2 ? 2 : count; taken >= 1; taken--) {
        snprintf(two, sizeof(two), "%.30s%s%.30s", words[0], taken == 2 ? " " : "",
                 taken == 2 ? words[1] : "");
        for (size_t i = 0; i < ctl_command_count; i++) {
            if (strcmp(ctl_commands[i].name, two) == 0) {
                *out_words = taken;
                return &ctl_commands[i];
            }
        }
    }
    return NULL;
}

static int no_command(const struct ctl *ctl)
{
    char en[160];
    char zh[160];
    snprintf(en, sizeof(en), "'%.60s': no such command", ctl->operands[0]);
    snprintf(zh, sizeof(zh), "“%.60s”：没有该命令", ctl->operands[0]);
    return fail_usage(ctl, en, zh);
}

/* Whether the options that were given and the operands fit the command. */
static int check_command(const struct ctl *ctl, unsigned seen)
{
    const struct ctl_command *command = ctl->command;
    unsigned wrong = seen & ~(command->options | CTL_COMMON);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (wrong & option_rows[i].bit) {
            return bad_option(ctl, option_rows[i].name, "", NULL);
        }
    }
    if (ctl->lang && strcmp(ctl->lang, "en") != 0 && strcmp(ctl->lang, "zh") != 0) {
        return fail_usage(ctl, "--lang: expected en or zh", "--lang：应为 en 或 zh");
    }
    if (ctl->operand_count < command->operand_min || ctl->operand_count > command->operand_max) {
        char en[160];
        char zh[160];
        snprintf(en, sizeof(en), "expected: checkpointctl %s %s", command->name, command->operands);
        snprintf(zh, sizeof(zh), "用法：checkpointctl %s %s", command->name, command->operands);
        return fail_usage(ctl, en, zh);
    }
    return 0;
}

static bool wants_chinese(const struct ctl *ctl)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    if (ctl->lang) {
        return strncmp(ctl->lang, "zh", 2) == 0;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value && value[0] != '\0') {
            return strncmp(value, "zh", 2) == 0;
        }
    }
    return false;
}

/* ---- asking ---- */

/* Where the person sits: the terminal's name, as far as it is known. */
static void put_origin(json_t *request)
{
    char name[64] = "";
    if (ttyname_r(STDIN_FILENO, name, sizeof(name)) == 0) {
        json_object_set_new(request, "origin", json_string(name));
    }
}

static int connect_control(struct ctl *ctl)
{
    char path[PATH_SIZE];
    struct err_text err;
    if (ctl->client) {
        return 0;
    }
    if (snprintf(path, sizeof(path), "%s/control", ctl->runtime_dir) >= (int)sizeof(path)) {
        return fail_usage(ctl, "--runtime-dir: path too long", "--runtime-dir：路径过长");
    }
    int result = control_client_open(path, &ctl->client, &err);
    if (result == ERR_DENIED) {
        return ctl_fail(ctl, EXIT_DENIED, "denied", err.text, "当前用户无权使用控制套接字");
    }
    if (result != 0) {
        char en[sizeof(err.text) + 64];
        snprintf(en, sizeof(en), "checkpointd does not answer (%s)", err.text);
        return ctl_fail(ctl, EXIT_UNAVAILABLE, "unavailable", en,
                        "控制程序 checkpointd 未运行或无响应");
    }
    return 0;
}

int ctl_call(struct ctl *ctl, const char *act, json_t *args, json_t **out_answer)
{
    struct err_text err;
    json_t *request = json_pack("{s:s,s:o}", "do", act, "args", args ? args : json_object());
    int status = request ? connect_control(ctl) : EXIT_RUN;
    if (status != 0) {
        json_decref(request);
        return status;
    }
    put_origin(request);
    if (ctl->token) {
        json_object_set_new(request, "token", json_string(ctl->token));
    }
    int result = control_client_ask(ctl->client, request, CONTROL_CLIENT_WAIT_MS, out_answer, &err);
    json_decref(request);
    if (result != 0) {
        char en[sizeof(err.text) + 64];
        snprintf(en, sizeof(en), "checkpointd: %s", err.text);
        return ctl_fail(ctl, EXIT_UNAVAILABLE, "unavailable", en, "控制程序未按时答复");
    }
    return 0;
}

int ctl_result(const struct ctl *ctl, json_t *answer, json_t **out_result)
{
    const json_t *error = json_object_get(answer, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *en = json_string_value(json_object_get(error, "en"));
    const char *zh = json_string_value(json_object_get(error, "zh"));
    int status = 0;
    if (!json_is_true(json_object_get(answer, "ok"))) {
        bool denied = code && strcmp(code, "denied") == 0;
        status = ctl_fail(ctl, denied ? EXIT_DENIED : EXIT_REFUSED, code ? code : "unknown",
                          en ? en : "refused without a reason", zh ? zh : "被拒绝，未说明原因");
    } else {
        *out_result = json_incref(json_object_get(answer, "result"));
    }
    json_decref(answer);
    return status;
}

int ctl_ask(struct ctl *ctl, const char *act, json_t *args, json_t **out_result)
{
    json_t *answer = NULL;
    int status = ctl_call(ctl, act, args, &answer);
    return status == 0 ? ctl_result(ctl, answer, out_result) : status;
}

/* ---- main ---- */

/* "officer": the pages of every command that begins with the word. */
static bool help_group(const struct ctl *ctl, const char *word)
{
    size_t size = strlen(word);
    bool any = false;
    for (size_t i = 0; i < ctl_command_count; i++) {
        const char *name = ctl_commands[i].name;
        if (strncmp(name, word, size) == 0 && name[size] == ' ') {
            if (any) {
                putchar('\n');
            }
            ctl_print_help(ctl, &ctl_commands[i]);
            any = true;
        }
    }
    return any;
}

static int run_help(struct ctl *ctl)
{
    int words = 0;
    if (ctl->operand_count == 0) {
        ctl_print_overview(ctl);
        return EXIT_OK;
    }
    const struct ctl_command *command = find_command(ctl->operands, ctl->operand_count, &words);
    if (command) {
        ctl_print_help(ctl, command);
        return EXIT_OK;
    }
    return help_group(ctl, ctl->operands[0]) ? EXIT_OK : no_command(ctl);
}

static int run_command(struct ctl *ctl, unsigned seen)
{
    int words = 0;
    if (ctl->operand_count > 0 && strcmp(ctl->operands[0], "help") == 0) {
        ctl->operands++;
        ctl->operand_count--;
        return run_help(ctl);
    }
    if (ctl->help) {
        return run_help(ctl);
    }
    if (ctl->version) {
        printf("checkpointctl %s\n", SERVICE_VERSION);
        return EXIT_OK;
    }
    if (ctl->operand_count == 0) {
        ctl_print_overview(ctl);
        return EXIT_USAGE;
    }
    ctl->command = find_command(ctl->operands, ctl->operand_count, &words);
    if (!ctl->command) {
        return no_command(ctl);
    }
    ctl->operands += words;
    ctl->operand_count -= words;
    int status = check_command(ctl, seen);
    if (status == 0 && ctl->command->token != CTL_TOKEN_NONE) {
        status = ctl_token_load(ctl, ctl->command->token == CTL_TOKEN_NEEDED);
    }
    return status == 0 ? ctl->command->run(ctl) : status;
}

/* Tokens and passwords pass through jansson's memory: nothing of it is given back unwiped. */
static void wiping_free(void *memory)
{
    if (memory) {
        explicit_bzero(memory, malloc_usable_size(memory));
    }
    free(memory);
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.runtime_dir = "/run/checkpoint", .password_fd = -1, .second_fd = -1};
    unsigned seen = 0;
    json_set_alloc_funcs(malloc, wiping_free);
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        fputs("checkpointctl: locale C.UTF-8 is missing: wide characters may not line up\n",
              stderr);
    }
    ctl.zh = wants_chinese(&ctl); /* for errors of the options themselves */
    int status = parse_options(&ctl, argc, argv, &seen);
    ctl.zh = wants_chinese(&ctl);
    if (status == 0) {
        status = run_command(&ctl, seen);
    }
    control_client_close(ctl.client);
    ctl_password_free(ctl.token);
    free(ctl.asked_reason);
    if (fflush(stdout) != 0 && status == EXIT_OK) {
        fprintf(stderr, "checkpointctl: standard output: %s\n", strerror(errno));
        status = EXIT_RUN;
    }
    return status;
}
