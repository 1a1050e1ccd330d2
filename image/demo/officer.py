"""An officer at the console: signs for a hit, looks, confirms or rejects it, says what became of it, closes."""
import threading

from harness.process import ProgramError, wait_for

LEADER, OFFICER = ("200001", "583920", "王建国"), ("100001", "274916", "李明")  # for whoever watches the demo
SECOND, SCRIPT = ("200002", "640173", "赵红梅"), ("100002", "918265", "孙伟")   # the demo plays these
SECOND_PERSON = {"officer": SECOND[0], "password": SECOND[1]}
ASK_AGAIN_S, EVENTS_WAIT_S, PERSON_LOOKS_S = 0.2, 20.0, 60.0
DONE_BY_OTHERS = {"answered", "signed", "stage", "nothing_waits", "no_such_hold", "not_found"}


class Refused(RuntimeError):
    def __init__(self, name, args, error):
        super().__init__(f"{name} {args}: {error}")
        self.code, self.error = error["code"], error


class Officer:
    """Acts through the console alone. What somebody at a browser did first is left so."""

    def __init__(self, browser, stream, watch, tell):
        self.browser, self.stream, self.watch, self.tell = browser, stream, watch, tell

    def act(self, name, **args):
        while True:
            status, answer = self.browser.act(name, **args)
            if status == 200:
                return answer["result"]
            if answer["error"]["code"] != "busy":
                raise Refused(name, args, answer["error"])
            threading.Event().wait(ASK_AGAIN_S)

    def step(self, name, **args):
        """The act, or None when somebody else was first."""
        try:
            return self.act(name, **args)
        except Refused as refused:
            if refused.code not in DONE_BY_OTHERS:
                raise
            return None

    def somebody_watches(self):
        """A person signed on at a browser."""
        return any(row["officer"] in (LEADER[0], OFFICER[0]) for row in self.act("handover")["on_shift"])

    def leave_to_person(self, lane, hold):
        self.tell("officer", lane, f"hold {hold}: yours at the console for {PERSON_LOOKS_S:.0f} s, then the demo's")
        try:
            self.watch.wait_ended(hold, PERSON_LOOKS_S)
        except ProgramError:
            pass  # the demo goes on with it

    def deal(self, lane, event, hold, confirms, priority):
        """A hit to its end; `hold` None: it holds nobody. The hold is over when this returns."""
        hit = self.stream.wait_hit(event, EVENTS_WAIT_S)
        if hold and self.somebody_watches():
            self.leave_to_person(lane, hold)
        shown = self.act("hit_show", hit=hit)
        self.step("hit_sign", hit=hit)
        if confirms:
            self.confirm(lane, hit, shown)
        else:
            self.reject(lane, hit, hold and priority == 1)
        self.end(lane, hit, hold, priority)

    def confirm(self, lane, hit, shown):
        agreed = {"plate_agrees": True, "class_agrees": True, "vehicle_agrees": True}
        after_ms = shown["confirm_after_ms"]
        if shown["hit"]["handling"].get("two_persons"):
            agreed["second"] = SECOND_PERSON
        while True:
            threading.Event().wait(after_ms / 1000)
            try:
                done = self.step("hit_confirm", hit=hit, **agreed)
                break
            except Refused as refused:
                if refused.code == "too_soon":
                    after_ms = refused.error["left_ms"]
                elif refused.code == "by_eye" and "by_eye" not in agreed:
                    agreed["by_eye"], after_ms = True, 0
                else:
                    raise
        self.tell_answer(lane, hit, done, "plate, class and vehicle agree, confirmed / 已核对属实", "second" in agreed)

    def reject(self, lane, hit, with_leader):
        second = {"second": SECOND_PERSON} if with_leader else {}
        done = self.step("hit_reject", hit=hit, reason="plate_differs", note="相似号牌 a look-alike", **second)
        self.tell_answer(lane, hit, done, "another plate, rejected / 号牌不符，已排除", with_leader)

    def tell_answer(self, lane, hit, done, what, with_second):
        if done:
            self.tell("officer", lane, f"hit {hit}: {what}" + (f"; leader {SECOND[0]} agrees" if with_second else ""))

    def end(self, lane, hit, hold, priority):
        """Whoever answered: an agreement that waits, what became of the vehicle, the hold, the case itself."""
        if self.act("hit_show", hit=hit)["hit"]["handling"].get("waits"):
            self.step("hit_agree", hit=hit, second=SECOND_PERSON)
        confirmed = self.act("hit_show", hit=hit)["hit"]["handling"]["answer"] == "confirm"
        if confirmed:
            self.step("hit_intercept", hit=hit)
            outcome = self.act("codes")["tables"]["outcome"][0]["code"]
            self.step("hit_feedback", hit=hit, outcome=outcome, suspect=False, document="DEMO-1")
        if hold and confirmed and not self.watch.has_ended(hold):  # a rejection has ended it
            second = {"second": SECOND_PERSON} if priority == 1 else {}
            self.step("release", hold=hold, reason="已核对 checked by eye", reason_code="checked", pin=SCRIPT[1],
                      **second)
            self.tell("officer", lane, f"hold {hold}: released by {SCRIPT[0]}"
                      + (f" with leader {SECOND[0]}" if second else ""))
        if hold:
            self.watch.wait_ended(hold, EVENTS_WAIT_S)
        self.step("hit_close", hit=hit)
        wait_for(f"hit {hit} closed at the console", lambda: self.stream.case(hit).get("stage") == "closed",
                 EVENTS_WAIT_S)
