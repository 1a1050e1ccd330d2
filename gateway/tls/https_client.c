/*
 * See https_client.h. libcurl's multi interface drives one transfer, because its easy interface
 * looks at a stop only once a second. Options are set anew for each request; the connection lives
 * in the multi handle.
 */
#include "gateway/tls/https_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/tls/pem.h"

enum {
    GROW_FIRST_BYTES = 8192,
    RETRY_AFTER_MAX_S = 3600,
    CODE_SHOWN_MAX = 40,
    TEXT_SHOWN_MAX = 200
};

struct https_client {
    struct tls_client_options tls; /* OpenSSL's callbacks read it: stays where it is */
    struct tls_client_report report;
    char *root_file;
    char *cert_file; /* NULL: none */
    char *key_file;
    int connect_timeout_ms;
    bool (*go_on)(void *ctx);
    void *go_on_ctx;
    CURLM *multi;
    CURL *easy;
    char curl_error[CURL_ERROR_SIZE];
    /* of the request under way */
    struct https_answer answer;
    size_t capacity;
    size_t answer_max;
    size_t header_bytes;
    bool too_large;
    bool no_memory;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result; /* written once, by init_global */

static void init_global(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- callbacks of libcurl ---- */

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)ctx, (void)purpose; /* the signature is libcurl's */
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static CURLcode setup_tls(CURL *easy, void *ssl_ctx, void *ctx)
{
    (void)easy; /* the signature is libcurl's */
    const struct https_client *client = ctx;
    /* A server between two CAs shows the certificate of the one that is trusted here. */
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(client->root_file);
    if (names)
        SSL_CTX_set0_CA_list(ssl_ctx, names); /* takes them over */
    return tls_client_setup(ssl_ctx, &client->tls) == 0 ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

static bool make_room(struct https_client *client, size_t more)
{
    size_t need = client->answer.size + more + 1;
    size_t capacity = client->capacity ? client->capacity : GROW_FIRST_BYTES;
    if (need <= client->capacity)
        return true;
    while (capacity < need)
        capacity *= 2;
    char *body = realloc(client->answer.body, capacity);
    if (!body) {
        client->no_memory = true;
        return false;
    }
    client->answer.body = body;
    client->capacity = capacity;
    return true;
}

static size_t take_body(char *data, size_t one, size_t count, void *ctx)
{
    struct https_client *client = ctx;
    size_t size = one * count;
    if (size > client->answer_max - client->answer.size) {
        client->too_large = true;
        return 0;
    }
    if (!make_room(client, size))
        return 0;
    memcpy(client->answer.body + client->answer.size, data, size);
    client->answer.size += size;
    client->answer.body[client->answer.size] = '\0';
    return size;
}

static size_t take_header(char *data, size_t one, size_t count, void *ctx)
{
    struct https_client *client = ctx;
    size_t size = one * count;
    (void)data; /* only its size counts here */
    client->header_bytes += size;
    if (client->header_bytes > HTTPS_HEADERS_MAX) {
        client->too_large = true;
        return 0;
    }
    return size;
}

/* ---- life ---- */

static int check_files(const struct https_client *client, struct err_text *err)
{
    if (access(client->root_file, R_OK) != 0)
        return err_set(err, ERR_NOT_FOUND, "%s: not readable, expected the HQ-server root",
                       client->root_file);
    if (!client->cert_file)
        return 0;
    if (access(client->cert_file, R_OK) != 0)
        return err_set(err, ERR_NOT_FOUND, "%s: not readable, expected our certificate",
                       client->cert_file);
    return tls_key_file_check(client->key_file, err);
}

static int copy_options(struct https_client *client, const struct https_client_options *options,
                        struct err_text *err)
{
    client->tls.report = &client->report;
    client->tls.peer.kind = TLS_PEER_HQ;
    if (!options->root_file || !options->fleet || !tls_label_ok(options->fleet) ||
        !options->cert_file != !options->key_file)
        return err_set(err, ERR_INVALID,
                       "HTTPS client: expected a root, a fleet, and certificate and key together");
    (void)snprintf(client->tls.peer.fleet, TLS_LABEL_SIZE, "%s", options->fleet); /* checked */
    client->root_file = strdup(options->root_file);
    client->cert_file = options->cert_file ? strdup(options->cert_file) : NULL;
    client->key_file = options->key_file ? strdup(options->key_file) : NULL;
    if (!client->root_file || (options->cert_file && (!client->cert_file || !client->key_file)))
        return err_set(err, ERR_NO_MEMORY, "HTTPS client: no memory");
    client->connect_timeout_ms =
        options->connect_timeout_ms ? options->connect_timeout_ms : HTTPS_CONNECT_DEFAULT_MS;
    client->go_on = options->go_on;
    client->go_on_ctx = options->go_on_ctx;
    return 0;
}

int https_client_create(const struct https_client_options *options, struct https_client **out,
                        struct err_text *err)
{
    (void)pthread_once(&global_once, init_global); /* fails only for a bad argument */
    struct https_client *client = calloc(1, sizeof(*client));
    if (!client)
        return err_set(err, ERR_NO_MEMORY, "HTTPS client: no memory");
    int rc = copy_options(client, options, err);
    if (rc == 0)
        rc = check_files(client, err);
    if (rc == 0) {
        client->multi = global_result == CURLE_OK ? curl_multi_init() : NULL;
        client->easy = client->multi ? curl_easy_init() : NULL;
        if (!client->easy)
            rc = err_set(err, ERR_NO_MEMORY, "HTTPS client: no memory");
    }
    if (rc == 0 && curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, 1L) != CURLM_OK)
        rc = err_set(err, ERR_NO_MEMORY, "HTTPS client: libcurl refuses its options");
    if (rc != 0) {
        https_client_destroy(client);
        return rc;
    }
    *out = client;
    return 0;
}

void https_client_destroy(struct https_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->easy);
    if (client->multi)
        (void)curl_multi_cleanup(client->multi); /* fails only for a handle that is none */
    free(client->root_file);
    free(client->cert_file);
    free(client->key_file);
    free(client->answer.body);
    free(client);
}

