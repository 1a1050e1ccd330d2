"""checkpointctl: every command, its refusals with their texts, prompts at a terminal, the audit."""
import json
import os
import re
import shutil
import signal
import sqlite3

import pytest

from harness.ctl import Ctl, columns
from harness.frames import udp_frame, write_pcap
from harness.camera import encode_compact
from harness.process import SLOWNESS
from harness.signing import World
from harness.site import INNOCENT, KEY, WANTED, running_site
from harness.stack import ROOT, Checkpoint, short_folder, wait_until

PASSWORD = "correct horse 1"
SECOND = "second person 2"
COMMANDS = ["status", "lanes", "hits", "hit confirm", "hit misread", "watch", "ack", "hold", "release", "raise", "stop", "inspected",
            "convoy", "convoy end", "service out", "service in", "check",
            "doctor", "bus scan", "bus read", "bus write", "barrier test", "camera test",
            "reload", "replay", "journal set-aside", "audit verify", "audit seal", "metrics", "login", "logout",
            "officer add", "officer disable", "officer passwd", "tablet list", "tablet revoke"]


def ctl_of(box, lang="en_US.UTF-8", name="session"):
    return Ctl(box.run, box.folder / name, lang)


@pytest.fixture
def box():
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        try:
            yield box
        finally:
            box.stop()


@pytest.fixture
def ctl(box):
    """One lane, one leader signed on."""
    box.add_tcp_lane(1, name="东侧入口", auto_close="loop", sim=["--auto-close", "loop"])
    box.start_checkpointd()
    ctl = ctl_of(box)
    assert ctl("officer", "add", "wang", "--role", "leader", password=PASSWORD).status == 0
    assert ctl("login", "wang", password=PASSWORD).status == 0
    wait_until("boom closed", lambda: box.lane(1).get("boom") == "closed")
    return ctl


@pytest.fixture
def site():
    with running_site() as site:
        yield site


def refused(result, status, code, *texts):
    assert result.status == status, result
    assert f"[{code}]" in result.err, result
    flat = re.sub(r"\n +", " ", result.err)
    packed = re.sub(r"\s", "", result.err)
    for text in texts:
        assert text in flat or re.sub(r"\s", "", text) in packed, result
    return True


# ---- the command line itself


