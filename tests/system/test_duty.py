"""求助, backup at a dangerous vehicle and "I am well": shown to every console, on record, alarmed, silent outside, and
there again after a restart."""
import pytest

from harness.signing import entry
from harness.site import running_site
from harness.stack import wait_until

RISKY = "鲁H66666"


@pytest.fixture(scope="module")
def site():
    def configure(site):
        site.start_plain = site.start
        site.start = lambda: site.start_plain(well_after="1s", well_within="1s")
    with running_site(configure) as site:
        site.cache.add(entry(66, RISKY, officer_risk=["armed"], **{"class": "02"}))
        for name, role in (("li", "officer"), ("fu", "auxiliary")):
            assert site.act("officer_add", officer=name, password="correct horse 2", role=role)["ok"]
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


def acts(site, count, check):
    """Bodies of acts that `check` likes, oldest first, once so many are on record."""
    def held():
        bodies = [r.body for r in site.verify_journal() if r.kind == "act" and check(r.body)]
        return bodies if len(bodies) >= count else None
    bodies = wait_until("on record", held, 30)
    assert len(bodies) == count
    return bodies


def calls(site, kind, count):
    return acts(site, count, lambda body: body.get("call", {}).get("kind") == kind)


def test_who_calls_for_help_is_shown_until_it_is_ended(site):
    fu, li = token_of(site, "fu"), token_of(site, "li")
    console = site.box.events(li)
    answer = act_as(site, fu, "help", lane=2, note="对方有刀")
    number = answer["result"]["help"]
    told = next(e for e in iter(console.receive, None) if e["event"] == "duty")
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


def test_backup_is_called_at_the_hit_and_nothing_shows_outside(site):
    console = site.box.events(site.token)
    lit = [len(site.box.sims[2].events("coil", coil=coil, on=True)) for coil in ("siren", "strobe")]
    site.read(12, RISKY, plate_class="02")
    hit = site.hit(RISKY)
    assert hit["decision"]["backup"] and hit["decision"]["level"] == "silent"
    told = next(e for e in iter(console.receive, None) if e["event"] == "duty" and e["backup"])
    console.close()
    assert [(b["hit"], b["lane"]) for b in told["backup"]] == [(hit["hit"], 2)]
    assert told["well"]["state"] in ("runs", "asked") and told["well"]["due"]
    site.wait_alarm(("DUTY_BACKUP", 2))
    called, = calls(site, "backup", 1)
    assert (called["what"], called["lane"], called["call"]) == (
        "backup", 2, {"kind": "backup", "id": hit["hit"], "hit": hit["hit"], "lane": 2, "open": True})
    # Nobody says that all is well: the leaders, then headquarters.
    wait_until("missed", lambda: duty(site)["well"].get("told") == "hq", 30)
    site.wait_alarm("DUTY_WELL_MISSED")
    missed = acts(site, 2, lambda body: body["what"] == "well_missed")
    assert [m["told"] for m in missed] == ["leader", "hq"] and missed[0]["missed"] == missed[1]["missed"]
    assert "call" not in missed[0] and missed[1]["call"]["open"]
    assert [len(site.box.sims[2].events("coil", coil=coil, on=True)) for coil in ("siren", "strobe")] == lit


def test_what_stands_is_there_again_after_a_restart(site):
    number = site.act("help")["result"]["help"]  # without a lane: the checkpoint's
    before = duty(site)
    assert site.checkpointd.stop()[0] == 0
    site.checkpointd.start()
    client = site.box.control()
    site.token = client.act("login", officer="wang", password="correct horse 1")["result"]["token"]
    client.close()
    after = duty(site)
    assert (after["help"], after["backup"]) == (before["help"], before["backup"])
    assert after["well"] == {"state": "missed", "told": "hq"}
    assert after["help"][0]["id"] == number
    wait_until("alarms", lambda: {"DUTY_HELP", "DUTY_WELL_MISSED", ("DUTY_BACKUP", 2)} <= site.alarms())
    assert site.act("help_end", help=number, reason="误触")["ok"]


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
    site.wait_alarm(("DUTY_BACKUP", 2), active=False)
    assert "well" not in duty(site) and duty(site)["backup"] == []
