/*
 * Packets of the local sockets `matches` and `reads`, native layout: the first byte chooses
 * message, query or read. What a check lets through must be usable by everybody behind it.
 */
#include <assert.h>
#include <string.h>

#include "gateway/model/hit.h"
#include "gateway/model/read_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned seen; /* truth values used */

static void use_read(const struct plate_read *read)
{
    char text[PLATE_TEXT_SIZE];
    int result = read->kind == PLATE_KEY ? plate_decode(read->key, text) : 0;
    assert(result == 0 && read->lane > 0);
    assert(memchr(read->raw, '\0', sizeof(read->raw)));
    for (int i = 0; i < read->candidate_count; i++) {
        result = plate_decode(read->candidates[i].key, text);
        assert(result == 0);
    }
    for (int i = 0; i < read->char_count; i++)
        assert(read->char_confidence[i] <= 100 || read->char_confidence[i] == READ_CONFIDENCE_NONE);
    assert(read->confidence <= 100 || read->confidence == READ_CONFIDENCE_NONE);
}

static void use_hits(const struct match_message *m, size_t size)
{
    char text[PLATE_TEXT_SIZE];
    size_t texts = 0;
    assert(m->u.read.hit_count <= MATCH_HITS_MAX);
    for (int i = 0; i < m->u.read.hit_count; i++) {
        const struct match_hit *hit = &m->u.read.hits[i];
        int result = plate_decode(hit->read_key, text);
        assert(result == 0 && match_kind_name(hit->kind));
        seen += hit->expired; /* a bool that is one: UBSan looks */
        texts += hit->entry.text_size;
    }
    assert(sizeof(*m) + texts == size);
}

static void take_message(const uint8_t *data, size_t size)
{
    static struct match_message message;
    struct err_text err = {""};
    memset(&message, 0, sizeof(message));
    memcpy(&message, data, size < sizeof(message) ? size : sizeof(message));
    if (match_message_check(&message, size, &err) != 0) {
        assert(err.text[0]);
        return;
    }
    if (message.type == MATCH_READ || message.type == MATCH_SEARCHED) {
        use_read(&message.u.read.read);
        use_hits(&message, size);
    }
    if (message.type == MATCH_ALARM)
        seen += message.u.alarm.active;
    if (message.type == MATCH_REFUSED)
        assert(memchr(message.u.refused.source, 0, MATCH_REFUSED_SOURCE_SIZE) &&
               message.u.refused.size <= MATCH_REFUSED_BYTES_MAX);
    if (message.type == MATCH_POLICY) {
        assert(memchr(message.u.policy.channels, 0, MATCH_CHANNELS_SIZE));
        seen += message.u.policy.traffic_stated;
    }
    if (message.type == MATCH_WITHDRAWN)
        assert(message.u.withdrawn.count <= MATCH_WITHDRAWN_MAX);
}

static void take_query(const uint8_t *data, size_t size)
{
    struct match_query query = {0};
    memcpy(&query, data, size < sizeof(query) ? size : sizeof(query));
    if (match_query_check(&query, size, NULL) == 0)
        assert(query.type == QUERY_WATCH || query.u.search.number > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct read_message read = {0};
    if (size < 1)
        return 0;
    const uint8_t *packet = data + 1;
    size--;
    switch (data[0] % 3) {
    case 0:
        take_message(packet, size);
        break;
    case 1:
        take_query(packet, size);
        break;
    default:
        memcpy(&read, packet, size < sizeof(read) ? size : sizeof(read));
        if (read_message_check(&read, size, NULL) == 0)
            use_read(&read.read);
    }
    return 0;
}