@pytest.mark.parametrize("lang", ["en_US.UTF-8", "zh_CN.UTF-8"])
def test_every_command_has_a_page_that_fits_eighty_columns(tmp_path, lang):
    ctl = Ctl(tmp_path, None, lang)
    overview = ctl("--help")
    assert overview.status == 0
    for command in COMMANDS:
        assert command in overview.out
        page = ctl("help", *command.split())
        assert page.status == 0 and page.out == ctl(*command.split(), "--help").out
        for heading in (["名称", "用法", "说明", "选项", "退出状态"] if lang.startswith("zh")
                        else ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"]):
            assert f"\n{heading}\n" in "\n" + page.out
        assert max(map(columns, page.out.splitlines())) <= 80
    assert max(map(columns, overview.out.splitlines())) <= 80
    assert "officer passwd" in ctl("help", "officer").out


def test_wrong_command_lines_are_told_in_both_languages(tmp_path):
    ctl = Ctl(tmp_path, tmp_path / "s")
    assert refused(ctl("fly"), 2, "usage", "'fly': no such command", "没有该命令")
    assert refused(ctl("lanes", "--colour"), 2, "usage", "'--colour': no such option")
    assert refused(ctl("lanes", "--reason", "x"), 2, "usage",
                   "--reason: not an option of this command")
    assert refused(ctl("hits", "--limit", "many"), 2, "usage",
                   "--limit 'many': expected a number from 1 to 256")
    assert refused(ctl("officer", "disable"), 2, "usage",
                   "expected: checkpointctl officer disable NUMBER")
    assert refused(ctl("status", "--lang", "fr"), 2, "usage", "--lang: expected en or zh", "--lang：应为 en 或 zh")
    assert refused(ctl("officer", "add", "li", "--role", "boss", password=SECOND), 2, "usage",
                   "--role: expected officer, leader, auxiliary, technician or auditor")
    assert ctl().status == 2
    error = ctl("fly", "--json")
    assert error.status == 2 and error.json["error"]["code"] == "usage" and not error.err


def test_without_checkpointd(tmp_path):
    ctl = Ctl(tmp_path, tmp_path / "s")
    assert refused(ctl("status"), 69, "unavailable", "checkpointd does not answer",
                   "控制程序 checkpointd 未运行或无响应")
    assert refused(ctl("watch"), 69, "not_found")


def test_a_user_who_may_not_open_the_socket(ctl):
    assert refused(ctl("lanes", user=65534), 77, "denied", "not allowed for this user",
                   "当前用户无权使用控制套接字")


# ---- sign-on


def test_sign_on_at_the_terminal(box):
    box.add_tcp_lane(1)
    box.start_checkpointd()
    ctl = ctl_of(box)
    assert refused(ctl("officer", "add", "li", password=PASSWORD), 77, "denied",
                   "there is no leader yet: the first account must be a leader's")
    made = ctl.at_terminal("officer", "add", "wang", "--role", "leader",
                           answers=[("New password: ", PASSWORD), ("Again: ", "another one")])
    assert made.status == 2 and "the two passwords differ" in made.out
    made = ctl.at_terminal("officer", "add", "wang", "--role", "leader", answers=[("New password: ", "short")])
    assert made.status == 2 and "password: expected 8 to 128 bytes, or a PIN of 6 to 12 digits" in made.out and "Again" not in made.out
    made = ctl.at_terminal("officer", "add", "wang", "--role", "leader",
                           answers=[("New password: ", PASSWORD), ("Again: ", PASSWORD)])
    assert made.status == 0 and "wang: account made" in made.out
    assert refused(ctl("hits"), 77, "denied", "sign on first: checkpointctl login", "请先登录")
    login = ctl.at_terminal("login", answers=[("Officer: ", "wang"), ("Password: ", PASSWORD)])
    assert login.status == 0 and "wang (leader) is signed on for 12 h 0 min." in login.out
    assert PASSWORD not in login.out and PASSWORD not in made.out
    assert ctl.token_file.stat().st_mode & 0o7777 == 0o600
    assert ctl.token_file.parent.stat().st_mode & 0o7777 == 0o700
    assert json.loads(ctl.token_file.read_text())["token"] not in login.out
    assert ctl("hits").status == 0 and "Signed on: wang" in ctl("status").out
    ctl.token_file.chmod(0o644)
    assert refused(ctl("hits"), 77, "denied", "mode 0644: expected a file of your own with mode 0600")
    ctl.token_file.chmod(0o600)
    token = json.loads(ctl.token_file.read_text())["token"]
    assert ctl("logout").status == 0 and not ctl.token_file.exists()
    client = box.control()
    assert client.act("hits", token)["error"]["code"] == "denied"
    client.close()


def test_interrupted_at_the_password_the_echo_comes_back(box):
    box.add_tcp_lane(1)
    box.start_checkpointd()
    terminal = ctl_of(box).terminal("login", "wang")
    terminal.wait("Password: ")
    terminal.type("half\x03")
    result = terminal.finish()
    assert result.status == 130 and "interrupted" in result.out and "half" not in result.out


def test_sign_on_needs_a_session_folder_and_a_password_from_somewhere(box):
    box.add_tcp_lane(1)
    box.start_checkpointd()
    nowhere = Ctl(box.run, None)
    assert refused(nowhere("login", "wang", password=PASSWORD), 77, "no_session",
                   "XDG_RUNTIME_DIR is not set", "未设置 XDG_RUNTIME_DIR")
    assert refused(nowhere("ack", 1), 77, "no_session", "XDG_RUNTIME_DIR is not set")
    assert refused(ctl_of(box)("login", "wang"), 2, "no_password", "give --password-fd N")


def test_wrong_passwords_wait(ctl):
    ctl("logout")
    wrong = lambda: ctl("login", "wang", password="not this one")
    # From the third on each doubles the wait, which begins at a second: it has to outlast a slow checkpointctl.
    for _ in range(3 if SLOWNESS == 1 else 6):
        heard = wait_until("heard again", lambda: (told := wrong()).status != 3 and told)
        assert refused(heard, 77, "denied", "wrong name or password", "被拒绝：姓名、密码或权限不符")
    assert refused(ctl("login", "wang", password=PASSWORD), 3, "busy",
                   "too many wrong passwords: wait", "密码错误次数过多")
    assert not ctl.token_file.exists()
    wait_until("signed on after the wait",
               lambda: ctl("login", "wang", password=PASSWORD).status == 0)


def test_accounts(ctl):
    assert "li: account made" in ctl("officer", "add", "li", password=SECOND).out
    assert refused(ctl("officer", "add", "li", password=SECOND), 3, "conflict", "该警员已存在")
    assert refused(ctl("officer", "add", "zhao", password="short"), 3, "invalid")
    assert refused(ctl("officer", "disable", "wang"), 77, "denied")
    assert ctl("officer", "passwd", "li", password="another one 3").status == 0
    li = Ctl(ctl.run, ctl.session.parent / "li")
    assert refused(li("login", "li", password=SECOND), 77, "denied")
    assert li("login", "li", password="another one 3").status == 0
    assert li("hits").status == 0
    assert "li: account disabled" in ctl("officer", "disable", "li").out
    assert refused(li("hits"), 77, "denied", "sign on first", "请先登录")


# ---- looking


def test_status_names_every_part_and_what_to_do(ctl):
    wait_until("alarms", lambda: "[501]" in ctl("status").out)
    status = ctl("status")
    assert status.status == 0
    for text in ("Checkpoint lu-hz-01", "Signed on: wang", "东侧入口", "bus-1", "matchd", "list",
                 "journal", "clock", "LANE", "refused or lost: none"):
        assert text in status.out, status
    assert "[501] lane 1: lane blind: no matching" in status.out
    assert "Check every vehicle by eye until matching is back" in status.out
    assert max(map(columns, status.out.splitlines())) <= 80
    chinese = Ctl(ctl.run, ctl.session, "zh_CN.UTF-8")("status")
    assert "检查站 lu-hz-01" in chinese.out and "车道失明：比对程序无响应" in chinese.out
    assert "恢复之前，请对每辆车人工核查；查看 checkpoint-matchd。" in chinese.out
    assert "Check every vehicle" not in chinese.out
    assert max(map(columns, chinese.out.splitlines())) <= 80
    whole = ctl("status", "--json").json
    assert {"checkpoint", "lanes", "buses", "matchd", "list", "journal", "clock", "alarms",
            "counters"} <= set(whole)
    assert all(alarm["what_to_do"] and alarm["what_to_do_zh"] and alarm["zh"]
               for alarm in whole["alarms"])
    assert whole["journal"]["healthy"] is True and whole["matchd"]["connected"] is False


def test_status_says_why_a_lanes_devices_do_not_answer(box):
    box.add_tcp_lane(1)
    box.sims[1].stop()
    box.start_checkpointd()
    shown = wait_until("alarm", lambda: [a for a in ctl_of(box)("status", "--json").json["alarms"]
                                         if a["name"] == "LANE_CONTACT_LOST"])
    assert [alarm["detail"] for alarm in shown] == ["cannot connect: Connection refused"]
    assert 'active=1 detail="cannot connect: Connection refused"' in (box.folder / "checkpointd.log").read_text()


def column_starts(line):
    """Columns at which words begin that stand behind two spaces or more."""
    return {columns(line[:match.start()]) for match in re.finditer(r"(?<=  )\S", line)} | {0}


def test_tables_line_up_with_wide_characters(ctl):
    for lang in ("en_US.UTF-8", "zh_CN.UTF-8"):
        table = Ctl(ctl.run, ctl.session, lang)("lanes").out.splitlines()
        assert "东侧入口" in table[1]
        name = columns(table[0][:re.search("NAME|名称", table[0]).start()])
        mode = columns(table[0][:re.search("MODE|模式", table[0]).start()])
        assert columns(table[1][:table[1].index("东")]) == name
        assert columns(table[1][:re.search("closed|常闭", table[1]).start()]) == mode


def test_metrics_are_prometheus_text(ctl):
    text = ctl("metrics").out
    seen = set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            assert line.split(" ", 3)[3]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in ("counter", "gauge") and name not in seen
            seen.add(name)
        else:
            match = re.fullmatch(r'([a-z_0-9]+)(\{[a-z]+="[^"]+"(?:,[a-z]+="[^"]+")*\})? (\d+)', line)
            assert match and match[1] in seen, line
    assert 'checkpoint_bus_scans_total{bus="bus-1"}' in text
    assert 'checkpoint_device_answers_total{bus="bus-1",lane="1",device="module"}' in text
    assert 'checkpoint_bus_line_cause{bus="bus-1",cause="none"} 1' in text
    assert "checkpoint_journal_healthy 1" in text
    assert {"counters", "buses", "journal", "matchd"} <= set(ctl("metrics", "--json").json)


# ---- acts


def test_hold_raise_release(ctl, box):
    assert "Lane 1: hold done." in ctl("hold", 1, "--reason", "driver fled").out
    hold = wait_until("hold", lambda: box.lane(1)["holds"])[0]["hold"]
    listed = ctl("lanes")
    assert str(hold) in listed.out and "at the boom" in listed.out and "officer" in listed.out
    assert refused(ctl("raise", 1, "--reason", "x"), 3, "held",
                   "a hold is active: release it first", "有拦截未解除，请先解除")
    assert refused(ctl("release", hold), 3, "invalid", "reason: missing", "缺少理由")
    assert refused(ctl("release", hold + 1, "--reason", "x"), 3, "no_such_hold", "没有该拦截")
    assert refused(ctl("release", "first", "--reason", "x"), 2, "usage", "'first': expected the number")
    nothing = ctl.at_terminal("release", hold, answers=[("Reason: ", "")])
    assert nothing.status == 3 and "reason: " in nothing.out
    assert ctl.at_terminal("release", hold, answers=[("Reason: ", "checked, not him")]).status == 0
    wait_until("released", lambda: not box.lane(1)["holds"])
    assert ctl("raise", 1, "--reason", "ambulance").status == 0
    wait_until("open", lambda: box.lane(1)["boom"] == "open")
    assert ctl("ack", 1).status == 0
    assert refused(ctl("hold", 9), 3, "not_found", "lane: no such lane", "没有该车道")
    answer = ctl("stop", 1, "--json")
    assert answer.status == 0 and answer.json == {"act": "stop", "lane": 1}
    wait_until("stopped", lambda: box.lane(1).get("stopped"))
    assert "emergency raise done" in ctl("raise", 1, "--emergency").out
    assert not box.sims[1].events("violation")


def test_reload(box, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text((ROOT / "rules" / "default" / "default.yaml").read_text())
    box.add_tcp_lane(1)
    box.start_checkpointd(rules=str(rules))
    ctl = ctl_of(box)
    done = ctl("reload")
    assert done.status == 0 and f"Rules of {rules} are in force." in done.out
    rules.write_text("rules: [ {nonsense: 1} ]\n")
    assert refused(ctl("reload"), 3, "invalid", "rules.yaml:1", "规则文件被拒绝，原规则继续有效")


needs_capture = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo needs root")


def watching(site, ctl):
    """A `watch` that has shown its first event."""
    watcher = ctl.terminal("watch")

    def shows():
        site.read(11, INNOCENT)
        try:
            watcher.wait(INNOCENT, 1)
            return True
        except TimeoutError:
            return False
    wait_until("the first event", shows)
    return watcher


@needs_capture
def test_priority_one_asks_for_the_second_officer(site):
    ctl = ctl_of(site.box)
    assert ctl("login", "wang", password=PASSWORD).status == 0
    assert ctl("officer", "add", "li", password=SECOND).status == 0
    watcher = watching(site, ctl)
    site.read(12, WANTED, plate_class="02")
    site.box.sims[2].do("vehicle", plate=WANTED)
    hold = wait_until("hold", lambda: site.box.lane(2)["holds"])[0]["hold"]
    assert refused(ctl("release", hold, "--reason", "x"), 3, "second_person",
                   "priority 1 needs a second person: headquarters is asked", "一级布控需第二人：已请示总部")
    same = ctl.at_terminal("release", hold, "--reason", "x", answers=[
        ("Second officer: ", "wang"), ("Password of the second officer: ", PASSWORD)])
    assert same.status == 77 and "the second officer must be another person" in same.out
    wrong = ctl("release", hold, "--reason", "x", "--second", "li", second="not hers")
    assert refused(wrong, 77, "denied", "wrong name or password")
    done = ctl.at_terminal("release", hold, "--reason", "both looked", answers=[
        ("Second officer: ", "li"), ("Password of the second officer: ", SECOND)])
    assert done.status == 0 and "Lane 2: release done." in done.out and SECOND not in done.out
    wait_until("released", lambda: not site.box.lane(2)["holds"])
    watcher.wait("  hit    ")
    watcher.wait(WANTED)
    watcher.type("\x03")
    assert watcher.finish().status == -signal.SIGINT


@needs_capture
def test_priority_one_with_both_descriptors(site):
    ctl = ctl_of(site.box)
    assert ctl("login", "wang", password=PASSWORD).status == 0
    assert ctl("officer", "add", "li", password=SECOND).status == 0
    site.read(12, WANTED, plate_class="02")
    site.box.sims[2].do("vehicle", plate=WANTED)
    hold = wait_until("hold", lambda: site.box.lane(2)["holds"])[0]["hold"]
    done = ctl("release", hold, "--reason", "both looked", "--second", "li", second=SECOND)
    assert done.status == 0, done


@needs_capture
def test_hits_check_and_replay(site, tmp_path):
    ctl = ctl_of(site.box)
    chinese = Ctl(site.box.run, ctl.session, "zh_CN.UTF-8")
    assert "No hits." in ctl("login", "wang", password=PASSWORD).out + \
        ctl("hits").out
    site.read(11, WANTED, plate_class="02")
    site.hit(WANTED)
    wait_until("in hits", lambda: WANTED in ctl("hits").out)
    for who in (ctl, chinese):
        table = who("hits").out.splitlines()
        at = columns(table[0][:re.search("WANTED|布控车牌", table[0]).start()])
        assert columns(table[1][:table[1].index(WANTED)]) == at
        assert max(map(columns, table)) <= 80
    assert "被盗抢" in chinese("hits").out and "stolen" in ctl("hits").out
    assert refused(ctl("check", WANTED), 3, "invalid", "reason: missing")
    assert refused(ctl("check", "nonsense!", "--reason", "other"), 3, "invalid", "not a plate")
    asked = ctl.at_terminal("check", WANTED, answers=[("Reason: ", "report")])
    assert asked.status == 0 and "stolen" in asked.out
    found = ctl("check", WANTED, "--reason", "report")
    assert found.status == 0 and WANTED in found.out and "stolen" in found.out
    assert "not in the wanted list" in ctl("check", INNOCENT, "--reason", "report").out
    replay_is_a_dry_run(site, ctl, tmp_path)
    wait_until("counters", lambda: ctl("status", "--json").json["matchd"]["counters"].get("reads"))
    assert 'checkpoint_capture_total{what="frame_truncated"}' in ctl("metrics").out


def replay_is_a_dry_run(site, ctl, tmp_path):
    frames = [udp_frame(encode_compact(2, 12, plate, key=KEY, counter=10 + at), source_mac=bytes(6),
                        source="127.0.0.1", port=site.box.port)
              for at, plate in enumerate([WANTED, INNOCENT, WANTED])]
    frames.append(udp_frame(encode_compact(2, 12, WANTED), source="127.0.0.1", port=site.box.port))  # untagged
    frames.append(frames[0][:30])
    path = tmp_path / "morning.pcap"
    write_pcap(path, frames)
    config = site.box.etc / "matchd.yaml"
    dry = ctl("replay", path, "--config", config)
    assert dry.status == 0 and dry.out.count(WANTED) == 2 and dry.out.count(INNOCENT) == 1, dry
    assert re.search(r"camera_untagged +1\n", dry.out) and re.search(r"frame_truncated +1\n", dry.out)
    assert "Dry run: no lane was touched" in dry.out and "looked up" not in dry.out
    looked = ctl("replay", path, "--config", config, "--reason", "which of them was wanted")
    assert "2 different plates looked up, 1 wanted:" in looked.out, looked
    whole = ctl("replay", path, "--config", config, "--json").json
    assert whole["dry_run"] and len(whole["reads"]) == 3 and whole["counters"]["camera_untagged"] == 1
    assert refused(ctl("replay", tmp_path / "none.pcap", "--config", config), 1, "not_found")
    assert refused(ctl("replay", path, "--config", tmp_path / "none.yaml"), 78, "not_found")
    stranger = Ctl(ctl.run, tmp_path / "stranger")
    assert refused(stranger("replay", path, "--config", config, "--reason", "x"), 77, "denied")
    site.read(11, INNOCENT)  # the second one of this box: none of the file's may be counted before it
    wait_until("counted", lambda: site.counters()["reads"] >= 2)
    assert site.counters()["reads"] == 2
    searches = [record for record in records(site.box) if record.get("what") == "search"]
    assert {WANTED, INNOCENT} <= {record["detail"] for record in searches}
    assert all(record["reason"] and record["by"]["officer"] == "wang" for record in searches)


# ---- the audit


def journal_of(box):
    return box.state / "checkpointd" / "journal"


def records(box):
    db = sqlite3.connect(f"file:{journal_of(box)}/journal.sqlite?mode=ro", uri=True)
    try:
        return [json.loads(body) for (body,) in
                db.execute("SELECT body FROM record WHERE body IS NOT NULL ORDER BY sequence")]
    finally:
        db.close()


def altered(box, folder, *statements):
    """A copy of a stopped box's journal with something done to it."""
    shutil.copytree(journal_of(box), folder)
    db = sqlite3.connect(folder / "journal.sqlite")
    for statement, *values in statements:
        assert db.execute(statement, values).rowcount > 0
    db.commit()
    db.close()
    return folder


def test_audit_finds_what_was_done_to_the_journal(ctl, box, tmp_path):
    world = World()
    world.write_roots(box.roots)
    assert ctl("hold", 1, "--reason", "something on record").status == 0
    running = ctl("audit", "verify")
    assert running.status == 0 and f"{journal_of(box)}: the chain holds" in running.out, running
    assert "Anchor: none. A tail cut off cannot be seen without one" in running.out
    box.programs.stop()
    seal = tmp_path / "seal.json"
    exported = ctl("audit", "seal", "--journal", journal_of(box))
    seal.write_text(exported.out)
    last = exported.json["sequence"]
    db = sqlite3.connect(journal_of(box) / "journal.sqlite")
    chain, head = db.execute("SELECT substr(header, 9, 16), hash FROM record WHERE sequence = ?",
                             (last,)).fetchone()
    body = bytearray(db.execute("SELECT body FROM record WHERE sequence = 3").fetchone()[0])
    db.close()
    body[len(body) // 2] ^= 1
    receipt, keyset = tmp_path / "receipt.json", tmp_path / "keyset.json"
    receipt.write_bytes(world.receipt("lu-hz-01", chain.hex(), last, head))
    keyset.write_bytes(world.keyset())
    trust = ["--keyset", keyset, "--roots", box.roots]

    def verify(folder, *options):
        return ctl("audit", "verify", "--journal", folder, *options)

    whole = verify(journal_of(box), "--receipt", receipt, *trust)
    assert whole.status == 0, whole
    assert f"Anchor: HQ receipt. Nothing up to record {last}" in whole.out
    assert "Anchor: exported seal." in verify(journal_of(box), "--seal", seal).out
    missing = verify(journal_of(box), "--seal", tmp_path / "none.json", "--json")
    assert missing.status == 1 and missing.json["error"]["en"] == f"{tmp_path}/none.json: No such file or directory"
    report = verify(journal_of(box), "--seal", seal, "--json").json
    assert report["ok"] and report["anchored_to"] == last and report["anchor"] == "exported seal"

    def fault(name, at, text, *statements, options=()):
        result = verify(altered(box, tmp_path / name, *statements), *options)
        assert result.status == 1 and f"Fault at record {at}: " in result.out, result
        assert text in result.out, result

    fault("flipped", 3, "the body is not the one recorded",
          ("UPDATE record SET body = ? WHERE sequence = 3", bytes(body)))
    fault("removed", 4, "records 3 to 3 are missing", ("DELETE FROM record WHERE sequence = 3",))
    fault("reordered", 3, "says it is record",
          ("UPDATE record SET sequence = 999 WHERE sequence = 3",),
          ("UPDATE record SET sequence = 3 WHERE sequence = 4",),
          ("UPDATE record SET sequence = 4 WHERE sequence = 999",))
    cut = ("DELETE FROM record WHERE sequence >= ?", last - 1)
    assert verify(altered(box, tmp_path / "cut", cut)).status == 0  # no chain can show that
    fault("cut_seal", last - 1, f"records {last - 1} to {last} are missing: exported seal",
          cut, options=["--seal", seal])
    fault("cut_receipt", last - 1, f"records {last - 1} to {last} are missing: HQ receipt",
          cut, options=["--receipt", receipt, *trust])
    receipt.write_bytes(world.receipt("lu-hz-01", chain.hex(), last, head, key=world.freshness_key))
    assert refused(verify(journal_of(box), "--receipt", receipt, *trust), 77, "denied")
    assert refused(verify(journal_of(box), "--receipt", receipt, "--roots", tmp_path), 1, "not_found",
                   "the receipt cannot be checked")
    assert refused(verify(tmp_path / "nowhere"), 1, "io")
