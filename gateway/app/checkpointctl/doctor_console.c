/*
 * `doctor`, of the officers' console: whether it listens, how long its certificate lives, which
 * tablets are paired, the code tables its officers choose from. A box without consoled.yaml has
 * none and gets no row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/checkpointctl/doctor.h"
#include "gateway/app/consoled/config.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/tls/pairing.h"

enum {
    DAYS_LEFT_MIN = 30, /* nothing renews these by itself */
    PORT_TEXT_MAX = 16,
    TCP_LISTEN = 10,
    TCP_LINE_SIZE = 256,
    TABLETS_TEXT_SIZE = 200
};
#define MS_PER_DAY (INT64_C(24) * 3600 * 1000)

void doctor_codes(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    char detail[DOCTOR_TEXT_SIZE];
    json_t *result = doctor_ask(d->ctl, "codes");
    size_t count = json_object_size(json_object_get(result, "tables"));
    snprintf(detail, sizeof(detail), ctl_say(ctl, "%zu tables", "%zu 张"), count);
    doctor_add(d, "codes", ctl_say(ctl, "code tables", "代码表"), count > 0,
               count > 0 ? detail
                         : ctl_say(ctl, "none: no hit can be rejected or reported on",
                                   "没有代码表：无法排除命中或填写处置反馈"),
               ctl_say(ctl,
                       "copy rules/default/codes.yaml to where checkpointd.yaml says (codes), "
                       "then 'reload'",
                       "将 rules/default/codes.yaml 复制到 checkpointd.yaml 中 codes "
                       "所指位置，然后执行 reload"));
    json_decref(result);
}

/* ---- does it listen ---- */

/* The port it wrote when it was ready; 0: none. */
static unsigned port_written(const struct ctl *ctl)
{
    char path[PATH_MAX];
    char digits[PORT_TEXT_MAX + 1] = "";
    uint8_t *text = NULL;
    size_t size = 0;
    struct err_text err;
    if (snprintf(path, sizeof(path), "%s/consoled.port", ctl->runtime_dir) < (int)sizeof(path) &&
        file_read(path, PORT_TEXT_MAX, &text, &size, &err) == 0) {
        memcpy(digits, text, size);
    }
    free(text);
    unsigned long port = strtoul(digits, NULL, 10);
    return port <= UINT16_MAX ? (unsigned)port : 0;
}

/* "  0: 0100007F:20FB 00000000:0000 0A …": the port behind the second colon, the state after the
 * number behind the third. */
static bool is_listening(const char *line, unsigned port)
{
    const char *local = strchr(line, ':');
    local = local ? strchr(local + 1, ':') : NULL;
    const char *remote = local ? strchr(local + 1, ':') : NULL;
    char *state = NULL;
    if (!remote || strtoul(local + 1, NULL, 16) != port) {
        return false;
    }
    (void)strtoul(remote + 1, &state, 16); /* only passed over */
    return strtoul(state, NULL, 16) == TCP_LISTEN;
}

/* As the kernel lists its sockets: at whatever address, and without a connection of ours. */
static bool listens(const char *table, unsigned port)
{
    char line[TCP_LINE_SIZE];
    bool found = false;
    FILE *file = fopen(table, "re");
    while (file && !found && fgets(line, sizeof(line), file)) {
        found = is_listening(line, port);
    }
    if (file) {
        (void)fclose(file); /* was only read */
    }
    return found;
}

static void add_listening(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    char detail[DOCTOR_TEXT_SIZE];
    unsigned port = port_written(ctl);
    bool good = port != 0 && (listens("/proc/net/tcp", port) || listens("/proc/net/tcp6", port));
    snprintf(detail, sizeof(detail),
             good ? ctl_say(ctl, "listens at port %u", "监听端口 %u")
                  : ctl_say(ctl, "does not run%.0u", "未运行%.0u"),
             port);
    doctor_add(d, "console", "checkpoint-consoled", good, detail,
               ctl_say(ctl,
                       "systemctl status checkpoint-consoled; lanes go on, officers use "
                       "checkpointctl meanwhile",
                       "systemctl status checkpoint-consoled；车道不受影响，其间请用 "
                       "checkpointctl 操作"));
}

