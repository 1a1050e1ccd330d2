/* The client's end against a peer that does as it is told: whole lines, halves, silence, the end.
 */
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

#include "gateway/base/unix_socket.h"
#include "gateway/control/client.h"

enum { WAIT_MS = 10000, SHORT_MS = 30 };

struct bench {
    char folder[64];
    char path[128];
    int listen_fd;
    int peer;
    struct control_client *client;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    struct unix_peer peer;
    struct err_text err;
    snprintf(b->folder, sizeof b->folder, "/tmp/client.XXXXXX");
    if (!mkdtemp(b->folder))
        return -1;
    snprintf(b->path, sizeof b->path, "%s/control", b->folder);
    if (unix_listen(b->path, SOCK_STREAM, 0600, &b->listen_fd, &err) != 0 ||
        control_client_open(b->path, &b->client, &err) != 0 ||
        unix_accept(b->listen_fd, &b->peer, &peer) != 0)
        return -1;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    control_client_close(b->client);
    if (b->peer >= 0)
        close(b->peer);
    close(b->listen_fd);
    unlink(b->path);
    int result = rmdir(b->folder);
    free(b);
    return result;
}

static void say(const struct bench *b, const char *text)
{
    assert_int_equal(write(b->peer, text, strlen(text)), strlen(text));
}

static void the_answer_is_the_one_with_its_id(void **state)
{
    struct bench *b = *state;
    struct err_text err;
    json_t *request = json_pack("{s:s}", "do", "status");
    json_t *answer = NULL;
    char line[64] = "";
    say(b, "{\"id\":7,\"ok\":true}\n{\"event\":\"x\"}\n{\"id\":1,\"ok\":false}\n{\"id\":2}\n");
    assert_int_equal(control_client_ask(b->client, request, WAIT_MS, &answer, &err), 0);
    assert_true(json_is_false(json_object_get(answer, "ok")));
    json_decref(answer);
    assert_int_equal(control_client_ask(b->client, request, WAIT_MS, &answer, &err), 0);
    json_decref(answer);
    json_decref(request);
    assert_true(read(b->peer, line, sizeof line - 1) > 0);
    assert_non_null(strstr(line, "\"id\":1}\n"));
}

static void a_line_may_come_in_parts_and_be_long(void **state)
{
    struct bench *b = *state;
    struct err_text err;
    json_t *object = NULL;
    size_t size = 200000;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    say(b, "{\"text\":\"");
    assert_int_equal(control_client_receive(b->client, SHORT_MS, &object, &err), ERR_TIMEOUT);
    for (size_t at = 0; at < size; at += 20000) { /* what a socket's buffer takes, in turns */
        assert_int_equal(write(b->peer, text + at, 20000), 20000);
        assert_int_equal(control_client_receive(b->client, SHORT_MS, &object, &err), ERR_TIMEOUT);
    }
    say(b, "\"}\n");
    assert_int_equal(control_client_receive(b->client, WAIT_MS, &object, &err), 0);
    assert_int_equal(json_string_length(json_object_get(object, "text")), size);
    json_decref(object);
    free(text);
}

static void silence_and_the_end_are_told_apart(void **state)
{
    struct bench *b = *state;
    struct err_text err;
    json_t *object = NULL;
    json_t *request = json_object();
    assert_int_equal(control_client_ask(b->client, request, SHORT_MS, &object, &err), ERR_TIMEOUT);
    close(b->peer);
    b->peer = -1;
    assert_int_equal(control_client_receive(b->client, WAIT_MS, &object, &err), ERR_STOPPED);
    assert_int_equal(control_client_ask(b->client, request, WAIT_MS, &object, &err), ERR_STOPPED);
    assert_string_equal(err.text, "the connection was closed");
    json_decref(request);
}

static void what_is_no_object_is_refused(void **state)
{
    struct bench *b = *state;
    struct err_text err;
    json_t *object = NULL;
    say(b, "[1]\n{\n{}\n");
    assert_int_equal(control_client_receive(b->client, WAIT_MS, &object, &err), ERR_INVALID);
    assert_int_equal(control_client_receive(b->client, WAIT_MS, &object, &err), ERR_INVALID);
    assert_int_equal(control_client_receive(b->client, WAIT_MS, &object, &err), 0);
    json_decref(object);
}

static void nobody_there(void **state)
{
    struct control_client *client = NULL;
    struct err_text err;
    (void)state;
    assert_int_equal(control_client_open("/nonexistent/control", &client, &err), ERR_NOT_FOUND);
    control_client_close(NULL);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_answer_is_the_one_with_its_id),  CASE(a_line_may_come_in_parts_and_be_long),
        CASE(silence_and_the_end_are_told_apart), CASE(what_is_no_object_is_refused),
        cmocka_unit_test(nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
