/* See config.h. */
#include "gateway/app/matchd/config.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/encode.h"
#include "gateway/base/file.h"

enum { KEY_FILE_MAX_BYTES = 256, CORE_MAX = 1023 };

/* ---- ports ---- */

static const struct config_name format_names[] = {
    {"compact", WIRE_COMPACT}, {"json", WIRE_JSON}, {NULL, 0}};

static const struct config_option port_rows[] = {
    CONFIG_OPTION(struct receiver_port, port, "port", CONFIG_INT, .required = true, .min = 1,
                  .max = 65535, .help = "UDP destination port."),
    CONFIG_OPTION(struct receiver_port, format, "format", CONFIG_ENUM, .names = format_names,
                  .fallback = "compact", .help = "What it carries.")};
static const struct config_section port_section = {CONFIG_ROWS(port_rows, struct receiver_port),
                                                   .unique = "port"};

/* ---- names of the json format ---- */

#define TEXT_OF_(number) #number
#define TEXT_OF(number) TEXT_OF_(number)
#define JSON_ROW(field, key_, least, name_, help_)                                                 \
    CONFIG_OPTION(struct json_fields, name[field], key_, CONFIG_STRING, .min = (least),            \
                  .fallback = (name_), .help = (help_))

static const struct config_option json_rows[] = {
    JSON_ROW(JSON_FIELD_CAMERA, "camera", 1, JSON_NAME_CAMERA, "Device id or camera number."),
    JSON_ROW(JSON_FIELD_LANE, "lane", 0, JSON_NAME_LANE, "Lane; empty: none is sent."),
    JSON_ROW(JSON_FIELD_PLATE, "plate", 1, JSON_NAME_PLATE, "The plate."),
    JSON_ROW(JSON_FIELD_HAS_PLATE, "has_plate", 0, JSON_NAME_HAS_PLATE, "0: no plate."),
    JSON_ROW(JSON_FIELD_CLASS, "class", 0, JSON_NAME_CLASS, "Plate class of GA/T 16.7."),
    JSON_ROW(JSON_FIELD_COLOUR, "colour", 0, JSON_NAME_COLOUR, "Plate colour of GA/T 1400."),
    JSON_ROW(JSON_FIELD_TIME, "time", 0, JSON_NAME_TIME, "Time of passage."),
    JSON_ROW(JSON_FIELD_SPEED, "speed", 0, JSON_NAME_SPEED, "Speed in km/h."),
    JSON_ROW(JSON_FIELD_DIRECTION, "direction", 0, JSON_NAME_DIRECTION, "Direction of GA/T 1400."),
    JSON_ROW(JSON_FIELD_CONFIDENCE, "confidence", 0, JSON_NAME_CONFIDENCE, "0 to 100."),
    JSON_ROW(JSON_FIELD_CHAR_SCORES, "scores", 0, JSON_NAME_CHAR_SCORES,
             "Confidence of each character."),
    JSON_ROW(JSON_FIELD_EVENT, "event", 0, JSON_NAME_EVENT, "The camera's own event id."),
    CONFIG_OPTION(struct json_fields, utc_offset_minutes, "utc_offset_minutes", CONFIG_INT,
                  .min = -720, .max = 840, .fallback = TEXT_OF(JSON_UTC_OFFSET_MINUTES),
                  .help = "Of times without a zone.")};
static const struct config_section json_section = {CONFIG_ROWS(json_rows, struct json_fields)};

/* ---- sources ---- */

static const struct config_name source_kinds[] = {
    {"pcap", SOURCE_PCAP}, {"dpdk", SOURCE_DPDK}, {"replay", SOURCE_REPLAY}, {NULL, 0}};
static const struct config_option eal_item = {
    .kind = CONFIG_STRING, .size = sizeof(((struct source_config *)0)->eal_args[0]), .min = 1};

static const struct config_option core_item = {
    .kind = CONFIG_INT, .size = sizeof(uint16_t), .max = CORE_MAX};

