/*
 * Preloaded into a program under test: its wall clock is wrong by WALL_CLOCK_OFFSET_S seconds, or
 * by those written in the file WALL_CLOCK_OFFSET_FILE, read at every call; every other clock is
 * true, and the kernel says that no source disciplines it. libfaketime also bends waits on the
 * monotonic clock, which stalls threads, and stands in AddressSanitizer's way. System calls only: a
 * sanitizer may ask before its functions work.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static time_t offset_of_file_s(const char *path)
{
    char text[32] = "";
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return 0;
    }
    long rc = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    return rc > 0 ? (time_t)strtoll(text, NULL, 10) : 0;
}

static time_t offset_s(void)
{
    const char *path = getenv("WALL_CLOCK_OFFSET_FILE");
    if (path) {
        return offset_of_file_s(path);
    }
    const char *text = getenv("WALL_CLOCK_OFFSET_S");
    return text ? (time_t)strtoll(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    long rc = syscall(SYS_clock_gettime, clock, out);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        out->tv_sec += offset_s();
    }
    return (int)rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int rc = clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return rc;
}

time_t time(time_t *out)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return -1;
    }
    if (out) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

int adjtimex(struct timex *out)
{
    *out = (struct timex){.status = STA_UNSYNC};
    return TIME_ERROR;
}
