"""A checkpoint and its headquarters with the link between: for the tests of checkpoint-uplinkd."""
import contextlib
import sqlite3

from harness import journal
from harness.cache import Redis
from harness.camera import Camera
from harness.fake_hq import FakeHq
from harness.hq import Headquarters
from harness.signing import entry
from harness.stack import Checkpoint, short_folder, wait_until

BOX = "lu-hz-01"
KEY = bytes(range(16))
WANTED = "鲁H12345"


@contextlib.contextmanager
def killed(*programs):
    """Each is dead at the beginning and runs again at the end."""
    for one in programs:
        one.kill()
    yield
    for one in programs:
        one.start()


class Site:
    """One checkpoint and its headquarters; programs are started by the test."""

    def __init__(self, folder, store=None):
        self.box = Checkpoint(folder, BOX)
        self.hq = Headquarters(self.box.folder / "hq", store=store).start()
        self.hq.world.write_roots(self.box.roots)
        self.hq.port_of_restart = self.hq.port
        self.hq.write_config()
        self.redis = Redis(self.box.folder).start()
        self.hq.box(BOX)
        self.token = self.events = None
        self.published = 0
        self.others = []

    def checkpointd(self):
        self.box.add_open_lane(1, transit_max="1s")
        self.box.add_camera(11, 1, key=KEY)
        self.daemon = self.box.start_checkpointd()
        self.token = self.box.leader()
        return self.daemon

    def login(self):
        client = self.box.control()
        self.token = client.act("login", officer="wang", password="correct horse 1")["result"]["token"]
        client.close()

    def matchd(self):
        self.matching = self.box.start_matchd(self.redis.socket)
        self.camera = Camera(("127.0.0.1", self.box.port), lane=1, camera=11, key=KEY)
        self.events = self.box.events(self.token)

    def hit(self, plate, event):
        """A read that must become a hit on the box."""
        self.camera.send(plate, event, plate_class="02")
        while True:
            told = self.events.receive()
            if told["event"] == "hit" and told["matched"] == plate:
                return told

    def hq_hits(self):
        return self.hq.operator().get("/v1/operator/hits").json["hits"]

    def restart_hq(self, pair=None):
        """hqd again at the same port, with another server certificate if told."""
        self.hq.hqd.stop()
        if pair:
            self.hq.pki.server = pair
            self.hq.write_config()
        self.hq.hqd.start()

    def fake(self, answer, pair=None):
        """Headquarters' place is taken by a server that answers as told."""
        fake = FakeHq(self.hq.pki, answer, pair)
        self.others.append(fake)
        return fake

    def uplinkd(self, pair=None, **more):
        self.link = self.box.start_uplinkd(self.hq, self.redis.socket, pair, **more)
        return self.link

    def act(self, name, **args):
        client = self.box.control()
        answer = client.act(name, self.token, **args)
        client.close()
        assert answer["ok"], answer
        return answer["result"]

    def status(self):
        return self.act("status")

    def acts(self, count, text="act"):
        """Acts of an officer, each a record or more; too many at once come a little later."""
        def taken(reason):
            client = self.box.control()
            answer = client.act("stop", self.token, lane=1, reason=reason)
            client.close()
            assert answer["ok"] or answer["error"]["code"] == "busy", answer
            return answer["ok"]
        for n in range(count):
            wait_until("the act to be taken", lambda n=n: taken(f"{text} {n}"), 30)

    def sync(self, timeout_s=20):
        """Waits until all the journal holds is confirmed; returns its head."""
        def confirmed():
            journal = self.status()["journal"]
            return journal["head"] if journal["head"] == journal["confirmed"] else None
        return wait_until("every record confirmed", confirmed, timeout_s)

    def store(self, query, *args):
        """Rows of headquarters' database; args are numbers and names of this harness's own."""
        if self.hq.store.url:
            return self.hq.store.rows(query.replace("?", "{!r}").format(*args))
        db = sqlite3.connect(self.hq.folder / "state" / "hqd.sqlite")
        try:
            return db.execute(query, args).fetchall()
        finally:
            db.close()

    def sequences(self, stream=0):
        """Those headquarters holds, of the journal or of the second chain (1)."""
        return [row[0] for row in self.store(
            "SELECT sequence FROM records WHERE checkpoint = ? AND chain IN (SELECT chain FROM chains WHERE stream = ?)"
            " ORDER BY sequence", BOX, stream)]

    def whole_at_hq(self, head, stream=0):
        """Headquarters holds each record from the first to `head`, or further, once."""
        held = self.sequences(stream)
        return len(held) >= head and held == list(range(1, len(held) + 1))

    def both_ends(self, head, stream=0, folder="journal"):
        """What headquarters holds is the box's chain from its first record to `head` or further, word for word."""
        made_in = self.box.state / "checkpointd" / folder
        held = self.store("SELECT r.sequence, r.hash FROM records r JOIN chains c USING (checkpoint, chain)"
                          " WHERE checkpoint = ? AND c.stream = ? ORDER BY r.sequence", BOX, stream)
        made = journal.hashes(made_in)
        journal.verify(made_in)
        assert len(held) >= head, f"{head - len(held)} records lost"
        assert len({sequence for sequence, _ in held}) == len(held), "records twice"
        assert held == made[:len(held)], "other records than the box made"

    def publish(self, *added, **options):
        answer = self.hq.operator().put("/v1/list/batches",
                                        self.hq.world.batch(added=added, **options))
        assert answer.status == 201, answer.body

    def list_arrives(self, timeout_s):
        """One more entry, until it is in the box's Redis."""
        self.published += 1
        self.publish(entry(self.published, f"鲁H{20000 + self.published}"))
        wait_until("the list in Redis", lambda: self.revision() == self.published, timeout_s)

    def revision(self):
        return int(self.redis.client().hget("wanted:meta", "revision") or 0)

    def seen_by_hq(self):
        """When hqd last heard of the box, and what it stored of it."""
        rows = self.store("SELECT last_seen_ms FROM checkpoints WHERE id = ?", BOX)
        return rows[0][0], self.sequences()

    def logged(self, text):
        return text in self.link.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_log(self, text, timeout_s=15):
        wait_until(f"'{text}' in uplinkd's log", lambda: self.logged(text), timeout_s)

    def stop(self):
        if self.events:
            self.events.close()
            self.camera.close()
        with contextlib.ExitStack() as last_first:  # each is stopped, whatever another one's stop tells
            last_first.callback(self.redis.stop)
            last_first.callback(self.hq.stop)
            for other in self.others:
                last_first.callback(other.stop)
            last_first.callback(self.box.stop)


def a_site(kind=Site):
    """Body of a fixture: a Site that is stopped whatever happens."""
    with short_folder() as folder:
        site = kind(folder)
        try:
            yield site
        finally:
            site.stop()
