/* Every line of compact_vectors.txt: bytes to fields, fields to bytes, refusals with their cause.
 * The same file is checked against the simulated camera by tests/repo/test_compact_vectors.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "drivers/wire/compact.h"
#include "drivers/wire/read_fields.h"
#include "gateway/base/encode.h"

static const char vectors_path[] = "tests/unit/drivers/wire/compact_vectors.txt";

static uint64_t number_of(const json_t *vector, const char *name, uint64_t missing)
{
    const json_t *value = json_object_get(vector, name);
    if (!value)
        return missing;
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.key;
}

static void expect_candidates(const json_t *vector, struct plate_read *out)
{
    size_t index;
    json_t *pair;
    json_array_foreach(json_object_get(vector, "candidates"), index, pair)
    {
        out->candidates[out->candidate_count++] = (struct read_candidate){
            .key = key_of(json_string_value(json_array_get(pair, 0))),
            .confidence = (uint8_t)json_integer_value(json_array_get(pair, 1))};
    }
    json_t *score;
    json_array_foreach(json_object_get(vector, "scores"), index, score)
        out->char_confidence[out->char_count++] = (uint8_t)json_integer_value(score);
}

static void expected_read(const json_t *vector, struct plate_read *out)
{
    const char *plate = json_string_value(json_object_get(vector, "plate"));
    const json_t *class = json_object_get(vector, "plate_class");
    read_fields_init(out);
    assert_int_equal(
        read_fields_set_plate(out, (const uint8_t *)plate, strlen(plate), PLATE_DASH_AUTO), 0);
    out->lane = (uint8_t)number_of(vector, "lane", 0);
    out->camera = (uint16_t)number_of(vector, "camera", 0);
    out->confidence = (uint8_t)number_of(vector, "confidence", READ_CONFIDENCE_NONE);
    out->camera_time.ms = (int64_t)number_of(vector, "wall_ms", 0);
    out->speed_kmh = (uint16_t)number_of(vector, "speed_kmh", READ_SPEED_NONE);
    out->colour = (uint8_t)number_of(vector, "colour", COLOUR_NONE);
    out->direction = (uint8_t)number_of(vector, "direction", DIRECTION_NONE);
    out->event_id = number_of(vector, "event_id", 0);
    if (class)
        assert_int_equal(plate_class_parse(json_string_value(class), &out->class), 0);
    expect_candidates(vector, out);
}

static void same_read(const struct plate_read *a, const struct plate_read *b)
{
    assert_int_equal(a->lane, b->lane);
    assert_int_equal(a->camera, b->camera);
    assert_int_equal(a->kind, b->kind);
    assert_true(a->key == b->key);
    assert_string_equal(a->raw, b->raw);
    assert_int_equal(a->confidence, b->confidence);
    assert_true(a->camera_time.ms == b->camera_time.ms);
    assert_true(a->event_id == b->event_id);
    assert_int_equal(a->speed_kmh, b->speed_kmh);
    assert_int_equal(a->class, b->class);
    assert_int_equal(a->colour, b->colour);
    assert_int_equal(a->direction, b->direction);
    assert_int_equal(a->char_count, b->char_count);
    assert_memory_equal(a->char_confidence, b->char_confidence, sizeof a->char_confidence);
    assert_int_equal(a->candidate_count, b->candidate_count);
    for (uint8_t i = 0; i < a->candidate_count; i++) {
        assert_true(a->candidates[i].key == b->candidates[i].key);
        assert_int_equal(a->candidates[i].confidence, b->candidates[i].confidence);
    }
}

static void check_accepted(const json_t *vector, const uint8_t *bytes, size_t size)
{
    struct plate_read expected;
    struct plate_read read;
    struct compact_info info;
    uint8_t key[SIPHASH_KEY_SIZE];
    uint8_t encoded[COMPACT_SIZE_MAX];
    const char *key_text = json_string_value(json_object_get(vector, "key"));
    uint64_t counter = number_of(vector, "counter", 0);
    expected_read(vector, &expected);
    assert_int_equal(compact_decode(bytes, size, PLATE_DASH_AUTO, &read, &info), COMPACT_OK);
    same_read(&read, &expected);
    assert_int_equal(info.tagged, key_text != NULL);
    assert_int_equal(info.values_ignored, 0);
    if (key_text) {
        assert_int_equal(hex_decode(key_text, key, sizeof key), 0);
        assert_true(info.counter == counter);
        assert_true(compact_tag_valid(bytes, &info, key));
    }
    assert_int_equal(
        compact_encode(&expected, key_text ? key : NULL, counter, encoded, sizeof encoded), size);
    assert_memory_equal(encoded, bytes, size);
}

static void check_vector(const json_t *vector)
{
    const char *hex = json_string_value(json_object_get(vector, "hex"));
    const char *cause = json_string_value(json_object_get(vector, "cause"));
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = malloc(size ? size : 1);
    assert_non_null(bytes);
    print_message("%s\n", json_string_value(json_object_get(vector, "name")));
    assert_int_equal(hex_decode(hex, bytes, size), 0);
    if (cause) {
        struct plate_read read;
        struct compact_info info;
        assert_string_equal(
            compact_cause_name(compact_decode(bytes, size, PLATE_DASH_AUTO, &read, &info)), cause);
    } else {
        check_accepted(vector, bytes, size);
    }
    free(bytes);
}

static void every_vector_holds(void **state)
{
    (void)state;
    static char line[8192];
    int count = 0;
    FILE *file = fopen(vectors_path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#')
            continue;
        json_t *vector = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(vector);
        check_vector(vector);
        json_decref(vector);
        count++;
    }
    (void)fclose(file); /* read only: nothing to lose */
    assert_true(count >= 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_vector_holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
