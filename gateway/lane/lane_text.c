/*
 * Names and texts of the lane's enumerations, for configuration, journal, JSON and cards. No state.
 */
#include <stddef.h>

#include "gateway/lane/lane.h"
#include "gateway/model/glossary.h"

#define NAME_AT(table, index)                                                                      \
    ((size_t)(index) < sizeof(table) / sizeof((table)[0]) ? (table)[index] : NULL)

static const char *const mode_names[] = {"normally_closed", "normally_open", "check_point"};
static const char *const record_names[LANE_RECORD_COUNT] = {
    "hold_waiting", "hold_active",    "hold_dropped",
    "hold_release", "hold_withdraw",  "hold_ended",
    "raise",        "lower",          "act",
    "refused",      "boom",           "obstacle",
    "order_lost",   "order_known",    "foreign_motion",
    "run_through",  "left",           "hold_joined",
    "hold_kept",    "convoy",         "convoy_ended",
    "convoy_hit",   "out_of_service", "in_service",
    "inspected",    "fire_raise",     "mains_lost",
    "mains_back",   "emergency_stop", "stop_reset",
    "retrigger",    "lower_by_hand",  "lower_ended"};
static const char *const class_names[] = {"protective", "releasing", "routine"};
static const char *const cause_names[] = {"state",   "cleared", "officer", "emergency",
                                          "foreign", "safety",  "lower",   "convoy",
                                          "fire",    "test",    "hand"};
static const char *const act_names[LANE_ACT_COUNT] = {
    "hold",       "release",    "raise",     "emergency_raise", "stop",
    "ack",        "inspected",  "convoy",    "convoy_end",      "out_of_service",
    "in_service", "test_raise", "test_stop", "test_lower",      "lower"};
static const char *const boom_names[BOOM_STATE_COUNT] = {
    "none",    "unknown", "open",          "closed",         "raising", "lowering",
    "stopped", "fault",   "local_control", "emergency_stop", "broken"};

