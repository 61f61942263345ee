"""The operator's page in a real browser (Debian's chromium): scanner and keyboard, verdicts as they are read from two metres, STOP, a
station that is killed, frozen and restarted, two windows. runs alone: a browser wants a core to itself."""
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import rig  # noqa: E402
import powered  # noqa: E402
import test_station_people  # noqa: E402
from station import LIMIT_S, TWO_PHANTOMS, Page, Station  # noqa: E402

from selenium.webdriver.common.by import By  # noqa: E402
from window import LETTERS, SIZES, Window  # noqa: E402

ONLY = os.environ.get("ONLY", "").split()  # names of tests


def verdicts(w, check):
    s = Station(fast=False)
    check(w.open(s), "the page opens")
    w.look(check, "ready")
    w.keys("HELLO-1\n")
    check(w.wait(lambda: w.data("refused") == "unknown"), "a wrong code is refused")
    check("Scan the code on the pen" in w.text("refusal"), "and the page says what was expected")
    w.look(check, "refused")
    for code, word in (("PEN-GOOD-01", "pass"), ("PEN-DEEP-01", "fail")):
        w.keys(code + "\n")
        check(w.until("armed") and w.text("armed-serial") == code, f"{code} is known")
        check(w.data("word") == "", "the verdict of the unit before is gone")
        w.keys("\n")
        check(w.until("running"), f"{code} runs")
        if word == "pass":
            w.wait(lambda: "0." in w.js("return document.querySelector('#bar-depth output').textContent"))
            w.look(check, "running")
        check(w.until("verdict") and w.data("word") == word and w.text("v-serial") == code, f"{code}: {w.data('word')} {w.text('v-why')}")
        w.look(check, word)
        for width, height in SIZES:
            w.size(width, height)
            w.wait(lambda: w.js("return [innerWidth, innerHeight]") == [width, height])
            w.js("dispatchEvent(new Event('resize'))")
            check(w.js(LETTERS) >= 12, f"{word} at {width} x {height}: letters of {w.js(LETTERS):.1f} %")
        w.size(1024, 600)
    check(w.text("word") == "FAIL" and "beyond" in w.text("v-why"), f"what decided is said: {w.text('v-why')}")
    severe = [e for e in w.driver.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]]
    check(not severe, f"the browser has nothing against it: {severe}")
    w.driver.get(f"http://{s.host}/?lang=de")
    check(w.wait(lambda: w.text("word") == "FEHLER"), "the same in German")
    s.end()


def stop_and_prompt(w, check):
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    w.open(s)
    w.keys("PEN-GOOD-01\n")
    check(w.until("prompt") and "SIL-SOFT-01" in w.text("prompt-word"), "the phantom is asked for")
    w.look(check, "prompt")
    w.answer("prompt-done")
    check(w.wait(lambda: w.data("view") == "running"), "done: it goes on")
    w.driver.find_element(By.ID, "stop").send_keys("")
    w.keys("\ue00c")  # Escape
    check(w.until("verdict"), "Escape ends it")
    end = s.events()[-1][-1]
    wanted = "stop_unverified" if end["stop_unverified"] else "not_tested"
    check(end["event"] == "end" and (w.data("word") == wanted or end["exit_code"] == 0), f"as the run itself says: {w.data('word')}, {end}")
    w.look(check, w.data("word"))
    s.end()


def lost(w, check):
    """A station that is frozen, and one that is killed and restarted during a run."""
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    w.open(s)
    w.keys("PEN-GOOD-01\n")
    w.until("running")
    os.kill(s.process.pid, signal.SIGSTOP)
    check(w.wait(lambda: w.data("heard") == "no"), "a frozen station: the page covers itself")
    top = w.js("return document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('#cover') !== null")
    check(top and "No connection" in w.text("cover-word"), "all of it")
    w.look(check, "lost")
    os.kill(s.process.pid, signal.SIGCONT)
    check(w.wait(lambda: w.data("heard") == "yes"), "and shows what is, once it hears again")
    s.kill()
    check(w.wait(lambda: w.data("heard") == "no"), "a killed station: the page covers itself")
    s.start()
    check(w.wait(lambda: w.data("heard") == "yes" and w.data("view") == "prompt"), "restarted: the run went on, and asks")
    other = w.driver.current_window_handle
    w.driver.switch_to.new_window("window")
    w.driver.get(f"http://{s.host}/")
    check(w.until("prompt"), "a second window shows the same")
    w.answer("prompt-done")
    check(w.until("verdict") and w.data("word") == "pass", f"answered there: {w.data('word')}")
    w.driver.close()
    w.driver.switch_to.window(other)
    check(w.until("verdict") and w.data("word") == "pass" and w.data("serial") == "PEN-GOOD-01", "and the first window shows it")
    s.end()


def died(w, check):
    """A run that ends without a word: the pen may still move."""
    s = Station(fast=False, start="at_once")
    w.open(s)
    w.keys("PEN-GOOD-01\n")
    w.wait(lambda: w.text("stage") == "Measuring")
    os.kill(next(e["pid"] for e in s.events()[0] if e["event"] == "begin"), signal.SIGKILL)
    check(w.until("verdict") and w.data("word") == "stop_unverified", f"a run that was killed: {w.data('word')}")
    check("Do not touch" in w.text("v-todo") and w.text("v-next") == "", "what to do, and no next pen")
    w.look(check, "stop_unverified")
    s.end()


