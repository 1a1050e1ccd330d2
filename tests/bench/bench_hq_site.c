/*
 * See bench_hq_site.h.
 */
#include "tests/bench/bench_hq_site.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gateway/hq/store/db.h"
#include "gateway/hqctl/init.h"
#include "gateway/tls/issue.h"
#include "tests/bench/bench.h"

enum { START_S = 60, ANSWER_ROOM = 8 << 20, REQUEST_ROOM = 512 };

static void run(char *const argv[])
{
    pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        bench_fail("%s failed", argv[0]);
}

/* ---- the folder ---- */

static void make_folder(const struct hq_site *site)
{
    static const char line[] = "a benchmark's passphrase\n";
    int ends[2];
    struct err_text err = {""};
    if (pipe2(ends, O_CLOEXEC) != 0)
        bench_fail("pipe");
    for (int i = 0; i < 2 * INIT_PASSPHRASES; i++)
        if (write(ends[1], line, strlen(line)) != (ssize_t)strlen(line))
            bench_fail("pipe");
    close(ends[1]);
    const struct init_options options = {.folder = site->folder,
                                         .fleet = "bench",
                                         .addresses = {"127.0.0.1"},
                                         .address_count = 1,
                                         .operator_name = "zhang",
                                         .clerks = {"wang", "li"},
                                         .listen = "127.0.0.1:0",
                                         .est_listen = "127.0.0.1:0",
                                         .passphrases = {ends[0]},
                                         .now = clock_wall(&clock_system)};
    if (init_headquarters(&options, &err) != 0)
        bench_fail("init: %s", err.text);
    close(ends[0]);
}

static FILE *open_in(const struct hq_site *site, const char *name, const char *mode)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", site->folder, name); /* fits */
    FILE *file = fopen(path, mode);
    if (!file)
        bench_fail("%s", path);
    return file;
}

static void read_issuer(struct hq_site *site)
{
    FILE *file = open_in(site, "ca/box-issuing.pem", "re");
    site->issuer = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    file = open_in(site, "ca/box-issuing.key.pem", "re");
    site->issuer_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    if (!site->issuer || !site->issuer_key)
        bench_fail("the issuing CA cannot be read");
}

void hq_site_box_name(size_t box, char out[32])
{
    (void)snprintf(out, 32, "box-%zu", box); /* fits */
}

static void enter_boxes(const struct hq_site *site, size_t boxes)
{
    struct hq_db db;
    struct err_text err = {""};
    char name[32];
    int rc = hq_db_open(site->database, &db, &err);
    if (rc != 0)
        bench_fail("%s", err.text);
    rc = hq_db_begin(&db, &err);
    for (size_t i = 0; rc == 0 && i < boxes; i++) {
        hq_site_box_name(i, name);
        rc = hq_db_queue(&db, "INSERT INTO checkpoints(id, name, created_ms) VALUES($1, $1, 0)",
                         HQ_PARAMS(hq_text(name)), &err);
    }
    if (rc == 0)
        rc = hq_db_commit(&db, &err);
    if (rc != 0)
        bench_fail("%s", err.text);
    hq_db_close(&db);
}

/* ---- hqd ---- */

/* The first line of a file; false: there is none yet. */
static bool read_text(const char *path, char *out, int size)
{
    FILE *file = fopen(path, "re");
    bool there = file && fgets(out, size, file);
    if (file)
        fclose(file);
    return there;
}

static void start_hqd(struct hq_site *site)
{
    char config[256];
    char port[256];
    char log[256];
    (void)snprintf(config, sizeof(config), "%s/hqd.yaml", site->folder); /* fits */
    (void)snprintf(port, sizeof(port), "%s/run/hqd.port", site->folder); /* fits */
    (void)snprintf(log, sizeof(log), "%s/hqd.log", site->folder);        /* fits */
    site->pid = fork();
    if (site->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a benchmark that fails leaves no program */
        int fd = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
        if (fd >= 0)
            (void)dup2(fd, STDERR_FILENO); /* without it it logs to our own */
        execl(site->hqd, "hqd", "--config", config, (char *)NULL);
        _exit(127);
    }
    for (uint64_t end = bench_wall_ns() + START_S * 1000000000ULL;;) {
        char text[16] = "";
        if (read_text(port, text, sizeof(text)))
            site->port = (uint16_t)strtoul(text, NULL, 10);
        if (site->port)
            return;
        if (bench_wall_ns() > end || waitpid(site->pid, NULL, WNOHANG) != 0)
            bench_fail("hqd did not start, see %s", log);
        usleep(20000);
    }
}

