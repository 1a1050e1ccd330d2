/* See sign.h. */
#include "gateway/pipeline/sign.h"

static bool lit(const struct lane_status *status, enum lane_output lamp)
{
    return (status->lights & OUTPUT_BIT(lamp)) != 0;
}

/* Where everybody drives through: the light alone. */
static enum display_message say_open(const struct lane_status *status)
{
    return lit(status, OUTPUT_RED) ? DISPLAY_PLEASE_STOP : DISPLAY_WELCOME;
}

/* Where everybody stops: who is at the boom waits until he was read, then opens or stops. */
static enum display_message say_closed(const struct lane_status *status,
                                       const struct sign_vehicle *first, uint64_t stopped)
{
    bool told = stopped != 0 && status->vehicles[0] == stopped;
    if (lit(status, OUTPUT_GREEN))
        return first->let_through && first->plate != 0 && !told ? DISPLAY_PLATE : DISPLAY_WELCOME;
    if (status->hold_count > 0 || status->inspection_due || status->stopped)
        return DISPLAY_PLEASE_STOP;
    if (status->vehicles[0] == 0 || (first->let_through && !told))
        return DISPLAY_PLEASE_WAIT;
    return DISPLAY_PLEASE_STOP;
}

void sign_decide(const struct lane_config *config, const struct lane_status *status,
                 const struct sign_vehicle *first, struct sign *sign)
{
    bool through = config->mode == LANE_NORMALLY_OPEN || status->convoy_until.ns != 0;
    if (status->out_of_service)
        sign->message = DISPLAY_LANE_CLOSED;
    else if (status->fire_raise)
        sign->message = DISPLAY_WELCOME;
    else if (through)
        sign->message = say_open(status);
    else if (status->at_boom == 0 && status->hold_count == 0)
        sign->message = DISPLAY_WELCOME;
    else
        sign->message = say_closed(status, first, sign->stopped);
    sign->plate = sign->message == DISPLAY_PLATE ? first->plate : 0;
    if (sign->message == DISPLAY_PLEASE_STOP && status->at_boom > 0)
        sign->stopped = status->vehicles[0];
}
