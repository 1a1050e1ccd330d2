/*
 * Lines of checkpointd's socket `records`: an event is found the same by the quick way and by the
 * JSON parser, which takes what is written otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/journal/record.h"
#include "gateway/uplink/box_line.h"

/* {"<name>":<event>} of record `sequence`, as checkpointd writes it; `space`: otherwise. */
static void write_line(const char *name, uint64_t sequence, const char *space, char out[2048])
{
    struct journal_record record = {.has_body = true, .body = "{}", .body_size = 2};
    char *event = NULL;
    size_t size = 0;
    record.header = (struct journal_header){
        .sequence = sequence, .kind = JOURNAL_HIT, .wall = {1790000000123}, .actor = "lane"};
    journal_header_write(&record.header, record.bytes);
    assert_int_equal(journal_wire_write(&record, "urn:checkpoint:a", true, &event, &size), 0);
    (void)snprintf(out, 2048, "{\"%s\":{%s%s}", name, space, event + 1); /* fits */
    free(event);
}

static void an_event_is_the_same_in_either_form(void **state)
{
    static const char *const spaces[] = {"", " "};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char text[2048];
        struct box_line line;
        write_line("record", 4711, spaces[i], text);
        assert_int_equal(box_line_parse(text, strlen(text), &line, NULL), 0);
        assert_int_equal(line.kind, BOX_RECORD);
        assert_int_equal(line.sequence, 4711);
        assert_ptr_equal(line.event, text + strlen("{\"record\":"));
        assert_int_equal(line.event_size, strlen(text) - strlen("{\"record\":}"));
        write_line("urgent", 1, spaces[i], text);
        assert_int_equal(box_line_parse(text, strlen(text), &line, NULL), 0);
        assert_int_equal(line.kind, BOX_URGENT);
        assert_int_equal(line.sequence, 1);
    }
}

static void refuse(const char *text)
{
    struct box_line line;
    assert_int_equal(box_line_parse(text, strlen(text), &line, NULL), ERR_INVALID);
}

static void what_is_no_event_is_refused(void **state)
{
    char text[2048];
    (void)state;
    write_line("other", 1, "", text);
    refuse(text);
    write_line("record", 1, "", text);
    text[strlen(text) - 1] = '\0'; /* its last brace */
    refuse(text);
    refuse("{\"record\":{\"id\":\"00:0\"}}");
    refuse("{\"record\":{\"id\":\"00:12a\"}}");
    refuse("{\"record\":{\"id\":\"00\"}}");
    refuse("{\"record\":{\"type\":\"x\"}}");
    refuse("{\"record\":{\"id\":\"00:1\"},\"urgent\":{\"id\":\"00:2\"}}");
    refuse("{\"record\":{\"id\":\"00:1\",\"id\":\"00:2\"}}");
    refuse("{\"record\":\"00:1\"}");
}

#define STATUS "{\"status\":{\"checkpoint\":\"a\",\"confirmed\":5,\"pictures\":"
#define TERMS(floor, ceiling, until)                                                               \
    STATUS "{\"version\":7,\"floor\":" floor ",\"ceiling\":" ceiling                               \
           ",\"paused\":true,\"from\":5,\"until\":" until "}}}"

static void a_status_says_what_pictures_are_kept_by(void **state)
{
    (void)state;
    struct box_line line;
    const char *text = TERMS("10", "20", "9");
    assert_int_equal(box_line_parse(text, strlen(text), &line, NULL), 0);
    assert_true(line.has_pictures);
    const struct picture_terms *t = &line.pictures;
    assert_true(t->version == 7 && t->floor_days == 10 && t->ceiling_days == 20 && t->paused == 1 &&
                t->held_from_ms == 5 && t->held_until_ms == 9);
    text = "{\"status\":{\"checkpoint\":\"a\",\"confirmed\":5}}"; /* an older checkpointd */
    assert_int_equal(box_line_parse(text, strlen(text), &line, NULL), 0);
    assert_false(line.has_pictures);
    refuse(STATUS "{}}}");
    refuse(TERMS("0", "20", "9"));
    refuse(TERMS("21", "20", "9"));
    refuse(TERMS("1", "3651", "9"));
    refuse(TERMS("4294967297", "4294967297", "9"));
    refuse(TERMS("10", "20", "4"));
    refuse(TERMS("10", "20", "253402300800000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_the_same_in_either_form),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(a_status_says_what_pictures_are_kept_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
