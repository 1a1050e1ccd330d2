/*
 * The picture store: bound to hits whichever comes first, pinned until headquarters has them,
 * bounded in number, bytes and age, whole after a cut between any two steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/evidence/store.h"

enum { SIZE = 10000, DAY_MS = 24 * 3600 * 1000 };

static char folder[64];
static struct wall_time wall;
static struct picture_store *store;
static struct picture_store_options options;
static uint8_t bytes[SIZE];
static struct err_text err;

static struct wall_time stands(void *ctx)
{
    (void)ctx;
    return wall;
}

static const struct clock_source clock_of_test = {.wall = stands};

static void open_again(void)
{
    picture_store_close(store);
    store = NULL;
    assert_int_equal(picture_store_open(&options, &store, &err), 0);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/cp-evidence.XXXXXX");
    assert_non_null(mkdtemp(folder));
    wall.ms = 1800000000000;
    options = (struct picture_store_options){.folder = folder,
                                             .bytes_max = 100 * SIZE,
                                             .count_max = 100,
                                             .term_ms = 30LL * DAY_MS,
                                             .pinned_term_ms = 7LL * DAY_MS,
                                             .clock = &clock_of_test};
    open_again();
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    picture_store_close(store);
    store = NULL;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A picture of `SIZE` bytes, another one for each `seed`. */
static struct picture_about about_of(uint32_t seed, uint64_t event)
{
    struct picture_about about = {
        .event = event, .taken_ms = wall.ms, .size = SIZE, .camera = 11, .kind = PICTURE_SCENE};
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 7 + seed * 13 + 1);
    memcpy(bytes, &seed, sizeof(seed));
    SHA256(bytes, SIZE, about.sha);
    return about;
}

static int put(const struct picture_about *about)
{
    struct picture_file file = {.fd = -1};
    int rc = picture_store_begin(store, about, &file, &err);
    if (rc == 0)
        rc = picture_file_add(&file, bytes, SIZE, &err);
    if (rc != 0) {
        picture_file_abandon(&file);
        return rc;
    }
    return picture_store_end(store, about, &file, &err);
}

static struct picture_about put_new(uint32_t seed, uint64_t event)
{
    struct picture_about about = about_of(seed, event);
    assert_int_equal(put(&about), 0);
    return about;
}

static struct picture_hit hit_of(uint64_t sequence)
{
    return (struct picture_hit){.chain = {1, 2, 3}, .sequence = sequence};
}

static void pin(uint64_t sequence, uint64_t event)
{
    const struct hit_event events[] = {{11, event}, {12, event}};
    struct picture_hit hit = hit_of(sequence);
    assert_int_equal(picture_store_pin(store, &hit, wall, events, 2, false, &err), 0);
}

/* The hit's record goes up in its turn. */
static void pin_in_turn(uint64_t sequence, uint64_t event)
{
    const struct hit_event events[] = {{11, event}};
    struct picture_hit hit = hit_of(sequence);
    assert_int_equal(picture_store_pin(store, &hit, wall, events, 1, true, &err), 0);
}

/* The sequence of the hit whose picture is next; 0: none. */
static uint64_t next(struct picture_about *out)
{
    struct picture_hit hit;
    int rc = picture_store_next(store, out, &hit, &err);
    assert_true(rc == 0 || rc == ERR_NOT_FOUND);
    return rc == 0 ? hit.sequence : 0;
}

static void done(const struct picture_about *about, uint64_t sequence, enum picture_result result)
{
    struct picture_hit hit = hit_of(sequence);
    assert_int_equal(picture_store_done(store, about, &hit, result, &err), 0);
}

static struct picture_counts counts(void)
{
    struct picture_counts counts;
    assert_int_equal(picture_store_counts(store, &counts, &err), 0);
    return counts;
}

static bool on_disk(const struct picture_about *about)
{
    char path[PICTURE_PATH_SIZE];
    picture_file_path(folder, about->sha, path);
    return access(path, F_OK) == 0;
}

/* Until there is nothing more to do. */
static void fade(void)
{
    bool more = true;
    for (int i = 0; more && i < 2 * PICTURE_FOLDERS; i++)
        assert_int_equal(picture_store_fade(store, true, &more, &err), 0);
    assert_false(more);
}

