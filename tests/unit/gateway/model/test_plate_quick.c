/* Quick keys are those of plate_encode(), by every kernel this processor has, and nearly all real
 * plates are quick. The seed is printed and can be set by CHECKPOINT_SEED; CHECKPOINT_ROUNDS makes
 * the sweep longer. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/model/plate_quick_kernels.h"
#include "gateway/model/plate_symbols.h"

enum { ROUNDS = 200 * 1000, TEXT_ROOM = PLATE_QUICK_BYTES_BEFORE + 64 };

static const enum plate_quick_kernel kernels[] = {PLATE_QUICK_AVX512, PLATE_QUICK_AVX2,
                                                  PLATE_QUICK_SCALAR};
enum { KERNELS = sizeof kernels / sizeof kernels[0] };

struct text {
    uint8_t room[TEXT_ROOM]; /* the text stands behind the bytes that may be looked at */
    size_t size;
};

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) * bound >> 32);
}

static const uint8_t *bytes_of(const struct text *t)
{
    return t->room + PLATE_QUICK_BYTES_BEFORE;
}

static void put(struct text *t, const char *more)
{
    size_t size = strlen(more);
    memcpy(t->room + PLATE_QUICK_BYTES_BEFORE + t->size, more, size);
    t->size += size;
}

static void put_symbol(struct text *t, uint32_t first, uint32_t last)
{
    put(t, plate_symbol_text((uint8_t)(first + random_below(last - first + 1))));
}

static void put_alnum(struct text *t)
{
    put_symbol(t, PLATE_SYMBOL_DIGIT_0, PLATE_SYMBOL_ALNUM_LAST);
}

/* Plates, near plates and bytes: what a camera may say, and what it may not. */
static void build_text(struct text *t)
{
    *t = (struct text){.size = 0};
    for (int i = 0; i < PLATE_QUICK_BYTES_BEFORE; i++)
        t->room[i] = (uint8_t)random_below(256);
    uint32_t shape = random_below(8);
    if (shape < 5)
        put_symbol(t, PLATE_SYMBOL_PROVINCE_FIRST, PLATE_SYMBOL_PROVINCE_LAST);
    else if (shape == 5)
        put_symbol(t, PLATE_SYMBOL_PROVINCE_FIRST, PLATE_SYMBOL_SPECIAL_LAST);
    uint32_t more = shape == 7 ? random_below(13) : 5 + random_below(3);
    for (uint32_t i = 0; i < more; i++)
        put_alnum(t);
    if (shape == 4 || shape == 3)
        put_symbol(t, PLATE_SYMBOL_SPECIAL_FIRST, PLATE_SYMBOL_SPECIAL_LAST);
    if (random_below(4) == 0 && t->size > 0) { /* one byte is another */
        char odd = "-/ .?ioIOaz0"[random_below(12)];
        t->room[PLATE_QUICK_BYTES_BEFORE + random_below((uint32_t)t->size)] =
            (uint8_t)(random_below(2) ? random_below(256) : (uint32_t)odd);
    }
}

static plate_key key_by_encode(const uint8_t *text, size_t size, enum plate_dash dash)
{
    struct plate_text out;
    plate_encode((const char *)text, size, dash, &out);
    return out.kind == PLATE_KEY ? out.key : 0;
}

static void check_key(const struct text *t, plate_key quick, const char *by)
{
    if (quick == 0)
        return;
    for (int dash = PLATE_DASH_AUTO; dash <= PLATE_DASH_IS_UNREAD; dash++) {
        plate_key slow = key_by_encode(bytes_of(t), t->size, (enum plate_dash)dash);
        if (slow != quick)
            fail_msg("'%.*s' (%s): quick %016" PRIx64 ", expected %016" PRIx64, (int)t->size,
                     (const char *)bytes_of(t), by, quick, slow);
    }
}

