/*
 * Sources of matchd.yaml opened by their drivers, and the files it names looked at. Apart from the
 * configuration itself, so that who only reads that needs neither capture drivers nor the list.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "drivers/capture_dpdk/capture_dpdk.h"
#include "drivers/capture_pcap/capture_pcap.h"
#include "gateway/app/matchd/config.h"
#include "gateway/wanted/list.h"

static int open_live(const struct matchd_config *config, const struct source_config *source,
                     struct capture_source **out, struct err_text *err)
{
    struct capture_pcap_live_options options = {.interface = source->interface,
                                                .promiscuous = source->promiscuous};
    for (size_t i = 0; i < config->port_count && i < CAPTURE_PCAP_PORTS_MAX; i++) {
        options.ports[options.port_count++] = config->ports[i].port;
    }
    return capture_pcap_open_live(&options, out, err);
}

static int open_dpdk(const struct source_config *source, uint16_t queue,
                     struct capture_source **out, struct err_text *err)
{
    struct capture_dpdk_options options = {.port = source->port,
                                           .queue = queue,
                                           .queue_count = source->queues,
                                           .descriptors = source->descriptors,
                                           .idle_backoff_us = source->idle_backoff_us};
    for (size_t i = 0; i < source->eal_arg_count; i++) {
        options.eal_args[options.eal_arg_count++] = source->eal_args[i];
    }
    return capture_dpdk_open(&options, out, err);
}

int matchd_source_open(const struct matchd_config *config, const struct source_config *source,
                       uint16_t queue, struct capture_source **out, struct err_text *err)
{
    switch (source->kind) {
    case SOURCE_PCAP:
        return open_live(config, source, out, err);
    case SOURCE_DPDK:
        return open_dpdk(source, queue, out, err);
    case SOURCE_REPLAY:
        return capture_pcap_open_replay(
            &(struct capture_pcap_replay_options){source->file, source->full_speed}, out, err);
    }
    return err_set(err, ERR_INVALID, "unknown kind of source");
}

/* ---- files ---- */

static int check_readable(const char *path, struct err_text *err)
{
    return access(path, R_OK) == 0 ? 0 : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
}

int matchd_files_check(const struct matchd_config *config, struct err_text *err)
{
    struct root_keys roots;
    int result = wanted_roots_load(config->roots, &roots, err);
    if (result == 0 && config->redis_secret[0] != '\0') {
        result = check_readable(config->redis_secret, err);
    }
    for (size_t i = 0; result == 0 && i < config->source_count; i++) {
        if (config->sources[i].kind == SOURCE_REPLAY) {
            result = check_readable(config->sources[i].file, err);
        }
    }
    return result;
}
