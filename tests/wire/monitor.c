/* See monitor.h. Bits and addresses are those of plant.h, written on the module's terminals. */
#include "monitor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plant.h"

static const int64_t MS = 1000000;
static const int64_t NEVER = INT64_MIN / 4;
enum { SCANS_MS = 60, /* a few scans */ SLACK_MS = 200, BEAT_MS = 500 };

enum { READ_COILS = 1, READ_INPUTS = 2, WRITE_COIL = 5, ON_VALUE = 0xFF00 };

void monitor_init(struct monitor *m, const struct monitor_options *options)
{
    memset(m, 0, sizeof(*m));
    m->o = *options;
    m->under_last = m->inputs_at = m->coils_at = m->stop_done = m->guard_until = NEVER;
    m->contact_since = m->convoy_until = m->late_at = m->local_last = m->fire_last = NEVER;
    m->closed_since = m->rescue_until = m->rescue_held = m->emergency_until = m->scan_at = NEVER;
    m->open_since = NEVER;
    m->let_go_until = NEVER;
    m->hands_off_last = m->excused_until = m->stop_last = NEVER;
    for (int i = 0; i < 8; i++) {
        m->valid_until[i] = NEVER;
        m->on_at[i] = m->off_at[i] = m->done_at[i] = m->module_on[i] = NEVER;
        m->off_done[i] = NEVER;
    }
    for (int i = 0; i < FACT_COUNT; i++) {
        m->fact_at[i] = NEVER;
    }
}

static void violated(struct monitor *m, int64_t now, int rule, const char *what)
{
    if (m->trace) {
        printf("%9.3f s  VIOLATION rule %d: %s\n", (double)now / 1e9, rule, what);
    }
    if (m->violations++ == 0) {
        (void)snprintf(m->first, sizeof(m->first), "rule %d at %" PRId64 " ms: %s", rule, now / MS,
                       what);
    }
}

static void check(struct monitor *m, int64_t now, int rule, bool holds, const char *what)
{
    m->checks[rule]++;
    if (!holds) {
        violated(m, now, rule, what);
    }
}

static bool within(int64_t now, int64_t since, int64_t ms)
{
    return since > NEVER && now - since <= ms * MS;
}

static bool sees(const struct monitor *m, enum plant_contact contact)
{
    return m->have_inputs && (m->inputs & BIT(contact)) != 0;
}

static bool hands_off(const struct monitor *m)
{
    return sees(m, CONTACT_LOCAL) || sees(m, CONTACT_STOP_BUTTON);
}

static bool healthy(const struct monitor *m)
{
    return sees(m, CONTACT_PERSON_OK) && sees(m, CONTACT_DETECTOR_OK);
}

/* ---- rules at a write ---- */

/* Limits that contradict each other are a fault, never a motion. */
static bool at_fault(const struct monitor *m)
{
    return sees(m, CONTACT_FAULT) || (sees(m, CONTACT_OPEN) && sees(m, CONTACT_CLOSED));
}

static bool is_emergency(const struct monitor *m, int64_t now)
{
    if (m->o.orders_only) {
        return now <= m->emergency_until || now <= m->guard_until;
    }
    return within(now, m->fact_at[FACT_EMERGENCY_ASKED], m->o.travel_ms + 10000) || m->fire ||
           now <= m->guard_until;
}

static bool raise_is_justified(const struct monitor *m, int64_t now)
{
    int64_t life = m->o.order_life_ms + m->o.reaction_ms;
    return is_emergency(m, now) ||
           within(now, m->fact_at[FACT_RAISE_ASKED], life + m->o.travel_ms) ||
           now <= m->convoy_until;
}

static void check_raise(struct monitor *m, int64_t now)
{
    check(m, now, 3, !at_fault(m) || is_emergency(m, now), "raise under fault");
    if (m->o.orders_only) {
        return;
    }
    check(m, now, 3, !m->stop_latched || is_emergency(m, now),
          "raise after an emergency stop that nobody reset");
    check(m, now, 5, !monitor_holds(m) || raise_is_justified(m, now),
          "raise in a lane with an open hold, and nobody asked");
    check(m, now, 5, !m->wanted_at_line || raise_is_justified(m, now),
          "raise for a wanted vehicle, and nobody asked");
    check(m, now, 6, raise_is_justified(m, now) || within(now, m->fact_at[FACT_CLEARED], 600000),
          "raise for nobody");
}

