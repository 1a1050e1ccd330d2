/*
 * See init.h: what is asked and checked, folders, configurations, the rename.
 */
#include "gateway/hqctl/init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/hqctl/init_state.h"

enum { OPEN_FILES_MAX = 16 };

const char *const init_passphrase_order[INIT_PASSPHRASES] = {
    "root key 1 of 3",
    "root key 2 of 3",
    "root key 3 of 3",
    "CA keys (box, HQ-server and console root)",
    "update root key",
    "stick root key",
    "observe key",
    "list key of the first clerk",
    "list key of the second clerk"};

/* ---- what is given ---- */

int init_address_parse(const char *text, char host[TLS_URN_SIZE], uint16_t *out_port,
                       struct err_text *err)
{
    const char *begin = text[0] == '[' ? text + 1 : text;
    const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
    const char *port = end && text[0] == '[' ? end + 1 : end;
    size_t size = end ? (size_t)(end - begin) : strlen(begin);
    if ((text[0] == '[' && !end) || (text[0] != '[' && end && strchr(end + 1, ':')) || size == 0 ||
        size >= TLS_URN_SIZE || (port && *port != '\0' && *port != ':'))
        return err_set(err, ERR_INVALID,
                       "'%s': no address, expected HOST, HOST:PORT or [IPV6]:PORT", text);
    if (port && *port == ':') {
        size_t digits = strspn(port + 1, "0123456789");
        long number = digits > 0 && digits < 6 ? strtol(port + 1, NULL, 10) : -1;
        if (port[1 + digits] != '\0' || number < 0 || number > UINT16_MAX)
            return err_set(err, ERR_INVALID, "'%s': port '%s', expected 0 to 65535", text,
                           port + 1);
        *out_port = (uint16_t)number;
    }
    memcpy(host, begin, size);
    host[size] = '\0';
    return 0;
}

static int check_label(const char *option, const char *value, struct err_text *err)
{
    return tls_label_ok(value)
               ? 0
               : err_set(err, ERR_INVALID,
                         "%s = '%s': expected 1 to 64 of a-z 0-9 -, a letter or digit first and "
                         "last",
                         option, value);
}

static int check_text(const char *option, const char *text, struct err_text *err)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            return err_set(err, ERR_INVALID, "%s: control character", option);
    return 0;
}

static int check_path(const char *option, const char *path, struct err_text *err)
{
    int rc = check_text(option, path, err);
    if (rc != 0)
        return rc;
    if (path[0] != '/' || strlen(path) > INIT_FOLDER_MAX || strstr(path, ".."))
        return err_set(err, ERR_INVALID, "%s = '%s': expected an absolute path of at most %d bytes",
                       option, path, INIT_FOLDER_MAX);
    return 0;
}

static int check_options(struct init_state *s, struct err_text *err)
{
    const struct init_options *o = s->options;
    int rc = check_label("--fleet", o->fleet, err);
    if (rc == 0)
        rc = check_label("--operator", o->operator_name, err);
    for (int i = 0; rc == 0 && i < INIT_CLERKS; i++)
        rc = check_label("--clerk", o->clerks[i], err);
    if (rc == 0 && strcmp(o->clerks[0], o->clerks[1]) == 0)
        rc = err_set(err, ERR_INVALID, "--clerk = '%s': given twice, expected two people",
                     o->clerks[0]);
    s->port = INIT_PORT_DEFAULT;
    for (size_t i = 0; rc == 0 && i < o->address_count; i++) {
        uint16_t port = INIT_PORT_DEFAULT;
        rc = init_address_parse(o->addresses[i], s->hosts[i], i == 0 ? &s->port : &port, err);
        if (rc != 0)
            rc = err_prefix(err, rc, "--hq-address");
    }
    if (rc == 0 && o->listen)
        rc = check_text("--listen", o->listen, err);
    if (rc == 0 && o->est_listen)
        rc = check_text("--est-listen", o->est_listen, err);
    if (rc == 0 && o->state_dir)
        rc = check_path("--state-dir", o->state_dir, err);
    if (rc == 0 && o->runtime_dir)
        rc = check_path("--runtime-dir", o->runtime_dir, err);
    return rc;
}