static const struct {
    const char *name;
    const char *en;
    const char *zh;
} refusals[LANE_REFUSAL_COUNT] = {
    [LANE_REFUSAL_NONE] = {"none", "", ""},
    [LANE_REFUSAL_HELD] = {"held", "a hold is active: release it first", "有拦截未解除，请先解除"},
    [LANE_REFUSAL_NO_SUCH_HOLD] = {"no_such_hold", "no such hold", "没有该拦截"},
    [LANE_REFUSAL_NOT_NAMED] = {"not_named", "a named officer and a reason are needed",
                                "需要实名民警并填写理由"},
    [LANE_REFUSAL_SECOND_PERSON] = {"second_person", "priority 1 needs a second officer",
                                    "一级布控需第二名民警确认"},
    [LANE_REFUSAL_LEADER] = {"second_person", "priority 1 needs a leader as one of the two",
                             "一级布控须由带班领导作为第二人"},
    [LANE_REFUSAL_JOURNAL] = {"journal", "the journal cannot record it now", "日志当前无法写入"},
    [LANE_REFUSAL_BUSY] = {"busy", "other acts still wait for the journal", "其他操作尚未记录完成"},
    [LANE_REFUSAL_LOCAL_CONTROL] = {"local_control", "the barrier is under local control",
                                    "栏杆处于本地控制"},
    [LANE_REFUSAL_EMERGENCY_STOP] = {"emergency_stop", "the emergency stop is pressed",
                                     "急停已按下"},
    [LANE_REFUSAL_FAULT] = {"fault", "the barrier reports a fault: only emergency raise works",
                            "栏杆故障，仅可紧急抬杆"},
    [LANE_REFUSAL_NO_CONTACT] = {"no_contact", "the lane's devices do not answer",
                                 "车道设备无响应"},
    [LANE_REFUSAL_NO_BOOM] = {"no_boom", "the lane has no boom, or it is broken",
                              "车道无栏杆或栏杆断裂"},
    [LANE_REFUSAL_NOT_CLEAR] = {"not_clear", "the way under the boom is not known to be clear",
                                "无法确认栏杆下方净空"},
    [LANE_REFUSAL_NO_INSPECTION] = {"no_inspection", "no such vehicle waits for an inspection",
                                    "没有待检查的该车辆"},
    [LANE_REFUSAL_CONVOY_TIME] = {"convoy_time", "a convoy lasts at most two hours",
                                  "车队放行须注明时长，最长两小时"},
    [LANE_REFUSAL_NO_CONVOY] = {"no_convoy", "there is no convoy to end", "当前没有车队放行"},
    [LANE_REFUSAL_OUT_OF_SERVICE] = {"out_of_service", "the lane is out of service", "车道已停用"},
    [LANE_REFUSAL_IN_SERVICE] = {"in_service", "take the lane out of service first",
                                 "请先停用车道"},
    [LANE_REFUSAL_FIRE] = {"fire_raise", "acknowledge the fire raise first", "请先确认消防抬杆"},
    [LANE_REFUSAL_STOPPED] = {"stopped", "stopped by an officer: an officer's raise ends it",
                              "已被民警停止，须由民警抬杆解除"},
    [LANE_REFUSAL_NOT_RESET] = {"not_reset", "acknowledge the emergency stop first, with a reason",
                                "请先填写理由确认急停复位"},
    [LANE_REFUSAL_NOT_AT_BOOM] = {"not_at_boom", "no vehicle of that plate stands at a boom",
                                  "栏杆前没有该车牌的车辆"},
    [LANE_REFUSAL_JOINED] =
        {"joined", "another hit, or an officer's hold, has joined it meanwhile: look again",
         "该拦截已新增命中或民警拦截，请重新核对"},
    [LANE_REFUSAL_OTHER_HIT] = {"other_hit", "the hold rests on another hit, or is an officer's",
                                "该拦截另有命中或由民警设置，未解除"},
    [LANE_REFUSAL_ALARM] = {"alarm", "acknowledge foreign motion, obstacle or run-through first",
                            "请先确认栏杆异动、障碍或闯卡告警"},
    [LANE_REFUSAL_NO_HAND_LOWER] = {"no_hand_lower",
                                    "this lane is not set up to be lowered by hand",
                                    "该车道未配置手动落杆"},
    [LANE_REFUSAL_LOWERING] = {"lowering", "somebody else holds the lower button of this lane",
                               "他人正在按住该车道落杆键"},
    [LANE_REFUSAL_LET_GO] = {"let_go", "the button was let go", "已松开落杆键"},
    [LANE_REFUSAL_BEAT_LOST] = {"beat_lost", "the tablet was not heard for half a second",
                                "平板信号中断超过半秒"},
    [LANE_REFUSAL_MAINS] = {"mains", "on the battery nothing is lowered", "电池供电时不得落杆"},
    [LANE_REFUSAL_CONVOY] = {"convoy_on", "a convoy keeps the boom up: end it first",
                             "车队放行中，请先结束"},
    [LANE_REFUSAL_LET_THROUGH] = {"let_through",
                                  "a vehicle at the boom is being let through: hold it first",
                                  "栏杆前车辆正在放行，请先拦截"},
    [LANE_REFUSAL_RAISE_FIRST] = {"raise_first", "raise the boom once first: its position was lost",
                                  "栏杆位置曾丢失，请先抬杆一次"},
    [LANE_REFUSAL_MOVING] = {"moving", "the boom is moving for another cause",
                             "栏杆正在其他动作中"},
    [LANE_REFUSAL_DOWN] = {"down", "the boom is down already", "栏杆已落下"},
};

const char *lane_mode_name(enum lane_mode mode)
{
    return NAME_AT(mode_names, mode);
}

const char *lane_record_name(enum lane_record_kind kind)
{
    return NAME_AT(record_names, kind);
}

const char *lane_class_name(enum lane_class class)
{
    return NAME_AT(class_names, class);
}

const char *lane_cause_name(enum lane_cause cause)
{
    return NAME_AT(cause_names, cause);
}

const char *lane_act_name(enum lane_act_kind kind)
{
    return NAME_AT(act_names, kind);
}

const char *boom_state_name(enum boom_state state)
{
    return NAME_AT(boom_names, state);
}

const char *boom_state_text(enum boom_state state)
{
    const struct glossary_term *term = glossary_of("boom", boom_state_name(state));
    return term ? term->zh : NULL;
}

const char *lane_refusal_name(enum lane_refusal refusal)
{
    return (unsigned)refusal < LANE_REFUSAL_COUNT ? refusals[refusal].name : NULL;
}

const char *lane_refusal_text_en(enum lane_refusal refusal)
{
    return (unsigned)refusal < LANE_REFUSAL_COUNT ? refusals[refusal].en : NULL;
}

const char *lane_refusal_text_zh(enum lane_refusal refusal)
{
    return (unsigned)refusal < LANE_REFUSAL_COUNT ? refusals[refusal].zh : NULL;
}
