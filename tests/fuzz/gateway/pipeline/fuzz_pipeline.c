/*
 * What other programs and devices can tell the pipeline, in any order: the input is a row of
 * events. A match packet starts as a good one and has any of its bytes changed; what the link's
 * check lets through goes all the way to records and events, which must be made of it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/pipeline/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENTS_MAX = 200, LANES = 2, BODY_MAX = 64 << 10 };

/* clang-format off */
static const char rules_text[] =
    "title: fuzz\n"
    "rules:\n"
    "- {name: risk, when: {match: exact, class: agree, clock: trusted, officer_risk: true},\n"
    "   then: {alert: silent, hold: true, backup: true}}\n"
    "- {name: exact, when: {match: exact, class: agree, clock: trusted, officer_risk: false},\n"
    "   then: {alert: sounding, hold: true}}\n"
    "- {name: any, when: {match: [look_alike, candidate, partial]}, then: {alert: quiet}}\n"
    "- {name: pass, then: {alert: none, raise: true},\n"
    "   when: {passage: plate, authenticity: [tag, wired, session], hit: false, cleared: true}}\n"
    "examples:\n"
    "- {name: risk, hit: {officer_risk: true}, expect: {rule: risk}}\n"
    "- {name: exact, hit: {priority: 1}, expect: {rule: exact}}\n"
    "- {name: any, hit: {match: partial}, plate: 鲁H1234?, expect: {rule: any}}\n"
    "- {name: pass, cleared: true, expect: {rule: pass}}\n";
/* clang-format on */

static struct match_packet packet; /* one is under way at a time */

/* ---- sinks ---- */

static int sink_order(void *ctx, const struct lane_order *order)
{
    (void)ctx;
    assert(order->lane >= 1 && order->lane <= LANES && lane_output_name(order->output));
    return 0;
}

static int sink_fact(void *ctx, const struct fact *fact)
{
    char actor[FACT_NAME_SIZE + 16];
    (void)ctx;
    json_t *body = fact_body(fact);
    json_t *event = fact_event(fact);
    assert(body && event);
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    assert(text && strlen(text) < BODY_MAX);
    free(text);
    json_decref(body);
    json_decref(event);
    fact_actor_text(fact, actor);
    return 0;
}

static void sink_reply(void *ctx, const struct pipeline_act *act, enum lane_reply_kind kind,
                       enum lane_refusal refusal)
{
    (void)ctx, (void)act, (void)kind, (void)refusal; /* nobody asked */
}

static int sink_query(void *ctx, const struct match_query *query)
{
    (void)ctx;
    int result = match_query_check(query, sizeof(*query), NULL);
    assert(result == 0);
    return 0;
}

static void sink_searched(void *ctx, uint64_t number, const struct match_packet *answer)
{
    (void)ctx, (void)number, (void)answer; /* nobody asked */
}

static void sink_release(void *ctx, struct match_packet *back)
{
    (void)ctx;
    assert(back == &packet);
}

static void sink_retire(void *ctx, struct rule_set *rules)
{
    (void)ctx;
    rules_destroy(rules);
}

static uint16_t sink_draw(void *ctx)
{
    (void)ctx;
    return RULES_DRAW_END / 2;
}

static void sink_local_time(void *ctx, struct wall_time wall, uint16_t *out_minute,
                            uint8_t *out_weekday)
{
    (void)ctx, (void)wall; /* always Monday noon */
    *out_minute = 12 * 60;
    *out_weekday = 1;
}

/* ---- events ---- */

static plate_key plate(void)
{
    static const char text[] = "鲁H12345";
    struct plate_text out;
    plate_encode(text, sizeof(text) - 1, PLATE_DASH_AUTO, &out);
    return out.key;
}

