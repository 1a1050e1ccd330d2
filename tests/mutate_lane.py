#!/usr/bin/python3
"""Takes the lane's guards out one by one and shows that a test notices.

    tests/mutate_lane.py [--by tests|walk|wire] [--build build/release] [--only NAME …] [--jobs N]

Each mutant is one edit of gateway/lane; it is compiled in a folder of its own and run against the
lane's unit tests, or against the exhaustive walk alone (tests/walk): by which rule of it in which family the mutant fell.
Or against the simulated wire (tests/wire): there a mutant may live on where guard and lane keep a rule twice, so all that
is asked of it is that one falls. One JSON line a mutant: {"sweep": "lane_mutants", "mutant": …, "rule": …, "by":
test, "killed": true}; exit status 0 only if every mutant was killed. `rule` is the safety rule of
the design, "holds" or "order" (order of vehicles). Needs the libraries of a finished build.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LANE = ROOT / "gateway" / "lane"
TESTS = ["test_guard", "test_rules", "test_lower", "test_lane", "test_queue", "test_naming", "test_modes",
         "test_service", "test_safety_inputs", "test_feedback", "test_maintained", "test_lane_walk"]
WALK = ROOT / "tests" / "walk"
FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-O2", "-w", f"-I{ROOT}"]
TIMEOUT_S, WALKS = 240, "400"
WALK_TIMEOUT_S, WALK_VIOLATED = 7200, 1
WIRE_EVENTS = {"test_wire_scenarios": "0", "test_wire_orders": "400000", "test_wire_random": "20000"}
# By the walk: a mutant whose name begins so falls in one of these families, if anywhere; then the others are spared.
WALK_FIRST = [
    ("guard_", ["guard", "guard_coils", "guard_safety", "guard_mains", "guard_feedback", "guard_kept", "guard_undeclared"]),
    ("config_", ["configurations"]),
    ("raise_lower_off|lower_pulse|foreign_against", ["boom_guard", "lower"]),
    ("rule_7_declared", ["lower_undeclared"]),
    ("contact_blocks|start_blocked", ["lower_contact"]),
    ("open_held|open_was_held", ["holding", "restore"]),
    ("rule_7_|lower_|clear_", ["lower_contact", "lower_guided", "lower_guard", "lower_held", "lower_exit", "lower_safety"]),
    ("raise_held|raise_hit|raise_confirm|raise_other|raise_late|raise_boom|emergency_while|emergency_journal",
     ["holding", "restore", "boom_safety"]),
    ("raise_|fault_|hands_|stop_|contact_|start_|failed_order|failed_stop|missing_|unconfirmed_|foreign_|emergency_|bounce|"
     "contradiction_|order_expiry|run_through_broken", ["boom_limits", "boom_contact", "boom_guard", "boom_safety", "boom_coils"]),
    ("own_close", ["own_close", "feedback_open", "kept"]),
    ("presume_|unseen_", ["feedback_none", "feedback_closed", "feedback_open"]),
    ("keep_", ["kept_next", "kept_safety", "kept"]),
    ("inspect_|open_inspection|open_exempt", ["check_drawn", "check_point"]),
    ("convoy_", ["convoy_safety", "convoy", "convoy_waiting", "convoy_lower"]),
    ("service_|test_", ["service_loops", "service", "service_vehicles", "service_lower"]),
    ("fire_|panic_", ["fire", "fire_lower"]),
    ("mains_", ["mains_lower"]),
    ("unread_|blocked_", ["check_drawn"]),
    ("open_", ["opening_kinds", "opening_withheld", "opening", "loops_doubt"]),
    ("release_|withdraw_|join_|failed_commit", ["holding_joins", "holding"]),
    ("restore_", ["restore"]),
    ("held_|waiting_|confirm_", ["lights"]),
    ("", ["knowledge", "loops", "loops_doubt", "holding_joins", "restore"]),
]

# name, rule, file, what stands there once, what stands there instead
MUTANTS = [
    # the guard, at the wire
    ("guard_presence", 1, "guard.c", "UNDER = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE)",
     "UNDER = INPUT_BIT(INPUT_OBSTACLE)"),
    ("guard_obstacle", 1, "guard.c", "UNDER = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE)",
     "UNDER = INPUT_BIT(INPUT_PRESENCE)"),
    ("guard_danger", 1, "guard.c", "bool unsafe = under ||", "bool unsafe = (false && under) ||"),
    ("guard_clear_time", 1, "guard.c",
     "mono_diff_ms(now, g->free_since) < (int64_t)g->config->clear_ms", "false"),
    ("guard_clear_again", 1, "guard.c", "    if (under) {\n        g->free_since.ns = INT64_MAX;",
     "    if (under) {\n        (void)0;"),
    ("guard_under_veto", 1, "guard.c", "if ((latest->active & latest->wired & UNDER) != 0) {",
     "if (false) {"),
    ("guard_no_stop", 1, "guard.c",
     "add(out, &count, g, OUTPUT_STOP, true, g->config->stop_pulse_ms);", ""),
    ("guard_no_raise", 1, "guard.c",
     "    add(out, &count, g, OUTPUT_RAISE, true, raise_pulse_ms(g));\n    return count;",
     "    return count;"),
    ("guard_raise_once", 1, "guard.c", "return g->raising && mono_before(scan->at, g->raising_until)",
     "return false && mono_before(scan->at, g->raising_until)"),
    ("guard_limit_bounces", 1, "guard.c", "if (active(scan, INPUT_LIMIT_OPEN) && !pulsed) {", "if (active(scan, INPUT_LIMIT_OPEN)) {"),
    ("guard_failed_raise", 1, "guard.c", "g->raise_failed = !done;", "g->raise_failed = false;"),
    ("guard_raise_for_ever", 5, "guard.c", "g->raise_failed && mono_before(scan->at, g->raising_until);",
     "g->raise_failed;"),
    ("guard_danger_anew", 1, "guard.c", "    if (danger) {\n        g->raising_until", "    if (!g->raising) {\n        g->raising_until"),
    ("guard_lower_met", 2, "guard.c", "(energised(latest, OUTPUT_LOWER) && !released)",
     "(energised(latest, OUTPUT_LOWER) && !g->raising)"),
    ("guard_lost_contact_clear", 4, "guard.c",
     "if (!scan->contact) {\n        g->free_since.ns = INT64_MAX;", "if (!scan->contact) {"),
    ("guard_lower_first", 2, "guard.c", "add(out, &count, g, OUTPUT_LOWER, false, 0);", ""),
    ("guard_raise_veto", 2, "guard.c", "if (mono_before(now, g->lower_until) ||", "if (false && "),
    ("guard_lower_veto", 2, "guard.c", "if (mono_before(now, g->raise_until) || energised(latest, OUTPUT_RAISE) || g->raising) {",
     "if (g->raising) {"),
    ("guard_local_control", 3, "guard.c", "if (active(latest, INPUT_LOCAL_CONTROL)) {", "if (false) {"),
    ("guard_emergency_stop", 3, "guard.c", "if (active(latest, INPUT_EMERGENCY_STOP)) {", "if (false) {"),
    ("guard_hands_off_scan", 3, "guard.c", "if ((scan->active & scan->wired & HANDS_OFF) != 0) {",
     "if (false) {"),
    ("guard_fault_raise", 3, "guard.c", "if (at_fault(latest) && !order->emergency) {",
     "if (false) {"),
    ("guard_fault_lower", 3, "guard.c",
     "if (at_fault(latest) || active(latest, INPUT_BOOM_OFF)) {", "if (false) {"),
    ("guard_contradiction", 3, "guard.c", "    return active(scan, INPUT_FAULT) ||\n           (active(scan, INPUT_LIMIT_OPEN) && active(scan, INPUT_LIMIT_CLOSED));",
     "    return active(scan, INPUT_FAULT);"),
    ("guard_mains", 4, "guard.c", "if ((latest->wired & ~latest->active & INPUT_BIT(INPUT_MAINS_OK)) != 0) {",
     "if (false) {"),
    ("guard_no_contact", 4, "guard.c",
     "    if (!latest->contact) {\n        return veto(reason, \"no contact with the lane's devices\");\n    }\n    if (active(latest, INPUT_LOCAL",
     "    if (active(latest, INPUT_LOCAL"),
    ("guard_not_open", 4, "guard.c", "if (!active(latest, INPUT_LIMIT_OPEN)) {", "if (false) {"),
    ("guard_late", 6, "guard.c",
     "    if (mono_before(order->expires, now)) {\n        return veto(reason, \"the order came too late\");\n    }\n    if (!motion) {",
     "    if (!motion) {"),
    ("guard_undeclared", 7, "guard.c", "if (!g->config->lower_automatically) {", "if (false) {"),
    ("guard_detectors", 7, "guard.c", "if (!detectors_healthy(latest)) {", "if (false) {"),
    ("guard_detectors_moving", 7, "guard.c", "bool unsafe = under || (!g->config->raise_maintained && !detectors_healthy(scan));", "bool unsafe = under;"),
    ("guard_detector_only", 7, "guard.c",
     "return active(scan, INPUT_PERSON_OK) && active(scan, INPUT_DETECTOR_OK);",
     "return active(scan, INPUT_DETECTOR_OK);"),
    ("guard_person_only", 7, "guard.c",
     "return active(scan, INPUT_PERSON_OK) && active(scan, INPUT_DETECTOR_OK);",
     "return active(scan, INPUT_PERSON_OK);"),
    # the lane
    ("lower_occupied", 1, "boom_decide.c", "((s->inputs | s->raw) & occupied) == 0 &&", "true &&"),
    ("lower_clear", 1, "boom_decide.c", "!timer_running(x, TIMER_CLEAR) &&", "true &&"),
    ("clear_restart", 1, "boom_watch.c",
     "    if (is_busy(x)) {\n        timer_set(x, TIMER_CLEAR, x->c->clear_ms);",
     "    if (false) {\n        timer_set(x, TIMER_CLEAR, x->c->clear_ms);"),
    ("lower_pulse_together", 2, "boom_decide.c", "!timer_running(x, TIMER_COIL_RAISE) &&", "true &&"),
    ("raise_lower_off", 2, "boom.c",
     "    if (timer_running(x, TIMER_COIL_LOWER)) {\n        boom_coil_off(x, OUTPUT_LOWER, x->s->motion_cause); /* rule 2 */",
     "    if (false) {\n        boom_coil_off(x, OUTPUT_LOWER, x->s->motion_cause); /* rule 2 */"),
    ("raise_unbounded", 2, "boom.c", ".pulse_ms = keep ? 0 : x->c->pulse_ms,", ".pulse_ms = 0,"),
    ("raise_emergency_stop", 3, "boom.c",
     "    if (input_on(x, INPUT_EMERGENCY_STOP)) {\n        return LANE_REFUSAL_EMERGENCY_STOP;",
     "    if (false) {\n        return LANE_REFUSAL_EMERGENCY_STOP;"),
    ("raise_local_control", 3, "boom.c",
     "    if (input_on(x, INPUT_LOCAL_CONTROL)) {\n        return LANE_REFUSAL_LOCAL_CONTROL;",
     "    if (false) {\n        return LANE_REFUSAL_LOCAL_CONTROL;"),
    ("raise_fault", 3, "boom.c", "return boom_at_fault(x)              ? LANE_REFUSAL_FAULT",
     "return false ? LANE_REFUSAL_FAULT"),
    ("raise_boom_off", 3, "boom.c", ": input_on(x, INPUT_BOOM_OFF) ? LANE_REFUSAL_NO_BOOM",
     ": false ? LANE_REFUSAL_NO_BOOM"),
    ("fault_of_limits", 3, "boom.c", "return input_on(x, INPUT_FAULT) || boom_limits_contradict(x);",
     "return input_on(x, INPUT_FAULT);"),
    ("hands_off_stops", 3, "boom_watch.c",
     "if (ours && (hands_off || (broken && !may_go_on))) {", "if (ours && broken && !may_go_on) {"),
    ("fault_stops", 3, "boom_watch.c",
     "if (ours && (hands_off || (broken && !may_go_on))) {", "if (ours && hands_off) {"),
    ("stop_ends_motion", 3, "boom.c",
     "    boom_motion_over(x);\n    s->stop_tries = STOP_TRIES;", "    s->stop_tries = STOP_TRIES;"),
    ("contact_forgets_position", 4, "boom_watch.c",
     "    s->position_known = false;\n    s->lower_blocked = true;\n    s->left_open = false;",
     "    s->lower_blocked = true;\n    s->left_open = false;"),
    ("contact_blocks_lower", 4, "boom_watch.c",
     "    s->position_known = false;\n    s->lower_blocked = true;\n    s->left_open = false;\n",
     "    s->position_known = false;\n"),
    ("lower_blocked", 4, "boom_decide.c", "!s->lower_blocked && !s->stopped &&", "!s->stopped &&"),
    ("start_blocked", 4, "step.c", "out->lower_blocked = true;", "out->lower_blocked = false;"),
    ("raise_no_contact", 4, "boom.c",
     "    if (!x->s->contact) {\n        return LANE_REFUSAL_NO_CONTACT;",
     "    if (false) {\n        return LANE_REFUSAL_NO_CONTACT;"),
    ("release_named", 5, "acts.c", "    if (!act->named) {\n        return LANE_REFUSAL_NOT_NAMED;",
     "    if (false) {\n        return LANE_REFUSAL_NOT_NAMED;"),
    ("release_second", 5, "acts.c", "if (hold->priority == 1 && !act->second_person) {", "if (false) {"),
    ("release_uncommitted", 5, "acts.c",
     "act_ask(x, &commit, &x->out->records[x->out->record_count - 1]);",
     "hold_end(x, commit.hold, act->act);"),
    ("release_journal_down", 5, "acts.c", "return !x->s->journal_commits ? LANE_REFUSAL_JOURNAL\n",
     "return false ? LANE_REFUSAL_JOURNAL\n"),
    ("failed_commit_ends", 5, "acts.c", "        } else if (done) {\n            committed(x, &commit);",
     "        } else if (true) {\n            committed(x, &commit);"),
    ("withdraw_moves", 5, "acts.c", "        hold_end(x, commit->hold, 0);\n",
     "        hold_end(x, commit->hold, 0);\n        boom_raise(x, LANE_CAUSE_OFFICER, 0, 0);\n"),
    ("withdraw_any", 5, "holds.c", "hold->withdrawn == (uint8_t)((1u << hold->hit_count) - 1u)",
     "hold->withdrawn != 0"),
    ("withdraw_officer", 5, "holds.c", "return !hold->by_officer && hold->hit_count > 0 &&",
     "return (hold->by_officer || hold->hit_count > 0) &&"),
    ("emergency_while_held", 5, "acts.c", "enum lane_refusal refusal = boom_cannot_raise(x, true);",
     "enum lane_refusal refusal = x->s->hold_count ? LANE_REFUSAL_HELD : boom_cannot_raise(x, true);"),
    ("emergency_journal", 5, "acts.c", "enum lane_refusal refusal = boom_cannot_raise(x, true);",
     "enum lane_refusal refusal = x->s->journal_commits ? boom_cannot_raise(x, true) : LANE_REFUSAL_JOURNAL;"),
    ("emergency_no_contact", 5, "boom.c", "    if (emergency) {\n        return LANE_REFUSAL_NONE;",
     "    if (emergency && x->s->contact) {\n        return LANE_REFUSAL_NONE;"),
    ("order_expiry", 6, "step.c", "out->order.expires = mono_add_ms(x->now, x->c->order_life_ms);",
     "out->order.expires = x->now;"),
    ("unconfirmed_motion", 6, "boom.c", "    set_alarm(x, EVENT_LANE_UNCONFIRMED, true, 0);\n", ""),
    ("failed_order", 6, "boom.c",
     "    timer_off(x, TIMER_ORDER);\n    set_alarm(x, EVENT_LANE_ORDER_FAILED, true, 0);",
     "    timer_off(x, TIMER_ORDER);"),
    ("missing_outcome", 6, "boom.c", "    if (timer_take(x, TIMER_ORDER)) {\n        motion_failed(x);",
     "    if (timer_take(x, TIMER_ORDER)) {\n        (void)x;"),
    ("failed_stop", 6, "boom.c", "timer_set(x, TIMER_STOP, RETRY_URGENT_MS);", "(void)0;"),
    ("rule_7_person", 7, "boom_decide.c", "input_on(x, INPUT_PERSON_OK) && input_on(x, INPUT_DETECTOR_OK) &&",
     "input_on(x, INPUT_DETECTOR_OK) &&"),
    ("rule_7_detector", 7, "boom_decide.c", "input_on(x, INPUT_PERSON_OK) && input_on(x, INPUT_DETECTOR_OK) &&",
     "input_on(x, INPUT_PERSON_OK) &&"),
    ("rule_7_guided", 7, "boom_decide.c", "timer_running(x, TIMER_GUIDED);", "true;"),
    ("rule_7_left", 7, "boom_decide.c", "return s->left_open && s->contact &&", "return s->contact &&"),
    ("rule_7_declared", 7, "boom_decide.c", "return x->c->lower_automatically && x->c->mode", "return x->c->mode"),
    ("rule_7_committed", 7, "boom_decide.c",
     "    (void)commit_ask(x, &(struct lane_commit){.kind = COMMIT_LOWER}, record); /* was free */",
     "    (void)record;\n    boom_lower(x);"),
    ("rule_7_commit_checked", 7, "acts.c", "if (boom_may_lower(x)) {", "if (true) {"),
    ("config_rule_7", 7, "lane_config.c", "} else if (!c->vehicle_detector) {", "} else if (false) {"),
    ("config_person", 7, "lane_config.c", "} else if (!c->person_device || !wired(c, INPUT_OBSTACLE)) {",
     "} else if (false) {"),
    ("config_health", 7, "lane_config.c",
     "} else if (!wired(c, INPUT_PERSON_OK) || !wired(c, INPUT_DETECTOR_OK)) {", "} else if (false) {"),
    ("config_two_closers", 7, "lane_config.c", "} else if (c->auto_close != AUTO_CLOSE_NONE) {",
     "} else if (false) {"),
    ("foreign_open_left", 8, "boom_watch.c", "        if (!may_close_itself(x)) {\n            return true;\n        }",
     ""),
    ("foreign_closed_left", 8, "boom_watch.c",
     "    return (left & INPUT_BIT(INPUT_LIMIT_CLOSED)) != 0;", "    return false;"),
    ("foreign_open_reached", 8, "boom_watch.c",
     "if ((reached & INPUT_BIT(INPUT_LIMIT_OPEN)) && s->motion == MOTION_NONE && s->position_known) {",
     "if (false) {"),
    ("foreign_closed_reached", 8, "boom_watch.c",
     "return (reached & INPUT_BIT(INPUT_LIMIT_CLOSED)) && !coming_down &&",
     "return false && !coming_down &&"),
    ("foreign_coil", 8, "boom_watch.c", "if (!(x->s->coils & bit) || timer_running(x, coils[i].timer)) {",
     "if (true) {"),
    ("foreign_no_stop", 8, "boom_watch.c", "        boom_stop(x, LANE_CAUSE_FOREIGN, 0);\n    }\n}",
     "    }\n}"),
    ("foreign_stop_each", 8, "boom_watch.c", "if (!guard_acted && x->s->stop_order == 0) {",
     "if (!guard_acted) {"),
    ("foreign_against_guard", 8, "boom_watch.c", "if (!guard_acted && x->s->stop_order == 0) {",
     "if (x->s->stop_order == 0) {"),
    ("own_close_any_time", 8, "boom_watch.c",
     "return timer_running(x, TIMER_AUTO_CLOSE) && !x->s->raise_held;", "return !x->s->raise_held;"),
    ("own_close_undeclared", 8, "boom.c", "if (x->c->auto_close == AUTO_CLOSE_NONE || x->s->raise_held) {",
     "if (x->s->raise_held) {"),
    ("own_close_onto", 8, "queue.c", "        timer_off(x, TIMER_AUTO_CLOSE); /* a closing onto", "        /* a closing onto"),
    ("contradiction_reached", 8, "boom_watch.c", "reached = (x->s->raw & both) == both ? 0 : reached;", ""),
    ("contradiction_left", 8, "boom_watch.c", "left = (before & both) == both ? 0 : left;", ""),
    ("bounce", 8, "boom_watch.c", "           !bounces && !closed_unseen;", "           !closed_unseen;"),
    ("bounce_for_ever", 8, "boom_watch.c", "s->motion == MOTION_RAISE && timer_running(x, TIMER_BOUNCE);", "s->motion == MOTION_RAISE;"),
    ("bounce_of_ours", 8, "boom_watch.c", "    if (left & INPUT_BIT(INPUT_LIMIT_CLOSED)) {",
     "    if ((left & INPUT_BIT(INPUT_LIMIT_CLOSED)) && x->s->motion == MOTION_RAISE) {"),
    # feedback by one limit or none
    ("presume_closed_limit", 6, "boom.c", "&& ordered && !input_on(x, INPUT_LIMIT_CLOSED);", "&& ordered;"),
    ("presume_open_limit", 6, "boom.c", "return !boom_has_open_limit(x) && ordered", "return ordered"),
    ("presume_contact", 4, "boom_watch.c", "    s->left_open = false;\n    s->presumed = PRESUMED_NOTHING;\n", "    s->left_open = false;\n"),
    ("presume_hands_off", 3, "boom_watch.c", "    if (hands_off || broken) {\n        s->presumed = PRESUMED_NOTHING;\n", "    if (hands_off || broken) {\n"),
    ("presume_mains", 4, "safety_inputs.c", "    x->s->presumed = PRESUMED_NOTHING;\n", ""),
    ("presume_stop", 3, "boom.c", "    s->presumed = PRESUMED_NOTHING;\n    boom_motion_over(x);", "    boom_motion_over(x);"),
    ("presume_left", 6, "queue.c", "        s->presumed = PRESUMED_NOTHING;\n", ""),
    ("unseen_position", 6, "boom.c", "    if (x->c->feedback == FEEDBACK_NONE) {\n        return BOOM_UNKNOWN;\n    }\n", ""),
    ("unseen_stopped", 6, "boom.c", "x->s->position_known && x->c->feedback == FEEDBACK_BOTH;", "x->s->position_known;"),
    ("config_limits", 6, "lane_config.c", "    if (wired(c, INPUT_LIMIT_OPEN) != kinds[c->feedback].open ||\n        wired(c, INPUT_LIMIT_CLOSED) != kinds[c->feedback].closed) {",
     "    if (false) {"),
    ("config_unseen_hold", "holds", "lane_config.c", "static int check_unseen(const struct lane_config *c, struct err_text *err)\n{\n    if (c->mode != LANE_NORMALLY_OPEN) {",
     "static int check_unseen(const struct lane_config *c, struct err_text *err)\n{\n    if (false) {"),
    ("config_unseen_lower", 7, "lane_config.c", "    if (moves(c, OUTPUT_LOWER)) {\n        return err_set(err, ERR_INVALID,\n                       \"feedback", "    if (false) {\n        return err_set(err, ERR_INVALID,\n                       \"feedback"),
    ("config_lower_feedback", 6, "lane_config.c", "} else if (c->feedback != FEEDBACK_BOTH) {", "} else if (false) {"),
    # maintained raise
    ("keep_raise", 1, "boom.c", "    if (x->c->raise_maintained) { /* letting go would be", "    if (false) { /* letting go would be"),
    ("keep_committed", 7, "boom_decide.c", "    bool may = boom_may_lower(x) || maintained_may_let_go(x);",
     "    if (maintained_may_let_go(x)) {\n        maintained_let_go(x);\n    }\n    bool may = boom_may_lower(x);"),
    ("keep_checked", 1, "acts.c", "        } else if (maintained_may_let_go(x)) {", "        } else if (x->c->raise_maintained) {"),
    ("keep_clear", 1, "maintained.c", "x->s->raise_held && boom_may_come_down(x);", "x->s->raise_held && x->s->left_open;"),
    ("keep_hands_off", 3, "boom_watch.c", "        maintained_hands_off(x);\n", ""),
    ("keep_foreign", 8, "maintained.c", "    boom_foreign_motion(x, guard_acted);\n", ""),
    ("keep_adopted", 1, "boom_watch.c", "        if (coils[i].output == OUTPUT_RAISE && x->c->raise_maintained) {", "        if (false) {"),
    ("keep_failed", 6, "maintained.c", "    set_alarm(x, EVENT_LANE_ORDER_FAILED, true, 0);\n", ""),
    ("keep_timer", 8, "boom_watch.c", "return timer_running(x, TIMER_AUTO_CLOSE) && !x->s->raise_held;", "return timer_running(x, TIMER_AUTO_CLOSE);"),
    ("keep_next", 6, "boom.c", "return boom_is_up(x) && (!x->c->raise_maintained || x->s->raise_held);", "return boom_is_up(x);"),
    ("keep_guard_followed", 1, "boom_watch.c", "    s->raise_held |= x->c->raise_maintained;\n", ""),
    ("config_keep_auto_close", 7, "lane_config.c", "    if (c->auto_close == AUTO_CLOSE_NONE) {\n        why = \"auto_close 'loop'", "    if (false) {\n        why = \"auto_close 'loop'"),
    ("config_keep_lower", 2, "lane_config.c", "    } else if (moves(c, OUTPUT_LOWER)) {\n        why = \"no output", "    } else if (false) {\n        why = \"no output"),
    ("config_keep_presence", 1, "lane_config.c", "} else if (!wired(c, INPUT_PRESENCE)) {\n        why", "} else if (false) {\n        why"),
    ("config_keep_limit", 6, "lane_config.c", "} else if (!wired(c, INPUT_LIMIT_OPEN)) {", "} else if (false) {"),
    ("guard_keep", 1, "guard.c", "        return allows_off(g, order, latest, now, reason);", "        return true;"),
    ("guard_keep_late", 6, "guard.c", "    if (mono_before(order->expires, now)) {\n        return veto(reason, \"the order came too late\");\n    }\n    if (!latest->contact) {\n        return veto(reason, \"no contact with the lane's devices\");\n    }\n    if ((latest",
     "    if (!latest->contact) {\n        return veto(reason, \"no contact with the lane's devices\");\n    }\n    if ((latest"),
    ("guard_keep_contact", 4, "guard.c", "    if (!latest->contact) {\n        return veto(reason, \"no contact with the lane's devices\");\n    }\n    if ((latest", "    if ((latest"),
    ("guard_keep_watch", 1, "guard.c", "        if (!order->on && g->config->raise_maintained) {", "        if (false) {"),
    ("guard_keep_pulse", 1, "guard.c", "return g->config->raise_maintained ? 0 : g->config->pulse_ms;", "return g->config->pulse_ms;"),
    ("guard_lower_feedback", 6, "guard.c", "    if (g->config->feedback != FEEDBACK_BOTH || g->config->raise_maintained) {", "    if (false) {"),
    ("run_through_contact_back", 8, "inputs.c", "    uint32_t rose = s->raw & ~raw_before;", "    uint32_t rose = s->contact ? s->raw & ~raw_before : 0;"),
    ("run_through_exit", 8, "queue.c", "    if (s->hold_count > 0) {\n        const struct lane_hold *hold = &s->holds",
     "    if (false) {\n        const struct lane_hold *hold = &s->holds"),
    ("foreign_broken", 8, "boom_watch.c", "    if (!local) {\n        check_coils", "    if (!local && !input_on(x, INPUT_BOOM_OFF)) {\n        check_coils"),
    ("run_through_broken", 8, "boom_watch.c",
     "if (!has_alarm(x, EVENT_LANE_RUN_THROUGH)) {\n            set_alarm(x, EVENT_LANE_RUN_THROUGH, true, 0);",
     "if (false) {\n            set_alarm(x, EVENT_LANE_RUN_THROUGH, true, 0);"),
    # who has passed, who is next
    ("leave_stranger", "order", "queue.c", "    if (s->arrived == 0 && !queue_is_direct(x)) {", "    if (false) {"),
    ("leave_followed", "order", "queue.c", "    } else if (input_on(x, INPUT_ENTRY_LOOP) || (queue_is_direct(x) && s->count > 0)) {",
     "    } else if (s->count > 0 && (input_on(x, INPUT_ENTRY_LOOP) || queue_is_direct(x))) {"),
    # opening for a cleared vehicle
    ("open_held", "holds", "boom_decide.c", "if (s->hold_count > 0 || s->stopped ||", "if (s->stopped ||"),
    ("open_stopped", "holds", "boom_decide.c", "if (s->hold_count > 0 || s->stopped ||",
     "if (s->hold_count > 0 ||"),
    ("open_journal", "holds", "boom_decide.c", "!s->journal_commits ||\n        !s->order_known) {",
     "!s->order_known) {"),
    ("open_confirm", "order", "boom_decide.c", "if (has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE) || has_alarm",
     "if (has_alarm"),
    ("open_foreign", 8, "boom_decide.c", "|| has_alarm(x, EVENT_LANE_FOREIGN_MOTION) ||\n        has_alarm(x, EVENT_LANE_RUN_THROUGH)) {",
     "||\n        has_alarm(x, EVENT_LANE_RUN_THROUGH)) {"),
    ("open_run_through", 8, "boom_decide.c", "        has_alarm(x, EVENT_LANE_RUN_THROUGH)) {", "        false) {"),
    ("open_no_list", "holds", "boom_decide.c", "(!s->list_usable && x->c->on_no_list == LANE_FAIL_HOLD);",
     "false;"),
    ("open_uncleared", "holds", "boom_decide.c", "(v->cleared && v->raise)", "v->raise"),
    ("open_unauthenticated", "holds", "boom_decide.c", "allowed && v->authenticated &&", "allowed &&"),
    ("open_rules", "holds", "boom_decide.c", "(v->cleared && v->raise)", "v->cleared"),
    ("open_hit", "holds", "boom_decide.c", "!v->open_hit &&", "true &&"),
    ("open_was_held", "holds", "boom_decide.c", "!v->was_held &&", "true &&"),
    ("open_doubtful", "order", "boom_decide.c", "!v->doubtful && !inspection_due", "!inspection_due"),
    ("open_entry_loop", "order", "boom_decide.c",
     "if (is_wired(x, INPUT_ENTRY_LOOP) && !input_on(x, INPUT_ENTRY_LOOP)) {", "if (false) {"),
    ("open_unnamed", "order", "boom_decide.c", "    if (naming_due(x)) {", "    if (false) {"),
    ("red_behind", "holds", "lights.c", "(x->c->mode == LANE_NORMALLY_OPEN || under)", "x->c->mode == LANE_NORMALLY_OPEN"),
    ("name_unasked", "order", "naming.c", "        queue_ask_to_confirm(x, v->passage);\n", ""),
    ("name_raise_routine", "order", "acts.c", "v->open_hit || naming_due(x)", "v->open_hit"),
    ("open_passed", "order", "boom_decide.c", "    if (queue_has_passed(x)) {", "    if (false) {"),
    ("open_for_ever", "order", "boom_decide.c", "if (v->raises == LANE_RAISES_MAX) {", "if (false) {"),
    ("raise_held", "holds", "acts.c",
     "    if (refusal == LANE_REFUSAL_NONE && x->s->hold_count > 0) {\n        refusal = LANE_REFUSAL_HELD;\n    }\n    if (refusal == LANE_REFUSAL_NONE && inspection",
     "    if (refusal == LANE_REFUSAL_NONE && inspection"),
    ("raise_hit_routine", "holds", "acts.c", "return v ? v->open_hit ||", "return v ? false ||"),
    ("raise_confirm_routine", "order", "acts.c", ": has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE);", ": false;"),
    ("raise_other_vehicle", "order", "acts.c", "(v ? v->passage : 0) != commit->passage", "false"),
    ("raise_late_commit", "holds", "acts.c",
     "if (slot->kind == COMMIT_RAISE || slot->kind == COMMIT_LOWER ||",
     "if ("),
    # who stands there
    ("hold_at_once", "order", "queue.c", "    if (v == queue_at_boom(x)) {\n        hold_activate(x, &hold);",
     "    if (true) {\n        hold_activate(x, &hold);"),
    ("hold_unknown_order", "order", "queue.c", "    if (!x->s->order_known) {\n        hold_record",
     "    if (false) {\n        hold_record"),
    ("lost_order_confirm", "order", "queue.c",
     "        if (s->queue[i].hold.id != 0) {\n            queue_ask_to_confirm(x, s->queue[i].passage);",
     "        if (false) {\n            queue_ask_to_confirm(x, s->queue[i].passage);"),
    ("lost_contact_order", "order", "inputs.c", "    boom_contact_lost(x);\n    queue_lose_order(x);",
     "    boom_contact_lost(x);"),
    ("blind_order", "order", "step.c", "        x->s->blind = true;\n        queue_lose_order(x);",
     "        x->s->blind = true;"),
    ("transit_order", "order", "queue.c",
     "    if (timer_take(x, TIMER_TRANSIT)) {\n        queue_lose_order(x);",
     "    if (timer_take(x, TIMER_TRANSIT)) {\n        (void)s;"),
    ("grace_order", "order", "queue.c", "if (timer_take(x, TIMER_GRACE) && s->count > 1) {",
     "if (timer_take(x, TIMER_GRACE) && false) {"),
    ("standing_queue", "order", "queue.c", "if (!x->s->order_known && !is_empty(x)) {", "if (false) {"),
    ("doubt_behind", "order", "queue.c", ".doubtful = s->perhaps_more", ".doubtful = false"),
    ("doubt_counted", "order", "passage.c", "        take_unplaced(x, event);\n        return;\n",
     "        take_unplaced(x, event);\n"),
    ("doubt_hold", "order", "passage.c", "    if (x->s->order_known) {\n        queue_lose_order(x);\n    }\n    queue_ask",
     "    queue_ask"),
    ("late_hit", "order", "passage.c", "if (is_late(x) && is_far(x) && has_holding_hit(event)) {",
     "if (false) {"),
    ("join_hold", "holds", "queue.c", "        hold_join(x, active, v->hits, v->hit_count);\n", ""),
    ("join_waiting", "holds", "passage.c", "        hold_join(x, &v->hold, event->hits, event->hit_count);\n", ""),
    ("join_quiet", "holds", "holds.c", "bool known = !hits[i].holds;", "bool known = false;"),
    ("restore_hold", "holds", "holds.c", "        s->holds[s->hold_count++] = hold;\n    } else {",
     "        (void)hold;\n    } else {"),
    ("restore_waiting", "order", "holds.c",
     "set_alarm(x, EVENT_LANE_CONFIRM_VEHICLE, true, event->passage);", ""),
    ("restore_none", "holds", "holds.c", "if (hold.id != 0) {", "if (true) {"),
    ("held_red", "holds", "convoy.c", "return s->stopped || s->hold_count > 0 ||", "return s->stopped ||"),
    ("waiting_red", "holds", "lights.c", "bool before_boom = one_waits(x) && (x->c->mode == LANE_NORMALLY_OPEN || under);", "bool before_boom = one_waits(x) && under;"),
    ("confirm_red", "order", "lights.c", "has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE) ||", "false ||"),
    # inspections, exempt vehicles
    ("open_inspection", "holds", "boom_decide.c", "!v->doubtful && !inspection_due(x, v);", "!v->doubtful;"),
    ("open_exempt_all", "holds", "passage.c", "event->exempt && event->authenticity != AUTH_NONE", "event->exempt"),
    ("inspect_named", "holds", "inspection.c", "    if (!act->named) {", "    if (false) {"),
    ("inspect_other", "holds", "inspection.c", "v && v->passage == act->passage", "v"),
    ("inspect_mode", "holds", "inspection.c", "v->inspect == LANE_INSPECT_UNSAID && x->c->mode == LANE_CHECK_POINT",
     "false"),
    ("inspect_drawn", "holds", "inspection.c", "return v->inspect == LANE_INSPECT_DUE ||", "return false ||"),
    ("inspect_redraw", "holds", "passage.c", "if (event->inspect > v->inspect) {", "if (true) {"),
    ("inspect_red", "holds", "lights.c", "inspection_due(x, queue_at_boom(x)) ||", "false ||"),
    ("inspect_raise_named", "holds", "acts.c", "inspection_due(x, queue_at_boom(x)) && !act->named", "false"),
    ("inspect_run_through", 8, "queue.c", "} else if (inspection_due(x, v) && !s->go &&", "} else if (false &&"),
    # convoys
    ("convoy_named", "holds", "convoy.c", "static enum lane_refusal cannot_ask(const struct lane_ctx *x, const struct lane_act_event *act)\n{\n    if (!act->named) {",
     "static enum lane_refusal cannot_ask(const struct lane_ctx *x, const struct lane_act_event *act)\n{\n    if (false) {"),
    ("convoy_time", "holds", "convoy.c", "act->for_ms > LANE_CONVOY_MAX_MS", "false"),
    ("convoy_uncommitted", "holds", "convoy.c", "    act_ask(x, &commit, record);", "    (void)record;\n    convoy_committed(x, &commit);"),
    ("convoy_late", "holds", "acts.c", "            slot->kind == COMMIT_CONVOY) {", "            false) {"),
    ("convoy_recheck", "holds", "convoy.c", "    enum lane_refusal refusal = cannot_begin(x);\n    if (refusal != LANE_REFUSAL_NONE) {\n        refuse(",
     "    enum lane_refusal refusal = cannot_begin(x);\n    if (false) {\n        refuse("),
    ("convoy_held", "holds", "convoy.c", "return somebody_held(x) ? LANE_REFUSAL_HELD : boom_cannot_raise(x, false);",
     "return boom_cannot_raise(x, false);"),
    ("convoy_alarms", 8, "convoy.c", "    if (has_alarm(x, EVENT_LANE_FOREIGN_MOTION) || has_alarm(x, EVENT_LANE_RUN_THROUGH)) {\n        return LANE_REFUSAL_ALARM;",
     "    if (false) {\n        return LANE_REFUSAL_ALARM;"),
    ("convoy_stop", "holds", "convoy.c", "return s->stopped || s->hold_count > 0 ||", "return s->hold_count > 0 ||"),
    ("convoy_hold", "holds", "convoy.c", "return s->stopped || s->hold_count > 0 ||", "return s->stopped ||"),
    ("convoy_hands_off", 3, "convoy.c", "input_on(x, INPUT_LOCAL_CONTROL) || input_on(x, INPUT_EMERGENCY_STOP) ||", ""),
    ("convoy_fault", 3, "convoy.c", "input_on(x, INPUT_BOOM_OFF) || boom_at_fault(x) ||", ""),
    ("convoy_foreign", 8, "convoy.c", "has_alarm(x, EVENT_LANE_FIRE_RAISE) ||\n           has_alarm(x, EVENT_LANE_FOREIGN_MOTION) ||",
     "has_alarm(x, EVENT_LANE_FIRE_RAISE) ||\n"),
    ("convoy_journal", "holds", "convoy.c", "!s->journal_commits ||", ""),
    ("convoy_no_end", "holds", "convoy.c", "    if (timer_take(x, TIMER_CONVOY)) {", "    if (false) {"),
    ("convoy_end_named", "holds", "convoy.c", "    if (!act->named || !convoy_on(x)) {", "    if (!convoy_on(x)) {"),
    ("convoy_end_lowers", 7, "convoy.c", "    s->left_open = false; /* the next vehicle", "    /* the next vehicle"),
    ("convoy_lowers", 7, "convoy.c", "    s->left_open = false;\n    if (s->motion", "    if (s->motion"),
    ("convoy_hit_told", "holds", "convoy.c", "    set_alarm(x, EVENT_LANE_CONVOY_HIT, true, v->passage);\n", ""),
    ("convoy_hit_after", "holds", "convoy.c", "        queue_place_hold(x, &s->queue[i]);", "        (void)s;"),
    ("convoy_stuck", 6, "boom.c", "        convoy_end(x, 0); /* it does not go up", "        /* it does not go up"),
    # out of service, guided test
    ("service_named", "holds", "service.c", "    if (!act->named) {", "    if (false) {"),
    ("service_opens", "holds", "boom_decide.c", "s->stopped || s->out_of_service || !s->journal_commits", "s->stopped || !s->journal_commits"),
    ("service_raise", "holds", "acts.c", "    if (refusal == LANE_REFUSAL_NONE && x->s->out_of_service) {\n        refusal = LANE_REFUSAL_OUT_OF_SERVICE; /* somebody",
     "    if (false) {\n        refusal = LANE_REFUSAL_OUT_OF_SERVICE; /* somebody"),
    ("service_raise_late", "holds", "acts.c", "    if (refusal == LANE_REFUSAL_NONE && x->s->out_of_service) {\n        refusal = LANE_REFUSAL_OUT_OF_SERVICE;\n",
     "    if (false) {\n        refusal = LANE_REFUSAL_OUT_OF_SERVICE;\n"),
    ("service_lowering", 7, "service.c", "    if (s->motion == MOTION_LOWER) {", "    if (false) {"),
    ("service_blocked", 4, "service.c", "    s->lower_blocked = true;\n", ""),
    ("service_order", "order", "service.c", "    queue_lose_order(x);\n", ""),
    ("service_restart", "holds", "service.c", "        x->s->out_of_service = true;\n        set_alarm", "        set_alarm"),
    ("service_red", "holds", "lights.c", "s->hold_count > 0 || s->out_of_service ||", "s->hold_count > 0 ||"),
    ("service_convoy", "holds", "convoy.c", "    if (x->s->out_of_service) {\n        return LANE_REFUSAL_OUT_OF_SERVICE;", "    if (false) {\n        return LANE_REFUSAL_OUT_OF_SERVICE;"),
    ("service_siren", "holds", "holds.c", " || x->s->out_of_service) {", ") {"),
    ("test_in_service", 7, "service.c", "    if (!x->s->out_of_service) {\n        return LANE_REFUSAL_IN_SERVICE;", "    if (false) {\n        return LANE_REFUSAL_IN_SERVICE;"),
    ("test_lowers", 7, "service.c", "        timer_set(x, TIMER_BY_HAND, LANE_HAND_LOWER_MS);", "        boom_lower(x);"),
    ("test_stopped", 3, "service.c", "    if (x->s->stopped) {", "    if (false) {"),
    ("test_held", "holds", "service.c", "    if (x->s->hold_count > 0 || act_raise_releases(x)) {", "    if (false) {"),
    ("test_by_hand_always", 8, "boom_watch.c", "    if (x->s->out_of_service && timer_running(x, TIMER_BY_HAND)) {",
     "    if (x->s->out_of_service) {"),
    ("test_by_hand_after", 8, "service.c", "    timer_off(x, TIMER_BY_HAND);\n", ""),
    # fire raise, panic, mains
    ("fire_raise", 5, "boom_decide.c", "    fire_decide(x);\n", ""),
    ("fire_emergency", 3, "boom.c", "return cause == LANE_CAUSE_EMERGENCY || cause == LANE_CAUSE_FIRE || cause == LANE_CAUSE_SAFETY;",
     "return cause == LANE_CAUSE_EMERGENCY || cause == LANE_CAUSE_SAFETY;"),
    ("fire_hands_off", 3, "safety_inputs.c", "        boom_cannot_raise(x, true) != LANE_REFUSAL_NONE) {", "        false) {"),
    ("fire_ack_burning", 5, "safety_inputs.c", "    if (!input_on(x, INPUT_FIRE_RAISE)) {", "    if (true) {"),
    ("fire_latch", 5, "safety_inputs.c", "    set_alarm(x, EVENT_LANE_CABINET_DOOR,", "    set_alarm(x, EVENT_LANE_FIRE_RAISE, input_on(x, INPUT_FIRE_RAISE), 0);\n    set_alarm(x, EVENT_LANE_CABINET_DOOR,"),
    ("fire_stop", 3, "safety_inputs.c", "s->stopped || !s->contact ||", "!s->contact ||"),
    ("fire_old_stop", 5, "safety_inputs.c", "    x->s->stopped = false;", "    (void)0;"),
    ("fire_end_lowers", 7, "safety_inputs.c", "    s->left_open = false; /* its end lowers nothing */\n", ""),
    ("fire_late", 5, "inputs.c", "INPUT_BIT(INPUT_BOOM_OFF) | INPUT_BIT(INPUT_FIRE_RAISE) |", "INPUT_BIT(INPUT_BOOM_OFF) |"),
    ("panic_latch", "holds", "safety_inputs.c", "    if (rose & INPUT_BIT(INPUT_PANIC)) {", "    if (false) {"),
    ("mains_blocked", 4, "safety_inputs.c", "    x->s->lower_blocked = true;\n", ""),
    ("mains_lowering", 4, "safety_inputs.c", "    if (x->s->motion == MOTION_LOWER) {", "    if (false) {"),
    ("mains_position", 4, "safety_inputs.c", "    x->s->position_known = false;\n    x->s->lower_blocked = true;", "    x->s->lower_blocked = true;"),
    ("mains_lower", 4, "boom_decide.c", "!mains_lost(x) && ", ""),
    # nobody waits unseen
    ("unread_asked", "order", "unread.c", "        s->unread = UNREAD_ASKED;", "        (void)0;"),
    ("unread_trigger", "order", "unread.c", "        (void)add_record(x, LANE_RECORD_RETRIGGER, LANE_CLASS_ROUTINE);\n", ""),
    ("blocked_exempt", "order", "unread.c", "            return s->queue[i].passage;", "            return 0;"),
]


def build(folder, build_dir, by, changed=None, text=None):
    """Links what `by` names; the changed file is compiled, the rest comes from `folder`'s parent."""
    objects = folder.parent / "objects"
    mine = []
    for source in sorted(LANE.glob("*.c")):
        if source.name == changed:
            copy = folder / source.name
            copy.write_text(text, encoding="utf-8")
            mine.append(folder / (source.stem + ".o"))
            compile_one(copy, mine[-1])
        else:
            mine.append(objects / (source.stem + ".o"))
    libraries = [build_dir / folder / f"lib{folder.replace('/', '_')}.a" for folder in by.libraries]
    for program, parts in by.programs(objects).items():
        subprocess.run(["cc", "-o", folder / program, *parts, *mine, *libraries, *by.flags, "-lcmocka", "-lsystemd", "-lpthread"],
                       check=True, capture_output=True)


