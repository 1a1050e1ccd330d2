/*
 * When hits' pictures have their turn, and that hits' events reach the picture store whatever else
 * waits. The store's end is a thread here; headquarters is never asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/unix_socket.h"
#include "gateway/journal/record.h"
#include "gateway/uplink/pictures.h"

static char folder[64];
static char path[96];
static struct uplink_alarms alarms;
static struct uplink_site site;
static struct uplink_traffic traffic;
static struct queue *pins;
static struct pictures pictures;
static pthread_t store_thread;
static int store_fd = -1;
static atomic_int terms_told;
static struct picture_terms last_terms; /* read once the store has stopped */
static int told;
static atomic_bool store_stops;
static atomic_int nexts; /* questions the store heard */
static atomic_int pinned;
static atomic_bool has_picture;         /* offers one of a hit, again and again */
static struct picture_message last_pin; /* read once the store has stopped */

static bool go_on(void *ctx)
{
    (void)ctx;
    return true;
}

static void report(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    (void)ctx, (void)detail;
    if (event == EVENT_UPLINK_PICTURES_WAIT)
        told = active;
}

/* Takes pins, says that nothing is to be sent, or the one picture it has. */
static void serve(int fd)
{
    _Alignas(8) unsigned char buffer[PICTURE_MESSAGE_SIZE_MAX];
    const struct picture_message *m = (const void *)buffer;
    struct picture_message answer = {.version = PICTURE_MESSAGE_VERSION, .type = PICTURE_ANSWER};
    ssize_t size = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (size <= 0)
        return;
    assert_int_equal(picture_message_check(m, (size_t)size, NULL), 0);
    if (m->type == PICTURE_PIN) {
        last_pin = *m;
        atomic_fetch_add(&pinned, 1);
    } else if (m->type == PICTURE_TERMS) {
        last_terms = m->u.terms;

        atomic_fetch_add(&terms_told, 1);
    } else {
        assert_int_equal(m->type, PICTURE_NEXT);
        atomic_fetch_add(&nexts, 1);
        answer.u.answer.rc = ERR_NOT_FOUND;
        if (atomic_load(&has_picture)) {
            answer =
                (struct picture_message){.version = PICTURE_MESSAGE_VERSION, .type = PICTURE_ITEM};
            answer.u.item.about =
                (struct picture_about){.event = 7, .size = 5000, .kind = PICTURE_SCENE};
            answer.u.item.hit.sequence = 3;
        }
    }
    assert_int_equal(send(fd, &answer, sizeof(answer), MSG_NOSIGNAL), sizeof(answer));
}

static void *store_run(void *arg)
{
    int peer = -1;
    struct unix_peer who;
    (void)arg;
    while (!atomic_load(&store_stops)) {
        struct pollfd fd = {.fd = peer >= 0 ? peer : store_fd, .events = POLLIN};
        if (poll(&fd, 1, 20) <= 0)
            continue;
        if (peer >= 0)
            serve(peer);
        else
            assert_int_equal(unix_accept(store_fd, &peer, &who), 0);
    }
    if (peer >= 0)
        close(peer);
    return NULL;
}

static void start_store(void)
{
    atomic_store(&store_stops, false);
    assert_int_equal(unix_listen(path, SOCK_SEQPACKET, 0600, &store_fd, NULL), 0);
    assert_int_equal(pthread_create(&store_thread, NULL, store_run, NULL), 0);
}

/* The socket file stays, as of a program that was killed. */
static void stop_store(void)
{
    if (store_fd < 0)
        return;
    atomic_store(&store_stops, true);
    assert_int_equal(pthread_join(store_thread, NULL), 0);
    close(store_fd);
    store_fd = -1;
}

