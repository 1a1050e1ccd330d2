/* See accepted.h. */
#include "gateway/tls/accepted.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int accepted_index; /* written once, by make_index */

static void leave(struct accepted *one)
{
    TAILQ_REMOVE(&one->all->list, one, link);
    one->all->count--;
}

static void free_accepted(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                          void *argp)
{
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp; /* the signature is OpenSSL's */
    struct accepted *one = ptr;
    if (!one)
        return;
    leave(one);
    if (one->all->freed)
        one->all->freed(one);
    free(one);
}

static void make_index(void)
{
    accepted_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_accepted);
}

static void on_info(const SSL *ssl, int where, int value)
{
    struct accepted *one = accepted_of(ssl);
    if (one)
        one->all->info(one, where, value);
}

void accepted_init(struct accepted_list *all, size_t max,
                   void (*info)(struct accepted *one, int where, int value),
                   void (*freed)(struct accepted *one))
{
    (void)pthread_once(&index_once, make_index); /* fails only for a bad argument */
    *all = (struct accepted_list){.max = max, .info = info, .freed = freed};
    TAILQ_INIT(&all->list);
}

void accepted_attach(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, on_info);
}

int accepted_add(struct accepted_list *all, struct accepted *one, SSL *ssl, struct mono_time now)
{
    one->all = all;
    one->ssl = ssl;
    one->since = now;
    TAILQ_INSERT_TAIL(&all->list, one, link);
    all->count++;
    if (SSL_set_ex_data(ssl, accepted_index, one) == 1)
        return 0;
    leave(one);
    return ERR_NO_MEMORY;
}

struct accepted *accepted_of(const SSL *ssl)
{
    return ssl ? SSL_get_ex_data(ssl, accepted_index) : NULL;
}

bool accepted_is_full(const struct accepted_list *all)
{
    return all->count >= all->max;
}

size_t accepted_identify(struct accepted *one, const void *key, size_t size)
{
    const struct accepted *other;
    size_t count = 0;
    assert(size <= sizeof one->key);
    memset(one->key, 0, sizeof one->key);
    memcpy(one->key, key, size);
    one->known = true;
    TAILQ_FOREACH(other, &one->all->list, link)
    {
        count += other->known && memcmp(other->key, one->key, sizeof one->key) == 0;
    }
    return count;
}

void accepted_end(const struct accepted *one)
{
    int fd = SSL_get_fd(one->ssl);
    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR); /* a peer that left already is as good */
}
