"""The handling of hits: from alert to closed, two persons, two officers at once, late ones, and a restart in between."""
import os
import random

import pytest

from harness import journal
from harness.pictures import PictureSender
from harness.signing import entry
from harness.site import SECOND, Site
from harness.stack import short_folder, wait_until

PASSWORD = "correct horse 1"
TOP = "鲁H33333"
TWICE = "鲁H44444"
ALIKE, ALIKE_READ = "鲁H18345", "鲁H1B345"
OTHER = "鲁H13345"
PICTURED = {"later": "鲁H55551", "scene": "鲁H66662"}
AGREES = {"plate_agrees": True, "class_agrees": True, "vehicle_agrees": True, "by_eye": True}


class Officers:
    """A site with a leader (wang) and two officers, and what they do with hits."""

    def __init__(self, site):
        self.site = site
        self.tokens = {"wang": site.token}
        for officer in ("li", "zhao"):
            assert site.act("officer_add", officer=officer, password=PASSWORD, role="officer")["ok"]
        self.sign_on()
        site.cache.add(entry(3, TOP, priority=1), entry(4, TWICE, priority=2), entry(5, TWICE, priority=3),
                       entry(6, ALIKE, priority=2), *(entry(7 + i, plate) for i, plate in enumerate(PICTURED.values())))
        wait_until("all listed", lambda: self.act("li", "check", plate=ALIKE, reason="at_lane").get(
            "result", {}).get("hits"))

    def sign_on(self):
        client = self.site.box.control()
        for officer in ("wang", "li", "zhao"):
            self.tokens[officer] = client.act("login", officer=officer, password=PASSWORD)["result"]["token"]
        client.close()

    def act(self, officer, name, **args):
        client = self.site.box.control()
        answer = client.act(name, self.tokens[officer], **args)
        client.close()
        return answer

    def done(self, officer, name, **args):
        answer = self.act(officer, name, **args)
        assert answer["ok"], answer
        return answer["result"]

    def refused(self, officer, name, **args):
        answer = self.act(officer, name, **args)
        assert not answer["ok"], answer
        return answer["error"]

    def read(self, plate, count=1, shown=None, lane=1):
        """The hit of a read, or as many as there are; lane 2 is for those that a boom holds."""
        self.site.read(10 + lane, plate, plate_class="02")
        hits = [self.site.next("hit", lambda e: e["entry"]["plate"] == (shown or plate)) for _ in range(count)]
        return hits if count > 1 else hits[0]

    def stage(self, hit, stage):
        return self.site.next("handling", lambda e: e["hit"] == hit and e["stage"] == stage)

    def looked(self, officer, hit):
        """The officer has looked at the card as long as he must."""
        self.done(officer, "hit_show", hit=hit)
        wait_until("long enough", lambda: self.done(officer, "hit_show", hit=hit)["confirm_after_ms"] == 0)

    def holds(self, which="holds"):
        return [hold["hold"] for hold in self.site.box.lane(2).get(which, [])]

    def records(self, kind):
        return [r for r in journal.verify(self.site.box.state / "checkpointd" / "journal") if r.kind == kind]


@pytest.fixture(scope="module")
def officers():
    with short_folder() as folder:
        site = Site(folder)
        try:
            site.start(handling={"confirm_view": "300ms", "sign": "1s"}, complaint="0530-110")
            yield Officers(site)
        finally:
            site.stop()


def handed_over(officers):
    return {row["hit"]: row for row in officers.done("zhao", "handover")["open_hits"]}


