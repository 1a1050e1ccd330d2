/*
 * The receive path against peers in the same run: a tagged compact datagram decoded and verified,
 * the whole frame taken to an admitted read, and for comparison the same read as JSON parsed with
 * jansson on malloc (no checks, no key) and OpenSSL's SipHash over the same bytes. Medians of
 * RUNS runs, taken in turn; only the ratios mean anything. Last line: one JSON object.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "drivers/wire/compact.h"
#include "drivers/wire/read_fields.h"
#include "drivers/wire/receiver.h"

enum { RUNS = 9, ROUNDS = 20000, DATAGRAMS = 64, FRAME_SIZE = 256, LINK_AND_IP = 42, PORT = 9840 };

static const uint8_t key[SIPHASH_KEY_SIZE] = "0123456789abcdef";

struct bench {
    uint8_t frame[DATAGRAMS][FRAME_SIZE]; /* Ethernet, IPv4, UDP without checksum, datagram */
    size_t datagram_size;
    char json[512];
    size_t json_size;
    struct camera_table *cameras;
    struct receiver *receiver;
    EVP_MAC_CTX *mac;
    uint64_t sink; /* so that nothing is optimised away */
};

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_receive: %s\n", what);
        exit(1);
    }
}

static void put_frame(uint8_t *frame, size_t datagram_size)
{
    uint8_t head[LINK_AND_IP] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7, 8, 0, 0x45};
    uint32_t sum = 0;
    head[17] = (uint8_t)(datagram_size + 28);
    head[22] = 64;
    head[23] = 17;
    memcpy(head + 26, "\x0a\x09\x00\x07\x0a\x09\x00\x01", 8);
    for (int i = 14; i < 34; i += 2)
        sum += (uint32_t)head[i] << 8 | head[i + 1];
    sum = 0xFFFF - ((sum & 0xFFFF) + (sum >> 16));
    head[24] = (uint8_t)(sum >> 8);
    head[25] = (uint8_t)sum;
    head[36] = PORT >> 8;
    head[37] = PORT & 0xFF;
    head[39] = (uint8_t)(datagram_size + 8);
    memcpy(frame, head, sizeof head);
}

static void build_datagrams(struct bench *b)
{
    struct plate_read read;
    read_fields_init(&read);
    read.lane = 3;
    read.camera = 7;
    read.confidence = 97;
    read.camera_time.ms = INT64_C(1795492800123);
    read.speed_kmh = 61;
    read.class = '0' << 8 | '2';
    read.colour = COLOUR_BLUE;
    read.direction = 3;
    read.event_id = 4711;
    for (int i = 0; i < DATAGRAMS; i++) {
        snprintf(read.raw, sizeof read.raw, "鲁H12%03d", i);
        b->datagram_size = compact_encode(&read, key, (uint64_t)i + 1, b->frame[i] + LINK_AND_IP,
                                          FRAME_SIZE - LINK_AND_IP);
        check(b->datagram_size > 0, "encode");
        put_frame(b->frame[i], b->datagram_size);
    }
    b->json_size = (size_t)snprintf(
        b->json, sizeof b->json,
        "{\"DeviceID\":7,\"LaneNo\":3,\"PlateNo\":\"鲁H12345\",\"PlateClass\":\"02\","
        "\"PlateColor\":\"5\",\"PassTime\":\"20261124120000\",\"Speed\":61,\"Direction\":\"3\","
        "\"PlateReliability\":97,\"EventID\":4711}");
}

/* A camera without key: a frame used again would be a replay. The tag is timed by the other case.
 */
static void build_receiver(struct bench *b)
{
    static const struct camera_options camera = {.id = 7, .lane = 3, .binding = {.port = PORT}};
    const struct receiver_options options = {.ports = {{PORT, WIRE_COMPACT}}, .port_count = 1};
    check(camera_table_create(&camera, 1, &b->cameras, NULL) == 0, "camera table");
    check(receiver_create(&options, b->cameras, &b->receiver, NULL) == 0, "receiver");
}

