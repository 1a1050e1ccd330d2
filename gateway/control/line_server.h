/*
 * Local sockets that speak one JSON object a line, several of them in one thread over libevent.
 * Everything but line_server_post() and line_server_stop() belongs to the server's thread.
 *
 * Limits: a line longer than the listener's is answered with an error and the client closed; a
 * client that does not read is closed when its output passes the listener's bound; both counted.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/base/err.h"
#include "gateway/base/thread.h"
#include "gateway/base/unix_socket.h"

struct line_server;
struct line_client;

struct line_ops {
    /* A peer connected; anything but 0 refuses it. *out_data is the client's own pointer. */
    int (*open)(void *ctx, struct line_client *client, const struct unix_peer *peer,
                void **out_data);
    /* One object; borrowed. A line that is no JSON object has been answered already. */
    void (*line)(void *ctx, struct line_client *client, const json_t *object);
    /* It has gone, and is freed behind this call; never called inside another callback of it. */
    void (*closed)(void *ctx, struct line_client *client);
};

struct line_listener {
    const char *path;
    mode_t mode;
    const char *group; /* of the socket file; NULL or unknown on this machine: the folder's */
    const struct line_ops *ops;
    void *ctx;
    int clients_max;
    int clients_of_one_max; /* of one user; 0: as many as there are places */
    size_t line_max_bytes;
    size_t output_max_bytes;
    /* All clients of the socket together; 0: no bound. Only those that leave much unread are
     * closed for it, so that it is passed by 64 KiB for each client that reads at most. */
    size_t output_all_max_bytes;
};

struct line_stats {
    uint64_t clients;       /* now */
    uint64_t refused;       /* no place left, or by open */
    uint64_t slow_dropped;  /* closed because they did not read */
    uint64_t lines_bad;     /* no JSON object, or too long */
    uint64_t posts_dropped; /* line_server_post() with a full queue */
};

/* *out is heap memory for line_server_destroy(). ERR_NO_MEMORY. */
int line_server_create(struct line_server **out, struct err_text *err) MUST_CHECK;
/* Before the thread starts. `listener` is copied, what it points to must live on. Errors of
 * unix_listen(). */
int line_server_listen(struct line_server *server, const struct line_listener *listener,
                       struct err_text *err) MUST_CHECK;
/* Before the thread starts: called some times a second in the server's thread. One at most. */
void line_server_on_tick(struct line_server *server, void (*tick)(void *ctx), void *ctx);
/* Thread function: serves until the thread is asked to stop. */
void line_server_run(struct thread *self, void *server);
void line_server_destroy(struct line_server *server); /* NULL is fine; the thread has ended */

/* Any thread: runs `run(ctx, item)` soon in the server's thread. ERR_FULL (counted), ERR_STOPPED:
 * `item` is still the caller's. */
int line_server_post(struct line_server *server, void (*run)(void *ctx, void *item), void *ctx,
                     void *item) MUST_CHECK;
/* Whether the caller is the server's own thread. */
bool line_server_is_here(const struct line_server *server);
void line_server_stats(const struct line_server *server, struct line_stats *out);

/* Queues `size` bytes, a '\n' is added. A client over its bound is closed soon, see above. */
void line_client_send(struct line_client *client, const char *text, size_t size);
/* The compact text of `object`; steals the reference. Without memory the client is closed. */
void line_client_send_json(struct line_client *client, json_t *object);
void line_client_close(struct line_client *client); /* after what is queued was sent */
void *line_client_data(const struct line_client *client);
/* Number of the connection, never used again while the server lives. */
uint64_t line_client_id(const struct line_client *client);
/* NULL when it has gone. */
struct line_client *line_client_find(struct line_server *server, uint64_t id);
const struct unix_peer *line_client_peer(const struct line_client *client);
/* Calls `visit` for each client of the listener with `ops`; it may close the one it is given. */
void line_server_each(struct line_server *server, const struct line_ops *ops,
                      void (*visit)(void *ctx, struct line_client *client), void *ctx);

/* {"error":{"code":…,"en":…,"zh":…}}; new reference, NULL without memory. */
json_t *line_error(const char *code, const char *en, const char *zh);