def compile_one(source, target):
    subprocess.run(["cc", *FLAGS, "-c", "-o", target, source], check=True, capture_output=True)


class By:
    """What every judge of mutants has."""
    libraries = ["gateway/model", "gateway/base"]
    flags = []


class ByTests(By):
    """The lane's unit tests, one program each."""
    sweep = "lane_mutants"
    sources = [ROOT / "tests" / "unit" / "gateway" / "lane" / f"{test}.c" for test in TESTS]

    @staticmethod
    def programs(objects):
        return {test: [objects / f"{test}.o"] for test in TESTS}

    @staticmethod
    def broken(folder):
        return ByTests.first_failure(folder)

    @staticmethod
    def first_failure(folder):
        """Name of the first test that fails, None when all pass."""
        for test in TESTS:
            try:
                result = subprocess.run([folder / test], capture_output=True, timeout=TIMEOUT_S, cwd=ROOT,
                                        env={**os.environ, "CHECKPOINT_WALKS": WALKS})
            except subprocess.TimeoutExpired:
                return test
            if result.returncode != 0:
                return test
        return None


class ByWire(By):
    """The scenarios and the random life of the simulated wire, seeded."""
    sweep = "lane_mutants_wire"
    libraries = ["drivers/modbus_io", "drivers/bus", "gateway/config", "gateway/model", "gateway/base"]
    wrapped = ["clock_mono", "ppoll", *(f"modbus_link_{verb}" for verb in ("timing", "is_open", "close", "open", "exchange"))]
    flags = ["-lyaml", "-ljansson", "-lcrypto", "-lmodbus", *(f"-Wl,--wrap={name}" for name in wrapped)]
    programs_of = list(WIRE_EVENTS)
    sources = sorted((ROOT / "tests" / "wire").glob("*.c"))

    @staticmethod
    def programs(objects):
        common = [objects / f"{s.stem}.o" for s in ByWire.sources if s.stem not in ByWire.programs_of]
        return {name: [objects / f"{name}.o", *common] for name in ByWire.programs_of}

    @staticmethod
    def broken(folder):
        return ByWire.first_failure(folder)

    @staticmethod
    def first_failure(folder):
        """What the first program that fails says, None when both pass."""
        for name in ByWire.programs_of:
            result = subprocess.run([folder / name], capture_output=True, text=True, timeout=WALK_TIMEOUT_S, cwd=ROOT, check=False,
                                    env={**os.environ, "CHECKPOINT_SEED": "1", "CHECKPOINT_EVENTS": WIRE_EVENTS[name]})
            if result.returncode != 0:
                said = [line for line in result.stderr.splitlines() if "ERROR" in line or "site:" in line]
                return f"{name}: {said[0] if said else result.returncode}"
        return None