def people(w, check):
    """A PIN at the keypad, a unit that failed once, and a supervisor's decision; a wrong PIN is said. Without a mouse: see keys_alone."""
    test_station_people.make_accounts(check)
    test_station_people.account("train", "A. Meier", "--plan", "plan")
    s = Station(accounts=str(test_station_people.trail), plan=test_station_people.SLOWER, start="at_once")
    w.open(s)
    w.keys("OP-0007\n")
    check(w.wait(lambda: w.data("dialog") == "pin"), "a badge asks for its PIN")
    w.look(check, "pin")

    def pin(digits):
        for digit in digits:
            w.driver.find_element(By.XPATH, f"//div[@id='pad']/button[text()='{digit}']").click()
        w.driver.find_element(By.ID, "pin-ok").click()
    pin("0000")
    check(w.wait(lambda: w.data("refused") == "account_wrong"), "a wrong PIN is refused")
    pin("3141")
    check(w.wait(lambda: "A. Meier" in w.text("person") and w.data("dialog") == ""), "the right one signs in")
    w.keys("PEN-GOOD-01\n")
    check(w.until("verdict") and w.data("word") == "fail", f"it fails: {w.data('word')}")
    s.kill()
    s.config["products"][0]["plan"] = str(rig.FIXTURES / "plans/ci-smoke.json")
    test_station_people.account("train", "A. Meier", "--plan", "ci-smoke")
    s.start()
    check(w.until("ready"), "after a restart it is ready")
    check("Sign in" in w.text("person"), "and nobody is signed in")
    w.driver.find_element(By.ID, "person").click()
    w.wait(lambda: w.data("dialog") == "pin")
    w.driver.find_element(By.ID, "pin-who").send_keys("A. Meier")
    pin("3141")
    w.wait(lambda: "A. Meier" in w.text("person"))
    w.keys("PEN-GOOD-01\n")
    check(w.until("verdict") and w.data("word") == "held", f"it passes, and is held: {w.data('word')}")
    w.look(check, "held")
    w.driver.find_element(By.ID, "supervisor").click()
    w.wait(lambda: w.data("dialog") == "decide")
    w.look(check, "decide")
    w.driver.find_element(By.ID, "decide-who").send_keys("R. Chief")
    w.driver.find_element(By.ID, "decide-pin").send_keys("271828")
    w.driver.find_element(By.ID, "decide-why").send_keys("phantom was torn")
    w.driver.find_element(By.ID, "decide-retest").click()
    check(w.until("ready"), f"set aside, nothing is green yet: {w.data('view')} {w.data('word')} {w.data('refused')}")
    w.keys("PEN-GOOD-01\n")
    check(w.until("verdict") and w.data("word") == "pass", f"the new test decides: {w.data('word')} {w.data('refused')}")
    s.end()


def not_taken(w, check):
    """An order that the station refuses, and STOP that does not reach it, are said; a scan that is taken takes the bar away."""
    s = Station()
    w.open(s)
    w.js("window.realFetch = fetch; window.fetch = (u, o) => realFetch(u, { ...o, headers: {} })")  # as a proxy that takes a header away
    w.keys("PEN-GOOD-01\n")
    check(w.wait(lambda: w.data("unheard") == "403"), f"a refused order is said: {w.data('unheard')}")
    check("403" in w.text("refusal") and w.data("view") == "ready", f"with its status: {w.text('refusal')}")
    w.look(check, "unheard")
    w.keys("\ue00c")
    check(w.wait(lambda: "STOP did not reach" in w.text("refusal")), "a STOP that was not heard says so")
    w.js("window.fetch = realFetch")
    w.keys("PEN-GOOD-01\n")
    check(w.until("armed") and w.data("unheard") == "", "one that is heard takes the bar away")
    s.end()


def pen_of_parts(w, check):
    """What stands on the pen is scanned, or typed as a person types; it is no new unit, and Enter alone answers nothing."""
    s = Station(plan=powered.PLAN, bench="bought-supply.json", world=("--dial", "{folder}/dial"), start="at_once")
    w.open(s)
    w.keys("PEN-GOOD-01\n")
    check(w.until("prompt") and "Scan the pen" in w.text("prompt-word"), "the pen is asked for")
    w.look(check, "scan-pen")
    w.js("document.getElementById('prompt-read').value = 'PEN-GOOD-01'")
    w.answer("prompt-done")
    check(w.wait(lambda: "dial" in w.text("prompt-word") and "0.7 mm" in w.text("prompt-word")), f"typed, and taken: {w.text('prompt-word')}")
    w.look(check, "dial")
    w.answer("give-up")
    check(w.until("verdict"), "given up")
    s.end()


def told_once(w, check):
    """A sound for each verdict, once: not for one that a page finds, and for one that came while the page did not hear."""
    s = Station(start="at_once")
    w.open(s)
    w.keys("PEN-GOOD-01\n")
    check(w.until("verdict") and w.wait(lambda: w.data("sounds") == "1"), f"one verdict, one sound: {w.data('sounds')}")
    w.js("source.close()")
    s.order("scan", code="PEN-GOOD-02")
    page = Page(s)
    page.until(lambda b: b["view"] == "verdict" and b["serial"] == "PEN-GOOD-02")
    check(w.wait(lambda: w.data("serial") == "PEN-GOOD-02") and w.data("sounds") == "2", f"one that came meanwhile is heard too: {w.data('sounds')}")
    w.driver.refresh()
    check(w.until("verdict") and not w.data("sounds"), "a page that finds a verdict is silent")
    s.end()


def main():
    check = rig.Checks()
    window = Window()
    try:
        for test in (verdicts, stop_and_prompt, lost, died, people, not_taken, pen_of_parts, told_once):
            if ONLY and test.__name__ not in ONLY:
                continue
            test(window, check)
    finally:
        window.driver.quit()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