static void begin(bool metered)
{
    const struct pictures_link link = {.metered = metered};
    const struct uplink_wait wait = {go_on, NULL};
    pictures_init(&pictures, &site, 0, path, pins, &traffic, &link, &wait);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/cp-pictures.XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/evidence", folder);
    uplink_alarms_init(&alarms, report, NULL);
    site = (struct uplink_site){.own = {.checkpoint = "lu-hz-01"},
                                .retry_max_ms = 100,
                                .alarms = &alarms,
                                .clock = &clock_system};
    memset(&traffic, 0, sizeof(traffic));
    atomic_store(&terms_told, 0);
    told = 0;
    atomic_store(&nexts, 0);
    atomic_store(&pinned, 0);
    atomic_store(&has_picture, false);
    pins = queue_create(PICTURES_PINS_MAX, sizeof(struct picture_message));
    assert_non_null(pins);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pictures_fini(&pictures);
    stop_store();
    queue_destroy(pins);
    uplink_alarms_fini(&alarms);
    (void)unlink(path); /* of a store that never was there is none */
    return rmdir(folder);
}

/* A record as checkpointd sends it; heap. */
static char *event_of(enum journal_kind kind, const char *body, size_t *out_size)
{
    struct journal_record record = {
        .header = {.kind = kind, .sequence = 41, .wall = {1800000000000}, .actor = "lane"},
        .has_body = body != NULL,
        .body = body,
        .body_size = body ? strlen(body) : 0};
    char *text = NULL;
    if (body)
        assert_int_equal(journal_digest(record.salt, body, record.body_size, record.header.digest),
                         0);
    memset(record.header.chain, 7, sizeof(record.header.chain));
    journal_header_write(&record.header, record.bytes);
    assert_int_equal(
        journal_wire_write(&record, "urn:checkpoint:lu-hz-01", body != NULL, &text, out_size), 0);
    return text;
}

static void note(enum journal_kind kind, const char *body, bool urgent)
{
    size_t size = 0;
    char *text = event_of(kind, body, &size);
    pictures_note(pins, text, size, urgent);
    free(text);
}

static const char hit[] =
    "{\"read\":{\"camera\":11,\"event_id\":\"7\",\"time\":\"2027-01-15T08:00:00.500Z\"},\"reads\":"
    "[{\"camera\":12,\"event_id\":\"8\",\"last_event_id\":\"9\"},{\"camera\":13}]}";

static void a_hit_names_the_events_of_all_its_reads(void **state)
{
    (void)state;
    struct picture_message pin;
    begin(false);
    note(JOURNAL_HIT, hit, true);
    assert_int_equal(queue_pop(pins, &pin, 0), 0);
    assert_int_equal(pin.u.pin.hit.sequence, 41);
    assert_int_equal(pin.u.pin.hit.chain[15], 7);
    assert_int_equal(pin.u.pin.time_ms, 1800000000500);
    assert_int_equal(pin.u.pin.count, 3);
    assert_int_equal(pin.u.pin.in_turn, 0);
    assert_true(pin.u.pin.events[0].camera == 11 && pin.u.pin.events[0].event == 7);
    assert_true(pin.u.pin.events[2].camera == 12 && pin.u.pin.events[2].event == 9);
    note(JOURNAL_HIT, hit, false);
    assert_int_equal(queue_pop(pins, &pin, 0), 0);
    assert_int_equal(pin.u.pin.in_turn, 1);
}

static void what_names_no_event_pins_nothing(void **state)
{
    (void)state;
    begin(false);
    note(JOURNAL_HIT, NULL, true); /* its body stays on the box */
    note(JOURNAL_HIT, "{\"read\":{\"camera\":11}}", true);
    note(JOURNAL_HIT, "{}", true);
    note(JOURNAL_PASSAGE, hit, false);
    pictures_note(pins, "{\"type\":\"checkpoint.hit\"}", 25, true);
    assert_int_equal(queue_length(pins), 0);
    for (int i = 0; i < PICTURES_PINS_MAX + 5; i++)
        note(JOURNAL_HIT, hit, true);
    assert_int_equal(queue_length(pins), PICTURES_PINS_MAX); /* the oldest gave way */
}

