/*
 * A capture file parsed as matchd would parse it, with matchd.yaml's ports and cameras: a dry run
 * in this process. No lane, no device and no running matchd hears of it. With a reason, each
 * different plate is also looked up in the wanted list, a search on record like any other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/capture_pcap/capture_pcap.h"
#include "gateway/app/capture_counters.h"
#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/app/matchd/config.h"

enum {
    PLATES_MAX = 1000, /* looked up of one file */
    POLL_MS = 1000,
    COUNTER_ROWS_MAX = CAPTURE_COUNTERS_MAX
};

struct replay {
    struct ctl *ctl;
    struct camera_table *cameras;
    struct receiver *receiver;
    struct capture_source *source;
    plate_key plates[PLATES_MAX];
    size_t plate_count;
    uint64_t plates_beyond; /* different ones that no longer fitted */
    json_t *reads;          /* --json */
    json_t *hits;
};

static struct matchd_config config; /* large */

static int prepare(struct replay *r, const char *file, struct err_text *err)
{
    struct receiver_options options = {0};
    const char *path = r->ctl->config ? r->ctl->config : "/etc/checkpoint/matchd.yaml";
    int result = config_load(path, &matchd_section, &config, err);
    if (result != 0) {
        return result;
    }
    options.port_count = config.port_count;
    options.accept_partial_checksum = config.accept_partial_checksum;
    memcpy(options.ports, config.ports, sizeof(options.ports));
    options.json = config.json;
    result = matchd_cameras_load(&config, &r->cameras, err);
    if (result == 0) {
        result = receiver_create(&options, r->cameras, &r->receiver, err);
    }
    if (result == 0) {
        result = capture_pcap_open_replay(
            &(struct capture_pcap_replay_options){.path = file, .full_speed = true}, &r->source,
            err);
    }
    return result;
}

/* ---- one read ---- */

static const char *authenticity(enum read_authenticity value)
{
    static const char *const names[] = {"none", "tag", "wired", "session"};
    return (size_t)value < sizeof(names) / sizeof(names[0]) ? names[value] : "unknown";
}