void https_client_disconnect(struct https_client *client)
{
    CURLM *fresh = curl_multi_init();
    if (!fresh)
        return; /* the old connection serves on until it breaks */
    (void)curl_multi_setopt(fresh, CURLMOPT_MAXCONNECTS, 1L); /* a larger cache does no harm */
    (void)curl_multi_cleanup(client->multi); /* fails only for a handle that is none */
    client->multi = fresh;
}

const struct tls_client_report *https_client_report(const struct https_client *client)
{
    return &client->report;
}

void https_answer_free(struct https_answer *answer)
{
    free(answer->body);
    answer->body = NULL;
    answer->size = 0;
}

/* ---- one request ---- */

/* Keeps the first error, so that a row of options needs one check at its end. */
static void note(CURLcode *first, CURLcode result)
{
    if (*first == CURLE_OK)
        *first = result;
}

static void set_tls(struct https_client *c, CURLcode *rc)
{
    note(rc, curl_easy_setopt(c->easy, CURLOPT_SSLVERSION,
                              (long)CURL_SSLVERSION_TLSv1_3 | (long)CURL_SSLVERSION_MAX_TLSv1_3));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_CAINFO, c->root_file));
    note(rc,
         curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL)); /* Debian's default is the system's */
    note(rc, curl_easy_setopt(c->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, 1L));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, 0L)); /* setup_tls demands the URN */
    note(rc, curl_easy_setopt(c->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_SSL_CTX_FUNCTION, setup_tls));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_SSL_CTX_DATA, c));
    if (c->cert_file) {
        note(rc, curl_easy_setopt(c->easy, CURLOPT_SSLCERT, c->cert_file));
        note(rc, curl_easy_setopt(c->easy, CURLOPT_SSLKEY, c->key_file));
    }
}

static void set_transfer(struct https_client *c, const struct https_request *r, CURLcode *rc)
{
    int total_ms = r->total_timeout_ms ? r->total_timeout_ms : HTTPS_TOTAL_DEFAULT_MS;
    note(rc, curl_easy_setopt(c->easy, CURLOPT_URL, r->url));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "https"));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_PROXY, "")); /* whatever the environment says */
    note(rc, curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_FOLLOWLOCATION, 0L));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_TCP_KEEPALIVE, 1L));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_timeout_ms));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)total_ms));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->curl_error));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, take_body));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, take_header));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)c->answer_max));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)r->send_bytes_s));
    if (r->user) {
        note(rc, curl_easy_setopt(c->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC));
        note(rc, curl_easy_setopt(c->easy, CURLOPT_USERNAME, r->user));
        note(rc, curl_easy_setopt(c->easy, CURLOPT_PASSWORD, r->password));
    }
    if (strcmp(r->method, "GET") == 0) {
        note(rc, curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L));
        return;
    }
    note(rc, curl_easy_setopt(c->easy, CURLOPT_POST, 1L));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, r->method));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, r->body ? r->body : ""));
    note(rc, curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_size));
}

