/* A serial camera's profile file. See profile.h. */
#include "drivers/serial_camera/profile.h"

#include <string.h>

#include "gateway/base/encode.h"

static const struct config_name framings[] = {{"nedap_protocolled", SERIAL_PROTOCOLLED},
                                              {"stx_etx", SERIAL_STX_ETX},
                                              {"line", SERIAL_LINES},
                                              {NULL, 0}};
static const struct config_name encodings[] = {{"utf-8", TEXT_UTF8}, {"gbk", TEXT_GBK}, {NULL, 0}};
static const struct config_name trailings[] = {{"required", false}, {"optional", true}, {NULL, 0}};

static const char *parse_offset(const char *text, void *member)
{
    static const char expected[] = "not an offset from UTC, expected like +08:00, within 14 hours";
    int digit[4];
    static const size_t at[4] = {1, 2, 4, 5};
    if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') {
        return expected;
    }
    for (int i = 0; i < 4; i++) {
        digit[i] = text[at[i]] - '0';
        if (digit[i] < 0 || digit[i] > 9) {
            return expected;
        }
    }
    int32_t minutes = (digit[0] * 10 + digit[1]) * 60 + digit[2] * 10 + digit[3];
    if (digit[2] > 5 || minutes > 14 * 60) {
        return expected;
    }
    minutes = text[0] == '-' ? -minutes : minutes;
    memcpy(member, &minutes, sizeof(minutes));
    return NULL;
}

static const char *parse_trigger(const char *text, void *member)
{
    struct serial_trigger *trigger = member;
    size_t size = 0;
    if (hex_decode_spaced(text, trigger->bytes, sizeof(trigger->bytes), &size) != ERR_OK) {
        return "not bytes in hex, expected 1 to 64 such as '02 54 03'";
    }
    trigger->size = (uint8_t)size;
    return NULL;
}

#define PROFILE_ROW(member, key_, kind_, ...)                                                      \
    CONFIG_OPTION(struct serial_profile, member, key_, kind_, __VA_ARGS__)

static const struct config_option profile_rows[] = {
    PROFILE_ROW(source, "source", CONFIG_STRING, .fallback = "",
                .help = "The document it was written from."),
    PROFILE_ROW(format.framing, "framing", CONFIG_ENUM, .names = framings, .required = true,
                .help = "What a message begins and ends with."),
    PROFILE_ROW(template, "template", CONFIG_STRING, .required = true, .min = 1,
                .help = "The text of a message: fields in braces, the rest as it is."),
    PROFILE_ROW(format.encoding, "encoding", CONFIG_ENUM, .names = encodings, .required = true,
                .help = "Encoding of the text."),
    PROFILE_ROW(format.form.trailing_optional, "trailing", CONFIG_ENUM, .names = trailings,
                .fallback = "required",
                .help = "optional: a message may end behind any field from the plate on."),
    PROFILE_ROW(format.heartbeat, "heartbeat", CONFIG_STRING, .fallback = "",
                .help = "The whole text of a message that is a sign of life; empty = none."),
    PROFILE_ROW(silence_ms, "silence", CONFIG_DURATION, .fallback = "0ms", .min = 0,
                .max = 24LL * 3600 * 1000,
                .help = "A camera silent for so long is lost; 0 = a quiet night is no fault."),
    PROFILE_ROW(trigger, "trigger", CONFIG_CUSTOM, .parse = parse_trigger, .what = "bytes in hex",
                .help = "Sent as it stands to make the camera read now; none: it cannot be asked."),
    PROFILE_ROW(trigger_pause_ms, "trigger_pause", CONFIG_DURATION, .fallback = "1s", .min = 100,
                .max = 60000, .help = "Least time between two triggers."),
    PROFILE_ROW(format.form.utc_offset_minutes, "utc_offset", CONFIG_CUSTOM, .parse = parse_offset,
                .fallback = "+08:00", .help = "Of {time}, which says no offset itself.")};

static int check_profile(void *section, const struct config_at *at, struct err_text *err)
{
    struct serial_profile *profile = section;
    const char *wrong = text_template_compile(profile->template, &profile->format.form);
    if (wrong) {
        return config_refuse(at, "template", err, "%s", wrong);
    }
    if (profile->format.heartbeat[0] != '\0' && profile->silence_ms == 0) {
        return config_refuse(at, "silence", err,
                             "a heartbeat nobody waits for, expected the time without one after "
                             "which the camera is lost");
    }
    return 0;
}

const struct config_section serial_profile_section = {
    CONFIG_ROWS(profile_rows, struct serial_profile), .check = check_profile};

int serial_profile_load(const char *path, struct serial_profile *out, struct err_text *err)
{
    return config_load(path, &serial_profile_section, out, err);
}