static const char *kind_name(enum plate_text_kind kind)
{
    static const char *const names[] = {"plate", "no_plate", "unread", "decode_error"};
    return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

static void remember(struct replay *r, plate_key key)
{
    for (size_t i = 0; i < r->plate_count; i++) {
        if (r->plates[i] == key) {
            return;
        }
    }
    if (r->plate_count < PLATES_MAX) {
        r->plates[r->plate_count++] = key;
    } else {
        r->plates_beyond++;
    }
}

static void show_read(struct replay *r, const struct plate_read *read)
{
    char time[WALL_TEXT_SIZE];
    char local[32];
    char plate[PLATE_TEXT_SIZE] = "";
    wall_format(read->wall, time);
    if (read->kind == PLATE_KEY && plate_decode(read->key, plate) != 0) {
        plate[0] = '\0'; /* made by the decoder: cannot be */
    }
    if (r->ctl->json) {
        json_array_append_new(
            r->reads, json_pack("{s:s,s:i,s:i,s:s,s:s,s:s}", "time", time, "lane", read->lane,
                                "camera", read->camera, "kind", kind_name(read->kind), "plate",
                                plate, "authenticity", authenticity(read->authenticity)));
        return;
    }
    printf("%s  %s %3u  %s %5u  ", ctl_time(time, local), ctl_say(r->ctl, "lane", "车道"),
           read->lane, ctl_say(r->ctl, "camera", "摄像机"), read->camera);
    const char *shown = plate[0] ? plate : ctl_word(r->ctl, kind_name(read->kind));
    size_t columns = text_columns(shown);
    printf("%s%*s  %s\n", shown, columns < 10 ? (int)(10 - columns) : 0, "",
           ctl_word(r->ctl, authenticity(read->authenticity)));
}

static int take_frames(struct replay *r, struct err_text *err)
{
    struct capture_frame frames[CAPTURE_BURST_MAX];
    for (;;) {
        int count = capture_poll(r->source, frames, CAPTURE_BURST_MAX, POLL_MS);
        if (count == ERR_STOPPED) {
            return 0;
        }
        if (count < 0) {
            return err_set(err, count, "%s: cannot be read on", r->ctl->operands[0]);
        }
        for (int i = 0; i < count; i++) {
            struct plate_read read;
            if (receiver_take(r->receiver, frames[i].data, frames[i].size_bytes, frames[i].mono,
                              frames[i].wall, &read)) {
                show_read(r, &read);
                if (read.kind == PLATE_KEY) {
                    remember(r, read.key);
                }
            }
        }
    }
}

/* ---- what was counted ---- */

static int show_counters(struct replay *r)
{
    struct match_counter counters[COUNTER_ROWS_MAX];
    const char *titles[] = {ctl_say(r->ctl, "COUNTED", "计数项"),
                            ctl_say(r->ctl, ">NUMBER", ">数量")};
    struct text_table *table = NULL;
    size_t count = capture_counters_fill(receiver_stats(r->receiver), counters);
    int result = text_table_create(titles, 2, &table);
    for (size_t i = 0; result == 0 && i < count; i++) {
        char number[24];
        snprintf(number, sizeof(number), "%llu", (unsigned long long)counters[i].value);
        const char *cells[] = {counters[i].name, number};
        if (i < 2 || counters[i].value > 0) { /* the totals, and causes that occurred */
            result = text_table_add(table, cells);
        }
    }
    if (result == 0) {
        putchar('\n');
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return result;
}

static json_t *counters_json(const struct replay *r)
{
    struct match_counter counters[COUNTER_ROWS_MAX];
    json_t *object = json_object();
    size_t count = capture_counters_fill(receiver_stats(r->receiver), counters);
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(object, counters[i].name, json_integer((json_int_t)counters[i].value));
    }
    return object;
}

/* ---- looking up ---- */

static int look_up(struct replay *r)
{
    for (size_t i = 0; i < r->plate_count; i++) {
        char plate[PLATE_TEXT_SIZE];
        json_t *result = NULL;
        if (plate_decode(r->plates[i], plate) != 0) {
            continue; /* made by the decoder: cannot be */
        }
        int status = ctl_ask(
            r->ctl, "check",
            json_pack("{s:s,s:s,s:s}", "plate", plate, "reason", "other", "note", r->ctl->reason),
            &result);
        if (status != 0) {
            return status;
        }
        if (json_array_size(json_object_get(result, "hits")) > 0) {
            json_array_append(r->hits, result);
        }
        json_decref(result);
    }
    return EXIT_OK;
}

static void show_hits(const struct replay *r)
{
    printf(ctl_say(r->ctl, "\n%zu different plates looked up, %zu wanted:\n",
                   "\n已查询 %zu 个不同车牌，其中布控 %zu 个：\n"),
           r->plate_count, json_array_size(r->hits));
    for (size_t i = 0; i < json_array_size(r->hits); i++) {
        const json_t *one = json_array_get(r->hits, i);
        const json_t *hit = json_array_get(json_object_get(one, "hits"), 0);
        printf("  %s  %s  %s  %s %lld\n", json_string_value(json_object_get(one, "plate")),
               ctl_word(r->ctl, json_string_value(json_object_get(hit, "match"))),
               ctl_word(r->ctl, json_string_value(json_object_get(hit, "category"))),
               ctl_say(r->ctl, "priority", "级别"),
               (long long)json_integer_value(json_object_get(hit, "priority")));
    }
}

static int finish(struct replay *r)
{
    int status = r->ctl->json || show_counters(r) == 0 ? EXIT_OK : EXIT_RUN;
    if (status == EXIT_OK && r->ctl->reason) {
        status = look_up(r);
    }
    if (status != EXIT_OK) {
        return status;
    }
    if (r->ctl->json) {
        json_t *all = json_pack("{s:b,s:O,s:o,s:O,s:I}", "dry_run", 1, "reads", r->reads,
                                "counters", counters_json(r), "hits", r->hits, "plates_beyond",
                                (json_int_t)r->plates_beyond);
        ctl_print_json(all);
        json_decref(all);
        return EXIT_OK;
    }
    if (r->ctl->reason) {
        show_hits(r);
    }
    if (r->plates_beyond > 0) {
        printf(ctl_say(r->ctl, "Only the first %d different plates were kept.\n",
                       "仅保留前 %d 个不同车牌。\n"),
               PLATES_MAX);
    }
    puts(ctl_say(r->ctl, "\nDry run: no lane was touched, no alert was given.",
                 "\n仅为试运行：未触发任何车道动作或告警。"));
    return EXIT_OK;
}

int ctl_replay(struct ctl *ctl)
{
    static struct replay r; /* large */
    struct err_text err;
    r.ctl = ctl;
    r.reads = json_array();
    r.hits = json_array();
    int status =
        ctl->reason ? ctl_token_load(ctl, true) : 0; /* before the file is read for nothing */
    int result = status == 0 ? prepare(&r, ctl->operands[0], &err) : 0;
    if (result != 0) {
        status = ctl_fail_err(ctl, r.receiver ? EXIT_RUN : EXIT_CONFIG, result, &err);
    } else if (status == 0) {
        result = take_frames(&r, &err);
        status = result == 0 ? finish(&r) : ctl_fail_err(ctl, EXIT_RUN, result, &err);
    }
    capture_close(r.source);
    receiver_destroy(r.receiver);
    camera_table_destroy(r.cameras);
    json_decref(r.reads);
    json_decref(r.hits);
    return status;
}
