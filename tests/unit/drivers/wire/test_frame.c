/* Ethernet, VLAN, IPv4, IPv6, UDP: what is taken, and each cause of refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "drivers/wire/frame.h"
#include "tests/unit/drivers/wire/frame_builder.h"

enum { PORT = 9840 };
static const struct frame_filter filter = {.ports = {9000, PORT}, .port_count = 2};
static const char payload[] = "camera bytes";

static enum frame_cause parse(const struct frame_builder *b, const struct frame_filter *f,
                              struct frame_info *out, size_t *out_payload_at)
{
    /* An exact copy, so that AddressSanitizer sees a read past the end. */
    uint8_t *exact = malloc(b->size ? b->size : 1);
    assert_non_null(exact);
    memcpy(exact, b->bytes, b->size);
    enum frame_cause cause = frame_parse(f, exact, b->size, out);
    if (cause == FRAME_OK) {
        assert_true(out->payload >= exact && out->payload + out->payload_size <= exact + b->size);
        *out_payload_at = (size_t)(out->payload - exact);
    }
    free(exact);
    return cause;
}

static void taken(const struct frame_builder *b, struct frame_info *out)
{
    size_t at = 0;
    assert_string_equal(frame_cause_name(parse(b, &filter, out, &at)), "ok");
    assert_int_equal(out->payload_size, sizeof payload);
    assert_memory_equal(b->bytes + at, payload, sizeof payload);
    assert_int_equal(out->port, PORT);
    assert_int_equal(out->source_port, 40000);
    assert_memory_equal(out->source_mac, "\2\0\0\0\0\7", 6);
}

static void refused(const struct frame_builder *b, enum frame_cause expected)
{
    struct frame_info info = {.port = 7};
    size_t at;
    assert_string_equal(frame_cause_name(parse(b, &filter, &info, &at)),
                        frame_cause_name(expected));
    assert_int_equal(info.port, 7);
}

static struct frame_builder ipv4(void)
{
    struct frame_builder b;
    fb_link(&b, 0, 0, 0x0800);
    fb_ipv4(&b, PORT, payload, sizeof payload);
    return b;
}

static struct frame_builder ipv6(unsigned next, const void *extensions, size_t size)
{
    struct frame_builder b;
    fb_link(&b, 0, 0, 0x86DD);
    fb_ipv6(&b, PORT, payload, sizeof payload, next, extensions, size);
    return b;
}

