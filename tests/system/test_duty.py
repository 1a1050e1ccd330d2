"""求助, backup at a dangerous vehicle and "I am well": shown to every console, on record, alarmed, silent outside, and
there again after a restart."""
import json

import pytest

from harness.process import SLOWNESS
from harness.signing import entry
from harness.site import WANTED, running_site
from harness.stack import LineClient, wait_until

RISKY = "鲁H66666"


@pytest.fixture(scope="module")
def site():
    def configure(site):
        site.start_plain = site.start
        site.start = lambda: site.start_plain(well_after="400ms", well_within="400ms",
                                                handling={"confirm_view": "0s"})
    with running_site(configure) as site:
        site.cache.add(entry(66, RISKY, officer_risk=["armed"], **{"class": "02"}))
        for name, role in (("li", "officer"), ("fu", "auxiliary")):
            assert site.act("officer_add", officer=name, password="correct horse 2", role=role)["ok"]
        site.keyset = json.loads(site.world.keyset())
        site.number = 0  # of instructions
        yield site


def token_of(site, name):
    client = site.box.control()
    answer = client.act("login", officer=name, password="correct horse 2")
    client.close()
    return answer["result"]["token"]


def act_as(site, token, name, **args):
    client = site.box.control()
    answer = client.act(name, token, **args)
    client.close()
    return answer


def duty(site):
    return site.act("duty")["result"]


class Link:
    """Speaks to checkpointd as checkpoint-uplinkd does."""

    def __init__(self, site):
        self.site, self.question = site, 1
        self.link = LineClient(site.box.run / "records")
        self.ask("keyset", keyset=site.keyset)

    def ask(self, what, **members):
        self.link.send(do=what, **members)
        while True:
            answer = self.link.receive()
            if "ok" in answer or "error" in answer:
                assert "ok" in answer, answer
                return answer

    def offer(self, **body):
        """An instruction agree, and the record it leaves."""
        options = {name: body.pop(name) for name in ("key", "valid_ms") if name in body}
        body.setdefault("question", self.question)
        self.site.number += 1
        text = self.site.world.instruction(self.site.box.name, self.site.number, "agree", body, **options)
        self.ask("instruction", number=self.site.number, instruction=json.loads(text))
        return [r.body for r in self.site.verify_journal() if r.kind == "instruction"][-1]

    def close(self):
        self.link.close()


def acts(site, count, check):
    """Bodies of acts that `check` likes, oldest first, once so many are on record."""
    def held():
        bodies = [r.body for r in site.verify_journal() if r.kind == "act" and check(r.body)]
        return bodies if len(bodies) >= count else None
    bodies = wait_until("on record", held, 30)
    assert len(bodies) == count, [(b["what"], b.get("call")) for b in bodies]
    return bodies


def calls(site, kind, count):
    return acts(site, count, lambda body: body.get("call", {}).get("kind") == kind)


def test_who_calls_for_help_is_shown_until_it_is_ended(site):
    fu, li = token_of(site, "fu"), token_of(site, "li")
    console = site.box.events(li)
    answer = act_as(site, fu, "help", lane=2, note="对方有刀")
    number = answer["result"]["help"]
    told = next(e for e in iter(console.receive, None) if e["event"] == "duty" and e["help"])
    assert [(h["id"], h["officer"], h["lane"], h["note"]) for h in told["help"]] == [(number, "fu", 2, "对方有刀")]
    console.close()
    site.wait_alarm(("DUTY_HELP", 2))
    assert act_as(site, fu, "help", lane=2)["result"]["help"] == number  # pressed once more
    assert act_as(site, fu, "help", lane=9)["error"]["code"] == "not_found"
    refused = act_as(site, li, "help_end", help=number, reason="不是我")
    assert refused["error"]["code"] == "denied" and "带班领导" in refused["error"]["zh"]
    assert site.act("help_end", help=number)["error"]["code"] == "invalid"  # no reason
    assert act_as(site, fu, "help_end", help=number, reason="已控制")["ok"]
    assert site.act("help_end", help=number, reason="x")["error"]["code"] == "not_found"
    site.wait_alarm(("DUTY_HELP", 2), active=False)
    begun, ended = calls(site, "help", 2)
    assert (begun["what"], begun["call"]["open"], begun["by"]["officer"], begun["reason"]) == (
        "help", True, "fu", "对方有刀")
    assert (ended["what"], ended["call"]["open"], ended["by"]["officer"], ended["reason"]) == (
        "help_end", False, "fu", "已控制")


