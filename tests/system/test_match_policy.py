"""The match policy from a draft to the box: two clerks, hqd, uplinkd, Redis, matchd, and what the box says of it."""
import json

import pytest

from harness import journal
from harness.camera import Camera
from harness.ctl import Ctl
from harness.fleet import Fleet
from harness.hqctl import HqctlError
from harness.signing import entry
from harness.stack import short_folder, wait_until

KEY = bytes(range(16))
BUILT_IN = {"version": 0, "false_alerts": 3, "look_alike": 1, "channels": [], "traffic_stated": False,
            "traffic": 4000}


class Policies(Fleet):
    """A fleet whose box has a list, and what its matchd says of the policy."""

    def start(self):
        self.box.add_open_lane(1)
        self.box.add_camera(11, 1, key=KEY)
        self.publish([entry(1, "鲁H12345")])
        self.start_box()
        wait_until("the list is in force", lambda: self.box.lane(1).get("list_usable"))
        self.camera = Camera(("127.0.0.1", self.box.port), lane=1, camera=11, key=KEY)
        return self

    def status(self):
        client = self.box.control()
        status = client.act("status")["result"]
        client.close()
        return status

    def alarms(self):
        return {alarm["name"] for alarm in self.status()["alarms"]}

    def wait_policy(self, **members):
        """Until matchd says that the policy in force has these members."""
        def in_force():
            policy = self.status()["policy"] or {}
            return policy if members.items() <= policy.items() else None
        return wait_until(f"policy {members}", in_force, 30)

    def shown(self, lang="en_US.UTF-8"):
        """The row of `checkpointctl status`."""
        ctl = Ctl(self.box.run, self.box.folder / "session", lang)
        text = ctl("status").out
        word = "policy" if lang.startswith("en") else "比对策略"
        lines = text.splitlines()
        at = next(n for n, line in enumerate(lines) if line.startswith(word))
        rest = []
        for line in lines[at + 1:]:
            if not line.startswith(" "):
                break
            rest.append(line.strip())
        return " ".join([lines[at], *rest])


@pytest.fixture
def fleet():
    with short_folder() as folder, Policies(folder) as policies:
        yield policies.start()


def test_without_one_the_box_goes_by_built_in_values_and_says_so(fleet):
    fleet.wait_policy(**BUILT_IN)
    assert "none of headquarters, built-in values: 3 false alerts" in fleet.shown()
    assert "look-alike rule only" in fleet.shown()
    assert "总部未下发，用内置值" in fleet.shown("zh_CN.UTF-8").replace(" ", "")
    with pytest.raises(HqctlError, match="no match-policy yet"):
        fleet.hq.run("match", "policy", "show", *fleet.hq.online)


def test_drafted_signed_published_it_is_in_force_at_the_box_and_on_record(fleet):
    path = fleet.hq.draft_policy("--false-alerts", "5", "--look-alike", "2", "--traffic", "1200")
    draft = json.loads(path.read_text())
    assert (draft["type"], draft["version"], draft["fleet"]) == ("match-policy-draft/1", 1, "lu-hz")
    assert fleet.hq.run("match", "policy", "show", path, *fleet.hq.online).endswith("Not signed yet.\n")
    with pytest.raises(HqctlError, match="is not signed yet"):
        fleet.hq.run("match", "policy", "publish", path, *fleet.hq.online)
    fleet.hq.sign_policy(path, "zhang")
    with pytest.raises(HqctlError, match="expected two different clerks"):
        fleet.hq.run("match", "policy", "publish", path, *fleet.hq.online)
    with pytest.raises(HqctlError, match="clerk zhang has signed it already, expected another clerk"):
        fleet.hq.sign_policy(path, "zhang")
    fleet.hq.sign_policy(path, "li")
    shown = fleet.hq.run("match", "policy", "show", path, *fleet.hq.online)
    assert "at most 5 false alerts a shift" in shown and "at 1200 vehicles a shift" in shown
    assert "Signed by zhang\nSigned by li\n" in shown and "A box would take it" in shown
    assert fleet.hq.json("match", "policy", "publish", path, *fleet.hq.online) == [{"version": 1}]
    assert fleet.hq.json("match", "policy", "publish", path, *fleet.hq.online) == [{"version": 1}]  # once more

    policy = fleet.wait_policy(version=1)
    assert policy == {"version": 1, "false_alerts": 5, "look_alike": 2, "traffic": 1200, "traffic_stated": True,
                      "channels": [], "hash": policy["hash"], "signed_at": policy["signed_at"]}
    in_force = fleet.hq.json("match", "policy", "show", *fleet.hq.online)[0]
    assert in_force["hash"] == "sha256:" + policy["hash"] and in_force["verified"]
    assert "version 1, signed" in fleet.shown() and "5 false alerts a shift at 1200 vehicles (stated)" in fleet.shown()
    wait_until("headquarters shows it", lambda: fleet.hq.checkpoints()[0]["policy_version"] == 1, 30)
    with_policy = [r for r in journal.verify(fleet.box.state / "checkpointd" / "journal")
                   if r.kind == "list" and "policy" in r.body]
    assert [r.body["policy"]["version"] for r in with_policy] == [0, 1]


