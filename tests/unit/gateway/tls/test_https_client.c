/*
 * The HTTPS client against a real TLS server on loopback that answers well and badly on request:
 * by path. Who is refused on either side, what is cut, what the error says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "gateway/tls/https_client.h"
#include "tls_parties.h"

static struct party boxes, servers, foreign;

/* ---- the server ---- */

enum { REQUEST_MAX = 64 * 1024 };

struct site {
    SSL_CTX *ctx;
    int listen_fd;
    int port;
    pthread_t thread;
    atomic_bool stop;
    atomic_int connections; /* handshakes that came through */
    atomic_int requests;
    char refused[256]; /* read after site_close */
};

static void note_refusal(void *ctx, const char *why)
{
    struct site *site = ctx;
    (void)snprintf(site->refused, sizeof(site->refused), "%s", why); /* a cut line is readable */
}

/* One request, headers and body; false at the end of the connection. */
static bool read_request(SSL *ssl, char *text, size_t *out_size)
{
    size_t used = 0;
    size_t need = 0;
    while (used < REQUEST_MAX - 1 && (need == 0 || used < need)) {
        int n = SSL_read(ssl, text + used, (int)(REQUEST_MAX - 1 - used));
        if (n <= 0)
            return false;
        used += (size_t)n;
        text[used] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strstr(text, "Content-Length: ");
        if (end)
            need = (size_t)(end - text) + 4 + (length ? strtoul(length + 16, NULL, 10) : 0);
    }
    *out_size = used;
    return true;
}

static bool send_text(SSL *ssl, const char *text)
{
    return SSL_write(ssl, text, (int)strlen(text)) > 0;
}

static bool answer(SSL *ssl, const char *head, const char *body)
{
    char text[REQUEST_MAX + 512];
    (void)snprintf(text, sizeof(text), "%s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body),
                   body); /* sized for it */
    return send_text(ssl, text);
}