def sign_on(site):
    client = site.box.control()
    site.token = client.act("login", officer="wang", password="correct horse 1")["result"]["token"]
    client.close()
    site.events.close()
    site.events = site.box.events(site.token)


def hold_of_priority_1(site):
    event = site.read(12, WANTED, plate_class="02")
    site.next("hit", lambda hit: hit["read"]["event_id"] == str(event))
    site.box.sims[2].do("vehicle", plate=WANTED)
    return wait_until("hold", lambda: [h for h in site.box.lane(2)["holds"] if h.get("priority") == 1], 30)[0]["hold"]


def another_hit_joins(site, token):
    """Headquarters' word was about the hold as it was: it is gone with the hit that joins."""
    site.cache.add(entry(68, WANTED, **{"class": "02"}))
    wait_until("listed", lambda: len(act_as(site, token, "check", plate=WANTED, reason="other").get("result", {}).get("hits", [])) == 2)
    site.read(12, WANTED, plate_class="02")
    wait_until("it joined", lambda: len(site.box.lane(2)["holds"][0].get("of_hits", [])) == 2, 30)
    assert act_as(site, token, "duty")["result"]["asks"] == []


def test_headquarters_stands_for_a_second_person_who_is_not_on_shift(site):
    hold, li = hold_of_priority_1(site), token_of(site, "li")
    release = {"hold": hold, "reason": "证件齐全"}
    refused = act_as(site, li, "release", **release)["error"]
    assert refused["code"] == "second_person" and "waits" not in refused  # leader wang is on shift
    assert duty(site)["asks"] == []
    assert site.act("officer_add", officer="sun", password="correct horse 2", role="officer")["ok"]
    refused = act_as(site, li, "release", **release, second={"officer": "sun", "password": "correct horse 2"})["error"]
    assert refused["code"] == "second_person" and "带班领导" in refused["zh"]  # two officers are no leader
    link = Link(site)
    unasked = link.offer(agrees=True, hold=hold, note="好", what="release")
    assert (unasked["result"], unasked.get("why_zh")) == ("failed", "本站未请示此事")
    assert site.act("logout")["ok"]  # nobody is left who may agree
    for _ in range(2):
        refused = act_as(site, li, "release", **release)["error"]
        assert (refused["code"], refused.get("waits")) == ("second_person", "hq") and "总部" in refused["zh"]
    asked, = acts(site, 1, lambda body: body["what"] == "hq_asked")
    assert asked["by"]["officer"] == "li" and asked["call"]["hold"] == hold and asked["call"]["open"]
    link.question = asked["call"]["id"]
    # None of these is an answer: no duty officer's key, about something else.
    assert link.offer(agrees=True, hold=hold, note="好", what="release", key=site.world.clerks[0])["result"] == "refused"
    assert link.offer(agrees=True, hold=hold + 1, note="好", what="release")["result"] == "failed"
    assert link.offer(agrees=True, hit=hold, note="好", what="reject")["result"] == "failed"
    assert link.offer(agrees=True, hold=hold, note="好", what="release", question=link.question - 1)["result"] == "failed"
    assert act_as(site, li, "release", **release)["error"].get("waits") == "hq"
    assert link.offer(agrees=False, hold=hold, note="等支队来人", what="release")["result"] == "done"
    refused = act_as(site, li, "release", **release)["error"]
    assert refused["code"] == "second_person" and refused["zh"] == "总部不同意：等支队来人"
    assert act_as(site, li, "duty")["result"]["asks"][0]["word"] == "disagrees"
    assert link.offer(agrees=True, hold=hold, note="好", what="release", valid_ms=int(2000 * SLOWNESS))["result"] == "done"
    wait_until("it expires", lambda: not act_as(site, li, "duty")["result"]["asks"], 30)
    assert act_as(site, li, "release", **release)["error"].get("waits") == "hq"  # asked anew
    link.question = act_as(site, li, "duty")["result"]["asks"][0]["question"]
    assert link.offer(agrees=False, hold=hold, note="等等", what="release")["result"] == "done"
    assert link.offer(agrees=True, hold=hold, note="已核实", what="release")["result"] == "done"  # the newest counts
    assert [h["hold"] for h in site.box.lane(2)["holds"]] == [hold]  # by itself it ends nothing
    another_hit_joins(site, li)
    assert act_as(site, li, "release", **release)["error"].get("waits") == "hq"  # about both now
    asked = acts(site, 3, lambda body: body["what"] == "hq_asked")[-1]["call"]
    assert asked["of_hits"] == site.box.lane(2)["holds"][0]["of_hits"] and len(asked["of_hits"]) == 2
    late = link.offer(agrees=True, hold=hold, note="好", what="release")  # on its way to the question before
    assert (late["result"], late.get("why_zh")) == ("failed", "本站未请示此事")
    assert act_as(site, li, "release", **release)["error"].get("waits") == "hq"
    link.question = asked["id"]
    assert link.offer(agrees=True, hold=hold, note="已核实", what="release")["result"] == "done"
    link.close()
    site.hold = hold
    sign_on(site)