def test_the_next_draft_keeps_what_it_does_not_name_and_comes_second_once(fleet):
    assert fleet.hq.publish_policy("--false-alerts", "7", "--traffic", "900") == 1
    late = fleet.hq.draft_policy("--look-alike", "0")
    for clerk in fleet.hq.clerks[:2]:
        fleet.hq.sign_policy(late, clerk)
    assert fleet.hq.publish_policy("--look-alike", "3") == 2
    fleet.wait_policy(version=2, false_alerts=7, traffic=900, look_alike=3)
    with pytest.raises(HqctlError, match="does not follow the policy in force, version 2, signed by zhang, li"):
        fleet.hq.run("match", "policy", "publish", late, *fleet.hq.online)
    assert fleet.wait_policy(version=2)["look_alike"] == 3


def test_a_restart_begins_with_it_and_a_box_set_back_says_so(fleet):
    fleet.hq.publish_policy("--false-alerts", "4")
    fleet.wait_policy(version=1)
    fleet.daemons["uplinkd"].stop()
    fleet.redis.stop()
    fleet.daemons["matchd"].stop()
    fleet.daemons["matchd"].start()
    fleet.wait_policy(version=1, false_alerts=4)  # from its own last-good copy
    assert "WANTED_POLICY_ROLLED_BACK" not in fleet.alarms()

    fleet.daemons["matchd"].stop()
    for path in (fleet.box.state / "matchd" / "last-good").glob("policy-*"):
        path.unlink()
    fleet.daemons["matchd"].start()
    fleet.wait_policy(version=0)
    wait_until("the loss is named", lambda: "WANTED_POLICY_ROLLED_BACK" in fleet.alarms())
    fleet.redis.start()
    fleet.daemons["uplinkd"].start()
    fleet.wait_policy(version=1, false_alerts=4)
    wait_until("it is over", lambda: "WANTED_POLICY_ROLLED_BACK" not in fleet.alarms())


def test_no_other_key_changes_what_is_matched(fleet):
    """A key of another role is no clerk's at the offline step, and hqd refuses what one signed."""
    path = fleet.hq.draft_policy()
    fleet.hq.sign_policy(path, "zhang")
    with pytest.raises(HqctlError, match="is no clerk's list key"):
        fleet.hq.run("match", "policy", "sign", path, "--key", fleet.hq.dir / "hqd" / "freshness.key.pem",
                     "--dir", fleet.hq.dir)
    fleet.hq.run("match", "policy", "sign", path, "--key", fleet.hq.dir / "hqd" / "freshness.key.pem")
    with pytest.raises(HqctlError, match="key of role freshness, expected list"):
        fleet.hq.run("match", "policy", "publish", path, *fleet.hq.online)
    assert fleet.wait_policy(version=0)
