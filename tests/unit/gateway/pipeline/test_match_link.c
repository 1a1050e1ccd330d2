/* The `matches` socket against a real peer: order, checks, replacement, texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/queue.h"
#include "gateway/base/unix_socket.h"
#include "gateway/pipeline/match_link.h"

enum { WAIT_MS = 5000 };

struct seen {
    struct match_packet *packet; /* NULL: a change of state */
    bool connected;
    char reason[200];
};

struct bench {
    char folder[64];
    char path[96];
    struct queue *seen;
    struct match_link *link;
    struct thread thread;
};

static void on_packet(void *ctx, struct match_packet *packet)
{
    struct seen seen = {.packet = packet};
    assert_int_equal(queue_push(ctx, &seen), 0);
}

static void on_state(void *ctx, bool connected, const char *reason)
{
    struct seen seen = {.connected = connected};
    snprintf(seen.reason, sizeof seen.reason, "%s", reason ? reason : "");
    assert_int_equal(queue_push(ctx, &seen), 0);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    snprintf(b->folder, sizeof b->folder, "/tmp/match_link.XXXXXX");
    if (!mkdtemp(b->folder))
        return -1;
    snprintf(b->path, sizeof b->path, "%s/matches", b->folder);
    b->seen = queue_create(256, sizeof(struct seen));
    struct match_link_sink sink = {b->seen, on_packet, on_state};
    if (match_link_create(b->path, geteuid(), &sink, &b->link, NULL) != 0)
        return -1;
    struct thread_options options = {.name = "matches", .core = -1};
    if (thread_start(&b->thread, &options, match_link_run, b->link) != 0)
        return -1;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    thread_stop(&b->thread);
    thread_join(&b->thread);
    match_link_destroy(b->link);
    queue_destroy(b->seen);
    unlink(b->path);
    int result = rmdir(b->folder);
    free(b);
    return result;
}

static struct seen next(struct bench *b)
{
    struct seen seen;
    assert_int_equal(queue_pop(b->seen, &seen, WAIT_MS), 0);
    return seen;
}

static int connect_peer(struct bench *b)
{
    int fd = -1;
    assert_int_equal(unix_connect(b->path, SOCK_SEQPACKET, &fd, NULL), 0);
    return fd;
}

static struct match_message message(enum match_message_type type, uint64_t sequence)
{
    return (struct match_message){
        .version = MATCH_MESSAGE_VERSION, .type = type, .sequence = sequence};
}

static void send_message(int fd, const struct match_message *m)
{
    assert_int_equal(send(fd, m, sizeof *m, 0), sizeof *m);
}

static int hello(struct bench *b)
{
    int fd = connect_peer(b);
    struct match_message m = message(MATCH_HELLO, 1);
    send_message(fd, &m);
    assert_true(next(b).connected);
    struct seen seen = next(b);
    assert_int_equal(seen.packet->message.type, MATCH_HELLO);
    match_link_release(b->link, seen.packet);
    return fd;
}

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.key;
}

static struct match_message read_with_hit(const char *text)
{
    struct match_message m = message(MATCH_READ, 2);
    m.u.read.read.lane = 1;
    m.u.read.read.kind = PLATE_KEY;
    m.u.read.read.key = key_of("鲁H12345");
    m.u.read.hit_count = 1;
    struct match_hit *hit = &m.u.read.hits[0];
    *hit = (struct match_hit){
        .kind = MATCH_EXACT, .agreement = CLASS_AGREE, .read_key = m.u.read.read.key};
    hit->entry = (struct wanted_record){.id = 7,
                                        .key = m.u.read.read.key,
                                        .priority = 1,
                                        .handling = HANDLING_STOP,
                                        .text_size = (uint32_t)strlen(text)};
    return m;
}

static void assert_refused(struct bench *b, const struct match_message *m, const char *reason)
{
    int fd = hello(b);
    send_message(fd, m);
    struct seen seen = next(b);
    assert_null(seen.packet);
    assert_false(seen.connected);
    if (!strstr(seen.reason, reason))
        fail_msg("refused with '%s', expected '%s'", seen.reason, reason);
    close(fd);
}