def test_a_hit_from_alert_to_closed(officers):
    hit = officers.read(SECOND)["hit"]
    alerted = officers.stage(hit, "alerted")
    assert alerted["lane"] == 1 and alerted["due"] and "answer" not in alerted
    assert officers.done("li", "hit_sign", hit=hit)["handling"]["signed"]["officer"] == "li"
    signed = officers.refused("zhao", "hit_sign", hit=hit)
    assert (signed["code"], signed["by"]) == ("signed", "li")
    assert officers.refused("li", "hit_confirm", hit=hit, **AGREES)["code"] == "too_soon"  # never shown
    card = officers.done("li", "hit_show", hit=hit)
    assert card["hit"]["card"] and card["hit"]["handling"]["stage"] == "signed"
    officers.looked("li", hit)
    for wrong, code in (("plate_agrees", "not_agreed"), ("vehicle_agrees", "not_agreed"), ("by_eye", "by_eye")):
        assert officers.refused("li", "hit_confirm", hit=hit, **{**AGREES, wrong: False})["code"] == code
    assert officers.refused("li", "hit_intercept", hit=hit)["code"] == "stage"
    confirmed = officers.done("li", "hit_confirm", hit=hit, **AGREES)["handling"]
    assert (confirmed["stage"], confirmed["by"]["officer"], confirmed["by_eye"]) == ("confirmed", "li", True)
    assert officers.site.next("hit_answer")["answer"] == "confirm"
    assert officers.refused("zhao", "hit_reject", hit=hit, reason="plate_differs")["by"] == "li"
    assert officers.refused("li", "stop_record", hit=hit)["code"] == "no_outcome"
    assert officers.done("li", "hit_intercept", hit=hit)["handling"]["stage"] == "intercepting"
    assert handed_over(officers)[hit]["handling"]["stage"] == "intercepting", "answered, not over"
    assert officers.refused("li", "hit_close", hit=hit)["code"] == "no_outcome"
    bad = officers.refused("li", "hit_feedback", hit=hit, outcome="gone")
    assert bad["code"] == "invalid" and "'outcome' or 'not_intercepted'" in bad["en"]
    assert officers.refused("li", "hit_feedback", hit=hit, outcome="intercepted")["code"] == "no_outcome"
    officers.done("li", "hit_feedback", hit=hit, outcome="intercepted", suspect=True, handed_to="criminal",
                  document="2026-17", note="two persons")
    assert officers.done("zhao", "hit_close", hit=hit)["handling"]["stage"] == "closed"
    assert hit not in handed_over(officers)
    stop = officers.done("zhao", "stop_record", hit=hit)  # prints; the record names who stopped the vehicle
    assert (stop["outcome"], stop["officer"], stop["complaint"]) == ("intercepted", "li", "0530-110")
    assert "plate" not in str(stop)
    steps = [r.body["what"] for r in officers.records("handling") if r.body["hit"] == hit]
    assert steps == ["hit_sign", "hit_confirm", "hit_intercept", "hit_feedback", "hit_close"]
    answer, = [r for r in officers.records("hit_answer") if r.body["hit"] == hit]
    assert answer.body["answer"] == "confirm" and answer.body["read"]["plate"] == SECOND
    shown = [r.body for r in officers.records("act") if r.body.get("what") == "hit_shown"]
    assert [(b["by"]["officer"], b["hit"]) for b in shown] == [("li", hit)]


def test_a_picture_of_the_read_spares_the_words_by_eye_and_a_later_one_does_not(officers):
    site = officers.site
    site.box.start_camerad()
    sender = PictureSender(site.box.run)
    seen = {}
    for kind, plate in PICTURED.items():
        event = site.next_event + 1
        assert sender.put(b"\xff\xd8" + kind.encode(), event, kind=kind)[0] == 0
        seen[kind] = officers.read(plate)["hit"]
        officers.looked("li", seen[kind])
    sender.close()
    without = {**AGREES, "by_eye": False}
    assert officers.refused("li", "hit_confirm", hit=seen["later"], **without)["code"] == "by_eye"
    answer = wait_until("the picture is known", lambda: (
        lambda said: said if said["ok"] or said["error"]["code"] != "by_eye" else None)(
            officers.act("li", "hit_confirm", hit=seen["scene"], **without)))
    assert answer["ok"] and "by_eye" not in answer["result"]["handling"], answer


