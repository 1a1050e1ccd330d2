/* SipHash-2-4 against the reference implementation's published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/base/siphash.h"

/* Key 00 01 … 0f, message 00 01 … n-1: results for n = 0 … 15 (the paper's appendix A is n = 15).
 */
static const uint64_t expected[16] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
    0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
    0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
    0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5};

static void reference_vectors(void **state)
{
    (void)state;
    uint8_t key[SIPHASH_KEY_SIZE];
    uint8_t message[16];
    for (uint8_t i = 0; i < 16; i++)
        key[i] = message[i] = i;
    for (size_t n = 0; n < 16; n++)
        assert_true(siphash24(key, message, n) == expected[n]);
}

static void every_bit_of_key_and_message_counts(void **state)
{
    (void)state;
    uint8_t key[SIPHASH_KEY_SIZE] = {0};
    uint8_t message[21] = {0};
    uint64_t plain = siphash24(key, message, sizeof message);
    for (size_t bit = 0; bit < sizeof key * 8; bit++) {
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(siphash24(key, message, sizeof message) != plain);
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < sizeof message * 8; bit++) {
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(siphash24(key, message, sizeof message) != plain);
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void length_counts(void **state)
{
    (void)state;
    uint8_t key[SIPHASH_KEY_SIZE] = {1};
    assert_true(siphash24(key, "\0\0\0", 2) != siphash24(key, "\0\0\0", 3));
    assert_true(siphash24(key, NULL, 0) == siphash24(key, "", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_vectors),
        cmocka_unit_test(every_bit_of_key_and_message_counts),
        cmocka_unit_test(length_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
