/*
 * hqctl: headquarters' command line. main() finds the sub-command in one table; what the commands
 * share is below it.
 */
#include "gateway/app/hqctl/hqctl.h"

#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text_table.h"

#define HQCTL_VERSION "0.1.0"

static const struct hqctl_command commands[] = {
    {"init", "make a new headquarters in a folder", HQCTL_ALONE, hqctl_init},
    {"clerk add", "give a further clerk or duty officer a key", HQCTL_ONLINE, hqctl_clerk_add},
    {"keyset publish", "send a new key set to hqd", HQCTL_ONLINE, hqctl_keyset_publish},
    {"key list", "show whose key may sign what, and the roots", HQCTL_ALONE, hqctl_key_list},
    {"key rotate", "a new key of the key set in the place of one", HQCTL_ONLINE, hqctl_key_rotate},
    {"root rotate", "a new root key in the place of one", HQCTL_ONLINE, hqctl_root_rotate},
    {"ca issuing", "a new CA that issues to checkpoints", HQCTL_ALONE, hqctl_ca_issuing},
    {"ca server", "a new HQ-server CA and hqd's certificate", HQCTL_ONLINE, hqctl_ca_server},
    {"ca server-end", "end the HQ-server CA before", HQCTL_ONLINE, hqctl_ca_server_end},
    {"person add", "give a person a certificate and roles", HQCTL_ONLINE, hqctl_person_add},
    {"person roles", "change a person's roles", HQCTL_ONLINE, hqctl_person_roles},
    {"person list", "show who may do what", HQCTL_ONLINE, hqctl_person_list},
    {"person revoke", "take a person out, with a reason", HQCTL_ONLINE, hqctl_person_revoke},
    {"whoami", "say whether my certificate works", HQCTL_ONLINE, hqctl_whoami},
    {"enroll", "make a one-time token for a checkpoint", HQCTL_ONLINE, hqctl_enroll},
    {"replace", "put a new box in the place of a checkpoint's old one", HQCTL_ONLINE,
     hqctl_replace},
    {"enrolment list", "show tokens that wait, and which key asks", HQCTL_ONLINE,
     hqctl_enrolment_list},
    {"enrolment approve", "approve the fingerprint a box shows", HQCTL_ONLINE,
     hqctl_enrolment_approve},
    {"enrolment revoke", "take an unused token back, with a reason", HQCTL_ONLINE,
     hqctl_enrolment_revoke},
    {"wanted import", "turn a CSV or JSON file into a draft for the wanted list", HQCTL_ONLINE,
     hqctl_wanted_import},
    {"wanted withdraw", "make a draft that takes entries off the list", HQCTL_ONLINE,
     hqctl_wanted_withdraw},
    {"wanted extend", "make a draft that gives entries a later end", HQCTL_ONLINE,
     hqctl_wanted_extend},
    {"wanted sign", "add a clerk's signature to a draft (offline)", HQCTL_FOLDER,
     hqctl_wanted_sign},
    {"wanted show", "show a draft or signed file and check its signatures", HQCTL_FOLDER,
     hqctl_wanted_show},
    {"wanted publish", "send a signed file to hqd", HQCTL_ONLINE, hqctl_wanted_publish},
    {"wanted rebase", "move a draft to the list's newest revision", HQCTL_ONLINE,
     hqctl_wanted_rebase},
    {"wanted snapshot", "sign the whole list, for checkpoints that join", HQCTL_ONLINE,
     hqctl_wanted_snapshot},
    {"wanted list", "show the entries in force", HQCTL_ONLINE, hqctl_wanted_list},
    {"wanted status", "show which checkpoint has which revision", HQCTL_ONLINE,
     hqctl_wanted_status},
    {"wanted history", "show revisions, or the whole life of one entry", HQCTL_ONLINE,
     hqctl_wanted_history},
    {"wanted head", "say where the list stands", HQCTL_ONLINE, hqctl_wanted_head},
    {"match answers", "show officers' answers to hits", HQCTL_ONLINE, hqctl_match_answers},
    {"match learn", "make channel files out of officers' answers", HQCTL_ONLINE, hqctl_match_learn},
    {"match policy draft", "begin a new match policy from the one in force", HQCTL_ONLINE,
     hqctl_policy_draft},
    {"match policy sign", "add a clerk's signature to a match policy (offline)", HQCTL_FOLDER,
     hqctl_policy_sign},
    {"match policy show", "show a match policy and check its signatures", HQCTL_ONLINE,
     hqctl_policy_show},
    {"match policy publish", "send a signed match policy to hqd", HQCTL_ONLINE,
     hqctl_policy_publish},
    {"exempt draft", "begin a new exempt list from the one in force", HQCTL_ONLINE,
     hqctl_exempt_draft},
    {"exempt withdraw", "make a draft that takes vehicles off the exempt list", HQCTL_ONLINE,
     hqctl_exempt_withdraw},
    {"exempt sign", "add a clerk's signature to an exempt list (offline)", HQCTL_FOLDER,
     hqctl_exempt_sign},
    {"exempt show", "show an exempt list and check its signatures", HQCTL_ONLINE,
     hqctl_exempt_show},
    {"exempt publish", "send a signed exempt list to hqd", HQCTL_ONLINE, hqctl_exempt_publish},
    {"retention draft", "begin new retention terms from those in force, with the holds of cases",
     HQCTL_ONLINE, hqctl_retention_draft},
    {"retention sign", "add a clerk's signature to retention terms (offline)", HQCTL_FOLDER,
     hqctl_retention_sign},
    {"retention show", "show retention terms and check their signatures", HQCTL_ONLINE,
     hqctl_retention_show},
    {"retention publish", "send signed retention terms to hqd", HQCTL_ONLINE,
     hqctl_retention_publish},
    {"checkpoints", "show the checkpoints and their state", HQCTL_ONLINE, hqctl_checkpoints},
    {"top", "the fleet at a glance, again and again", HQCTL_ONLINE, hqctl_top},
    {"calls", "who calls for help or an answer", HQCTL_ONLINE, hqctl_calls},
    {"hits", "show hits, as they come with --follow", HQCTL_ONLINE, hqctl_hits},
    {"evidence list", "show which pictures a hit has", HQCTL_ONLINE, hqctl_evidence_list},
    {"evidence get", "fetch a picture of a hit, with a reason", HQCTL_ONLINE, hqctl_evidence_get},
    {"observe", "open the records of observe hits", HQCTL_ONLINE, hqctl_observe},
    {"instruct message", "tell a checkpoint's officers something", HQCTL_ONLINE,
     hqctl_instruct_message},
    {"instruct hold", "have the vehicle at a boom held", HQCTL_ONLINE, hqctl_instruct_hold},
    {"instruct status", "ask a checkpoint how it is", HQCTL_ONLINE, hqctl_instruct_status},
    {"instruct agree", "answer what a checkpoint asks", HQCTL_ONLINE, hqctl_instruct_agree},
    {"instruct publish", "send an instruction signed elsewhere", HQCTL_ONLINE,
     hqctl_instruct_publish},
    {"instructions", "show what became of instructions", HQCTL_ONLINE, hqctl_instructions},
    {"verdict", "tell every checkpoint what was found about a hit", HQCTL_ONLINE, hqctl_verdict},
    {"proposals", "show entries that should be withdrawn", HQCTL_ONLINE, hqctl_proposals},
    {"audit verify", "verify checkpoints' records as hqd holds them", HQCTL_ONLINE,
     hqctl_audit_verify},
    {"audit missing", "which records headquarters lacks, and what is known of them", HQCTL_ONLINE,
     hqctl_audit_missing},
    {"audit own verify", "verify what people at headquarters did and looked at", HQCTL_ONLINE,
     hqctl_own_verify},
    {"audit own show", "show what people at headquarters did and looked at", HQCTL_ONLINE,
     hqctl_own_show},
    {"review answer", "answer what is to be looked at again", HQCTL_ONLINE, hqctl_review_answer},
    {"review", "show what is to be looked at again", HQCTL_ONLINE, hqctl_review},
    {"hold add", "keep records past their term for a case", HQCTL_ONLINE, hqctl_hold_add},
    {"hold end", "end a case's holds", HQCTL_ONLINE, hqctl_hold_end},
    {"hold list", "show holds of cases", HQCTL_ONLINE, hqctl_hold_list},
    {"spool import", "take the stick of a checkpoint without a network", HQCTL_ONLINE,
     hqctl_spool_import},
    {"accept-chain", "end a checkpoint's quarantine, with a reason", HQCTL_ONLINE,
     hqctl_accept_chain},
    {"revoke", "shut a checkpoint out until it is enrolled again", HQCTL_ONLINE, hqctl_revoke},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_overview(FILE *to)
{
    fputs("hqctl - headquarters' command line\n\nusage: hqctl COMMAND [options] [arguments]\n\n",
          to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-22s%s\n", commands[i].words, commands[i].purpose);
    fputs(
        "\n'hqctl COMMAND --help' is that command's manual. Every command takes --json.\n\n"
        "FILES\n"
        "  ~/.config/hqctl.yaml  connection: hq, hq_root, fleet, certificate, key; or --config F,\n"
        "                        or --dir DIR for a folder of 'hqctl init'\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 refused or failed, 2 wrong arguments, 78 wrong configuration\n",
        to);
}

/* How many of argv's words a command's name takes; 0 when it is another one. */
static int matches(const char *words, int argc, char **argv)
{
    int count = 0;
    while (*words) {
        size_t size = strcspn(words, " ");
        if (count >= argc || strlen(argv[count]) != size || memcmp(argv[count], words, size) != 0)
            return 0;
        count++;
        words += size + (words[size] == ' ');
    }
    return count;
}

/* The commands below a first word ("wanted"). */
static bool print_group(const char *word)
{
    bool found = false;
    size_t size = strlen(word);
    for (size_t i = 0; i < COMMANDS; i++)
        if (strncmp(commands[i].words, word, size) == 0 && commands[i].words[size] == ' ') {
            fprintf(stderr, "%shqctl %-22s%s\n", found ? "  " : "Commands:\n  ", commands[i].words,
                    commands[i].purpose);
            found = true;
        }
    return found;
}

static int run(const struct hqctl_command *command, int argc, char **argv)
{
    struct hqctl h = {.command = command, .passphrase_fd = -1};
    int status = command->run(&h, argc, argv);
    hq_client_close(&h.client);
    return status == EXIT_OK ? hqctl_written() : status;
}

int main(int argc, char **argv)
{
    /* A write that fails is told where it fails. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
        return EXIT_RUN;
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        fputs("hqctl: this system has no locale C.UTF-8\n", stderr);
        return EXIT_RUN;
    }
    for (size_t i = 0; argc > 1 && i < COMMANDS; i++) {
        int words = matches(commands[i].words, argc - 1, argv + 1);
        if (words > 0)
            return run(&commands[i], argc - words, argv + words);
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_overview(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("hqctl " HQCTL_VERSION);
        return EXIT_OK;
    }
    fprintf(stderr, "hqctl: '%s%s%s' is no command\n", argv[1], argc > 2 ? " " : "",
            argc > 2 ? argv[2] : "");
    if (!print_group(argv[1]))
        fputs("Try 'hqctl --help'.\n", stderr);
    return EXIT_USAGE;
}

/* ---- shared by the commands ---- */

int hqctl_parse(struct hqctl *h, int argc, char **argv, struct arg_spec *spec)
{
    static const size_t counts[] = {[HQCTL_ALONE] = 1, [HQCTL_FOLDER] = 2, [HQCTL_ONLINE] = 5};
    const struct arg_option common[] = {
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &h->json,
         .help = "Answer with one JSON object a line."},
        {.name = "dir",
         .value = "DIR",
         .kind = ARG_TEXT,
         .target = &h->choice.folder,
         .help = "A folder of 'hqctl init': its key set and roots, and one of its operators' "
                 "connection."},
        {.name = "config",
         .value = "FILE",
         .kind = ARG_TEXT,
         .target = &h->choice.config,
         .help = "Connection: hq, hq_root, fleet, certificate, key. Default: "
                 "~/.config/hqctl.yaml."},
        {.name = "operator",
         .value = "NAME",
         .kind = ARG_TEXT,
         .target = &h->choice.operator_name,
         .help = "Which operator of --dir; default: the first in the alphabet."},
        {.name = "hq",
         .value = "URL",
         .kind = ARG_TEXT,
         .target = &h->choice.hq,
         .help = "Another address of headquarters than the configuration's, https://HOST:PORT."},
    };
    struct err_text err = {""};
    char name[HQCTL_COMMAND_SIZE];
    (void)snprintf(name, sizeof(name), "hqctl %s", h->command->words); /* fits */
    spec->command = name;
    spec->purpose = h->command->purpose;
    spec->common = common;
    spec->common_count = counts[h->command->reach];
    enum args_outcome outcome = args_parse(argc, argv, spec, &err);
    if (outcome == ARGS_HELP)
        args_print_help(spec, stdout);
    if (outcome == ARGS_WRONG)
        fprintf(stderr, "%s: %s\nTry '%s --help'.\n", spec->command, err.text, spec->command);
    spec->command = NULL; /* they end with this function */
    spec->common = NULL;
    return outcome == ARGS_RUN ? -1 : outcome == ARGS_HELP ? EXIT_OK : EXIT_USAGE;
}

int hqctl_open(struct hqctl *h, int argc, char **argv, struct arg_spec *spec)
{
    int status = hqctl_parse(h, argc, argv, spec);
    if (status < 0 && hqctl_connect(h) != 0)
        status = EXIT_CONFIG;
    return status;
}

int hqctl_fail(const struct hqctl *h, int rc, const struct err_text *err)
{
    const char *text = err->text[0] ? err->text : err_name(rc);
    (void)fflush(stdout); /* what was said comes first; a broken one shows at the next print */
    hqctl_line(stderr, "hqctl: %s", text);
    if (h->json)
        (void)hqctl_print(json_pack("{s:{s:s,s:s}}", "error", "code", err_name(rc), "en",
                                    text)); /* the status says it as well */
    return EXIT_RUN;
}

int hqctl_fail_config(const struct hqctl *h, int rc, const struct err_text *err)
{
    (void)hqctl_fail(h, rc, err); /* another status */
    return EXIT_CONFIG;
}

int hqctl_connect(struct hqctl *h)
{
    struct hq_connection connection;
    struct err_text err = {""};
    int rc = hq_connection_load(&h->choice, &connection, &err);
    if (rc == 0)
        rc = hq_client_open(&connection, &h->client, &err);
    return rc == 0 ? 0 : hqctl_fail_config(h, rc, &err);
}

static int say_not_written(void)
{
    fprintf(stderr, "hqctl: the answer could not be written\n");
    return EXIT_RUN;
}

int hqctl_written(void)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_OK : say_not_written();
}

int hqctl_print(json_t *value)
{
    bool good = value && json_dumpf(value, stdout, JSON_COMPACT | JSON_SORT_KEYS) == 0 &&
                fputc('\n', stdout) != EOF && fflush(stdout) == 0;
    json_decref(value);
    return good ? EXIT_OK : say_not_written();
}

int hqctl_print_with(json_t *value, const char *name, json_t *member)
{
    if (json_object_set_new(value, name, member) != 0) {
        json_decref(value);
        value = NULL;
    }
    return hqctl_print(value);
}

void hqctl_line(FILE *to, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int size = vasprintf(&text, fmt, args);
    va_end(args);
    if (size >= 0)
        text_print(to, text, (size_t)size);
    else
        fputs("(out of memory)", to);
    fputc('\n', to);
    if (size >= 0)
        free(text);
}

FILE *hqctl_talk(const struct hqctl *h)
{
    return h->json ? stderr : stdout;
}

const char *hqctl_text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

int64_t hqctl_number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name)); /* 0 for anything but an integer */
}

