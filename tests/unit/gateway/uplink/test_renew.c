/*
 * The alarm that the certificate is not renewed ends with its cause, whoever ended it: here a
 * technician who installed a fresh pair by hand.
 */
#include "gateway/uplink/renew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

enum { CHANNEL = 4, PATH_BYTES = 128 };

static int raised;
static int ended;

static void report(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    (void)ctx;
    (void)detail;
    if (event == EVENT_UPLINK_NOT_RENEWED) {
        raised += active;
        ended += !active;
    }
}

static bool go_on(void *ctx)
{
    (void)ctx;
    return true;
}

static void install_pair(const struct own_files *files, int days)
{
    struct err_text err;
    EVP_PKEY *root_key = NULL;
    EVP_PKEY *key = NULL;
    X509 *root = NULL;
    X509 *leaf = NULL;
    struct tls_issue_request request = {
        .identity = {.kind = TLS_PEER_CHECKPOINT, .name = "lu-hz-01"},
        .now = clock_wall(&clock_system),
        .days = days};
    assert_int_equal(tls_key_create(&root_key, &err), 0);
    assert_int_equal(tls_issue_root(root_key, "boxes", request.now, 60, &root, &err), 0);
    assert_int_equal(tls_key_create(&key, &err), 0);
    request.public_key = key;
    assert_int_equal(tls_issue(root_key, root, &request, &leaf, &err), 0);
    STACK_OF(X509) *chain = sk_X509_new_null();
    assert_non_null(chain);
    assert_int_not_equal(sk_X509_push(chain, leaf), 0);
    assert_int_equal(own_certificate_install(files, chain, key, &err), 0);
    sk_X509_pop_free(chain, X509_free);
    X509_free(root);
    EVP_PKEY_free(key);
    EVP_PKEY_free(root_key);
}

static void a_fresh_pair_installed_by_hand_ends_the_alarm(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_renew.XXXXXX";
    char certificate[PATH_BYTES];
    char key[PATH_BYTES];
    struct uplink_alarms alarms;
    struct renew renew;
    const struct uplink_wait wait = {go_on, NULL};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(certificate, sizeof(certificate), "%s/box.pem", folder);
    (void)snprintf(key, sizeof(key), "%s/box.key.pem", folder);
    const struct uplink_site site = {.own = {.certificate = certificate,
                                             .key = key,
                                             .box_root = "/nowhere/box-root.pem",
                                             .checkpoint = "lu-hz-01"},
                                     .retry_max_ms = 1000,
                                     .alarms = &alarms,
                                     .clock = &clock_system};
    uplink_alarms_init(&alarms, report, NULL);
    renew_init(&renew, &site, CHANNEL, &wait);
    install_pair(&site.own, 20);
    uplink_alarm_set(&alarms, CHANNEL, EVENT_UPLINK_NOT_RENEWED, true, "as a failed try leaves it");
    renew.days_told = 3;
    renew_step(&renew);
    assert_int_equal(raised, 1);
    assert_int_equal(ended, 1);
    assert_true(renew.days_told == -1);
    renew_fini(&renew);
    uplink_alarms_fini(&alarms);
    (void)unlink(certificate); /* what is not there need not go */
    (void)unlink(key);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_pair_installed_by_hand_ends_the_alarm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
