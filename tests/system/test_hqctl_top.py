"""hqctl top: sums, and first the checkpoints that somebody should look at."""
import json

from harness.records import Journal
from harness.signing import entry
from test_hqctl import enrolled, hq  # pylint: disable=unused-import


def test_who_needs_somebody_stands_first(hq):  # pylint: disable=redefined-outer-name
    boxes = {name: enrolled(hq, name) for name in ("lu-hz-01", "lu-hz-02", "lu-hz-03")}
    hq.publish([entry(1, "鲁H12345")])
    head = boxes["lu-hz-01"].get("/v1/list/head").json
    inbox = "/v1/checkpoints/{}/inbox?after=0&revision={}&hash={}"
    assert boxes["lu-hz-01"].get(inbox.format("lu-hz-01", 1, head["hash"])).status == 200
    assert boxes["lu-hz-02"].get(inbox.format("lu-hz-02", 0, "sha256:" + "0" * 64)).status == 200
    journal = Journal("lu-hz-03")
    assert boxes["lu-hz-03"].post("/v1/checkpoints/lu-hz-03/records", journal.line("start")).status == 200
    assert boxes["lu-hz-03"].post("/v1/checkpoints/lu-hz-03/records", Journal("lu-hz-03").line()).status == 409
    lines = hq.run("top", "--once", *hq.online).splitlines()
    assert lines[0] == ("List revision 1. 2 active, 1 quarantined, 0 enrolled, 0 revoked; 1 without the newest list,"
                        " 0 whose self-test is absent;"
                        " 0 records/s. 0 calls open 未结束呼叫 (hqctl calls)")
    rows = [line.split() for line in lines[2:]]
    assert [row[0] for row in rows] == ["lu-hz-03", "lu-hz-02", "lu-hz-01"]
    assert rows[1][3] == head["time"] and rows[2][2:4] == ["1", "-"]
    assert [line.split()[0] for line in hq.run("top", "--once", "--rows", "1", *hq.online).splitlines()[2:]] == [
        "lu-hz-03"]
    sums = json.loads(hq.run("top", "--once", "--json", *hq.online))
    assert (sums["active"], sums["quarantined"], sums["behind"], sums["list_revision"]) == (2, 1, 1, 1)
