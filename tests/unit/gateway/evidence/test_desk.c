/*
 * The picture store's two sockets, a step at a time: what is taken, what is refused and told, who
 * is let go. Who may connect at all is the kernel's word and ours alone here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/unix_socket.h"
#include "gateway/evidence/desk.h"
#include "gateway/model/picture_look.h"

enum { SIZE = 100000, CAMERA = 0, LINK = 1, LOOK = 2, TOLD_MAX = 16 };

static char folder[64];
static char run_dir[80]; /* of the sockets: the store has a folder "pictures" */
static struct wall_time wall;
static struct mono_time mono;
static struct picture_store *store;
static struct desk *desk;
static uint8_t bytes[SIZE];
static int64_t bytes_max = 3 * SIZE; /* of the store */
static struct err_text err;
static struct {
    enum log_event_id event;
    bool active;
    char detail[320];
} told[TOLD_MAX];
static int told_count;
static int signs_of_life;

static struct wall_time wall_stands(void *ctx)
{
    (void)ctx;
    return wall;
}

static struct mono_time mono_stands(void *ctx)
{
    (void)ctx;
    return mono;
}

static const struct clock_source clock_of_test = {.wall = wall_stands, .mono = mono_stands};

static bool synchronised(void *ctx)
{
    (void)ctx;
    return true;
}

static void report(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    (void)ctx;
    assert_true(told_count < TOLD_MAX);
    told[told_count].event = event;
    told[told_count].active = active;
    (void)snprintf(told[told_count++].detail, sizeof(told[0].detail), "%s", detail);
}

static void alive(void *ctx)
{
    (void)ctx;
    signs_of_life++;
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/cp-desk.XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(run_dir, sizeof(run_dir), "%s/run", folder);
    assert_int_equal(mkdir(run_dir, 0700), 0);
    wall.ms = 1800000000000;
    mono.ns = 1000000000000;
    told_count = 0;
    const struct picture_store_options options = {.folder = folder,
                                                  .bytes_max = bytes_max,
                                                  .count_max = 100,
                                                  .term_ms = 1LL << 40,
                                                  .pinned_term_ms = 1LL << 40,
                                                  .clock = &clock_of_test};
    assert_int_equal(picture_store_open(&options, &store, &err), 0);
    const struct desk_options desk_options = {.runtime_dir = run_dir,
                                              .camera_user = getuid(),
                                              .link_user = getuid(),
                                              .look_users = {getuid(), getuid()},
                                              .store = store,
                                              .clock = &clock_of_test,
                                              .synchronised = synchronised,
                                              .report = report,
                                              .alive = alive};
    assert_int_equal(desk_create(&desk_options, &desk, &err), 0);
    return 0;
}

static int set_up_large(void **state)
{
    bytes_max = 100 * SIZE;
    int rc = set_up(state);
    bytes_max = 3 * SIZE;
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    desk_destroy(desk);
    picture_store_close(store);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int connect_to(int side)
{
    char path[96];
    int fd = -1;
    static const char *const names[] = {
        [CAMERA] = "pictures", [LINK] = "evidence", [LOOK] = "look"};
    (void)snprintf(path, sizeof(path), "%s/%s", run_dir, names[side]);
    assert_int_equal(unix_connect(path, SOCK_SEQPACKET, &fd, &err), 0);
    desk_step(desk);
    return fd;
}

static void say(int fd, const void *message, size_t size)
{
    assert_int_equal(send(fd, message, size, MSG_NOSIGNAL), (ssize_t)size);
    desk_step(desk);
}

/* The next message of the desk; its size, 0: it closed, -1: it says nothing. */
static ssize_t hear(int fd, uint8_t out[PICTURE_MESSAGE_SIZE_MAX])
{
    ssize_t size = recv(fd, out, PICTURE_MESSAGE_SIZE_MAX, MSG_DONTWAIT);
    if (size > 0)
        assert_int_equal(picture_message_check((const void *)out, (size_t)size, &err), 0);
    return size < 0 && errno == ECONNRESET ? 0 : size;
}

/* The code of the next message, which is an answer; its text stands in err. */
static int answered(int fd)
{
    _Alignas(8) uint8_t buffer[PICTURE_MESSAGE_SIZE_MAX];
    const struct picture_message *m = (const void *)buffer;
    assert_true(hear(fd, buffer) > 0);
    assert_int_equal(m->type, PICTURE_ANSWER);
    err_copy(m->u.answer.why, err.text, sizeof(err.text));
    return m->u.answer.rc;
}

static struct picture_message message(uint32_t type)
{
    return (struct picture_message){.version = PICTURE_MESSAGE_VERSION, .type = type};
}

static struct picture_about about_of(uint32_t seed, uint64_t event)
{
    struct picture_about about = {
        .event = event, .taken_ms = wall.ms, .size = SIZE, .camera = 11, .kind = PICTURE_CROP};
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 31 + seed);
    SHA256(bytes, SIZE, about.sha);
    return about;
}

