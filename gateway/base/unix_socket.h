/*
 * Local sockets: listen, connect, and who is at the other end. Every fd is O_CLOEXEC and
 * non-blocking. No state.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "gateway/base/err.h"

struct unix_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* Listens at `path` (type SOCK_STREAM or SOCK_SEQPACKET) with file mode `mode`. A dead socket file
 * of an earlier run is replaced; one that somebody listens at is ERR_BUSY. *out_fd is the caller's.
 * ERR_INVALID when the path does not fit sockaddr_un, ERR_IO. */
int unix_listen(const char *path, int type, mode_t mode, int *out_fd,
                struct err_text *err) MUST_CHECK;
/* Gives the socket file at `path` to a group. NULL, "" or a group this machine does not have leave
 * it as the folder made it. ERR_DENIED when we are not a member of that group. */
int unix_give_to_group(const char *path, const char *group, struct err_text *err) MUST_CHECK;
/* Connects; ERR_NOT_FOUND when nobody listens there. *out_fd is the caller's. */
int unix_connect(const char *path, int type, int *out_fd, struct err_text *err) MUST_CHECK;
/* The next waiting connection; ERR_TIMEOUT when none waits. *out_fd is the caller's. */
int unix_accept(int listen_fd, int *out_fd, struct unix_peer *out_peer) MUST_CHECK;
/* Process and user at the other end when it connected (SO_PEERCRED). ERR_IO. */
int unix_peer_of(int fd, struct unix_peer *out) MUST_CHECK;
/* Whether `peer` may connect where user `allowed` is expected: that user, root, or ourselves. */
bool unix_peer_is(const struct unix_peer *peer, uid_t allowed);
