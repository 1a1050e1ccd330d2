/*
 * A whole request off the wire behind TLS: "METHOD path[?query]\n", then the body. Every route is
 * reached; whatever comes in, the answer has a status and, unless it is bytes, strict JSON.
 */
#include "tests/fuzz/gateway/hq/hqd_of_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void serve(char *line, const char *body, size_t size)
{
    const struct hq_route *route = NULL;
    struct hq_call call;
    char *path = strchr(line, ' ');
    char *query = path ? strchr(path, '?') : NULL;
    if (!path || hq_call_init(&call, &hq) != 0)
        return;
    *path++ = '\0';
    if (query)
        *query++ = '\0';
    if (hq_route_find(line, path, ~0U, &route, call.id, call.part) == 0 &&
        hq_query_parse(query, &call.query, NULL) == 0) {
        call.peer.identity = (struct tls_identity){.kind = TLS_PEER_OPERATOR, .name = "fuzz"};
        call.now = stands(NULL);
        call.user = "north-1";
        call.password = "token";
        call.body = body;
        call.size = size;
        call.last_run = true;
        while (route->handler(&call) != HQ_DONE)
            continue;
        assert(call.answer.status >= 200 && call.answer.status <= 503);
        if (strcmp(call.answer.type, "application/json") == 0)
            json_decref(answer_json(&call));
    }
    hq_call_fini(&call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    size_t head = end ? (size_t)(end - data) : size;
    char line[512];
    if (head >= sizeof(line))
        return 0;
    open_once();
    memcpy(line, data, head);
    line[head] = '\0';
    serve(line, end ? (const char *)end + 1 : "", end ? size - head - 1 : 0);
    return 0;
}