static void say_data(int fd, uint32_t offset, uint32_t size)
{
    static uint8_t packet[PICTURE_MESSAGE_SIZE_MAX];
    struct picture_message m = message(PICTURE_DATA);
    m.u.data.offset = offset;
    m.u.data.size = size;
    memcpy(packet, &m, sizeof(m));
    memcpy(packet + sizeof(m), bytes + offset, size);
    say(fd, packet, sizeof(m) + size);
}

static void say_put(int fd, const struct picture_about *about)
{
    struct picture_message m = message(PICTURE_PUT);
    m.u.put = *about;
    say(fd, &m, sizeof(m));
}

static int put(int fd, uint32_t seed, uint64_t event)
{
    struct picture_about about = about_of(seed, event);
    say_put(fd, &about);
    say_data(fd, 0, PICTURE_DATA_MAX);
    say_data(fd, PICTURE_DATA_MAX, SIZE - PICTURE_DATA_MAX);
    return answered(fd);
}

static int pin(int fd, uint64_t sequence, uint64_t event)
{
    struct picture_message m = message(PICTURE_PIN);
    m.u.pin.hit.sequence = sequence;
    m.u.pin.time_ms = wall.ms;
    m.u.pin.count = 1;
    m.u.pin.events[0] = (struct hit_event){11, event};
    say(fd, &m, sizeof(m));
    return answered(fd);
}

static void a_hits_picture_goes_through(void **state)
{
    (void)state;
    _Alignas(8) uint8_t buffer[PICTURE_MESSAGE_SIZE_MAX];
    const struct picture_message *got = (const void *)buffer;
    struct picture_message m = message(PICTURE_NEXT);
    int camera = connect_to(CAMERA);
    int link = connect_to(LINK);
    say(link, &m, sizeof(m));
    assert_int_equal(answered(link), ERR_NOT_FOUND);
    assert_int_equal(put(camera, 1, 7), 0);
    assert_int_equal(pin(link, 100, 7), 0);
    say(link, &m, sizeof(m));
    assert_true(hear(link, buffer) > 0);
    assert_int_equal(got->type, PICTURE_ITEM);
    assert_int_equal(got->u.item.hit.sequence, 100);
    struct picture_message done = message(PICTURE_DONE);
    done.u.done.about = got->u.item.about;
    done.u.done.hit = got->u.item.hit;
    done.u.done.result = PICTURE_TAKEN;
    struct picture_message read = message(PICTURE_READ);
    memcpy(read.u.read.sha, got->u.item.about.sha, PICTURE_SHA_SIZE);
    read.u.read.offset = PICTURE_DATA_MAX;
    read.u.read.size = PICTURE_DATA_MAX;
    say(link, &read, sizeof(read));
    assert_int_equal(hear(link, buffer), sizeof(*got) + SIZE - PICTURE_DATA_MAX);
    assert_memory_equal(buffer + sizeof(*got), bytes + PICTURE_DATA_MAX, SIZE - PICTURE_DATA_MAX);
    read.u.read.offset = SIZE;
    say(link, &read, sizeof(read));
    assert_int_equal(answered(link), ERR_INVALID);
    say(link, &done, sizeof(done));
    assert_int_equal(answered(link), 0);
    say(link, &m, sizeof(m));
    assert_int_equal(answered(link), ERR_NOT_FOUND);
    assert_int_equal(told_count, 0);
    close(camera);
    close(link);
}

