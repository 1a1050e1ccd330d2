/* See capture_pcap.h. Frames are copied into the source's own burst buffer, because libpcap's are
 * only valid until its next call. */
#include "drivers/capture_pcap/capture_pcap.h"

#include <errno.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/interface.h"

enum {
    LIVE_BUFFER_BYTES = 8 << 20,
    LIVE_TIMEOUT_MS = 1, /* immediate mode does not wait for it */
    REPLAY_GAP_MAX_MS = 60 * 1000,
    FILTER_SIZE = 2048,
    BURST_BYTES = CAPTURE_BURST_MAX * 512, /* a burst of longer frames has fewer */
    FRAME_ALIGN = 64
};

struct pcap_source {
    struct capture_source base;
    pcap_t *pcap;
    uint64_t frames;
    char interface[IFNAMSIZ];   /* live only */
    uint8_t burst[BURST_BYTES]; /* the frames handed out, side by side */
    size_t burst_size;
    /* replay only */
    bool full_speed;
    bool ended;
    bool broken;      /* the file ends in the middle of a packet */
    bool has_pending; /* the burst holds a frame whose time has not come */
    struct capture_frame pending;
    int64_t recorded_ms;  /* of the frame before, -1 = none yet */
    struct mono_time due; /* when the next frame is due */
};

static bool has_room(const struct pcap_source *source)
{
    return source->burst_size + CAPTURE_FRAME_SIZE_MAX <= BURST_BYTES;
}

/* Copies a frame behind those of the burst, which has room for it. */
static void keep(struct pcap_source *source, const struct pcap_pkthdr *header, const uint8_t *data,
                 struct capture_frame *out)
{
    uint32_t size = header->caplen;
    uint8_t *to = source->burst + source->burst_size;
    if (size > CAPTURE_FRAME_SIZE_MAX)
        size = CAPTURE_FRAME_SIZE_MAX;
    memcpy(to, data, size);
    source->burst_size += (size + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
    *out = (struct capture_frame){.data = to, .size_bytes = size, .wire_size_bytes = header->len};
}

struct stamp {
    struct mono_time mono;
    struct wall_time wall;
    int64_t wall_ns;
};

static struct stamp stamp_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct stamp){clock_mono(&clock_system), clock_wall(&clock_system),
                          now.tv_sec * INT64_C(1000000000) + now.tv_nsec};
}

static void put_stamp(struct capture_frame *frame, const struct stamp *now)
{
    frame->mono = now->mono;
    frame->wall = now->wall;
}

/* The kernel's time stamp says how long the frame has waited for us. */
static void put_waited_stamp(struct capture_frame *frame, const struct stamp *now,
                             const struct timeval *at)
{
    enum { WAITED_MAX_MS = 10 * 1000 };
    int64_t waited_ns =
        now->wall_ns - at->tv_sec * INT64_C(1000000000) - at->tv_usec * INT64_C(1000);
    put_stamp(frame, now);
    /* A clock step in between must not move the read by hours. */
    if (waited_ns > 0 && waited_ns < WAITED_MAX_MS * INT64_C(1000000))
        frame->mono.ns -= waited_ns;
}

static void close_pcap(struct capture_source *base)
{
    struct pcap_source *source = (struct pcap_source *)base;
    if (source->pcap)
        pcap_close(source->pcap);
    free(source);
}

/* ---- live ---- */

static int poll_live(struct capture_source *base, struct capture_frame *frames, int max,
                     int timeout_ms)
{
    struct pcap_source *source = (struct pcap_source *)base;
    int count = 0;
    source->burst_size = 0;
    for (;;) {
        struct stamp now = {.wall_ns = 0};
        while (count < max && has_room(source)) {
            struct pcap_pkthdr *header;
            const uint8_t *data;
            int got = pcap_next_ex(source->pcap, &header, &data);
            if (got < 0 && count == 0)
                return ERR_IO;
            if (got <= 0)
                break;
            if (count == 0)
                now = stamp_now();
            keep(source, header, data, &frames[count]);
            put_waited_stamp(&frames[count], &now, &header->ts);
            count++;
        }
        if (count > 0 || timeout_ms == 0)
            break;
        struct pollfd fd = {.fd = pcap_get_selectable_fd(source->pcap), .events = POLLIN};
        int ready = poll(&fd, 1, timeout_ms);
        if (ready < 0 && errno != EINTR)
            return ERR_IO;
        if (ready <= 0)
            return 0;
        timeout_ms = 0;
    }
    source->frames += (uint64_t)count;
    return count;
}

static void stats_live(struct capture_source *base, struct capture_stats *out)
{
    struct pcap_source *source = (struct pcap_source *)base;
    struct pcap_stat totals = {0};
    /* Without the kernel's counters ours still stand. */
    bool known = pcap_stats(source->pcap, &totals) == 0;
    *out = (struct capture_stats){.frames = source->frames,
                                  .missed = known ? totals.ps_drop + totals.ps_ifdrop : 0};
}

