/*
 * Sign-on and officers' accounts. Passwords come through prompt.c and leave this
 * process only in the request to checkpointd.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/control/accounts.h"

/* ---- sign-on ---- */

static int show_login(const struct ctl *ctl, const json_t *about)
{
    char life[48];
    if (ctl->json) {
        ctl_print_json(about);
        return EXIT_OK;
    }
    ctl_duration(ctl, json_integer_value(json_object_get(about, "expires_in_s")), life);
    const char *name = json_string_value(json_object_get(about, "name"));
    const char *officer = json_string_value(json_object_get(about, "officer"));
    printf(ctl_say(ctl, "%s (%s) is signed on for %s.\n", "%s（%s）已登录，有效期 %s。\n"),
           name ? name : officer, ctl_word(ctl, json_string_value(json_object_get(about, "role"))),
           life);
    return EXIT_OK;
}

static int ask_login(struct ctl *ctl, const char *officer, const char *password)
{
    json_t *result = NULL;
    int status = ctl_ask(ctl, "login",
                         json_pack("{s:s,s:s}", "officer", officer, "password", password), &result);
    if (status != 0) {
        return status;
    }
    status = ctl_token_save(ctl, result);
    json_object_del(result, "token"); /* it stands in its file and nowhere else */
    if (status == 0) {
        status = show_login(ctl, result);
    }
    json_decref(result);
    return status;
}

int ctl_login(struct ctl *ctl)
{
    char *officer = NULL;
    char *password = NULL;
    int status = ctl_token_place(ctl); /* before anybody types a password for nothing */
    if (status == 0 && ctl->operand_count == 1) {
        officer = strdup(ctl->operands[0]);
    } else if (status == 0) {
        status = ctl_line_read(ctl, ctl_say(ctl, "Officer: ", "警号："), &officer);
    }
    if (status == 0 && officer) {
        status = ctl_password_read(ctl, ctl->password_fd, ctl_say(ctl, "Password: ", "密码："),
                                   &password);
    }
    if (status == 0 && officer) {
        status = ask_login(ctl, officer, password);
    }
    ctl_password_free(password);
    free(officer);
    return status;
}

int ctl_logout(struct ctl *ctl)
{
    json_t *answer = NULL;
    int wiped = ctl_token_wipe(ctl); /* whatever checkpointd says: here it is gone */
    int status = ctl->token ? ctl_call(ctl, "logout", NULL, &answer) : 0;
    json_decref(answer); /* a token it does not know any more is as good */
    if (wiped != 0 || status != 0) {
        return wiped != 0 ? wiped : status;
    }
    if (ctl->json) {
        puts("{}");
    } else {
        puts(ctl_say(ctl, "Signed off.", "已退出登录。"));
    }
    return EXIT_OK;
}

/* ---- accounts ---- */

static int show_done(const struct ctl *ctl, json_t *result, const char *en, const char *zh)
{
    if (ctl->json) {
        ctl_print_json(result);
    } else {
        printf("%s: %s\n", json_string_value(json_object_get(result, "officer")),
               ctl_say(ctl, en, zh));
    }
    json_decref(result);
    return EXIT_OK;
}

static int change(struct ctl *ctl, const char *act, json_t *args, const char *en, const char *zh)
{
    json_t *result = NULL;
    int status = ctl_ask(ctl, act, args, &result);
    return status == 0 ? show_done(ctl, result, en, zh) : status;
}

int ctl_officer_add(struct ctl *ctl)
{
    char *password = NULL;
    enum officer_role role;
    if (ctl->role && officer_role_parse(ctl->role, &role) != 0) {
        return ctl_fail(ctl, EXIT_USAGE, "usage",
                        "--role: expected officer, leader, auxiliary, technician or auditor",
                        "--role：应为 officer（民警）、leader（带班领导）、auxiliary（辅警）、"
                        "technician（技术人员）或 auditor（审计员）");
    }
    int status = ctl_password_new(ctl, ctl->password_fd, &password);
    if (status == 0) {
        status = change(ctl, "officer_add",
                        json_pack("{s:s,s:s,s:s,s:s*}", "officer", ctl->operands[0], "password",
                                  password, "role", ctl->role ? ctl->role : "officer", "name",
                                  ctl->name),
                        "account made", "账户已建立");
    }
    ctl_password_free(password);
    return status;
}

int ctl_officer_disable(struct ctl *ctl)
{
    return change(ctl, "officer_disable", json_pack("{s:s}", "officer", ctl->operands[0]),
                  "account disabled", "账户已停用");
}

int ctl_officer_passwd(struct ctl *ctl)
{
    char *password = NULL;
    int status = ctl_password_new(ctl, ctl->password_fd, &password);
    if (status == 0) {
        status = change(ctl, "officer_passwd",
                        json_pack("{s:s,s:s}", "officer", ctl->operands[0], "password", password),
                        "password changed, signed off everywhere", "密码已修改，所有登录已失效");
    }
    ctl_password_free(password);
    return status;
}