def test_backup_is_called_at_the_hit_and_nothing_shows_outside(site):
    console = site.box.events(site.token)
    lit = [len(site.box.sims[1].events("coil", coil=coil, on=True)) for coil in ("siren", "strobe")]
    site.read(11, RISKY, plate_class="02")
    hit = site.hit(RISKY)
    assert hit["decision"]["backup"] and hit["decision"]["level"] == "silent"
    told = next(e for e in iter(console.receive, None) if e["event"] == "duty" and e["backup"])
    console.close()
    assert [(b["hit"], b["lane"]) for b in told["backup"]] == [(hit["hit"], 1)]
    assert told["well"]["due"]
    site.wait_alarm(("DUTY_BACKUP", 1))
    called, = calls(site, "backup", 1)
    assert (called["what"], called["lane"], called["call"]) == (
        "backup", 1, {"kind": "backup", "id": hit["hit"], "hit": hit["hit"], "lane": 1, "open": True})
    # Nobody says that all is well: the leaders, then headquarters.
    wait_until("missed", lambda: duty(site)["well"].get("told") == "hq", 30)
    site.wait_alarm("DUTY_WELL_MISSED")
    missed = acts(site, 2, lambda body: body["what"] == "well_missed")
    assert [m["told"] for m in missed] == ["leader", "hq"] and missed[0]["missed"] == missed[1]["missed"]
    assert "call" not in missed[0] and missed[1]["call"]["open"]
    assert [len(site.box.sims[1].events("coil", coil=coil, on=True)) for coil in ("siren", "strobe")] == lit


def test_what_stands_is_there_again_after_a_restart(site):
    number = site.act("help")["result"]["help"]  # without a lane: the checkpoint's
    before = duty(site)
    assert [(a["what"], a["subject"], a["word"]) for a in before["asks"]] == [("release", site.hold, "agrees")]
    assert site.checkpointd.stop()[0] == 0
    site.checkpointd.start()
    sign_on(site)
    after = duty(site)
    assert [after[what] for what in ("help", "backup", "asks")] == [before[what] for what in ("help", "backup", "asks")]
    assert after["well"] == {"state": "missed", "told": "hq"}
    assert after["help"][0]["id"] == number
    wait_until("alarms", lambda: {"DUTY_HELP", "DUTY_WELL_MISSED", ("DUTY_BACKUP", 1)} <= site.alarms())
    assert site.act("help_end", help=number, reason="误触")["ok"]
    # Headquarters' word counts still, for the act of an officer here.
    wait_until("the hold", lambda: [h["hold"] for h in site.box.lane(2)["holds"]] == [site.hold], 30)
    answer = act_as(site, token_of(site, "li"), "release", hold=site.hold, reason="证件齐全")
    assert answer["ok"], answer
    ended, = acts(site, 1, lambda body: body["what"] == "hold_release")
    assert (ended["by"]["officer"], ended["by"]["second"], ended["reason"]) == ("li", "hq:duty-officer", "证件齐全")
    wait_until("nothing is asked any more", lambda: not duty(site)["asks"], 30)
    assert [(b["what"], b["call"]["open"]) for b in calls(site, "question", 6)] == [
        ("hq_asked", True), ("hq_answered", False)] * 3


def test_a_word_and_the_end_of_the_backup(site):
    hit = duty(site)["backup"][0]["hit"]
    fu = token_of(site, "fu")
    assert act_as(site, fu, "well")["ok"]
    site.wait_alarm("DUTY_WELL_MISSED", active=False)
    assert [(b["what"], b["call"]["open"]) for b in calls(site, "well", 2)] == [("well_missed", True), ("well", False)]
    assert act_as(site, fu, "backup_end", hit=hit, reason="x")["error"]["code"] == "denied"
    assert site.act("backup_end", hit=hit, reason="已移交")["ok"]
    assert site.act("backup_end", hit=hit, reason="x")["error"]["code"] == "not_found"
    assert site.act("well")["error"]["code"] == "not_found"  # nobody is asked
    site.wait_alarm(("DUTY_BACKUP", 1), active=False)
    assert "well" not in duty(site) and duty(site)["backup"] == []


