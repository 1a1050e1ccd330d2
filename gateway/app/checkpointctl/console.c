/*
 * The console's certificates: its CA and server certificate, made once on the box, and tablets
 * paired with it. A tablet's key is made here, locked with a password that is printed, and leaves
 * this process only so. Run as root; the CA's key is root's alone.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/tls/issue.h"
#include "gateway/tls/pairing.h"
#include "gateway/tls/pem.h"

enum { PATH_BYTES = 512, CA_DAYS = 7300, SERVER_DAYS = 397, LANES_MAX = 16 };

/* "<config-dir>/console/<name>" */
static void path_of(const struct ctl *ctl, const char *name, char out[PATH_BYTES])
{
    const char *dir = ctl->config_dir ? ctl->config_dir : "/etc/checkpoint";
    (void)snprintf(out, PATH_BYTES, "%.400s/console/%s", dir, name); /* fits */
}

static int write_certificate(const struct ctl *ctl, const char *name, const X509 *certificate,
                             struct err_text *err)
{
    char path[PATH_BYTES];
    char *pem = NULL;
    path_of(ctl, name, path);
    int rc = tls_pem_write_certificate(certificate, &pem);
    if (rc == 0)
        rc = file_write_atomic(path, pem, strlen(pem), 0644, err);
    free(pem);
    return rc;
}

/* ---- console init ---- */

static int make_ca(const struct ctl *ctl, EVP_PKEY **out_key, X509 **out, struct err_text *err)
{
    char path[PATH_BYTES];
    path_of(ctl, "ca.key.pem", path);
    int rc = tls_key_create(out_key, err);
    if (rc == 0)
        rc = tls_issue_root(*out_key, "Checkpoint console", clock_wall(&clock_system), CA_DAYS, out,
                            err);
    if (rc == 0)
        rc = tls_key_file_write(path, *out_key, err);
    return rc == 0 ? write_certificate(ctl, "ca.pem", *out, err) : rc;
}

/* The CA there is. */
static int read_ca(const struct ctl *ctl, EVP_PKEY **out_key, X509 **out, struct err_text *err)
{
    STACK_OF(X509) *list = NULL;
    char path[PATH_BYTES];
    path_of(ctl, "ca.key.pem", path);
    int rc = tls_key_file_read(path, out_key, err);
    if (rc != 0)
        return rc;
    path_of(ctl, "ca.pem", path);
    rc = tls_file_certificates(path, &list, err);
    if (rc == 0)
        *out = sk_X509_shift(list);
    sk_X509_pop_free(list, X509_free);
    return rc;
}

/* The server's key is the console's own; without such a user (a trial as oneself) it stays ours. */
static int give_to_console(const char *path, struct err_text *err)
{
    const struct passwd *user = getpwnam("checkpoint-consoled");
    if (geteuid() != 0 || !user)
        return 0;
    return chown(path, user->pw_uid, user->pw_gid) == 0
               ? 0
               : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
}

static int make_server(const struct ctl *ctl, EVP_PKEY *ca_key, const X509 *ca,
                       struct err_text *err)
{
    struct tls_issue_request request = {.identity = {.kind = TLS_PEER_CONSOLE, .name = "console"},
                                        .now = clock_wall(&clock_system),
                                        .days = SERVER_DAYS};
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    char path[PATH_BYTES];
    path_of(ctl, "server.key.pem", path);
    for (int i = 0; i < ctl->operand_count; i++)
        request.hosts[i] = ctl->operands[i];
    int rc = tls_key_create(&key, err);
    request.public_key = key;
    if (rc == 0)
        rc = tls_issue(ca_key, ca, &request, &certificate, err);
    if (rc == 0)
        rc = tls_key_file_write(path, key, err);
    if (rc == 0)
        rc = give_to_console(path, err);
    if (rc == 0)
        rc = write_certificate(ctl, "server.pem", certificate, err);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return rc;
}

int ctl_console_init(struct ctl *ctl)
{
    struct err_text err = {""};
    EVP_PKEY *key = NULL;
    X509 *ca = NULL;
    char folder[PATH_BYTES];
    char ca_path[PATH_BYTES];
    path_of(ctl, "", folder);
    path_of(ctl, "ca.pem", ca_path);
    int rc = file_make_folder(folder, 0755, &err);
    bool had = access(ca_path, F_OK) == 0;
    if (rc == 0)
        rc = had ? read_ca(ctl, &key, &ca, &err) : make_ca(ctl, &key, &ca, &err);
    if (rc == 0)
        rc = make_server(ctl, key, ca, &err);
    X509_free(ca);
    EVP_PKEY_free(key);
    if (rc != 0)
        return ctl_fail_err(ctl, EXIT_RUN, rc, &err);
    if (ctl->json) {
        json_t *said = json_pack("{s:s,s:b}", "ca", ca_path, "new_ca", (int)!had);
        ctl_print_json(said);
        json_decref(said);
    } else {
        printf(
            ctl_say(
                ctl,
                "Server certificate made: systemctl reload checkpoint-consoled\nInstall %s on each "
                "tablet as a trusted authority, then: checkpointctl tablet pair NAME\n",
                "服务器证书已生成：systemctl reload checkpoint-consoled\n请在每台平板上将 %s "
                "安装为受信任的证书颁发机构，然后执行：checkpointctl tablet pair 名称\n"),
            ca_path);
    }
    return EXIT_OK;
}