void hq_site_create(const char *folder, const char *hqd, const char *database, size_t boxes,
                    struct hq_site *out)
{
    struct hq_site site = {0};
    (void)snprintf(site.folder, sizeof(site.folder), "%s", folder); /* cut: init refuses it */
    (void)snprintf(site.hqd, sizeof(site.hqd), "%s", hqd);          /* cut: cannot start */
    if (database[0])
        (void)snprintf(site.database, sizeof(site.database), "%s", database); /* the same */
    else
        (void)snprintf(site.database, sizeof(site.database), "%s/state/hqd.sqlite",
                       site.folder); /* fits */
    make_folder(&site);
    read_issuer(&site);
    FILE *file = open_in(&site, "hqd.yaml", "ae");
    fprintf(file, "\ndatabase: '%s'\n", site.database);
    fclose(file);
    enter_boxes(&site, boxes);
    start_hqd(&site);
    *out = site;
}

void hq_site_destroy(struct hq_site *site)
{
    char *const argv[] = {"rm", "-rf", site->folder, NULL};
    int status = 0;
    if (kill(site->pid, SIGTERM) != 0 || waitpid(site->pid, &status, 0) != site->pid || status != 0)
        bench_fail("hqd ended with %d, see %s/hqd.log", status, site->folder);
    EVP_PKEY_free(site->issuer_key);
    X509_free(site->issuer);
    run(argv);
}

uint64_t hq_site_memory_bytes(const struct hq_site *site)
{
    char path[64];
    char text[128];
    char *rest = NULL;
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)site->pid); /* fits */
    if (!read_text(path, text, sizeof(text)))
        bench_fail("%s", path);
    (void)strtoull(text, &rest, 10); /* size; resident follows */
    uint64_t pages = strtoull(rest, NULL, 10);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

double hq_site_cpu_s(const struct hq_site *site)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(site->pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        bench_fail("CPU time of hqd");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- clients ---- */

static void connect_to(const struct hq_site *site, struct hq_client *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(site->port)};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* slower without */
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        bench_fail("hqd cannot be reached");
    c->ssl = SSL_new(c->ctx);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_connect(c->ssl) != 1)
        bench_fail("TLS");
}

static SSL_CTX *new_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        bench_fail("TLS context");
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* returns the old one */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

void hq_client_box(const struct hq_site *site, size_t box, struct hq_client *out)
{
    struct hq_client c = {.ctx = new_context()};
    struct tls_issue_request request = {.identity = {.kind = TLS_PEER_CHECKPOINT},
                                        .public_key = EVP_EC_gen("P-256"),
                                        .now = clock_wall(&clock_system),
                                        .days = TLS_BOX_DAYS};
    struct err_text err = {""};
    X509 *leaf = NULL;
    hq_site_box_name(box, request.identity.name);
    if (!request.public_key ||
        tls_issue(site->issuer_key, site->issuer, &request, &leaf, &err) != 0)
        bench_fail("certificate: %s", err.text);
    if (SSL_CTX_use_certificate(c.ctx, leaf) != 1 ||
        SSL_CTX_use_PrivateKey(c.ctx, request.public_key) != 1 ||
        SSL_CTX_add1_chain_cert(c.ctx, site->issuer) != 1)
        bench_fail("certificate of a box");
    EVP_PKEY_free(request.public_key);
    X509_free(leaf);
    connect_to(site, &c);
    *out = c;
}

void hq_client_operator(const struct hq_site *site, struct hq_client *out)
{
    struct hq_client c = {.ctx = new_context()};
    char cert[256];
    char key[256];
    (void)snprintf(cert, sizeof(cert), "%s/operators/zhang/cert.pem", site->folder); /* fits */
    (void)snprintf(key, sizeof(key), "%s/operators/zhang/key.pem", site->folder);    /* fits */
    if (SSL_CTX_use_certificate_chain_file(c.ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(c.ctx, key, SSL_FILETYPE_PEM) != 1)
        bench_fail("certificate of the operator");
    connect_to(site, &c);
    *out = c;
}

void hq_client_close(struct hq_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->ctx);
    close(client->fd);
    free(client->answer);
}

