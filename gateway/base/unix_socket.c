/* See unix_socket.h. */
#include "gateway/base/unix_socket.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 128 };

static int address_of(const char *path, struct sockaddr_un *out, struct err_text *err)
{
    size_t size = strlen(path);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (size == 0 || size >= sizeof out->sun_path)
        return err_set(err, ERR_INVALID, "socket path '%s': %zu bytes, expected 1 to %zu", path,
                       size, sizeof out->sun_path - 1);
    memcpy(out->sun_path, path, size);
    return 0;
}

static int open_socket(int type, int *out_fd, struct err_text *err)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "socket: %s", strerror(errno));
    *out_fd = fd;
    return 0;
}

int unix_connect(const char *path, int type, int *out_fd, struct err_text *err)
{
    struct sockaddr_un address;
    int fd = -1;
    int result = address_of(path, &address, err);
    if (result == 0)
        result = open_socket(type, &fd, err);
    if (result != 0)
        return result;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int code = errno == ENOENT || errno == ECONNREFUSED ? ERR_NOT_FOUND : ERR_IO;
        result = err_set(err, code, "%s: %s", path, strerror(errno));
        close(fd);
        return result;
    }
    *out_fd = fd;
    return 0;
}

/* Removes a socket file nobody listens at any more. */
static int remove_dead(const char *path, int type, struct err_text *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_INVALID, "%s: exists and is not a socket", path);
    int fd = -1;
    int result = unix_connect(path, type, &fd, NULL);
    if (result == 0) {
        close(fd);
        return err_set(err, ERR_BUSY, "%s: another program listens there", path);
    }
    if (unlink(path) != 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return 0;
}

int unix_listen(const char *path, int type, mode_t mode, int *out_fd, struct err_text *err)
{
    struct sockaddr_un address;
    int fd = -1;
    int result = address_of(path, &address, err);
    if (result == 0)
        result = remove_dead(path, type, err);
    if (result == 0)
        result = open_socket(type, &fd, err);
    if (result != 0)
        return result;
    /* fchmod before bind sets the mode of the file bind makes, so there is no open moment. */
    if (fchmod(fd, mode) != 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, mode) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        result = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        close(fd);
        return result;
    }
    *out_fd = fd;
    return 0;
}

int unix_give_to_group(const char *path, const char *group, struct err_text *err)
{
    enum { RECORD_BYTES = 8192 };
    struct group record;
    struct group *found = NULL;
    char text[RECORD_BYTES];
    if (!group || group[0] == '\0' || getgrnam_r(group, &record, text, sizeof text, &found) != 0 ||
        !found)
        return 0;
    if (chown(path, (uid_t)-1, found->gr_gid) != 0)
        return err_set(err, ERR_DENIED, "%s: cannot be given to group '%s': %s", path, group,
                       strerror(errno));
    return 0;
}

int unix_peer_of(int fd, struct unix_peer *out)
{
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return ERR_IO;
    *out = (struct unix_peer){credentials.pid, credentials.uid, credentials.gid};
    return 0;
}

int unix_accept(int listen_fd, int *out_fd, struct unix_peer *out_peer)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return errno == EAGAIN || errno == ECONNABORTED || errno == EINTR ? ERR_TIMEOUT : ERR_IO;
    struct unix_peer peer;
    if (unix_peer_of(fd, &peer) != 0) {
        close(fd);
        return ERR_IO;
    }
    *out_fd = fd;
    *out_peer = peer;
    return 0;
}

bool unix_peer_is(const struct unix_peer *peer, uid_t allowed)
{
    return peer->uid == allowed || peer->uid == 0 || peer->uid == geteuid();
}
