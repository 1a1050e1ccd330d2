/* matchd.yaml: what it says. `checkpoint-matchd --help` names the files; systemd/config/matchd.yaml
 * is an example. */
#pragma once

#include "drivers/api/capture.h"
#include "drivers/wire/receiver.h"
#include "gateway/config/config.h"

enum {
    MATCHD_SOURCES_MAX = 4,
    MATCHD_QUEUES_MAX = 16,    /* of a source */
    MATCHD_CAPTURERS_MAX = 16, /* queues of all sources, a thread each */
    MATCHD_CAMERAS_MAX = CAMERAS_MAX,
    MATCHD_EAL_ARGS_MAX = 16,
    MATCHD_EAL_ARG_SIZE = 256,
    MATCHD_TEXT_SIZE = 200
};

enum source_kind { SOURCE_PCAP, SOURCE_DPDK, SOURCE_REPLAY };

struct source_config {
    enum source_kind kind;
    char interface[32]; /* pcap */
    bool promiscuous;
    char file[MATCHD_TEXT_SIZE]; /* replay */
    bool full_speed;
    char port[64]; /* dpdk: device name */
    char eal_args[MATCHD_EAL_ARGS_MAX][MATCHD_EAL_ARG_SIZE];
    size_t eal_arg_count;
    int idle_backoff_us;
    int descriptors;
    uint16_t queues;
    uint16_t cores[MATCHD_QUEUES_MAX]; /* of its queues' threads */
    size_t core_count;                 /* 0: any core */
};

struct camera_config {
    struct camera_options options; /* filled in by the section's check */
    uint16_t port;
    uint16_t vlans[FRAME_VLANS_MAX];
    size_t vlan_count;
    uint8_t mac[6];
    struct config_ip address;
    char key_file[MATCHD_TEXT_SIZE];
    bool dash_given;
    enum { CAMERA_AUTH_NONE, CAMERA_AUTH_REQUIRED } auth;
};

struct matchd_config {
    char runtime_dir[MATCHD_TEXT_SIZE];
    char state_dir[MATCHD_TEXT_SIZE];
    char roots[MATCHD_TEXT_SIZE];
    char checkpointd_user[33];
    char redis_socket[108];
    char redis_user[64];
    char redis_secret[MATCHD_TEXT_SIZE];
    int64_t list_signed_max_ms; /* 0: for ever */
    bool accept_partial_checksum;
    int64_t error_report_ms;
    struct receiver_port ports[FRAME_PORTS_MAX];
    size_t port_count;
    struct json_fields json;
    struct source_config sources[MATCHD_SOURCES_MAX];
    size_t source_count;
    struct camera_config cameras[MATCHD_CAMERAS_MAX];
    size_t camera_count;
};

extern const struct config_section matchd_section;

/* Reads the cameras' key files and makes the table. ERR_NOT_FOUND, ERR_DENIED (a key others may
 * read), ERR_INVALID; `err` names camera and file. */
int matchd_cameras_load(const struct matchd_config *config, struct camera_table **out,
                        struct err_text *err) MUST_CHECK;
/* What only --check looks at: the program itself starts without these files, alarms and tries
 * again. Root keys, the Redis password, files to replay. Errors name key or path. */
int matchd_files_check(const struct matchd_config *config, struct err_text *err) MUST_CHECK;
/* Opens one queue of a source. Errors of the driver. */
int matchd_source_open(const struct matchd_config *config, const struct source_config *source,
                       uint16_t queue, struct capture_source **out,
                       struct err_text *err) MUST_CHECK;
