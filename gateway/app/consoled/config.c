/* The options of consoled.yaml; see config.h. */
#include "gateway/app/consoled/config.h"

static const struct config_name tablet_names[] = {
    {"required", TABLETS_REQUIRED}, {"none", TABLETS_OFF}, {NULL, 0}};

static const struct config_option host_item = {
    .kind = CONFIG_STRING, .size = CONSOLED_HOST_SIZE, .min = 1, .max = CONSOLED_HOST_SIZE - 1};

#define ROW(member, kind_, ...)                                                                    \
    CONFIG_OPTION(struct consoled_config, member, #member, kind_, __VA_ARGS__)

static const struct config_option options[] = {
    ROW(listen, CONFIG_STRING, .min = 3, .fallback = "0.0.0.0:8443",
        .help = "Address and port of the console; port 0 takes a free one."),
    ROW(pair_listen, CONFIG_STRING, .fallback = "0.0.0.0:8444",
        .help = "Address and port where a tablet fetches its certificate; \"\" for none."),
    ROW(certificate, CONFIG_PATH, .fallback = "/etc/checkpoint/console/server.pem",
        .help = "Server certificate with its chain."),
    ROW(key, CONFIG_PATH, .fallback = "/etc/checkpoint/console/server.key.pem",
        .help = "Its private key, mode 0600."),
    ROW(tablets_ca, CONFIG_PATH, .fallback = "/etc/checkpoint/console/ca.pem",
        .help = "CA that vouches for the tablets' certificates."),
    ROW(tablet_certificates, CONFIG_ENUM, .names = tablet_names, .fallback = "required",
        .help = "required: only paired tablets; none: any browser, officers still sign on."),
    CONFIG_ARRAY(struct consoled_config, hosts, host_count, "hosts", .item = &host_item,
                 .required = true, .min = 1, .max = CONSOLE_HOSTS_MAX,
                 .help = "Names and addresses by which tablets call this box, without port; "
                         "requests for others are refused."),
    ROW(runtime_dir, CONFIG_PATH, .fallback = "/run/checkpoint",
        .help = "Folder of checkpointd's sockets, and of consoled.port, consoled-pair.port."),
    ROW(pair_dir, CONFIG_PATH, .fallback = "/run/checkpoint/pair",
        .help = "Folder where 'checkpointctl tablet pair' lays what a tablet fetches."),
    ROW(connections_per_address, CONFIG_INT, .fallback = "64", .min = 4, .max = 512,
        .help = "Connections of one address at a time."),
};
const struct config_section consoled_section = {CONFIG_ROWS(options, struct consoled_config)};