/* A thumb was on the button a moment ago. */
static bool is_by_hand(const struct monitor *m, int64_t now)
{
    return m->o.by_hand && within(now, m->fact_at[FACT_BEAT], BEAT_MS);
}

/* All that makes the boom come down. */
static void check_comes_down(struct monitor *m, int64_t now)
{
    m->lowers++;
    check(m, now, 1, !sees(m, CONTACT_PRESENCE) && !sees(m, CONTACT_OBSTACLE),
          "lower onto somebody");
    check(m, now, 1, m->under_last == NEVER || now - m->under_last >= m->o.clear_ms * MS,
          "lower before the way was clear for long enough");
    check(m, now, 3, !at_fault(m) && !sees(m, CONTACT_BOOM_OFF), "lower under fault");
    check(m, now, 4, m->have_inputs, "lower without contact");
    check(m, now, 4, sees(m, CONTACT_OPEN) || is_by_hand(m, now),
          "lower of a boom that is not fully open");
    check(m, now, 4, sees(m, CONTACT_MAINS), "lower on the battery");
}

/* Where the hands are off the barrier's own hardware holds the boom. */
static void check_let_go(struct monitor *m, int64_t now)
{
    if (!hands_off(m)) {
        check_comes_down(m, now);
    }
    check(m, now, 6, !m->o.orders_only || now <= m->let_go_until, "let go of, and nobody asked");
}

static void check_lower(struct monitor *m, int64_t now)
{
    check_comes_down(m, now);
    bool by_hand = is_by_hand(m, now);
    check(m, now, 7, m->o.may_lower || by_hand, "lower in a lane that declares none");
    check(m, now, 7, healthy(m), "lower with a detector that is not healthy");
    if (m->o.orders_only) {
        return;
    }
    check(m, now, 3, !m->stop_latched, "lower after an emergency stop that nobody reset");
    if (by_hand) {
        check(m, now, 7, m->fact_at[FACT_HAND_COMMITTED] > m->fact_at[FACT_LET_GO],
              "lower by hand that is not in the journal, or let go of");
    } else {
        check(m, now, 7, m->guided, "lower without a guided test");
        check(m, now, 6, within(now, m->fact_at[FACT_LOWER_COMMITTED], m->o.order_life_ms),
              "lower that is late, or not in the journal");
    }
    check(m, now, 4, m->raised_known, "lower of a boom whose state is unknown");
}

/* Where nothing but orders speaks to the bus, each write is one of them in time, or the guard's. */
static void check_in_time(struct monitor *m, int64_t now, int coil)
{
    bool guards = now <= m->guard_until && (coil == COIL_RAISE || coil == COIL_STOP);
    check(m, now, 6, guards || now <= m->valid_until[coil], "an order that came too late");
}

static bool is_ours(const struct monitor *m, int coil)
{
    return m->on_at[coil] > NEVER && m->module_on[coil] > NEVER &&
           m->module_on[coil] - m->on_at[coil] <= 300 * MS;
}

/* A coil that another master energised since the last frame: nobody here can know of it yet. */
static bool is_unseen(const struct monitor *m, int coil)
{
    return m->module_on[coil] > NEVER && !is_ours(m, coil) && m->module_on[coil] >= m->coils_at;
}

static void check_motion(struct monitor *m, int64_t now, int coil)
{
    m->motions++;
    check(m, now, 4, m->have_inputs, "motion without contact");
    check(m, now, 3, !sees(m, CONTACT_LOCAL), "motion under local control");
    check(m, now, 3, !sees(m, CONTACT_STOP_BUTTON), "motion under emergency stop");
    int other = coil == COIL_RAISE ? COIL_LOWER : COIL_RAISE;
    check(m, now, 2, (m->module & BIT(other)) == 0 || is_unseen(m, other),
          "raise and lower, one asked for while the other is energised");
    coil == COIL_RAISE ? check_raise(m, now) : check_lower(m, now);
}

/* ---- rule 1 at a frame ---- */