static void a_read_arrives_with_the_texts_of_its_hits(void **state)
{
    struct bench *b = *state;
    int fd = hello(b);
    struct match_message m = read_with_hit("{\"id\":7}");
    char bytes[sizeof m + 8];
    memcpy(bytes, &m, sizeof m);
    memcpy(bytes + sizeof m, "{\"id\":7}", 8);
    assert_int_equal(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
    struct seen seen = next(b);
    assert_non_null(seen.packet);
    assert_true(seen.packet->message.u.read.hits[0].entry.id == 7);
    assert_string_equal(seen.packet->texts[0], "{\"id\":7}");
    match_link_release(b->link, seen.packet);
    close(fd);
    assert_string_equal(next(b).reason, "matchd closed the connection");
}

static void what_breaks_the_contract_ends_the_connection(void **state)
{
    struct bench *b = *state;
    struct match_message gap = message(MATCH_ALIVE, 3);
    assert_refused(b, &gap, "sequence = '3': expected 2");
    struct match_message version = message(MATCH_ALIVE, 2);
    version.version = 9;
    assert_refused(b, &version, "version = '9': expected 7");
    struct match_message twice = message(MATCH_HELLO, 2);
    assert_refused(b, &twice, "expected a hello first and once");
    struct match_message lacking = read_with_hit("{}");
    assert_refused(b, &lacking, "0 bytes of entry texts, expected 2");
    struct match_message key = read_with_hit("");
    key.u.read.read.key = 12345;
    assert_refused(b, &key, "read: key does not fit its kind");
    struct match_message many = message(MATCH_STATS, 2);
    many.u.stats.count = MATCH_COUNTERS_MAX + 1;
    assert_refused(b, &many, "counters = '21': expected at most 20");
    struct match_message name = message(MATCH_STATS, 2);
    name.u.stats.count = 1;
    snprintf(name.u.stats.counters[0].name, sizeof name.u.stats.counters[0].name, "a\"b");
    assert_refused(b, &name, "counters[0]: a name of a-z, 0-9 and _ expected");
    struct match_message none = message(MATCH_REFUSED, 2);
    snprintf(none.u.refused.cause, sizeof none.u.refused.cause, "camera_bad_tag");
    assert_refused(b, &none, "refused count = '0': expected at least 1");
    struct match_message cause = none;
    cause.u.refused.count = 1;
    memset(cause.u.refused.cause, 'a', sizeof cause.u.refused.cause);
    assert_refused(b, &cause, "refused cause: a name of a-z, 0-9 and _ expected");
    struct match_message source = none;
    source.u.refused.count = 1;
    snprintf(source.u.refused.source, sizeof source.u.refused.source, "1.2.3.4:5\n");
    assert_refused(b, &source, "refused source: an address and a port expected");
    memset(source.u.refused.source, '1', sizeof source.u.refused.source);
    assert_refused(b, &source, "refused source: an address and a port expected");
    struct match_message bytes = none;
    bytes.u.refused.count = 1;
    bytes.u.refused.size = MATCH_REFUSED_BYTES_MAX + 1;
    assert_refused(b, &bytes, "refused bytes = '49': expected at most 48");
    struct match_message priority = read_with_hit("");
    priority.u.read.hits[0].entry.priority = 9;
    assert_refused(b, &priority, "hits[0]: entry priority = '9': expected 1 to 3");
    struct match_message keyless = read_with_hit("");
    keyless.u.read.hits[0].read_key = 0;
    assert_refused(b, &keyless, "hits[0]: no truth value or no key of the read");
    struct match_message truth = read_with_hit("");
    memset(&truth.u.read.hits[0].expired, 2, sizeof(bool));
    assert_refused(b, &truth, "hits[0]: no truth value or no key of the read");
    struct match_message candidate = read_with_hit("");
    candidate.u.read.read.candidate_count = 1;
    assert_refused(b, &candidate, "read: candidates[0]: no key");
    struct match_message score = read_with_hit("");
    score.u.read.read.confidence = 101;
    assert_refused(b, &score, "read: a confidence out of range, expected 0 to 100");
    struct match_message alarm = message(MATCH_ALARM, 2);
    memset(&alarm.u.alarm.active, 7, sizeof(bool));
    assert_refused(b, &alarm, "alarm active: no truth value");
    struct match_message lane = read_with_hit("");
    lane.u.read.read.lane = 0;
    assert_refused(b, &lane, "read: lane = '0': expected 1 to 255");
}

static void a_short_message_ends_the_connection(void **state)
{
    struct bench *b = *state;
    int fd = hello(b);
    assert_int_equal(send(fd, "PR", 2, 0), 2);
    assert_non_null(strstr(next(b).reason, "2 bytes, expected at least"));
    close(fd);
}

static void a_query_reaches_matchd_whole(void **state)
{
    struct bench *b = *state;
    struct match_query query = {.version = MATCH_MESSAGE_VERSION, .type = QUERY_SEARCH};
    query.u.search.number = 5;
    query.u.search.key = key_of("鲁H12345");
    assert_int_equal(match_link_send(b->link, &query), ERR_NOT_FOUND);
    int fd = hello(b);
    assert_int_equal(match_link_send(b->link, &query), 0);
    struct match_query got;
    assert_int_equal(recv(fd, &got, sizeof got, 0), sizeof got);
    assert_int_equal(match_query_check(&got, sizeof got, NULL), 0);
    assert_memory_equal(&got, &query, sizeof got);
    got.u.search.key = 0;
    assert_int_equal(match_query_check(&got, sizeof got, NULL), ERR_INVALID);
    assert_int_equal(match_query_check(&got, 3, NULL), ERR_INVALID);
    close(fd);
}

static void the_newest_matchd_wins(void **state)
{
    struct bench *b = *state;
    int first = hello(b);
    int second = connect_peer(b);
    assert_string_equal(next(b).reason, "a newer matchd connected");
    assert_true(next(b).connected);
    struct match_message m = message(MATCH_HELLO, 1);
    send_message(second, &m);
    struct seen seen = next(b);
    assert_int_equal(seen.packet->message.type, MATCH_HELLO);
    match_link_release(b->link, seen.packet);
    close(first);
    close(second);
}

static void a_full_pool_loses_nothing(void **state)
{
    struct bench *b = *state;
    int fd = hello(b);
    struct match_packet *held[MATCH_LINK_PACKETS];
    uint64_t sequence = 2;
    for (int i = 0; i < MATCH_LINK_PACKETS; i++) {
        struct match_message m = message(MATCH_ALIVE, sequence++);
        send_message(fd, &m);
        held[i] = next(b).packet;
        assert_non_null(held[i]);
    }
    struct match_message late = message(MATCH_ALIVE, sequence);
    send_message(fd, &late);
    struct seen seen;
    assert_int_equal(queue_pop(b->seen, &seen, 50), ERR_TIMEOUT);
    for (int i = 0; i < MATCH_LINK_PACKETS; i++)
        match_link_release(b->link, held[i]);
    seen = next(b);
    assert_true(seen.packet->message.sequence == sequence);
    match_link_release(b->link, seen.packet);
    close(fd);
}

/* What the older connection brought before it was replaced is not lost with it. */
static void a_newer_matchd_waits_for_what_the_older_one_said(void **state)
{
    struct bench *b = *state;
    int fd = hello(b);
    struct match_packet *held[MATCH_LINK_PACKETS];
    uint64_t sequence = 2;
    for (int i = 0; i < MATCH_LINK_PACKETS; i++) {
        struct match_message m = message(MATCH_ALIVE, sequence++);
        send_message(fd, &m);
        held[i] = next(b).packet;
    }
    struct match_message last = message(MATCH_ALIVE, sequence);
    send_message(fd, &last);
    int second = connect_peer(b);
    struct seen seen;
    assert_int_equal(queue_pop(b->seen, &seen, 500), ERR_TIMEOUT);
    for (int i = 0; i < MATCH_LINK_PACKETS; i++)
        match_link_release(b->link, held[i]);
    seen = next(b);
    assert_non_null(seen.packet);
    assert_true(seen.packet->message.sequence == sequence);
    match_link_release(b->link, seen.packet);
    assert_string_equal(next(b).reason, "a newer matchd connected");
    assert_true(next(b).connected);
    close(fd);
    close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_read_arrives_with_the_texts_of_its_hits, setup, teardown),
        cmocka_unit_test_setup_teardown(what_breaks_the_contract_ends_the_connection, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_short_message_ends_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_query_reaches_matchd_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(the_newest_matchd_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_pool_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_matchd_waits_for_what_the_older_one_said, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
