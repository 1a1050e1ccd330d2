/* consoled.yaml: what it says. systemd/config/consoled.yaml is an example. */
#pragma once

#include "gateway/config/config.h"
#include "gateway/console/console.h"

enum { CONSOLED_PATH_SIZE = 192, CONSOLED_HOST_SIZE = 128, CONSOLED_ADDRESS_SIZE = 80 };

enum tablet_certificates { TABLETS_OFF, TABLETS_REQUIRED };

struct consoled_config {
    char listen[CONSOLED_ADDRESS_SIZE];
    char pair_listen[CONSOLED_ADDRESS_SIZE];
    char certificate[CONSOLED_PATH_SIZE];
    char key[CONSOLED_PATH_SIZE];
    char tablets_ca[CONSOLED_PATH_SIZE];
    enum tablet_certificates tablet_certificates;
    char hosts[CONSOLE_HOSTS_MAX][CONSOLED_HOST_SIZE];
    size_t host_count;
    char runtime_dir[CONSOLED_PATH_SIZE];
    char pair_dir[CONSOLED_PATH_SIZE];
    int64_t connections_per_address;
};

extern const struct config_section consoled_section;