static const char *trouble_live(struct capture_source *base)
{
    return interface_trouble(((const struct pcap_source *)base)->interface);
}

static const struct capture_ops live_ops = {"pcap", poll_live, trouble_live, stats_live,
                                            close_pcap};

static int activate(pcap_t *pcap, const struct capture_pcap_live_options *options,
                    struct err_text *err)
{
    int buffer = options->buffer_bytes > 0 ? options->buffer_bytes : LIVE_BUFFER_BYTES;
    if (pcap_set_snaplen(pcap, CAPTURE_FRAME_SIZE_MAX) != 0 ||
        pcap_set_promisc(pcap, options->promiscuous) != 0 ||
        pcap_set_immediate_mode(pcap, 1) != 0 || pcap_set_timeout(pcap, LIVE_TIMEOUT_MS) != 0 ||
        pcap_set_buffer_size(pcap, buffer) != 0)
        return err_set(err, ERR_INVALID, "interface '%s': %s", options->interface,
                       pcap_geterr(pcap));
    int result = pcap_activate(pcap);
    if (result >= 0) /* above 0 is a warning: promiscuous mode not had, … */
        return 0;
    int code = result == PCAP_ERROR_NO_SUCH_DEVICE ? ERR_NOT_FOUND
               : result == PCAP_ERROR_PERM_DENIED || result == PCAP_ERROR_PROMISC_PERM_DENIED
                   ? ERR_DENIED
                   : ERR_IO;
    return err_set(err, code, "interface '%s': %s: %s", options->interface,
                   pcap_statustostr(result), pcap_geterr(pcap));
}

static int check_ethernet(pcap_t *pcap, const char *what, const char *name, struct err_text *err)
{
    if (pcap_datalink(pcap) == DLT_EN10MB)
        return 0;
    const char *link = pcap_datalink_val_to_name(pcap_datalink(pcap));
    return err_set(err, ERR_UNSUPPORTED, "%s '%s': link type %s, expected Ethernet", what, name,
                   link ? link : "unknown");
}

/* A frame in question at one depth of VLAN tags; pcap-filter(7). */
static int one_depth(const struct capture_pcap_live_options *options, char *out, size_t room)
{
    size_t size = (size_t)snprintf(out, room, "(udp and (");
    for (size_t i = 0; i < options->port_count; i++)
        size += (size_t)snprintf(out + size, room - size, "%sdst port %u", i ? " or " : "",
                                 options->ports[i]);
    size += (size_t)snprintf(out + size, room - size,
                             ")) or (ip and ip[6:2] & 0x3fff != 0) or (ip6 and (ip6[6] = 0 or "
                             "ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 51 or ip6[6] = 60))");
    return (int)size; /* 8 ports of 5 digits fit FILTER_SIZE / 4 */
}

static int set_filter(pcap_t *pcap, const struct capture_pcap_live_options *options,
                      struct err_text *err)
{
    char depth[FILTER_SIZE / 4];
    char text[FILTER_SIZE];
    struct bpf_program program;
    if (options->port_count == 0)
        return 0;
    if (options->port_count > CAPTURE_PCAP_PORTS_MAX)
        return err_set(err, ERR_TOO_LARGE, "interface '%s': %zu ports, expected at most %d",
                       options->interface, options->port_count, CAPTURE_PCAP_PORTS_MAX);
    (void)one_depth(options, depth, sizeof depth); /* fits, see there */
    (void)snprintf(text, sizeof text, "%s or (vlan and (%s or (vlan and (%s))))", depth, depth,
                   depth); /* three times a quarter, and a little */
    int result = pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN);
    if (result == 0) {
        result = pcap_setfilter(pcap, &program);
        pcap_freecode(&program);
    }
    return result == 0 ? 0
                       : err_set(err, ERR_IO, "interface '%s': filter: %s", options->interface,
                                 pcap_geterr(pcap));
}

static struct pcap_source *new_source(const struct capture_ops *ops, struct err_text *err)
{
    struct pcap_source *source = calloc(1, sizeof *source);
    if (!source) {
        (void)err_set(err, ERR_NO_MEMORY, "capture: no memory"); /* the caller returns the code */
        return NULL;
    }
    source->base.ops = ops;
    source->recorded_ms = -1;
    return source;
}