static bool send_until_closed(SSL *ssl, const char *head, const char *piece)
{
    if (!send_text(ssl, head))
        return false;
    while (send_text(ssl, piece))
        ;
    return false;
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool serve_request(SSL *ssl, const char *text)
{
    static const char lump[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    if (strstr(text, " /echo "))
        return answer(ssl, "HTTP/1.1 200 OK\r\nContent-Type: text/plain", text);
    if (starts(text, "GET /empty "))
        return answer(ssl, "HTTP/1.1 200 OK", "");
    if (starts(text, "GET /conflict "))
        return answer(ssl, "HTTP/1.1 409 Conflict",
                      "{\"error\":{\"code\":\"conflict\",\"en\":\"too late\",\"zh\":\"x\"}}");
    if (starts(text, "GET /busy "))
        return answer(ssl, "HTTP/1.1 503 Busy\r\nRetry-After: 7", "later");
    if (starts(text, "GET /redirect "))
        return answer(ssl, "HTTP/1.1 302 Found\r\nLocation: /echo", "");
    if (starts(text, "GET /big "))
        return send_until_closed(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n", lump);
    if (starts(text, "GET /endless "))
        return send_until_closed(ssl, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", lump);
    if (starts(text, "GET /headers "))
        return send_until_closed(ssl, "HTTP/1.1 200 OK\r\n", "X-More: and more\r\n");
    if (starts(text, "GET /garbage "))
        return send_text(ssl, "SSH-2.0-OpenSSH\r\n\r\n") && false;
    if (starts(text, "GET /cut "))
        return send_text(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123") && false;
    char byte; /* /silent: until the client gives up */
    return SSL_read(ssl, &byte, 1) > 0;
}

static void serve(struct site *site, int fd)
{
    static char text[REQUEST_MAX];
    size_t size = 0;
    SSL *ssl = SSL_new(site->ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        atomic_fetch_add(&site->connections, 1);
        while (read_request(ssl, text, &size)) {
            atomic_fetch_add(&site->requests, 1);
            if (!serve_request(ssl, text))
                break;
        }
        (void)SSL_shutdown(ssl); /* the client may have gone */
    }
    /* A close with unread bytes is a reset, which could overtake the alert. */
    (void)shutdown(fd, SHUT_WR); /* the client may have gone */
    while (read(fd, text, sizeof(text)) > 0)
        ;
    SSL_free(ssl);
    close(fd);
}

static void *run_site(void *ctx)
{
    struct site *site = ctx;
    struct pollfd poll_fd = {.fd = site->listen_fd, .events = POLLIN};
    while (!atomic_load(&site->stop)) {
        if (poll(&poll_fd, 1, 20) == 1) {
            int fd = accept(site->listen_fd, NULL, NULL);
            struct timeval limit = {.tv_sec = 10};
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
            serve(site, fd);
        }
    }
    return NULL;
}

static void site_open(struct site *site, const char *cert, bool ask_clients)
{
    char key[80], pem[80];
    struct err_text err;
    memset(site, 0, sizeof(*site));
    (void)snprintf(key, sizeof(key), "%s.key", cert); /* short names */
    (void)snprintf(pem, sizeof(pem), "%s.pem", cert); /* short names */
    struct tls_server_options options = {
        .cert_file = path_in(pem),
        .key_file = path_in(key),
        .trust = {{path_in("boxes.pem"), TLS_PEER_CHECKPOINT}},
        .trust_count = ask_clients ? 1 : 0,
        .refused = note_refusal,
        .refused_ctx = site,
    };
    assert_int_equal(tls_server_create(&options, &site->ctx, &err), 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    site->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(site->listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(site->listen_fd, 8), 0);
    assert_int_equal(getsockname(site->listen_fd, (struct sockaddr *)&at, &size), 0);
    site->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&site->thread, NULL, run_site, site), 0);
}

static void site_close(struct site *site)
{
    atomic_store(&site->stop, true);
    pthread_join(site->thread, NULL);
    close(site->listen_fd);
    SSL_CTX_free(site->ctx);
}

/* ---- the client ---- */

struct caller {
    struct https_client *client;
    struct https_answer answer;
    struct err_text err;
    char url[HTTPS_URL_SIZE];
    int looks; /* go_on says no after so many, 0: never */
};

static bool go_on(void *ctx)
{
    struct caller *caller = ctx;
    return caller->looks == 0 || --caller->looks > 0;
}

static void caller_open(struct caller *caller, const char *cert, const char *fleet)
{
    char key[80], pem[80];
    memset(caller, 0, sizeof(*caller));
    (void)snprintf(key, sizeof(key), "%s.key", cert ? cert : ""); /* short names */
    (void)snprintf(pem, sizeof(pem), "%s.pem", cert ? cert : ""); /* short names */
    struct https_client_options options = {
        .root_file = path_in("servers.pem"),
        .fleet = fleet,
        .cert_file = cert ? path_in(pem) : NULL,
        .key_file = cert ? path_in(key) : NULL,
        .connect_timeout_ms = 5000,
        .go_on = go_on,
        .go_on_ctx = caller,
    };
    assert_int_equal(https_client_create(&options, &caller->client, &caller->err), 0);
}

static void caller_close(struct caller *caller)
{
    https_answer_free(&caller->answer);
    https_client_destroy(caller->client);
}

static int send_request(struct caller *caller, const struct site *site, const char *path,
                        struct https_request request)
{
    https_answer_free(&caller->answer);
    (void)snprintf(caller->url, sizeof(caller->url), "https://127.0.0.1:%d%s", site->port,
                   path); /* short */
    request.url = caller->url;
    if (!request.method)
        request.method = "GET";
    return https_client_send(caller->client, &request, &caller->answer, &caller->err);
}

static int get(struct caller *caller, const struct site *site, const char *path)
{
    return send_request(caller, site, path, (struct https_request){.total_timeout_ms = 10000});
}

static void expect_text(const struct caller *caller, const char *part)
{
    if (!strstr(caller->err.text, part))
        fail_msg("'%s' is not in '%s'", part, caller->err.text);
}

static int make_parties(void **state)
{
    (void)state;
    if (!folder_make())
        return -1;
    struct wall_time old = {now().ms - 40LL * 86400000};
    boxes = root_named("boxes");
    servers = root_named("servers");
    foreign = root_named("servers"); /* the same name, another key */
    save(&boxes, "boxes");
    save(&servers, "servers");
    struct {
        const struct party *root;
        const char *urn, *name;
        struct wall_time when;
    } const made[] = {{&servers, "urn:checkpoint-hq:testfleet", "hq", now()},
                      {&servers, "urn:checkpoint-hq:testfleet", "hq-old", old},
                      {&foreign, "urn:checkpoint-hq:testfleet", "hq-foreign", now()},
                      {&servers, "urn:checkpoint-hq:otherfleet", "hq-other", now()},
                      {&servers, "urn:checkpoint:north-1", "hq-box", now()},
                      {&boxes, "urn:checkpoint:north-1", "box", now()},
                      {&boxes, "urn:checkpoint:north-1", "box-old", old},
                      {&foreign, "urn:checkpoint:north-1", "box-foreign", now()}};
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        struct party p = party_of(made[i].root, made[i].urn, made[i].when, 30);
        save(&p, made[i].name);
        party_free(&p);
    }
    return 0;
}

static int drop_parties(void **state)
{
    (void)state;
    party_free(&boxes);
    party_free(&servers);
    party_free(&foreign);
    return folder_remove();
}

/* ---- tests ---- */

static void requests_share_one_connection(void **state)
{
    (void)state;
    struct site site;
    struct caller caller;
    site_open(&site, "hq", true);
    caller_open(&caller, "box", "testfleet");
    struct https_request put = {
        .method = "PUT", .content_type = "text/plain", .body = "hello", .body_size = 5};
    assert_int_equal(send_request(&caller, &site, "/echo", put), 0);
    assert_int_equal(caller.answer.status, 200);
    assert_string_equal(caller.answer.content_type, "text/plain");
    assert_true(starts(caller.answer.body, "PUT /echo HTTP/1.1\r\n"));
    assert_non_null(strstr(caller.answer.body, "\r\n\r\nhello"));
    assert_non_null(strstr(caller.answer.body, "Content-Type: text/plain\r\n"));
    assert_null(strstr(caller.answer.body, "Authorization"));
    assert_int_equal(get(&caller, &site, "/empty"), 0);
    assert_int_equal(caller.answer.size, 0);
    assert_string_equal(caller.answer.body, "");
    assert_int_equal(atomic_load(&site.connections), 1);
    https_client_disconnect(caller.client);
    assert_int_equal(get(&caller, &site, "/empty"), 0);
    assert_int_equal(atomic_load(&site.connections), 2);
    caller_close(&caller);
    site_close(&site);
}

static void basic_password_is_sent_once_and_forgotten(void **state)
{
    (void)state;
    struct site site;
    struct caller caller;
    site_open(&site, "hq", false);
    caller_open(&caller, NULL, "testfleet");
    struct https_request post = {.method = "POST",
                                 .encoding = "base64",
                                 .body = "AA==",
                                 .body_size = 4,
                                 .user = "north-1",
                                 .password = "geheim"};
    assert_int_equal(send_request(&caller, &site, "/echo", post), 0);
    assert_non_null(strstr(caller.answer.body, "Authorization: Basic bm9ydGgtMTpnZWhlaW0=\r\n"));
    assert_non_null(strstr(caller.answer.body, "Content-Transfer-Encoding: base64\r\n"));
    assert_int_equal(get(&caller, &site, "/echo"), 0);
    assert_null(strstr(caller.answer.body, "Authorization"));
    caller_close(&caller);
    site_close(&site);
}

static void environment_proxy_is_ignored(void **state)
{
    (void)state;
    struct site site;
    struct caller caller;
    site_open(&site, "hq", true);
    assert_int_equal(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
    caller_open(&caller, "box", "testfleet");
    assert_int_equal(get(&caller, &site, "/empty"), 0);
    assert_int_equal(unsetenv("https_proxy"), 0);
    caller_close(&caller);
    site_close(&site);
}

static void status_and_error_object_become_one_line(void **state)
{
    (void)state;
    struct site site;
    struct caller caller;
    char expected[HTTPS_URL_SIZE + 64];
    site_open(&site, "hq", true);
    caller_open(&caller, "box", "testfleet");
    struct https_request request = {.url = caller.url};
    assert_int_equal(get(&caller, &site, "/conflict"), 0);
    assert_int_equal(https_answer_error(&request, &caller.answer, &caller.err), ERR_CONFLICT);
    (void)snprintf(expected, sizeof(expected), "%s: HTTP 409 conflict: too late", caller.url);
    assert_string_equal(caller.err.text, expected);
    assert_int_equal(get(&caller, &site, "/busy"), 0);
    assert_int_equal(caller.answer.retry_after_s, 7);
    assert_int_equal(https_answer_error(&request, &caller.answer, &caller.err), ERR_BUSY);
    (void)snprintf(expected, sizeof(expected), "%s: HTTP 503", caller.url);
    assert_string_equal(caller.err.text, expected);
    assert_int_equal(get(&caller, &site, "/redirect"), 0);
    assert_int_equal(caller.answer.status, 302);
    assert_int_equal(atomic_load(&site.requests), 3);
    caller_close(&caller);
    site_close(&site);
}

static void answers_without_end_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int code;
        const char *text;
    } bad[] = {{"/big", ERR_TOO_LARGE, "answer too large, limit 4194304 bytes"},
               {"/endless", ERR_TOO_LARGE, "answer too large, limit 4194304 bytes"},
               {"/headers", ERR_TOO_LARGE, "answer too large"},
               {"/garbage", ERR_IO, "connection broken: Received HTTP/0.9"},
               {"/cut", ERR_IO, "connection broken: transfer closed with 7 bytes"}};
    struct site site;
    struct caller caller;
    site_open(&site, "hq", true);
    caller_open(&caller, "box", "testfleet");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(get(&caller, &site, bad[i].path), bad[i].code);
        expect_text(&caller, caller.url);
        expect_text(&caller, bad[i].text);
        assert_null(caller.answer.body);
        assert_int_equal(get(&caller, &site, "/empty"), 0); /* usable as before */
    }
    struct https_request small = {.answer_max = 3};
    assert_int_equal(send_request(&caller, &site, "/busy", small), ERR_TOO_LARGE);
    caller_close(&caller);
    site_close(&site);
}

static void silence_ends_by_deadline_or_by_stop(void **state)
{
    (void)state;
    struct site site;
    struct caller caller;
    site_open(&site, "hq", true);
    caller_open(&caller, "box", "testfleet");
    struct https_request hasty = {.total_timeout_ms = 300};
    assert_int_equal(send_request(&caller, &site, "/silent", hasty), ERR_TIMEOUT);
    expect_text(&caller, "timed out: ");
    caller.looks = 3;
    assert_int_equal(get(&caller, &site, "/silent"), ERR_STOPPED);
    caller.looks = 0;
    assert_int_equal(get(&caller, &site, "/empty"), 0);
    caller_close(&caller);
    site_close(&site);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct site site;
    struct caller caller;
    site_open(&site, "hq", true);
    site_close(&site);
    caller_open(&caller, "box", "testfleet");
    assert_int_equal(get(&caller, &site, "/empty"), ERR_IO);
    expect_text(&caller, "cannot connect: Failed to connect");
    struct https_request plain = {.method = "GET", .url = "http://127.0.0.1:1/"};
    assert_int_equal(https_client_send(caller.client, &plain, &caller.answer, &caller.err),
                     ERR_INVALID);
    assert_string_equal(caller.err.text, "http://127.0.0.1:1/: expected https://…");
    caller_close(&caller);
}

static void wrong_servers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *server, *why;
    } bad[] = {{"hq-old", "certificate has expired (depth 0, urn:checkpoint-hq:testfleet)"},
               {"hq-foreign", "certificate"},
               {"hq-other", "not the HQ of our fleet (depth 0, urn:checkpoint-hq:otherfleet)"},
               {"hq-box", "(depth 0, urn:checkpoint:north-1)"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct site site;
        struct caller caller;
        site_open(&site, bad[i].server, true);
        caller_open(&caller, "box", "testfleet");
        assert_int_equal(get(&caller, &site, "/empty"), ERR_DENIED);
        expect_text(&caller, "we refuse the server's certificate: ");
        expect_text(&caller, bad[i].why);
        assert_true(https_client_report(caller.client)->peer_refused);
        caller_close(&caller);
        site_close(&site);
        assert_int_equal(atomic_load(&site.requests), 0);
    }
}