static void good_message(struct match_message *m, uint8_t type, uint64_t sequence)
{
    memset(m, 0, sizeof(*m));
    m->version = MATCH_MESSAGE_VERSION;
    m->type = (enum match_message_type)(type & 0x0f);
    m->sequence = sequence;
    m->list = (struct list_status){.revision = 3, .state = LIST_CURRENT};
    m->list.current_until.ms = INT64_MAX / 2;
    if (m->type == MATCH_HELLO) {
        m->u.hello.lane_count = 1;
        m->u.hello.lanes[0] = 1;
        m->u.hello.cameras[0] = 11;
    }
    if (m->type == MATCH_REFUSED) {
        m->u.refused.count = 3;
        memcpy(m->u.refused.cause, "camera_bad_tag", sizeof("camera_bad_tag"));
        m->u.refused.size = MATCH_REFUSED_BYTES_MAX;
    }
    if (m->type == MATCH_READ || m->type == MATCH_SEARCHED || m->type == MATCH_SELF_TEST) {
        m->u.read.read = (struct plate_read){.lane = 1,
                                             .camera = (uint16_t)(11 + sequence % 5),
                                             .event_id = sequence % 3,
                                             .kind = PLATE_KEY,
                                             .key = plate(),
                                             .raw = "鲁H12345",
                                             .confidence = 90,
                                             .authenticity = AUTH_TAG};
        m->u.read.hit_count = (uint8_t)(type >> 7);
        m->u.read.hits[0] = (struct match_hit){
            .entry = {.id = 7, .key = plate(), .priority = 1, .handling = HANDLING_STOP},
            .kind = MATCH_EXACT,
            .agreement = CLASS_AGREE,
            .read_key = plate()};
        m->u.read.hits[0].entry.text_size = type >> 7 ? 2 : 0;
        m->u.read.self_test_listed = sequence % 2;
    }
}

/* type, number of changes, then offset (2 bytes) and value of each. */
static void take_packet(struct pipeline *p, struct byte_reader *r, uint64_t sequence,
                        struct mono_time now, struct wall_time wall)
{
    uint8_t type = byte_read_u8(r);
    uint8_t changes = byte_read_u8(r);
    uint8_t *bytes = (uint8_t *)&packet.message;
    size_t size = sizeof(packet.message);
    good_message(&packet.message, type, sequence);
    for (int i = 0; i < changes && byte_reader_left(r) >= 3; i++) {
        size_t at = byte_read_be16(r) % size;
        bytes[at] = byte_read_u8(r);
    }
    bool has_texts = packet.message.type == MATCH_READ || packet.message.type == MATCH_SEARCHED ||
                     packet.message.type == MATCH_SELF_TEST;
    for (int i = 0; has_texts && i < MATCH_HITS_MAX && i < packet.message.u.read.hit_count; i++)
        size += packet.message.u.read.hits[i].entry.text_size;
    if (match_message_check(&packet.message, size, NULL) != 0)
        return;
    for (int i = 0; has_texts && i < packet.message.u.read.hit_count; i++) {
        size_t text_size = packet.message.u.read.hits[i].entry.text_size;
        memset(packet.texts[i], '{', text_size);
        packet.texts[i][text_size] = '\0';
    }
    pipeline_handle(p, &(struct pipeline_event){.kind = PIPELINE_PACKET, .u.packet = &packet}, now,
                    wall);
}

static void take_scan(struct pipeline *p, struct byte_reader *r, uint64_t number,
                      struct mono_time now, struct wall_time wall)
{
    struct pipeline_event event = {.kind = PIPELINE_SCAN};
    event.u.scan = (struct lane_scan){.lane = byte_read_u8(r) % (LANES + 1),
                                      .number = number,
                                      .at = now,
                                      .contact = byte_read_u8(r) % 8 != 0,
                                      .wired = (1u << INPUT_COUNT) - 1,
                                      .active = byte_read_be16(r) & ((1u << INPUT_COUNT) - 1),
                                      .outputs = byte_read_u8(r),
                                      .outputs_wired = (1u << OUTPUT_COUNT) - 1};
    pipeline_handle(p, &event, now, wall);
}

