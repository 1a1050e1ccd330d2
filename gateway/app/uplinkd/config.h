/* uplinkd.yaml: what it says. systemd/config/uplinkd.yaml is an example. */
#pragma once

#include "gateway/config/config.h"
#include "gateway/tls/https_client.h"
#include "gateway/uplink/channel.h"

enum { UPLINKD_TEXT_SIZE = 200 };

struct uplinkd_config {
    char checkpoint[TLS_LABEL_SIZE];
    char fleet[TLS_LABEL_SIZE];
    char hq[UPLINK_SERVERS_MAX][UPLINKD_TEXT_SIZE];
    size_t hq_count;
    char est_url[UPLINKD_TEXT_SIZE];
    char hq_root[UPLINKD_TEXT_SIZE];
    char box_root[UPLINKD_TEXT_SIZE];
    char certificate[UPLINKD_TEXT_SIZE];
    char key[UPLINKD_TEXT_SIZE];
    char runtime_dir[UPLINKD_TEXT_SIZE];
    char state_dir[UPLINKD_TEXT_SIZE];
    char roots[UPLINKD_TEXT_SIZE];
    char redis_socket[108];
    char redis_user[64];
    char redis_secret[UPLINKD_TEXT_SIZE];
    int batch_records;
    bool compress;
    int upload_kbit_s;
    int metered_interval_ms;
    int retry_max_ms;
    int poll_wait_ms;
};

extern const struct config_section uplinkd_section;

/* What only --check looks at: the program itself starts without these files, alarms and tries
 * again. Root keys, HQ's root certificate, the Redis password, and our own certificate once it is
 * there. Errors name key or path. */
int uplinkd_files_check(const struct uplinkd_config *config, struct wall_time now,
                        struct err_text *err) MUST_CHECK;