static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
    char line[160];
    if (!value && strcmp(name, "Expect") != 0)
        return true;
    int size = value ? snprintf(line, sizeof(line), "%s: %s", name, value)
                     : snprintf(line, sizeof(line), "%s:", name); /* libcurl: leave it out */
    struct curl_slist *more = size < (int)sizeof(line) ? curl_slist_append(*headers, line) : NULL;
    if (!more)
        return false;
    *headers = more;
    return true;
}

/* *out_headers is the caller's to free once the transfer is over. */
static int prepare(struct https_client *client, const struct https_request *request,
                   struct curl_slist **out_headers, struct err_text *err)
{
    CURLcode rc = CURLE_OK;
    curl_easy_reset(client->easy);
    client->curl_error[0] = '\0';
    memset(&client->report, 0, sizeof(client->report));
    client->answer = (struct https_answer){0};
    client->capacity = client->header_bytes = 0;
    client->too_large = client->no_memory = false;
    client->answer_max = request->answer_max && request->answer_max < HTTPS_ANSWER_MAX
                             ? request->answer_max
                             : HTTPS_ANSWER_MAX;
    set_tls(client, &rc);
    set_transfer(client, request, &rc);
    if (!add_header(out_headers, "Expect", NULL) ||
        !add_header(out_headers, "Content-Type", request->content_type) ||
        !add_header(out_headers, "Content-Transfer-Encoding", request->encoding) ||
        !add_header(out_headers, "Content-Encoding", request->compression) ||
        !add_header(out_headers, "Content-Range", request->range))
        rc = CURLE_OUT_OF_MEMORY;
    note(&rc, curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, *out_headers));
    if (rc != CURLE_OK)
        return err_set(err, rc == CURLE_OUT_OF_MEMORY ? ERR_NO_MEMORY : ERR_INVALID, "%s: %s",
                       request->url, curl_easy_strerror(rc));
    return 0;
}

