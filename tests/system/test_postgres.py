"""hqd over PostgreSQL: the same answers as over SQLite, several hqd at once, a primary that dies.

The core of test_hqd runs here over a server; CHECKPOINT_HQ_STORE=postgres runs all of any test file so.
"""
import http.client
import json
import os
import pathlib
import random
import threading

import pytest
from harness import postgres
from harness.hq import Headquarters
from harness.process import ProgramError, run_program, wait_for
from harness.records import Journal
from harness.signing import World, entry, payload_of
from test_hqd import (  # pylint: disable=unused-import
    records_path, test_a_box_enrols_once_with_its_token, test_a_new_chain_is_quarantined_until_an_operator_accepts,
    test_what_lies_before_a_gap_is_asked_for_again,
    test_a_revoked_box_is_denied_on_the_connection_it_has, test_an_altered_record_is_found_by_the_audit,
    test_an_instruction_reaches_one_box_once, test_an_urgent_hit_is_shown_at_once_and_confirmed_by_the_chain,
    test_batches_that_must_not_stand_are_refused, test_entries_in_force_follow_changes_and_withdrawals,
    test_key_sets_only_rise, test_of_two_clerks_at_once_one_gets_the_place,
    test_snapshot_needs_its_chunks_and_the_head,
    test_the_inbox_wakes_when_the_list_moves, test_the_same_records_twice_are_stored_once,
    test_what_was_answered_survives_a_kill)

UNIT = pathlib.Path(os.environ.get("CHECKPOINT_BUILD", "build/release")) / "tests"


@pytest.fixture()
def hq(tmp_path):
    headquarters = Headquarters(tmp_path, store=postgres.Database()).start()
    yield headquarters
    headquarters.stop()


@pytest.fixture()
def two(hq):
    """Two hqd over one database."""
    other = hq.sibling("other")
    other.hqd.start()
    yield hq, other
    other.hqd.stop()