/* A lower of ours, begun travel_ms ago at most, may still be moving the boom, or its coil is on. */
static bool is_lowering(const struct monitor *m, int64_t now, int64_t travel_ms)
{
    bool down = sees(m, CONTACT_CLOSED) && !sees(m, CONTACT_OPEN);
    int64_t begun = m->o.maintained ? m->off_at[COIL_RAISE] : m->on_at[COIL_LOWER];
    travel_ms += m->o.maintained ? m->o.auto_close_ms : 0;
    bool ended = m->stop_done > begun || m->done_at[COIL_RAISE] > begun || down;
    return (within(now, begun, travel_ms) && !ended) ||
           (m->have_coils && m->coils_at >= m->inputs_at && (m->coils & BIT(COIL_LOWER)) != 0);
}

static void look_for_danger(struct monitor *m, int64_t now)
{
    bool under = sees(m, CONTACT_PRESENCE) || sees(m, CONTACT_OBSTACLE);
    if (under) {
        m->under_last = m->inputs_at;
    }
    bool unsafe = (under || (!m->o.maintained && !healthy(m))) && !hands_off(m);
    if (unsafe && is_lowering(m, now, m->o.travel_ms + SCANS_MS)) { /* the guard may act, */
        m->guard_until = now + (2 * m->o.travel_ms + 1000) * MS;
    }
    if (unsafe && is_lowering(m, now, m->o.travel_ms - 20)) { /* and here it must */
        m->danger = true;
        m->danger_at = m->inputs_at;
        m->stop_after = m->raise_after = false;
        m->rescue_until = m->inputs_at + 2 * m->o.travel_ms * MS - SCANS_MS * MS;
        m->guard_acts++;
    }
}

static void check_danger_answered(struct monitor *m, int64_t now)
{
    if (!m->danger) {
        return;
    }
    m->danger = false;
    /* No raise meets a lower whose end the module refused (rule 2). */
    bool refused = m->off_at[COIL_LOWER] >= m->danger_at && m->off_done[COIL_LOWER] < m->danger_at;
    check(m, now, 1, m->stop_after && (m->raise_after || refused),
          "boom comes down on somebody: no stop and raise before the next look");
    check(m, now, 1, now - m->danger_at <= m->o.reaction_ms * MS || m->late_at >= m->danger_at,
          "boom comes down on somebody: answered later than 100 ms");
}

/* Until the boom is up it is raised again and again: on every scan while no raise was acknowledged,
 * and after each pulse, since the controller ignores the one that meets the stop. */
static void check_rescue(struct monitor *m, int64_t now)
{
    enum { GAP_MS = 100 + SLACK_MS }; /* from a pulse's end to the next raise */
    uint32_t against = BIT(COIL_STOP) | BIT(COIL_LOWER);
    /* The limit the boom has just left may bounce while the pulse runs, but not stand for one. */
    bool up = sees(m, CONTACT_OPEN) && (!within(now, m->on_at[COIL_RAISE], m->o.pulse_ms) ||
                                        !within(now, m->open_since, m->o.pulse_ms));
    int64_t begun = m->rescue_until - 2 * m->o.travel_ms * MS;
    if (up || now >= m->rescue_until) {
        m->rescue_until = NEVER;
        return;
    }
    if (hands_off(m) || ((m->coils | m->module) & against) != 0) {
        m->rescue_held = now;
    } else if (m->done_at[COIL_RAISE] < begun) {
        bool tried = m->on_at[COIL_RAISE] >= m->scan_at || m->rescue_held >= m->scan_at;
        check(m, now, 1, tried, "a raise nobody acknowledged, not tried again at once");
    } else {
        int64_t last = m->on_at[COIL_RAISE] + m->o.pulse_ms * MS;
        last = m->rescue_held > last ? m->rescue_held : last;
        last = m->contact_since > last ? m->contact_since : last;
        last = m->late_at > last ? m->late_at : last; /* the gateway waited for the module */
        last = (m->coils & BIT(COIL_RAISE)) != 0 ? now : last;
        check(m, now, 1, now - last <= GAP_MS * MS,
              "the boom stays half down over somebody: no raise any more");
    }
}

/* ---- the wire ---- */