/* ---- tablet pair ---- */

/* What pairing makes. */
struct pairing {
    char code[PAIRING_CODE_SIZE];
    char password[PAIRING_PASSWORD_SIZE];
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    uint8_t *bundle;
    size_t size;
};

static int make_pairing(const struct ctl *ctl, struct pairing *p, struct err_text *err)
{
    EVP_PKEY *key = NULL;
    X509 *ca = NULL;
    int rc = read_ca(ctl, &key, &ca, err);
    if (rc == 0)
        rc = pairing_make_code(p->code);
    if (rc == 0)
        rc = pairing_make_password(p->password);
    if (rc == 0)
        rc = pairing_make_bundle(ctl->operands[0], key, ca, clock_wall(&clock_system), p->password,
                                 &p->bundle, &p->size, p->fingerprint, err);
    X509_free(ca);
    EVP_PKEY_free(key);
    return rc;
}

/* The folder lets the console read what lies there (setgid), nobody else. */
static int lay_out(const struct ctl *ctl, const struct pairing *p, struct err_text *err)
{
    char folder[PATH_BYTES];
    char name[PAIRING_NAME_SIZE];
    char path[PATH_BYTES + PAIRING_NAME_SIZE];
    const char *run = ctl->runtime_dir ? ctl->runtime_dir : "/run/checkpoint";
    (void)snprintf(folder, sizeof(folder), "%.400s/pair", run); /* fits */
    if (!pairing_file_name(p->code, name))
        return err_set(err, ERR_INVALID, "code");
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name); /* fits */
    int rc = access(folder, F_OK) == 0 ? 0 : file_make_folder(folder, 0700, err);
    if (rc == 0)
        pairing_sweep(folder, clock_wall(&clock_system));
    return rc == 0 ? file_write_atomic(path, p->bundle, p->size, 0640, err) : rc;
}

/* The operands behind the name. */
static int take_lanes(const struct ctl *ctl, json_t **out)
{
    json_t *lanes = json_array();
    for (int i = 1; lanes && i < ctl->operand_count; i++) {
        char *end = NULL;
        long lane = strtol(ctl->operands[i], &end, 10);
        if (end == ctl->operands[i] || *end != '\0' || lane < 1 || lane > UINT8_MAX ||
            json_array_append_new(lanes, json_integer(lane)) != 0) {
            json_decref(lanes);
            return ctl_fail(ctl, EXIT_USAGE, "usage", "LANE: expected numbers of lanes",
                            "LANE：应为车道号");
        }
    }
    *out = lanes;
    return 0;
}

static int add_tablet(struct ctl *ctl, const struct pairing *p, json_t *lanes)
{
    char fingerprint[2 * TLS_FINGERPRINT_SIZE + 1];
    json_t *result = NULL;
    hex_encode(p->fingerprint, TLS_FINGERPRINT_SIZE, fingerprint);
    int status = ctl_ask(ctl, "tablet_add",
                         json_pack("{s:s,s:s,s:o}", "name", ctl->operands[0], "fingerprint",
                                   fingerprint, "lanes", lanes),
                         &result);
    json_decref(result);
    return status;
}

static void show_pairing(const struct ctl *ctl, const struct pairing *p)
{
    if (ctl->json) {
        json_t *said = json_pack("{s:s,s:s,s:s,s:i}", "tablet", ctl->operands[0], "code", p->code,
                                 "password", p->password, "expires_in_s", PAIRING_LIFE_S);
        ctl_print_json(said);
        json_decref(said);
        return;
    }
    printf(ctl_say(ctl,
                   "Tablet %s is paired. On the tablet open https://<this box>:8444/pair within 15 "
                   "minutes.\n  code      %s\n  password  %s   (asked when the certificate is "
                   "installed)\nNeither is shown again.\n",
                   "平板 %s 已配对。请在 15 分钟内用该平板打开 https://<本机>:8444/pair 。\n"
                   "  配对码  %s\n  密码    %s   （安装证书时输入）\n以上仅显示一次。\n"),
           ctl->operands[0], p->code, p->password);
}

int ctl_tablet_pair(struct ctl *ctl)
{
    struct err_text err = {""};
    struct pairing p = {.size = 0};
    json_t *lanes = NULL;
    int status = take_lanes(ctl, &lanes);
    if (status != 0)
        return status;
    int rc = make_pairing(ctl, &p, &err);
    if (rc != 0) {
        json_decref(lanes);
        status = ctl_fail_err(ctl, EXIT_RUN, rc, &err);
    } else {
        status = add_tablet(ctl, &p, lanes); /* before anybody can fetch it */
    }
    if (status == 0) {
        rc = lay_out(ctl, &p, &err);
        if (rc == 0)
            show_pairing(ctl, &p);
        else
            status = ctl_fail_err(ctl, EXIT_RUN, rc, &err);
    }
    if (p.bundle)
        explicit_bzero(p.bundle, p.size);
    free(p.bundle);
    explicit_bzero(&p, sizeof(p));
    return status;
}
