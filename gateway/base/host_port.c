/* See host_port.h. */
#include "gateway/base/host_port.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int host_port_split(const char *text, char out_host[HOST_TEXT_SIZE], uint16_t *out_port,
                    struct err_text *err)
{
    const char *host = text;
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;
    size_t size = colon ? (size_t)(colon - text) : 0;
    char found[HOST_TEXT_SIZE];
    struct in6_addr address;
    if (size > 1 && text[0] == '[' && colon[-1] == ']') {
        host++;
        size -= 2;
    }
    if (port < 0 || port > UINT16_MAX || end == colon + 1 || *end != '\0' || size == 0 ||
        size >= HOST_TEXT_SIZE)
        return err_set(err, ERR_INVALID, "'%s': expected address:port", text);
    memcpy(found, host, size);
    found[size] = '\0';
    if (inet_pton(AF_INET, found, &address) != 1 && inet_pton(AF_INET6, found, &address) != 1)
        return err_set(err, ERR_INVALID, "'%s': expected an IP address before the port", text);
    memcpy(out_host, found, size + 1);
    *out_port = (uint16_t)port;
    return 0;
}

int socket_port(int fd, uint16_t *out)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {.sin6_port = 0}};
    socklen_t size = sizeof(address);
    if (getsockname(fd, &address.any, &size) != 0)
        return ERR_IO;
    *out = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
    return 0;
}