def test_two_at_once_and_what_was_seen_is_typed(officers):
    hit = officers.read(ALIKE_READ, shown=ALIKE)
    assert hit["match"] == "look_alike"
    number = hit["hit"]
    assert officers.stage(number, "alerted")["type"] == {"positions": [4]}
    for officer in ("li", "zhao"):
        officers.looked(officer, number)
    assert officers.refused("li", "hit_confirm", hit=number, **AGREES)["code"] == "typed"
    for seen in ("B", "3", "88"):
        differs = officers.refused("li", "hit_confirm", hit=number, typed=seen, **AGREES)
        assert differs["code"] == "typed_differs" and "8" not in differs["en"] and 0 < differs["left_ms"] <= 300
        assert officers.refused("li", "hit_confirm", hit=number, typed="8", **AGREES)["code"] == "too_soon"
        officers.looked("li", number)
    tried = [r.body["by"]["officer"] for r in officers.records("act")
             if r.body.get("what") == "typed_differs" and r.body["hit"] == number]
    assert tried == ["li"] * 3, "each on record, and a look of its own"
    clients = {officer: officers.site.box.control() for officer in ("li", "zhao")}
    for officer, client in clients.items():  # both are asked before either is answered
        client.send(id=1, do="hit_confirm", token=officers.tokens[officer],
                    args={"hit": number, "typed": "8", **AGREES})
    answers = {officer: client.receive() for officer, client in clients.items()}
    for client in clients.values():
        client.close()
    won, = [officer for officer, answer in answers.items() if answer["ok"]]
    lost, = [answer["error"] for answer in answers.values() if not answer["ok"]]
    assert (lost["code"], lost["by"]) == ("answered", won)
    assert len([r for r in officers.records("hit_answer") if r.body["hit"] == number]) == 1
    officers.done(won, "hit_feedback", hit=number, outcome="turned_back")


def test_a_reject_of_priority_1_waits_for_a_leader(officers):
    hit = officers.read(TOP, lane=2)["hit"]
    officers.site.box.sims[2].do("vehicle", plate=TOP)
    wait_until("held", officers.holds)
    waits = officers.done("li", "hit_reject", hit=hit, reason="plate_differs", plate=OTHER)
    assert (waits["handling"]["stage"], waits["handling"]["waits"]) == ("signed", "leader")
    assert waits["seen"] == {"plate": OTHER, "hits": [], "far_off": True}
    assert officers.refused("zhao", "hit_agree", hit=hit)["code"] == "second_person"
    assert officers.refused("zhao", "hit_confirm", hit=hit, **AGREES)["code"] == "answered"
    assert officers.holds()
    agreed = officers.done("wang", "hit_agree", hit=hit)
    assert agreed["handling"]["stage"] == "rejected" and agreed["released"] == {"done": True}
    wait_until("released", lambda: not officers.holds())
    release, = [r.body for r in officers.records("act") if r.body.get("what") == "hold_release"]
    assert (release["by"]["officer"], release["by"]["second"], release["reason"]) == ("li", "wang", "plate_differs")
    searched = [r.body for r in officers.records("act") if r.body.get("what") == "search" and r.body.get("hit") == hit]
    assert [b["detail"] for b in searched] == [OTHER]


def test_a_hold_that_rests_on_another_hit_stays(officers):
    hits = [hit["hit"] for hit in officers.read(TWICE, count=2, lane=2)]
    wait_until("to be held", lambda: officers.holds("waiting"))  # behind whom the test before left at the boom
    first = officers.done("li", "hit_reject", hit=hits[0], reason="vehicle_differs")
    assert first["handling"]["stage"] == "rejected"
    assert (first["released"]["done"], first["released"]["code"]) == (False, "other_hit")
    assert officers.holds("waiting")
    assert [r for r in officers.records("hit_answer") if r.body["hit"] == hits[0]] == []  # the plate was read right
    second = officers.done("zhao", "hit_reject", hit=hits[1], reason="vehicle_differs")
    assert second["released"] == {"done": True}
    wait_until("released", lambda: not officers.holds("waiting"))


def test_what_is_late_goes_to_the_leader_then_to_headquarters(officers):
    hit = officers.read(ALIKE_READ, shown=ALIKE)["hit"]
    for overdue in ("leader", "hq"):
        officers.site.next("handling", lambda e: e["hit"] == hit and e.get("overdue") == overdue)
    wait_until("alarmed", lambda: {("HIT_OVERDUE_LEADER", 1), ("HIT_OVERDUE_HQ", 1)} <= officers.site.alarms())
    late = wait_until("both on record", lambda: (rows := [
        r for r in officers.records("handling") if r.body["what"] == "overdue" and r.body["hit"] == hit])[1:] and rows)
    assert [r.body["handling"]["overdue"] for r in late] == ["leader", "hq"]
    assert late[1].body["call"]["open"] is True
    officers.done("li", "hit_sign", hit=hit)
    wait_until("over", lambda: not {("HIT_OVERDUE_LEADER", 1), ("HIT_OVERDUE_HQ", 1)} & officers.site.alarms())


