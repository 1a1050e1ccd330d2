"""Persons and roles at headquarters: every route under every role, certificates bound to persons, hqctl person."""
import os
import re
import signal

import pytest
from cryptography.hazmat.primitives import hashes
from harness.hq import BIN, Headquarters, acts
from harness.hqctl import Hqctl
from harness.process import run_program, wait_for
from harness.stack import ROOT

A, R, P, D, U, F = "applicant", "reviewer", "approver", "duty_officer", "auditor", "fleet_administrator"
ROLES = (A, R, P, D, U, F)
ANY, LIST, HITS = set(ROLES), {A, R, P, D, U}, {R, P, D, U}
# Who may what, written down apart from route.c.
ALLOWED = {
    ("GET", "/v1/list/head"): ANY, ("PUT", "/v1/list/batches"): {P, D}, ("GET", "/v1/list/batches"): LIST,
    ("GET", "/v1/list/entries"): LIST, ("GET", "/v1/list/snapshot"): LIST, ("PUT", "/v1/list/snapshot"): {P, D},
    ("GET", "/v1/list/chunks/{}"): LIST, ("PUT", "/v1/list/chunks/{}"): {P, D}, ("GET", "/v1/keyset"): ANY,
    ("PUT", "/v1/keyset"): {F}, ("GET", "/v1/match-policy"): ANY, ("PUT", "/v1/match-policy"): {P},
    ("GET", "/v1/exempt-list"): LIST, ("PUT", "/v1/exempt-list"): {P},
    ("GET", "/v1/retention-terms"): {P, D, U}, ("PUT", "/v1/retention-terms"): {P},
    ("POST", "/v1/checkpoints/{}/confirm"): set(), ("POST", "/v1/checkpoints/{}/evidence"): set(),
    ("PUT", "/v1/checkpoints/{}/evidence/{}"): set(), ("GET", "/v1/checkpoints/{}/evidence/{}"): set(),
    ("GET", "/v1/operator/evidence"): HITS, ("POST", "/v1/operator/evidence/open"): HITS,
    ("POST", "/v1/operator/spool"): {D}, ("POST", "/v1/operator/spool/{}/records"): {D}, ("GET", "/v1/operator/spool/{}"): {D},
    ("POST", "/v1/checkpoints/{}/records"): set(), ("POST", "/v1/checkpoints/{}/urgent"): set(),
    ("GET", "/v1/checkpoints/{}/inbox"): set(), ("GET", "/v1/operator/hits"): HITS,
    ("POST", "/v1/checkpoints/{}/observe"): set(), ("GET", "/v1/operator/observed"): {D},
    ("GET", "/v1/operator/answers"): HITS, ("GET", "/v1/operator/calls"): {D, U}, ("GET", "/v1/operator/checkpoints"): ANY,
    ("GET", "/v1/operator/enrolments"): {F, U}, ("POST", "/v1/operator/enrolments/approve"): {F},
    ("POST", "/v1/operator/enrolments/revoke"): {F}, ("POST", "/v1/operator/enroll"): {F}, ("POST", "/v1/operator/replace"): {F}, ("POST", "/v1/operator/revoke"): {F, D},
    ("POST", "/v1/operator/instructions"): {D}, ("GET", "/v1/operator/instructions"): LIST, ("POST", "/v1/operator/audit/verify"): {U, F},
    ("POST", "/v1/operator/spool"): {D}, ("POST", "/v1/operator/spool/{}/records"): {D}, ("GET", "/v1/operator/spool/{}"): {D},
    ("GET", "/v1/operator/audit/missing"): {U, F}, ("POST", "/v1/checkpoints/{}/journal"): set(),
    ("POST", "/v1/checkpoints/{}/confirm"): set(),
    ("POST", "/v1/checkpoints/{}/evidence"): set(), ("PUT", "/v1/checkpoints/{}/evidence/{}"): set(),
    ("GET", "/v1/checkpoints/{}/evidence/{}"): set(), ("GET", "/v1/operator/evidence"): HITS,
    ("POST", "/v1/operator/evidence/open"): HITS,
    ("POST", "/v1/operator/accept-chain"): {F}, ("GET", "/v1/operator/holds"): {P, D, U},
    ("POST", "/v1/operator/holds"): {P, D, U}, ("POST", "/v1/operator/holds/end"): {U},
    ("GET", "/v1/operator/persons"): {F, U}, ("POST", "/v1/operator/persons"): {F},
    ("POST", "/v1/operator/persons/revoke"): {F}, ("GET", "/v1/operator/reviews"): {R, U}, ("POST", "/v1/operator/reviews/answer"): {R},
    ("GET", "/v1/operator/own"): {U}, ("GET", "/v1/operator/self"): ANY, ("GET", "/v1/operator/metrics"): ANY,
    ("GET", "/.well-known/est/cacerts"): None, ("POST", "/.well-known/est/simpleenroll"): None,
    ("POST", "/.well-known/est/simplereenroll"): set(),
}