static void a_picture_is_bound_whichever_came_first(void **state)
{
    (void)state;
    struct picture_about got;
    uint8_t read[SIZE];
    size_t size = 0;
    struct picture_about first = put_new(1, 7);
    assert_int_equal(next(&got), 0);
    pin(100, 7);
    assert_int_equal(next(&got), 100);
    assert_memory_equal(got.sha, first.sha, PICTURE_SHA_SIZE);
    assert_true(got.event == 7 && got.camera == 11 && got.size == SIZE);
    assert_int_equal(got.kind, PICTURE_SCENE);
    assert_int_equal(picture_store_read(store, got.sha, 0, read, 6000, &size, &err), 0);
    assert_int_equal(picture_store_read(store, got.sha, 6000, read + 6000, SIZE, &size, &err), 0);
    assert_int_equal(size, SIZE - 6000);
    (void)about_of(1, 7);
    assert_memory_equal(read, bytes, SIZE);
    done(&got, 100, PICTURE_TAKEN);
    assert_int_equal(next(&got), 0);
    pin(101, 8);
    struct picture_about second = put_new(2, 8);
    open_again();
    assert_int_equal(next(&got), 101);
    assert_memory_equal(got.sha, second.sha, PICTURE_SHA_SIZE);
    pin(101, 8); /* told twice: urgent, and in its turn */
    done(&got, 101, PICTURE_TAKEN);
    pin(101, 8);
    assert_int_equal(next(&got), 0);
}

/* Its record is sent once more: headquarters was put back to a time before it. */
static void what_headquarters_had_is_offered_again_with_its_record(void **state)
{
    (void)state;
    struct picture_about got;
    (void)put_new(1, 7);
    (void)put_new(2, 8);
    pin(100, 7);
    pin(101, 8);
    assert_int_equal(next(&got), 100);
    done(&got, 100, PICTURE_TAKEN);
    assert_int_equal(next(&got), 101);
    done(&got, 101, PICTURE_REFUSED);
    pin_in_turn(101, 8);
    assert_int_equal(next(&got), 0);
    pin_in_turn(100, 7);
    assert_int_equal(next(&got), 100);
}

/* Cameras that were switched off count from 1 again. */
static void an_event_number_of_another_day_is_another_event(void **state)
{
    (void)state;
    struct picture_about got;
    pin(100, 7);
    wall.ms += PICTURE_BIND_MS + 1;
    (void)put_new(1, 7);
    assert_int_equal(next(&got), 0);
    wall.ms += PICTURE_BIND_MS;
    pin(101, 7);
    assert_int_equal(next(&got), 101);
}

static void the_same_bytes_are_stored_once(void **state)
{
    (void)state;
    struct picture_about got;
    struct picture_about one = put_new(1, 7);
    (void)put_new(1, 8);
    assert_int_equal(counts().pictures, 1);
    pin(100, 7);
    pin(101, 8);
    assert_int_equal(counts().waiting, 2);
    assert_int_equal(next(&got), 100);
    assert_memory_equal(got.sha, one.sha, PICTURE_SHA_SIZE);
}

static void what_is_put_off_lets_others_go_first(void **state)
{
    (void)state;
    struct picture_about got;
    struct picture_about other;
    (void)put_new(1, 7);
    (void)put_new(2, 8);
    pin(100, 7);
    pin(101, 8);
    assert_int_equal(next(&got), 100);
    done(&got, 100, PICTURE_AGAIN);
    assert_int_equal(next(&other), 101);
    done(&other, 101, PICTURE_REFUSED);
    assert_int_equal(next(&other), 0);
    wall.ms += PICTURE_AGAIN_MS;
    assert_int_equal(next(&other), 100);
    done(&got, 100, PICTURE_AGAIN);
    wall.ms -= DAY_MS; /* the clock was set back: it does not wait a day */
    assert_int_equal(next(&other), 100);
}

static void wrong_bytes_are_not_kept(void **state)
{
    (void)state;
    struct picture_file file = {.fd = -1};
    struct picture_about about = about_of(1, 7);
    about.sha[0] ^= 1;
    assert_int_equal(put(&about), ERR_CORRUPT);
    assert_string_equal(err.text, "the bytes are not those of the SHA-256 named");
    about = about_of(1, 7);
    assert_int_equal(picture_store_begin(store, &about, &file, &err), 0);
    assert_int_equal(picture_file_add(&file, bytes, SIZE - 1, &err), 0);
    assert_int_equal(picture_store_end(store, &about, &file, &err), ERR_CORRUPT);
    assert_string_equal(err.text, "9999 bytes came, expected 10000");
    about.event = 0;
    assert_int_equal(picture_store_begin(store, &about, &file, &err), ERR_INVALID);
    assert_int_equal(counts().pictures, 0);
    assert_false(on_disk(&about));
}