def test_a_confirm_that_waits_takes_headquarters_word_and_the_closed_case_ends_backup(site):
    wait_until("forgotten", lambda: site.box.lane(1)["vehicles"] == 0, 30)
    site.read(11, RISKY, plate_class="02")
    hit = site.hit(RISKY)["hit"]
    wait_until("backup", lambda: [b["hit"] for b in duty(site)["backup"]] == [hit], 30)
    li = token_of(site, "li")
    seen = {"hit": hit, "plate_agrees": True, "class_agrees": True, "vehicle_agrees": True, "by_eye": True}
    assert act_as(site, li, "hit_show", hit=hit)["ok"]
    answer = act_as(site, li, "hit_confirm", **seen)
    assert answer["ok"] and answer["result"]["handling"]["waits"] == "second", answer
    assert act_as(site, li, "duty")["result"]["asks"] == []  # leader wang is on shift
    assert site.act("logout")["ok"]
    asked = wait_until("asked", lambda: act_as(site, li, "duty")["result"]["asks"], 30)
    assert [(a["what"], a["subject"], a["officer"]) for a in asked] == [("confirm", hit, "li")]
    link = Link(site)
    link.question = asked[0]["question"]
    assert link.offer(agrees=True, hit=hit, note="可以", what="confirm")["result"] == "done"
    link.close()
    def handled():
        return act_as(site, li, "hit_show", hit=hit)["result"]["hit"]["handling"]
    wait_until("confirmed", lambda: handled()["stage"] == "confirmed", 30)
    assert handled()["second"] == "hq:duty-officer" or handled()["second"]["officer"] == "hq:duty-officer", handled()
    wait_until("nothing is asked", lambda: not act_as(site, li, "duty")["result"]["asks"], 30)
    for step, args in (("hit_intercept", {}), ("hit_feedback", {"outcome": "intercepted", "suspect": True, "handed_to": "criminal",
                                                                 "document": "A-1"}), ("hit_close", {})):
        answer = act_as(site, li, step, hit=hit, **args)
        assert answer["ok"], (step, answer)
    wait_until("backup over", lambda: not act_as(site, li, "duty")["result"]["backup"], 30)
    sign_on(site)


def test_a_shift_is_handed_over_as_it_was_seen(site):
    token, pin = token_of(site, "li"), "correct horse 2"
    assert act_as(site, token, "service_out", lane=1, reason="检修")["ok"]
    wait_until("out", lambda: act_as(site, token, "handover")["result"]["lanes_out"], 30)
    seen = act_as(site, token, "handover")["result"]
    assert [lane["lane"] for lane in seen["lanes_out"]] == [1]
    assert {hit["plate"] for hit in seen["open_hits"]} <= {RISKY, WANTED} and seen["help"] == []
    assert {("li", "officer"), ("wang", "leader")} <= {(row["officer"], row["role"]) for row in seen["on_shift"]}
    assert "from" not in seen  # nobody accepted one yet
    assert act_as(site, token, "handover_accept", handover=seen["id"])["error"]["code"] == "pin"
    assert act_as(site, token, "handover_accept", handover=seen["id"], pin="wrong one")["error"]["code"] == "pin"
    assert site.act("handover_accept", handover=seen["id"], pin="correct horse 1")["error"]["code"] == "changed"  # li's
    assert site.act("help", lane=2, note="a\nb")["error"]["code"] == "invalid"
    number = site.act("help", lane=2)["result"]["help"]
    refused = act_as(site, token, "handover_accept", handover=seen["id"], pin=pin)["error"]
    assert (refused["code"], refused["help"]) == ("changed", [number])
    seen = act_as(site, token, "handover")["result"]
    assert site.act("help_end", help=number, reason="误触")["ok"]  # what ends meanwhile changes nothing for him
    assert act_as(site, token, "handover_accept", handover=seen["id"], pin=pin)["ok"]
    accepted, = acts(site, 1, lambda body: body["what"] == "handover_accept")
    assert accepted["by"]["officer"] == "li" and accepted["handover"]["lanes"] == [1]
    assert accepted["handover"]["help"] == [] and accepted["handover"]["hit_count"] == len(seen["open_hits"])
    wait_until("shown", lambda: duty(site).get("handover", {}).get("officer") == "li", 30)
    assert site.act("handover")["result"]["from"]["officer"] == "li"
    assert act_as(site, token, "service_in", lane=1, reason="修好")["ok"]
