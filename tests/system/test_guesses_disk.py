"""A disk that hangs just as a wrong PIN is to be counted on it: nobody else's sign-on waits behind that, and what was counted
is there when the disk is back."""
import concurrent.futures
import json
import time

import pytest

from harness.process import SLOWNESS, Program
from harness.signing import World
from harness.stack import BUILD, Checkpoint, LineClient, program, short_folder, wait_until

PIN = "27491683"
WRONG_MAX = 10  # of an officer at a place


class Stand:
    """A checkpointd whose disk hangs at guesses.json alone, on request: the journal is well."""

    def __init__(self, folder):
        self.box = Checkpoint(folder)
        World().write_roots(self.box.roots)
        self.box.add_tcp_lane(1)
        state = self.box.state / "checkpointd"
        state.mkdir()
        self.file, self.word = state / "guesses.json", self.box.folder / "disk"
        self.disk("")
        self.daemon = Program("checkpointd", [program("checkpointd"), "--config", self.box.write_checkpointd()], self.box.folder)
        self.daemon.env |= {
            "LD_PRELOAD": str(BUILD / "tests" / "broken_disk.so"), "BROKEN_DISK_FILE": str(self.word),
            "BROKEN_DISK_FOLDER": str(self.file),
            "ASAN_OPTIONS": self.daemon.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
        self.box.programs.start(self.daemon)
        self.box.leader("wang", PIN)
        client = LineClient(self.box.run / "control")
        assert client.act("officer_add", officer="li", password=PIN)["ok"]
        client.close()

    def disk(self, word):
        new = self.word.with_suffix(".new")
        new.write_text(word)
        new.rename(self.word)

    def login(self, officer, password):
        """The answer's code, None when signed on."""
        client = LineClient(self.box.run / "control", timeout_s=30)
        answer = client.act("login", officer=officer, password=password)
        client.close()
        return None if answer["ok"] else answer["error"]["code"]

    def counted(self, officer):
        rows = json.loads(self.file.read_text())["content"]["rows"] if self.file.exists() else []
        return sum(row["wrong"] for row in rows if row["name"] == officer and row["place"])


@pytest.fixture
def stand():
    with short_folder() as folder:
        stand = Stand(folder)
        try:
            yield stand
        finally:
            stand.disk("")
            stand.box.stop()


def test_a_sign_on_goes_on_while_a_count_cannot_be_written(stand):
    assert stand.login("wang", "wrong one") == "denied"
    wait_until("counted on the disk", lambda: stand.counted("wang") == 1)
    stand.disk("hang")
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        wrong = pool.submit(stand.login, "wang", "wrong two")
        right = [pool.submit(stand.login, "li", PIN) for _ in range(6)]
        assert wrong.result() == "denied" and [one.result() for one in right] == [None] * 6
    assert time.monotonic() - begun < 5 * SLOWNESS, "two seconds for the first, none for the others"
    wait_until("it is told", lambda: "GUESSES_UNKEPT" in stand.daemon.tail(200))
    assert stand.counted("wang") == 1
    stand.disk("")
    wait_until("counted when the disk is back", lambda: stand.counted("wang") == 2)
    stand.daemon.kill()
    stand.daemon.start()
    for _ in range(2):  # the third and what is free before a wait
        code = stand.login("wang", "wrong again")
    assert code == "busy", "over the restart two were known"
