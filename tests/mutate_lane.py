#!/usr/bin/python3
"""Takes the lane's guards out one by one and shows that a test notices.

    tests/mutate_lane.py [--by tests|walk] [--build build/release] [--only NAME …] [--jobs N]

Each mutant is one edit of gateway/lane; it is compiled in a folder of its own and run against the
lane's unit tests, or against the exhaustive walk alone (tests/walk): by which rule of it in which family the mutant fell. One JSON line a mutant: {"sweep": "lane_mutants", "mutant": …, "rule": …, "by":
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
TESTS = ["test_guard", "test_rules", "test_lower", "test_lane", "test_queue", "test_lane_walk"]
WALK = ROOT / "tests" / "walk"
FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-O1", "-w", f"-I{ROOT}"]
TIMEOUT_S, WALKS = 240, "400"
WALK_TIMEOUT_S, WALK_VIOLATED = 3600, 1

# name, rule, file, what stands there once, what stands there instead
MUTANTS = [
    # the guard, at the wire
    ("guard_presence", 1, "guard.c", "UNDER = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE)",
     "UNDER = INPUT_BIT(INPUT_OBSTACLE)"),
    ("guard_obstacle", 1, "guard.c", "UNDER = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE)",
     "UNDER = INPUT_BIT(INPUT_PRESENCE)"),
    ("guard_danger", 1, "guard.c", "bool danger = (under ||", "bool danger = (false && under ||"),
    ("guard_clear_time", 1, "guard.c",
     "mono_diff_ms(now, g->free_since) < (int64_t)g->config->clear_ms", "false"),
    ("guard_clear_again", 1, "guard.c", "    if (under) {\n        g->free_since.ns = INT64_MAX;",
     "    if (under) {\n        (void)0;"),
    ("guard_under_veto", 1, "guard.c", "if ((latest->active & latest->wired & UNDER) != 0) {",
     "if (false) {"),
    ("guard_no_stop", 1, "guard.c",
     "add(out, &count, g, OUTPUT_STOP, true, g->config->stop_pulse_ms);", ""),
    ("guard_no_raise", 1, "guard.c",
     "    add(out, &count, g, OUTPUT_RAISE, true, g->config->pulse_ms);\n    return count;",
     "    return count;"),
    ("guard_raise_once", 1, "guard.c", "return g->raising && mono_before(scan->at, g->raising_until)",
     "return false && mono_before(scan->at, g->raising_until)"),
    ("guard_failed_raise", 1, "guard.c", "g->raise_failed = !done;", "g->raise_failed = false;"),
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
    ("guard_fault_raise", 3, "guard.c", "if (active(latest, INPUT_FAULT) && !order->emergency) {",
     "if (false) {"),
    ("guard_fault_lower", 3, "guard.c",
     "if (active(latest, INPUT_FAULT) || active(latest, INPUT_BOOM_OFF)) {", "if (false) {"),
    ("guard_no_contact", 4, "guard.c", "if (!latest->contact) {", "if (false) {"),
    ("guard_not_open", 4, "guard.c", "if (!active(latest, INPUT_LIMIT_OPEN)) {", "if (false) {"),
    ("guard_late", 6, "guard.c", "if (mono_before(order->expires, now)) {", "if (false) {"),
    ("guard_undeclared", 7, "guard.c", "if (!g->config->lower_automatically) {", "if (false) {"),
    ("guard_detectors", 7, "guard.c", "if (!detectors_healthy(latest)) {", "if (false) {"),
    ("guard_detectors_moving", 7, "guard.c", "(under || !detectors_healthy(scan))", "(under)"),
    ("guard_detector_only", 7, "guard.c",
     "return active(scan, INPUT_PERSON_OK) && active(scan, INPUT_DETECTOR_OK);",
     "return active(scan, INPUT_DETECTOR_OK);"),
    ("guard_person_only", 7, "guard.c",
     "return active(scan, INPUT_PERSON_OK) && active(scan, INPUT_DETECTOR_OK);",
     "return active(scan, INPUT_PERSON_OK);"),
    # the lane
    ("lower_occupied", 1, "boom.c", "((s->inputs | s->raw) & occupied) == 0 &&", "true &&"),
    ("lower_clear", 1, "boom.c", "!timer_running(x, TIMER_CLEAR) &&", "true &&"),
    ("clear_restart", 1, "boom.c",
     "    if (is_busy(x)) {\n        timer_set(x, TIMER_CLEAR, x->c->clear_ms);",
     "    if (false) {\n        timer_set(x, TIMER_CLEAR, x->c->clear_ms);"),
    ("lower_pulse_together", 2, "boom.c", "!timer_running(x, TIMER_COIL_RAISE) &&", "true &&"),
    ("raise_lower_off", 2, "boom.c",
     "    if (timer_running(x, TIMER_COIL_LOWER)) {\n        coil_off(x, OUTPUT_LOWER, x->s->motion_cause); /* rule 2 */",
     "    if (false) {\n        coil_off(x, OUTPUT_LOWER, x->s->motion_cause); /* rule 2 */"),
    ("raise_unbounded", 2, "boom.c", ".pulse_ms = x->c->pulse_ms,", ".pulse_ms = 0,"),
    ("raise_emergency_stop", 3, "boom.c",
     "    if (input_on(x, INPUT_EMERGENCY_STOP)) {\n        return LANE_REFUSAL_EMERGENCY_STOP;",
     "    if (false) {\n        return LANE_REFUSAL_EMERGENCY_STOP;"),
    ("raise_local_control", 3, "boom.c",
     "    if (input_on(x, INPUT_LOCAL_CONTROL)) {\n        return LANE_REFUSAL_LOCAL_CONTROL;",
     "    if (false) {\n        return LANE_REFUSAL_LOCAL_CONTROL;"),
    ("raise_fault", 3, "boom.c", "return at_fault(x)                   ? LANE_REFUSAL_FAULT",
     "return false                   ? LANE_REFUSAL_FAULT"),
    ("raise_boom_off", 3, "boom.c", ": input_on(x, INPUT_BOOM_OFF) ? LANE_REFUSAL_NO_BOOM",
     ": false ? LANE_REFUSAL_NO_BOOM"),
    ("fault_of_limits", 3, "boom.c", "return input_on(x, INPUT_FAULT) || limits_impossible(x);",
     "return input_on(x, INPUT_FAULT);"),
    ("hands_off_stops", 3, "boom.c",
     "if (ours && (hands_off || (broken && !may_go_on))) {", "if (ours && broken && !may_go_on) {"),
    ("fault_stops", 3, "boom.c",
     "if (ours && (hands_off || (broken && !may_go_on))) {", "if (ours && hands_off) {"),
    ("stop_ends_motion", 3, "boom.c",
     "    motion_over(x);\n    s->stop_tries = STOP_TRIES;", "    s->stop_tries = STOP_TRIES;"),
    ("contact_forgets_position", 4, "boom.c",
     "    s->position_known = false;\n    s->lower_blocked = true;\n    s->left_open = false;",
     "    s->lower_blocked = true;\n    s->left_open = false;"),
    ("contact_blocks_lower", 4, "boom.c",
     "    s->position_known = false;\n    s->lower_blocked = true;\n    s->left_open = false;\n    timer_off",
     "    s->position_known = false;\n    timer_off"),
    ("lower_blocked", 4, "boom.c", "!s->lower_blocked && !s->stopped && !s->go", "!s->stopped && !s->go"),
    ("start_blocked", 4, "step.c", "out->lower_blocked = true;", "out->lower_blocked = false;"),
    ("raise_no_contact", 4, "boom.c",
     "    if (!x->s->contact) {\n        return LANE_REFUSAL_NO_CONTACT;",
     "    if (false) {\n        return LANE_REFUSAL_NO_CONTACT;"),
    ("release_named", 5, "acts.c", "    if (!act->named) {\n        return LANE_REFUSAL_NOT_NAMED;",
     "    if (false) {\n        return LANE_REFUSAL_NOT_NAMED;"),
    ("release_second", 5, "acts.c", "if (hold->priority == 1 && !act->second_person) {", "if (false) {"),
    ("release_uncommitted", 5, "acts.c",
     "    bool asked = commit_ask(x, &commit, &x->out->records[x->out->record_count - 1]);\n"
     "    reply(x, act->act, asked ? LANE_REPLY_PENDING : LANE_REPLY_REFUSED,\n"
     "          asked ? LANE_REFUSAL_NONE : LANE_REFUSAL_BUSY);\n}\n\n/* A raise",
     "    hold_end(x, commit.hold, act->act);\n}\n\n/* A raise"),
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
    ("rule_7_person", 7, "boom.c", "input_on(x, INPUT_PERSON_OK) && input_on(x, INPUT_DETECTOR_OK) &&",
     "input_on(x, INPUT_DETECTOR_OK) &&"),
    ("rule_7_detector", 7, "boom.c", "input_on(x, INPUT_PERSON_OK) && input_on(x, INPUT_DETECTOR_OK) &&",
     "input_on(x, INPUT_PERSON_OK) &&"),
    ("rule_7_guided", 7, "boom.c", "timer_running(x, TIMER_GUIDED);", "true;"),
    ("rule_7_left", 7, "boom.c", "return rule_7_holds(x) && s->left_open &&", "return rule_7_holds(x) &&"),
    ("rule_7_declared", 7, "boom.c", "return x->c->lower_automatically && x->c->mode", "return x->c->mode"),
    ("rule_7_committed", 7, "boom.c",
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
    ("foreign_open_left", 8, "boom.c", "        } else {\n            foreign = true;\n        }",
     "        }"),
    ("foreign_closed_left", 8, "boom.c",
     "if ((left & INPUT_BIT(INPUT_LIMIT_CLOSED)) && s->motion == MOTION_NONE) {", "if (false) {"),
    ("foreign_open_reached", 8, "boom.c",
     "if ((reached & INPUT_BIT(INPUT_LIMIT_OPEN)) && s->motion == MOTION_NONE && s->position_known) {",
     "if (false) {"),
    ("foreign_closed_reached", 8, "boom.c",
     "if ((reached & INPUT_BIT(INPUT_LIMIT_CLOSED)) && !coming_down && s->position_known) {",
     "if (false) {"),
    ("foreign_coil", 8, "boom.c", "if (!(x->s->coils & bit) || timer_running(x, coils[i].timer)) {",
     "if (true) {"),
    ("foreign_no_stop", 8, "boom.c", "        boom_stop(x, LANE_CAUSE_FOREIGN, 0);\n    }\n}",
     "    }\n}"),
    ("foreign_stop_each", 8, "boom.c", "if (!guard_acted && x->s->stop_order == 0) {",
     "if (!guard_acted) {"),
    ("foreign_against_guard", 8, "boom.c", "if (!guard_acted && x->s->stop_order == 0) {",
     "if (x->s->stop_order == 0) {"),
    ("own_close_any_time", 8, "boom.c",
     "return x->c->auto_close == AUTO_CLOSE_LOOP && timer_running(x, TIMER_AUTO_CLOSE);",
     "return x->c->auto_close == AUTO_CLOSE_LOOP;"),
    ("run_through_exit", 8, "queue.c", "if ((rose & INPUT_BIT(INPUT_EXIT_LOOP)) && s->hold_count > 0",
     "if (false && s->hold_count > 0"),
    ("run_through_broken", 8, "boom.c",
     "if (!has_alarm(x, EVENT_LANE_RUN_THROUGH)) {\n            set_alarm(x, EVENT_LANE_RUN_THROUGH, true, 0);",
     "if (false) {\n            set_alarm(x, EVENT_LANE_RUN_THROUGH, true, 0);"),
    # opening for a cleared vehicle
    ("open_held", "holds", "boom.c", "return s->hold_count > 0 || s->stopped ||", "return s->stopped ||"),
    ("open_stopped", "holds", "boom.c", "return s->hold_count > 0 || s->stopped ||",
     "return s->hold_count > 0 ||"),
    ("open_journal", "holds", "boom.c", "!s->journal_commits || !s->order_known ||\n",
     "!s->order_known ||\n"),
    ("open_confirm", "order", "boom.c", "has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE) || has_alarm",
     "has_alarm"),
    ("open_foreign", 8, "boom.c", "has_alarm(x, EVENT_LANE_FOREIGN_MOTION) ||\n           has_alarm(x, EVENT_LANE_RUN_THROUGH) || (s->blind",
     "has_alarm(x, EVENT_LANE_RUN_THROUGH) || (s->blind"),
    ("open_run_through", 8, "boom.c", "has_alarm(x, EVENT_LANE_RUN_THROUGH) || (s->blind", "(s->blind"),
    ("open_no_list", "holds", "boom.c", "(!s->list_usable && x->c->on_no_list == LANE_FAIL_HOLD);",
     "false;"),
    ("open_uncleared", "holds", "boom.c", "v->cleared && v->authenticated", "v->authenticated"),
    ("open_unauthenticated", "holds", "boom.c", "v->cleared && v->authenticated", "v->cleared"),
    ("open_rules", "holds", "boom.c", "v->authenticated && v->raise &&", "v->authenticated &&"),
    ("open_hit", "holds", "boom.c", "!v->open_hit &&\n", "true &&\n"),
    ("open_was_held", "holds", "boom.c", "!v->was_held && !v->doubtful;", "!v->doubtful;"),
    ("open_doubtful", "order", "boom.c", "!v->was_held && !v->doubtful;", "!v->was_held;"),
    ("open_entry_loop", "order", "boom.c",
     "if (is_wired(x, INPUT_ENTRY_LOOP) && !input_on(x, INPUT_ENTRY_LOOP)) {", "if (false) {"),
    ("open_for_ever", "order", "boom.c", "if (v->raises == LANE_RAISES_MAX) {", "if (false) {"),
    ("raise_held", "holds", "acts.c",
     "    bool releases = raise_releases(x);\n    if (refusal == LANE_REFUSAL_NONE && x->s->hold_count > 0) {",
     "    bool releases = raise_releases(x);\n    if (false) {"),
    ("raise_hit_routine", "holds", "acts.c", "return v ? v->open_hit :", "return v ? false :"),
    ("raise_confirm_routine", "order", "acts.c", ": has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE);", ": false;"),
    ("raise_other_vehicle", "order", "acts.c", "(v ? v->passage : 0) != commit->passage", "false"),
    ("raise_late_commit", "holds", "acts.c",
     "if (slot->kind == COMMIT_RAISE || slot->kind == COMMIT_LOWER) {", "if (false) {"),
    # who stands there
    ("hold_at_once", "order", "queue.c", "    if (v == queue_at_boom(x)) {\n        hold_activate(x, &hold);",
     "    if (true) {\n        hold_activate(x, &hold);"),
    ("hold_unknown_order", "order", "queue.c", "    if (!x->s->order_known) {\n        hold_record",
     "    if (false) {\n        hold_record"),
    ("lost_order_confirm", "order", "queue.c",
     "        if (s->queue[i].hold.id != 0) {\n            ask_to_confirm(x, s->queue[i].passage);",
     "        if (false) {\n            ask_to_confirm(x, s->queue[i].passage);"),
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
    ("doubt_counted", "order", "queue.c", "        take_unplaced(x, event);\n        return;\n",
     "        take_unplaced(x, event);\n"),
    ("doubt_hold", "order", "queue.c", "    if (x->s->order_known) {\n        queue_lose_order(x);\n    }\n    ask",
     "    ask"),
    ("late_hit", "order", "queue.c", "if (is_late(x) && is_far(x) && has_holding_hit(event)) {",
     "if (false) {"),
    ("join_hold", "holds", "queue.c", "        hold_join(x, active, v->hits, v->hit_count);\n", ""),
    ("join_waiting", "holds", "queue.c", "        hold_join(x, &v->hold, event->hits, event->hit_count);\n", ""),
    ("join_quiet", "holds", "holds.c", "bool known = !hits[i].holds;", "bool known = false;"),
    ("restore_hold", "holds", "holds.c", "        s->holds[s->hold_count++] = hold;\n    } else {",
     "        (void)hold;\n    } else {"),
    ("restore_waiting", "order", "holds.c",
     "set_alarm(x, EVENT_LANE_CONFIRM_VEHICLE, true, event->passage);", ""),
    ("held_red", "holds", "lights.c", "return s->stopped || s->hold_count > 0 ||", "return s->stopped ||"),
    ("waiting_red", "holds", "lights.c", "x->c->mode == LANE_NORMALLY_OPEN && one_waits(x);", "false;"),
    ("confirm_red", "order", "lights.c", "has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE) ||", "false ||"),
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
    libraries = [build_dir / "gateway" / name / f"libgateway_{name}.a" for name in ("model", "base")]
    for program, parts in by.programs(objects).items():
        subprocess.run(["cc", "-o", folder / program, *parts, *mine, *libraries, "-lcmocka", "-lsystemd", "-lpthread"],
                       check=True, capture_output=True)


def compile_one(source, target):
    subprocess.run(["cc", *FLAGS, "-c", "-o", target, source], check=True, capture_output=True)


class ByTests:
    """The lane's unit tests, one program each."""
    sweep = "lane_mutants"
    sources = [ROOT / "tests" / "unit" / "gateway" / "lane" / f"{test}.c" for test in TESTS]

    @staticmethod
    def programs(objects):
        return {test: [objects / f"{test}.o"] for test in TESTS}

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