class ByWalk(By):
    """The exhaustive walk alone; it ends at the first rule that is violated."""
    sweep = "lane_mutants_walk"
    options = []
    hinted = False
    sources = sorted(WALK.glob("*.c"))

    @staticmethod
    def programs(objects):
        return {"walk": [objects / f"{source.stem}.o" for source in ByWalk.sources]}

    @staticmethod
    def first_failure(folder):
        """The violated rule, None when the walk ends without one."""
        names = next(names for starts, names in WALK_FIRST if any(folder.name.startswith(s) for s in starts.split("|")))
        return ByWalk.walk(folder, names) or (None if ByWalk.hinted else ByWalk.walk(folder, []))

    @staticmethod
    def broken(folder):
        """The machine as it is; the sweep lane_states walks all of it."""
        return ByWalk.walk(folder, ["--quick"])

    @staticmethod
    def walk(folder, families):
        result = subprocess.run([folder / "walk", *ByWalk.options, *families], capture_output=True, text=True,
                                timeout=WALK_TIMEOUT_S, check=False)
        last = json.loads(result.stdout.splitlines()[-1]) if result.stdout.endswith("}\n") else {}
        if result.returncode == WALK_VIOLATED:
            return f"{last['family']}: {last['violation']}"
        return f"signal {-result.returncode}: {result.stderr[-200:]}" if result.returncode < 0 else None