static const struct config_option source_rows[] = {
    CONFIG_OPTION(struct source_config, kind, "kind", CONFIG_ENUM, .names = source_kinds,
                  .required = true, .help = "Live interface, DPDK port, or a capture file."),
    CONFIG_OPTION(struct source_config, interface, "interface", CONFIG_STRING, .fallback = "",
                  .max = IFNAMSIZ - 1, .help = "pcap: the camera network's interface."),
    CONFIG_OPTION(struct source_config, promiscuous, "promiscuous", CONFIG_BOOL,
                  .fallback = "false", .help = "pcap: only for a mirror port."),
    CONFIG_OPTION(struct source_config, file, "file", CONFIG_STRING, .fallback = "",
                  .help = "replay: a pcap or pcapng file."),
    CONFIG_OPTION(struct source_config, full_speed, "full_speed", CONFIG_BOOL, .fallback = "false",
                  .help = "replay: not at the recorded pace."),
    CONFIG_OPTION(struct source_config, port, "device", CONFIG_STRING, .fallback = "",
                  .help = "dpdk: port or virtual device, the first when empty."),
    CONFIG_ARRAY(struct source_config, eal_args, eal_arg_count, "eal_args", .item = &eal_item,
                 .max = MATCHD_EAL_ARGS_MAX, .help = "dpdk: arguments of its environment."),
    CONFIG_OPTION(struct source_config, idle_backoff_us, "idle_backoff_us", CONFIG_INT, .min = 1,
                  .max = 10000, .unit = "us",
                  .help = "dpdk: longest sleep between empty polls; not given: half of what the "
                          "ring takes at the line's rate."),
    CONFIG_OPTION(struct source_config, descriptors, "descriptors", CONFIG_INT, .min = 64,
                  .max = 32768, .help = "dpdk: frames a queue's ring holds; not given: 4096."),
    CONFIG_OPTION(struct source_config, queues, "queues", CONFIG_INT, .fallback = "1", .min = 1,
                  .max = MATCHD_QUEUES_MAX, .help = "dpdk: receive queues, a thread each."),
    CONFIG_ARRAY(struct source_config, cores, core_count, "cores", .item = &core_item,
                 .max = MATCHD_QUEUES_MAX,
                 .help = "Processor cores of those threads, one each; none: any.")};

static int check_source(void *section, const struct config_at *at, struct err_text *err)
{
    const struct source_config *source = section;
    if (source->kind == SOURCE_PCAP && source->interface[0] == '\0') {
        return config_refuse(at, "interface", err,
                             "missing, expected the interface of a pcap "
                             "source");
    }
    if (source->kind == SOURCE_REPLAY && source->file[0] == '\0') {
        return config_refuse(at, "file", err, "missing, expected the file of a replay source");
    }
    if (source->kind != SOURCE_DPDK && source->queues > 1) {
        return config_refuse(at, "queues", err, "only a dpdk source has more than one");
    }
    if (source->core_count > 0 && source->core_count != source->queues) {
        return config_refuse(at, "cores", err, "%zu of them, expected %u, one a queue",
                             source->core_count, source->queues);
    }
    return 0;
}

static const struct config_section source_section = {CONFIG_ROWS(source_rows, struct source_config),
                                                     .check = check_source};

/* ---- cameras ---- */

static const struct config_name auth_names[] = {
    {"none", CAMERA_AUTH_NONE}, {"required", CAMERA_AUTH_REQUIRED}, {NULL, 0}};
static const struct config_name dash_names[] = {
    {"auto", PLATE_DASH_AUTO}, {"unread", PLATE_DASH_IS_UNREAD}, {NULL, 0}};
static const struct config_option vlan_item = {
    .kind = CONFIG_INT, .size = sizeof(uint16_t), .min = 1, .max = 4094};

