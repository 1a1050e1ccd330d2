"""Looking plates up: one now, those that passed; each on record by name before it begins, within an officer's quota."""
import datetime
import json
import time

import pytest

from harness.site import INNOCENT, SECOND, WANTED, Site
from harness.stack import short_folder, wait_until

PASSWORD = "correct horse 2"
PER_HOUR, PER_SHIFT = 6, 5
SEEN = "鲁H1B345"
OBSERVED = "鲁H88888"


def text_of(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Searches(Site):
    """Two lanes, some passages, officers of every role."""

    def start(self):
        super().start(search_per_hour=PER_HOUR, history_per_shift=PER_SHIFT)
        self.tokens = {"wang": self.token}
        for number, plate in enumerate((WANTED, SEEN, INNOCENT)):
            self.read(11, plate, **({"plate_class": "02"} if number == 1 else {}))
            self.next("read", lambda event, plate=plate: event["read"]["plate"] == plate)
        self.read(12, SECOND)
        self.next("read", lambda event: event["read"]["plate"] == SECOND)
        return self

    def officer(self, name, role="officer"):
        if name not in self.tokens:
            assert self.act("officer_add", officer=name, password=PASSWORD, role=role)["ok"]
            self.tokens[name] = self.act("login", officer=name, password=PASSWORD)["result"]["token"]
        return self.tokens[name]

    def ask(self, name, do, role="officer", **args):
        client = self.box.control()
        answer = client.act(do, self.officer(name, role), **args)
        client.close()
        return answer

    def records(self, what):
        return [record for record in self.verify_journal() if record.kind == "act" and record.body.get("what") == what]

    def history(self, name, plate="", **args):
        """The answer's pages joined."""
        now = datetime.datetime.now(datetime.timezone.utc)
        args = {"plate": plate, "reason": "case", "case": "鲁公刑立字2026-17", "pin": PASSWORD,
                "from": text_of(now - datetime.timedelta(hours=1)), "to": text_of(now + datetime.timedelta(minutes=1)),
                **args}
        answer = self.ask(name, "history", **args)
        pages = [answer]
        while answer["ok"] and "next" in answer["result"]:
            answer = self.ask(name, "history_more", next=answer["result"]["next"])
            pages.append(answer)
        return pages

    def found(self, name, plate="", **args):
        pages = self.history(name, plate, **args)
        assert all(page["ok"] for page in pages), pages
        return [passage for page in pages for passage in page["result"]["passages"]]


@pytest.fixture(scope="module")
def site():
    with short_folder() as folder:
        site = Searches(folder)
        try:
            yield site.start()
        finally:
            site.stop()


def refused(answer, code):
    assert not answer["ok"] and answer["error"]["code"] == code, answer
    return answer["error"]


def test_a_check_is_on_record_by_name_with_its_reason(site):
    before = len(site.records("search"))
    answer = site.ask("chen", "check", plate=WANTED, reason="report", note="被举报", **{"class": "02"})
    assert [hit["entry"] for hit in answer["result"]["hits"]] == [1], answer
    record = site.records("search")[before]
    assert record.actor == "officer:chen" and record.body["reason"] == "report"
    assert (record.body["detail"], record.body["class"], record.body["note"]) == (WANTED, "02", "被举报")
    for args, told in (({"reason": "x" * 32}, "reason"), ({"reason": "Look at it"}, "reason"), ({}, "reason"),
                       ({"reason": "other", "plate": "!"}, "plate"), ({"reason": "other", "class": "2"}, "class"),
                       ({"reason": "other", "class": "any"}, "class"), ({"reason": "other", "class": 2}, "class"),
                       ({"reason": "other", "note": "看\x1b[2J"}, "note"), ({"reason": "other", "note": "a\u202eb"}, "note")):
        assert told in refused(site.ask("chen", "check", **{"plate": WANTED, **args}), "invalid")["en"]
    refused(site.ask("chen", "check", plate=WANTED, reason="other", note="长" * 100), "too_large")
    assert len(site.records("search")) == before + 1, "what is refused looks nothing up"


def test_a_quota_ends_and_its_refusal_says_when(site):
    for _ in range(PER_HOUR):
        assert site.ask("greedy", "check", plate=INNOCENT, reason="at_lane")["ok"]
    error = refused(site.ask("greedy", "check", plate=INNOCENT, reason="at_lane"), "quota")
    ends = datetime.datetime.strptime(error["ends"], "%Y-%m-%dT%H:%M:%S.%fZ")
    left = ends - datetime.datetime.utcnow()
    assert datetime.timedelta(minutes=50) < left <= datetime.timedelta(hours=1), error
    refused(site.ask("greedy", "check", plate=INNOCENT, reason="at_lane"), "quota")
    assert site.ask("modest", "check", plate=INNOCENT, reason="at_lane")["ok"]
    wait_until("the refusal on record", lambda: site.records("quota"))
    site.ask("modest", "check", plate=INNOCENT, reason="at_lane")  # on record behind all before it
    assert [r.actor for r in site.records("quota")] == ["officer:greedy"]


def test_roles(site):
    check = {"plate": INNOCENT, "reason": "at_lane"}
    assert site.ask("helper", "check", role="auxiliary", **check)["ok"]
    refused(site.ask("looker", "check", role="auditor", **check), "denied")
    refused(site.ask("fitter", "check", role="technician", **check), "denied")
    refused(site.ask("fitter", "history", plate="", reason="case", case="1"), "denied")
    refused(site.ask("fitter", "history_more", next="1"), "denied")


def test_past_passages_are_found_newest_first(site):
    all_of_them = site.found("li")
    assert [p["plate"] for p in all_of_them] == [SECOND, INNOCENT, SEEN, WANTED]
    wanted, seen = all_of_them[3], all_of_them[2]
    hits = {hit["passage"]: hit["hit"] for hit in site.act("hits")["result"]["hits"]}
    assert wanted["hit"] == hits[wanted["passage"]] and wanted["lane"] == 1 and "hit" not in all_of_them[1]
    assert seen["class"] == "02" and seen["reads"][0]["camera"] == 11
    assert [p["plate"] for p in site.found("li", "鲁H1834?", look_alike=True, limit=1)] == [SEEN]
    assert [p["plate"] for p in site.found("li", "鲁H?????", limit=1)] == [SECOND, INNOCENT, SEEN, WANTED]
    assert [p["plate"] for p in site.found("zhao", lane=2)] == [SECOND]
    record = site.records("history")[1]
    assert record.actor == "officer:li" and record.body["detail"] == "鲁H1834?" and record.body["look_alike"] is True
    assert record.body["case"] == "鲁公刑立字2026-17" and record.body["reason"] == "case" and record.body["to"]
    assert len(site.records("history")) == 4, "one a search, however many pages"


def test_a_search_of_the_past_says_what_it_asks_for(site):
    def error(code="invalid", **args):
        return refused(site.history("zhao", **args)[0], code)["en"]
    assert "case" in error(case="") and "case" in error(case="1\n2") and "reason" in error(reason="") and "plate" in error(plate="?!")
    assert "from" in error(**{"from": "yesterday"}) and "limit" in error(limit=101)
    assert "30 days" in error(**{"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"})
    assert "lane" in error("not_found", lane=9)
    assert error("pin", pin="wrong horse 1") and error("pin", pin=None)
    refused(site.ask("zhao", "history_more", next="99"), "not_found")
    refused(site.ask("zhao", "history_more", next="x"), "invalid")


def test_a_page_is_for_who_began_it_and_a_shift_has_so_many(site):
    first = site.history("sun", limit=100)[0]["result"]
    assert first["without_body"] == 0 and first["scanned"] >= 4 and "next" not in first
    now = datetime.datetime.now(datetime.timezone.utc)
    begun = site.ask("sun", "history", plate="", reason="case", case="1", limit=1, pin=PASSWORD,
                     **{"from": text_of(now - datetime.timedelta(hours=1)), "to": text_of(now)})["result"]
    refused(site.ask("zhao", "history_more", next=begun["next"]), "not_found")
    assert site.ask("sun", "history_more", next=begun["next"])["ok"]
    for _ in range(PER_SHIFT - 2):
        assert site.history("sun", INNOCENT)[0]["ok"]
    assert "ends" in refused(site.history("sun", INNOCENT)[0], "quota")


def test_a_matchd_that_hangs_is_named_within_a_second(site):
    site.matchd.process.send_signal(19)  # stopped
    try:
        begun = time.monotonic()
        error = refused(site.ask("wu", "check", plate=WANTED, reason="report"), "no_match_service")
        assert "checkpoint-matchd" in error["en"]
        assert time.monotonic() - begun < 10  # promised is 1 s, on a machine with nothing else to do
    finally:
        site.matchd.process.send_signal(18)
    wait_until("matching goes on", lambda: not site.box.lane(1).get("blind", True), 30)


# ---- local look-outs ----

LOOKED_FOR, OTHER = "鲁H31415", "鲁H27182"
SECOND_PERSON = {"officer": "zhou", "password": PASSWORD}


def look_out(site, plate=LOOKED_FOR, name="wang", **args):
    site.officer("zhou")
    args = {"plate": plate, "class": "02", "hours": 2, "reason": "肇事逃逸嫌疑", "case": "鲁公交2026-3",
            "second": SECOND_PERSON, **args}
    return site.ask(name, "lookout_add", **{key: value for key, value in args.items() if value is not None})


def looked_for(site):
    return {row["plate"]: row for row in site.ask("looker", "lookouts", role="auditor")["result"]["lookouts"]}


def passes(site, plate):
    """Another vehicle's read than the one before."""
    wait_until("the lane has given that one up", lambda: site.box.lane(1)["vehicles"] == 0, 30)
    number = site.read(11, plate, plate_class="02")
    return site.next("read", lambda event: event["read"].get("event_id") == str(number))


def test_a_lookout_takes_a_leader_and_a_second_person(site):
    assert "second" in refused(look_out(site, second=None), "second")["en"]
    refused(look_out(site, name="chen"), "denied")
    refused(look_out(site, second={"officer": "zhou", "password": "wrong horse 1"}), "denied")
    for args, told in (({"hours": 25}, "hours"), ({"hours": "2"}, "hours"), ({"class": None}, "class"),
                       ({"plate": "鲁H3141?"}, "plate"), ({"case": ""}, "case"), ({"reason": "a\nb"}, "reason")):
        assert told in refused(look_out(site, **args), "invalid")["en"]
    assert looked_for(site) == {} and not site.records("lookout")


def test_a_lookout_alerts_until_it_is_ended_and_not_again_for_a_week(site):
    begun = look_out(site)["result"]
    event = site.next("lookout")
    assert (event["what"], event["lookout"], event["call"]["open"]) == ("lookout", begun["id"], True)
    assert event["by"]["officer"] == "wang" and event["by"]["second"] == "zhou"
    assert looked_for(site)[LOOKED_FOR] == begun and begun["officer"] == "wang" and begun["second"] == "zhou"
    site.read(11, LOOKED_FOR, plate_class="02")
    hit = site.hit(LOOKED_FOR)
    assert hit["lookout"] == begun["id"] and hit["decision"]["level"] == "sounding" and "hold" not in hit["decision"]
    assert hit["card"]["authority"] == "wang" and hit["card"]["approver"] == "zhou" and "本地布控" in hit["marks_zh"]
    assert not site.box.lane(1)["holds"]
    assert "ends" in refused(look_out(site), "again")
    refused(look_out(site, **{"class": "any"}), "again")
    assert passes(site, LOOKED_FOR)["hits"] == 1
    answer = site.ask("wang", "lookout_end", id=begun["id"], reason="已查明")
    assert answer["ok"] and site.next("lookout")["what"] == "lookout_ended" and looked_for(site) == {}
    refused(site.ask("wang", "lookout_end", id=begun["id"], reason="已查明"), "not_found")
    assert "hits" not in passes(site, LOOKED_FOR)
    records = [(r.body["what"], r.actor) for r in site.records("lookout") + site.records("lookout_ended")]
    assert records == [("lookout", "officer:wang"), ("lookout_ended", "officer:wang")]


def test_a_restart_forgets_no_lookout_no_week_and_no_quota(site):
    begun = look_out(site, OTHER)["result"]
    for _ in range(PER_HOUR):
        assert site.ask("zheng", "check", plate=INNOCENT, reason="at_lane")["ok"]
    site.events.close()
    site.checkpointd.kill()
    keys = site.box.state / "checkpointd" / "lookout-keys.json"
    keys.write_text(json.dumps({"5": "00" * 16, **json.loads(keys.read_text())}))
    site.checkpointd = site.box.start_checkpointd(search_per_hour=PER_HOUR, history_per_shift=PER_SHIFT)
    site.events = site.box.events(site.token)
    site.wait_ready()
    assert looked_for(site) == {OTHER: begun}
    site.read(11, OTHER, plate_class="02")
    assert site.hit(OTHER)["lookout"] == begun["id"]
    refused(look_out(site), "again")
    refused(site.ask("zheng", "check", plate=INNOCENT, reason="at_lane"), "quota")
    wait_until("both on record again", lambda: site.records("lookout_stands") and site.records("lookouts_recent"))
    recent = site.records("lookouts_recent")[-1].body["keyed"]
    assert len(recent) == 2 and LOOKED_FOR not in str(recent)
    # Who tries all plates, but has not the box's keys, finds none; past the term nobody has them.
    assert keys.stat().st_mode & 0o777 == 0o600
    kept = wait_until("the old key is gone", lambda: "5" not in (now := json.loads(keys.read_text())) and now)
    assert kept and not any(key in str(record.body) for record in site.records("lookouts_recent") for key in kept.values())


# ---- figures ----

def report(site, name="looker", role="auditor", **args):
    now = datetime.datetime.now(datetime.timezone.utc)
    return site.ask(name, "report", role=role, **{"from": text_of(now - datetime.timedelta(hours=1)),
                                                  "to": text_of(now + datetime.timedelta(minutes=1)), **args})


def handling_times(site):
    """From the alert to signing and to the answer, of each hit by its newest record."""
    newest = {r.body["hit"]: r.body["handling"] for r in site.verify_journal() if r.kind == "handling"}
    def figures(moments):
        took = sorted(round((then - opened).total_seconds() * 1000) for opened, then in moments)
        return {"count": len(took), "median_ms": took[(len(took) - 1) // 2], "p90_ms": took[-(-len(took) * 9 // 10) - 1],
                "worst_ms": took[-1]}
    def moments(of):
        return [(datetime.datetime.fromisoformat(case["opened"]), datetime.datetime.fromisoformat(of(case)))
                for case in newest.values() if of(case)]
    times = {"to_sign": figures(moments(lambda case: case.get("signed", {}).get("time"))),
             "to_answer": figures(moments(lambda case: case.get("answered")))}
    return times


def unanswered(site):
    """Hits on record that alerted and that nobody's answer counts for, by the records alone."""
    records = site.verify_journal()
    alerted = {r.body["hit"] for r in records if r.kind == "hit" and r.body["decision"]["level"] != "none"}
    handled = {r.body["hit"]: r.body["handling"] for r in records if r.kind == "handling"}
    answered = {hit for hit, case in handled.items() if "answer" in case and "waits" not in case}
    return alerted - answered - {r.body["hit"] for r in records if r.kind == "hit_answer"}


def test_a_report_counts_and_shows_no_plate(site):
    hits = {hit["matched"]: hit["hit"] for hit in site.act("hits")["result"]["hits"]}
    if SECOND not in hits:  # of the run before the restart: still counted
        site.read(12, SECOND, plate_class="02")
        hits[SECOND] = site.hit(SECOND)["hit"]
    before = report(site)["result"]
    for plate in (OTHER, SECOND):
        assert site.ask("chen", "hit_sign", hit=hits[plate])["ok"]
    assert site.ask("chen", "hit_answer", hit=hits[OTHER], answer="confirm", reason="looked")["ok"]
    assert site.ask("chen", "hit_reject", hit=hits[SECOND], reason="plate_differs")["ok"]
    assert site.ask("chen", "hit_reject", hit=hits[WANTED], reason="vehicle_differs")["ok"]
    waits = {row["owner"]: row for row in report(site)["result"]["owners"]}
    assert not any("rejected" in row for row in waits.values()), "a leader has not agreed"
    assert site.ask("wang", "hit_agree", hit=hits[WANTED])["ok"]
    answer = report(site)["result"]
    for name, times in handling_times(site).items():
        assert answer[name] == times, (name, answer[name], times)
    assert answer["to_sign"]["count"] == 3 and answer["to_answer"]["count"] >= 2
    text = str(answer)
    assert not any(plate in text for plate in (WANTED, SECOND, SEEN, LOOKED_FOR, OTHER)), text
    owners = {row["owner"]: row for row in answer["owners"]}
    assert owners["local_lookout"]["confirmed"] == 1 and owners["local_lookout"]["misread_percent"] == 0
    listed = next(row for owner, row in owners.items() if owner not in ("local_lookout", "unknown"))
    assert (listed["misread"], listed["rejected"]) == (1, 1), "rightly read, and yet not the listed vehicle"
    assert (listed["misread_percent"], listed["false_percent"]) == (50, 100)
    assert sum(row.get("unanswered", 0) for row in answer["owners"]) == len(unanswered(site))
    cameras = {row["camera"]: row for row in answer["cameras"]}
    assert cameras[12]["misread"] == 1 and cameras[12]["lane"] == 2 and cameras[11]["alerts"] >= 3
    total = sum(row["alerts"] for row in answer["cameras"])
    assert total == sum(row.get("alerts", 0) for row in answer["shifts"]) == sum(d["alerts"] for d in answer["days"])
    assert total == sum(row["alerts"] for row in before["cameras"]) and "confirmed" not in before["days"][0]
    assert all(row["end"] > row["begin"] for row in answer["shifts"])
    promised = [row["promised_false"] for row in answer["shifts"] if row.get("alerts")]  # one before had no policy
    assert promised and min(promised) > 0
    searches = {(row["officer"], row["kind"], row["reason"]): row["count"] for row in answer["searches"]}
    assert searches[("greedy", "check", "at_lane")] == PER_HOUR and searches[("greedy", "quota", "")] == 1
    assert searches[("sun", "history", "case")] == PER_SHIFT and searches[("wang", "lookout", "")] == 2
    assert searches[("looker", "report", "")] >= 2 and not answer["truncated"] and answer["damaged"] == 0


def test_a_report_of_a_shift_begins_with_it_and_a_part_of_one_says_so(site):
    this, last = (site.ask("looker", "report", role="auditor", shift=which)["result"] for which in ("this", "last"))
    [now], [before] = this["shifts"], last["shifts"]
    assert now["begin"] == this["from"] == before["end"] == last["to"] and now["partial"], "it is not over"
    assert before["begin"] == last["from"] and "partial" not in before
    assert now["alerts"] == sum(row["alerts"] for row in this["days"]) and "alerts" not in before
    hours = datetime.timedelta(hours=1)
    turn = datetime.datetime.fromisoformat(this["from"])
    across = report(site, **{"from": text_of(turn - hours), "to": text_of(turn + hours)})["result"]["shifts"]
    assert [row["partial"] for row in across] == [True, True]
    assert "shift" in refused(site.ask("looker", "report", role="auditor", shift="next"), "invalid")["en"]


def test_a_report_is_for_leaders_and_auditors_and_on_record(site):
    assert report(site, "wang")["ok"]
    refused(report(site, "chen"), "denied")
    refused(report(site, "fitter", "technician"), "denied")
    assert "from" in refused(report(site, **{"from": "now"}), "invalid")["en"]
    assert "31 days" in refused(report(site, **{"from": "2026-01-01T00:00:00Z"}), "invalid")["en"]
    assert [r.actor for r in site.records("report")][-1] == "officer:wang"


# ---- every way to a plate ----

# Acts that show plates, with what each leaves by name beside the sign-on; None: the live picture of those who are signed
# on, hits and what was said of them, no plate of the asker's choosing.
WAYS = {"check": "search", "history": "history", "history_more": "history", "lookout_add": "lookout",
        "lookout_end": "lookout_ended", "lookouts": None, "hits": None, "messages": None, "board": None,
        "hit_show": "hit_shown", "hit_answer": None, "hit_sign": None, "hit_confirm": None, "hit_reject": "search",
        "hit_agree": None, "hit_intercept": None, "hit_feedback": None, "hit_close": None, "stop_record": "stop_record"}
# Acts that show none, to whomever.
PLAIN = {"status", "lanes", "metrics", "audit_head", "login", "logout", "session", "acts", "codes", "officer_add",
         "officer_disable", "officer_passwd", "officers", "tablets", "tablet_add", "tablet_revoke", "report", "ack", "hold",
         "stop", "release", "raise", "raise_all", "lower", "lower_beat", "lower_end", "inspected", "convoy",
         "convoy_end", "duty", "help", "help_end", "well", "backup_end", "handover", "handover_accept", "service_out",
         "service_in", "bus_scan", "bus_read", "bus_write", "test_raise", "test_stop", "test_lower", "test_watch",
         "guided_test", "camera_trigger", "journal_set_aside", "reload", "replay"}


def test_every_act_is_known_to_show_plates_or_not(site):
    """A new act stands here with what it leaves on record, or among those without a plate."""
    told = {act["act"]: act["need"] for act in site.ask("qian", "acts")["result"]["acts"]}
    assert set(told) <= set(WAYS) | PLAIN, set(told) - set(WAYS) - PLAIN
    assert {"check", "history", "hits", "status"} <= set(told)
    assert not [act for act, need in told.items()
                if act in WAYS and act != "board" and need in ("anybody", "signed_on", "technician")]
    picture = str(site.ask("fitter", "board"))  # anybody's, for a technician without plates
    assert not any(plate in picture for plate in (WANTED, SECOND, SEEN, INNOCENT, OTHER, LOOKED_FOR)), picture
    for act in sorted(set(told) & {"status", "lanes", "metrics", "audit_head", "test_watch", "report"}):
        shown = str(site.ask("looker", act, role="auditor", lane=1))
        assert not any(plate in shown for plate in (WANTED, SECOND, SEEN, INNOCENT, OTHER, LOOKED_FOR)), (act, shown)


def test_every_way_to_a_plate_leaves_a_name(site):
    for act in sorted({"hits", "lookouts", "messages", "check", "history", "history_more", "lookout_add"}):
        client = site.box.control()
        refused(client.act(act), "denied")
        client.close()
    logins = str([r.body for r in site.records("login")])
    assert site.tokens and all(f'"{name}\\"' in logins or f'"{name}"' in logins for name in site.tokens), logins
    nobody = site.box.events()
    passes(site, "鲁H00001")
    site.ask("qian", "lookouts")
    site.act("ack", lane=1, reason="the end")
    told = [nobody.receive() for _ in range(1)]  # what comes first is the lane's, not the read
    assert "plate" not in str(told) and "鲁" not in str(told)
    nobody.close()
    lookout = look_out(site, "鲁H16180")
    left = {"check": site.ask("qian", "check", plate=INNOCENT, reason="at_lane"),
            "history": site.history("qian", INNOCENT)[0], "lookout_add": lookout,
            "lookout_end": site.ask("wang", "lookout_end", id=lookout["result"]["id"], reason="已查明")}
    for act, answer in left.items():
        who = "wang" if act.startswith("lookout") else "qian"
        assert answer["ok"], (act, answer)
        assert any(r.actor == f"officer:{who}" for r in site.records(WAYS[act])), act
