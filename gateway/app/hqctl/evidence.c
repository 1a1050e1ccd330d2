/*
 * hqctl evidence: which pictures a hit has, and one of them into a file, its hash checked here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/signed/sign_key.h"

enum { PICTURE_MAX = 8 << 20 /* bytes, hqd's limit */ };

/* ERR_INVALID: told. */
static int hit_of(const struct hqctl *h, const char *text, json_int_t *out)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != '\0') {
        fprintf(stderr, "hqctl %s: '%s': expected the number of a hit\n", h->command->words, text);
        return ERR_INVALID;
    }
    *out = (json_int_t)strtoull(text, NULL, 10);
    return 0;
}

/* "trigger" is what the camera took of the read; what came later never counts as it. */
static void print_row(const json_t *row)
{
    bool complete = json_is_true(json_object_get(row, "complete"));
    const char *deleted = hqctl_text_of(row, "deleted");
    hqctl_line(stdout, "%s  %-5s  %s  %" PRId64 " bytes  camera %" PRId64 "  event %s  %s",
               hqctl_text_of(row, "sha256"), hqctl_text_of(row, "kind"),
               hqctl_text_of(row, "taken"), hqctl_number_of(row, "size"),
               hqctl_number_of(row, "camera"), hqctl_text_of(row, "event"),
               deleted[0]  ? "deleted at the end of its term 已到期删除"
               : !complete ? "on its way 上送中"
                           : "");
    if (!json_is_true(json_object_get(row, "trigger")))
        hqctl_line(stdout, "    taken %" PRId64 " ms after the read 现场补拍",
                   hqctl_number_of(row, "delay_ms"));
}

int hqctl_evidence_list(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    const char *operands[1] = {NULL};
    char path[64];
    json_int_t hit = 0;
    const json_t *row;
    size_t i;
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  HIT is the number 'hqctl hits' shows. A line a picture: SHA-256, what it shows "
                "(scene, crop,\n  or later: taken after the read), when it was taken, size, the "
                "camera's event. 命中的图片证据。\n",
        ARG_OPERANDS("HIT", 1, operands)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (hit_of(h, operands[0], &hit) != 0)
        return EXIT_USAGE;
    (void)snprintf(path, sizeof(path), "/v1/operator/evidence?hit=%lld", (long long)hit); /* fits */
    status = hqctl_get(h, path, &answer);
    const json_t *rows = json_object_get(answer.value, "evidence");
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0) {
        json_array_foreach(rows, i, row) print_row(row);
        hqctl_line(stdout, "%zu pictures of hit %lld", json_array_size(rows), (long long)hit);
    }
    hq_answer_fini(&answer);
    return status;
}

struct fetched {
    char *bytes; /* heap, PICTURE_MAX */
    size_t size;
};

/* The next slice; *out_more: there may be another one. */
static int fetch_slice(struct hqctl *h, json_int_t hit, const char *sha, const char *reason,
                       struct fetched *to, bool *out_more, struct err_text *err)
{
    struct hq_answer answer = {0};
    json_t *ask = json_pack("{s:I,s:s,s:I,s:s}", "hit", hit, "sha256", sha, "offset",
                            (json_int_t)to->size, "reason", reason);
    char *text = ask ? json_dumps(ask, JSON_COMPACT) : NULL;
    json_decref(ask);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int rc = hq_client_ask(&h->client, "POST", "/v1/operator/evidence/open", text, strlen(text),
                           HQCTL_AUDIT_TIMEOUT_S, &answer, err);
    if (rc == 0 && answer.size > PICTURE_MAX - to->size)
        rc = err_set(err, ERR_TOO_LARGE, "%s: more than %d bytes", sha, PICTURE_MAX);
    if (rc == 0 && answer.size > 0) {
        memcpy(to->bytes + to->size, answer.text, answer.size);
        to->size += answer.size;
    }
    *out_more = answer.size > 0;
    free(text);
    hq_answer_fini(&answer);
    return rc;
}

/* Until its hash fits, or nothing more comes. */
static int fetch(struct hqctl *h, json_int_t hit, const char *sha, const char *reason,
                 struct fetched *to, struct err_text *err)
{
    uint8_t wanted[HASH_SIZE];
    uint8_t found[HASH_SIZE] = {0};
    bool more = true;
    if (strlen(sha) != (size_t)2 * HASH_SIZE || hex_decode(sha, wanted, HASH_SIZE) != 0)
        return err_set(err, ERR_INVALID, "SHA256 = '%s': expected 64 hex digits", sha);
    while (more) {
        int rc = fetch_slice(h, hit, sha, reason, to, &more, err);
        if (rc == 0)
            rc = hash_bytes(to->bytes, to->size, found);
        if (rc != 0)
            return rc;
        if (memcmp(found, wanted, HASH_SIZE) == 0)
            return 0;
    }
    return err_set(err, ERR_CORRUPT, "%s: the bytes headquarters sent are not those of this hash",
                   sha);
}

int hqctl_evidence_get(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct fetched fetched = {0};
    const char *operands[2] = {NULL, NULL};
    const char *path = NULL;
    const char *reason = NULL;
    json_int_t hit = 0;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("out", "FILE", &path, "Where the picture goes."),
        ARG_OPTION_TEXT_NEEDED("reason", "TEXT", &reason,
                               "Why you look at it; recorded with your name.")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  One picture of a hit, as 'hqctl evidence list HIT' names it. Its SHA-256 is "
            "checked here; a\n  file with other bytes is not written. 查看图片须说明理由并留痕。\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("HIT SHA256", 2, operands)};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (hit_of(h, operands[0], &hit) != 0)
        return EXIT_USAGE;
    fetched.bytes = malloc(PICTURE_MAX);
    int rc = fetched.bytes ? fetch(h, hit, operands[1], reason, &fetched, &err) : ERR_NO_MEMORY;
    if (rc == 0)
        rc = file_write_atomic(path, fetched.bytes, fetched.size, 0600, &err);
    free(fetched.bytes);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print(json_pack("{s:s,s:I,s:s}", "sha256", operands[1], "size",
                                     (json_int_t)fetched.size, "file", path));
    hqctl_line(stdout, "%s: %zu bytes, SHA-256 as named", path, fetched.size);
    return EXIT_OK;
}
