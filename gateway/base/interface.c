/* See interface.h. */
#include "gateway/base/interface.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(int fd, unsigned long what, struct ifreq *request)
{
    if (ioctl(fd, what, request) == 0)
        return 0;
    return errno == ENODEV ? ERR_NOT_FOUND : ERR_IO;
}

int interface_look(const char *name, struct interface_state *out)
{
    struct ifreq flags = {0};
    struct ifreq index = {0};
    int size = snprintf(flags.ifr_name, sizeof flags.ifr_name, "%s", name);
    if (size < 0 || (size_t)size >= sizeof flags.ifr_name)
        return ERR_NOT_FOUND;
    snprintf(index.ifr_name, sizeof index.ifr_name, "%s", flags.ifr_name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    int result = ask(fd, SIOCGIFFLAGS, &flags);
    if (result == 0)
        result = ask(fd, SIOCGIFINDEX, &index);
    close(fd);
    if (result == 0)
        *out = (struct interface_state){.index = (unsigned)index.ifr_ifindex,
                                        .up = flags.ifr_flags & IFF_UP,
                                        .has_link = flags.ifr_flags & IFF_RUNNING};
    return result;
}

const char *interface_trouble(const char *name)
{
    struct interface_state state;
    int result = interface_look(name, &state);
    if (result == ERR_NOT_FOUND)
        return "interface is gone";
    if (result != 0)
        return NULL;
    return !state.up ? "interface is down" : !state.has_link ? "no link: cable or switch" : NULL;
}