static void bytes_out_of_place_end_the_picture_not_the_connection(void **state)
{
    (void)state;
    int camera = connect_to(CAMERA);
    struct picture_about about = about_of(1, 7);
    say_put(camera, &about);
    say_data(camera, 100, 100);
    assert_int_equal(answered(camera), ERR_INVALID);
    assert_string_equal(err.text, "data: 100 bytes at 100: expected at most 100000 at 0");
    say_data(camera, 0, 100); /* the rest of what was refused is passed over */
    about.sha[3] ^= 1;
    say_put(camera, &about);
    say_data(camera, 0, PICTURE_DATA_MAX);
    say_data(camera, PICTURE_DATA_MAX, SIZE - PICTURE_DATA_MAX);
    assert_int_equal(answered(camera), ERR_CORRUPT);
    say_put(camera, &about); /* begun and not ended: the next one takes its place */
    assert_int_equal(put(camera, 2, 8), 0);
    assert_int_equal(told_count, 1); /* at most one a minute */
    assert_int_equal(told[0].event, EVENT_PICTURES_REFUSED);
    assert_non_null(strstr(told[0].detail, "pictures: process "));
    close(camera);
}

static void a_full_store_is_an_alarm_until_there_is_room(void **state)
{
    (void)state;
    int camera = connect_to(CAMERA);
    int link = connect_to(LINK);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(put(camera, i, i), 0);
        assert_int_equal(pin(link, 100 + i, i), 0);
    }
    for (uint32_t i = 4; i <= 6; i++) {
        struct picture_about about = about_of(i, i);
        say_put(camera, &about);
        assert_int_equal(answered(camera), ERR_FULL);
        assert_non_null(strstr(err.text, "all of hits"));
    }
    assert_int_equal(told_count, 1);
    assert_int_equal(told[0].event, EVENT_PICTURES_FULL);
    assert_true(told[0].active);
    assert_int_equal(put(camera, 1, 9), ERR_FULL); /* also what is known: room is made before */
    close(camera);
    close(link);
}

static void refuse(int side, const void *what, size_t size, const char *why)
{
    _Alignas(8) uint8_t buffer[PICTURE_MESSAGE_SIZE_MAX];
    int fd = connect_to(side);
    say(fd, what, size);
    assert_true(answered(fd) < 0);
    assert_non_null(strstr(err.text, why));
    assert_int_equal(hear(fd, buffer), 0); /* and is let go */
    close(fd);
}

static void who_makes_no_sense_is_let_go(void **state)
{
    (void)state;
    static uint8_t large[PICTURE_MESSAGE_SIZE_MAX + 100];
    struct picture_message m = message(PICTURE_NEXT);
    refuse(CAMERA, &m, sizeof(m), "not at this socket");
    m = message(PICTURE_PUT);
    m.u.put = about_of(1, 1);
    refuse(LINK, &m, sizeof(m), "not at this socket");
    refuse(CAMERA, &m, sizeof(m) - 1, "message of");
    refuse(CAMERA, large, sizeof(large), "version = 0");
    m.version = 9;
    refuse(CAMERA, &m, sizeof(m), "version = 9");
    m = message(77);
    refuse(LINK, &m, sizeof(m), "type = 77");
    m = message(PICTURE_PIN);
    refuse(LINK, &m, sizeof(m), "count = 0");
    assert_int_equal(told_count, 1);
    int link = connect_to(LINK);
    assert_int_equal(pin(link, 1, 1), 0); /* others are served */
    close(link);
}

