"""A POST that comes twice, because its answer was lost or a finger trembled, acts once: each act of the console under a number
of the page, by HTTP, with what it leaves on record; what runs each time because somebody's safety hangs on it; and by whom."""
import concurrent.futures
import datetime
import pathlib
import re
import uuid

import pytest

from harness.console import ACCOUNTS, Console
from harness.https import Https
from harness.signing import entry
from harness.stack import short_folder, wait_until

HANDLERS = pathlib.Path(__file__).parents[2] / "gateway" / "console" / "handlers.c"
PER_HOUR, PER_SHIFT = 5, 2
AGREES = {"plate_agrees": True, "class_agrees": True, "vehicle_agrees": True, "by_eye": True}
PLAIN, TOP, RISKY, INNOCENT = "鲁H70001", "鲁H70002", "鲁H70003", "鲁H70004"

# Refused here, the state it asks for is another test's: the refusal is what is repeated.
REFUSED = {"inspected": "no_inspection"}
# Without a record of their own, or not each time.
UNRECORDED = {"history_more", "camera_trigger", "test_lower"}
# Each time anew, though they do something: see gateway/control/README.md.
SAFETY = {"stop", "raise_all", "lower", "lower_beat", "lower_end", "help", "test_stop"}
READ = {"acts", "codes", "duty", "handover", "hit_show", "hits", "lanes", "lookouts", "messages", "metrics", "status", "test_watch"}


def new_number():
    return str(uuid.uuid4())


class Listed(Console):
    def configure(self):
        super().configure()
        self.cache.add(entry(71, PLAIN, priority=2), entry(72, TOP, priority=1),
                       entry(73, RISKY, priority=2, officer_risk=["armed"]))


class Booth:
    """A console, and browsers signed on at its tablet."""

    def __init__(self, console):
        self.console, self.walked, self.browsers = console, set(), {}

    def sign_on(self, role):
        browser = Https(self.console.lan.to_port, self.console.servers.pem, self.console.tablets["booth"])
        return browser.login(*ACCOUNTS[role])

    def browser(self, role):
        if role not in self.browsers:
            self.browsers[role] = self.sign_on(role)
        return self.browsers[role]

    def post(self, role, name, number, **args):
        """(status, the answer) of one POST under a number; None: without."""
        return self.browser(role).json("POST", "/api/act", {"do": name, "args": args, **({"once": number} if number else {})})

    def done(self, role, name, number=None, **args):
        status, answer = self.post(role, name, number, **args)
        assert status == 200, (name, answer)
        return answer["result"]

    def records(self, role):
        """What is on record by name of that officer, all that was asked for before."""
        client = self.console.box.control()
        assert client.act("login", officer="wang", password="correct horse 1")["ok"]  # committed behind it
        client.close()
        return [r for r in self.console.verify_journal() if r.actor == f"officer:{ACCOUNTS[role][0]}"]

    def twice(self, role, name, **args):
        """The act's answer, which it gives again and again, on record once."""
        number, before = new_number(), len(self.records(role))
        first = self.post(role, name, number, **args)
        between = len(self.records(role))
        for _ in range(2):
            assert self.post(role, name, number, **args) == first, name
        if name in REFUSED:
            refused(first, 409, REFUSED[name])
        else:
            assert first[0] == 200, (name, first)
        assert between > before or name in UNRECORDED, name
        assert len(self.records(role)) == between, (name, [r.body for r in self.records(role)[between:]])
        self.walked.add(name)
        return first[1].get("result")

    def hit(self, plate, camera=11):
        wait_until("the lane has given up the one before", lambda: self.console.box.lane(camera - 10)["vehicles"] == 0, 30)
        event = self.console.read(camera, plate, plate_class="02")
        return self.console.next("hit", lambda fact: fact["read"].get("event_id") == str(event))["hit"]

    def looked(self, role, hit):
        wait_until("long enough", lambda: self.done(role, "hit_show", hit=hit)["confirm_after_ms"] == 0)

    def holds(self, lane=2):
        return [hold["hold"] for hold in self.console.box.lane(lane)["holds"]]


@pytest.fixture(scope="module")
def booth():
    with short_folder() as folder:
        console = Listed(folder)
        try:
            console.start(search_per_hour=PER_HOUR, history_per_shift=PER_SHIFT, well_after="1h", well_within="1h",
                          handling={"confirm_view": "0s", "sign": "1h", "feedback": "1h"})
            yield Booth(console)
        finally:
            console.stop()


def refused(answer, status, code):
    assert (answer[0], answer[1]["error"]["code"]) == (status, code), answer
    return answer[1]["error"]


