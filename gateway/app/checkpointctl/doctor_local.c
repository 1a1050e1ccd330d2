/*
 * What this machine shows without checkpointd: whether each program takes its configuration,
 * whether Redis answers, how long the certificate lives, the disk. What this user may not see is
 * said so.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/app/checkpointctl/doctor.h"
#include "gateway/app/matchd/config.h"
#include "gateway/app/uplinkd/config.h"
#include "gateway/base/clock.h"
#include "gateway/tls/identity.h"
#include "gateway/wanted/link.h"

enum {
    CHECK_WAIT_MS = 15000, /* a rule file runs its examples */
    DAYS_LEFT_MIN = 7,     /* of a certificate that renews itself ten days before its end */
    DISK_FREE_MIN_PERCENT = 5
};
#define MS_PER_DAY (INT64_C(24) * 3600 * 1000)

static const char default_dir[] = "/etc/checkpoint";
static const char default_journal[] = "/var/lib/checkpoint/checkpointd/journal";

void doctor_config_path(const struct doctor *d, const char *file, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", d->ctl->config_dir ? d->ctl->config_dir : default_dir, file);
}

/* ---- configurations ---- */

/* A program of the product stands beside this one. */
static bool find_program(const char *name, char out[PATH_MAX])
{
    char own[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", own, sizeof(own) - 1);
    own[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (!slash) {
        return false;
    }
    *slash = '\0';
    return snprintf(out, PATH_MAX, "%s/%s", own, name) < PATH_MAX && access(out, X_OK) == 0;
}

/* As the program itself runs: root may read what the program may not, and is refused keys that are
 * the program's. Without such a user (a trial as oneself) as we are. */
static bool become(const struct passwd *user)
{
    return !user || (initgroups(user->pw_name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
                     setuid(user->pw_uid) == 0);
}

/* Starts `program --check --config file`, what it says goes to the pipe. ERR_IO. */
static int start_check(const char *name, const char *program, const char *file, int pipe_end,
                       pid_t *out)
{
    const char *const argv[] = {program, "--check", "--config", file, NULL};
    const struct passwd *user = geteuid() == 0 ? getpwnam(name) : NULL;
    *out = fork();
    if (*out == 0) {
        int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
            dup2(pipe_end, STDOUT_FILENO) >= 0 && dup2(pipe_end, STDERR_FILENO) >= 0 &&
            become(user)) {
            /* execv takes the strings as the program's own and changes none of them. */
            execv(program, (char *const *)(uintptr_t)argv);
        }
        _exit(127);
    }
    return *out > 0 ? 0 : ERR_IO;
}

/* What it says, first line; ends when the program does or the time is over. */
static bool read_line_of(int fd, char out[DOCTOR_TEXT_SIZE])
{
    struct mono_time end = mono_add_ms(clock_mono(&clock_system), CHECK_WAIT_MS);
    size_t size = 0;
    for (;;) {
        char rest[512];
        int64_t left_ms = mono_diff_ms(end, clock_mono(&clock_system));
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) <= 0) {
            return false;
        }
        bool full = size == DOCTOR_TEXT_SIZE - 1;
        ssize_t got =
            full ? read(fd, rest, sizeof(rest)) : read(fd, out + size, DOCTOR_TEXT_SIZE - 1 - size);
        if (got <= 0) {
            break;
        }
        size += full ? 0 : (size_t)got;
    }
    out[size] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return true;
}

/* 0: good; otherwise ERR_INVALID with what it said, or ERR_IO, ERR_TIMEOUT. */
static int run_check(const char *name, const char *program, const char *file,
                     char out[DOCTOR_TEXT_SIZE])
{
    int ends[2];
    pid_t pid = 0;
    int status = 0;
    out[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return ERR_IO;
    }
    int result = start_check(name, program, file, ends[1], &pid);
    close(ends[1]);
    if (result == 0) {
        bool ended = read_line_of(ends[0], out);
        if (!ended) {
            kill(pid, SIGKILL); /* our child, not waited for yet: the number is its */
        }
        bool waited = waitpid(pid, &status, 0) == pid;
        bool good = waited && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        result = !ended ? ERR_TIMEOUT : good ? 0 : ERR_INVALID;
    }
    close(ends[0]);
    return result;
}

void doctor_configuration(struct doctor *d, const char *name, const char *file)
{
    const struct ctl *ctl = d->ctl;
    char program[PATH_MAX];
    char path[PATH_MAX];
    char said[DOCTOR_TEXT_SIZE] = "";
    char detail[DOCTOR_TEXT_SIZE];
    doctor_config_path(d, file, path);
    if (access(path, R_OK) != 0) {
        snprintf(detail, sizeof(detail), "%.200s: %s", path, strerror(errno));
        doctor_add(d, "configuration", file, false, detail,
                   errno == EACCES ? ctl_say(ctl, "not seen by this user: run doctor as root",
                                             "当前用户无权查看：请以 root 运行")
                                   : ctl_say(ctl, "write it, from the example of the same name",
                                             "请参照同名示例编写"));
        return;
    }
    int result = find_program(name, program) ? run_check(name, program, path, said) : ERR_NOT_FOUND;
    if (result == ERR_NOT_FOUND) {
        snprintf(said, sizeof(said),
                 ctl_say(ctl, "%s is not installed beside checkpointctl",
                         "%s 未与 checkpointctl 安装在一起"),
                 name);
    } else if (result != 0 && said[0] == '\0') {
        snprintf(said, sizeof(said), "%s --check: %s", name, err_name(result));
    }
    doctor_add(d, "configuration", file, result == 0,
               result == 0 ? ctl_say(ctl, "taken, with all that it names", "有效，包括其引用的文件")
                           : said,
               ctl_say(ctl, "put right what the line says; the running program keeps the old one",
                       "按提示更正；运行中的程序继续使用原配置"));
}

