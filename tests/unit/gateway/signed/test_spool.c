/* What goes over a gap: the manifest's fields each in their range, and the answer under the receipt
 * key alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/signed/spool.h"
#include "signed_builder.h"

static struct spool_manifest m; /* large */
static struct spool_manifest back;

static void make(void)
{
    m = (struct spool_manifest){.checkpoint = "north-1",
                                .number = 7,
                                .time = {1800000000000},
                                .after = 3,
                                .revision = 9,
                                .hash = {1},
                                .policy = 2,
                                .places = {{"00112233445566778899aabbccddeeff", 20, 10},
                                           {"ff112233445566778899aabbccddeeff", 5, 5}},
                                .file_count = 1};
    m.files[0] = (struct spool_file){.stream = SPOOL_OBSERVE,
                                     .name = "observe-1-2.ndjson.zst",
                                     .chain = "00112233445566778899aabbccddeeff",
                                     .first = 11,
                                     .last = 20,
                                     .size_bytes = 100,
                                     .sha256 = {2}};
}

static int round_trip(struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(spool_manifest_write(&m, &text, &size), 0);
    int rc = spool_manifest_read(text, size, &back, err);
    free(text);
    return rc;
}

static void a_manifest_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct err_text err = {""};
    make();
    assert_int_equal(round_trip(&err), 0);
    assert_memory_equal(&back, &m, sizeof(m));
}

static void one_that_leads_elsewhere_or_counts_wrongly_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"../../etc/passwd", "a..b",     "/abs",
                                        ".hidden",          "A.ndjson", "a b"};
    struct err_text err = {""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        make();
        memcpy(m.files[0].name, names[i], strlen(names[i]) + 1);
        assert_int_equal(round_trip(&err), ERR_INVALID);
    }
    make();
    m.files[0].last = 10; /* before its first */
    assert_int_equal(round_trip(&err), ERR_INVALID);
    make();
    m.places[SPOOL_JOURNAL].confirmed = 21; /* more than there is */
    assert_int_equal(round_trip(&err), ERR_INVALID);
    make();
    m.number = 0;
    assert_int_equal(round_trip(&err), ERR_INVALID);
    make();
    m.places[SPOOL_OBSERVE].chain[0] = 'x';
    assert_int_equal(round_trip(&err), ERR_INVALID);
    make();
    memcpy(m.checkpoint, "North", 6);
    assert_int_equal(round_trip(&err), ERR_INVALID);
    assert_int_equal(spool_manifest_read("{}", 2, &back, &err), ERR_INVALID);
    assert_int_equal(spool_manifest_read("[", 1, &back, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_is_read_as_it_was_written),
        cmocka_unit_test(one_that_leads_elsewhere_or_counts_wrongly_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