static const struct config_option camera_rows[] = {
    CONFIG_OPTION(struct camera_config, options.id, "id", CONFIG_INT, .required = true, .min = 1,
                  .max = 65535, .help = "Camera id in its datagrams."),
    CONFIG_OPTION(struct camera_config, options.lane, "lane", CONFIG_INT, .required = true,
                  .min = 1, .max = 255, .help = "The lane it looks at."),
    CONFIG_OPTION(struct camera_config, options.format, "format", CONFIG_ENUM,
                  .names = format_names, .fallback = "compact", .help = "What it speaks."),
    CONFIG_OPTION(struct camera_config, port, "port", CONFIG_INT, .fallback = "9840", .min = 1,
                  .max = 65535, .help = "UDP port it sends to."),
    CONFIG_ARRAY(struct camera_config, vlans, vlan_count, "vlans", .item = &vlan_item,
                 .max = FRAME_VLANS_MAX,
                 .help = "VLAN tags it must carry, outer first; none: untagged frames alone."),
    CONFIG_OPTION(struct camera_config, mac, "mac", CONFIG_MAC,
                  CONFIG_SEEN(struct camera_config, options.binding.mac_bound),
                  .help = "MAC it must come from; left out only where a router stands between."),
    CONFIG_OPTION(struct camera_config, address, "address", CONFIG_IP, .required = true,
                  .help = "IP address it must come from."),
    CONFIG_OPTION(struct camera_config, key_file, "key_file", CONFIG_STRING, .fallback = "",
                  .help = "File with its tag key, 32 hex digits, readable by us alone."),
    CONFIG_OPTION(struct camera_config, auth, "auth", CONFIG_ENUM, .names = auth_names,
                  .fallback = "none", .help = "required: untagged reads are refused."),
    CONFIG_OPTION(struct camera_config, options.device_id, "device_id", CONFIG_STRING,
                  .fallback = "", .help = "json: the camera's own name."),
    CONFIG_OPTION(struct camera_config, options.dash, "dash", CONFIG_ENUM, .names = dash_names,
                  CONFIG_SEEN(struct camera_config, dash_given), .fallback = "auto",
                  .help = "What a '-' of it means; json without this: unread.")};

static int check_camera(void *section, const struct config_at *at, struct err_text *err)
{
    struct camera_config *camera = section;
    struct camera_binding *binding = &camera->options.binding;
    binding->port = camera->port;
    binding->vlan_count = (uint8_t)camera->vlan_count;
    memcpy(binding->vlans, camera->vlans, sizeof(binding->vlans));
    memcpy(binding->mac, camera->mac, sizeof(binding->mac));
    binding->family = camera->address.family;
    memcpy(binding->address, camera->address.bytes, sizeof(binding->address));
    if (camera->options.format == WIRE_JSON && !camera->dash_given) {
        camera->options.dash = PLATE_DASH_IS_UNREAD; /* GA/T 1400 */
    }
    camera->options.auth_required = camera->auth == CAMERA_AUTH_REQUIRED;
    if (camera->options.format == WIRE_JSON && camera->key_file[0] != '\0') {
        return config_refuse(at, "key_file", err, "json datagrams carry no tag, expected none");
    }
    if (binding->mac_bound && (camera->mac[0] & 1)) {
        return config_refuse(at, "mac", err, "a group address, which no camera sends from");
    }
    if (camera->auth == CAMERA_AUTH_REQUIRED && camera->key_file[0] == '\0') {
        return config_refuse(at, "key_file", err, "missing, expected one with auth 'required'");
    }
    return 0;
}

static const struct config_section camera_section = {CONFIG_ROWS(camera_rows, struct camera_config),
                                                     .unique = "id", .check = check_camera};

/* ---- the whole ---- */

#define TOP_ROW(member, key_, kind_, ...)                                                          \
    CONFIG_OPTION(struct matchd_config, member, key_, kind_, __VA_ARGS__)