def test_a_check_counts_once(booth):
    check = {"plate": INNOCENT, "reason": "at_lane"}
    assert booth.twice("officer", "check", **check)["hits"] == []
    for _ in range(PER_HOUR - 1):
        assert booth.done("officer", "check", new_number(), **check)
    last = new_number()
    error = refused(booth.post("officer", "check", last, **check), 429, "quota")
    assert refused(booth.post("officer", "check", last, **check), 429, "quota") == error


def test_a_search_of_the_past_counts_once_and_its_pages_stay(booth):
    now = datetime.datetime.now(datetime.timezone.utc)
    span = {"from": (now - datetime.timedelta(hours=1)).isoformat()[:19] + "Z", "to": now.isoformat()[:19] + "Z"}
    for number in range(3):
        booth.console.read(12, f"鲁H7100{number}")
        booth.console.next("read", lambda event, number=number: event["read"]["plate"] == f"鲁H7100{number}")
    search = {"plate": "", "reason": "case", "case": "1", "pin": ACCOUNTS["officer"][1], "limit": 1, **span,
              "to": (now + datetime.timedelta(minutes=1)).isoformat()[:19] + "Z"}
    first = booth.twice("officer", "history", **search)
    second = booth.twice("officer", "history_more", next=first["next"])
    third = booth.done("officer", "history_more", new_number(), next=first["next"])
    passages = [page["passages"][0]["passage"] for page in (first, second, third)]
    assert passages == sorted(passages, reverse=True) and len(set(passages)) == 3, "no page is passed over"
    assert booth.done("officer", "history", new_number(), **search)
    refused(booth.post("officer", "history", new_number(), **search), 429, "quota")


def test_an_answer_behind_a_pin_is_only_for_who_has_it(booth):
    number, pin = new_number(), ACCOUNTS["leader"][1]
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()[:19] + "Z"
    search = {"plate": INNOCENT, "reason": "case", "case": "2", "from": "2026-11-01T00:00:00Z", "to": now}
    if now >= "2026-11-30":
        search["from"] = now[:8] + "01T00:00:00Z"
    first = booth.post("leader", "history", number, **search, pin=pin)
    assert first[0] == 200, first
    refused(booth.post("leader", "history", number, **search), 403, "pin")
    refused(booth.post("leader", "history", number, **search, pin="999999"), 403, "pin")
    refused(booth.post("leader", "history", number, **{**search, "case": "3"}, pin=pin), 409, "once_other")
    refused(booth.post("leader", "report", number, **search), 409, "once_other")
    assert booth.post("leader", "history", number, **search, pin=pin) == first
    other = booth.sign_on("leader")  # the same person at the same tablet, another session
    status, again = other.json("POST", "/api/act", {"do": "history", "once": number, "args": {**search, "pin": pin}})
    assert status == 200 and again is not first
    refused(other.json("POST", "/api/act", {"do": "history", "once": new_number(), "args": {**search, "pin": pin}}), 429, "quota")


def test_a_hit_is_handled_once(booth):
    hit = {"hit": booth.hit(PLAIN)}
    booth.twice("officer", "hit_sign", **hit)
    booth.looked("officer", hit["hit"])
    booth.twice("officer", "hit_confirm", **hit, **AGREES)
    booth.twice("officer", "hit_intercept", **hit)
    booth.twice("officer", "hit_feedback", **hit, outcome="intercepted", suspect=True, handed_to="criminal", document="2026-17")
    booth.twice("officer", "hit_close", **hit)
    booth.twice("officer", "stop_record", **hit)


def test_a_second_person_agrees_once(booth):
    hit = {"hit": booth.hit(TOP, camera=12)}
    booth.done("officer", "hit_sign", **hit)
    assert booth.twice("officer", "hit_reject", **hit, reason="plate_differs")["handling"]["waits"] == "leader"
    assert booth.twice("leader", "hit_agree", **hit)["handling"]["stage"] == "rejected"


def test_backup_and_calls_end_once(booth):
    hit = booth.hit(RISKY)
    booth.twice("officer", "well")
    booth.twice("officer", "backup_end", hit=hit, reason="已移交")
    call = booth.done("officer", "help", new_number())["help"]
    booth.twice("officer", "help_end", help=call, reason="误触")


def test_an_officers_hold_is_one(booth):
    held = booth.holds()
    booth.twice("officer", "hold", lane=2, reason="suspicious")
    hold, = set(booth.holds()) - set(held)
    booth.twice("officer", "release", hold=hold, reason="papers in order", pin=ACCOUNTS["officer"][1])
    assert booth.holds() == held


