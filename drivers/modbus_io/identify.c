/*
 * Which model answers: by registers with a known value, by what the device says of itself
 * (functions 43/14 and 17). Asked on each connect, before anything is written. A device that does
 * not know a function cannot tell; one that says something else is refused. Owner: the bus thread.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/modbus_io/module.h"

enum { EXCEPTION_FUNCTION = 1, EXCEPTION_VALUE = 3, FOUND_SIZE = 2 * IDENTITY_TEXT_SIZE + 32 };

struct modbus_request module_read_of(const struct modbus_io *io, uint8_t function, uint16_t address,
                                     uint16_t count)
{
    return (struct modbus_request){
        .unit = io->options.unit, .function = function, .address = address, .count = count};
}

unsigned module_value_at(const struct modbus_answer *answer, uint8_t function, unsigned at)
{
    bool bits = function == MODBUS_READ_COILS || function == MODBUS_READ_DISCRETE;
    return bits ? (unsigned)(answer->bits >> at & 1) : answer->registers[at];
}

uint32_t module_step_us(const struct modbus_io *io, const struct io_timing *timing,
                        struct modbus_request request, uint32_t *worst_us)
{
    uint32_t us = modbus_exchange_us(timing, &request, io->answer_us);
    *worst_us = us > *worst_us ? us : *worst_us;
    return us;
}

static int not_this_model(const struct modbus_io *io, const char *what, const char *found,
                          struct err_text *err)
{
    return err_set(err, ERR_CONFLICT, "型号不符 another device: %s %s; expected %s", what, found,
                   io->profile.model);
}

/* --- by registers --- */

/* The manuals seldom say which half of a register is the first character: either may be. */
static bool holds_text(const struct profile_probe *probe, const struct modbus_answer *answer,
                       char *shown)
{
    uint8_t bytes[2 * PROFILE_VALUES_MAX] = {0};
    size_t size = 2u * probe->count;
    bool found = false;
    for (unsigned swapped = 2; swapped-- > 0 && !found;) {
        for (size_t i = 0; i < size; i++) {
            bool high = (i % 2 == 0) != (swapped == 1);
            uint16_t word = answer->registers[i / 2];
            bytes[i] = (uint8_t)(high ? word >> 8 : word & 0xFF);
        }
        found = memmem(bytes, size, probe->text, strlen(probe->text)) != NULL;
    }
    device_text_show(bytes, size, shown);
    return found;
}

static bool answers_so(const struct profile_probe *probe, const struct modbus_answer *answer,
                       char *found)
{
    char shown[IDENTITY_TEXT_SIZE];
    unsigned value = module_value_at(answer, probe->read, 0);
    switch (probe->answer) {
    case PROBE_ANY:
        return true;
    case PROBE_TEXT:
        if (holds_text(probe, answer, shown)) {
            return true;
        }
        (void)snprintf(found, FOUND_SIZE, "is '%s', not '%s'", shown, probe->text); /* fits */
        return false;
    case PROBE_VALUE:
        (void)snprintf(found, FOUND_SIZE, "is 0x%04X, not 0x%04X", value, probe->value); /* fits */
        return value == probe->value;
    case PROBE_REFUSED:
        break;
    }
    (void)snprintf(found, FOUND_SIZE, "is 0x%04X, expected to be refused", value); /* fits */
    return false;
}

/* After a failed question. ERR_NOT_FOUND: it does not know what was asked, which tells nothing. */
static int judge_refusal(const struct modbus_io *io, const char *what, bool required, int rc,
                         uint8_t exception, struct err_text *err)
{
    char found[FOUND_SIZE];
    if (rc != ERR_DENIED || exception < EXCEPTION_FUNCTION || exception > EXCEPTION_VALUE) {
        return err_prefix(err, rc, "read %s", what);
    }
    if (!required) {
        return ERR_NOT_FOUND;
    }
    (void)snprintf(found, sizeof(found), "is refused (%u)", exception); /* fits */
    return not_this_model(io, what, found, err);
}

static int run_probe(const struct modbus_io *io, struct modbus_link *link,
                     const struct profile_probe *probe, struct err_text *err)
{
    struct modbus_request request = module_read_of(io, probe->read, probe->address, probe->count);
    struct modbus_answer answer = {0};
    char found[FOUND_SIZE];
    int rc = module_exchange(io, link, &request, &answer, err);
    if (rc == ERR_DENIED && probe->answer == PROBE_REFUSED) {
        return ERR_OK;
    }
    if (rc != ERR_OK) {
        return judge_refusal(io, probe->what, probe->required, rc, answer.exception, err);
    }
    return answers_so(probe, &answer, found) ? ERR_OK : not_this_model(io, probe->what, found, err);
}

/* --- by what it says of itself --- */

static const char device_id_what[] = "device identification (43/14)";
static const char server_id_what[] = "server id (17)";

static struct modbus_request device_id_request(const struct modbus_io *io, uint8_t first,
                                               size_t taken)
{
    size_t left = io->profile.device_id.answer_max - taken;
    return module_read_of(io, MODBUS_DEVICE_ID, first,
                          (uint16_t)(left > IDENTITY_PART_MIN ? left : IDENTITY_PART_MIN));
}