static const struct config_option top_rows[] = {
    TOP_ROW(runtime_dir, "runtime_dir", CONFIG_PATH, .fallback = "/run/checkpoint",
            .help = "Folder of the local sockets."),
    TOP_ROW(state_dir, "state_dir", CONFIG_PATH, .fallback = "/var/lib/checkpoint/matchd",
            .help = "Folder of the last-good list and the cameras' counters."),
    TOP_ROW(roots, "roots", CONFIG_PATH, .fallback = "/etc/checkpoint/roots",
            .help = "Folder of the root public keys."),
    TOP_ROW(checkpointd_user, "checkpointd_user", CONFIG_STRING, .fallback = "checkpointd",
            .help = "User who may send reads."),
    TOP_ROW(redis_socket, "redis_socket", CONFIG_PATH,
            .fallback = "/run/checkpoint-redis/redis.sock", .help = "Socket of the local Redis."),
    TOP_ROW(redis_user, "redis_user", CONFIG_STRING, .fallback = "checkpoint-matchd",
            .help = "Redis user; empty: no sign-on."),
    TOP_ROW(redis_secret, "redis_secret", CONFIG_STRING, .fallback = "",
            .help = "File with that user's password."),
    TOP_ROW(list_signed_max_ms, "list_signed_max", CONFIG_DURATION, .fallback = "24h", .min = 0,
            .max = INT64_C(366) * 24 * 3600 * 1000,
            .help = "How old the newest batch of a clerk may be before the lanes are told: a "
                    "server in foreign hands can hold news back; 0s: any age."),
    TOP_ROW(accept_partial_checksum, "accept_partial_checksum", CONFIG_BOOL, .fallback = "false",
            .help = "Take checksums a sender on this machine left to its card (lo, veth, tap)."),
    TOP_ROW(error_report_ms, "error_report", CONFIG_DURATION, .min = 1000, .max = 3600000,
            .fallback = "60s",
            .help = "How long refused datagrams are counted for one record a camera and cause."),
    CONFIG_ARRAY(struct matchd_config, ports, port_count, "ports", .section = &port_section,
                 .min = 1, .max = FRAME_PORTS_MAX, .required = true,
                 .help = "UDP ports and their formats."),
    TOP_ROW(json, "json", CONFIG_SECTION, .section = &json_section,
            .help = "Field names of json datagrams, those of GA/T 1400 by default."),
    CONFIG_ARRAY(struct matchd_config, sources, source_count, "sources", .section = &source_section,
                 .max = MATCHD_SOURCES_MAX, .help = "Where frames come from."),
    CONFIG_ARRAY(struct matchd_config, cameras, camera_count, "cameras", .section = &camera_section,
                 .max = MATCHD_CAMERAS_MAX,
                 .help = "The cameras of the network; those on serial and Modbus lines stand in "
                         "checkpointd.yaml.")};

/* A camera nobody listens for would be silent for ever. */
static int check_camera_port(const struct matchd_config *config, size_t i,
                             const struct config_at *at, struct err_text *err)
{
    const struct camera_config *camera = &config->cameras[i];
    char key[CONFIG_PATH_TEXT_SIZE];
    for (size_t p = 0; p < config->port_count; p++) {
        if (config->ports[p].port != camera->port) {
            continue;
        }
        snprintf(key, sizeof(key), "cameras[%zu].format", i);
        return config->ports[p].format == camera->options.format
                   ? 0
                   : config_refuse(at, key, err, "port %d carries another, expected '%s'",
                                   camera->port, format_names[config->ports[p].format].name);
    }
    snprintf(key, sizeof(key), "cameras[%zu].port", i);
    return config_refuse(at, key, err, "nobody listens there, expected one of 'ports'");
}

static bool same_eal_args(const struct source_config *a, const struct source_config *b)
{
    bool same = a->eal_arg_count == b->eal_arg_count;
    for (size_t i = 0; same && i < a->eal_arg_count; i++) {
        same = strcmp(a->eal_args[i], b->eal_args[i]) == 0;
    }
    return same;
}

static bool share_core(const struct source_config *a, const struct source_config *b)
{
    for (size_t i = 0; i < a->core_count; i++) {
        for (size_t k = 0; k < b->core_count; k++) {
            if (a->cores[i] == b->cores[k]) {
                return true;
            }
        }
    }
    return false;
}

static int check_queues(const struct matchd_config *config, const struct config_at *at,
                        struct err_text *err)
{
    size_t queues = 0;
    for (size_t i = 0; i < config->source_count; i++) {
        queues += config->sources[i].queues;
    }
    return queues <= MATCHD_CAPTURERS_MAX
               ? 0
               : config_refuse(at, "sources", err, "%zu queues in all, expected at most %d", queues,
                               MATCHD_CAPTURERS_MAX);
}