def boards_hits(officers):
    hits = officers.done("wang", "board")["hits"]
    for hit in hits:
        hit["handling"].pop("overdue", None)  # may come in between
        hit.pop("standing", None)  # that headquarters was not asked is on no record
    return hits


def test_a_killed_program_goes_on_where_it_was(officers):
    signed, waiting, answered = (officers.read(plate)["hit"] for plate in (SECOND, TOP, ALIKE))
    officers.done("li", "hit_sign", hit=signed)
    officers.looked("li", waiting)
    assert officers.done("li", "hit_confirm", hit=waiting, **AGREES)["handling"]["waits"] == "second"
    assert officers.done("zhao", "hit_answer", hit=answered, answer="misread", reason="mud")
    wait_until("shown", lambda: any(h["hit"] == answered and h["handling"]["stage"] == "rejected"
                                    for h in boards_hits(officers)))
    before = boards_hits(officers)
    officers.site.checkpointd.kill()
    officers.site.checkpointd.start()
    officers.sign_on()
    after = boards_hits(officers)
    for one, other in zip(before, after):
        assert one == other
    assert len(after) == len(before)
    officers.looked("zhao", waiting)
    agreed = officers.done("zhao", "hit_agree", hit=waiting)["handling"]
    assert (agreed["stage"], agreed["by"]["officer"], agreed["second"]["officer"]) == ("confirmed", "li", "zhao")
    assert officers.refused("zhao", "hit_sign", hit=signed)["by"] == "li"


def sees_again(officers):
    """After a restart lane 1 has matching and a list; lane 2 has lost the order of who stands there."""
    lane = lambda: officers.site.box.lane(1)
    wait_until("lane 1 sees", lambda: not lane().get("blind", True) and lane()["list_usable"])


GONE = ["鲁H7000%d" % number for number in range(4)]


def test_an_entry_withdrawn_under_an_open_card_stops_nobody(officers):
    """Signed for; confirmed, not intercepted yet; a confirmation that waits; withdrawn while the program is away."""
    ids = range(60, 60 + len(GONE))
    sees_again(officers)
    officers.site.events = officers.site.box.events(officers.tokens["wang"])  # the program was killed before
    officers.site.cache.add(*(entry(number, plate, **({"priority": 1} if number == 62 else {}))
                              for number, plate in zip(ids, GONE)))
    wait_until("all listed", lambda: officers.done("zhao", "check", plate=GONE[-1], reason="at_lane")["hits"])
    signed, confirmed, waiting, away = (officers.read(plate)["hit"] for plate in GONE)
    for hit in (signed, confirmed, waiting):
        officers.looked("li", hit)
    officers.done("li", "hit_sign", hit=signed)
    for hit in (confirmed, waiting):
        officers.done("li", "hit_confirm", hit=hit, **AGREES)
    officers.site.cache.withdraw(*ids[:3])
    told = {}
    while len(told) < 3:
        event = officers.site.next("handling", lambda e: e.get("withdrawn") and e["hit"] not in told)
        told[event["hit"]] = event
    assert set(told) == {signed, confirmed, waiting} and "answer" not in told[waiting]
    assert officers.refused("li", "hit_confirm", hit=signed, **AGREES)["code"] == "withdrawn"
    assert officers.refused("li", "hit_intercept", hit=confirmed)["code"] == "withdrawn"
    officers.looked("zhao", waiting)
    assert officers.refused("zhao", "hit_agree", hit=waiting)["code"] == "nothing_waits"
    officers.site.checkpointd.kill()
    officers.site.cache.withdraw(ids[3])
    officers.site.checkpointd.start()
    officers.sign_on()
    boards = lambda: {row["hit"]: row["handling"] for row in officers.done("li", "board")["hits"]}
    wait_until("withdrawn meanwhile", lambda: boards()[away].get("withdrawn"))
    assert boards()[signed]["withdrawn"] == told[signed]["withdrawn"]
    officers.looked("li", away)
    assert officers.refused("li", "hit_confirm", hit=away, **AGREES)["code"] == "withdrawn"
    assert officers.done("li", "hit_reject", hit=signed, reason="withdrawn")["handling"]["stage"] == "rejected"
    assert [r.body["hit"] for r in officers.records("handling") if r.body["what"] == "withdrawn"].count(signed) == 1


