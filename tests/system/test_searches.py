"""Looking plates up: one now, those that passed; each on record by name before it begins, within an officer's quota."""
import datetime
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
        args = {"plate": plate, "reason": "case", "case": "鲁公刑立字2026-17",
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
    answer = site.ask("chen", "check", plate=WANTED, reason="complaint", note="被举报", **{"class": "02"})
    assert [hit["entry"] for hit in answer["result"]["hits"]] == [1], answer
    record = site.records("search")[before]
    assert record.actor == "officer:chen" and record.body["reason"] == "complaint"
    assert (record.body["detail"], record.body["class"], record.body["note"]) == (WANTED, "02", "被举报")
    for args, told in (({"reason": "x" * 32}, "reason"), ({"reason": "Look at it"}, "reason"), ({}, "reason"),
                       ({"reason": "ok", "plate": "!"}, "plate"), ({"reason": "ok", "class": "2"}, "class"),
                       ({"reason": "ok", "class": "any"}, "class"), ({"reason": "ok", "class": 2}, "class")):
        assert told in refused(site.ask("chen", "check", **{"plate": WANTED, **args}), "invalid")["en"]
    refused(site.ask("chen", "check", plate=WANTED, reason="ok", note="长" * 100), "too_large")
    assert len(site.records("search")) == before + 1, "what is refused looks nothing up"


def test_a_quota_ends_and_its_refusal_says_when(site):
    for _ in range(PER_HOUR):
        assert site.ask("greedy", "check", plate=INNOCENT, reason="road_check")["ok"]
    error = refused(site.ask("greedy", "check", plate=INNOCENT, reason="road_check"), "quota")
    ends = datetime.datetime.strptime(error["ends"], "%Y-%m-%dT%H:%M:%S.%fZ")
    left = ends - datetime.datetime.utcnow()
    assert datetime.timedelta(minutes=50) < left <= datetime.timedelta(hours=1), error
    assert site.ask("modest", "check", plate=INNOCENT, reason="road_check")["ok"]
    wait_until("the refusal on record", lambda: [r.actor for r in site.records("quota")] == ["officer:greedy"])


def test_roles(site):
    check = {"plate": INNOCENT, "reason": "road_check"}
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
    assert "case" in error(case="") and "reason" in error(reason="") and "plate" in error(plate="?!")
    assert "from" in error(**{"from": "yesterday"}) and "limit" in error(limit=101)
    assert "30 days" in error(**{"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"})
    assert "lane" in error("not_found", lane=9)
    refused(site.ask("zhao", "history_more", next="99"), "not_found")
    refused(site.ask("zhao", "history_more", next="x"), "invalid")


def test_a_page_is_for_who_began_it_and_a_shift_has_so_many(site):
    first = site.history("sun", limit=100)[0]["result"]
    assert first["without_body"] == 0 and first["scanned"] >= 4 and "next" not in first
    now = datetime.datetime.now(datetime.timezone.utc)
    begun = site.ask("sun", "history", plate="", reason="case", case="1", limit=1,
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
        error = refused(site.ask("wu", "check", plate=WANTED, reason="complaint"), "no_match_service")
        assert "checkpoint-matchd" in error["en"]
        assert time.monotonic() - begun < 10  # promised is 1 s, on a machine with nothing else to do
    finally:
        site.matchd.process.send_signal(18)
    wait_until("matching goes on", lambda: not site.box.lane(1).get("blind", True), 30)