static void build_mac(struct bench *b)
{
    size_t size = 8;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    check(mac != NULL, "OpenSSL has no SipHash");
    b->mac = EVP_MAC_CTX_new(mac);
    check(b->mac && EVP_MAC_init(b->mac, key, sizeof key, params) == 1, "OpenSSL SipHash");
    EVP_MAC_free(mac);
}

static void run_decode_and_tag(struct bench *b, int i)
{
    struct plate_read read;
    struct compact_info info;
    const uint8_t *datagram = b->frame[i % DATAGRAMS] + LINK_AND_IP;
    check(compact_decode(datagram, b->datagram_size, PLATE_DASH_AUTO, &read, &info) == COMPACT_OK &&
              compact_tag_valid(datagram, &info, key),
          "decode");
    b->sink += read.key;
}

static void run_frame(struct bench *b, int i)
{
    struct plate_read read;
    check(receiver_take(b->receiver, b->frame[i % DATAGRAMS], LINK_AND_IP + b->datagram_size,
                        (struct mono_time){i}, (struct wall_time){i}, &read),
          "receive");
    b->sink += read.key;
}

static void run_siphash(struct bench *b, int i)
{
    b->sink += siphash24(key, b->frame[i % DATAGRAMS] + LINK_AND_IP, b->datagram_size - 8);
}

static void run_openssl(struct bench *b, int i)
{
    uint8_t tag[8];
    size_t size = 0;
    check(EVP_MAC_init(b->mac, NULL, 0, NULL) == 1 &&
              EVP_MAC_update(b->mac, b->frame[i % DATAGRAMS] + LINK_AND_IP, b->datagram_size - 8) ==
                  1 &&
              EVP_MAC_final(b->mac, tag, &size, sizeof tag) == 1,
          "OpenSSL SipHash");
    b->sink += tag[0];
}

static void run_jansson(struct bench *b, int i)
{
    json_t *object = json_loadb(b->json, b->json_size, JSON_REJECT_DUPLICATES, NULL);
    check(json_is_object(object), "jansson");
    b->sink += (uint64_t)json_integer_value(json_object_get(object, "EventID")) + (uint64_t)i;
    json_decref(object);
}

static double ns_of(struct bench *b, void (*run)(struct bench *, int))
{
    struct timespec from;
    struct timespec to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < ROUNDS; i++)
        run(b, i);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / ROUNDS;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(void)
{
    static struct bench b;
    static void (*const cases[])(struct bench *, int) = {run_decode_and_tag, run_frame, run_siphash,
                                                         run_openssl, run_jansson};
    enum { CASES = sizeof cases / sizeof cases[0] };
    static double ns[CASES][RUNS];
    build_datagrams(&b);
    build_receiver(&b);
    build_mac(&b);
    for (int run = 0; run < RUNS; run++)
        for (int c = 0; c < CASES; c++)
            ns[c][run] = ns_of(&b, cases[c]);
    for (int c = 0; c < CASES; c++)
        qsort(ns[c], RUNS, sizeof ns[c][0], by_value);
    EVP_MAC_CTX_free(b.mac);
    receiver_destroy(b.receiver);
    camera_table_destroy(b.cameras);
    const int m = RUNS / 2;
    printf("{\"bench\":\"receive\",\"runs\":%d,\"datagram_bytes\":%zu,\"decode_and_tag_ns\":%.1f,"
           "\"frame_to_read_ns\":%.1f,\"siphash_ns\":%.1f,\"openssl_siphash_ns\":%.1f,"
           "\"jansson_parse_ns\":%.1f,\"jansson_over_decode_and_tag\":%.2f,"
           "\"openssl_over_siphash\":%.2f,\"sink\":%d}\n",
           RUNS, b.datagram_size, ns[0][m], ns[1][m], ns[2][m], ns[3][m], ns[4][m],
           ns[4][m] / ns[0][m], ns[3][m] / ns[2][m], b.sink != 0);
    return 0;
}