static void connections_are_bounded_on_each_side(void **state)
{
    (void)state;
    _Alignas(8) uint8_t buffer[PICTURE_MESSAGE_SIZE_MAX];
    int fds[DESK_CAMERAS_MAX + 1];
    for (int i = 0; i <= DESK_CAMERAS_MAX; i++)
        fds[i] = connect_to(CAMERA);
    assert_int_equal(hear(fds[DESK_CAMERAS_MAX], buffer), 0);
    assert_int_equal(told[0].event, EVENT_PICTURES_REFUSED);
    int link = connect_to(LINK); /* camera programs keep the link out of nothing */
    assert_int_equal(pin(link, 1, 1), 0);
    close(link);
    close(fds[0]);
    desk_step(desk);
    int again = connect_to(CAMERA);
    assert_int_equal(put(again, 1, 1), 0);
    close(again);
    for (int i = 1; i <= DESK_CAMERAS_MAX; i++)
        close(fds[i]);
}

static void who_begins_many_pictures_does_not_keep_others_waiting(void **state)
{
    (void)state;
    enum { MANY = 20 };
    char part[96];
    int camera = connect_to(CAMERA);
    int other = connect_to(CAMERA);
    struct picture_about about = about_of(1, 7);
    struct picture_message m = message(PICTURE_PUT);
    m.u.put = about;
    for (int i = 0; i < MANY; i++)
        assert_int_equal(send(camera, &m, sizeof(m), MSG_NOSIGNAL), sizeof(m));
    about.event = 0; /* refused, the disk is not asked */
    m.u.put = about;
    assert_int_equal(send(other, &m, sizeof(m), MSG_NOSIGNAL), sizeof(m));
    signs_of_life = 0;
    desk_step(desk);
    assert_int_equal(signs_of_life, 2); /* one a peer: each may wait for the disk */
    (void)snprintf(part, sizeof(part), "%s/coming/1.part", folder);
    assert_int_equal(access(part, F_OK), 0); /* the first alone */
    for (int i = 0; i < MANY; i++)
        desk_step(desk);
    (void)snprintf(part, sizeof(part), "%s/coming/%d.part", folder, MANY);
    assert_int_equal(access(part, F_OK), 0); /* and in their turn all of them */
    close(other);
    close(camera);
}

static void an_event_has_so_many_pictures_and_no_more(void **state)
{
    (void)state;
    int camera = connect_to(CAMERA);
    for (uint32_t i = 1; i <= PICTURES_OF_EVENT_MAX; i++)
        assert_int_equal(put(camera, i, 7), 0);
    struct picture_about about = about_of(100, 7);
    say_put(camera, &about);
    assert_int_equal(answered(camera), ERR_DENIED);
    assert_non_null(strstr(err.text, "event 7 of camera 11 has 8 pictures"));
    assert_int_equal(put(camera, 1, 7), 0);   /* one that is known comes again */
    assert_int_equal(put(camera, 100, 8), 0); /* another event's */
    wall.ms += PICTURE_BIND_MS + 1;           /* the camera was switched off and counts anew */
    assert_int_equal(put(camera, 101, 7), 0);
    close(camera);
}

static void a_picture_that_does_not_end_is_given_up(void **state)
{
    (void)state;
    _Alignas(8) uint8_t buffer[PICTURE_MESSAGE_SIZE_MAX];
    char part[96];
    int camera = connect_to(CAMERA);
    struct picture_about about = about_of(1, 7);
    say_put(camera, &about);
    say_data(camera, 0, 100);
    (void)snprintf(part, sizeof(part), "%s/coming/1.part", folder);
    assert_int_equal(access(part, F_OK), 0);
    mono = mono_add_ms(mono, DESK_PUT_MS + 1);
    desk_step(desk);
    assert_int_equal(hear(camera, buffer), 0);
    assert_int_not_equal(access(part, F_OK), 0);
    close(camera);
    camera = connect_to(CAMERA); /* and one that is cut off leaves nothing either */
    say_put(camera, &about);
    close(camera);
    desk_step(desk);
    (void)snprintf(part, sizeof(part), "%s/coming/2.part", folder);
    assert_int_not_equal(access(part, F_OK), 0);
}