static int check_two_sources(const struct matchd_config *config, size_t first, size_t second,
                             const struct config_at *at, struct err_text *err)
{
    const struct source_config *a = &config->sources[first];
    const struct source_config *b = &config->sources[second];
    char key[CONFIG_PATH_TEXT_SIZE];
    if (share_core(a, b)) {
        snprintf(key, sizeof(key), "sources[%zu].cores", second);
        return config_refuse(at, key, err, "one of them is given to sources[%zu] already", first);
    }
    if (a->kind != b->kind) {
        return 0;
    }
    if (a->kind == SOURCE_PCAP && strcmp(a->interface, b->interface) == 0) {
        snprintf(key, sizeof(key), "sources[%zu].interface", second);
        return config_refuse(at, key, err,
                             "already given to sources[%zu]: every read would come "
                             "twice",
                             first);
    }
    if (a->kind == SOURCE_DPDK && !same_eal_args(a, b)) {
        snprintf(key, sizeof(key), "sources[%zu].eal_args", second);
        return config_refuse(at, key, err,
                             "there is one environment, expected those of "
                             "sources[%zu]",
                             first);
    }
    if (a->kind == SOURCE_DPDK && strcmp(a->port, b->port) == 0) {
        snprintf(key, sizeof(key), "sources[%zu].device", second);
        return config_refuse(at, key, err, "already given to sources[%zu], expected another",
                             first);
    }
    return 0;
}

static int check_whole(void *section, const struct config_at *at, struct err_text *err)
{
    const struct matchd_config *config = section;
    int result = check_queues(config, at, err);
    for (size_t i = 0; result == 0 && i < config->camera_count; i++) {
        result = check_camera_port(config, i, at, err);
    }
    for (size_t i = 1; result == 0 && i < config->source_count; i++) {
        for (size_t k = 0; result == 0 && k < i; k++) {
            result = check_two_sources(config, k, i, at, err);
        }
    }
    return result;
}

const struct config_section matchd_section = {CONFIG_ROWS(top_rows, struct matchd_config),
                                              .check = check_whole};

/* ---- keys ---- */

static int load_key(const char *path, uint8_t out[SIPHASH_KEY_SIZE], struct err_text *err)
{
    struct stat info;
    uint8_t *text = NULL;
    size_t size = 0;
    if (stat(path, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO) & ~(mode_t)S_IRGRP) != 0) {
        return err_set(err, ERR_DENIED, "%s: others may read it, expected mode 0600 or 0640", path);
    }
    int result = file_read(path, KEY_FILE_MAX_BYTES, &text, &size, err);
    if (result != 0) {
        return result;
    }
    text[strcspn((const char *)text, "\r\n")] = '\0'; /* file_read put a NUL behind */
    if (hex_decode((const char *)text, out, SIPHASH_KEY_SIZE) != 0) {
        result = err_set(err, ERR_INVALID, "%s: no key, expected 32 hex digits", path);
    }
    explicit_bzero(text, size);
    free(text);
    return result;
}

int matchd_cameras_load(const struct matchd_config *config, struct camera_table **out,
                        struct err_text *err)
{
    struct camera_options *cameras = calloc(config->camera_count + 1, sizeof(*cameras));
    int result = cameras ? 0 : err_set(err, ERR_NO_MEMORY, "cameras: no memory");
    for (size_t i = 0; result == 0 && i < config->camera_count; i++) {
        cameras[i] = config->cameras[i].options;
        if (config->cameras[i].key_file[0] != '\0') {
            cameras[i].has_key = true;
            result = load_key(config->cameras[i].key_file, cameras[i].key, err);
        }
        if (result != 0) {
            result = err_prefix(err, result, "cameras[%zu].key_file", i);
        }
    }
    if (result == 0) {
        result = camera_table_create(cameras, config->camera_count, out, err);
    }
    if (cameras) {
        explicit_bzero(cameras, config->camera_count * sizeof(*cameras));
    }
    free(cameras);
    return result;
}
