/* Any bytes as a configuration file: refused with a text, or every member inside its limits. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct item {
    uint8_t id;
    char name[8];
    int64_t wait_ms;
};

struct fuzzed {
    struct item items[2];
    size_t item_count;
    uint16_t numbers[3];
    size_t number_count;
    uint8_t bits[2];
    uint32_t set;
    bool on;
    struct config_ip ip;
    uint8_t mac[6];
    uint8_t hex[2];
};

static const struct config_name names[] = {{"a", 1}, {"b", 2}, {NULL, 0}};
static const struct config_option number = {
    .kind = CONFIG_INT, .size = sizeof(uint16_t), .min = 5, .max = 500};

static const struct config_option item_options[] = {
    CONFIG_OPTION(struct item, id, "id", CONFIG_INT, .min = 1, .max = 9, .required = true,
                  .help = "."),
    CONFIG_OPTION(struct item, name, "name", CONFIG_STRING, .help = "."),
    CONFIG_OPTION(struct item, wait_ms, "wait", CONFIG_DURATION, .min = 1, .max = 86400000,
                  .fallback = "1s", .help = "."),
};

static int check_item(void *section, const struct config_at *at, struct err_text *err)
{
    const struct item *item = section;
    return item->id == 9 ? config_refuse(at, "name", err, "no nine") : ERR_OK;
}

static const struct config_section item_section = {CONFIG_ROWS(item_options, struct item),
                                                   .unique = "id", .check = check_item};

static const struct config_option options[] = {
    CONFIG_ARRAY(struct fuzzed, items, item_count, "items", .section = &item_section, .help = "."),
    CONFIG_ARRAY(struct fuzzed, numbers, number_count, "numbers", .item = &number, .help = "."),
    CONFIG_OPTION(struct fuzzed, bits, "bits", CONFIG_NUMBERS, .help = "."),
    CONFIG_OPTION(struct fuzzed, set, "set", CONFIG_SET, .names = names, .help = "."),
    CONFIG_OPTION(struct fuzzed, on, "on", CONFIG_BOOL, .help = "."),
    CONFIG_OPTION(struct fuzzed, ip, "ip", CONFIG_IP, .help = "."),
    CONFIG_OPTION(struct fuzzed, mac, "mac", CONFIG_MAC, .help = "."),
    CONFIG_OPTION(struct fuzzed, hex, "hex", CONFIG_HEX, .help = "."),
};
static const struct config_section root = {CONFIG_ROWS(options, struct fuzzed)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzzed out;
    struct err_text err = {""};
    int rc = config_parse("f", (const char *)data, size, &root, &out, &err);
    if (rc != ERR_OK) {
        assert(err.text[0] == 'f' && err.text[1] == ':');
        return 0;
    }
    assert(out.item_count <= 2 && out.number_count <= 3 && out.set <= 3);
    for (size_t i = 0; i < out.item_count; i++) {
        assert(out.items[i].id >= 1 && out.items[i].id < 9 && out.items[i].wait_ms >= 1);
        assert(memchr(out.items[i].name, '\0', sizeof(out.items[i].name)));
    }
    for (size_t i = 0; i < out.number_count; i++) {
        assert(out.numbers[i] >= 5 && out.numbers[i] <= 500);
    }
    return 0;
}