def test_acts_on_a_lane(booth):
    booth.twice("officer", "ack", lane=1)
    booth.twice("officer", "convoy", lane=3, minutes=5, reason="relief column")
    booth.twice("officer", "convoy_end", lane=3, reason="through")
    booth.twice("officer", "raise", lane=2, reason="seen")
    booth.twice("officer", "inspected", lane=3, reason="papers and boot")
    booth.twice("officer", "service_out", lane=3, reason="yearly test")
    booth.twice("officer", "test_raise", lane=3)
    booth.twice("officer", "test_lower", lane=3)
    booth.twice("officer", "guided_test", lane=3, reason="no body at hand", stopped=False)
    booth.twice("officer", "service_in", lane=3, reason="tested")
    booth.twice("officer", "camera_trigger", camera=11)


def test_leaders_acts(booth):
    officer, pin = ACCOUNTS["second_officer"]
    lookout = booth.twice("leader", "lookout_add", plate=INNOCENT, **{"class": "02"}, hours=2, reason="hit and run", case="4",
                          second={"officer": officer, "password": pin})
    booth.twice("leader", "lookout_end", id=lookout["id"], reason="found")
    now = datetime.datetime.now(datetime.timezone.utc)
    booth.twice("leader", "report", to=now.isoformat()[:19] + "Z",
                **{"from": (now - datetime.timedelta(hours=1)).isoformat()[:19] + "Z"})
    shift = booth.done("leader", "handover", new_number())
    booth.twice("leader", "handover_accept", handover=shift["id"], pin=ACCOUNTS["leader"][1])


def test_a_session_that_ended_with_the_act_does_nothing_more(booth):
    officer, pin = ACCOUNTS["auxiliary"]
    number, change = new_number(), {"officer": officer, "password": "318275", "pin": pin}
    booth.done("auxiliary", "officer_passwd", number, **change)
    refused(booth.post("auxiliary", "officer_passwd", number, **change), 401, "session")
    assert [r.body["what"] for r in booth.records("auxiliary")].count("officer_passwd") == 1
    booth.walked.add("officer_passwd")


def test_two_at_once_are_one(booth):
    """A finger that trembles: the second POST is on its way before the first is answered."""
    number = new_number()
    before = len(booth.records("leader"))
    browsers = [booth.browser("leader")] * 3
    with concurrent.futures.ThreadPoolExecutor(len(browsers)) as pool:
        answers = list(pool.map(lambda browser: browser.json(
            "POST", "/api/act", {"do": "hold", "args": {"lane": 1, "reason": "tremor"}, "once": number}), browsers))
    assert answers == [answers[0]] * 3 and answers[0][0] == 200, answers
    assert len(booth.holds(1)) == 1 and len(booth.records("leader")) == before + 1


def test_what_saves_somebody_is_done_each_time(booth):
    number, pin = new_number(), ACCOUNTS["leader"][1]
    before = len(booth.records("leader"))
    for times in (1, 2):
        for name, args in (("raise", {"lane": 2, "emergency": True, "reason": "emergency"}), ("stop", {"lane": 2}),
                           ("raise_all", {"reason": "smoke", "pin": pin})):
            booth.done("leader", name, number, **args)
        acts = [r.body.get("act_kind") for r in booth.records("leader")[before:]]
        assert acts.count("stop") == times and acts.count("emergency_raise") == times * (1 + 3), acts
    call = booth.done("officer", "help", number)
    assert booth.done("officer", "help", number)["help"] == call["help"], "the same call, as without a number"
    booth.done("officer", "help_end", help=call["help"], reason="误触")


def test_a_restart_forgets_numbers(booth):
    """As README.md says: tokens outlive it, numbers do not."""
    number = new_number()
    booth.done("leader", "ack", number, lane=1)
    before = len(booth.records("leader"))
    booth.console.program_stop("consoled")
    booth.console.program_start("consoled")
    wait_until("it answers", lambda: booth.post("leader", "ack", number, lane=1)[0] == 200, 30)
    assert len(booth.records("leader")) == before, "consoled keeps nothing that could be lost"
    booth.console.program_stop("checkpointd")
    booth.console.program_start("checkpointd")
    booth.done("leader", "ack", number, lane=1)
    assert len(booth.records("leader")) == before + 1


def test_a_program_without_numbers_acts_each_time(booth):
    before = len(booth.records("officer"))
    for _ in range(2):
        booth.done("officer", "ack", None, lane=1)
    assert len(booth.records("officer")) == before + 2
    refused(booth.post("officer", "ack", "short", lane=1), 400, "invalid")


def test_every_act_of_the_console_was_walked(booth):
    """A new act stands here, or says that it runs each time."""
    names = set(re.findall(r'"(\w+)"', re.search(r"acts\[\] = \{(.*?)\}", HANDLERS.read_text(), re.S)[1]))
    again = {row["act"] for row in booth.done("leader", "acts")["acts"] if row["again"]}
    assert names & again == READ | SAFETY
    assert booth.walked == names - again, booth.walked ^ (names - again)