def name_of(role):
    return role.replace("_", "-")


@pytest.fixture()
def hq(tmp_path):
    headquarters = Headquarters(tmp_path, operators=[f"{name_of(role)}:{role}" for role in ROLES]).start()
    yield headquarters
    headquarters.stop()


def state(hq):
    return hq.folder / "state"


def test_the_table_here_knows_every_route():
    rows = re.findall(r'\{"([A-Z]+)", "([^"]+)"', (ROOT / "gateway/hq/route.c").read_text().replace("\n", " "))
    assert set(rows) == set(ALLOWED)


def test_every_route_under_every_role(hq):
    expected = []
    for role in ROLES:
        person = hq.operator(name_of(role))
        connection = person.connect()
        for (method, path), allowed in ALLOWED.items():
            answer = person.ask(method, path.replace("{}", "ab" * 32), b"{}" if method != "GET" else None,
                                connection=connection)
            where = (role, method, path, answer.status, answer.body)
            if allowed is None:  # of the enrolment port alone
                assert answer.status == 404, where
            elif role in allowed:
                assert answer.status not in (401, 403, 404, 405) or "no " in answer.json["error"]["en"], where
            else:
                assert (answer.status, answer.code) == (403, "denied"), where
                if allowed:
                    assert answer.json["error"]["en"].startswith("not for your role: expected one of "), where
            expected.append((name_of(role), answer.status))
        connection.close()
    assert [(who, status) for who, _, status in acts(state(hq))] == expected, "each stands in the records"
    refused = [body for body in acts(state(hq), "chain.accept") if body["person"] == "auditor"]
    assert refused[0]["refused"] == "not for your role: expected one of fleet_administrator"
    assert refused[0]["roles"] == ["auditor"]


def add(hq, name, roles, pair, number="370001", by=None):
    return hq.operator(by or name_of(F)).post("/v1/operator/persons", {
        "name": name, "full_name": "王五", "number": number, "roles": roles,
        **({"certificate": "sha256:" + fingerprint(pair)} if pair else {})})


def fingerprint(pair):
    return pair.certificate.fingerprint(hashes.SHA256()).hex()


def test_a_person_that_was_added_is_bound_to_one_certificate(hq):
    first = hq.pki.operator("wang")
    assert hq.peer(first).get("/v1/operator/self").status == 403
    assert add(hq, "wang", [U], None).json["error"]["en"] == "certificate: missing, expected the one of a new person"
    assert add(hq, "wang", [U, P], first).status == 201
    assert hq.peer(first).get("/v1/operator/self").json["roles"] == [P, U]
    forged = hq.pki.operators.issue("wang-2", "urn:checkpoint-operator:testfleet:wang")  # the console CA's word alone opens nothing
    assert hq.peer(forged).get("/v1/operator/self").status == 403
    assert add(hq, "wang", [R], None).status == 200
    assert hq.peer(first).get("/v1/operator/own").status == 403
    row = next(p for p in hq.operator(name_of(U)).get("/v1/operator/persons").json["persons"] if p["name"] == "wang")
    assert (row["roles"], row["full_name"], row["number"], row["added_by"]) == ([R], "王五", "370001", name_of(F))
    out = hq.operator(name_of(F)).post("/v1/operator/persons/revoke", {"name": "wang", "reason": "调离"})
    assert out.json == {"name": "wang", "state": "revoked"}
    assert hq.peer(first).get("/v1/operator/self").status == 403
    assert hq.operator(name_of(F)).post("/v1/operator/persons/revoke", {"name": "wang", "reason": "x"}).status == 404
    assert add(hq, "wang", [U], None).status == 400, "who comes back needs a new certificate"
    assert add(hq, "wang", [U], forged).status == 201
    assert hq.peer(first).get("/v1/operator/self").status == 403
    assert hq.peer(forged).get("/v1/operator/self").json["roles"] == [U]
    assert [b["about"] for b in acts(state(hq), "person.add") if b["answer"] < 300] == [
        "wang: approver, auditor", "wang: reviewer", "wang: auditor"]


def test_nobody_changes_their_own_rights_and_what_is_unfit_is_refused(hq):
    pair = hq.pki.operator("wang")
    own = add(hq, name_of(F), [F, U], None)
    assert own.status == 403 and "nobody changes their own rights" in own.json["error"]["en"]
    out = hq.operator(name_of(F)).post("/v1/operator/persons/revoke", {"name": name_of(F), "reason": "x"})
    assert out.status == 403
    for change in ({"roles": []}, {"roles": ["king"]}, {"name": "Wang"}, {"name": "w" * 49}, {"number": ""},
                   {"certificate": "sha256:12"}, {"more": 1}):
        body = {"name": "wang", "full_name": "王五", "number": "370001", "roles": [U],
                "certificate": "sha256:" + fingerprint(pair), **change}
        assert hq.operator(name_of(F)).post("/v1/operator/persons", body).status == 400, change
    assert add(hq, "wang", [F], pair, by=name_of(U)).status == 403
    assert len(acts(state(hq), "person.add")) == 9