@pytest.mark.parametrize("name", ["store_test_store", "test_records", "test_handlers", "test_match_policy", "test_calls", "store_test_migrations"])
def test_unit_tests_pass_over_it(name):
    url = postgres.Database().url
    done = run_program([UNIT / f"gateway_hq_{name}"], env={**os.environ, "CHECKPOINT_HQ_DATABASE": url},
                       text=True, timeout_s=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[  PASSED  ]" in done.stdout + done.stderr


# What hqd does not start over

def refusal(tmp_path, store):
    hq = Headquarters(tmp_path, store=store)
    with pytest.raises(ProgramError) as error:
        hq.hqd.start()
    return str(error.value)


def test_a_newer_schema_is_refused(hq, tmp_path):
    hq.hqd.stop()
    version = hq.store.rows("SELECT version FROM hqd_about")[0][0]
    hq.store.execute("UPDATE hqd_about SET version = 99")
    said = refusal(tmp_path / "again", hq.store)
    assert "schema 99, this hqd knows" in said and "install that one" in said
    hq.store.execute(f"UPDATE hqd_about SET version = {version}")
    hq.hqd.start()


def test_another_encoding_is_refused(tmp_path):
    store = postgres.Database(options="TEMPLATE template0 ENCODING 'SQL_ASCII'")
    said = refusal(tmp_path, store)
    assert "encoding 'SQL_ASCII', expected UTF8" in said and "CREATE DATABASE" in said


def test_another_programs_tables_are_refused_untouched(tmp_path):
    store = postgres.Database()
    store.execute("CREATE TABLE records(a int)")
    assert "another program's tables" in refusal(tmp_path, store)
    assert store.rows("SELECT count(*) FROM pg_class WHERE relname LIKE 'hqd%'") == [(0,)]


def test_a_server_that_could_lose_commits_is_refused(tmp_path):
    store = postgres.Database()
    store.execute(f"ALTER DATABASE {store.name} SET synchronous_commit = off")
    assert "synchronous_commit = 'off', expected on" in refusal(tmp_path, store)


def test_a_server_that_is_not_there_is_named_without_the_password(tmp_path):
    store = postgres.Database()
    store.url = f"postgresql://hq:geheim@/{store.name}?host={tmp_path}"
    said = refusal(tmp_path, store)
    assert "cannot be reached" in said and f"{tmp_path}/.s.PGSQL.5432" in said and "geheim" not in said


def test_a_role_that_owns_nothing_runs_it_but_does_not_bring_it_up(hq, tmp_path):
    store, name = hq.store, hq.store.name
    hq.hqd.stop()
    store.execute(f"DROP ROLE IF EXISTS hqd_{name}; CREATE ROLE hqd_{name} LOGIN;"
                  f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO hqd_{name};"
                  f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO hqd_{name}")
    hq.store.url = store.url.replace("//hq@", f"//hqd_{name}@")
    hq.write_config()
    hq.hqd.start()
    assert hq.operator().put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")])).status == 201
    empty = postgres.Database()
    empty.url = empty.url.replace("//hq@", f"//hqd_{name}@")
    assert "start hqd once with a role that owns it" in refusal(tmp_path / "empty", empty)


# Several hqd

def test_what_one_publishes_the_other_tells_at_once(two):
    one, other = two
    zhang, li = one.operator("zhang"), other.operator("li")
    assert zhang.put("/v1/list/batches", one.world.batch(added=[entry(1, "鲁H12345")])).status == 201
    head = li.get("/v1/list/head").json
    assert head["revision"] == 1
    assert json.loads(payload_of(json.dumps(head["freshness"])))["revision"] == 1
    assert li.put("/v1/keyset", one.world.keyset(version=2)).status == 201
    assert zhang.get("/v1/list/head").json["keyset_version"] == 2
    assert zhang.put("/v1/keyset", one.world.keyset(version=2)).json["version"] == 2


@pytest.mark.parametrize("told", [True, False])
def test_who_waits_at_one_wakes_by_the_other(two, told):
    one, other = two
    if not told:  # without NOTIFY the look at the revision finds it
        one.store.execute("ALTER TABLE revisions DISABLE TRIGGER revisions_told")
    box = one.box("lu-hz-01")
    box.port = other.port
    got = []
    waiting = threading.Thread(
        target=lambda: got.append(box.get("/v1/checkpoints/lu-hz-01/inbox?after=0&wait=30").json))
    hits = threading.Thread(
        target=lambda: got.append(other.operator("li").get("/v1/operator/hits?after=0&wait=30").json))
    waiting.start()
    hits.start()
    assert one.operator().put("/v1/list/batches", one.world.batch(added=[entry(1, "鲁H12345")])).status == 201
    waiting.join(10)
    assert [m["kind"] for m in got[0]["messages"]] == ["list"]
    box.port = one.port
    journal = Journal("lu-hz-01")
    assert box.post(records_path("lu-hz-01"), journal.line("hit")).status == 200
    hits.join(10)
    assert len(got[1]["hits"]) == 1


def test_of_two_clerks_at_two_hqd_one_gets_each_place(two):
    """Compare-and-swap over the database: of each pair one is stored, and the list stays a chain."""
    one, other = two
    for number in range(1, 9):
        rival = World(one.world.fleet)
        rival.__dict__.update({**one.world.__dict__, "entries": dict(one.world.entries)})
        batches = [one.world.batch(added=[entry(number, "鲁H12345")]),
                   rival.batch(added=[entry(number, "鲁H99999")])]
        answers = [None, None]

        def put(at, batch, into, answers=answers):
            answers[at] = into.operator(("zhang", "li")[at]).put("/v1/list/batches", batch).status

        threads = [threading.Thread(target=put, args=(at, batch, into))
                   for at, (batch, into) in enumerate(zip(batches, (one, other)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [201, 409]
        if answers[1] == 201:
            one.world.__dict__.update({**rival.__dict__})
    assert one.operator().get("/v1/list/head").json["revision"] == 8
    assert one.store.rows("SELECT count(*), count(DISTINCT hash) FROM batches") == [(8, 8)]


def test_one_checkpoints_records_through_two_hqd_at_once_are_stored_once(two):
    one, other = two
    one.box("lu-hz-01")
    journal, sent = Journal("lu-hz-01"), 300
    lines = [journal.line("start")] + [journal.line("hit" if n % 7 == 0 else "passage", {"n": n})
                                       for n in range(2, sent + 1)]
    statuses = []

    pair = one.pki.box("lu-hz-01")

    def send(hq):
        peer = hq.peer(pair)
        connection = peer.connect()
        for at in range(0, sent, 20):
            statuses.append(peer.post(records_path("lu-hz-01"), b"".join(lines[at:at + 20]),
                                      connection=connection).status)
        connection.close()

    threads = [threading.Thread(target=send, args=(hq,)) for hq in (one, other, one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = other.operator().post("/v1/operator/audit/verify", {}).json
    assert statuses.count(200) == len(statuses) == 4 * sent // 20, statuses
    assert report["ok"] and report["checkpoints"][0]["last"] == sent
    hits = one.store.rows("SELECT count(*), count(DISTINCT sequence), sum(provisional) FROM hits")
    assert hits == [(sent // 7, sent // 7, 0)]


def test_numbers_of_hits_become_visible_in_their_order(two):
    """A cursor that has passed a number misses none below it, whoever stored it."""
    one, other = two
    boxes = {name: (one.box(name), Journal(name)) for name in ("lu-hz-01", "lu-hz-02", "lu-hz-03", "lu-hz-04")}
    each = 25

    def send(name, hq):
        box, journal = boxes[name]
        box.port = hq.port
        connection = box.connect()
        for n in range(each):
            lines = journal.line("hit", {"n": n})
            if name in ("lu-hz-01", "lu-hz-02"):  # numbers drawn early, committed late
                lines += b"".join(journal.line() for _ in range(150))
            assert box.post(records_path(name), lines, connection=connection).status == 200
        connection.close()

    threads = [threading.Thread(target=send, args=(name, hq))
               for name, hq in zip(boxes, (one, other, one, other))]
    for thread in threads:
        thread.start()
    after, seen, li = 0, [], other.operator("li")
    connection = li.connect()
    while len(seen) < each * len(boxes):
        answer = li.get(f"/v1/operator/hits?after={after}&wait=10&limit=3", connection=connection).json
        assert answer["hits"], f"{len(seen)} seen, more were stored"
        seen += [(hit["checkpoint"], hit["record"]["n"]) for hit in answer["hits"]]
        after = answer["next"]
    for thread in threads:
        thread.join()
    connection.close()
    assert len(set(seen)) == each * len(boxes)


# A server that dies

def post_until_taken(box, path, body):
    """What a box does: the same again until there is a receipt."""
    def attempt():
        try:
            answer = box.post(path, body)
        except (OSError, http.client.HTTPException):
            return None
        assert answer.status in (200, 500, 503), answer.body
        return answer.status == 200
    wait_for("a receipt", attempt, 30, 0.05)


@pytest.fixture()
def servers():
    started = []

    def start(*settings):
        started.append(postgres.Postgres(settings).start())
        return started[-1]

    yield start, started
    for server in reversed(started):
        server.stop()


def test_a_primary_killed_and_started_again_costs_nothing(tmp_path, servers):
    start, _ = servers
    server = start()
    hq = Headquarters(tmp_path, store=postgres.Database(server)).start()
    box, journal, path = hq.box("lu-hz-01"), Journal("lu-hz-01"), records_path("lu-hz-01")
    assert box.post(path, journal.line("start")).status == 200
    for _ in range(2):
        line = journal.line("hit")
        server.kill()
        busy = box.post(path, line)
        assert (busy.status, busy.headers["Retry-After"]) == (503, "5")
        wait_for("the fault to be told", lambda: "HQ_STORE_FAULT" in hq.hqd.tail())
        server.start()
        post_until_taken(box, path, line)
    report = hq.operator().post("/v1/operator/audit/verify", {}).json
    assert report["ok"] and report["checkpoints"][0]["last"] == 3
    hq.stop()


@pytest.mark.parametrize("round_number", range(int(os.environ.get("CHECKPOINT_ROUNDS", "1"))))
def test_the_standby_promoted_has_every_record_that_was_confirmed(tmp_path, servers, round_number):
    """CHECKPOINT_ROUNDS more, each killed at another point."""
    seed = int(os.environ.get("CHECKPOINT_SEED", "1")) + round_number
    print("seed", seed)
    kill_at = random.Random(seed).randrange(1, 50)
    start, started = servers
    primary = start()
    store = postgres.Database(primary)
    standby = primary.standby()
    started.append(standby)
    store.url = primary.url(store.name, standby)
    hq = Headquarters(tmp_path, store=store).start()
    box, journal, path = hq.box("lu-hz-01"), Journal("lu-hz-01"), records_path("lu-hz-01")
    lines = [journal.line("start" if n == 0 else "hit", {"n": n}) for n in range(60)]
    done = []

    def send():
        for line in lines:
            post_until_taken(box, path, line)
            done.append(1)

    sender = threading.Thread(target=send)
    sender.start()
    wait_for("some receipts", lambda: len(done) >= kill_at, 30, 0.0005)
    primary.kill()
    confirmed = len(done)
    standby.promote()
    store.server = standby
    held = store.rows("SELECT count(*) FROM records")[0][0]
    assert held >= confirmed, "a receipt for a record that is gone"
    sender.join(60)
    report = hq.operator().post("/v1/operator/audit/verify", {}).json
    assert report["ok"] and report["checkpoints"][0]["last"] == len(lines) == len(done)
    assert store.rows("SELECT count(*), count(DISTINCT sequence) FROM hits") == [(59, 59)]
    hq.stop()
