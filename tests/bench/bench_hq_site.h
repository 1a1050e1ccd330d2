/*
 * A headquarters for bench_hq: what `hqctl init` makes, the real hqd over a database of its choice,
 * and clients with certificates of its boxes' and operators' CAs. Each call ends the benchmark on a
 * fault.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/journal/record.h"

struct hq_site {
    char folder[160];
    char database[512]; /* hq_db_open */
    char hqd[256];      /* the program */
    pid_t pid;
    uint16_t port;
    EVP_PKEY *issuer_key; /* of boxes' certificates */
    X509 *issuer;
};

/* `database`: "" for SQLite in the folder. */
void hq_site_create(const char *folder, const char *hqd, const char *database, size_t boxes,
                    struct hq_site *out);
void hq_site_destroy(struct hq_site *site);                /* ends hqd, removes the folder */
uint64_t hq_site_memory_bytes(const struct hq_site *site); /* resident, of hqd */
double hq_site_cpu_s(const struct hq_site *site);          /* of hqd */
void hq_site_box_name(size_t box, char out[32]);

/* A connection that shows a certificate; requests one after another. */
struct hq_client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    char *answer; /* body of the last one, NUL behind it */
    size_t answer_size;
};

void hq_client_box(const struct hq_site *site, size_t box, struct hq_client *out);
void hq_client_operator(const struct hq_site *site, struct hq_client *out);
void hq_client_close(struct hq_client *client);
/* Sends a request; its answer is read by hq_client_wait, which returns the status. */
void hq_client_send(struct hq_client *client, const char *method, const char *path,
                    const void *body, size_t size);
int hq_client_wait(struct hq_client *client);

/* A box's journal: lines as uplinkd sends them. */
struct hq_journal {
    struct journal_head head;
    char source[64];
};

void hq_journal_init(struct hq_journal *journal, size_t box, uint8_t chain);
/* Appends the next record with its '\n' to `out`, which has room for HQ_LINE_MAX bytes; returns how
 * many it took. */
enum { HQ_LINE_MAX = 4096 };
size_t hq_journal_add(struct hq_journal *journal, enum journal_kind kind, char *out);
