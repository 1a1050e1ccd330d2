/*
 * Words of a rule file: names of values, times of day, shares. No state.
 */
#include <string.h>

#include "rules/file.h"

const struct config_name rule_kind_names[] = {{"exact", MATCH_EXACT},
                                              {"look_alike", MATCH_LOOK_ALIKE},
                                              {"candidate", MATCH_CANDIDATE},
                                              {"partial", MATCH_PARTIAL},
                                              {NULL, 0}};
const struct config_name rule_class_names[] = {
    {"agree", CLASS_AGREE}, {"unknown", CLASS_UNVERIFIED}, {"conflict", CLASS_CONFLICT}, {NULL, 0}};
const struct config_name rule_category_names[] = {{"other", CATEGORY_OTHER},
                                                  {"stolen", CATEGORY_STOLEN},
                                                  {"fugitive", CATEGORY_FUGITIVE},
                                                  {"hit_and_run", CATEGORY_HIT_AND_RUN},
                                                  {"cloned", CATEGORY_CLONED},
                                                  {"missing", CATEGORY_MISSING},
                                                  {"case", CATEGORY_CASE},
                                                  {"self_test", CATEGORY_SELF_TEST},
                                                  {NULL, 0}};
const struct config_name rule_authenticity_names[] = {{"none", AUTH_NONE},
                                                      {"tag", AUTH_TAG},
                                                      {"wired", AUTH_WIRED},
                                                      {"session", AUTH_SESSION},
                                                      {NULL, 0}};
const struct config_name rule_weekday_names[] = {{"mon", 1}, {"tue", 2}, {"wed", 3}, {"thu", 4},
                                                 {"fri", 5}, {"sat", 6}, {"sun", 7}, {NULL, 0}};
const struct config_name rule_list_names[] = {
    {"none", LIST_NONE}, {"current", LIST_CURRENT}, {"stale", LIST_STALE}, {NULL, 0}};
const struct config_name rule_clock_names[] = {
    {"trusted", CHOICE_YES}, {"untrusted", CHOICE_NO}, {NULL, 0}};
const struct config_name rule_level_names[] = {{"none", ALERT_NONE},
                                               {"quiet", ALERT_QUIET},
                                               {"silent", ALERT_SILENT},
                                               {"sounding", ALERT_SOUNDING},
                                               {NULL, 0}};
const struct config_name rule_lights_names[] = {{"unchanged", DECISION_LIGHTS_UNCHANGED},
                                                {"red", DECISION_LIGHTS_RED},
                                                {"yellow", DECISION_LIGHTS_YELLOW},
                                                {NULL, 0}};
const struct config_name rule_forward_names[] = {
    {"none", FORWARD_NONE}, {"normal", FORWARD_NORMAL}, {"urgent", FORWARD_URGENT}, {NULL, 0}};

const struct config_name rule_inspect_names[] = {{"unsaid", DECISION_INSPECT_UNSAID},
                                                 {"false", DECISION_INSPECT_NOT},
                                                 {"true", DECISION_INSPECT_DUE},
                                                 {NULL, 0}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *rule_parse_name(const char *text, void *member)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (n == 0 || n > DECISION_RULE_MAX || text[n] != '\0') {
        return "not a rule name, expected 1 to 47 of a-z, 0-9 and '-'";
    }
    memset(member, 0, DECISION_RULE_MAX + 1);
    memcpy(member, text, n);
    return NULL;
}

/* "HH:MM" at the front of `text`; 24:00 only when `end` allows it. */
static bool take_minute(const char *text, bool end, uint16_t *out)
{
    if (!is_digit(text[0]) || !is_digit(text[1]) || text[2] != ':' || !is_digit(text[3]) ||
        !is_digit(text[4])) {
        return false;
    }
    int hour = (text[0] - '0') * 10 + (text[1] - '0');
    int minute = (text[3] - '0') * 10 + (text[4] - '0');
    if (minute > 59 || hour > 24 || (hour == 24 && (minute != 0 || !end))) {
        return false;
    }
    *out = (uint16_t)(hour * 60 + minute);
    return true;
}

const char *rule_parse_minute(const char *text, void *member)
{
    uint16_t minute;
    if (!take_minute(text, false, &minute) || text[5] != '\0') {
        return "not a time of day, expected like 22:30";
    }
    memcpy(member, &minute, sizeof(minute));
    return NULL;
}

const char *rule_parse_window(const char *text, void *member)
{
    struct rule_window window;
    if (!take_minute(text, false, &window.from) || text[5] != '-' ||
        !take_minute(text + 6, true, &window.until) || text[11] != '\0' ||
        window.from == window.until) {
        return "not a time window, expected like 22:00-06:00";
    }
    memcpy(member, &window, sizeof(window));
    return NULL;
}

/* "12%", "2.5%", "0.25%" in hundredths of a percent; -1 when it is none. */
static int take_percent(const char *text)
{
    int value = 0;
    int decimals = -1; /* digits behind the point, -1 = no point yet */
    size_t at = 0;
    for (; text[at] != '\0' && text[at] != '%'; at++) {
        if (text[at] == '.' && decimals < 0 && at > 0) {
            decimals = 0;
        } else if (!is_digit(text[at]) || at > 5 || decimals == 2) {
            return -1;
        } else {
            value = value * 10 + (text[at] - '0');
            decimals += decimals >= 0;
        }
    }
    if (at == 0 || decimals == 0 || text[at] != '%' || text[at + 1] != '\0') {
        return -1;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < 2; i++) {
        value *= 10;
    }
    return value;
}

const char *rule_parse_share(const char *text, void *member)
{
    int value = take_percent(text);
    if (value < 1 || value > RULES_DRAW_END) {
        return "not a share, expected 0.01% to 100%";
    }
    uint16_t share = (uint16_t)value;
    memcpy(member, &share, sizeof(share));
    return NULL;
}

const char *rule_parse_draw(const char *text, void *member)
{
    int value = take_percent(text);
    if (value < 0 || value >= RULES_DRAW_END) {
        return "not a draw, expected 0% to 99.99%";
    }
    uint16_t draw = (uint16_t)value;
    memcpy(member, &draw, sizeof(draw));
    return NULL;
}