void doctor_configurations(struct doctor *d)
{
    doctor_configuration(d, "checkpointd", "checkpointd.yaml"); /* its rules too */
    doctor_configuration(d, "checkpoint-matchd", "matchd.yaml");
    doctor_configuration(d, "checkpoint-uplinkd", "uplinkd.yaml");
}

/* ---- Redis ---- */

/* Without a sign-on it says that one is missing: then it lives all the same. */
static int ping(const char *socket_path, struct err_text *err)
{
    const struct wanted_redis where = {.socket_path = socket_path};
    const struct link_arg args[] = {LINK_TEXT("PING")};
    struct link link = {.redis = NULL};
    redisReply *reply = NULL;
    int result = link_init(&link, &where, &clock_system, err);
    if (result != 0) {
        return result;
    }
    result = link_ensure(&link, err);
    if (result == 0) {
        result = link_call(&link, args, 1, &reply, err);
    }
    freeReplyObject(reply);
    link_close(&link);
    return result == ERR_DENIED ? 0 : result;
}

void doctor_redis(struct doctor *d)
{
    static struct matchd_config config; /* large */
    const struct ctl *ctl = d->ctl;
    char path[PATH_MAX];
    struct err_text err = {""};
    doctor_config_path(d, "matchd.yaml", path);
    if (config_load(path, &matchd_section, &config, &err) != 0) {
        doctor_add(d, "redis", "Redis", false,
                   ctl_say(ctl, "not seen: matchd.yaml says where it is",
                           "无法检查：位置由 matchd.yaml 给出"),
                   err.text);
        return;
    }
    int result = ping(config.redis_socket, &err);
    doctor_add(d, "redis", "Redis", result == 0, result == 0 ? config.redis_socket : err.text,
               ctl_say(ctl, "systemctl status redis-server; matchd goes on with its last list",
                       "systemctl status redis-server；比对程序继续使用现有名单"));
}

/* ---- certificate ---- */

void doctor_certificate_days(struct doctor *d, const char *check, const char *part,
                             const char *path, long long days_min, const char *what_to_do)
{
    const struct ctl *ctl = d->ctl;
    struct tls_cert_facts facts;
    struct err_text err = {""};
    char detail[DOCTOR_TEXT_SIZE];
    if (tls_cert_file_facts(path, &facts, &err) != 0) {
        doctor_add(d, check, part, false, err.text, what_to_do);
        return;
    }
    int64_t left_ms = facts.not_after.ms - clock_wall(&clock_system).ms;
    long long days = (long long)(left_ms / MS_PER_DAY);
    snprintf(detail, sizeof(detail),
             left_ms < 0 ? ctl_say(ctl, "expired, %lld days", "已过期，%lld 天")
                         : ctl_say(ctl, "%lld days left", "剩余 %lld 天"),
             days);
    doctor_add(d, check, part, days >= days_min, detail, what_to_do);
}

void doctor_certificate(struct doctor *d)
{
    static struct uplinkd_config config; /* large */
    const struct ctl *ctl = d->ctl;
    const char *part = ctl_say(ctl, "certificate", "证书");
    struct tls_cert_facts facts;
    struct err_text err = {""};
    char path[PATH_MAX];
    doctor_config_path(d, "uplinkd.yaml", path);
    if (config_load(path, &uplinkd_section, &config, &err) != 0) {
        doctor_add(d, "certificate", part, false,
                   ctl_say(ctl, "not seen: uplinkd.yaml says where it is",
                           "无法检查：位置由 uplinkd.yaml 给出"),
                   err.text);
        return;
    }
    if (tls_cert_file_facts(config.certificate, &facts, &err) != 0) {
        doctor_add(d, "certificate", part, false, err.text,
                   ctl_say(ctl, "enrol the box: checkpoint-uplinkd --enroll",
                           "请办理入网：checkpoint-uplinkd --enroll"));
        return;
    }
    doctor_certificate_days(
        d, "certificate", part, config.certificate, DAYS_LEFT_MIN,
        ctl_say(ctl,
                "it renews itself when headquarters answers: look at the link; once expired "
                "enrol again: checkpoint-uplinkd --enroll",
                "连通总部后自动续期：请检查链路；过期后须重新入网：checkpoint-uplinkd "
                "--enroll"));
}

/* ---- the disk, without checkpointd ---- */

void doctor_disk_here(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    const char *folder = ctl->journal ? ctl->journal : default_journal;
    const char *part = ctl_say(ctl, "disk", "磁盘");
    char detail[DOCTOR_TEXT_SIZE];
    struct statvfs disk;
    if (statvfs(folder, &disk) != 0) {
        snprintf(detail, sizeof(detail), "%.200s: %s", folder, strerror(errno));
        doctor_add(d, "disk", part, false, detail,
                   ctl_say(ctl, "not seen: run doctor as root, or give --journal DIR",
                           "无法检查：请以 root 运行，或给出 --journal 目录"));
        return;
    }
    unsigned long long percent = disk.f_blocks > 0 ? 100ULL * disk.f_bavail / disk.f_blocks : 0;
    snprintf(detail, sizeof(detail),
             ctl_say(ctl, "%llu %% free at %.200s", "剩余 %llu %%（%.200s）"), percent, folder);
    doctor_add(d, "disk", part, percent >= DISK_FREE_MIN_PERCENT, detail,
               ctl_say(ctl, "make room: releases are refused once the journal cannot be written",
                       "请清理空间：日志写满后将拒绝放行"));
}
