/*
 * See address.h. No state.
 */
#include "gateway/hq/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int hq_address_split(const char *text, char host[HQ_ADDRESS_SIZE], uint16_t *out_port,
                     struct err_text *err)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;
    size_t size = colon ? (size_t)(colon - text) : 0;
    struct in6_addr address;
    if (size > 1 && text[0] == '[' && colon[-1] == ']') {
        text++;
        size -= 2;
    }
    if (port < 0 || port > 65535 || end == colon + 1 || *end != '\0' || size == 0 ||
        size >= HQ_ADDRESS_SIZE)
        return err_set(err, ERR_INVALID, "'%s': expected address:port", text);
    memcpy(host, text, size);
    host[size] = '\0';
    if (inet_pton(AF_INET, host, &address) != 1 && inet_pton(AF_INET6, host, &address) != 1)
        return err_set(err, ERR_INVALID, "'%s': expected an IP address before the port", text);
    *out_port = (uint16_t)port;
    return 0;
}

int hq_address_port_of(int fd, uint16_t *out)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return ERR_IO;
    *out = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}