static void events_are_told_whatever_waits_and_pictures_are_not_asked_for(void **state)
{
    (void)state;
    start_store();
    begin(false);
    atomic_store(&traffic.urgents, 1);
    note(JOURNAL_HIT, hit, true);
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&pinned), 1);
    atomic_store(&traffic.urgents, 0);
    atomic_store(&traffic.records, 1);
    note(JOURNAL_HIT, hit, false);
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&pinned), 2);
    assert_int_equal(atomic_load(&nexts), 0);
    atomic_store(&traffic.records, 0);
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&nexts), 1);
    stop_store();
    assert_int_equal(last_pin.u.pin.in_turn, 1);
}

static void on_a_metered_link_each_window_of_the_records_opens_one(void **state)
{
    (void)state;
    start_store();
    begin(true);
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&nexts), 0);
    atomic_store(&traffic.windows, 1);
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&nexts), 1);
    pictures_step(&pictures); /* nothing waited: it is over */
    assert_int_equal(atomic_load(&nexts), 1);
    atomic_store(&traffic.windows, 2);
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&nexts), 2);
}

static void a_box_without_pictures_has_no_alarm(void **state)
{
    (void)state;
    begin(false);
    note(JOURNAL_HIT, hit, true);
    pictures_step(&pictures);
    assert_int_equal(told, 0);
    assert_int_equal(queue_length(pins), 0);
}

/* A certificate that has ended, or was revoked: a request at once after another would be a storm.
 */
static void what_headquarters_refuses_as_a_whole_is_tried_again_after_a_pause(void **state)
{
    (void)state;
    site.own.certificate = site.own.key = "/nonexistent/none.pem";
    site.own.box_root = "/nonexistent/root.pem";
    start_store();
    begin(false);
    atomic_store(&has_picture, true);
    uint64_t before = pictures.channel.backoff.draw;
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&nexts), 1);
    assert_true(before != pictures.channel.backoff.draw); /* a pause was drawn */
}

static void a_store_that_died_is_told_and_hears_of_the_hit_when_it_is_back(void **state)
{
    (void)state;
    start_store();
    begin(false);
    pictures_step(&pictures);
    stop_store();
    note(JOURNAL_HIT, hit, true);
    pictures_step(&pictures);
    pictures_step(&pictures);
    assert_int_equal(told, 1);
    assert_int_equal(atomic_load(&pinned), 0);
    start_store();
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&pinned), 1);
    assert_int_equal(told, 0);
}

static void terms_are_told_once_a_connection_and_when_they_change(void **state)
{
    (void)state;
    struct pictures_terms slot;
    struct picture_terms terms = {.version = 3, .floor_days = 1, .ceiling_days = 20};
    start_store();
    begin(false);
    pictures_terms_init(&slot);
    pictures.terms = &slot;
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&terms_told), 0); /* checkpointd has said nothing yet */
    pictures_terms_set(&slot, &terms);
    pictures_step(&pictures);
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&terms_told), 1);
    terms.ceiling_days = 10;
    pictures_terms_set(&slot, &terms);
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&terms_told), 2);
    stop_store();
    assert_int_equal(last_terms.ceiling_days, 10);
    start_store(); /* one that may know of none */
    pictures_step(&pictures);
    note(JOURNAL_HIT, hit, true);
    pictures_step(&pictures);
    assert_int_equal(atomic_load(&terms_told), 3);
    assert_int_equal(atomic_load(&pinned), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_hit_names_the_events_of_all_its_reads),
        CASE(terms_are_told_once_a_connection_and_when_they_change),
        CASE(what_names_no_event_pins_nothing),
        CASE(events_are_told_whatever_waits_and_pictures_are_not_asked_for),
        CASE(on_a_metered_link_each_window_of_the_records_opens_one),
        CASE(a_box_without_pictures_has_no_alarm),
        CASE(what_headquarters_refuses_as_a_whole_is_tried_again_after_a_pause),
        CASE(a_store_that_died_is_told_and_hears_of_the_hit_when_it_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