/* ---- tablets ---- */

/* Names those whose certificate ends soon; how many are in use. */
static size_t count_tablets(const json_t *tablets, char soon[TABLETS_TEXT_SIZE])
{
    size_t in_use = 0;
    size_t used = 0;
    int64_t now_ms = clock_wall(&clock_system).ms;
    soon[0] = '\0';
    for (size_t i = 0; i < json_array_size(tablets); i++) {
        const json_t *tablet = json_array_get(tablets, i);
        int64_t paired_ms = json_integer_value(json_object_get(tablet, "paired_at_ms"));
        if (json_is_true(json_object_get(tablet, "revoked"))) {
            continue;
        }
        in_use++;
        if (paired_ms + (PAIRING_DAYS - DAYS_LEFT_MIN) * MS_PER_DAY < now_ms &&
            used < TABLETS_TEXT_SIZE) {
            used += (size_t)snprintf(soon + used, TABLETS_TEXT_SIZE - used, " %s",
                                     json_string_value(json_object_get(tablet, "name")));
        }
    }
    return in_use;
}

static void add_tablets(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    char soon[TABLETS_TEXT_SIZE];
    char detail[DOCTOR_TEXT_SIZE];
    json_t *result = doctor_ask(d->ctl, "tablets");
    const char *part = ctl_say(ctl, "tablets", "平板");
    if (!result) {
        doctor_add(d, "tablets", part, false,
                   ctl_say(ctl, "not seen by this user", "当前用户无权查看"),
                   ctl_say(ctl, "run doctor as root", "请以 root 运行"));
        return;
    }
    size_t count = count_tablets(json_object_get(result, "tablets"), soon);
    snprintf(detail, sizeof(detail),
             soon[0] ? ctl_say(ctl, "%zu paired; certificates end within 30 days:%s",
                               "已配对 %zu 台；证书 30 天内到期：%s")
                     : ctl_say(ctl, "%zu paired%s", "已配对 %zu 台%s"),
             count, soon);
    doctor_add(d, "tablets", part, count > 0 && !soon[0], detail,
               soon[0] ? ctl_say(ctl, "'tablet revoke NAME', then pair it again",
                                 "先 tablet revoke 名称，再重新配对")
                       : ctl_say(ctl, "nobody gets in: checkpointctl tablet pair NAME LANE…",
                                 "无平板可登录：checkpointctl tablet pair 名称 车道…"));
    json_decref(result);
}

static void add_any_browser(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    doctor_add(d, "tablets", ctl_say(ctl, "tablets", "平板"), false,
               ctl_say(ctl, "no certificate is asked for: any browser may reach the sign-on",
                       "未要求平板证书：任何浏览器均可访问登录页"),
               ctl_say(ctl, "pair the tablets, then tablet_certificates: required",
                       "完成平板配对后设置 tablet_certificates: required"));
}

/* ---- the whole ---- */

void doctor_console(struct doctor *d)
{
    static struct consoled_config config; /* large */
    const struct ctl *ctl = d->ctl;
    char path[PATH_MAX];
    struct err_text err = {""};
    doctor_config_path(d, "consoled.yaml", path);
    if (access(path, F_OK) != 0) {
        return;
    }
    doctor_configuration(d, "checkpoint-consoled", "consoled.yaml");
    add_listening(d);
    if (config_load(path, &consoled_section, &config, &err) != 0) {
        return; /* the row of the configuration says it */
    }
    doctor_certificate_days(d, "console_certificate",
                            ctl_say(ctl, "console's certificate", "控制台证书"), config.certificate,
                            DAYS_LEFT_MIN,
                            ctl_say(ctl,
                                    "checkpointctl console init HOST…, then systemctl reload "
                                    "checkpoint-consoled; tablets stay paired",
                                    "执行 checkpointctl console init 主机…，然后执行 systemctl "
                                    "reload checkpoint-consoled；平板无须重新配对"));
    if (config.tablet_certificates == TABLETS_OFF) {
        add_any_browser(d);
    } else if (d->status) {
        add_tablets(d);
    }
}