static void the_oldest_without_a_hit_gives_way(void **state)
{
    (void)state;
    options.count_max = 3;
    open_again();
    struct picture_about first = put_new(1, 1);
    pin(100, 1);
    wall.ms++;
    struct picture_about second = put_new(2, 2);
    wall.ms++;
    (void)put_new(3, 3);
    (void)put_new(4, 4);
    assert_true(on_disk(&first));
    assert_false(on_disk(&second));
    assert_int_equal(counts().pictures, 3);
    pin(101, 3);
    pin(102, 4);
    struct picture_about more = about_of(5, 5);
    assert_int_equal(put(&more), ERR_FULL);
    assert_string_equal(err.text,
                        "3 pictures of 30000 bytes, all of hits: expected at most 3 of 1000000");
    options.count_max = 100;
    options.bytes_max = 3 * SIZE + SIZE / 2;
    open_again();
    assert_int_equal(put(&more), ERR_FULL);
}

static void a_disk_that_others_need_is_left_to_them(void **state)
{
    (void)state;
    struct picture_about first = put_new(1, 1);
    options.disk_free_min = INT64_MAX / 2;
    open_again();
    struct picture_about more = about_of(2, 2);
    assert_int_equal(put(&more), ERR_FULL);
    assert_non_null(strstr(err.text, "the disk would have"));
    assert_false(on_disk(&first)); /* pictures without a hit give way to the journal too */
}

/* The disk is full in the middle of a file. */
static void a_write_that_fails_leaves_nothing(void **state)
{
    (void)state;
    struct rlimit old;
    struct picture_about about = about_of(1, 7);
    char path[PICTURE_PATH_SIZE + 16];
    assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit small = {.rlim_cur = SIZE / 2, .rlim_max = old.rlim_max};
    struct picture_file file = {.fd = -1};
    assert_int_equal(picture_store_begin(store, &about, &file, &err), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(picture_file_add(&file, bytes, SIZE, &err), ERR_FULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)snprintf(path, sizeof(path), "%s", file.path);
    assert_non_null(strstr(err.text, path));
    picture_file_abandon(&file);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(put(&about), 0); /* and there is room again */
}

static void flip_a_byte(const struct picture_about *about)
{
    char path[PICTURE_PATH_SIZE];
    picture_file_path(folder, about->sha, path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "!", 1, SIZE / 2), 1);
    assert_int_equal(close(fd), 0);
}

static void a_damaged_file_is_named_and_not_offered(void **state)
{
    (void)state;
    uint8_t read[16];
    size_t size = 0;
    struct picture_about got;
    char path[PICTURE_PATH_SIZE];
    struct picture_about about = put_new(1, 7);
    pin(100, 7);
    picture_file_path(folder, about.sha, path);
    flip_a_byte(&about);
    assert_int_equal(picture_store_read(store, about.sha, 0, read, 16, &size, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(next(&got), 0);
    assert_int_equal(counts().damaged, 1);
    assert_int_equal(put(&about), 0); /* the camera hands it in once more */
    assert_int_equal(next(&got), 100);
    assert_int_equal(picture_store_read(store, about.sha, 0, read, 16, &size, &err), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(picture_store_read(store, about.sha, 0, read, 16, &size, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "is not there"));
    memset(got.sha, 9, sizeof(got.sha));
    assert_int_equal(picture_store_read(store, got.sha, 0, read, 16, &size, &err), ERR_NOT_FOUND);
}

static void write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, SIZE), SIZE);
    assert_int_equal(close(fd), 0);
}