static void note_write(struct monitor *m, int64_t now, uint16_t coil, bool on)
{
    if (coil >= 8) {
        violated(m, now, 2, "a write to a coil that is not wired");
        return;
    }
    if (!on) {
        if (m->o.maintained && coil == COIL_RAISE) {
            check_let_go(m, now);
        }
        m->off_at[coil] = now;
        return;
    }
    if (coil == COIL_RAISE || coil == COIL_LOWER) {
        check_motion(m, now, coil);
    }
    if (m->o.orders_only) {
        check_in_time(m, now, coil);
    }
    m->on_at[coil] = now;
    m->stop_after |= coil == COIL_STOP;
    m->raise_after |= coil == COIL_RAISE;
    m->raise_written |= coil == COIL_RAISE;
}

void monitor_request(struct monitor *m, int64_t now, const uint8_t *bytes, size_t size)
{
    m->requests++;
    if (size < 6) {
        violated(m, now, 6, "a request that is none");
        return;
    }
    m->asked_at = now;
    m->asked_function = bytes[1];
    m->asked_address = (uint16_t)(bytes[2] << 8 | bytes[3]);
    m->asked_value = (uint16_t)(bytes[4] << 8 | bytes[5]);
    if (m->asked_function == READ_INPUTS) {
        check_danger_answered(m, now);
    } else if (m->asked_function == WRITE_COIL) {
        note_write(m, now, m->asked_address, m->asked_value == ON_VALUE);
    } else {
        check(m, now, 2, m->asked_function == READ_COILS, "a function the module has no use for");
    }
}

static uint32_t bits_of(const struct monitor *m, const uint8_t *bytes, size_t size)
{
    uint32_t bits = 0;
    for (size_t i = 3; i < size && i < 7; i++) {
        bits |= (uint32_t)bytes[i] << 8 * (i - 3);
    }
    uint32_t count = m->asked_value;
    return (count < 32 ? bits & (BIT(count) - 1) : bits) << m->asked_address;
}

/* Rule 8: the closed boom opens, and no order of ours is behind it. A limit that was not there for
 * longer than the debounce may be the end of a motion of ours that bounces. */
static void look_for_opening(struct monitor *m, int64_t now)
{
    bool closed = sees(m, CONTACT_CLOSED) && !sees(m, CONTACT_OPEN);
    int64_t travel_ms = m->o.travel_ms + 1000;
    bool stood =
        m->closed_since > NEVER && !within(now, m->closed_since, m->o.debounce_ms + SCANS_MS);
    bool ours = within(now, m->on_at[COIL_RAISE], travel_ms) || raise_is_justified(m, now);
    if (!sees(m, CONTACT_CLOSED) && stood && !ours && m->contact && !sees(m, CONTACT_LOCAL) &&
        !sees(m, CONTACT_BOOM_OFF)) {
        m->foreign_due = true;
    }
    m->closed_since = !closed ? NEVER : m->closed_since > NEVER ? m->closed_since : now;
}

static void take_inputs(struct monitor *m, int64_t now, uint32_t inputs)
{
    m->inputs = inputs ^ BIT(CONTACT_STOP_BUTTON);
    m->inputs_at = m->asked_at;
    m->have_inputs = true;
    m->local_last = sees(m, CONTACT_LOCAL) ? now : m->local_last;
    m->hands_off_last = hands_off(m) ? now : m->hands_off_last;
    m->fire_last = sees(m, CONTACT_FIRE) ? now : m->fire_last;
    m->fire |= sees(m, CONTACT_FIRE);
    m->raised_known |= m->raise_written && sees(m, CONTACT_OPEN);
    m->held = monitor_holds(m);
    bool open = sees(m, CONTACT_OPEN);
    m->open_since = !open ? NEVER : m->open_since > NEVER ? m->open_since : now;
    look_for_opening(m, now);
    look_for_danger(m, now);
}

/* Rule 8: a coil that is on and was not ours. A pulse may be ending, of before the contact was lost
 * too. */