static void send_all(struct hq_client *c, const char *data, size_t size)
{
    if (size > 0 && SSL_write(c->ssl, data, (int)size) != (int)size)
        bench_fail("hqd closed the connection");
}

void hq_client_send(struct hq_client *client, const char *method, const char *path,
                    const void *body, size_t size)
{
    char head[REQUEST_ROOM];
    int length =
        snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: hq\r\nContent-Length: %zu\r\n\r\n",
                 method, path, size);
    send_all(client, head, (size_t)length);
    send_all(client, body, size);
}

int hq_client_wait(struct hq_client *client)
{
    char head[4096];
    size_t have = 0;
    char *end = NULL;
    while (!end) {
        int got = SSL_read(client->ssl, head + have, (int)(sizeof(head) - 1 - have));
        if (got <= 0)
            bench_fail("hqd closed the connection");
        have += (size_t)got;
        head[have] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    const char *length = strcasestr(head, "Content-Length:");
    int status = (int)strtol(head + strlen("HTTP/1.1 "), NULL, 10);
    size_t size = length ? strtoul(length + strlen("Content-Length:"), NULL, 10) : ANSWER_ROOM;
    if (strncmp(head, "HTTP/1.1 ", strlen("HTTP/1.1 ")) != 0 || size >= ANSWER_ROOM)
        bench_fail("no answer of hqd's: %.80s", head);
    if (!client->answer)
        client->answer = bench_room(ANSWER_ROOM, 1);
    size_t there = have - (size_t)(end + 4 - head);
    memcpy(client->answer, end + 4, there);
    while (there < size) {
        int got = SSL_read(client->ssl, client->answer + there, (int)(size - there));
        if (got <= 0)
            bench_fail("hqd closed the connection");
        there += (size_t)got;
    }
    client->answer[size] = '\0';
    client->answer_size = size;
    return status;
}

/* ---- a box's journal ---- */

static const char body[] =
    "{\"camera\":11,\"class\":\"02\",\"confidence\":97,\"direction\":1,\"event_id\":1764147012345,"
    "\"lane\":1,\"passage\":48213,\"picture\":\"sha256:"
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"plate\":\"鲁H12345\","
    "\"reads\":3,\"speed_kmh\":31,\"wall_ms\":1764147012345}";

void hq_journal_init(struct hq_journal *journal, size_t box, uint8_t chain)
{
    char name[32];
    hq_site_box_name(box, name);
    *journal = (struct hq_journal){.head = {.chain = {chain}}};
    (void)snprintf(journal->source, sizeof(journal->source), "urn:checkpoint:%s", name); /* fits */
}

size_t hq_journal_add(struct hq_journal *journal, enum journal_kind kind, char *out)
{
    struct journal_record r = {.has_body = true, .body = body, .body_size = sizeof(body) - 1};
    char *line = NULL;
    size_t size = 0;
    r.header = (struct journal_header){
        .sequence = journal->head.sequence + 1, .kind = kind, .wall = clock_wall(&clock_system)};
    memcpy(r.header.chain, journal->head.chain, sizeof(r.header.chain));
    memcpy(r.header.actor, "checkpointd", sizeof("checkpointd"));
    memcpy(r.header.previous, journal->head.hash, sizeof(r.header.previous));
    memcpy(r.salt, &r.header.sequence, sizeof(r.header.sequence));
    if (journal_digest(r.salt, r.body, r.body_size, r.header.digest) != 0)
        bench_fail("digest");
    journal_header_write(&r.header, r.bytes);
    if (journal_head_follow(&journal->head, &r, NULL) != 0 ||
        journal_wire_write(&r, journal->source, true, &line, &size) != 0 || size + 2 > HQ_LINE_MAX)
        bench_fail("record");
    memcpy(out, line, size);
    out[size] = '\n';
    free(line);
    return size + 1;
}
