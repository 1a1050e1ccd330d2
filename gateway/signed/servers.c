/*
 * See servers.h. No state.
 */
#include "gateway/signed/servers.h"

#include <stdlib.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/signed/fields.h"

int server_roots_check(const json_t *list, struct err_text *err)
{
    const json_t *item;
    size_t i;
    if (!list) {
        return ERR_OK;
    }
    if (!json_is_array(list) || json_array_size(list) < 1 ||
        json_array_size(list) > SERVER_ROOTS_MAX) {
        return err_set(err, ERR_INVALID, "servers: expected a list of 1 to %d", SERVER_ROOTS_MAX);
    }
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);
        uint8_t *der = NULL;
        size_t size = 0;
        int result = text ? base64_decode(text, &der, &size) : ERR_INVALID;
        free(der);
        if (result < 0 || size == 0 || size > SERVER_ROOT_MAX_BYTES) {
            return err_set(err, ERR_INVALID, "servers[%zu]: expected base64 of 1 to %d bytes", i,
                           SERVER_ROOT_MAX_BYTES);
        }
    }
    return ERR_OK;
}

int server_roots_read(const void *envelope, size_t size, json_t **out, struct err_text *err)
{
    struct envelope e = {0};
    json_t *object = NULL;
    int result = envelope_parse(envelope, size, &e, err);
    if (result == ERR_OK) {
        result = json_parse((const char *)e.payload, e.payload_size, &object, err);
    }
    if (result == ERR_OK) {
        result = server_roots_check(json_object_get(object, "servers"), err);
    }
    if (result == ERR_OK) {
        *out = json_incref(json_object_get(object, "servers"));
    }
    json_decref(object);
    envelope_fini(&e);
    return result;
}

int server_roots_compose(const struct keyset *set, const json_t *root_changes,
                         const json_t *servers, struct envelope *out, struct err_text *err)
{
    struct envelope plain = {0};
    json_t *object = NULL;
    int result = server_roots_check(servers, err);
    if (result == ERR_OK) {
        result = keyset_compose_with(set, root_changes, &plain, err);
    }
    if (result < 0 || !servers) {
        *out = plain;
        return result;
    }
    result = json_parse((const char *)plain.payload, plain.payload_size, &object, err);
    envelope_fini(&plain);
    if (result == ERR_OK && json_object_set_new(object, "servers", json_deep_copy(servers)) < 0) {
        json_decref(object);
        return ERR_NO_MEMORY;
    }
    return result == ERR_OK ? statement_compose(object, STATEMENT_KEYSET, out) : result;
}
