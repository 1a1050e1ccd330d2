/*
 * The box's pair is switched so that an end at any moment leaves one that works: a child installs
 * and is ended before its n-th lasting step, for every n.
 */
#include "gateway/uplink/own_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

enum { ENDED = 99, STEPS_MAX = 100, PATH_BYTES = 128 };

/* The steps that last: these stand in front of libc's. 0: none ends the program. */
static int end_before_step;
static int steps;

static void step(void)
{
    if (++steps == end_before_step)
        _exit(ENDED);
}

int rename(const char *from, const char *to)
{
    step();
    return (int)syscall(SYS_rename, from, to);
}

int fsync(int fd)
{
    step();
    return (int)syscall(SYS_fsync, fd);
}

struct parties {
    char folder[PATH_BYTES];
    char certificate[PATH_BYTES];
    char key[PATH_BYTES];
    EVP_PKEY *root_key;
    X509 *root;
    struct own_files files;
    struct wall_time now;
};

static int setup(void **state)
{
    static struct parties p;
    struct err_text err;
    p = (struct parties){.now = clock_wall(&clock_system)};
    memcpy(p.folder, "/tmp/test_own.XXXXXX", sizeof("/tmp/test_own.XXXXXX"));
    assert_non_null(mkdtemp(p.folder));
    (void)snprintf(p.certificate, sizeof(p.certificate), "%s/box.pem", p.folder);
    (void)snprintf(p.key, sizeof(p.key), "%s/box.key.pem", p.folder);
    p.files = (struct own_files){.certificate = p.certificate,
                                 .key = p.key,
                                 .box_root = "/nowhere/box-root.pem",
                                 .checkpoint = "lu-hz-01"};
    assert_int_equal(tls_key_create(&p.root_key, &err), 0);
    assert_int_equal(tls_issue_root(p.root_key, "boxes", p.now, 60, &p.root, &err), 0);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct parties *p = *state;
    char command_path[2 * PATH_BYTES];
    static const char *const left[] = {"box.pem", "box.key.pem", "box.key.pem.new"};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        (void)snprintf(command_path, sizeof(command_path), "%s/%s", p->folder, left[i]);
        (void)unlink(command_path); /* what is not there need not go */
    }
    (void)rmdir(p->folder);
    X509_free(p->root);
    EVP_PKEY_free(p->root_key);
    return 0;
}

/* A pair of `days`; how the test tells one from another. */
static void make_pair(const struct parties *p, int days, STACK_OF(X509) * *out_chain,
                      EVP_PKEY **out_key)
{
    struct err_text err;
    X509 *leaf = NULL;
    struct tls_issue_request request = {
        .identity = {.kind = TLS_PEER_CHECKPOINT, .name = "lu-hz-01"}, .now = p->now, .days = days};
    assert_int_equal(tls_key_create(out_key, &err), 0);
    request.public_key = *out_key;
    assert_int_equal(tls_issue(p->root_key, p->root, &request, &leaf, &err), 0);
    *out_chain = sk_X509_new_null();
    assert_non_null(*out_chain);
    assert_int_not_equal(sk_X509_push(*out_chain, leaf), 0);
}

static int install(const struct parties *p, int days)
{
    STACK_OF(X509) *chain = NULL;
    EVP_PKEY *key = NULL;
    struct err_text err;
    make_pair(p, days, &chain, &key);
    steps = 0;
    int rc = own_certificate_install(&p->files, chain, key, &err);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    return rc;
}

/* Installs in a child that ends before step `n`; whether it got to its end. */
static bool install_until(const struct parties *p, int days, int n)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        end_before_step = n;
        _exit(install(p, days) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == ENDED));
    return WEXITSTATUS(status) == 0;
}

static int days_in_place(const struct parties *p)
{
    struct wall_time until = {0};
    struct err_text err = {""};
    int rc = own_certificate_check(&p->files, p->now, &until, &err);
    if (rc != 0)
        fail_msg("%s", err.text);
    return (int)((until.ms - p->now.ms + 1000) / (24LL * 3600 * 1000));
}

static void ended_at_any_step_one_pair_serves(void **state)
{
    const struct parties *p = *state;
    bool old_seen = false;
    bool new_seen = false;
    int n = 1;
    assert_int_equal(install(p, 5), 0);
    for (; n < STEPS_MAX; n++) {
        bool whole = install_until(p, 20, n);
        int days = days_in_place(p);
        struct stat st;
        assert_true(days == 5 || days == 20);
        assert_int_equal(stat(p->key, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        old_seen |= days == 5;
        new_seen |= days == 20 && !whole;
        if (whole) {
            assert_int_equal(days, 20);
            break;
        }
        assert_int_equal(install(p, 5), 0); /* and the next renewal goes through */
        assert_int_equal(days_in_place(p), 5);
    }
    assert_true(n >= 7 && n < STEPS_MAX); /* three files, each written durably and put in place */
    assert_true(old_seen && new_seen);
}

static void the_own_certificate_comes_first(void **state)
{
    const struct parties *p = *state;
    STACK_OF(X509) *chain = NULL;
    EVP_PKEY *key = NULL;
    make_pair(p, 5, &chain, &key);
    X509 *own = sk_X509_value(chain, 0);
    assert_int_not_equal(sk_X509_unshift(chain, p->root), 0);
    own_certificate_first(chain, key);
    assert_ptr_equal(sk_X509_value(chain, 0), own);
    assert_ptr_equal(sk_X509_pop(chain), p->root);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ended_at_any_step_one_pair_serves, setup, teardown),
        cmocka_unit_test_setup_teardown(the_own_certificate_comes_first, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