class ByWalk:
    """The exhaustive walk alone; it ends at the first rule that is violated."""
    sweep = "lane_mutants_walk"
    options = []
    sources = sorted(WALK.glob("*.c"))

    @staticmethod
    def programs(objects):
        return {"walk": [objects / f"{source.stem}.o" for source in ByWalk.sources]}

    @staticmethod
    def first_failure(folder):
        """The violated rule, None when the walk ends without one."""
        result = subprocess.run([folder / "walk", *ByWalk.options], capture_output=True, text=True,
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
    parser.add_argument("--by", choices=["tests", "walk"], default="tests")
    parser.add_argument("--states-max", help="of a family, by walk; unbounded if not given")
    parser.add_argument("--only", nargs="*", help="these mutants, by name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    by = ByTests if options.by == "tests" else ByWalk
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
        broken = by.first_failure(top / "whole")
        if broken:
            print(json.dumps({"sweep": by.sweep, "mutant": None, "error": f"{broken} fails as it is"}))
            return 1
        alive = 0
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for line in pool.map(lambda m: run(m, top, options.build, by), chosen):
                print(json.dumps(line, ensure_ascii=False), flush=True)
                alive += not line["killed"]
    rules = {m[1] for m in MUTANTS}
    assert rules >= set(range(1, 9)), "a safety rule without a mutant"
    return 1 if alive or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
