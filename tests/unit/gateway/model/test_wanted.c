/* The self-test's plate: no plate of the road, and nothing of its entry can stand for a vehicle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/model/plate_forms.h"
#include "gateway/model/wanted.h"

static struct wanted_record good(void)
{
    return (struct wanted_record){.id = 1,
                                  .key = WANTED_SELF_TEST_KEY,
                                  .valid_until = {1},
                                  .class = PLATE_CLASS_ANY,
                                  .category = CATEGORY_SELF_TEST,
                                  .priority = 3,
                                  .handling = HANDLING_STOP};
}

static int read_back(const struct wanted_record *record)
{
    uint8_t bytes[WANTED_RECORD_SIZE];
    struct wanted_record out;
    struct byte_writer w;
    struct byte_reader r;
    byte_writer_init(&w, bytes, sizeof(bytes));
    wanted_record_write(&w, record);
    byte_reader_init(&r, bytes, sizeof(bytes));
    return wanted_record_read(&r, &out, NULL);
}

static void the_key_is_that_of_the_plate_and_no_plate_of_the_road(void **state)
{
    (void)state;
    struct plate_text plate;
    char text[PLATE_TEXT_SIZE];
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    plate_encode(WANTED_SELF_TEST_PLATE, strlen(WANTED_SELF_TEST_PLATE), PLATE_DASH_AUTO, &plate);
    assert_int_equal(plate.kind, PLATE_KEY);
    assert_true(plate.key == WANTED_SELF_TEST_KEY);
    assert_int_equal(plate_decode(WANTED_SELF_TEST_KEY, text), 0);
    assert_string_equal(text, WANTED_SELF_TEST_PLATE);
    assert_null(plate_form_find(symbols, plate_symbols(plate.key, symbols)));
}

static void its_entry_can_stand_for_no_vehicle(void **state)
{
    (void)state;
    struct wanted_record record = good();
    assert_null(wanted_self_test_fault(&record));
    assert_int_equal(read_back(&record), 0);
    struct wanted_record bad[8];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        bad[i] = good();
    bad[0].key += 1 << 14; /* 试试00001 */
    bad[1].category = CATEGORY_STOLEN;
    bad[2].priority = 1;
    bad[3].handling = HANDLING_OBSERVE;
    bad[4].risk = RISK_ARMED;
    bad[5].flags = WANTED_EMERGENCY;
    bad[6].class = 0x3032;
    bad[7].key = 0; /* no plate at all */
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_non_null(wanted_self_test_fault(&bad[i]));
        assert_int_equal(read_back(&bad[i]), ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_that_of_the_plate_and_no_plate_of_the_road),
        cmocka_unit_test(its_entry_can_stand_for_no_vehicle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
