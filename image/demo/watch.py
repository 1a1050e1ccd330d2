"""What an officer's console would see: one subscriber of the checkpoint's events, and the lines printed from them."""
import socket
import threading
import time

from harness.process import wait_for


class Watch(threading.Thread):
    """Reads events until the socket closes; remembers when each hit's first event came (CLOCK_MONOTONIC, ns)."""

    def __init__(self, client, tell):
        super().__init__(name="watch", daemon=True)
        self.client, self.tell = client, tell
        self.client.socket.settimeout(None)
        self.lock = threading.Lock()
        self.seen_ns, self.alerted_ns = {}, {}
        self.event_of_passage = {}
        self.active, self.ended = {}, set()  # event id of the read -> hold; holds that are over
        self.error = None

    def run(self):
        try:
            while True:
                event = self.client.receive()
                at = time.monotonic_ns()
                with self.lock:
                    self.take(event, at)
        except (EOFError, OSError):
            return  # the demo closed it
        except Exception as error:  # shown and counted by the demo, which then fails
            self.error = error

    def take(self, event, at):
        kind = event["event"]
        if kind == "read" and "read" in event:
            number = int(event["read"]["event_id"])
            self.event_of_passage[event["passage"]] = number
            if number not in self.seen_ns:
                self.seen_ns[number] = at
                self.tell_read(event)
        elif kind == "hit":
            number = int(event["read"]["event_id"])
            self.event_of_passage[event["passage"]] = number
            if number not in self.alerted_ns:
                self.alerted_ns[number] = at
            self.tell_hit(event)
        elif kind == "hold":
            self.take_hold(event)
        elif kind == "boom" and event.get("output") in ("raise", "lower") and event.get("on"):
            self.tell("lane", event["lane"], f"boom: {event['output']} ordered ({event['cause']})")
        elif kind == "lane" and event.get("what") == "boom":
            self.tell("lane", event["lane"], f"boom: {event['boom']}")
        elif kind == "alarm":
            word = "alarm" if event["active"] else "alarm over"
            self.tell("alarm", event.get("lane", 0), f"{word}: {event.get('en')} / {event.get('zh')}")

    def take_hold(self, event):
        number = self.event_of_passage.get(event.get("passage"))
        if event["what"] == "hold_active" and number is not None:
            self.active.setdefault(number, event["hold"])
        if event["what"] == "hold_ended":
            self.ended.add(event["hold"])
        words = {"hold_waiting": "will be held when it reaches the boom",
                 "hold_active": "HELD at the boom / 已拦停",
                 "hold_ended": "hold over"}
        if event["what"] in words:
            self.tell("hold", event["lane"], f"hold {event['hold']}: {words[event['what']]}")

    def tell_read(self, event):
        read = event["read"]
        if event.get("hits"):
            return  # the alert's own line says it
        self.tell("read", event["lane"], f"{read.get('plate', read.get('raw'))}  no hit")

    def tell_hit(self, event):
        decision, entry = event["decision"], event["entry"]
        sound = {"sounding": "ALERT 报警", "silent": "SILENT ALERT 静默"}.get(decision["level"],
                                                                           "quiet 提示")
        marks = event.get("marks_zh", "")
        self.tell("hit", event["lane"], f"{sound}: {event['matched']} {event['match']}, "
                  f"{entry['category']} priority {entry['priority']}" + (f", {marks}" if marks else ""))

    def wait_hold(self, event, timeout_s):
        def look():
            with self.lock:
                return self.active.get(event)
        return wait_for(f"the hold of read {event}", look, timeout_s)

    def has_ended(self, hold):
        with self.lock:
            return hold in self.ended

    def wait_ended(self, hold, timeout_s):
        return wait_for(f"the end of hold {hold}", lambda: self.has_ended(hold), timeout_s)

    def close(self):
        """Ends the thread; what the stopping programs say is not told any more."""
        self.client.socket.shutdown(socket.SHUT_RDWR)
        self.join()
        self.client.close()

    def count(self):
        with self.lock:
            return len(self.seen_ns), len(self.alerted_ns), len(self.active)
