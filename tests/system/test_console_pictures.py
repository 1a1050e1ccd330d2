"""A hit's pictures as a page gets them: from a real picture store, only after checkpointd let the session see the hit."""
import datetime
import hashlib
import json
import pathlib
import re
import socket
import subprocess
import threading

import pytest

from harness.https import Https
from harness.pictures import PictureSender
from harness.pki import Root
from harness.signing import now_ms
from harness.stack import BUILD, Checkpoint, short_folder

SCENE, CROP, LATER = (b"\xff\xd8scene" + bytes(200_000), b"\xff\xd8crop", b"\xff\xd8later")


def sha(data):
    return hashlib.sha256(data).hexdigest()


def wall(ms):
    at = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


class Checkpointd:
    """Its socket `control`, as far as hit_show goes: hit 7 is `token`'s to see, nobody else's; what it was asked."""

    def __init__(self, path, token, time_ms):
        self.token, self.asked = token, []
        self.hit = {"event": "hit", "hit": 7, "read": {"camera": 11, "event_id": "41", "time": wall(time_ms)},
                    "reads": [{"camera": 11, "event_id": "41", "last_event_id": "42"}]}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            with link, link.makefile("rwb") as lines:
                question = json.loads(lines.readline())
                lines.write(json.dumps(self.answer(question), separators=(",", ":")).encode() + b"\n")

    def answer(self, question):
        if question["do"] not in ("hit_show", "session"):
            return {"id": 1, "ok": True, "result": {"tablets": []}}
        self.asked.append(question)
        if question.get("token") != self.token:
            return {"id": 1, "ok": False, "error": {"code": "denied", "en": "sign on first", "zh": "请先登录"}}
        if question["args"].get("hit") != 7:
            return {"id": 1, "ok": False, "error": {"code": "not_found", "en": "no such hit", "zh": "没有该命中"}}
        return {"id": 1, "ok": True, "result": {"hit": self.hit}}

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture(scope="module")
def box():
    with short_folder() as folder:
        made = Checkpoint(folder)
        root = Root(pathlib.Path(folder), "console-ca")
        server = root.issue("server", "urn:checkpoint-console:lu-hz-01", server=True)
        time_ms = now_ms()
        made.checkpointd = Checkpointd(made.run / "control", "a" * 64, time_ms)
        try:
            made.camerad = made.start_camerad()
            made.start("checkpoint-consoled", made.write("consoled.yaml", {
                "listen": "127.0.0.1:0", "pair_listen": "", "hosts": ["127.0.0.1"], "certificate": str(server.pem),
                "key": str(server.key_path), "runtime_dir": str(made.run), "tablet_certificates": "none"}))
            made.browser = Https(made.port_of("consoled"), root.pem)
            made.browser.cookie = "__Host-token=" + "a" * 64
            sender = PictureSender(made.run)
            for data, event, kind in ((SCENE, 41, "scene"), (CROP, 41, "crop"), (LATER, 42, "later"),
                                      (b"\xff\xd8other", 43, "scene")):
                assert sender.put(data, event, kind=kind)[0] == 0
            assert sender.put(b"\xff\xd8camera", 41, camera=12)[0] == 0
            sender.close()
            yield made
        finally:
            made.stop()
            made.checkpointd.stop()


def test_the_list_says_what_was_taken_at_the_read_and_what_later(box):
    status, answer = box.browser.json("GET", "/api/hits/7/pictures")
    assert status == 200
    assert [(p["sha256"], p["kind"], p["evidence"]) for p in answer["pictures"]] == [
        (sha(SCENE), "scene", "trigger"), (sha(CROP), "crop", "trigger"), (sha(LATER), "scene", "later")]
    assert all(0 <= p["delay_ms"] < 60_000 and p["camera"] == 11 for p in answer["pictures"])
    assert box.checkpointd.asked[-1]["do"] == "hit_show" and box.checkpointd.asked[-1]["args"] == {"hit": 7}


def test_bytes_come_as_they_were_handed_in(box):
    for data in (SCENE, CROP, LATER):
        status, headers, got = box.browser.ask("GET", f"/api/hits/7/pictures/{sha(data)}")
        assert (status, headers["Content-Type"], headers["Cache-Control"], got) == (200, "image/jpeg", "no-store", data)


def test_pictures_of_other_hits_and_for_other_sessions_are_not_given(box):
    browser = box.browser
    for other in (b"\xff\xd8other", b"\xff\xd8camera", b"never"):
        assert browser.ask("GET", f"/api/hits/7/pictures/{sha(other)}")[0] == 404
    assert browser.ask("GET", "/api/hits/8/pictures")[0] == 404
    for path in ("/api/hits/7/pictures/", "/api/hits/7/pictures/00", "/api/hits/../pictures", "/api/hits/7"):
        assert browser.ask("GET", path)[0] == 404
    for headers in ({"Cookie": None}, {"Cookie": "__Host-token=" + "b" * 64}):
        for path in ("/api/hits/7/pictures", f"/api/hits/7/pictures/{sha(SCENE)}"):
            assert browser.ask("GET", path, headers=headers)[0] == 401
    assert browser.ask("POST", "/api/hits/7/pictures", {})[0] == 405
    assert browser.ask("GET", "/api/hits/7/pictures", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_a_damaged_picture_is_not_shown_and_a_store_that_is_away_is_said(box):
    path = next((box.state / "camerad").rglob(sha(CROP) + "*"))
    path.write_bytes(b"\xff\xd8crap")
    assert box.browser.ask("GET", f"/api/hits/7/pictures/{sha(CROP)}")[0] == 404
    assert sha(CROP) not in str(box.browser.json("GET", "/api/hits/7/pictures"))
    box.camerad.stop()
    status, answer = box.browser.json("GET", "/api/hits/7/pictures")
    assert (status, answer["error"]["code"]) == (503, "unreachable")
    box.camerad.start()
    assert box.browser.ask("GET", f"/api/hits/7/pictures/{sha(SCENE)}")[0] == 200


def test_no_program_of_the_box_can_decode_a_picture():
    """Their bytes come from outside: what a decoder does with them stays in the browser."""
    programs = [one for one in (BUILD / "bin").iterdir() if one.is_file()]
    assert "checkpoint-consoled" in [one.name for one in programs]
    for program in programs:
        needed = subprocess.run(["readelf", "--dynamic", program], check=True, capture_output=True, text=True).stdout
        assert "libc.so" in needed, program
        assert not re.search(r"\[lib(turbo)?(jpeg|png|webp|tiff|gd|gdk_pixbuf|Magick|opencv)", needed), program
