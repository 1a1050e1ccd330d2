"""Clocks that jump while checkpointd, uplinkd and hqd run: the box's by hours and days, headquarters' by as much.

What each jump does to certificates, receipts, statements, lists and instructions is stated here; whatever it is, no record
is lost, none comes twice, and none carries a wrong time that the box could know of.
"""
import contextlib

import pytest
from harness import journal
from harness.signing import now_ms
from harness.stack import WallClock, short_folder, wait_until
from harness.uplink_site import BOX, Site

HOUR_S, DAY_S = 3600, 24 * 3600
PATIENCE_S = 60


class JumpSite(Site):
    """The box's programs share a clock, hqd has its own."""

    def __init__(self, folder, last_first):
        super().__init__(folder)
        last_first.callback(self.stop)
        self.checkpointd()
        self.uplinkd()
        self.box_clock = WallClock(self.box.folder / "box-clock", self.daemon, self.link)
        self.hq_clock = WallClock(self.box.folder / "hq-clock", self.hq.hqd)
        for program in (self.link, self.daemon, self.hq.hqd):
            program.stop()
            program.start()
        self.login()
        self.told = 0

    @contextlib.contextmanager
    def jump(self, clock, offset_s):
        """The clock is wrong by so much, and right again; the link is made anew in between. All there is arrives."""
        self.sync(PATIENCE_S)
        clock.set(offset_s)
        self.hq.hqd.stop()
        self.hq.hqd.start()
        self.acts(3, f"{offset_s} s off")
        try:
            yield
        finally:
            clock.set(0)
        self.acts(3, "right again")
        head = self.sync(PATIENCE_S)
        self.both_ends(head)
        self.both_ends(0, 1, "observe")
        self.list_arrives(PATIENCE_S)

    def trusted(self):
        return self.status()["clock"]["trusted"]

    def cut_off(self):
        """Without a link: what is made waits."""
        def waits():
            status = self.status()
            return not status["uplink"]["connected"] and status["journal"]["confirmed"] < status["journal"]["head"]
        wait_until("records to wait", waits, PATIENCE_S)

    def instructed(self):
        """What the box's record says of an instruction good for an hour that is sent now."""
        self.told += 1
        answer = self.hq.operator().post("/v1/operator/instructions",
                                         self.hq.world.instruction(BOX, self.told, "message", {"text": "look"}))
        assert answer.status == 201, answer.body
        return wait_until("its record", lambda: next(
            (record.body for record in journal.verify(self.box.state / "checkpointd" / "journal")
             if record.kind == "instruction" and record.body.get("id") == self.told), None), PATIENCE_S)


@pytest.fixture(scope="module", name="site")
def jumping_site():
    with short_folder() as folder, contextlib.ExitStack() as last_first:
        yield JumpSite(folder, last_first)


def times_are_true(site):
    """Trusted time, not the system's: no record is of the future."""
    walls = [record.wall_ms for record in journal.verify(site.box.state / "checkpointd" / "journal")]
    assert walls == sorted(walls) and walls[-1] <= now_ms() + 1000


def test_the_box_ahead(site):
    """Hours: nothing but its own trust is lost. Past the end of its certificate it sends nothing until the clock is right."""
    with site.jump(site.box_clock, 2 * HOUR_S):
        wait_until("doubt", lambda: not site.trusted())
        site.sync(PATIENCE_S)
        assert site.instructed()["result"] == "done"  # judged by trusted time, not by the clock
        times_are_true(site)
    wait_until("trust", site.trusted)
    with site.jump(site.box_clock, 40 * DAY_S):
        site.cut_off()
        wait_until("doubt", lambda: not site.trusted())
        times_are_true(site)
    wait_until("trust", site.trusted)


def test_the_box_behind(site):
    """Before the begin of the certificates: it refuses headquarters' and its own, and everything waits."""
    with site.jump(site.box_clock, -3 * HOUR_S):
        site.cut_off()
        wait_until("doubt", lambda: not site.trusted())
        times_are_true(site)
    wait_until("trust", site.trusted)
    assert site.instructed()["result"] == "done"


def test_headquarters_behind(site):
    """The box's certificate is not yet valid there: refused, no receipt, everything waits."""
    with site.jump(site.hq_clock, -3 * HOUR_S):
        site.cut_off()
        assert site.trusted()


def test_headquarters_far_ahead(site):
    """Every certificate has ended there: refused, and no receipt of that time reaches the box."""
    with site.jump(site.hq_clock, 40 * DAY_S):
        site.cut_off()
        assert site.trusted()


def test_headquarters_ahead_by_hours(site):
    """Its receipts count and lift the box's trusted time, which then doubts its own clock and says so, until that has
    caught up; its word that the list is current is refused as of the future."""
    with site.jump(site.hq_clock, 3 * HOUR_S):
        site.sync(PATIENCE_S)
        wait_until("doubt", lambda: not site.trusted())
        wait_until("refusal", lambda: site.logged("WANTED_CURRENT_REFUSED"), PATIENCE_S)
    wait_until("headquarters' time", lambda: site.status()["clock"]["source"] == "headquarters")
    assert not site.trusted()
