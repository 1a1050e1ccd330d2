/* Names and words. See handling.h. */
#include "gateway/handling/handling.h"

static const char *const stages[HANDLING_STAGE_COUNT] = {[HANDLING_ALERTED] = "alerted",
                                                         [HANDLING_SIGNED] = "signed",
                                                         [HANDLING_CONFIRMED] = "confirmed",
                                                         [HANDLING_REJECTED] = "rejected",
                                                         [HANDLING_INTERCEPTING] = "intercepting",
                                                         [HANDLING_REPORTED] = "reported",
                                                         [HANDLING_CLOSED] = "closed"};

static const char *const acts[HANDLING_ACT_COUNT] = {
    [HANDLING_ACT_SIGN] = "hit_sign",           [HANDLING_ACT_CONFIRM] = "hit_confirm",
    [HANDLING_ACT_REJECT] = "hit_reject",       [HANDLING_ACT_AGREE] = "hit_agree",
    [HANDLING_ACT_INTERCEPT] = "hit_intercept", [HANDLING_ACT_FEEDBACK] = "hit_feedback",
    [HANDLING_ACT_CLOSE] = "hit_close"};

static const struct {
    const char *code;
    const char *en;
    const char *zh;
} refusals[HANDLING_REFUSED_COUNT] = {
    [HANDLING_REFUSED_NOT] = {"none", "", ""},
    [HANDLING_REFUSED_ANSWERED] = {"answered", "another answer was first", "该预警已有核对结论"},
    [HANDLING_REFUSED_SIGNED] = {"signed", "somebody has signed for it already", "该预警已被签收"},
    [HANDLING_REFUSED_TOO_SOON] = {"too_soon", "look at the card a little longer first",
                                   "请先仔细核对后再确认"},
    [HANDLING_REFUSED_NOT_AGREED] = {"not_agreed",
                                     "plate, class and vehicle must each be said to agree; if one "
                                     "does not, reject the hit",
                                     "号牌、种类、车辆须逐项确认一致；如有不符，请选择不符"},
    [HANDLING_REFUSED_BY_EYE] = {"by_eye",
                                 "there is no picture of the read: state that the vehicle was seen "
                                 "by eye",
                                 "没有触发图片：请声明已目视核对"},
    [HANDLING_REFUSED_TYPED] = {"typed", "type the differing characters as they are on the vehicle",
                                "请按车上实际号牌输入差异字符"},
    [HANDLING_REFUSED_TYPED_DIFFERS] = {"typed_differs",
                                        "what was typed is not the listed plate: reject the hit",
                                        "输入的字符与布控号牌不符，请选择不符"},
    [HANDLING_REFUSED_SECOND_PERSON] = {"second_person",
                                        "another person is needed; for a hold of priority 1 a "
                                        "leader or headquarters",
                                        "须由另一人确认；一级布控的拦截须带班领导或总部同意"},
    [HANDLING_REFUSED_NOTHING_WAITS] = {"nothing_waits", "no answer waits for a second person",
                                        "没有等待第二人确认的结论"},
    [HANDLING_REFUSED_NO_REASON] = {"no_reason", "a reason is needed", "须选择理由"},
    [HANDLING_REFUSED_NO_OUTCOME] = {"no_outcome",
                                     "report the outcome first; of an intercepted vehicle whether "
                                     "it is suspect",
                                     "请先反馈处置结果；已拦截的须说明是否可疑"},
    [HANDLING_REFUSED_WITHDRAWN] = {"withdrawn",
                                    "the entry was withdrawn: do not stop the vehicle for it",
                                    "该布控已撤控：不得据此拦截"},
    [HANDLING_REFUSED_STAGE] = {"stage", "not at this stage of the handling",
                                "当前阶段不能进行该操作"}};

const char *handling_stage_name(enum handling_stage stage)
{
    return (unsigned)stage < HANDLING_STAGE_COUNT ? stages[stage] : NULL;
}

const char *handling_overdue_name(enum handling_overdue overdue)
{
    return overdue == HANDLING_OVERDUE_LEADER ? "leader"
           : overdue == HANDLING_OVERDUE_HQ   ? "hq"
                                              : NULL;
}

const char *handling_act_name(enum handling_act_kind kind)
{
    return (unsigned)kind < HANDLING_ACT_COUNT ? acts[kind] : NULL;
}

const char *handling_refusal_code(enum handling_refusal refusal)
{
    return (unsigned)refusal < HANDLING_REFUSED_COUNT ? refusals[refusal].code : NULL;
}

const char *handling_refusal_en(enum handling_refusal refusal)
{
    return (unsigned)refusal < HANDLING_REFUSED_COUNT ? refusals[refusal].en : NULL;
}

const char *handling_refusal_zh(enum handling_refusal refusal)
{
    return (unsigned)refusal < HANDLING_REFUSED_COUNT ? refusals[refusal].zh : NULL;
}