/* Encodes a batch by every kernel; all must agree with each other and with plate_encode(). */
static size_t check_batch(const struct text *texts, size_t count)
{
    struct plate_quick q;
    plate_key keys[KERNELS][PLATE_QUICK_MAX];
    size_t taken = 0;
    memset(&q, 0xA5, sizeof q); /* what is behind `count` must not matter */
    for (size_t i = 0; i < count; i++)
        plate_quick_put(&q, i, bytes_of(&texts[i]), texts[i].size);
    for (int k = 0; k < KERNELS; k++) {
        bool there = plate_quick_has(kernels[k]);
        plate_quick_encode_by(there ? kernels[k] : PLATE_QUICK_SCALAR, &q, count, keys[k]);
        for (size_t i = 0; i < count; i++) {
            check_key(&texts[i], keys[k][i], plate_quick_kernel_name(kernels[k]));
            assert_int_equal(keys[k][i], keys[0][i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        plate_key one = 0;
        bool got = plate_encode_quick(bytes_of(&texts[i]), texts[i].size, &one);
        assert_int_equal(got, keys[0][i] != 0);
        assert_int_equal(one, keys[0][i]);
        taken += got;
    }
    return taken;
}

static void kernels_agree_with_plate_encode(void **state)
{
    static struct text texts[PLATE_QUICK_MAX];
    const char *rounds_text = getenv("CHECKPOINT_ROUNDS");
    long rounds = rounds_text ? strtol(rounds_text, NULL, 10) : ROUNDS;
    size_t taken = 0;
    (void)state;
    for (long done = 0; done < rounds; done += PLATE_QUICK_MAX) {
        size_t count = 1 + random_below(PLATE_QUICK_MAX);
        for (size_t i = 0; i < count; i++)
            build_text(&texts[i]);
        taken += check_batch(texts, count);
    }
    assert_true(taken > (size_t)rounds / 8); /* the texts are not all refused */
}

static void check_texts(const char *const *plates, size_t count, bool taken)
{
    for (size_t i = 0; i < count; i++) {
        struct text t = {.size = 0};
        put(&t, plates[i]);
        if ((check_batch(&t, 1) == 1) != taken)
            fail_msg("'%s' is %s", plates[i], taken ? "not taken" : "taken");
    }
}

static void plain_plates_are_taken(void **state)
{
    static const char *const plates[] = {
        "鲁H12345", "鲁HD12345", "鲁H12345D", "京A0000A",  "黑KA12345", "黑WJ12345", "鲁O00120",
        "鲁I12345", "鲁Q7253挂", "川A0001警", "粤ZA123港", "沪A0017领", "鲁H0123学", "苏A1234试",
        "YG9X2G",   "7ABC123",   "KA12345",   "WJ1234J",   "0000",      "AB12CD34",  "12345678"};
    (void)state;
    check_texts(plates, sizeof plates / sizeof plates[0], true);
}

static void the_rest_is_left(void **state)
{
    static const char *const plates[] = {
        "",           "鲁",          "鲁H1234",   "鲁H123456789", "鲁HI2345",   "鲁H1234O",
        "鲁h12345",   "鲁H1234?",    "鲁H-12345", "鲁H·12345",    "0000000",    "00000000",
        "NOPLATE",    "UNKNOWN",     "无车牌",    "使014578",     "224578使",   "京0100001",
        "军A12345",   "琼X1234应急", "鲁H12345 ", "WJ鲁12345",    "民航AA0125", "鲁H1234使",
        "蓝鲁H12345", "挂H12345",    "ABC",       "A12345678",    "0123456789", "鲁H123\xE6\x8C"};
    (void)state;
    check_texts(plates, sizeof plates / sizeof plates[0], false);
}

static void a_nul_inside_is_no_end(void **state)
{
    struct text t = {.size = 0};
    (void)state;
    put(&t, "鲁H12345");
    t.room[PLATE_QUICK_BYTES_BEFORE + 6] = 0;
    assert_int_equal(check_batch(&t, 1), 0);
    t = (struct text){.size = 0};
    put(&t, "鲁H12345");
    memset(t.room + PLATE_QUICK_BYTES_BEFORE, 0, 3); /* no character of the table */
    assert_int_equal(check_batch(&t, 1), 0);
}

/* The table and the alphabet are two lists of one thing. */
static void every_character_of_the_table_is_of_the_alphabet(void **state)
{
    size_t provinces = 0;
    (void)state;
    for (size_t i = 0; i < sizeof plate_quick_table / sizeof plate_quick_table[0]; i++) {
        uint32_t entry = plate_quick_table[i];
        char text[4] = {(char)entry, (char)(entry >> 8), (char)(entry >> 16), '\0'};
        if (entry == 0)
            continue;
        assert_string_equal(text, plate_symbol_text((uint8_t)(entry >> 24)));
        assert_int_equal(plate_quick_symbol(entry & 0xFFFFFF), entry >> 24);
        provinces += plate_symbol_is_province((uint8_t)(entry >> 24));
    }
    assert_int_equal(provinces, PLATE_SYMBOL_PROVINCE_LAST - PLATE_SYMBOL_PROVINCE_FIRST + 1);
}

static void every_real_plate_is_taken(void **state)
{
    static const char name[] = "plates-cn.txt";
    const char *folder = getenv("CHECKPOINT_DATA");
    char path[512];
    char line[128];
    size_t count = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/data", name);
    FILE *file = fopen(path, "re");
    if (!file) {
        print_message("skipped: no %s (CHECKPOINT_DATA names its folder)\n", path);
        skip();
    }
    while (fgets(line, sizeof line, file)) {
        struct text t = {.size = 0};
        line[strcspn(line, "\r\n")] = '\0';
        put(&t, line);
        if (check_batch(&t, 1) != 1)
            fail_msg("'%s' is not taken", line);
        count++;
    }
    fclose(file);
    assert_true(count > 0);
}

int main(void)
{
    const char *seed_text = getenv("CHECKPOINT_SEED");
    random_state = seed_text ? strtoull(seed_text, NULL, 10) : UINT64_C(20261126);
    print_message("seed %" PRIu64 "\n", random_state);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree_with_plate_encode),
        cmocka_unit_test(plain_plates_are_taken),
        cmocka_unit_test(the_rest_is_left),
        cmocka_unit_test(a_nul_inside_is_no_end),
        cmocka_unit_test(every_character_of_the_table_is_of_the_alphabet),
        cmocka_unit_test(every_real_plate_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