def run(mutant, top, build_dir, by):
    name, rule, file, old, new = mutant
    line = {"sweep": by.sweep, "mutant": name, "rule": rule}
    text = (LANE / file).read_text(encoding="utf-8")
    if text.count(old) != 1:
        return {**line, "error": f"{file}: found {text.count(old)} times: {old}", "killed": False}
    folder = top / name
    folder.mkdir()
    try:
        build(folder, build_dir, by, file, text.replace(old, new))
    except subprocess.CalledProcessError as error:
        return {**line, "error": error.stderr.decode()[-400:], "killed": False}
    fell = by.first_failure(folder)
    return {**line, "by": fell, "killed": fell is not None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--by", choices=["tests", "walk", "wire"], default="tests")
    parser.add_argument("--states-max", help="of a family, by walk; unbounded if not given")
    parser.add_argument("--hinted", action="store_true", help="by walk: only in the families where it should fall")
    parser.add_argument("--only", nargs="*", help="these mutants, by name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    by = {"tests": ByTests, "walk": ByWalk, "wire": ByWire}[options.by]
    ByWalk.hinted = options.hinted
    ByWalk.options = ["--states-max", options.states_max] if options.states_max else []
    chosen = [m for m in MUTANTS if not options.only or m[0] in options.only]
    with tempfile.TemporaryDirectory(prefix="mutants.") as name:
        top = pathlib.Path(name)
        (top / "objects").mkdir()
        for source in sorted(LANE.glob("*.c")):
            compile_one(source, top / "objects" / (source.stem + ".o"))
        for source in by.sources:
            compile_one(source, top / "objects" / f"{source.stem}.o")
        (top / "whole").mkdir()
        build(top / "whole", options.build, by)
        broken = by.broken(top / "whole")
        if broken:
            print(json.dumps({"sweep": by.sweep, "mutant": None, "error": f"{broken} fails as it is"}))
            return 1
        alive = killed = 0
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for line in pool.map(lambda m: run(m, top, options.build, by), chosen):
                print(json.dumps(line, ensure_ascii=False), flush=True)
                alive += not line["killed"] and (by is not ByWire or "error" in line)
                killed += line["killed"]
    rules = {m[1] for m in MUTANTS}
    assert rules >= set(range(1, 9)), "a safety rule without a mutant"
    return 1 if alive or not killed else 0


if __name__ == "__main__":
    sys.exit(main())
