/* Characters of one line, and what is none; an event's line is one whatever a peer has sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/base/utf8.h"

static void expect(const char *text, const char *line)
{
    char room[64];
    snprintf(room, sizeof(room), "%s", text);
    assert_int_equal(utf8_is_line(text), strcmp(text, line) == 0);
    utf8_make_line(room);
    assert_string_equal(room, line);
    assert_true(utf8_is_line(room));
}

static void lines_stay(void **state)
{
    (void)state;
    expect("", "");
    expect("鲁A12345 \"~\" é 𠀀", "鲁A12345 \"~\" é 𠀀");
    expect("\xC2\xA0\xEF\xBF\xBF\xF4\x8F\xBF\xBF", "\xC2\xA0\xEF\xBF\xBF\xF4\x8F\xBF\xBF");
}

static void what_would_move_a_terminal_goes(void **state)
{
    (void)state;
    expect("a\nb\r\tc", "a?b??c");
    expect("\x1B[2J\x7F", "?[2J?");
    expect("\xC2\x80\xC2\x9B", "??");           /* C1: CSI in one character */
    expect("a\xE2\x80\xA8\xE2\x80\xA9", "a??"); /* line, paragraph */
    expect("\xE2\x80\xAE"
           "321\xE2\x81\xA6\xE2\x81\xA9",
           "?321??"); /* from right to left */
    expect("\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5", "\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5");
    expect("a\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C", "a???"); /* direction marks */
}

static void bytes_of_no_character_go(void **state)
{
    (void)state;
    expect("\xFF\xFE", "??");
    expect("\x80", "?");
    expect("\xC0\xAF", "??");           /* '/' in two */
    expect("\xE0\x9F\xBF", "???");      /* overlong */
    expect("\xED\xA0\x80", "???");      /* half of a pair */
    expect("\xF4\x90\x80\x80", "????"); /* above the last */
    expect("鲁\xE9\xB2", "鲁??");       /* cut */
    expect("\xE9\xB2"
           "A",
           "??A");
}

/* The line an event makes, as it goes to stderr. */
static void event_line(const char *reason, char *out, size_t size)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    assert_non_null(file);
    assert_true(before >= 0);
    assert_int_equal(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
    log_event(EVENT_CONSOLE_REQUEST_REFUSED, "reason=\"%s\"", reason);
    assert_int_equal(fflush(stderr), 0);
    assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
    close(before);
    rewind(file);
    size_t got = fread(out, 1, size - 1, file);
    out[got] = '\0';
    fclose(file);
}

static void an_event_is_one_line(void **state)
{
    char line[2048];
    char cut[1500];
    (void)state;
    event_line("no\n2026 checkpointd <3> forged\x1B[8m\xFF", line, sizeof(line));
    char *end = strchr(line, '\n');
    assert_non_null(strstr(line, "reason=\"no?2026 checkpointd <3> forged?[8m?\"\n"));
    assert_ptr_equal(end, line + strlen(line) - 1);
    for (size_t shift = 0; shift < 3; shift++) { /* cut within a character of three bytes */
        memset(cut, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof(cut); i += 3) {
            memcpy(cut + i, "鲁", 3);
            cut[i + 3] = '\0';
        }
        event_line(cut, line, sizeof(line));
        line[strlen(line) - 1] = '\0';
        assert_true(utf8_is_line(line));
    }
}

static void what_a_peer_sent_as_json_ends_no_field(void **state)
{
    static const char text[] = "{\"a\":1 \" officer=wang \x1B";
    struct err_text err;
    json_t *value = NULL;
    (void)state;
    assert_int_equal(json_parse(text, sizeof(text) - 1, &value, &err), ERR_INVALID);
    assert_null(strchr(err.text, '"'));
    assert_true(utf8_is_line(err.text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_stay),
        cmocka_unit_test(what_would_move_a_terminal_goes),
        cmocka_unit_test(bytes_of_no_character_go),
        cmocka_unit_test(an_event_is_one_line),
        cmocka_unit_test(what_a_peer_sent_as_json_ends_no_field),
    };
    unsetenv("JOURNAL_STREAM");
    log_init("test");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