/* The absolute path of a folder that need not be there; its parent must. */
static int find_final(const char *folder, char out[INIT_FOLDER_MAX + 1], struct err_text *err)
{
    char parent[KEY_STORE_PATH_SIZE];
    int size = snprintf(parent, sizeof(parent), "%s", folder);
    if (size <= 0 || size >= (int)sizeof(parent))
        return err_set(err, ERR_INVALID, "DIR: empty or too long");
    while (size > 1 && parent[size - 1] == '/')
        parent[--size] = '\0';
    char *slash = strrchr(parent, '/');
    const char *name = slash ? slash + 1 : parent;
    char base[KEY_STORE_PATH_SIZE];
    (void)snprintf(base, sizeof(base), "%s", name); /* shorter than parent */
    if (base[0] == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
        return err_set(err, ERR_INVALID, "DIR = '%s': expected the name of a new folder", folder);
    if (slash)
        *(slash == parent ? slash + 1 : slash) = '\0';
    char *real = realpath(slash ? parent : ".", NULL);
    if (!real)
        return err_set(err, ERR_NOT_FOUND, "%s: %s", slash ? parent : ".", strerror(errno));
    char path[KEY_STORE_PATH_SIZE];
    int rc = key_store_path(path, strcmp(real, "/") == 0 ? "" : real, base, err);
    free(real);
    if (rc == 0)
        rc = check_path("DIR", path, err); /* its length, too */
    if (rc == 0)
        memcpy(out, path, strlen(path) + 1);
    return rc;
}

static int check_free(const struct init_state *s, struct err_text *err)
{
    struct stat st;
    if (lstat(s->working, &st) == 0)
        return err_set(err, ERR_CONFLICT,
                       "%s: left by an init that did not end; nothing in it is in use: remove it "
                       "and begin again",
                       s->working);
    DIR *dir = opendir(s->final);
    if (!dir && errno == ENOENT)
        return 0;
    if (!dir)
        return err_set(err, ERR_CONFLICT, "%s: %s, expected a new or an empty folder", s->final,
                       strerror(errno));
    bool empty = true;
    for (struct dirent *entry; (entry = readdir(dir));)
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    (void)closedir(dir); /* was only read */
    return empty ? 0
                 : err_set(err, ERR_CONFLICT, "%s: not empty, expected a new or an empty folder",
                           s->final);
}

static int ask_passphrases(struct init_state *s, struct err_text *err)
{
    for (int i = 0; i < INIT_PASSPHRASES; i++) {
        char whose[128];
        if (i >= INIT_PASS_CLERK_1)
            (void)snprintf(whose, sizeof(whose), "list key of clerk %s",
                           s->options->clerks[i - INIT_PASS_CLERK_1]); /* fits */
        else
            (void)snprintf(whose, sizeof(whose), "%s", init_passphrase_order[i]); /* fits */
        int rc = passphrase_read_new(&s->options->passphrases, whose, s->passphrases[i], err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- what is made ---- */

int init_put(const struct init_state *s, const char *name, const void *data, size_t size,
             mode_t mode, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    int rc = key_store_path(path, s->working, name, err);
    return rc == 0 ? file_write_atomic(path, data, size, mode, err) : rc;
}

/* What goes to the boxes is public and read there by several users: copied, it keeps its mode. */
static mode_t folder_mode(const char *name)
{
    bool is_for_boxes = strcmp(name, "box") == 0 || strncmp(name, "box/", 4) == 0;
    return is_for_boxes ? 0755 : 0700;
}

static int make_folder(const struct init_state *s, const char *name, struct err_text *err)
{
    char path[KEY_STORE_PATH_SIZE];
    mode_t mode = folder_mode(name);
    int rc = key_store_path(path, s->working, name, err);
    if (rc == 0 && (mkdir(path, 0700) != 0 || chmod(path, mode) != 0)) /* whatever the umask */
        rc = err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s: %s", path, strerror(errno));
    return rc;
}

static int make_folders(const struct init_state *s, struct err_text *err)
{
    static const char *const names[] = {"roots",     "ca",  "hqd",       "clerks",     "secret",
                                        "operators", "box", "box/roots", "box/uplinkd"};
    char name[128];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(names[0]); i++)
        rc = make_folder(s, names[i], err);
    (void)snprintf(name, sizeof(name), "operators/%s", s->options->operator_name); /* fits */
    if (rc == 0)
        rc = make_folder(s, name, err);
    if (rc == 0 && !s->options->state_dir)
        rc = make_folder(s, "state", err);
    return rc == 0 && !s->options->runtime_dir ? make_folder(s, "run", err) : rc;
}

/* `key: "value"`, as YAML wants it. */
static void put_yaml(FILE *to, const char *key, const char *folder, const char *value)
{
    const char *parts[] = {folder, value};
    fprintf(to, "%s: \"", key);
    for (size_t i = 0; i < 2; i++)
        for (const char *c = parts[i]; *c; c++)
            fprintf(to, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
    fputs("\"\n", to);
}

static void write_hqd_yaml(const struct init_state *s, FILE *to)
{
    static const struct {
        const char *key;
        const char *file;
    } files[] = {{"certificate", "/hqd/server.pem"},
                 {"key", "/hqd/server.key.pem"},
                 {"box_root", "/ca/box-root.pem"},
                 {"console_root", "/ca/console-root.pem"},
                 {"freshness_key", "/hqd/freshness.key.pem"},
                 {"receipt_key", "/hqd/receipt.key.pem"},
                 {"roots", "/roots"},
                 {"keyset", "/keyset.json"}};
    const struct init_options *o = s->options;
    const char *est = o->est_listen ? strrchr(o->est_listen, ':') : NULL;
    const char *open = strchr(s->hosts[0], ':') ? "[" : "";
    char listen[32];
    char url[TLS_URN_SIZE + 64];
    (void)snprintf(listen, sizeof(listen), "0.0.0.0:%u", s->port); /* fits */
    (void)snprintf(url, sizeof(url), "https://%s%s%s:%s/.well-known/est", open, s->hosts[0],
                   open[0] ? "]" : "", est ? est + 1 : "8443"); /* fits */
    fputs("# hqd, made by 'hqctl init'. 'hqd --config FILE --check' says what is wrong.\n", to);
    put_yaml(to, "runtime_dir", o->runtime_dir ? "" : s->final,
             o->runtime_dir ? o->runtime_dir : "/run");
    put_yaml(to, "state_dir", o->state_dir ? "" : s->final, o->state_dir ? o->state_dir : "/state");
    put_yaml(to, "listen", "", o->listen ? o->listen : listen);
    put_yaml(to, "est_listen", "", o->est_listen ? o->est_listen : "0.0.0.0:8443");
    put_yaml(to, "est_url", "", url);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        put_yaml(to, files[i].key, s->final, files[i].file);
    fprintf(to,
            "# Who may act besides those 'hqctl person add' added: NAME (every role) or "
            "\"NAME:ROLE+ROLE\"; after a change: SIGHUP.\noperators: [%s]\n",
            o->operator_name);
}

static void write_cad_yaml(const struct init_state *s, FILE *to)
{
    const struct init_options *o = s->options;
    fputs("# hq-cad, made by 'hqctl init'. It needs no network.\n", to);
    put_yaml(to, "runtime_dir", o->runtime_dir ? "" : s->final,
             o->runtime_dir ? o->runtime_dir : "/run");
    put_yaml(to, "certificate", s->final, "/ca/box-issuing.pem");
    put_yaml(to, "key", s->final, "/ca/box-issuing.key.pem");
}

static void write_retaind_yaml(const struct init_state *s, FILE *to)
{
    const struct init_options *o = s->options;
    fputs("# hq-retaind, made by 'hqctl init': deletes records' bodies past their term.\n", to);
    put_yaml(to, "state_dir", o->state_dir ? "" : s->final, o->state_dir ? o->state_dir : "/state");
    put_yaml(to, "roots", s->final, "/roots");
}

static void write_hqctl_yaml(const struct init_state *s, FILE *to)
{
    const struct init_options *o = s->options;
    const char *open = strchr(s->hosts[0], ':') ? "[" : "";
    char url[TLS_URN_SIZE + 32];
    char file[128];
    (void)snprintf(url, sizeof(url), "https://%s%s%s:%u", open, s->hosts[0], open[0] ? "]" : "",
                   s->port); /* fits */
    fputs("# hqctl's connection; copy it with its files to ~/.config/hqctl.yaml of its operator.\n",
          to);
    put_yaml(to, "hq", "", url);
    put_yaml(to, "hq_root", s->final, "/ca/hq-root.pem");
    put_yaml(to, "fleet", "", o->fleet);
    (void)snprintf(file, sizeof(file), "/operators/%s/cert.pem", o->operator_name); /* fits */
    put_yaml(to, "certificate", s->final, file);
    (void)snprintf(file, sizeof(file), "/operators/%s/key.pem", o->operator_name); /* fits */
    put_yaml(to, "key", s->final, file);
}

static void write_readme(const struct init_state *s, FILE *to)
{
    fprintf(
        to,
        "Headquarters of fleet %s, made by 'hqctl init'.\n\n"
        "secret/     root and CA keys, each with its holder's passphrase. Move them to media "
        "kept offline,\n"
        "            one holder each; nothing that runs reads them.\n"
        "secret/observe.key.pem\n"
        "            opens the records of observe hits ('hqctl observe'): for the duty officers "
        "alone.\n"
        "clerks/     list keys, each with its clerk's passphrase. Give each clerk their own.\n"
        "operators/  certificate, key and hqctl.yaml of each operator.\n"
        "box/        what every checkpoint needs: copy into its /etc/checkpoint.\n"
        "hqd/, ca/box-issuing.key.pem\n"
        "            keys of hqd and hq-cad, without passphrase: for those two users only.\n\n"
        "Start:      hq-cad --config %s/hq-cad.yaml\n"
        "            hqd --config %s/hqd.yaml\n"
        "            hq-retaind --config %s/hq-retaind.yaml\n\n"
        "secret/ 为根密钥与 CA 密钥，请由各持有人离线保管；clerks/ 为布控签名密钥；"
        "box/ 复制到各卡口的 /etc/checkpoint。\n",
        s->options->fleet, s->final, s->final, s->final);
}

static int put_text(const struct init_state *s, const char *name,
                    void (*write)(const struct init_state *s, FILE *to), struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return ERR_NO_MEMORY;
    write(s, to);
    int rc =
        (ferror(to) | fclose(to)) != 0 ? ERR_NO_MEMORY : init_put(s, name, text, size, 0600, err);
    free(text);
    return rc;
}

static int make_texts(const struct init_state *s, struct err_text *err)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "operators/%s/hqctl.yaml",
                   s->options->operator_name); /* fits */
    int rc = put_text(s, "hqd.yaml", write_hqd_yaml, err);
    if (rc == 0)
        rc = put_text(s, "hq-cad.yaml", write_cad_yaml, err);
    if (rc == 0)
        rc = put_text(s, "hq-retaind.yaml", write_retaind_yaml, err);
    if (rc == 0)
        rc = put_text(s, name, write_hqctl_yaml, err);
    return rc == 0 ? put_text(s, "README.txt", write_readme, err) : rc;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at; /* the signature is nftw's */
    return remove(path);
}

/* Renames to the final name and makes that survive a power cut. */
static int settle(const struct init_state *s, struct err_text *err)
{
    char parent[sizeof(s->final)];
    memcpy(parent, s->final, sizeof(parent));
    *(strrchr(parent, '/') == parent ? parent + 1 : strrchr(parent, '/')) = '\0';
    if (rename(s->working, s->final) != 0)
        return err_set(err, ERR_IO, "%s: cannot be renamed to %s: %s", s->working, s->final,
                       strerror(errno));
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0
                 ? 0
                 : err_set(err, ERR_IO, "%s: made, but not synced to disk: %s", s->final,
                           strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

static int make_all(const struct init_state *s, struct err_text *err)
{
    int rc = make_folder(s, "", err);
    if (rc != 0)
        return rc; /* somebody else's, if it is there: not ours to remove */
    rc = make_folders(s, err);
    if (rc == 0)
        rc = init_make_signers(s, err);
    if (rc == 0)
        rc = init_make_certificates(s, err);
    if (rc == 0)
        rc = make_texts(s, err);
    if (rc == 0)
        rc = settle(s, err);
    if (rc != 0 && nftw(s->working, remove_one, OPEN_FILES_MAX, FTW_DEPTH | FTW_PHYS) != 0 &&
        errno != ENOENT)
        rc = err_prefix(err, rc, "%s could not be removed (%s); nothing in it is in use",
                        s->working, strerror(errno));
    return rc;
}

int init_headquarters(const struct init_options *options, struct err_text *err)
{
    struct init_state *s = calloc(1, sizeof(*s));
    mode_t mask = umask(077);
    int rc = s ? 0 : ERR_NO_MEMORY;
    if (rc == 0) {
        s->options = options;
        rc = check_options(s, err);
    }
    if (rc == 0)
        rc = find_final(options->folder, s->final, err);
    if (rc == 0)
        (void)snprintf(s->working, sizeof(s->working), "%s.new", s->final); /* length checked */
    if (rc == 0)
        rc = check_free(s, err);
    if (rc == 0)
        rc = ask_passphrases(s, err);
    if (rc == 0)
        rc = make_all(s, err);
    if (s)
        explicit_bzero(s->passphrases, sizeof(s->passphrases));
    free(s);
    (void)umask(mask); /* cannot fail */
    return rc;
}
