/*
 * Admission of camera reads: a sorted array and an index over all camera ids, both fixed; what
 * changes are numbers. All atomics here are relaxed: each number stands for itself.
 */
#include "drivers/wire/camera_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct camera_row {
    struct camera_options options;
    atomic_ullong counter_high;
    atomic_ullong counts[CAMERA_CAUSE_COUNT];
};

struct camera_table {
    size_t count;
    atomic_ullong unknown;
    atomic_ullong counter_changes;
    uint16_t row_of[CAMERA_ID_MAX + 1]; /* 1 + index, 0 = none */
    struct camera_row rows[];           /* ordered by id */
};

static int check_camera(const struct camera_options *c, struct err_text *err)
{
    const struct camera_binding *b = &c->binding;
    if (c->id == 0)
        return err_set(err, ERR_INVALID, "id = '0': expected 1 to %d", CAMERA_ID_MAX);
    if (c->lane == 0)
        return err_set(err, ERR_INVALID, "lane = '0': expected 1 to %d", LANE_ID_MAX);
    if (b->port == 0)
        return err_set(err, ERR_INVALID, "port = '0': expected 1 to 65535");
    if (b->vlan_count > FRAME_VLANS_MAX)
        return err_set(err, ERR_INVALID, "vlans: %d tags, expected at most %d", b->vlan_count,
                       FRAME_VLANS_MAX);
    for (uint8_t i = 0; i < b->vlan_count; i++)
        if (b->vlans[i] == 0 || b->vlans[i] > 4094)
            return err_set(err, ERR_INVALID, "vlan = '%d': expected 1 to 4094", b->vlans[i]);
    if (b->family != 0 && b->family != 4 && b->family != 6)
        return err_set(err, ERR_INVALID, "address family = '%d': expected 4 or 6", b->family);
    if (c->format == WIRE_JSON && (c->auth_required || c->has_key))
        return err_set(err, ERR_INVALID, "auth: json datagrams carry no tag, expected none");
    if (c->auth_required && !c->has_key)
        return err_set(err, ERR_INVALID, "auth = 'required': needs a key");
    if (!memchr(c->device_id, '\0', sizeof c->device_id))
        return err_set(err, ERR_INVALID, "device_id: longer than %d bytes",
                       CAMERA_DEVICE_ID_SIZE - 1);
    return ERR_OK;
}

static int by_id(const void *a, const void *b)
{
    const struct camera_row *left = a;
    const struct camera_row *right = b;
    return (left->options.id > right->options.id) - (left->options.id < right->options.id);
}

static int check_rows(const struct camera_table *t, struct err_text *err)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct camera_options *c = &t->rows[i].options;
        if (i > 0 && t->rows[i - 1].options.id == c->id)
            return err_set(err, ERR_INVALID, "camera %d: id stands twice", c->id);
        for (size_t j = 0; j < i; j++)
            if (c->device_id[0] && strcmp(t->rows[j].options.device_id, c->device_id) == 0)
                return err_set(err, ERR_INVALID, "camera %d: device_id = '%s': camera %d has it",
                               c->id, c->device_id, t->rows[j].options.id);
    }
    return ERR_OK;
}

int camera_table_create(const struct camera_options *cameras, size_t count,
                        struct camera_table **out, struct err_text *err)
{
    if (count > CAMERAS_MAX)
        return err_set(err, ERR_TOO_LARGE, "%zu cameras, expected at most %d", count, CAMERAS_MAX);
    struct camera_table *t = calloc(1, sizeof *t + count * sizeof t->rows[0]);
    if (!t)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu cameras", count);
    t->count = count;
    int result = ERR_OK;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = check_camera(&cameras[i], err);
        if (result != 0)
            result = err_prefix(err, result, "camera %d", cameras[i].id);
        t->rows[i].options = cameras[i];
    }
    if (result == 0) {
        if (count > 0)
            qsort(t->rows, count, sizeof t->rows[0], by_id);
        result = check_rows(t, err);
    }
    if (result != 0) {
        camera_table_destroy(t);
        return result;
    }
    for (size_t i = 0; i < count; i++)
        t->row_of[t->rows[i].options.id] = (uint16_t)(i + 1);
    *out = t;
    return ERR_OK;
}

void camera_table_destroy(struct camera_table *table)
{
    if (!table)
        return;
    explicit_bzero(table, sizeof *table + table->count * sizeof table->rows[0]);
    free(table);
}

static const struct camera_row *find_row(const struct camera_table *table, uint16_t camera)
{
    uint16_t row = table->row_of[camera];
    return row ? &table->rows[row - 1] : NULL;
}

static enum camera_cause check_binding(const struct camera_binding *b, const struct frame_info *f)
{
    if (f->port != b->port)
        return CAMERA_PORT;
    if (f->vlan_count != b->vlan_count)
        return CAMERA_VLAN;
    for (uint8_t i = 0; i < b->vlan_count; i++)
        if (f->vlans[i] != b->vlans[i])
            return CAMERA_VLAN;
    if (b->mac_bound && memcmp(f->source_mac, b->mac, FRAME_MAC_SIZE) != 0)
        return CAMERA_MAC;
    if (b->family != 0 &&
        (f->family != b->family || memcmp(f->source_address, b->address, FRAME_ADDRESS_SIZE) != 0))
        return CAMERA_ADDRESS;
    return CAMERA_OK;
}