/* Runs the transfer. ERR_STOPPED, or 0 and libcurl's result. */
static int run(struct https_client *client, CURLcode *out)
{
    int running = 1;
    CURLMcode rc = curl_multi_add_handle(client->multi, client->easy);
    bool stopped = false;
    while (rc == CURLM_OK && running && !stopped) {
        rc = curl_multi_perform(client->multi, &running);
        if (rc == CURLM_OK && running)
            rc = curl_multi_poll(client->multi, NULL, 0, HTTPS_LOOK_MS, NULL);
        stopped = client->go_on && !client->go_on(client->go_on_ctx);
    }
    *out = rc == CURLM_OK ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    int left = 0;
    const CURLMsg *message = NULL;
    while (!running && (message = curl_multi_info_read(client->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            *out = message->data.result;
    (void)curl_multi_remove_handle(client->multi, client->easy); /* fails for no handle only */
    return running && stopped ? ERR_STOPPED : 0;
}

static int tls_cause(const struct https_client *client, const char *url, struct err_text *err)
{
    const struct tls_client_report *report = &client->report;
    if (report->peer_refused)
        return err_set(err, ERR_DENIED, "%s: we refuse the server's certificate: %s", url,
                       report->why);
    return err_set(err, ERR_DENIED, "%s: the server refuses us: TLS alert %d, %s", url,
                   report->alert_received, tls_alert_text(report->alert_received));
}

/* In TLS 1.3 a server judges our certificate after our side of the handshake is done; a reset can
 * overtake its alert. */
static bool closed_after_handshake(const struct https_client *client)
{
    long connects = 0;
    curl_off_t handshake_us = 0;
    /* Without an answer both stay zero. */
    (void)curl_easy_getinfo(client->easy, CURLINFO_NUM_CONNECTS, &connects);
    (void)curl_easy_getinfo(client->easy, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
    return connects > 0 && handshake_us > 0 && client->header_bytes == 0;
}

/* What libcurl's result means, in our words. */
static int cause_of(const struct https_client *client, CURLcode rc, const char *url,
                    struct err_text *err)
{
    const char *detail = client->curl_error[0] ? client->curl_error : curl_easy_strerror(rc);
    if (client->too_large || rc == CURLE_FILESIZE_EXCEEDED)
        return err_set(err, ERR_TOO_LARGE, "%s: answer too large, limit %zu bytes", url,
                       client->answer_max);
    if (client->no_memory || rc == CURLE_OUT_OF_MEMORY)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", url);
    if (client->report.peer_refused || client->report.alert_received)
        return tls_cause(client, url, err);
    if (rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_COULDNT_CONNECT)
        return err_set(err, ERR_IO, "%s: cannot connect: %s", url, detail);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return err_set(err, ERR_TIMEOUT, "%s: timed out: %s", url, detail);
    if (rc == CURLE_SSL_CONNECT_ERROR)
        return err_set(err, ERR_IO, "%s: TLS handshake failed: %s", url, detail);
    if (rc == CURLE_SSL_CERTPROBLEM || rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_URL_MALFORMAT)
        return err_set(err, ERR_INVALID, "%s: %s", url, detail);
    if (closed_after_handshake(client))
        return err_set(err, ERR_IO,
                       "%s: connection ended right after the handshake, the server may refuse our "
                       "certificate: %s",
                       url, detail);
    return err_set(err, ERR_IO, "%s: connection broken: %s", url, detail);
}

static void take_facts(struct https_client *client, struct https_answer *answer)
{
    long status = 0;
    curl_off_t retry = 0;
    const char *type = NULL;
    /* An answer without one of them leaves it zero or NULL. */
    (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &retry);
    (void)curl_easy_getinfo(client->easy, CURLINFO_CONTENT_TYPE, &type);
    answer->status = (int)status;
    answer->retry_after_s = (int)(retry > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : retry);
    (void)snprintf(answer->content_type, sizeof(answer->content_type), "%s",
                   type ? type : ""); /* a cut type is an unknown one */
}

int https_client_send(struct https_client *client, const struct https_request *request,
                      struct https_answer *out, struct err_text *err)
{
    struct curl_slist *headers = NULL;
    CURLcode result = CURLE_OK;
    int rc = check_files(client, err);
    if (rc == 0 && strncmp(request->url, "https://", 8) != 0)
        rc = err_set(err, ERR_INVALID, "%s: expected https://…", request->url);
    if (rc == 0)
        rc = prepare(client, request, &headers, err);
    if (rc != 0)
        goto out;
    rc = run(client, &result);
    if (rc != 0)
        (void)err_set(err, rc, "%s: stopped", request->url); /* rc is returned below */
    else if (result != CURLE_OK)
        rc = cause_of(client, result, request->url, err);
    else if (!make_room(client, 0)) /* an empty body ends with a NUL, too */
        rc = err_set(err, ERR_NO_MEMORY, "%s: no memory", request->url);
    if (rc == 0) {
        client->answer.body[client->answer.size] = '\0';
        take_facts(client, &client->answer);
        *out = client->answer;
        client->answer = (struct https_answer){0};
    }
out:
    https_answer_free(&client->answer);
    curl_easy_reset(client->easy); /* forgets body and password */
    curl_slist_free_all(headers);
    return rc;
}

/* ---- answers that are errors ---- */

static int code_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return ERR_DENIED;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return ERR_CONFLICT;
    case 413:
        return ERR_TOO_LARGE;
    case 429:
    case 503:
        return ERR_BUSY;
    default:
        return status >= 400 && status < 500 ? ERR_INVALID : ERR_IO;
    }
}

int https_answer_error(const struct https_request *request, const struct https_answer *answer,
                       struct err_text *err)
{
    json_t *root = NULL;
    int code = code_of_status(answer->status);
    const char *name = NULL;
    const char *text = NULL;
    if (json_parse(answer->body, answer->size, &root, NULL) == 0) {
        const json_t *error = json_object_get(root, "error");
        name = json_string_value(json_object_get(error, "code"));
        text = json_string_value(json_object_get(error, "en"));
    }
    if (name && text)
        (void)err_set(err, code, "%s: HTTP %d %.*s: %.*s", request->url, answer->status,
                      CODE_SHOWN_MAX, name, TEXT_SHOWN_MAX, text); /* code is returned below */
    else
        (void)err_set(err, code, "%s: HTTP %d", request->url,
                      answer->status); /* code is returned below */
    json_decref(root);
    return code;
}