def test_hundreds_of_quiet_hits_drive_no_alert_from_the_board(officers):
    quiet, loud = [f"豫Q{number:05}" for number in range(300)], "豫N33333"
    sees_again(officers)
    officers.site.cache.add(entry(600, loud), *(entry(1000 + at, plate, **{"class": "01"}) for at, plate in enumerate(quiet)))
    wait_until("all listed", lambda: officers.done("zhao", "check", plate=quiet[-1], reason="at_lane")["hits"])
    officers.site.events.close()
    officers.site.events = officers.site.box.events(officers.tokens["wang"])
    hit = officers.read(loud)["hit"]
    for plate in quiet:
        officers.site.read(11, plate, plate_class="02")
        shown = officers.site.next("hit", lambda event, plate=plate: event["entry"]["plate"] == plate)
        assert shown["decision"]["level"] == "quiet"
    board = [row["hit"] for row in officers.done("li", "board")["hits"]]
    assert len(board) == 256 and hit in board and shown["hit"] in board
    assert officers.done("li", "hit_sign", hit=hit)


SEED = int(os.environ.get("CHECKPOINT_SEED", "1"))
ODD_CALLS = int(os.environ.get("CHECKPOINT_ARGS", "200"))
ODD = (None, True, False, 0, -1, 1, 255, 256, 2 ** 63 - 1, -2 ** 63, 1e300, 0.5, "", "x" * 64, "x" * 65, "鲁" * 67, "x" * 5000,
       "a\nb", "\u202e", "\U0001d7d3", "no_such_code", "other", "鲁H12345", "鲁H1234?", "2026-11-26T00:00:00Z", "9999-12-31T23:59:59Z",
       [], [1], {}, {"officer": 1}, {"officer": "li", "password": "x"})
ODD_ACTS = {
    "hit_show": (), "hit_sign": (), "hit_intercept": (), "hit_close": (), "stop_record": (),
    "hit_confirm": ("plate_agrees", "class_agrees", "vehicle_agrees", "by_eye", "typed", "second"),
    "hit_reject": ("reason", "note", "plate", "second"), "hit_agree": ("agree", "second"),
    "hit_feedback": ("outcome", "handed_to", "suspect", "document", "note"), "hit_answer": ("answer", "reason"),
    "check": ("plate", "class", "reason", "note"), "lookout_end": ("id", "reason"), "history_more": ("next",),
    "lookout_add": ("plate", "class", "hours", "case", "reason", "second"), "report": ("from", "to"),
    "history": ("plate", "lane", "limit", "look_alike", "from", "to", "case", "reason", "pin"),
    "help": ("lane", "note"), "help_end": ("id", "reason"), "backup_end": ("hit", "reason"), "hits": ("limit",),
    "lower": ("lane", "reason"), "lower_beat": ("lane", "press"), "lower_end": ("lane", "press"),
    "convoy": ("lane", "minutes", "reason"), "inspected": ("lane", "passage", "reason"), "ack": ("lane",),
}


def test_odd_arguments_are_answered_and_nothing_ends(officers):
    """Acts with arguments of any kind, on a hit that is open: so that each is looked at, not only the first."""
    draw = random.Random(SEED)
    officers.site.events = officers.site.box.events(officers.tokens["wang"])  # the program was begun anew
    hit = officers.read(SECOND)["hit"]
    for _ in range(ODD_CALLS):
        act = draw.choice(sorted(ODD_ACTS))
        args = {name: draw.choice(ODD) for name in ODD_ACTS[act] if draw.random() < 0.8}
        answer = officers.act(draw.choice(("wang", "li")), act, **{"hit": draw.choice((hit, *ODD[:12])), **args})
        assert answer["ok"] or (answer["error"]["code"] and answer["error"]["en"] and answer["error"]["zh"]), (SEED, act, args)
    wait_until("others are served", lambda: officers.act("zhao", "hit_show", hit=hit)["ok"])
    assert officers.site.checkpointd.running