static void take_small(struct pipeline *p, struct byte_reader *r, uint8_t kind,
                       struct mono_time now, struct wall_time wall)
{
    struct pipeline_event event = {.kind = (enum pipeline_event_kind)kind};
    uint8_t lane = byte_read_u8(r) % (LANES + 1);
    uint8_t value = byte_read_u8(r);
    switch (event.kind) {
    case PIPELINE_LINK:
        event.u.link.connected = value & 1;
        break;
    case PIPELINE_ACT:
        event.u.act = (struct pipeline_act){.lane = lane,
                                            .kind = (enum lane_act_kind)(value % (LANE_ACT_COUNT)),
                                            .hold = byte_read_u8(r),
                                            .actor = {.officer = "wang", .reason = "x"}};
        break;
    case PIPELINE_COMMIT:
        event.u.commit.lane = lane;
        event.u.commit.commit = value >> 1;
        event.u.commit.done = value & 1;
        event.u.commit.sequence = value;
        break;
    case PIPELINE_CONFIRMED:
        event.u.confirmed = value;
        break;
    case PIPELINE_JOURNAL:
        event.u.journal_commits = value & 1;
        break;
    case PIPELINE_CLOCK:
        event.u.clock.trusted = value & 1;
        break;
    case PIPELINE_OUTCOME:
        event.u.outcome = (struct lane_outcome){
            .order_id = byte_read_u8(r),
            .lane = lane,
            .output = (enum lane_output)(value % OUTPUT_COUNT),
            .result = (enum order_result)(value / OUTPUT_COUNT % (ORDER_FAILED + 1)),
            .at = now};
        break;
    case PIPELINE_SEARCH:
        event.u.search.number = value + 1u;
        event.u.search.key = plate();
        break;
    case PIPELINE_VERDICT:
        event.u.verdict = (struct pipeline_verdict){.id = value + 1u,
                                                    .entry = byte_read_u8(r),
                                                    .plate = plate(),
                                                    .verdict = INSTRUCTION_FOUND,
                                                    .holds = value & 1,
                                                    .expires = {wall.ms + value}};
        break;
    case PIPELINE_LOOKOUT:
        event.u.lookout = calloc(1, sizeof(*event.u.lookout));
        if (!event.u.lookout)
            return;
        *event.u.lookout =
            (struct lookout){.id = 1u + value % 64,
                             .key = plate(),
                             .class = PLATE_CLASS_ANY,
                             .begun = wall,
                             .until = {value & 1 ? wall.ms + byte_read_u8(r) * 100 : 0},
                             .text = "{}"};
        break;
    case PIPELINE_WATCH:
        event.u.watch = calloc(1, sizeof(*event.u.watch));
        if (!event.u.watch)
            return;
        event.u.watch->count = value;
        for (uint32_t i = 0; i < value; i++)
            event.u.watch->entries[i] = byte_read_u8(r);
        break;
    case PIPELINE_SCAN:
    case PIPELINE_BEAT:
    case PIPELINE_PACKET:
    case PIPELINE_RULES:
    case PIPELINE_EXEMPT:
    case PIPELINE_GUIDED_TEST:
    case PIPELINE_ALARM:
    case PIPELINE_REFUSED:
        return;
    }
    pipeline_handle(p, &event, now, wall);
}

static struct pipeline *create(struct mono_time now)
{
    static struct pipeline_options options;
    static const struct pipeline_sinks sinks = {.order = sink_order,
                                                .fact = sink_fact,
                                                .reply = sink_reply,
                                                .query = sink_query,
                                                .searched = sink_searched,
                                                .release = sink_release,
                                                .retire = sink_retire,
                                                .draw = sink_draw,
                                                .local_time = sink_local_time};
    struct rule_set *rules = NULL;
    struct pipeline *p = NULL;
    struct err_text err = {""};
    options.lane_count = LANES;
    options.self_test = (struct self_test_options){.interval_ms = 1000, .grace_ms = 500};
    for (int i = 0; i < LANES; i++) {
        struct lane_config *lane = &options.lanes[i].lane;
        lane_config_defaults(lane, (uint8_t)(i + 1));
        lane->wired = ((1u << INPUT_COUNT) - 1) & ~INPUT_BIT(INPUT_BOOM_OFF);
        lane->outputs_wired = (1u << OUTPUT_COUNT) - 1;
        lane->mode = i == 0 ? LANE_NORMALLY_CLOSED : LANE_NORMALLY_OPEN;
        options.lanes[i].list_grace_ms = PIPELINE_LIST_GRACE_DEFAULT_MS;
    }
    int result = rules_parse("fuzz", rules_text, sizeof(rules_text) - 1, &rules, &err);
    result = result == 0 ? pipeline_create(&options, rules, &sinks, now, &p, &err) : result;
    if (result != 0) { /* the text above is wrong: nothing would be tested */
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct byte_reader r;
    struct mono_time now = {1000000000};
    struct wall_time wall = {1800000000000};
    struct pipeline *p = create(now);
    byte_reader_init(&r, data, size);
    for (uint64_t n = 1; n <= EVENTS_MAX && byte_reader_left(&r) >= 2; n++) {
        uint8_t kind = byte_read_u8(&r);
        int64_t step_ms = (int64_t)byte_read_u8(&r) * 10;
        now = mono_add_ms(now, step_ms);
        wall.ms += step_ms;
        if (kind % 4 == 0)
            take_packet(p, &r, n, now, wall);
        else if (kind % 4 == 1)
            take_scan(p, &r, n, now, wall);
        else
            take_small(p, &r,
                       kind == UINT8_MAX       ? PIPELINE_LOOKOUT
                       : kind == UINT8_MAX - 1 ? PIPELINE_WATCH
                                               : kind / 4 % (PIPELINE_SEARCH + 1),
                       now, wall);
        pipeline_tick(p, now, wall);
    }
    pipeline_destroy(p);
    return 0;
}