/* How many pictures show the event, by the time of its read. */
static size_t look(int fd, uint64_t event, int64_t time_ms,
                   struct picture_about out[PICTURES_FOUND_MAX])
{
    _Alignas(8) uint8_t buffer[PICTURE_MESSAGE_SIZE_MAX];
    struct hit_events events = {.count = 1, .events = {{11, event}}, .time = {time_ms}};
    struct picture_message m;
    size_t count = 99;
    picture_look_ask(&events, &m);
    say(fd, &m, sizeof(m));
    ssize_t size = hear(fd, buffer);
    assert_true(size > 0);
    assert_int_equal(picture_look_answer(buffer, (size_t)size, out, &count, &err), 0);
    return count;
}

static void terms_come_from_the_link_alone_and_count_at_once(void **state)
{
    (void)state;
    struct picture_message m = message(PICTURE_TERMS);
    char path_of_it[PICTURE_PATH_SIZE];
    uint8_t sha[PICTURE_SHA_SIZE];
    int camera = connect_to(CAMERA);
    int link = connect_to(LINK);
    int fd = connect_to(LOOK);
    struct picture_about found[PICTURES_FOUND_MAX];
    assert_int_equal(put(camera, 1, 7), 0);
    SHA256(bytes, SIZE, sha);
    picture_file_path(folder, sha, path_of_it);
    for (int i = 0; i <= PICTURE_FOLDERS; i++) { /* the start's look through the folders */
        mono = mono_add_ms(mono, DESK_FADE_MS + 1);
        assert_int_equal(look(fd, 2, wall.ms, found), 0); /* or each step waits to be asked */
    }
    wall.ms += 6LL * 24 * 3600 * 1000;
    m.u.terms = (struct picture_terms){.version = 1, .floor_days = 1, .ceiling_days = 3651};
    say(link, &m, sizeof(m));
    assert_int_equal(answered(link), ERR_INVALID);
    assert_non_null(strstr(err.text, "1 to 3651 days"));
    close(link);
    link = connect_to(LINK);
    m.u.terms.ceiling_days = 5;
    say(camera, &m, sizeof(m));
    assert_int_equal(answered(camera), ERR_DENIED);
    assert_int_equal(access(path_of_it, F_OK), 0);
    say(link, &m, sizeof(m));
    assert_int_equal(answered(link), 0);
    assert_int_not_equal(access(path_of_it, F_OK), 0);
    close(camera);
    close(link);
    close(fd);
}

static void who_looks_finds_the_pictures_of_an_event_and_nothing_else(void **state)
{
    (void)state;
    struct picture_about found[PICTURES_FOUND_MAX];
    int camera = connect_to(CAMERA);
    int fd = connect_to(LOOK);
    assert_int_equal(put(camera, 1, 41), 0);
    assert_int_equal(put(camera, 2, 42), 0);
    assert_int_equal(look(fd, 41, wall.ms, found), 1);
    assert_true(picture_is_trigger(&found[0]) && found[0].event == 41 && found[0].size == SIZE);
    assert_int_equal(look(fd, 43, wall.ms, found), 0);
    /* A camera that counts anew: the event of another day is another vehicle. */
    assert_int_equal(look(fd, 41, wall.ms + PICTURE_BIND_MS + 1, found), 0);
    struct picture_message m = message(PICTURE_NEXT);
    say(fd, &m, sizeof(m));
    assert_int_equal(answered(fd), ERR_DENIED);
    close(camera);
    close(fd);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_looks_finds_the_pictures_of_an_event_and_nothing_else),
        CASE(a_hits_picture_goes_through),
        CASE(terms_come_from_the_link_alone_and_count_at_once),
        CASE(bytes_out_of_place_end_the_picture_not_the_connection),
        CASE(a_full_store_is_an_alarm_until_there_is_room),
        CASE(who_makes_no_sense_is_let_go),
        CASE(connections_are_bounded_on_each_side),
        CASE(who_begins_many_pictures_does_not_keep_others_waiting),
        cmocka_unit_test_setup_teardown(an_event_has_so_many_pictures_and_no_more, set_up_large,
                                        tear_down),
        CASE(a_picture_that_does_not_end_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
