"""A whole headquarters for tests: PKI, signers, hqd and hq-cad of this build, and an HTTPS client."""
import http.client
import json
import os
import pathlib
import sqlite3
import ssl

from harness import postgres
from harness.journal import verify_rows
from harness.pki import Pki, write_key
from harness.process import SLOWNESS, Program
from harness.signing import World

BIN = pathlib.Path(os.environ.get("CHECKPOINT_BUILD", "build/release")) / "bin"


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error"]["code"]


class Peer:
    """Somebody who talks to hqd: a certificate pair, or None, and a connection a request."""

    def __init__(self, port, pki, pair=None, timeout_s=15):
        self.port, self.timeout_s = port, timeout_s * SLOWNESS
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_verify_locations(pki.servers.pem)
        if pair:
            self.context.load_cert_chain(pair.pem, pair.key_path)

    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context,
                                           timeout=self.timeout_s)

    def ask(self, method, path, body=None, headers=None, connection=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        own = connection is None
        connection = connection or self.connect()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            if own:
                connection.close()

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def put(self, path, body, **options):
        return self.ask("PUT", path, body, **options)

    def post(self, path, body, **options):
        return self.ask("POST", path, body, **options)


OWN_RECORDS = "SELECT sequence, header, salt, body, NULL FROM own_records ORDER BY sequence"


def rows_of(path):
    """Headquarters' own records in hqd's database as harness.journal.verify_rows takes them."""
    return SqliteFile(path).rows(OWN_RECORDS)


def own_records(where):
    """Those records of the store `where`, or of the SQLite database in that folder, the chain verified in Python; []
    while empty."""
    rows = where.rows(OWN_RECORDS) if hasattr(where, "rows") else rows_of(f"{where}/hqd.sqlite")
    return verify_rows(rows) if rows else []


def acts(where, what=None):
    """(person, what, answer) of those records, or the bodies of one `what`."""
    bodies = [record.body for record in own_records(where) if record.body is not None]
    if what:
        return [body for body in bodies if body["what"] == what]
    return [(body["person"], body["what"], body["answer"]) for body in bodies]


class SqliteFile:
    """hqd's own file, beside it."""

    url = ""

    def __init__(self, path):
        self.path = path

    def rows(self, sql):
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def execute(self, sql):
        with sqlite3.connect(self.path) as db:
            db.execute(sql)
        db.close()


class Headquarters:
    """hqd with hq-cad in a folder; `world` signs, `pki` certifies. start(), then .operator(), .box().

    `store` is a Database of harness.postgres or the file in the folder; CHECKPOINT_HQ_STORE=postgres
    runs any test over a server.
    """

    def __init__(self, folder, fleet="testfleet", operators=("zhang", "li"), world=None, pki=None, store=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pki = pki or Pki(self.folder / "pki", fleet)
        self.world = world or World(fleet)
        if store is None and os.environ.get("CHECKPOINT_HQ_STORE") == "postgres":
            store = postgres.Database()
        self.store = store or SqliteFile(self.folder / "state" / "hqd.sqlite")
        self.runtime = self.folder / "run"
        self.runtime.mkdir(exist_ok=True)
        self.operators = list(operators)
        self.port_of_restart = 0
        self.self_test_within = "30h"
        self.approval = False  # a token alone enrols; tests of approvals set it and write_config()
        self.world.write_roots(self.folder / "roots")
        (self.folder / "keyset.json").write_bytes(self.world.keyset())
        for name, key in (("freshness", self.world.freshness_key), ("receipt", self.world.receipt_key)):
            write_key(self.folder / f"{name}.key.pem", key.private)
        self.config = self.folder / "hqd.yaml"
        self.cad_config = self.folder / "hq-cad.yaml"
        self.write_config()
        self.hqd = Program("hqd", [BIN / "hqd", "--config", self.config], self.folder)
        self.cad = Program("hq-cad", [BIN / "hq-cad", "--config", self.cad_config], self.folder)
        self.retention_config = self.folder / "hq-retaind.yaml"
        self.retention_config.write_text(f"state_dir: {self.folder}/state\nroots: {self.folder}/roots\n")
        self.retaind = Program("hq-retaind", [BIN / "hq-retaind", "--config", self.retention_config], self.folder)

    def write_config(self):
        pki, here = self.pki, self.folder
        self.config.write_text("\n".join([
            f"runtime_dir: {self.runtime}", f"state_dir: {here}/state",
            f"database: '{self.store.url}'", f"listen: 127.0.0.1:{self.port_of_restart}", "est_listen: 127.0.0.1:0",
            "est_url: https://127.0.0.1/.well-known/est",
            f"enrolment_approval: {str(self.approval).lower()}", f"self_test_within: {self.self_test_within}",
            f"certificate: {pki.server.pem}", f"key: {pki.server.key_path}",
            f"box_root: {pki.boxes.pem}", f"console_root: {pki.operators.pem}",
            f"freshness_key: {here}/freshness.key.pem", f"receipt_key: {here}/receipt.key.pem",
            f"roots: {here}/roots", f"keyset: {here}/keyset.json",
            "operators: [" + ", ".join(self.operators) + "]", ""]))
        self.cad_config.write_text(f"runtime_dir: {self.runtime}\ncertificate: {pki.boxes.pem}\n"
                                   f"key: {pki.boxes.key_path}\n")

    def sibling(self, name):
        """Another hqd over the same database, with the same keys and no hq-cad; start its .hqd."""
        return Headquarters(self.folder / name, self.world.fleet, self.operators, self.world, self.pki, self.store)

    def start(self):
        self.cad.start()
        self.hqd.start()
        return self

    def stop(self):
        try:
            return self.hqd.stop()
        finally:
            self.cad.stop()

    @property
    def port(self):
        return int((self.runtime / "hqd.port").read_text())

    @property
    def est_port(self):
        return int((self.runtime / "hqd-est.port").read_text())

    def peer(self, pair=None, **options):
        return Peer(self.port, self.pki, pair, **options)

    def operator(self, name="zhang"):
        return self.peer(self.pki.operator(name))

    def box(self, checkpoint, enroll=True, **options):
        """A box with a certificate of the box root, known to hqd unless told."""
        if enroll:
            answer = self.operator().post("/v1/operator/enroll",
                                          {"checkpoint": checkpoint, "name": checkpoint})
            assert answer.status == 201, answer.body
        return self.peer(self.pki.box(checkpoint, **options))