static void take_coils(struct monitor *m, int64_t now, uint32_t coils)
{
    m->coils = coils;
    m->coils_at = m->asked_at;
    m->have_coils = true;
    for (int coil = COIL_RAISE; coil <= COIL_STOP; coil++) {
        int64_t life = m->o.pulse_ms + m->o.grace_ms + m->o.order_life_ms + 1000;
        bool settled = m->contact && !within(now, m->contact_since, life) &&
                       !within(now, m->local_last, life) && /* there others move it */
                       !within(now, m->fact_at[FACT_ACKNOWLEDGED], life);
        if ((coils & BIT(coil)) != 0 && settled && !within(now, m->on_at[coil], life)) {
            m->foreign_due = true;
        }
    }
    look_for_danger(m, now);
}

void monitor_answer(struct monitor *m, int64_t now, const uint8_t *bytes, size_t size)
{
    if (now - m->asked_at > m->o.answer_ms * MS) {
        m->late_at = now;
    }
    if (m->asked_function == READ_INPUTS) {
        take_inputs(m, now, bits_of(m, bytes, size));
    } else if (m->asked_function == READ_COILS) {
        take_coils(m, now, bits_of(m, bytes, size));
    } else if (m->asked_function == WRITE_COIL && m->asked_address < 8) {
        bool on = m->asked_value == ON_VALUE;
        *(on ? &m->done_at[m->asked_address] : &m->off_done[m->asked_address]) = now;
        m->stop_done = on && m->asked_address == COIL_STOP ? now : m->stop_done;
    }
}

/* Rule 2. Where one of them came from another master unseen, the lane has the time of an answer to
 * stop; without a lane machine nobody would, which is not the guard's to judge. */
static void check_together(struct monitor *m, int64_t now)
{
    uint32_t both = BIT(COIL_RAISE) | BIT(COIL_LOWER);
    if ((m->module & both) != both) {
        m->excused_until = NEVER;
    } else if (m->excused_until == NEVER) {
        bool unseen = is_unseen(m, COIL_RAISE) || is_unseen(m, COIL_LOWER);
        int64_t until = m->o.orders_only ? INT64_MAX : now + m->o.reaction_ms * MS;
        m->excused_until = unseen ? until : now - 1;
    }
    check(m, now, 2, (m->module & both) != both || now <= m->excused_until,
          "raise and lower energised together");
}

void monitor_module(struct monitor *m, int64_t now, uint32_t coils)
{
    for (int i = 0; i < 8; i++) {
        bool on = (coils & BIT(i)) != 0;
        m->module_on[i] = !on ? NEVER : (m->module & BIT(i)) != 0 ? m->module_on[i] : now;
    }
    m->module = coils;
    check_together(m, now);
}

static void check_pulses(struct monitor *m, int64_t now)
{
    for (int coil = COIL_RAISE; coil <= COIL_STOP; coil++) {
        bool ours = is_ours(m, coil);
        int64_t from =
            m->module_on[coil] > m->contact_since ? m->module_on[coil] : m->contact_since;
        from = m->on_at[coil] > from ? m->on_at[coil] : from;
        bool ended = m->off_done[coil] > m->on_at[coil]; /* a relay that is welded stays on */
        bool kept = m->o.maintained && coil == COIL_RAISE;
        check(m, now, 2, !ours || ended || kept || now - from <= (m->o.pulse_ms + 1500) * MS,
              "a pulse without an end");
    }
}

/* Rule 8: the exit loop is taken, or found taken when contact comes back, while there is a hold
 * that was there before the gateway dealt with this scan and still is. */
static void check_run_through(struct monitor *m, int64_t now)
{
    bool there = sees(m, CONTACT_EXIT);
    bool due = there && !m->exit_before && m->held && monitor_holds(m);
    check(m, now, 8, !due || m->run_through_told,
          "a held vehicle on the exit loop, and no alarm on the scan that shows it");
    m->exit_before = there;
}

/* Nobody holds the button any more: half a second and a few scans later the boom has been stopped,
 * or raised, or is down. */
static void check_let_go_stops(struct monitor *m, int64_t now)
{
    int64_t begun = m->on_at[COIL_LOWER];
    if (!m->o.by_hand || m->o.may_lower || begun == NEVER) {
        return;
    }
    int64_t beat = m->fact_at[FACT_BEAT];
    bool ended = m->stop_done > beat || m->done_at[COIL_RAISE] > beat || sees(m, CONTACT_CLOSED);
    bool held = hands_off(m) || within(now, m->hands_off_last, BEAT_MS);
    check(m, now, 7,
          ended || held || begun < m->contact_since || within(now, beat, BEAT_MS + SCANS_MS),
          "lowers by hand, and nobody holds the button");
}

