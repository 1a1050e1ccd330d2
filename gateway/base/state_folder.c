/*
 * See state_folder.h. No state of its own.
 */
#include "gateway/base/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int state_folder_take(const char *path, int *out_fd, struct err_text *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int cause = errno;
        close(fd);
        if (cause == EWOULDBLOCK)
            return err_set(err, ERR_BUSY,
                           "%s: another program works there, expected one of a kind: stop it, or "
                           "give this one a 'state_dir' of its own",
                           path);
        return err_set(err, ERR_IO, "%s: lock: %s", path, strerror(cause));
    }
    *out_fd = fd;
    return ERR_OK;
}
