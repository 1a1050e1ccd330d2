/* The words of a sign. See messages.h. */
#include "drivers/led_display/messages.h"

const struct message_text display_messages[DISPLAY_MESSAGE_COUNT] = {
    [DISPLAY_WELCOME] = {"welcome", {"减速慢行"}},
    [DISPLAY_PLATE] = {"plate", {NULL}},
    [DISPLAY_PLEASE_WAIT] = {"please_wait", {"请稍候"}},
    [DISPLAY_PLEASE_STOP] = {"please_stop", {"请停车", "接受检查"}},
    [DISPLAY_LANE_CLOSED] = {"lane_closed", {"车道关闭"}}};
