/* One program a state folder: made when missing, refused while held, free again when let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/state_folder.h"

struct place {
    char parent[64];
    char folder[96];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    snprintf(p->parent, sizeof p->parent, "/tmp/state_folder.XXXXXX");
    if (!mkdtemp(p->parent)) {
        free(p);
        return -1;
    }
    snprintf(p->folder, sizeof p->folder, "%s/state", p->parent);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    unlink(p->folder);
    rmdir(p->folder);
    int rc = rmdir(p->parent);
    free(p);
    return rc;
}

static void test_makes_the_folder_for_its_program_alone(void **state)
{
    const struct place *p = *state;
    struct err_text err;
    struct stat st;
    int fd = -1;
    assert_int_equal(state_folder_take(p->folder, &fd, &err), ERR_OK);
    assert_int_equal(stat(p->folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    close(fd);
}

static void test_refuses_a_second_program(void **state)
{
    const struct place *p = *state;
    struct err_text err;
    char expected[256];
    int first = -1;
    int second = -1;
    assert_int_equal(state_folder_take(p->folder, &first, &err), ERR_OK);
    assert_int_equal(state_folder_take(p->folder, &second, &err), ERR_BUSY);
    assert_int_equal(second, -1);
    snprintf(expected, sizeof expected,
             "%s: another program works there, expected one of a kind: stop it, or give this one a "
             "'state_dir' of its own",
             p->folder);
    assert_string_equal(err.text, expected);
    close(first);
    assert_int_equal(state_folder_take(p->folder, &second, &err), ERR_OK);
    close(second);
}

static void test_names_what_stands_in_the_way(void **state)
{
    const struct place *p = *state;
    struct err_text err;
    char path[128];
    char expected[256];
    int fd = -1;
    snprintf(path, sizeof path, "%s/state", p->folder);
    assert_int_equal(state_folder_take(path, &fd, &err), ERR_NOT_FOUND);
    snprintf(expected, sizeof expected, "%s: No such file or directory", path);
    assert_string_equal(err.text, expected);
    FILE *file = fopen(p->folder, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(state_folder_take(p->folder, &fd, &err), ERR_IO);
    snprintf(expected, sizeof expected, "%s: Not a directory", p->folder);
    assert_string_equal(err.text, expected);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_makes_the_folder_for_its_program_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_refuses_a_second_program, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_what_stands_in_the_way, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