struct passphrase_source hqctl_passphrases(const struct hqctl *h)
{
    return (struct passphrase_source){.fd = (int)h->passphrase_fd};
}

int hqctl_post(struct hqctl *h, const char *path, json_t *body, struct hq_answer *out)
{
    struct err_text err = {""};
    *out = (struct hq_answer){0};
    int status = hqctl_connect(h);
    if (status != 0) {
        json_decref(body);
        return status;
    }
    int rc = hq_client_post(&h->client, path, body, HQCTL_AUDIT_TIMEOUT_S, out, &err);
    return rc == 0 ? 0 : hqctl_fail(h, rc, &err);
}

int hqctl_get(struct hqctl *h, const char *path, struct hq_answer *out)
{
    struct err_text err = {""};
    *out = (struct hq_answer){0};
    int status = hqctl_connect(h);
    int rc = status == 0 ? hq_client_get(&h->client, path, out, &err) : 0;
    return rc == 0 ? status : hqctl_fail(h, rc, &err);
}

const char *hqctl_or_dash(const char *text)
{
    return text[0] ? text : "-";
}

void hqctl_join(const json_t *list, char *out, size_t size)
{
    const json_t *text;
    size_t i;
    size_t used = 0;
    out[0] = '\0';
    json_array_foreach(list, i, text)
    {
        int more = snprintf(out + used, size - used, "%s%s", i ? ", " : "",
                            json_is_string(text) ? json_string_value(text) : "");
        used += more > 0 && (size_t)more < size - used ? (size_t)more : 0;
    }
}
