/*
 * The paired tablets: which there are, and one revoked. Pairing makes keys and stands elsewhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/base/clock.h"

enum { CELL_SIZE = 160, LANES_SIZE = 80 };

static void lanes_text(const json_t *lanes, char out[LANES_SIZE])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(lanes) && used < LANES_SIZE; i++) {
        used += (size_t)snprintf(out + used, LANES_SIZE - used, "%s%lld", i > 0 ? " " : "",
                                 (long long)json_integer_value(json_array_get(lanes, i)));
    }
}

/* "2026-11-26T18:25:00.000Z 037112". */
static void when_by(const json_t *tablet, const char *when, const char *by, char out[CELL_SIZE])
{
    char time[WALL_TEXT_SIZE];
    const char *who = json_string_value(json_object_get(tablet, by));
    wall_format((struct wall_time){json_integer_value(json_object_get(tablet, when))}, time);
    snprintf(out, CELL_SIZE, "%s %s", time, who ? who : "");
}

static int add_row(const struct ctl *ctl, struct text_table *table, const json_t *tablet)
{
    char lanes[LANES_SIZE];
    char paired[CELL_SIZE];
    char state[CELL_SIZE + 32];
    char revoked[CELL_SIZE] = "";
    bool is_revoked = json_is_true(json_object_get(tablet, "revoked"));
    lanes_text(json_object_get(tablet, "lanes"), lanes);
    when_by(tablet, "paired_at_ms", "paired_by", paired);
    if (is_revoked) {
        when_by(tablet, "revoked_at_ms", "revoked_by", revoked);
    }
    snprintf(state, sizeof(state), "%s%s%s",
             is_revoked ? ctl_say(ctl, "revoked", "已吊销") : ctl_say(ctl, "in use", "使用中"),
             is_revoked ? " " : "", revoked);
    const char *fingerprint = json_string_value(json_object_get(tablet, "fingerprint"));
    const char *cells[] = {json_string_value(json_object_get(tablet, "name")), lanes, paired, state,
                           fingerprint ? fingerprint : ""};
    return text_table_add(table, cells);
}

int ctl_tablet_list(struct ctl *ctl)
{
    json_t *result = NULL;
    int status = ctl_ask(ctl, "tablets", NULL, &result);
    if (status != 0) {
        return status;
    }
    if (ctl->json) {
        ctl_print_json(result);
        json_decref(result);
        return EXIT_OK;
    }
    const char *titles[] = {ctl_say(ctl, "TABLET", "平板"), ctl_say(ctl, "LANES", "车道"),
                            ctl_say(ctl, "PAIRED", "配对"), ctl_say(ctl, "STATE", "状态"),
                            ctl_say(ctl, "CERTIFICATE (SHA-256)", "证书（SHA-256）")};
    struct text_table *table = NULL;
    const json_t *tablets = json_object_get(result, "tablets");
    status = text_table_create(titles, 5, &table);
    for (size_t i = 0; status == 0 && i < json_array_size(tablets); i++) {
        status = add_row(ctl, table, json_array_get(tablets, i));
    }
    if (status == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    json_decref(result);
    return status == 0 ? EXIT_OK : ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
}

int ctl_tablet_revoke(struct ctl *ctl)
{
    json_t *result = NULL;
    int status =
        ctl_ask(ctl, "tablet_revoke", json_pack("{s:s}", "name", ctl->operands[0]), &result);
    if (status != 0) {
        return status;
    }
    if (ctl->json) {
        ctl_print_json(result);
    } else {
        printf("%s: %s\n", json_string_value(json_object_get(result, "name")),
               ctl_say(ctl, "revoked, whoever was signed on there is signed off",
                       "已吊销，在该平板上的登录已全部结束"));
    }
    json_decref(result);
    return EXIT_OK;
}
