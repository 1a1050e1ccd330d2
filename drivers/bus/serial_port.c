/*
 * A serial line as a file descriptor. No state.
 */
#include "drivers/bus/serial_port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const struct {
    uint32_t baud_bps;
    speed_t speed;
} rates[] = {{1200, B1200},   {2400, B2400},   {4800, B4800},     {9600, B9600},    {19200, B19200},
             {38400, B38400}, {57600, B57600}, {115200, B115200}, {230400, B230400}};

static speed_t speed_of(uint32_t baud_bps)
{
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        if (rates[i].baud_bps == baud_bps) {
            return rates[i].speed;
        }
    }
    return B0;
}

bool serial_rate_is_standard(uint32_t baud_bps)
{
    return speed_of(baud_bps) != B0;
}

int serial_settings_check(const struct serial_settings *settings, struct err_text *err)
{
    if (settings->line[0] != '/') {
        return err_set(err, ERR_INVALID, "line '%s': expected a device path", settings->line);
    }
    if (!serial_rate_is_standard(settings->baud_bps)) {
        return err_set(err, ERR_INVALID,
                       "baud %u: not a standard rate, expected one of 1200, 2400, 4800, 9600, "
                       "19200, 38400, 57600, 115200, 230400",
                       settings->baud_bps);
    }
    if (settings->parity != 'N' && settings->parity != 'E' && settings->parity != 'O') {
        return err_set(err, ERR_INVALID, "parity: expected N, E or O");
    }
    if (settings->stop_bits < 1 || settings->stop_bits > 2) {
        return err_set(err, ERR_INVALID, "stop_bits %u: expected 1 or 2", settings->stop_bits);
    }
    return ERR_OK;
}

static int configure(int fd, const struct serial_settings *settings)
{
    struct termios t;
    if (tcgetattr(fd, &t) != 0) {
        return -1;
    }
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    t.c_cflag &= ~(tcflag_t)(CRTSCTS | CSTOPB | PARENB | PARODD);
    t.c_cflag |= settings->stop_bits == 2 ? CSTOPB : 0;
    t.c_cflag |= settings->parity != 'N' ? PARENB : 0;
    t.c_cflag |= settings->parity == 'O' ? PARODD : 0;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    if (cfsetspeed(&t, speed_of(settings->baud_bps)) != 0 || tcsetattr(fd, TCSANOW, &t) != 0) {
        return -1;
    }
    (void)ioctl(fd, TIOCEXCL);    /* a pty may refuse; a second opener would only steal bytes */
    (void)tcflush(fd, TCIOFLUSH); /* bytes from before are of no use */
    return 0;
}

int serial_port_open(const struct serial_settings *settings, int *out_fd, struct err_text *err)
{
    int fd = open(settings->line, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || configure(fd, settings) != 0) {
        int failure = errno;
        if (fd >= 0) {
            close(fd);
        }
        return err_set(err, ERR_IO, "cannot open %s: %s", settings->line, strerror(failure));
    }
    *out_fd = fd;
    return ERR_OK;
}

void serial_port_close(int fd)
{
    (void)ioctl(fd, TIOCNXCL); /* a line that is gone refuses nobody */
    close(fd);
}