static void ipv4_is_taken(void **state)
{
    (void)state;
    struct frame_builder b = ipv4();
    struct frame_info f;
    taken(&b, &f);
    assert_int_equal(f.family, 4);
    assert_int_equal(f.vlan_count, 0);
    assert_memory_equal(f.source_address, "\x0a\x09\0\7\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void ipv6_is_taken(void **state)
{
    (void)state;
    struct frame_builder b = ipv6(17, NULL, 0);
    struct frame_info f;
    taken(&b, &f);
    assert_int_equal(f.family, 6);
    assert_memory_equal(f.source_address, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7", 16);
}

static void up_to_two_vlan_tags(void **state)
{
    (void)state;
    struct frame_builder b;
    struct frame_info f;
    fb_link(&b, 12, 0, 0x0800);
    fb_ipv4(&b, PORT, payload, sizeof payload);
    taken(&b, &f);
    assert_int_equal(f.vlan_count, 1);
    assert_int_equal(f.vlans[0], 12);
    fb_link(&b, 100, 12, 0x86DD);
    fb_ipv6(&b, PORT, payload, sizeof payload, 17, NULL, 0);
    taken(&b, &f);
    assert_int_equal(f.vlan_count, 2);
    assert_int_equal(f.vlans[0], 100);
    assert_int_equal(f.vlans[1], 12);
    fb_link(&b, 100, 12, 0x8100);
    fb_put16(&b, 13);
    fb_put16(&b, 0x0800);
    refused(&b, FRAME_VLAN_DEPTH);
}

static void a_priority_tag_is_no_vlan(void **state)
{
    (void)state;
    struct frame_builder b;
    struct frame_info f;
    fb_link(&b, 12, 0, 0x0800);
    fb_set16(&b, 14, 0xE000);
    fb_ipv4(&b, PORT, payload, sizeof payload);
    taken(&b, &f);
    assert_int_equal(f.vlan_count, 0);
}

static void padding_behind_the_datagram_is_ignored(void **state)
{
    (void)state;
    struct frame_builder b = ipv4();
    struct frame_info f;
    fb_put(&b, "\0\xff\1\2\3", 5);
    taken(&b, &f);
    b = ipv6(17, NULL, 0);
    fb_put(&b, "\0\xff\1\2\3", 5);
    taken(&b, &f);
}

static void ipv4_options_are_stepped_over(void **state)
{
    (void)state;
    struct frame_builder b;
    struct frame_info f;
    const uint8_t head[24] = {0x46, 0,  0, 24 + 8 + sizeof payload,
                              0,    1,  0, 0,
                              64,   17, 0, 0,
                              10,   9,  0, 7,
                              10,   9,  0, 1,
                              0x94, 4,  0, 0};
    fb_link(&b, 0, 0, 0x0800);
    fb_put(&b, head, sizeof head);
    fb_ipv4_checksum(&b);
    fb_udp(&b, PORT, payload, sizeof payload);
    fb_udp_checksum(&b);
    taken(&b, &f);
}

static void ipv6_extension_headers_are_stepped_over(void **state)
{
    (void)state;
    struct frame_info f;
    /* hop-by-hop, destination options of 16 bytes, routing with none left, atomic fragment */
    static const uint8_t chain[] = {60, 0, 5, 2, 0,  0, 1, 0, 43, 1, 1,  12, 0, 0,
                                    0,  0, 0, 0, 0,  0, 0, 0, 0,  0, 44, 0,  4, 0,
                                    0,  0, 0, 0, 17, 0, 0, 0, 9,  9, 9,  9};
    struct frame_builder b = ipv6(0, chain, sizeof chain);
    taken(&b, &f);
    /* authentication header: its length counts 4-byte words less two */
    static const uint8_t authentication[] = {17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,
                                             1,  2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2};
    b = ipv6(51, authentication, sizeof authentication);
    taken(&b, &f);
}

static void ipv6_chains_out_of_order_are_refused(void **state)
{
    (void)state;
    static const uint8_t late_hop[] = {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0};
    static const uint8_t routing_left[] = {17, 0, 0, 1, 0, 0, 0, 0};
    uint8_t many[9 * 8];
    struct frame_builder b = ipv6(60, late_hop, sizeof late_hop);
    refused(&b, FRAME_EXTENSION);
    b = ipv6(43, routing_left, sizeof routing_left);
    refused(&b, FRAME_EXTENSION);
    memset(many, 0, sizeof many);
    for (size_t i = 0; i < 9; i++)
        many[i * 8] = i == 8 ? 17 : 60;
    b = ipv6(60, many, sizeof many);
    refused(&b, FRAME_EXTENSION);
    static const uint8_t past_end[] = {17, 255, 1, 4, 0, 0, 0, 0};
    b = ipv6(60, past_end, sizeof past_end);
    refused(&b, FRAME_TRUNCATED);
}

static void fragments_are_refused(void **state)
{
    (void)state;
    static const unsigned fields[] = {0x2000, 1, 0x2001, 0x1FFF};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct frame_builder b = ipv4();
        fb_set16(&b, b.ip_at + 6, fields[i]);
        fb_ipv4_checksum(&b);
        refused(&b, FRAME_FRAGMENT);
    }
    static const uint8_t first[] = {17, 0, 0, 1, 0, 0, 0, 1};
    static const uint8_t last[] = {17, 0, 0, 8, 0, 0, 0, 1};
    struct frame_builder b = ipv6(44, first, sizeof first);
    refused(&b, FRAME_FRAGMENT);
    b = ipv6(44, last, sizeof last);
    refused(&b, FRAME_FRAGMENT);
}

static void every_flipped_bit_of_a_checksummed_part_is_refused(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct frame_builder b = family == 4 ? ipv4() : ipv6(17, NULL, 0);
        /* IPv6 has no header checksum: addresses and UDP are covered, hop limit and flow are not */
        size_t from = family == 4 ? b.ip_at : b.ip_at + 8;
        for (size_t bit = from * 8; bit < b.size * 8; bit++) {
            struct frame_builder flipped = b;
            struct frame_info f;
            size_t at;
            flipped.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(parse(&flipped, &filter, &f, &at), FRAME_OK);
        }
    }
}

static void wrong_checksums_have_their_own_causes(void **state)
{
    (void)state;
    struct frame_builder b = ipv4();
    b.bytes[b.ip_at + 8]--; /* a router that forgot the checksum */
    refused(&b, FRAME_IP_CHECKSUM);
    b = ipv4();
    b.bytes[b.size - 1] ^= 1;
    refused(&b, FRAME_UDP_CHECKSUM);
    b = ipv6(17, NULL, 0);
    b.bytes[b.size - 1] ^= 1;
    refused(&b, FRAME_UDP_CHECKSUM);
}

static void no_checksum_is_allowed_over_ipv4_only(void **state)
{
    (void)state;
    struct frame_builder b = ipv4();
    struct frame_info f;
    fb_set16(&b, b.udp_at + 6, 0);
    taken(&b, &f);
    b = ipv6(17, NULL, 0);
    fb_set16(&b, b.udp_at + 6, 0);
    refused(&b, FRAME_UDP_CHECKSUM);
}

/* Linux leaves the pseudo header's sum for the card to complete. */
static void a_partial_checksum_is_taken_only_when_told(void **state)
{
    (void)state;
    struct frame_filter local = filter;
    local.accept_partial_checksum = true;
    for (int family = 4; family <= 6; family += 2) {
        struct frame_builder b = family == 4 ? ipv4() : ipv6(17, NULL, 0);
        struct frame_info f;
        size_t at;
        unsigned pseudo = fb_sum(b.bytes + b.ip_at + (family == 4 ? 12 : 8), family == 4 ? 8 : 32,
                                 17 + (unsigned)(b.size - b.udp_at));
        fb_set16(&b, b.udp_at + 6, pseudo);
        refused(&b, FRAME_UDP_CHECKSUM);
        assert_int_equal(parse(&b, &local, &f, &at), FRAME_OK);
        fb_set16(&b, b.udp_at + 6, pseudo ^ 1);
        assert_int_equal(parse(&b, &local, &f, &at), FRAME_UDP_CHECKSUM);
    }
}

static void other_traffic_has_its_causes(void **state)
{
    (void)state;
    struct frame_builder b;
    fb_link(&b, 0, 0, 0x0806);
    fb_put(&b, payload, sizeof payload);
    refused(&b, FRAME_NOT_IP);
    fb_link(&b, 0, 0, 0x0800);
    fb_ipv4(&b, PORT + 1, payload, sizeof payload);
    refused(&b, FRAME_FOREIGN_PORT);
    b = ipv4();
    b.bytes[b.ip_at + 9] = 6;
    fb_ipv4_checksum(&b);
    refused(&b, FRAME_NOT_UDP);
    b = ipv6(59, NULL, 0);
    refused(&b, FRAME_NOT_UDP);
}

static void contradicting_lengths_are_refused(void **state)
{
    (void)state;
    struct frame_builder b = ipv4();
    b.bytes[b.ip_at] = 0x44; /* header of 16 bytes */
    refused(&b, FRAME_BAD_HEADER);
    b = ipv4();
    b.bytes[b.ip_at] = 0x65;
    refused(&b, FRAME_BAD_HEADER);
    b = ipv4();
    fb_set16(&b, b.ip_at + 2, 19); /* total below header */
    refused(&b, FRAME_BAD_HEADER);
    b = ipv4();
    fb_set16(&b, b.ip_at + 2, 27); /* no room for UDP */
    fb_ipv4_checksum(&b);
    refused(&b, FRAME_UDP_LENGTH);
    for (int step = -1; step <= 1; step += 2) {
        b = ipv4();
        fb_set16(&b, b.udp_at + 4, (unsigned)((int)sizeof payload + 8 + step));
        refused(&b, FRAME_UDP_LENGTH);
    }
    b = ipv6(17, NULL, 0);
    fb_set16(&b, b.ip_at + 4, 0); /* jumbogram */
    refused(&b, FRAME_UDP_LENGTH);
    b = ipv6(17, NULL, 0);
    b.bytes[b.ip_at] = 0x40;
    refused(&b, FRAME_BAD_HEADER);
}

static void every_cut_is_truncation(void **state)
{
    (void)state;
    struct frame_builder frames[3] = {ipv4(), ipv6(17, NULL, 0)};
    fb_link(&frames[2], 100, 12, 0x0800);
    fb_ipv4(&frames[2], PORT, payload, sizeof payload);
    for (size_t i = 0; i < 3; i++) {
        size_t whole = frames[i].size;
        for (frames[i].size = 0; frames[i].size < whole; frames[i].size++)
            refused(&frames[i], FRAME_TRUNCATED);
    }
}

static void an_empty_payload_is_a_datagram(void **state)
{
    (void)state;
    struct frame_builder b;
    struct frame_info f;
    size_t at = 0;
    fb_link(&b, 0, 0, 0x0800);
    fb_ipv4(&b, PORT, "", 0);
    assert_int_equal(parse(&b, &filter, &f, &at), FRAME_OK);
    assert_int_equal(f.payload_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_taken),
        cmocka_unit_test(ipv6_is_taken),
        cmocka_unit_test(up_to_two_vlan_tags),
        cmocka_unit_test(a_priority_tag_is_no_vlan),
        cmocka_unit_test(padding_behind_the_datagram_is_ignored),
        cmocka_unit_test(ipv4_options_are_stepped_over),
        cmocka_unit_test(ipv6_extension_headers_are_stepped_over),
        cmocka_unit_test(ipv6_chains_out_of_order_are_refused),
        cmocka_unit_test(fragments_are_refused),
        cmocka_unit_test(every_flipped_bit_of_a_checksummed_part_is_refused),
        cmocka_unit_test(wrong_checksums_have_their_own_causes),
        cmocka_unit_test(no_checksum_is_allowed_over_ipv4_only),
        cmocka_unit_test(a_partial_checksum_is_taken_only_when_told),
        cmocka_unit_test(other_traffic_has_its_causes),
        cmocka_unit_test(contradicting_lengths_are_refused),
        cmocka_unit_test(every_cut_is_truncation),
        cmocka_unit_test(an_empty_payload_is_a_datagram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
