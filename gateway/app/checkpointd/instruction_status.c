/*
 * How the box is, as headquarters' instruction "status" is answered. Control thread.
 */
#include <stdio.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/app/checkpointd/instructions.h"

enum { ALARMS_TOLD_MAX = 32 };

/* {"lane","boom","contact","blind","holds","list_usable"} of each, as `status` shows them. */
static json_t *lanes_told(const struct checkpointd *c)
{
    static const char *const names[] = {"lane", "boom", "contact", "blind", "list_usable"};
    json_t *lanes = json_array();
    for (size_t n = 0; n < c->config.lane_count; n++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "%u", c->config.lanes[n].lane.lane.lane); /* fits */
        const json_t *lane = json_object_get(c->board.lanes, key);
        json_t *told = json_object();
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            json_t *value = json_object_get(lane, names[i]);
            if (value) {
                json_object_set(told, names[i], value);
            }
        }
        size_t holds = json_array_size(json_object_get(lane, "holds"));
        json_object_set_new(told, "holds", json_integer((json_int_t)holds));
        json_array_append_new(lanes, told);
    }
    return lanes;
}

static json_t *alarms_told(const struct board *board)
{
    json_t *alarms = json_array();
    const char *key;
    json_t *alarm;
    json_object_foreach(board->alarms, key, alarm)
    {
        if (json_array_size(alarms) < ALARMS_TOLD_MAX) {
            json_array_append(alarms, json_object_get(alarm, "alarm"));
        }
    }
    return alarms;
}

json_t *instructions_status(const struct checkpointd *c)
{
    json_t *list = json_object_get(c->board.list, "revision");
    return json_pack("{s:o,s:o,s:b,s:b,s:b,s:O?}", "lanes", lanes_told(c), "alarms",
                     alarms_told(&c->board), "journal_healthy",
                     (int)atomic_load(&c->recorder.healthy), "clock_trusted",
                     (int)atomic_load(&c->clock_trusted), "matchd_connected",
                     (int)atomic_load(&c->matchd_connected), "list_revision", list);
}