static void wrong_clients_learn_why(void **state)
{
    (void)state;
    static const struct {
        const char *cert, *why;
        int alert;
    } bad[] = {{NULL, "certificate required", 116},
               {"box-old", "certificate expired", SSL_AD_CERTIFICATE_EXPIRED},
               {"box-foreign", "unknown CA", SSL_AD_UNKNOWN_CA}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct site site;
        struct caller caller;
        site_open(&site, "hq", true);
        caller_open(&caller, bad[i].cert, "testfleet");
        assert_int_equal(get(&caller, &site, "/empty"), ERR_DENIED);
        expect_text(&caller, "the server refuses us: TLS alert ");
        expect_text(&caller, bad[i].why);
        assert_int_equal(https_client_report(caller.client)->alert_received, bad[i].alert);
        caller_close(&caller);
        site_close(&site);
        assert_int_equal(atomic_load(&site.requests), 0);
    }
}

static void files_are_named(void **state)
{
    (void)state;
    struct https_client *client = NULL;
    struct err_text err;
    struct https_client_options options = {.root_file = path_in("none.pem"), .fleet = "testfleet"};
    assert_int_equal(https_client_create(&options, &client, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "none.pem: not readable, expected the HQ-server root"));
    options = (struct https_client_options){.root_file = path_in("servers.pem"),
                                            .fleet = "testfleet",
                                            .cert_file = path_in("box.pem"),
                                            .key_file = path_in("box.pem")};
    assert_int_equal(https_client_create(&options, &client, &err), ERR_DENIED);
    assert_non_null(strstr(err.text, "expected 0600"));
    options.fleet = "Not A Fleet";
    assert_int_equal(https_client_create(&options, &client, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_share_one_connection),
        cmocka_unit_test(basic_password_is_sent_once_and_forgotten),
        cmocka_unit_test(environment_proxy_is_ignored),
        cmocka_unit_test(status_and_error_object_become_one_line),
        cmocka_unit_test(answers_without_end_are_cut),
        cmocka_unit_test(silence_ends_by_deadline_or_by_stop),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(wrong_servers_are_refused),
        cmocka_unit_test(wrong_clients_learn_why),
        cmocka_unit_test(files_are_named),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* the client hangs up on purpose */
    return cmocka_run_group_tests(tests, make_parties, drop_parties);
}
