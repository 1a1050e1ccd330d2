/* Every line of journal_vectors.txt: fields to bytes, bytes to fields, hashes, seals. The same file
 * is checked by tests/repo/test_journal_vectors.py, which knows only the byte table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "gateway/base/encode.h"
#include "gateway/journal/record.h"
#include "gateway/journal/seal.h"

static const char vectors_path[] = "tests/unit/gateway/journal/journal_vectors.txt";

static const char *text_of(const json_t *vector, const char *name)
{
    const char *text = json_string_value(json_object_get(vector, name));
    if (!text)
        fail_msg("no %s", name);
    return text;
}

static int64_t number_of(const json_t *vector, const char *name)
{
    const json_t *value = json_object_get(vector, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void bytes_of(const json_t *vector, const char *name, uint8_t *out, size_t size)
{
    assert_int_equal(hex_decode(text_of(vector, name), out, size), 0);
}

static void fields_of(const json_t *vector, struct journal_header *out)
{
    memset(out, 0, sizeof *out);
    bytes_of(vector, "chain", out->chain, sizeof out->chain);
    bytes_of(vector, "boot", out->boot, sizeof out->boot);
    bytes_of(vector, "previous", out->previous, sizeof out->previous);
    out->sequence = (uint64_t)number_of(vector, "sequence");
    out->kind = journal_kind_parse(text_of(vector, "kind"));
    out->wall.ms = number_of(vector, "wall_ms");
    out->mono.ns = number_of(vector, "mono_ns");
    snprintf(out->actor, sizeof out->actor, "%s", text_of(vector, "actor"));
}

static void check_record(const json_t *vector)
{
    struct journal_header fields, read;
    uint8_t expected[JOURNAL_HEADER_SIZE], bytes[JOURNAL_HEADER_SIZE];
    uint8_t salt[JOURNAL_SALT_SIZE], digest[JOURNAL_HASH_SIZE], hash[JOURNAL_HASH_SIZE];
    const char *body = text_of(vector, "body");
    fields_of(vector, &fields);
    bytes_of(vector, "salt", salt, sizeof salt);
    bytes_of(vector, "digest", digest, sizeof digest);
    bytes_of(vector, "header", expected, sizeof expected);
    assert_int_equal(journal_digest(salt, body, strlen(body), fields.digest), 0);
    assert_memory_equal(fields.digest, digest, sizeof digest);
    journal_header_write(&fields, bytes);
    assert_memory_equal(bytes, expected, sizeof bytes);
    assert_int_equal(journal_header_read(bytes, &read, NULL), 0);
    assert_int_equal(read.sequence, fields.sequence);
    assert_int_equal(read.kind, fields.kind);
    assert_int_equal(read.wall.ms, fields.wall.ms);
    assert_string_equal(read.actor, fields.actor);
    assert_int_equal(journal_hash(bytes, hash), 0);
    bytes_of(vector, "hash", digest, sizeof digest);
    assert_memory_equal(hash, digest, sizeof hash);
}

static void check_seal(const json_t *vector)
{
    struct seal seal = {.sequence = (uint64_t)number_of(vector, "sequence")};
    struct seal read;
    uint8_t private_key[SEAL_KEY_SIZE], next_private[SEAL_KEY_SIZE], chain[JOURNAL_CHAIN_ID_SIZE];
    const char *expected = text_of(vector, "seal");
    char *body = NULL;
    size_t size;
    bytes_of(vector, "private", private_key, sizeof private_key);
    bytes_of(vector, "next_private", next_private, sizeof next_private);
    bytes_of(vector, "chain", chain, sizeof chain);
    bytes_of(vector, "hash", seal.hash, sizeof seal.hash);
    assert_int_equal(seal_key_public(next_private, seal.next), 0);
    assert_int_equal(seal_sign(&seal, chain, private_key), 0);
    assert_int_equal(seal_body_write(&seal, &body, &size), 0);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(body, expected, size);
    free(body);
    assert_int_equal(seal_body_read(expected, strlen(expected), &read, NULL), 0);
    assert_int_equal(seal_verify(&read, chain), 0);
    read.next[0] ^= 1;
    assert_int_equal(seal_verify(&read, chain), ERR_CORRUPT);
}

static void every_vector(void **state)
{
    char line[4096];
    int records = 0;
    int seals = 0;
    (void)state;
    FILE *file = fopen(vectors_path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#')
            continue;
        json_t *vector = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(vector);
        if (json_object_get(vector, "kind"))
            check_record(vector), records++;
        else
            check_seal(vector), seals++;
        json_decref(vector);
    }
    fclose(file);
    assert_int_equal(records, 3);
    assert_int_equal(seals, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_vector)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