static void add_one(atomic_ullong *number)
{
    atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
}

/* False: it is that high already. Of two threads with one counter one alone raises it. */
static bool raise_counter(struct camera_table *table, struct camera_row *row, uint64_t counter)
{
    unsigned long long high = atomic_load_explicit(&row->counter_high, memory_order_relaxed);
    do {
        if (counter <= high)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&row->counter_high, &high, counter,
                                                    memory_order_relaxed, memory_order_relaxed));
    add_one(&table->counter_changes);
    return true;
}

/* Tag and counter, which moves up; *out says what the read is worth. */
static enum camera_cause check_tag(struct camera_table *table, struct camera_row *row,
                                   const uint8_t *datagram, const struct compact_info *info,
                                   enum read_authenticity *out)
{
    const struct camera_options *c = &row->options;
    if (!c->has_key || !info || !info->tagged) {
        *out = AUTH_NONE;
        return c->auth_required ? CAMERA_UNTAGGED : CAMERA_OK;
    }
    if (!compact_tag_valid(datagram, info, c->key))
        return CAMERA_BAD_TAG;
    if (!raise_counter(table, row, info->counter))
        return CAMERA_REPLAY;
    *out = AUTH_TAG;
    return CAMERA_OK;
}

static enum camera_cause check_camera_read(struct camera_table *table, struct camera_row *row,
                                           enum wire_format format, const struct frame_info *frame,
                                           const uint8_t *datagram, const struct compact_info *info,
                                           const struct plate_read *read,
                                           enum read_authenticity *out)
{
    if (row->options.format != format)
        return CAMERA_FORMAT;
    enum camera_cause cause = check_binding(&row->options.binding, frame);
    if (cause != CAMERA_OK)
        return cause;
    if (read->lane != row->options.lane && !(format == WIRE_JSON && read->lane == 0))
        return CAMERA_LANE;
    return check_tag(table, row, datagram, info, out);
}

enum camera_cause camera_table_admit(struct camera_table *table, enum wire_format format,
                                     const struct frame_info *frame, const uint8_t *datagram,
                                     const struct compact_info *info, struct plate_read *read)
{
    uint16_t at = table->row_of[read->camera];
    if (at == 0) {
        add_one(&table->unknown);
        return CAMERA_UNKNOWN;
    }
    struct camera_row *row = &table->rows[at - 1];
    enum read_authenticity authenticity = AUTH_NONE;
    enum camera_cause cause =
        check_camera_read(table, row, format, frame, datagram, info, read, &authenticity);
    add_one(&row->counts[cause]);
    if (cause != CAMERA_OK)
        return cause;
    read->lane = row->options.lane;
    read->authenticity = authenticity;
    return CAMERA_OK;
}

uint16_t camera_table_find_device(const struct camera_table *table, const char *device_id)
{
    for (size_t i = 0; device_id[0] && i < table->count; i++)
        if (strcmp(table->rows[i].options.device_id, device_id) == 0)
            return table->rows[i].options.id;
    return 0;
}

uint16_t camera_table_row(const struct camera_table *table, uint16_t camera)
{
    return table->row_of[camera];
}

enum plate_dash camera_table_dash(const struct camera_table *table, uint16_t camera)
{
    const struct camera_row *row = find_row(table, camera);
    return row ? row->options.dash : PLATE_DASH_AUTO;
}

size_t camera_table_counters(const struct camera_table *table, struct camera_counter *out,
                             size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count && count < room; i++) {
        uint64_t high = atomic_load_explicit(&table->rows[i].counter_high, memory_order_relaxed);
        if (high != 0)
            out[count++] = (struct camera_counter){table->rows[i].options.id, high};
    }
    return count;
}

void camera_table_raise_counter(struct camera_table *table, struct camera_counter counter)
{
    uint16_t at = table->row_of[counter.camera];
    if (at != 0)
        (void)raise_counter(table, &table->rows[at - 1], counter.high); /* as high: nothing to do */
}

uint64_t camera_table_counter_changes(const struct camera_table *table)
{
    return atomic_load_explicit(&table->counter_changes, memory_order_relaxed);
}

uint64_t camera_table_count(const struct camera_table *table, uint16_t camera,
                            enum camera_cause cause)
{
    const struct camera_row *row = find_row(table, camera);
    if ((unsigned)cause >= CAMERA_CAUSE_COUNT)
        return 0;
    if (camera == 0)
        return cause == CAMERA_UNKNOWN ? atomic_load_explicit(&table->unknown, memory_order_relaxed)
                                       : 0;
    return row ? atomic_load_explicit(&row->counts[cause], memory_order_relaxed) : 0;
}

size_t camera_table_size(const struct camera_table *table)
{
    return table->count;
}

const struct camera_options *camera_table_at(const struct camera_table *table, size_t index)
{
    return index < table->count ? &table->rows[index].options : NULL;
}

const char *camera_cause_name(enum camera_cause cause)
{
    static const char *const names[CAMERA_CAUSE_COUNT] = {"ok",       "unknown", "format",  "port",
                                                          "vlan",     "mac",     "address", "lane",
                                                          "untagged", "bad_tag", "replay"};
    return (unsigned)cause < CAMERA_CAUSE_COUNT ? names[cause] : "unknown";
}
