/*
 * Who takes part in a TLS test: roots and certificates made here, saved to a folder of their own.
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

static char folder[64];
static const char *path_in(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name); /* short names */
    return path;
}

struct party {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct wall_time now(void)
{
    return clock_wall(&clock_system);
}

static struct party root_named(const char *name)
{
    struct party p;
    assert_int_equal(tls_key_create(&p.key, NULL), 0);
    assert_int_equal(tls_issue_root(p.key, name, now(), 365, &p.certificate, NULL), 0);
    return p;
}

static struct party party_of(const struct party *root, const char *urn, struct wall_time when,
                             int days)
{
    struct party p;
    struct tls_issue_request request = {.now = when, .days = days};
    assert_int_equal(tls_key_create(&p.key, NULL), 0);
    assert_int_equal(tls_identity_parse(urn, strlen(urn), &request.identity), 0);
    request.public_key = p.key;
    assert_int_equal(tls_issue(root->key, root->certificate, &request, &p.certificate, NULL), 0);
    return p;
}

static void party_free(struct party *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->certificate);
}

__attribute__((unused)) static void save(const struct party *p, const char *name)
{
    char file[80];
    char *pem = NULL;
    (void)snprintf(file, sizeof(file), "%s.key", name); /* short names */
    assert_int_equal(tls_key_file_write(path_in(file), p->key, NULL), 0);
    assert_int_equal(tls_pem_write_certificate(p->certificate, &pem), 0);
    (void)snprintf(file, sizeof(file), "%s.pem", name); /* short names */
    assert_int_equal(file_write_atomic(path_in(file), pem, strlen(pem), 0644, NULL), 0);
    free(pem);
}

__attribute__((unused)) static bool folder_make(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/test_tls.XXXXXX"); /* fits */
    return mkdtemp(folder) != NULL;
}

__attribute__((unused)) static int folder_remove(void)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            (void)unlink(path_in(entry->d_name)); /* what is left shows in rmdir */
    if (dir)
        (void)closedir(dir); /* fails only for a bad handle */
    return rmdir(folder);
}