static int read_device_id(const struct modbus_io *io, struct modbus_link *link,
                          struct device_identity *out, struct err_text *err)
{
    uint8_t next = 0;
    size_t taken = 0;
    for (int i = 0; i < IDENTITY_REQUESTS_MAX; i++) {
        struct modbus_request request = device_id_request(io, next, taken);
        struct modbus_answer answer = {0};
        int rc = module_exchange(io, link, &request, &answer, err);
        if (rc != ERR_OK) {
            return judge_refusal(io, device_id_what, io->profile.device_id.required, rc,
                                 answer.exception, err);
        }
        rc = device_identity_take(out, next, &answer, &next, err);
        if (rc != ERR_OK) {
            return err_prefix(err, rc, "read %s", device_id_what);
        }
        taken += answer.raw_size + 2u;
        if (next == 0) {
            break;
        }
    }
    return ERR_OK;
}

static int run_device_id(const struct modbus_io *io, struct modbus_link *link, struct err_text *err)
{
    const struct profile_device_id *expected = &io->profile.device_id;
    struct device_identity identity = {0};
    int rc = read_device_id(io, link, &identity, err);
    for (unsigned i = 0; rc == ERR_OK && i < IDENTITY_OBJECTS; i++) {
        char found[FOUND_SIZE];
        if (expected->text[i][0] == '\0' ||
            device_identity_matches(expected->text[i], identity.text[i])) {
            continue;
        }
        (void)snprintf(found, sizeof(found), "is '%s', not '%s'", identity.text[i],
                       expected->text[i]); /* fits */
        rc = not_this_model(io, device_identity_name((enum identity_object)i), found, err);
    }
    return rc;
}

static struct modbus_request server_id_request(const struct modbus_io *io)
{
    return module_read_of(io, MODBUS_SERVER_ID, 0, io->profile.server_id.answer_max);
}

static int run_server_id(const struct modbus_io *io, struct modbus_link *link, struct err_text *err)
{
    const struct profile_server_id *expected = &io->profile.server_id;
    struct modbus_request request = server_id_request(io);
    struct modbus_answer answer = {0};
    char shown[IDENTITY_TEXT_SIZE];
    char found[FOUND_SIZE];
    int rc = module_exchange(io, link, &request, &answer, err);
    if (rc != ERR_OK) {
        return judge_refusal(io, server_id_what, expected->required, rc, answer.exception, err);
    }
    if (server_id_matches(&answer, expected->id.data, expected->id.size, expected->text)) {
        return ERR_OK;
    }
    server_id_show(&answer, shown);
    (void)snprintf(found, sizeof(found), "is %s", shown); /* fits */
    return not_this_model(io, server_id_what, found, err);
}

/* --- all of it --- */

/* One question's outcome joined to those before: what was confirmed once is not taken back by a
 * question the device does not know. */
static int join(int rc, enum modbus_io_identity *identity)
{
    if (rc == ERR_OK) {
        *identity = MODBUS_IO_CONFIRMED;
    } else if (rc == ERR_NOT_FOUND) {
        *identity = *identity == MODBUS_IO_CONFIRMED ? *identity : MODBUS_IO_CANNOT_TELL;
        rc = ERR_OK;
    } else {
        *identity = rc == ERR_CONFLICT ? MODBUS_IO_OTHER : MODBUS_IO_NOT_ASKED;
    }
    return rc;
}

int module_identify(struct modbus_io *io, struct modbus_link *link, struct err_text *err)
{
    const struct module_profile *profile = &io->profile;
    enum modbus_io_identity identity = MODBUS_IO_NOT_ASKED;
    int rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < profile->identify_count; i++) {
        rc = join(run_probe(io, link, &profile->identify[i], err), &identity);
    }
    if (rc == ERR_OK && profile->has_device_id) {
        rc = join(run_device_id(io, link, err), &identity);
    }
    if (rc == ERR_OK && profile->has_server_id) {
        rc = join(run_server_id(io, link, err), &identity);
    }
    atomic_store_explicit(&io->identity, identity, memory_order_relaxed);
    return rc;
}

uint32_t module_identify_us(const struct modbus_io *io, const struct io_timing *timing,
                            uint32_t *worst_us)
{
    const struct module_profile *profile = &io->profile;
    uint32_t sum_us = 0;
    for (size_t i = 0; i < profile->identify_count; i++) {
        const struct profile_probe *probe = &profile->identify[i];
        sum_us += module_step_us(
            io, timing, module_read_of(io, probe->read, probe->address, probe->count), worst_us);
    }
    /* An answer in parts has no more bytes in all, but for the least that each part may have. */
    for (int i = 0; profile->has_device_id && i < IDENTITY_REQUESTS_MAX; i++) {
        size_t taken = i == 0 ? 0 : profile->device_id.answer_max;
        sum_us += module_step_us(io, timing, device_id_request(io, 0, taken), worst_us);
    }
    return profile->has_server_id
               ? sum_us + module_step_us(io, timing, server_id_request(io), worst_us)
               : sum_us;
}

enum modbus_io_identity modbus_io_identity_of(const struct io_device *device)
{
    const struct modbus_io *io = device->state;
    return (enum modbus_io_identity)atomic_load_explicit(&io->identity, memory_order_relaxed);
}