/* A file half written; one in place whose row was not committed, or deleted with the file left. */
static void a_cut_between_two_steps_leaves_nothing_behind(void **state)
{
    (void)state;
    char part[PICTURE_PATH_SIZE];
    char path[PICTURE_PATH_SIZE];
    struct picture_about kept = put_new(1, 1);
    struct picture_about lost = about_of(2, 2);
    (void)snprintf(part, sizeof(part), "%s/coming/1.part", folder);
    picture_file_path(folder, lost.sha, path);
    picture_store_close(store);
    store = NULL;
    write_file(part);
    write_file(path);
    open_again();
    assert_int_not_equal(access(part, F_OK), 0);
    fade();
    assert_false(on_disk(&lost));
    assert_true(on_disk(&kept));
    assert_int_equal(put(&lost), 0); /* nobody said that it was taken: it comes again */
    fade();
    assert_true(on_disk(&lost));
}

static void an_index_that_is_damaged_is_named_and_kept(void **state)
{
    (void)state;
    char path[PICTURE_PATH_SIZE];
    struct picture_about about = put_new(1, 1);
    picture_store_close(store);
    store = NULL;
    (void)snprintf(path, sizeof(path), "%s/pictures.sqlite", folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, 100, 0), 100);
    assert_int_equal(close(fd), 0);
    assert_int_equal(picture_store_open(&options, &store, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, path));
    assert_true(on_disk(&about));
}

static void terms_are_kept(void **state)
{
    (void)state;
    struct picture_about got;
    struct picture_about free_one = put_new(1, 1);
    struct picture_about sent = put_new(2, 2);
    struct picture_about waiting = put_new(3, 3);
    pin(100, 2);
    pin(101, 3);
    assert_int_equal(next(&got), 100);
    wall.ms += 30LL * DAY_MS - 1;
    fade();
    assert_true(on_disk(&free_one));
    done(&sent, 100, PICTURE_TAKEN);
    wall.ms++;
    fade();
    assert_false(on_disk(&free_one));
    assert_true(on_disk(&sent)); /* its term begins when headquarters has it */
    wall.ms += 7LL * DAY_MS;
    fade();
    assert_false(on_disk(&sent));
    assert_true(on_disk(&waiting)); /* whatever its age */
    assert_int_equal(next(&got), 101);
}

static void set_terms(struct picture_terms terms)
{
    assert_int_equal(picture_store_set_terms(store, &terms, &err), 0);
}

static void headquarters_terms_bound_ours_across_a_restart(void **state)
{
    (void)state;
    struct picture_about got;
    struct picture_about free_one = put_new(1, 1);
    struct picture_about sent = put_new(2, 2);
    pin(100, 2);
    assert_int_equal(next(&got), 100);
    done(&sent, 100, PICTURE_TAKEN);
    set_terms((struct picture_terms){.version = 1, .floor_days = 40, .ceiling_days = 50});
    open_again();
    wall.ms += 40LL * DAY_MS - 1;
    fade(); /* longer than the 30 and 7 days configured */
    assert_true(on_disk(&free_one) && on_disk(&sent));
    wall.ms++;
    fade();
    assert_false(on_disk(&free_one) || on_disk(&sent));
    free_one = put_new(3, 3);
    set_terms((struct picture_terms){.version = 2, .floor_days = 1, .ceiling_days = 5});
    wall.ms += 5LL * DAY_MS;
    fade(); /* shorter */
    assert_false(on_disk(&free_one));
}

static void older_terms_delete_nothing(void **state)
{
    (void)state;
    const struct picture_terms newer = {.version = 2, .floor_days = 10, .ceiling_days = 20};
    bool more = false;
    struct picture_about about = put_new(1, 1);
    set_terms(newer);
    set_terms((struct picture_terms){.version = 1, .floor_days = 1, .ceiling_days = 5});
    open_again();
    wall.ms += 60LL * DAY_MS;
    assert_int_equal(picture_store_fade(store, true, &more, &err), ERR_STALE);
    assert_non_null(strstr(err.text, "older than those this box had (version 2)"));
    assert_true(on_disk(&about));
    set_terms((struct picture_terms){
        .version = 3, .floor_days = 1, .ceiling_days = 5, .paused = 1}); /* checkpointd's word */
    assert_int_equal(picture_store_fade(store, true, &more, &err), ERR_STALE);
    assert_true(on_disk(&about));
    set_terms((struct picture_terms){.version = 3, .floor_days = 1, .ceiling_days = 5});
    fade();
    assert_false(on_disk(&about));
}