def test_the_configuration_neither_revives_nor_changes_who_an_administrator_took_out_or_added(hq):
    pair = hq.pki.operator("wang")
    assert add(hq, "wang", [U], pair).status == 201
    admin = hq.operator(name_of(F))
    assert admin.post("/v1/operator/persons/revoke", {"name": name_of(A), "reason": "调离"}).status == 200
    hq.operators = [*(entry for entry in hq.operators if not entry.startswith(name_of(R))), f"wang:{F}"]
    hq.write_config()
    os.kill(hq.hqd.process.pid, signal.SIGHUP)
    wait_for("the reviewer is out", lambda: hq.operator(name_of(R)).get("/v1/operator/self").status == 403)
    assert hq.operator(name_of(A)).get("/v1/operator/self").status == 403
    assert hq.peer(pair).get("/v1/operator/self").json["roles"] == [U]


def test_a_role_lost_while_waiting_ends_the_wait(hq):
    pair = hq.pki.operator("wang")
    assert add(hq, "wang", [D], pair).status == 201
    connection = hq.peer(pair).connect()
    connection.request("GET", "/v1/operator/hits?wait=2")
    wait_for("the wait is recorded", lambda: acts(state(hq), "hits"))
    assert add(hq, "wang", [F], None).status == 200
    answer = connection.getresponse()
    assert answer.status == 403 and b"not for your role" in answer.read()
    connection.close()


def test_a_role_that_is_none_is_told_with_its_line(tmp_path):
    hq = Headquarters(tmp_path, operators=["zhang:auditor+king"])
    result = run_program([BIN / "hqd", "--config", hq.config, "--check"], text=True)
    assert result.returncode == 78
    assert "operators[0]" in result.stderr and "role 'king', expected applicant, reviewer, approver" in result.stderr


def test_hqctl_adds_changes_lists_and_takes_out_a_person(tmp_path):
    hq = Hqctl(tmp_path).init().start()
    try:
        details = ["--full-name", "王五", "--number", "370001"]
        hq.run("person", "add", hq.dir, "wang", *details, "--role", U, "--role", P, *hq.online,
               passphrases=["ca keys of HQ"])
        mine, admin = [*hq.online, "--operator", "wang"], [*hq.online, "--operator", "zhang"]
        assert hq.json("whoami", *mine)[0]["roles"] == [P, U]
        assert "hqctl.yaml" in {path.name for path in (hq.dir / "operators/wang").iterdir()}
        refused = hq.try_run("enroll", "lu-hz-01", *mine)
        assert refused.returncode == 1 and "not for your role: expected one of fleet_administrator" in refused.stderr
        assert hq.run("person", "roles", "wang", *details, "--role", F, *admin) == "wang: fleet_administrator\n"
        assert hq.try_run("enroll", "lu-hz-01", *mine).returncode == 0
        shown = "sha256:" + "ab" * 32
        assert "Enrolment of lu-hz-01 is approved." in hq.run("enrolment", "approve", "lu-hz-01", "--fingerprint", shown, *mine)
        row = hq.json("enrolment", "list", *mine)[0]
        assert (row["checkpoint"], row["approved"], row["approved_by"], row["fingerprint"]) == ("lu-hz-01", shown, "wang", None)
        assert re.search(r"^lu-hz-01 +- +- +wang ", hq.run("enrolment", "list", *mine), re.M)
        assert "is revoked" in hq.run("enrolment", "revoke", "lu-hz-01", "--reason", "遗失", *mine)
        assert hq.try_run("enrolment", "revoke", "lu-hz-01", "--reason", "x", *mine).returncode == 1
        names = sorted(path.name for path in (hq.dir / "operators/wang").iterdir())
        before = (hq.dir / "operators/wang/cert.pem").read_bytes()
        own = hq.try_run("person", "add", hq.dir, "wang", *details, "--role", F, *mine, passphrases=["ca keys of HQ"])
        assert own.returncode == 1 and "nobody changes their own rights" in own.stderr
        assert (hq.dir / "operators/wang/cert.pem").read_bytes() == before
        assert sorted(path.name for path in (hq.dir / "operators/wang").iterdir()) == names
        rows = {row["name"]: row for row in hq.json("person", "list", *admin)}
        assert rows["zhang"]["added_by"] is None and len(rows["zhang"]["roles"]) == 6
        assert re.search(r"^wang +fleet_administrator ", hq.run("person", "list", *admin), re.M)
        hq.run("person", "revoke", "wang", "--reason", "调离", *admin)
        assert hq.try_run("whoami", *mine).returncode == 1
        wrong = hq.try_run("person", "add", hq.dir, "li", *details, "--role", U, *admin, passphrases=["wrong word"])
        assert wrong.returncode == 1 and not (hq.dir / "operators/li").exists()
    finally:
        hq.stop()
