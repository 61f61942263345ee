"""A shift by somebody who has the operator's sheet (docs/operator-sheet.md) and the page, a scanner, a keyboard and a mouse, and nothing
else: five units to their right verdicts, and one STOP. Each step is one of the sheet's, and is looked for on the page first."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import rig  # noqa: E402
import test_station_people  # noqa: E402
from station import TWO_PHANTOMS, Station  # noqa: E402

from window import Window  # noqa: E402

CHECKLIST = [{"text": "The cable hangs free"}]


class Operator:
    """Knows what the sheet says. Reads the page by its words, as they are seen."""

    def __init__(self, window, check):
        self.window, self.check = window, check

    def reads(self, *words, where="main"):
        """All these words are seen there."""
        def seen():
            text = self.window.js(f"return document.querySelector('{where}').innerText")
            return all(word in text for word in words)
        self.check(self.window.wait(seen), f"the sheet leads to {words}: {self.window.js('return document.body.innerText')!r}")

    def clicks(self, words):
        self.check(self.window.press_word(words), f"a button says {words}")

    def done(self):
        """Takes the hands away, then Done."""
        self.window.wait(lambda: self.window.data("read") == "yes")
        self.clicks("Done")

    def signs_in(self):
        self.reads("Scan your badge")
        self.window.scan("OP-0007")
        self.reads("PIN of A. Meier")
        self.window.keys_apart("3141\n", 150)
        self.reads("A. Meier", where="header")

    def scans(self, serial):
        """Scans the pen, whatever else the page asks for; looks at what it wants to have looked at."""
        self.window.scan(serial)
        self.reads(serial)
        self.reads("Scan the lot")
        self.window.scan("L42")
        self.reads("The cable hangs free")
        self.done()
        self.reads(serial, "START")

    def verdict(self, serial, *words):
        self.reads(serial, *words)

    def signs_out(self):
        self.clicks("sign out")
        self.reads("Sign in", where="header")


def product(name, serial, plan):
    return {"name": name, "serial": serial, "plan": str(plan), "needs": {"lot": "L[0-9]+", "checklist": CHECKLIST}}


def shift(w, check):
    test_station_people.make_accounts(check)
    test_station_people.account("train", "A. Meier", "--plan", "ci-smoke")
    test_station_people.account("train", "A. Meier", "--plan", "plan")
    s = Station(plan=TWO_PHANTOMS, accounts=str(test_station_people.trail), history="history")
    s.kill()
    s.config["products"] = [product("Pen S", "PEN-(GOOD|DEEP)-0[0-9]", rig.FIXTURES / "plans/ci-smoke.json"), product("Pen L", "PEN-GOOD-9[0-9]", s.folder / "plan.json")]
    test_station_people.fails_elsewhere(s.folder / "history", "PEN-GOOD-03", "retest")
    test_station_people.fails_elsewhere(s.folder / "history", "PEN-GOOD-04", "reject")
    rig.run_plan("ci-smoke.json", dut="PEN-GOOD-05", faults=("offset@0,by=0.5",), extra=("--history", s.folder / "history"))
    s.start()
    w.open(s)
    person = Operator(w, check)
    check(w.js("return document.getElementById('warn').innerText") == "", "no yellow field: the shift may begin")
    person.signs_in()
    person.scans("PEN-GOOD-01")
    w.keys("\n")
    person.verdict("PEN-GOOD-01", "PASS", "On to the next station")
    person.scans("PEN-DEEP-02")
    person.clicks("START")
    person.verdict("PEN-DEEP-02", "FAIL", "Red bin", "may be tested again", "beyond")
    w.scan("PEN-GOOD-04")
    person.reads("PEN-GOOD-04 was rejected")  # a yellow bar: nothing was started
    person.scans("PEN-GOOD-03")
    w.scan("%START")
    person.verdict("PEN-GOOD-03", "PASS")
    person.scans("PEN-GOOD-05")
    w.keys("\n")
    person.verdict("PEN-GOOD-05", "HELD", "Set it aside. A supervisor decides.")
    person.scans("PEN-GOOD-91")
    w.keys("\n")
    person.reads("Put phantom SIL-SOFT-01 under the pen")
    person.done()
    person.verdict("PEN-GOOD-91", "PASS")
    person.scans("PEN-GOOD-92")
    w.keys("\n")
    person.reads("Put phantom SIL-SOFT-01 under the pen")
    person.clicks("STOP")
    check(w.until("verdict"), "it ends")
    end = s.events()[-1][-1]
    word, todo = ("STOP\nUNVERIFIED", "Do not touch the needles") if end["stop_unverified"] else ("NOT\nTESTED", "Test it again")
    person.verdict("PEN-GOOD-92", word, todo)
    person.signs_out()
    told = [(u["serial"], u["verdict"]) for u in s.units()]
    wanted = [("PEN-GOOD-01", "pass"), ("PEN-DEEP-02", "fail"), ("PEN-GOOD-03", "pass"), ("PEN-GOOD-05", "held"), ("PEN-GOOD-91", "pass"), ("PEN-GOOD-92", "stop_unverified" if end["stop_unverified"] else "not_tested")]
    check(told == wanted, f"five right verdicts and one STOP: {told}")
    s.end()


def main():
    check = rig.Checks()
    window = Window()
    try:
        shift(window, check)
    finally:
        window.driver.quit()
        Station.end_all()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