void monitor_scan(struct monitor *m, int64_t now, bool contact)
{
    m->scans++;
    if (!contact) {
        m->contact = m->have_inputs = m->have_coils = m->danger = m->foreign_due = false;
        m->exit_before = false; /* who stands there when it comes back came unseen */
        m->closed_since = m->open_since = NEVER;
        m->raised_known = m->raise_written = false;
        m->under_last = now;
        return;
    }
    if (!m->contact) {
        m->contact = true;
        m->contact_since = now;
        m->under_last = m->inputs_at;
    }
    if (!m->o.orders_only) {
        check(m, now, 8, !m->foreign_due || m->foreign_told,
              "a coil that nobody ordered, and no alarm on the scan that shows it");
        check_run_through(m, now);
    }
    m->foreign_due = false;
    if (sees(m, CONTACT_STOP_BUTTON)) { /* released, it does not go on by itself (ISO 13850) */
        m->rescue_until = m->guard_until = NEVER;
        m->stop_last = now;
        m->stop_latched = true;
    }
    check_rescue(m, now);
    check_pulses(m, now);
    check_let_go_stops(m, now);
    m->scan_at = now;
}

/* ---- outside ---- */

void monitor_fact(struct monitor *m, int64_t now, enum monitor_fact fact)
{
    m->fact_at[fact] = now;
    /* A plain one that would reset an emergency stop is refused. */
    if (fact == FACT_ACKNOWLEDGED && !m->stop_latched &&
        !within(now, m->fire_last, m->o.debounce_ms + SCANS_MS)) {
        m->fire = false; /* bouncing still it may count as on, and is not acknowledged */
    }
    if (fact == FACT_STOP_RESET && !within(now, m->stop_last, m->o.debounce_ms / 2)) {
        m->stop_latched = false;
    }
}

void monitor_order(struct monitor *m, int coil, bool on, bool emergency, int64_t expires)
{
    if (!on) {
        bool later = coil == COIL_RAISE && expires > m->let_go_until;
        m->let_go_until = later ? expires : m->let_go_until;
        return;
    }
    m->valid_until[coil] = expires > m->valid_until[coil] ? expires : m->valid_until[coil];
    if (emergency && coil == COIL_RAISE && expires > m->emergency_until) {
        m->emergency_until = expires;
    }
}

void monitor_hold_made(struct monitor *m, uint64_t id, bool top)
{
    struct monitor_hold *place = NULL;
    for (int i = 0; i < MONITOR_HOLDS; i++) {
        if (m->holds[i].id == id) {
            return;
        }
        place = m->holds[i].id == 0 && !place ? &m->holds[i] : place;
    }
    if (place) {
        *place = (struct monitor_hold){.id = id, .top = top};
    } else {
        violated(m, 0, 5, "more holds than a lane can have");
    }
}

void monitor_hold_may_end(struct monitor *m, uint64_t id)
{
    for (int i = 0; i < MONITOR_HOLDS; i++) {
        m->holds[i].may_end |= id != 0 && m->holds[i].id == id;
    }
}

void monitor_hold_over(struct monitor *m, int64_t now, uint64_t id)
{
    for (int i = 0; i < MONITOR_HOLDS; i++) {
        if (id != 0 && m->holds[i].id == id) {
            check(m, now, 5, m->holds[i].may_end, "a hold ended, and nobody ended it");
            m->holds[i] = (struct monitor_hold){.id = 0};
        }
    }
}

bool monitor_holds(const struct monitor *m)
{
    for (int i = 0; i < MONITOR_HOLDS; i++) {
        if (m->holds[i].id != 0) {
            return true;
        }
    }
    return false;
}

void monitor_harm(struct monitor *m, int64_t now)
{
    int64_t chance_ms = m->o.reaction_ms + SCANS_MS;
    bool seen = m->contact && within(now, m->inputs_at, chance_ms);
    check(m, now, 1, !seen || within(now, m->hands_off_last, chance_ms),
          "the gateway brought the boom down on somebody");
}
