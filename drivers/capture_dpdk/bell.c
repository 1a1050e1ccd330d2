/* See bell.h; packet(7), socket(7). */
#include "drivers/capture_dpdk/bell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

/* Lets `bytes` of each frame through; 0: no frame. */
static bool let_through(int fd, uint32_t bytes)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, bytes)};
    const struct sock_fprog program = {.len = 1, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

int bell_open(const char *interface)
{
    const int least = 0; /* the kernel makes its own least of it */
    const int on = 1;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    address.sll_ifindex = (int)if_nametoindex(interface);
    if (address.sll_ifindex == 0)
        return -1;
    /* Protocol 0: deaf until it is bound, with the filter in place. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least); /* more does no harm */
    /* Without it our own frames ring too. */
    (void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    if (!let_through(fd, 0) || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd); /* nothing is in it */
        return -1;
    }
    return fd;
}

bool bell_arm(int fd)
{
    uint8_t byte;
    ssize_t got;
    do {
        got = recv(fd, &byte, sizeof byte, 0); /* what rang last time */
    } while (got >= 0);
    return errno == EAGAIN && let_through(fd, 1);
}

bool bell_wait(int fd, int timeout_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int ready = poll(&waiting, 1, timeout_ms);
    return ready == 0 || (ready > 0 && !(waiting.revents & (POLLERR | POLLHUP))) ||
           (ready < 0 && errno == EINTR);
}

bool bell_disarm(int fd)
{
    return let_through(fd, 0);
}
