/* See config.h. */
#include "gateway/app/uplinkd/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/tls/pem.h"
#include "gateway/uplink/outbox.h"
#include "gateway/uplink/own_certificate.h"
#include "gateway/wanted/list.h"

#define TOP_ROW(member, key_, kind_, ...)                                                          \
    CONFIG_OPTION(struct uplinkd_config, member, key_, kind_, __VA_ARGS__)

static const struct config_option hq_item = {
    .kind = CONFIG_STRING, .size = UPLINKD_TEXT_SIZE, .min = 1};

static const struct config_option top_rows[] = {
    TOP_ROW(checkpoint, "checkpoint", CONFIG_STRING, .required = true, .min = 1,
            .help = "Id of this checkpoint, as headquarters enrolled it."),
    TOP_ROW(fleet, "fleet", CONFIG_STRING, .required = true, .min = 1,
            .help = "Fleet whose headquarters this is."),
    CONFIG_ARRAY(struct uplinkd_config, hq, hq_count, "hq", .item = &hq_item, .min = 1,
                 .max = UPLINK_SERVERS_MAX, .required = true,
                 .help = "Addresses of hqd, https://host:8442; the next one when one fails."),
    TOP_ROW(est_url, "est_url", CONFIG_STRING, .fallback = "",
            .help = "Where to enrol: https://host:8443/.well-known/est."),
    TOP_ROW(hq_root, "hq_root", CONFIG_PATH, .fallback = "/etc/checkpoint/uplinkd/hq-root.pem",
            .help = "Root of headquarters' server certificates; no other is trusted."),
    TOP_ROW(box_root, "box_root", CONFIG_PATH, .fallback = "/etc/checkpoint/uplinkd/box-root.pem",
            .help = "Root of boxes' certificates; enrolling installs it when it is not there."),
    TOP_ROW(certificate, "certificate", CONFIG_PATH, .fallback = "/etc/checkpoint/uplinkd/box.pem",
            .help = "Our certificate, with chain."),
    TOP_ROW(key, "key", CONFIG_PATH, .fallback = "/etc/checkpoint/uplinkd/box.key.pem",
            .help = "Its private key, mode 0600."),
    TOP_ROW(runtime_dir, "runtime_dir", CONFIG_PATH, .fallback = "/run/checkpoint",
            .help = "Folder of checkpointd's socket 'records'."),
    TOP_ROW(state_dir, "state_dir", CONFIG_PATH, .fallback = "/var/lib/checkpoint/uplinkd",
            .help = "Folder of the verified list and of the inbox's number."),
    TOP_ROW(roots, "roots", CONFIG_PATH, .fallback = "/etc/checkpoint/roots",
            .help = "Folder of the root public keys."),
    TOP_ROW(redis_socket, "redis_socket", CONFIG_PATH,
            .fallback = "/run/checkpoint-redis/redis.sock", .help = "Socket of the local Redis."),
    TOP_ROW(redis_user, "redis_user", CONFIG_STRING, .fallback = "checkpoint-uplinkd",
            .help = "Redis user; empty: no sign-on."),
    TOP_ROW(redis_secret, "redis_secret", CONFIG_STRING, .fallback = "",
            .help = "File with that user's password."),
    TOP_ROW(batch_records, "batch_records", CONFIG_INT, .fallback = "2000", .min = 1,
            .max = OUTBOX_BATCH_RECORDS_MAX,
            .help = "Records of one request at most; it holds 1 MiB at most, and less on a slow "
                    "link."),
    TOP_ROW(compress, "compress", CONFIG_BOOL, .fallback = "true",
            .help = "Sends records as zstd."),
    TOP_ROW(upload_kbit_s, "upload_kbit_s", CONFIG_INT, .fallback = "0", .min = 0, .max = 1000000,
            .help = "Bandwidth of the records, from 16; 0: all there is. Urgent ones, hits among "
                    "them, never wait for it."),
    TOP_ROW(metered_interval_ms, "metered_interval", CONFIG_DURATION, .fallback = "0s", .min = 0,
            .max = 6 * 3600 * 1000,
            .help = "On a metered link: urgent records go up at once, the rest once in so long; "
                    "0s: all at once."),
    TOP_ROW(retry_max_ms, "retry_max", CONFIG_DURATION, .fallback = "30s", .min = 100,
            .max = 600000, .help = "Longest wait between two tries."),
    TOP_ROW(poll_wait_ms, "poll_wait", CONFIG_DURATION, .fallback = "30s", .min = 1000,
            .max = 60000, .help = "How long one question for news is held open."),
};

static int check_url(const char *url, const char *key, const struct config_at *at,
                     struct err_text *err)
{
    size_t size = strlen(url);
    if (strncmp(url, "https://", 8) != 0 || size < 10 || url[size - 1] == '/' ||
        strpbrk(url, " \t\r\n@?#"))
        return config_refuse(at, key, err,
                             "not an address, expected https://host:port without '/' at its end");
    return 0;
}

static int check_top(void *section, const struct config_at *at, struct err_text *err)
{
    const struct uplinkd_config *config = section;
    if (!tls_label_ok(config->checkpoint))
        return config_refuse(at, "checkpoint", err, "not an id, expected 1 to 64 of a-z 0-9 -");
    if (!tls_label_ok(config->fleet))
        return config_refuse(at, "fleet", err, "not a name, expected 1 to 64 of a-z 0-9 -");
    for (size_t i = 0; i < config->hq_count; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "hq[%zu]", i); /* fits */
        int rc = check_url(config->hq[i], key, at, err);
        if (rc != 0)
            return rc;
    }
    if (config->upload_kbit_s != 0 && config->upload_kbit_s < 16)
        return config_refuse(at, "upload_kbit_s", err, "expected 0 or 16 to 1000000");
    return config->est_url[0] ? check_url(config->est_url, "est_url", at, err) : 0;
}

const struct config_section uplinkd_section = {CONFIG_ROWS(top_rows, struct uplinkd_config),
                                               .check = check_top};

static int check_own(const struct uplinkd_config *config, struct wall_time now,
                     struct err_text *err)
{
    const struct own_files files = {.certificate = config->certificate,
                                    .key = config->key,
                                    .box_root = config->box_root,
                                    .checkpoint = config->checkpoint};
    struct wall_time until;
    if (access(config->certificate, F_OK) != 0)
        return 0; /* not enrolled yet: no fault of the configuration */
    return own_certificate_check(&files, now, &until, err);
}

int uplinkd_files_check(const struct uplinkd_config *config, struct wall_time now,
                        struct err_text *err)
{
    struct root_keys roots;
    STACK_OF(X509) *hq_root = NULL;
    int rc = wanted_roots_load(config->roots, &roots, err);
    if (rc == 0)
        rc = tls_file_certificates(config->hq_root, &hq_root, err);
    sk_X509_pop_free(hq_root, X509_free);
    if (rc == 0 && config->redis_secret[0] && access(config->redis_secret, R_OK) != 0)
        rc = err_set(err, ERR_IO, "%s: %s", config->redis_secret, strerror(errno));
    return rc == 0 ? check_own(config, now, err) : rc;
}