/* Hits of the held time only, up to where a picture may be of them. */
static void what_a_case_may_hold_stays_until_the_hold_ends(void **state)
{
    (void)state;
    struct picture_terms held = {.version = 1, .floor_days = 1, .ceiling_days = 3650};
    struct picture_about free_one = put_new(1, 1);
    struct picture_about in_time = put_new(2, 2);
    pin(100, 2);
    done(&in_time, 100, PICTURE_TAKEN);
    held.held_from_ms = wall.ms;
    held.held_until_ms = wall.ms + DAY_MS;
    wall.ms += DAY_MS + PICTURE_BIND_MS;
    struct picture_about after = put_new(3, 3);
    pin(101, 3);
    done(&after, 101, PICTURE_TAKEN);
    set_terms(held);
    wall.ms += 60LL * DAY_MS;
    fade();
    assert_true(on_disk(&in_time));
    assert_false(on_disk(&free_one) || on_disk(&after));
    open_again();
    fade();
    assert_true(on_disk(&in_time));
    held.version = 2;
    held.held_from_ms = held.held_until_ms = 0;
    set_terms(held);
    fade();
    assert_false(on_disk(&in_time));
}

static void a_picture_of_two_hits_waits_for_both(void **state)
{
    (void)state;
    struct picture_about about = put_new(1, 1);
    pin(100, 1);
    pin(101, 1);
    done(&about, 100, PICTURE_TAKEN);
    wall.ms += 60LL * DAY_MS;
    fade();
    assert_true(on_disk(&about));
    done(&about, 101, PICTURE_REFUSED);
    wall.ms += 8LL * DAY_MS;
    fade();
    assert_false(on_disk(&about));
}

static void a_clock_nobody_keeps_deletes_nothing_far_ahead(void **state)
{
    (void)state;
    bool more = false;
    struct picture_about about = put_new(1, 1);
    fade();
    wall.ms += 60LL * DAY_MS;
    assert_int_equal(picture_store_fade(store, false, &more, &err), ERR_STALE);
    assert_non_null(strstr(err.text, "7 days ahead"));
    assert_true(on_disk(&about));
    (void)put_new(2, 2); /* the time is what cameras see as well */
    assert_int_equal(picture_store_fade(store, false, &more, &err), 0);
    assert_false(on_disk(&about));
}

static int bytes_found(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    static char whole[4 << 20];
    (void)st, (void)ftw;
    if (kind != FTW_F)
        return 0;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(whole, 1, sizeof(whole), file);
    assert_int_equal(fclose(file), 0);
    return memmem(whole, size, bytes + 100, 500) != NULL;
}

/* Somebody who held the file open, or a hard link to it, sees zeros: it is overwritten, not only
 * unlinked. */
static void what_is_deleted_is_overwritten_first(void **state)
{
    (void)state;
    char path[PICTURE_PATH_SIZE];
    uint8_t left[SIZE];
    static const uint8_t zeros[SIZE];
    struct picture_about about = put_new(1, 1);
    picture_file_path(folder, about.sha, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(nftw(folder, bytes_found, 8, FTW_PHYS), 1);
    wall.ms += 31LL * DAY_MS;
    fade();
    assert_int_equal(pread(fd, left, SIZE, 0), SIZE);
    assert_memory_equal(left, zeros, SIZE);
    assert_int_equal(close(fd), 0);
    assert_int_equal(nftw(folder, bytes_found, 8, FTW_PHYS), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_picture_is_bound_whichever_came_first),
        CASE(what_headquarters_had_is_offered_again_with_its_record),
        CASE(an_event_number_of_another_day_is_another_event),
        CASE(the_same_bytes_are_stored_once),
        CASE(what_is_put_off_lets_others_go_first),
        CASE(wrong_bytes_are_not_kept),
        CASE(the_oldest_without_a_hit_gives_way),
        CASE(a_disk_that_others_need_is_left_to_them),
        CASE(a_write_that_fails_leaves_nothing),
        CASE(a_damaged_file_is_named_and_not_offered),
        CASE(a_cut_between_two_steps_leaves_nothing_behind),
        CASE(an_index_that_is_damaged_is_named_and_kept),
        CASE(terms_are_kept),
        CASE(headquarters_terms_bound_ours_across_a_restart),
        CASE(older_terms_delete_nothing),
        CASE(what_a_case_may_hold_stays_until_the_hold_ends),
        CASE(a_picture_of_two_hits_waits_for_both),
        CASE(a_clock_nobody_keeps_deletes_nothing_far_ahead),
        CASE(what_is_deleted_is_overwritten_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
