/* See spool.h. */
#include "gateway/app/uplinkd/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/service.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"

enum { HELD_MAX = SPOOL_CHAIN_SIZE + 24 };

static const char program[] = "checkpoint-uplinkd";

/* ---- arguments ---- */

static int usage(const char *what)
{
    fprintf(stderr, "%s: %s\nTry '%s --help'.\n", program, what, program);
    return EXIT_USAGE;
}

int uplinkd_spool_args(int *argc, char **argv, struct uplinkd_spool *out)
{
    int kept = 1;
    *out = (struct uplinkd_spool){.folder = NULL};
    for (int i = 1; i < *argc; i++) {
        bool export = strcmp(argv[i], "--spool-export") == 0;
        if (!export && strcmp(argv[i], "--spool-import") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        if (out->folder || i + 1 >= *argc)
            return usage("--spool-export, --spool-import: one of them, with a folder");
        *out = (struct uplinkd_spool){.export = export, .folder = argv[++i]};
    }
    argv[kept] = NULL;
    *argc = kept;
    return -1;
}

/* ---- what both halves use ---- */

static bool go_on(void *ctx)
{
    (void)ctx; /* a signal ends the program: what was written so far is whole */
    return true;
}

const struct uplink_wait spool_wait = {go_on, NULL};

int spool_path(const char *folder, const char *name, char out[SPOOL_PATH_SIZE],
               struct err_text *err)
{
    int size = snprintf(out, SPOOL_PATH_SIZE, "%s/%s", folder, name);
    return size > 0 && size < SPOOL_PATH_SIZE
               ? 0
               : err_set(err, ERR_TOO_LARGE, "%s/%s: path too long", folder, name);
}

int spool_connected(struct box *box, unsigned *out_epoch, struct err_text *err)
{
    const struct records_box *side = box_records(box);
    struct mono_time until = mono_add_ms(clock_mono(&clock_system), SPOOL_WAIT_MS);
    while ((*out_epoch = side->epoch(side->ctx)) == 0) {
        if (!mono_before(clock_mono(&clock_system), until))
            return err_set(err, ERR_TIMEOUT,
                           "checkpointd does not answer: start it and run this again "
                           "(checkpointd 无响应，启动后重试)");
        (void)poll(NULL, 0, BOX_LOOK_MS); /* a pause; a signal only shortens it */
    }
    return 0;
}

/* ---- what headquarters lost ---- */

static int held_path(const struct uplinkd *u, enum spool_stream stream, char out[SPOOL_PATH_SIZE],
                     struct err_text *err)
{
    return spool_path(u->config.state_dir,
                      stream == SPOOL_JOURNAL ? "spool.held" : "spool.held-observe", out, err);
}

int spool_held_load(const struct uplinkd *u, enum spool_stream stream, const char *chain,
                    uint64_t *out_held, struct err_text *err)
{
    char path[SPOOL_PATH_SIZE];
    uint8_t *text = NULL;
    size_t size = 0;
    *out_held = UINT64_MAX;
    int rc = held_path(u, stream, path, err);
    if (rc == 0)
        rc = file_read(path, HELD_MAX, &text, &size, err);
    size_t length = strlen(chain);
    if (rc == 0 && size > length + 1 && memcmp(text, chain, length) == 0 && text[length] == ' ')
        *out_held = strtoull((const char *)text + length + 1, NULL, 10);
    free(text);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

int spool_held_keep(const struct uplinkd *u, enum spool_stream stream, const char *chain,
                    uint64_t held, struct err_text *err)
{
    char path[SPOOL_PATH_SIZE];
    char text[HELD_MAX];
    int size = snprintf(text, sizeof(text), "%s %" PRIu64 "\n", chain, held);
    int rc = held_path(u, stream, path, err);
    if (rc == 0 && held == UINT64_MAX)
        return unlink(path) == 0 || errno == ENOENT
                   ? 0
                   : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return rc == 0 ? file_write_atomic(path, text, (size_t)size, 0600, err) : rc;
}

/* ---- one command ---- */

struct command {
    struct uplinkd *u;
    const struct uplinkd_spool *spool;
};

static int work(struct uplinkd *u, const struct uplinkd_spool *spool, struct err_text *err)
{
    char folder[SPOOL_PATH_SIZE];
    int rc = spool_path(spool->folder, u->config.checkpoint, folder, err);
    if (rc == 0 && spool->export)
        rc = file_make_folder_stick(folder, err);
    if (rc == 0)
        rc = uplinkd_prepare(u, err);
    if (rc == 0)
        rc = uplinkd_start_boxes(u, err);
    if (rc == 0)
        rc = spool->export ? spool_export(u, folder, err) : spool_import(u, folder, err);
    thread_stop(&u->box_thread);
    thread_stop(&u->observe_box_thread);
    thread_join(&u->box_thread);
    thread_join(&u->observe_box_thread);
    return rc;
}

int uplinkd_spool_run(struct uplinkd *u, const struct uplinkd_spool *spool)
{
    struct service service;
    struct err_text err = {{0}};
    uplink_alarms_init(&u->alarms, uplinkd_report, u);
    int rc = service_open(&service, program, &err);
    bool open = rc == 0;
    if (open)
        rc = service_take_state(&service, u->config.state_dir, &err);
    if (rc == 0)
        rc = work(u, spool, &err);
    wanted_store_close(u->store);
    box_destroy(u->observe_box);
    box_destroy(u->box);
    queue_destroy(u->pins);
    uplink_alarms_fini(&u->alarms);
    if (open)
        service_close(&service);
    if (rc == 0)
        return EXIT_OK;
    fprintf(stderr, "%s: %s: %s\n", program,
            spool->export ? "not exported 未导出" : "not all imported 未全部导入",
            err.text[0] ? err.text : err_name(rc));
    return EXIT_RUN;
}