int capture_pcap_open_live(const struct capture_pcap_live_options *options,
                           struct capture_source **out, struct err_text *err)
{
    char text[PCAP_ERRBUF_SIZE];
    struct pcap_source *source = new_source(&live_ops, err);
    if (!source)
        return ERR_NO_MEMORY;
    int result = 0;
    (void)snprintf(source->interface, sizeof source->interface, "%s",
                   options->interface); /* a longer name is none: refused below */
    source->pcap = pcap_create(options->interface, text);
    if (!source->pcap)
        result = err_set(err, ERR_IO, "interface '%s': %s", options->interface, text);
    if (result == 0)
        result = activate(source->pcap, options, err);
    if (result == 0)
        result = check_ethernet(source->pcap, "interface", options->interface, err);
    if (result == 0)
        result = set_filter(source->pcap, options, err);
    /* Loopback shows each frame going out and coming in: only the second is a read. */
    if (result == 0 && pcap_setdirection(source->pcap, PCAP_D_IN) != 0)
        result = err_set(err, ERR_IO, "interface '%s': direction: %s", options->interface,
                         pcap_geterr(source->pcap));
    if (result == 0 && pcap_setnonblock(source->pcap, 1, text) != 0)
        result = err_set(err, ERR_IO, "interface '%s': %s", options->interface, text);
    if (result != 0) {
        close_pcap(&source->base);
        return result;
    }
    *out = &source->base;
    return 0;
}

/* ---- replay ---- */

static int64_t stamp_ms(const struct pcap_pkthdr *header)
{
    return (int64_t)header->ts.tv_sec * 1000 + header->ts.tv_usec / 1000;
}

static void set_due(struct pcap_source *source, const struct pcap_pkthdr *header)
{
    int64_t at = stamp_ms(header);
    int64_t gap = source->recorded_ms < 0 ? 0 : at - source->recorded_ms;
    if (gap < 0)
        gap = 0;
    if (gap > REPLAY_GAP_MAX_MS)
        gap = REPLAY_GAP_MAX_MS;
    source->due =
        source->recorded_ms < 0 ? clock_mono(&clock_system) : mono_add_ms(source->due, gap);
    source->recorded_ms = at;
}

/* Reads the next frame of the file behind those of the burst. False at the end. */
static bool next_recorded(struct pcap_source *source, struct capture_frame *out)
{
    struct pcap_pkthdr *header;
    const uint8_t *data;
    int got = source->ended ? PCAP_ERROR_BREAK : pcap_next_ex(source->pcap, &header, &data);
    if (got != 1) {
        source->broken |= got == PCAP_ERROR;
        source->ended = true;
        return false;
    }
    keep(source, header, data, out);
    if (!source->full_speed)
        set_due(source, header);
    return true;
}

static int replay_full_speed(struct pcap_source *source, struct capture_frame *frames, int max)
{
    int count = 0;
    const struct stamp now = stamp_now();
    source->burst_size = 0;
    while (count < max && has_room(source) && next_recorded(source, &frames[count]))
        put_stamp(&frames[count++], &now);
    return count > 0 ? count : ERR_STOPPED;
}

static int replay_recorded(struct pcap_source *source, struct capture_frame *frame, int timeout_ms)
{
    if (!source->has_pending) {
        source->burst_size = 0;
        if (!next_recorded(source, &source->pending))
            return ERR_STOPPED;
        source->has_pending = true;
    }
    struct mono_time now = clock_mono(&clock_system);
    int64_t wait_ns = source->due.ns - now.ns;
    if (wait_ns > timeout_ms * INT64_C(1000000))
        wait_ns = timeout_ms * INT64_C(1000000);
    if (wait_ns > 0) {
        struct timespec pause = {wait_ns / 1000000000, wait_ns % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    if (mono_before(clock_mono(&clock_system), source->due))
        return 0;
    const struct stamp stamp = stamp_now();
    *frame = source->pending;
    put_stamp(frame, &stamp);
    source->has_pending = false;
    return 1;
}

static int poll_replay(struct capture_source *base, struct capture_frame *frames, int max,
                       int timeout_ms)
{
    struct pcap_source *source = (struct pcap_source *)base;
    int count = source->full_speed ? replay_full_speed(source, frames, max)
                                   : replay_recorded(source, frames, timeout_ms);
    if (count > 0)
        source->frames += (uint64_t)count;
    return count;
}

static void stats_replay(struct capture_source *base, struct capture_stats *out)
{
    struct pcap_source *source = (struct pcap_source *)base;
    *out = (struct capture_stats){.frames = source->frames, .errors = source->broken ? 1 : 0};
}

static const struct capture_ops replay_ops = {"replay", poll_replay, NULL, stats_replay,
                                              close_pcap};

int capture_pcap_open_replay(const struct capture_pcap_replay_options *options,
                             struct capture_source **out, struct err_text *err)
{
    char text[PCAP_ERRBUF_SIZE];
    if (access(options->path, R_OK) != 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "replay '%s': %s",
                       options->path, strerror(errno));
    struct pcap_source *source = new_source(&replay_ops, err);
    if (!source)
        return ERR_NO_MEMORY;
    source->full_speed = options->full_speed;
    source->pcap = pcap_open_offline(options->path, text);
    int result = source->pcap ? check_ethernet(source->pcap, "replay", options->path, err)
                              : err_set(err, ERR_INVALID, "replay '%s': %s", options->path, text);
    if (result != 0) {
        close_pcap(&source->base);
        return result;
    }
    *out = &source->base;
    return 0;
}
