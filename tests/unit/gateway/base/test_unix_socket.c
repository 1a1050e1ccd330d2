/* Local sockets: stale files replaced, living ones respected, the peer known. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/unix_socket.h"

struct place {
    char folder[64];
    char path[96];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    snprintf(p->folder, sizeof p->folder, "/tmp/unix_socket.XXXXXX");
    if (!mkdtemp(p->folder)) {
        free(p);
        return -1;
    }
    snprintf(p->path, sizeof p->path, "%s/socket", p->folder);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    unlink(p->path);
    int result = rmdir(p->folder);
    free(p);
    return result;
}

static void peers_meet_and_know_each_other(void **state)
{
    struct place *p = *state;
    int listener, client, server;
    struct unix_peer peer;
    assert_int_equal(unix_listen(p->path, SOCK_SEQPACKET, 0600, &listener, NULL), 0);
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(unix_accept(listener, &server, &peer), ERR_TIMEOUT);
    assert_int_equal(unix_connect(p->path, SOCK_SEQPACKET, &client, NULL), 0);
    assert_int_equal(unix_accept(listener, &server, &peer), 0);
    assert_int_equal(peer.pid, getpid());
    assert_true(unix_peer_is(&peer, peer.uid));
    assert_int_not_equal(fcntl(server, F_GETFL) & O_NONBLOCK, 0);
    assert_int_not_equal(fcntl(server, F_GETFD) & FD_CLOEXEC, 0);
    close(client);
    close(server);
    close(listener);
}

static void a_dead_file_is_replaced_and_a_living_one_is_not(void **state)
{
    struct place *p = *state;
    struct err_text err;
    int first, second;
    assert_int_equal(unix_listen(p->path, SOCK_STREAM, 0600, &first, NULL), 0);
    assert_int_equal(unix_listen(p->path, SOCK_STREAM, 0600, &second, &err), ERR_BUSY);
    assert_non_null(strstr(err.text, "another program listens there"));
    close(first);
    assert_int_equal(unix_connect(p->path, SOCK_STREAM, &second, NULL), ERR_NOT_FOUND);
    assert_int_equal(unix_listen(p->path, SOCK_STREAM, 0600, &second, NULL), 0);
    close(second);
}

static void what_is_no_socket_is_left_alone(void **state)
{
    struct place *p = *state;
    struct err_text err;
    int fd = open(p->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    assert_int_equal(unix_listen(p->path, SOCK_STREAM, 0600, &fd, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "exists and is not a socket"));
}

static void a_long_path_is_refused(void **state)
{
    (void)state;
    char path[200];
    struct err_text err;
    int fd;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(unix_listen(path, SOCK_STREAM, 0600, &fd, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "199 bytes, expected 1 to 107"));
}

static void a_socket_is_given_to_a_group(void **state)
{
    struct place *p = *state;
    struct stat before, after;
    struct err_text err = {""};
    int listener;
    assert_int_equal(unix_listen(p->path, SOCK_STREAM, 0660, &listener, NULL), 0);
    assert_int_equal(stat(p->path, &before), 0);
    assert_int_equal(unix_give_to_group(p->path, NULL, NULL), 0);
    assert_int_equal(unix_give_to_group(p->path, "", NULL), 0);
    assert_int_equal(unix_give_to_group(p->path, "no-such-group-here", NULL), 0);
    assert_int_equal(stat(p->path, &after), 0);
    assert_int_equal(after.st_gid, before.st_gid);
    int result = unix_give_to_group(p->path, "daemon", &err); /* group 1 of every Debian */
    if (geteuid() == 0) {
        assert_int_equal(result, 0);
        assert_int_equal(stat(p->path, &after), 0);
        assert_int_equal(after.st_gid, 1);
        assert_int_equal(after.st_mode & 0777, 0660);
    } else {
        assert_int_equal(result, ERR_DENIED);
        assert_non_null(strstr(err.text, "cannot be given to group 'daemon'"));
    }
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(peers_meet_and_know_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dead_file_is_replaced_and_a_living_one_is_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_socket_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_is_given_to_a_group, setup, teardown),
        cmocka_unit_test(a_long_path_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
