"""The operator's page in a real browser (Debian's chromium): scanner and keyboard, verdicts as they are read from two metres, STOP, a
station that is killed, frozen and restarted, two windows. runs alone: a browser wants a core to itself."""
import json
import os
import re
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import rig  # noqa: E402
import powered  # noqa: E402
import test_station_people  # noqa: E402
from station import LIMIT_S, TWO_PHANTOMS, Page, Station  # noqa: E402

from window import LETTERS, SIGHTS, Window, descendants  # noqa: E402

# Of each tune as it is heard: its length in hundredths of a second, its loudest, how often it crosses zero.
TUNES = """
const done = arguments[0], heard = async tune => {
  const context = new OfflineAudioContext(1, 2 * 8000, 8000);
  play(tune, context, 0);
  const data = (await context.startRendering()).getChannelData(0);
  let end = 0, peak = 0, turns = 0;
  data.forEach((v, i) => { if (Math.abs(v) > 0.01) end = i; peak = Math.max(peak, Math.abs(v)); if (i && v * data[i - 1] < 0) turns++; });
  return [Math.round(end / 80), peak, turns];
};
Promise.all(Object.keys(TUNES).map(heard)).then(done);
"""
# The answer that a code waits for does not come: what is shown at first, and what then.
ASKING = """
const done = arguments[0], word = document.getElementById('ready-word');
source.close();
onBench({ data: JSON.stringify({ ...bench, view: 'ready', serial: '', asking: 'PEN-GOOD-09' }) });
const first = word.textContent;
new MutationObserver(() => done([first, word.textContent])).observe(word, { childList: true, characterData: true, subtree: true });
"""
THREE_PHANTOMS = {**TWO_PHANTOMS, "name": "three-phantoms", "steps": [{**TWO_PHANTOMS["steps"][0], "phantom": ["SIL-STD-01", "SIL-SOFT-01", "SIL-BONE-01"]}]}
ONLY = os.environ.get("ONLY", "").split()  # names of tests


def letters(w, check, language):
    """Every verdict is read from two metres; on a telephone, which is read in the hand, those of two lines may be smaller."""
    for width, height in w.sizes():
        seen = w.js(LETTERS)
        check(seen["panel"] >= 60, f"{width} x {height}: the verdict takes {seen['panel']:.0f} % of the page")
        for word, percent in seen["heights"].items():
            least = 12 if width > height or word in ("pass", "fail") else {"en": 7, "de": 6}[language]
            check(percent >= least, f"{word} at {width} x {height}, {language}: letters of {percent:.1f} %")


def linear(colour):
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour)]


def luminance(colour):
    return sum(weight * v for weight, v in zip((0.2126, 0.7152, 0.0722), linear(colour)))


def lab(colour):
    """CIE 1976 L*a*b* of sRGB, white D65."""
    r, g, b = linear(colour)
    xyz = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b, (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    x, y, z = (v ** (1 / 3) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def told_apart(w, check):
    """PASS, FAIL and NOT TESTED by whoever sees colours otherwise, and in black and white; also without colour, each by its shape."""
    words = ("pass", "fail", "not_tested")
    seen = w.grounds(words)
    for sight in SIGHTS:
        for one, other in ((words[0], words[1]), (words[0], words[2]), (words[1], words[2])):
            a, b = seen[one, sight], seen[other, sight]
            apart = sum((p - q) ** 2 for p, q in zip(lab(a), lab(b))) ** 0.5
            ratio = (max(luminance(a), luminance(b)) + 0.05) / (min(luminance(a), luminance(b)) + 0.05)
            check(ratio >= 1.5 and (apart >= 30 or sight == "achromatopsia"), f"{one} and {other}, {sight}: {a} {b}: {apart:.0f} apart, ratio {ratio:.1f}")
    check(seen["pass", "none"] != seen["pass", "deuteranopia"], "the browser shows colours as they are seen")
    shapes = w.js("return Object.values(SHAPES)")
    check(len(set(shapes)) == 5, f"each verdict has its own shape: {len(set(shapes))}")


def verdicts(w, check):
    s = Station(fast=False)
    check(w.open(s), "the page opens")
    w.look(check, "ready")
    w.scan("HELLO-1")
    check(w.wait(lambda: w.data("refused") == "unknown"), "a wrong code is refused")
    check("Scan the code on the pen" in w.text("refusal"), "and the page says what was expected")
    w.look(check, "refused")
    for code, word in (("PEN-GOOD-01", "pass"), ("PEN-DEEP-01", "fail")):
        w.scan(code)
        check(w.until("armed") and w.text("armed-serial") == code, f"{code} is known")
        check(w.data("word") == "", "the verdict of the unit before is gone")
        w.keys("\n")
        check(w.shown("running"), f"{code} runs")
        if word == "pass":
            w.wait(lambda: "0." in w.js("return document.querySelector('#bar-depth output').textContent"))
            w.look(check, "running")
        check(w.until("verdict") and w.data("word") == word and w.text("v-serial") == code, f"{code}: {w.data('word')} {w.text('v-why')}")
        w.look(check, word)
        letters(w, check, "en")
    told_apart(w, check)
    check(w.text("word") == "FAIL" and "beyond" in w.text("v-why"), f"what decided is said: {w.text('v-why')}")
    severe = [e for e in w.driver.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]]
    check(not severe, f"the browser has nothing against it: {severe}")
    w.driver.get(f"http://{s.host}/?lang=de")
    check(w.wait(lambda: w.text("word") == "FEHLER"), "the same in German")
    letters(w, check, "de")
    s.end()


def stop_and_prompt(w, check):
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    w.open(s)
    w.scan("PEN-GOOD-01")
    check(w.until("prompt") and "SIL-SOFT-01" in w.text("prompt-word"), "the phantom is asked for")
    w.look(check, "prompt")
    w.answer("prompt-done")
    check(w.wait(lambda: w.data("view") == "running"), "done: it goes on")
    w.js("document.getElementById('stop').focus()")
    w.keys("\ue00c")  # Escape
    check(w.until("verdict"), "Escape ends it")
    end = s.events()[-1][-1]
    check(end["event"] == "end" and (w.data("word") == run_says(s) or end["exit_code"] == 0), f"as the run itself says: {w.data('word')}, {end}")
    w.look(check, w.data("word"))
    s.end()


def run_says(s):
    """What the page has to show of a run that was stopped, by its own last word: a computer that is held up may not see the needles stop."""
    end = s.events()[-1][-1]
    return "stop_unverified" if end["stop_unverified"] else "not_tested"


def type_as_a_person(w, check, text):
    """The first key opens the field; it is seen before the others are pressed."""
    w.keys(text[0])
    check(w.wait(lambda: w.js("return document.getElementById('typed').value") == text[0]), f"a key of a person stands in the field: {text[0]}")
    w.keys_apart(text[1:4], 45)
    w.keys(text[4:])
    check(w.js("return document.getElementById('typed').value") == text, f"{text} stands there")
    w.keys("\n")


def keys_alone(w, check):
    """By keyboard, at a person's speed, and without sound: a unit, its start, the next, and what is reached by Tab."""
    s = Station()
    w.open(s)
    w.js("window.AudioContext = undefined")
    for serial in "PEN-GOOD-01", "PEN-GOOD-02":
        type_as_a_person(w, check, serial)
        check(w.until("armed") and w.text("armed-serial") == serial, f"{serial} is taken: {w.data('view')} {w.data('refused')}")
        w.keys("\n")
        check(w.until("verdict") and w.data("word") == "pass" and w.text("v-serial") == serial, f"Enter starts it: {w.data('view')} {w.data('word')}")
        check(w.js("return document.querySelector('#shape path') !== null") and w.text("word") == "PASS", "word and shape say it without a sound")
    reached = set()
    for _ in range(12):
        w.keys("\t")
        reached.add(w.js("const e = document.activeElement, c = getComputedStyle(e); return (e.id || e.parentElement.id) + ' ' + c.outlineStyle + ' ' + c.outlineWidth"))
    check({"last solid 6px", "stop solid 6px"} <= reached, f"what can be pressed is reached by Tab, and shows it: {reached}")
    type_as_a_person(w, check, "PEN-GOOD-02")
    check(w.wait(lambda: w.data("refused") == "passed_already"), "one that has passed is refused")
    w.js("document.body.focus(); document.activeElement.blur()")
    type_as_a_person(w, check, "PEN-GOOD-03")
    w.until("armed")
    w.keys("\ue00c")
    check(w.until("ready"), "Escape takes it away again")
    w.keys_apart("ab", 45)
    check(w.wait(lambda: w.js("return document.getElementById('typed').value") == "ab"), f"two quick keys of a person: {w.js('return typed.value')}")
    w.scan("PEN-GOOD-03")
    check(w.wait(lambda: w.data("unheard") == "again") and w.data("view") == "ready", "a code that is scanned behind what was typed is no other: neither is sent")
    check("again" in w.text("refusal") and w.js("return typed.value") == "", f"it is said, and the field is empty: {w.text('refusal')}")
    w.scan("PEN-GOOD-03")
    check(w.until("armed") and w.text("armed-serial") == "PEN-GOOD-03" and w.wait(lambda: w.data("unheard") == ""), f"read again, it is taken: {w.data('view')} {w.data('refused')} {w.data('unheard')}")
    s.end()
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    w.open(s)
    type_as_a_person(w, check, "PEN-GOOD-01")
    w.wait(lambda: w.text("stage") == "Measuring")
    check(w.js("return document.activeElement === document.body && !document.getElementById('typed').checkVisibility()"), "a test has no field to type in")
    w.keys(" ")
    check(w.until("verdict") and w.data("word") == run_says(s), f"Space stops: {w.data('word')}")
    s.end()


# What the page touches when it hears again what it knows already.
AGAIN = """
const seen = new MutationObserver(() => {});
seen.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
for (let i = 0; i < 3; i++) { onStation({ data: JSON.stringify(station) }); onBench({ data: JSON.stringify(bench) }); heard(); watch(); }
return seen.takeRecords().map(r => r.type + ' ' + (r.attributeName || '') + ' of ' + (r.target.id || r.target.nodeName));
"""
# Of what can be pressed or typed at and is seen: that which loses the keyboard when the page hears of a unit more, and of one less.
LOSES = """
const lost = [], was = JSON.stringify(station);
const hear = news => { onStation({ data: JSON.stringify(news) }); onBench({ data: JSON.stringify(bench) }); };
for (const e of document.querySelectorAll('button, a, input')) {
  if (!e.isConnected) lost.push(e.id || e.title || e.textContent);
  if (!e.checkVisibility()) continue;
  e.focus();
  if (document.activeElement !== e) continue;
  const now = JSON.parse(was);
  now.last.push({ serial: 'X', name: 'x', word: 'fail' });
  for (const news of [now, JSON.parse(was)]) { hear(news); if (document.activeElement !== e) lost.push(e.id || e.title || e.textContent); e.focus(); }
}
const first = document.querySelector('#last > a:last-child');
if (first) { first.focus(); hear({ ...JSON.parse(was), last: JSON.parse(was).last.slice(1) }); if (!document.activeElement.closest('#last') && document.querySelector('#last > a')) lost.push('its neighbour'); }
hear(JSON.parse(was));
document.activeElement.blur();
return lost;
"""


def accounts(check):
    """Of nobody else's test: A. Meier may test by the plan of a station's own folder."""
    test_station_people.trail.unlink(missing_ok=True)
    test_station_people.make_accounts(check)
    test_station_people.account("train", "A. Meier", "--plan", "plan")


def steady(w, check, name):
    """A page that hears nothing new touches nothing; one that does leaves the keyboard where it is."""
    anew, lost = w.js(AGAIN), w.js(LOSES)
    check(anew == [], f"{name}: heard again, drawn anew: {anew}")
    check(lost == [], f"{name}: the keyboard loses its place: {lost}")


def keeps_its_place(w, check):
    """In every view, with units in the foot, a warning, a question, a dialog; on a station of two benches, of which the first is called as the page numbers the second."""
    accounts(check)
    s = Station(plan=TWO_PHANTOMS, accounts=str(test_station_people.trail))
    s.kill()
    second = s.folder / "second.json"
    second.write_text(Path(s.config["benches"][0]["file"]).read_text())
    s.config["benches"][0]["label"] = "1"
    s.config["benches"].append({"file": str(second), "label": "Bench 2"})
    s.start()
    w.open(s)
    check(w.js("return [...document.querySelectorAll('#benches > *')].map(e => e.textContent)") == ["1", "2"], "its name, and the other's number")
    steady(w, check, "ready")
    w.scan("OP-0007")
    w.wait(lambda: w.data("dialog") == "pin")
    steady(w, check, "PIN")
    w.press("#pin-text")
    w.keys_apart("3141\n", 150)
    check(w.wait(lambda: "A. Meier" in w.text("person") and w.data("dialog") == ""), "signed in")
    for serial in "PEN-GOOD-01", "PEN-GOOD-02":
        w.scan(serial)
        check(w.until("armed"), f"{serial}: {w.data('view')} {w.data('refused')}")
        steady(w, check, "armed")
        w.keys("\n")
        check(w.until("prompt"), "a question")
        steady(w, check, "prompt")
        w.answer("prompt-done")
        check(w.until("verdict"), "a verdict")
        steady(w, check, "verdict")
    w.keys("\t")
    w.js("document.querySelector('#last > a').focus()")
    s.order("scan", code="PEN-GOOD-02")
    check(w.wait(lambda: w.data("refused") == "passed_already"), "another page scans one")
    check(w.js("return document.activeElement.title") == "PEN-GOOD-02", "and the keyboard stays at its unit")
    steady(w, check, "refused")
    s.end()


def typed_for_one(w, check):
    """What stands in the field belongs to what the page showed: it is gone with the view and the unit, and is sent only where it is seen and has the focus."""
    s = Station(products=[{"name": "Pen S", "serial": "(PEN-[A-Z]+-)?[0-9]{2,10}", "plan": str(rig.FIXTURES / "plans/ci-smoke.json")}])
    w.open(s)
    value = "return document.getElementById('typed').value"

    def stale(what, change, wanted):
        w.press("#typed")
        w.keys("PEN-GOOD-07")
        check(w.js(value) == "PEN-GOOD-07", f"{what}: typed")
        change()
        check(w.wait(lambda: (w.data("view"), w.data("serial")) == wanted) and w.js(value) == "", f"{what}: the field is empty: {w.data('view')} {w.js(value)}")
        w.keys("\n")
    stale("another page scans a unit", lambda: s.order("scan", code="PEN-GOOD-02"), ("armed", "PEN-GOOD-02"))
    check(w.until("verdict", "PEN-GOOD-02"), f"Enter starts the unit that is shown: {w.data('serial')}")
    w.press("#verdict")
    stale("another page scans one behind a verdict", lambda: s.order("scan", code="PEN-GOOD-03"), ("armed", "PEN-GOOD-03"))
    check(w.until("verdict", "PEN-GOOD-03"), f"Enter starts that one: {w.data('serial')}")
    w.press("#verdict")
    typed = lambda: w.wait(lambda: w.js(value) == "12" and w.js("return performance.now() - last > 2 * BURST_MS"))  # by the page's clock no scanner goes on with them
    w.keys("12")
    typed()
    w.js("document.getElementById('typed').blur()")
    w.keys("\n")
    w.scan_late("4711")
    check(w.until("armed") and w.data("serial") == "4711", f"what stands in a field without the focus is not sent, nor is it part of a code: {w.data('serial')} {w.data('refused')}")
    w.press("#armed-serial")
    w.keys("12")
    typed()
    w.scan("4712")
    check(w.wait(lambda: w.data("unheard") == "again") and w.data("serial") == "4711", f"nor is what has it: {w.data('serial')}")
    w.js("window.realTimeout = setTimeout; window.setTimeout = (f, ms) => realTimeout(f, ms === TYPED_MS ? 0 : ms)")
    w.press("#armed-serial")
    w.keys("1")
    check(w.wait(lambda: w.js(value) == ""), "what nobody goes on with is emptied")
    s.end()


def scanner_alone(w, check):
    """Badge, unit, start, a question, the end: nothing but codes. What is stopped has a question to come: it cannot have passed by then."""
    s = Station(plan=THREE_PHANTOMS, fast=False, operators=[("A. Meier", "OP-0007")])
    w.open(s)
    w.scan("OP-0007")
    check(w.wait(lambda: "A. Meier" in w.text("person")), "a badge")
    w.scan("]d20104012345678901" "21PEN-GOOD-01\x1d" "10L42")
    check(w.until("armed") and w.js("return bench.lot") == "L42" and w.text("armed-serial") == "PEN-GOOD-01", f"an element string: {w.data('view')} {w.data('refused')}")
    w.scan("%START")
    check(w.until("prompt"), "the card starts it")
    check(w.sounds()[-1:] == ["asks"], f"a question is heard: {w.sounds()}")
    w.wait(lambda: w.data("read") == "yes")
    w.scan("%DONE")
    check(w.wait(lambda: w.data("view") == "running"), "the card answers it")
    w.scan("%STOP")
    check(w.until("verdict") and w.data("word") == run_says(s), f"the card stops it: {w.data('word')}")
    s.end()


def lost(w, check):
    """A station that is frozen, and one that is killed and restarted during a run."""
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    w.open(s)
    w.scan("PEN-GOOD-01")
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
    w.scan("PEN-GOOD-01")
    w.wait(lambda: w.text("stage") == "Measuring")
    os.kill(next(e["pid"] for e in s.events()[0] if e["event"] == "begin"), signal.SIGKILL)
    check(w.until("verdict") and w.data("word") == "stop_unverified", f"a run that was killed: {w.data('word')}")
    check("Do not touch" in w.text("v-todo") and w.text("v-next") == "", "what to do, and no next pen")
    w.look(check, "stop_unverified")
    check(w.js("return document.getAnimations().length") == 1, "its border flashes")
    w.media(reduced_motion="reduce")
    still = w.js("return [document.getAnimations().length, getComputedStyle(document.getElementById('verdict'), '::before').backgroundImage !== 'none']")
    check(still == [0, True], f"and stands still for who wants no motion: {still}")
    w.media()
    s.end()


def people(w, check):
    """A PIN at the keypad, a unit that failed once, and a supervisor's decision; a wrong PIN is said. Without a mouse: see keys_alone."""
    accounts(check)
    s = Station(accounts=str(test_station_people.trail), plan=test_station_people.SLOWER, start="at_once")
    w.open(s)
    w.scan("OP-0007")
    check(w.wait(lambda: w.data("dialog") == "pin"), "a badge asks for its PIN")
    w.look(check, "pin")

    def pin(digits):
        for digit in digits:
            w.press_word(digit)
        w.press("#pin-ok")
    pin("0000")
    check(w.wait(lambda: w.data("refused") == "account_wrong"), "a wrong PIN is refused")
    pin("3141")
    check(w.wait(lambda: "A. Meier" in w.text("person") and w.data("dialog") == ""), "the right one signs in")
    w.scan("PEN-GOOD-01")
    check(w.until("verdict") and w.data("word") == "fail", f"it fails: {w.data('word')}")
    s.kill()
    s.config["products"][0]["plan"] = str(rig.FIXTURES / "plans/ci-smoke.json")
    test_station_people.account("train", "A. Meier", "--plan", "ci-smoke")
    s.start()
    check(w.until("ready"), "after a restart it is ready")
    check("Sign in" in w.text("person"), "and nobody is signed in")
    w.press("#person")
    w.wait(lambda: w.data("dialog") == "pin")
    w.write("#pin-who", "A. Meier")
    pin("3141")
    w.wait(lambda: "A. Meier" in w.text("person"))
    w.scan("PEN-GOOD-01")
    check(w.until("verdict") and w.data("word") == "held", f"it passes, and is held: {w.data('word')}")
    w.look(check, "held")
    w.press("#supervisor")
    w.wait(lambda: w.data("dialog") == "decide")
    w.look(check, "decide")
    w.write("#decide-who", "R. Chief")
    w.write("#decide-pin", "271828")
    w.write("#decide-why", "phantom was torn")
    w.press("#decide-retest")
    check(w.until("ready"), f"set aside, nothing is green yet: {w.data('view')} {w.data('word')} {w.data('refused')}")
    w.scan("PEN-GOOD-01")
    check(w.until("verdict") and w.data("word") == "pass", f"the new test decides: {w.data('word')} {w.data('refused')}")
    s.end()


def not_taken(w, check):
    """An order that the station refuses, and STOP that does not reach it, are said; a scan that is taken takes the bar away."""
    s = Station()
    w.open(s)
    w.js("window.realFetch = fetch; window.fetch = (u, o) => realFetch(u, { ...o, headers: {} })")  # as a proxy that takes a header away
    w.scan("PEN-GOOD-01")
    check(w.wait(lambda: w.data("unheard") == "403"), f"a refused order is said: {w.data('unheard')}")
    check("403" in w.text("refusal") and w.data("view") == "ready", f"with its status: {w.text('refusal')}")
    w.look(check, "unheard")
    w.keys("\ue00c")
    check(w.wait(lambda: "STOP did not reach" in w.text("refusal")), "a STOP that was not heard says so")
    w.js("window.fetch = realFetch")
    w.scan("PEN-GOOD-01")
    check(w.until("armed") and w.data("unheard") == "", "one that is heard takes the bar away")
    s.end()


def pen_of_parts(w, check):
    """What stands on the pen is scanned, or typed as a person types; it is no new unit, and Enter alone answers nothing."""
    s = Station(plan=powered.PLAN, bench="bought-supply.json", world=("--dial", "{folder}/dial"), start="at_once")
    w.open(s)
    w.scan("PEN-GOOD-01")
    check(w.until("prompt") and "Scan the pen" in w.text("prompt-word"), "the pen is asked for")
    w.look(check, "scan-pen")
    w.js("document.getElementById('prompt-read').value = 'PEN-GOOD-01'")
    w.answer("prompt-done")
    check(w.wait(lambda: "dial" in w.text("prompt-word") and "0.7 mm" in w.text("prompt-word")), f"typed, and taken: {w.text('prompt-word')}")
    w.look(check, "dial")
    w.answer("give-up")
    check(w.until("verdict"), "given up")
    s.end()


def nobody_was_asked(w, check):
    """The fleet's server is away: what this computer knows counts, and the green word says beneath itself what is not known."""
    s = Station(start="at_once", fleet="host=127.0.0.1 port=9 dbname=none connect_timeout=2")
    w.open(s)
    for code, word in (("PEN-GOOD-01", "pass"), ("PEN-DEEP-01", "fail")):
        w.scan(code)
        check(w.until("verdict", code) and w.data("word") == word, f"{code}: {w.data('word')} {w.data('refused')}")
        check(("Not known: whether it failed elsewhere" in w.text("v-todo")) == (word == "pass"), f"{word}: {w.text('v-todo')}")
        check("Server not reached" in w.text("warn"), f"and the foot why: {w.text('warn')}")
        w.look(check, f"{word}-unasked")
        for width, height in w.sizes():
            percent = w.js(LETTERS)["heights"][word]
            check(percent >= 12, f"{word} at {width} x {height}: letters of {percent:.1f} %")
    first, then = w.driver.execute_async_script(ASKING)
    check("PEN-GOOD-09" not in first and "PEN-GOOD-09" in then, f"what is asked about is said where it takes long enough to be read: {first}, {then}")
    s.end()


def told_once(w, check):
    """A sound for each verdict, once: not for one that a page finds, and for one that came while the page did not hear. Each has its own, and
    so has what somebody who looks away has to know."""
    s = Station(start="at_once")
    w.open(s)
    w.scan("PEN-GOOD-01")
    check(w.until("verdict") and w.wait(lambda: w.sounds() == ["pass"]), f"one verdict, one sound: {w.sounds()}")
    w.js("source.close()")
    s.order("scan", code="PEN-GOOD-02")
    page = Page(s)
    page.until(lambda b: b["view"] == "verdict" and b["serial"] == "PEN-GOOD-02")
    check(w.wait(lambda: w.data("serial") == "PEN-GOOD-02" and w.data("view") == "verdict") and w.sounds() == ["pass", "pass"], f"one that came meanwhile is heard too: {w.sounds()}")
    w.driver.refresh()
    check(w.until("verdict") and not w.sounds(), f"a page that finds a verdict is silent: {w.data('view')} {w.sounds()}")
    w.scan("PEN-GOOD-02")
    check(w.wait(lambda: w.sounds() == ["refused"]), f"a code that is not taken is heard: {w.sounds()}")
    tunes = w.driver.execute_async_script(TUNES)
    check(len(tunes) == 8 and all(peak > 0.1 for _, peak, _ in tunes), f"every tune is heard: {tunes}")
    check(len({(length, turns) for length, _, turns in tunes}) == len(tunes), f"and none is another's: {tunes}")
    s.end()


def needs(w, check):
    """What a product asks for before its test: lot, cartridge, a list with pictures. By scanner and keyboard; nothing starts before all is there."""
    needed = {"lot": "L[0-9]+", "cartridge": "NC-[0-9]{4}", "checklist": [
        {"text": "The cable hangs free, and the pen stands in its clamp up to the stop", "picture": str(rig.ROOT / "docs/pictures/station-ready.png")}, {"text": "Nothing lies under the needles"}]}
    product = {"name": "Pen S", "serial": "PEN-[A-Z]+-[0-9]+", "plan": str(rig.FIXTURES / "plans/ci-smoke.json"), "start": "at_once", "attempts": 2, "needs": needed}
    s = Station(products=[product], scanner={"prefix": "~", "suffix": "!"})
    w.open(s)
    w.scan("~PEN-GOOD-01!")
    check(w.until("armed") and w.js("return bench.wants") == "lot" and "Scan the lot" in w.text("need-word"), f"the lot is asked for: {w.data('view')} {w.data('refused')}")
    check(w.sounds()[-1:] == ["asks"], f"and heard: {w.sounds()}")
    w.look(check, "lot")
    w.keys("\n")
    check(w.wait(lambda: w.data("refused") == "needs"), f"Enter starts nothing: {w.data('refused')}")
    w.scan("NC-0001")
    check(w.wait(lambda: w.data("refused") == "want_lot"), "a cartridge is no lot")
    w.scan("L42")
    check(w.wait(lambda: w.js("return bench.lot") == "L42" and w.js("return bench.wants") == "cartridge"), "the lot is taken")
    type_as_a_person(w, check, "NC-0001")
    check(w.wait(lambda: w.js("return bench.wants") == "check"), "the cartridge is typed")
    check("cable" in w.text("need-word") and w.text("need-more") == "1 of 2", f"the list begins: {w.text('need-word')} {w.text('need-more')}")
    check(w.wait(lambda: w.js("const i = document.querySelector('#need-picture img'); return i && i.complete && i.naturalWidth > 100")), "its picture is there")
    w.look(check, "check")
    w.wait(lambda: w.data("read") == "yes")
    w.keys("\n")
    check(w.wait(lambda: w.text("need-more") == "2 of 2") and len(s.events()) == 0, "Enter confirms one, and no more")
    check(w.js("return document.querySelector('#need-picture svg') !== null"), "without a picture there is a drawing")
    w.answer("need-no")
    check(w.until("ready"), "what is not so is not tested")
    w.scan("~PEN-DEEP-01!")
    for code in "~L42!", "~NC-0002!":
        w.scan(code)
        w.wait(lambda: w.data("refused") == "")
    for number in "1 of 2", "2 of 2":
        check(w.wait(lambda: w.text("need-more") == number and w.data("read") == "yes"), f"the card is for {number}")
        w.scan("~%DONE!")
    check(w.until("verdict") and w.data("word") == "fail", f"with the last it starts: {w.data('view')} {w.data('word')} {w.data('refused')}")
    report = json.loads((s.folder / "runs" / f"{w.js('return bench.name')}.report.json").read_text())
    check((report["lot"], report["cartridge"]) == ("L42", "NC-0002") and {"key": "check_2", "value": "Nothing lies under the needles"} in report["attributes"], f"all stands in the record: {report['lot']} {report['cartridge']} {report['attributes']}")
    w.scan("~%RETEST!")
    check(w.until("armed") and w.text("armed-serial") == "PEN-DEEP-01" and w.js("return bench.attempt + bench.wants") == "2lot", f"a card tests it again, and everything is asked anew: {w.data('refused')}")
    w.scan("~%NEXT!")
    check(w.until("ready") and w.data("serial") == "", "another puts it away")
    s.end()


def around_it(w, check):
    """Days left of calibrations, the disk, and a bench that is not well, before a test is refused for it."""
    s = Station()
    w.open(s)
    check(w.wait(lambda: "Calibration: " in w.text("due") and "GB" in w.text("due")), f"what runs out is said: {w.text('due')}")
    days = int(w.text("due").split("Calibration: ")[1].split(" ")[0])
    check(days > 0 and w.text("warn") == "", f"and is well: {w.text('due')} {w.text('warn')}")
    s.kill()
    path = Path(s.config["benches"][0]["file"])
    text = path.read_text()
    path.write_text(re.sub(r'"date": "[^"]*"', '"date": "2020-01-01"', re.sub(r'"due": "[^"]*"', '"due": "2021-01-01"', text)))
    s.start()
    check(w.wait(lambda: "overdue" in w.text("warn")), f"a calibration is overdue: {w.text('warn')}")
    fits = w.js("const a = document.getElementById('warn').getBoundingClientRect(), f = document.querySelector('footer').getBoundingClientRect(); return a.right <= f.right + 1 && a.bottom <= f.bottom + 1")
    check(fits, "all of it is to be read")
    w.look(check, "overdue")
    path.write_text("{")
    s.kill()
    s.start()
    check(w.wait(lambda: "not readable" in w.text("warn")), f"its file is broken: {w.text('warn')}")
    path.write_text(text)
    s.end()


def retest_rule(w, check):
    """A unit that failed as often as the rule allows is refused before it moves; so is one that has passed."""
    s = Station(start="at_once")
    w.open(s)
    for attempt in 1, 2:
        w.scan("PEN-DEEP-01")
        check(w.wait(lambda: w.js("return document.body.dataset.view === 'verdict' && bench.attempt") == attempt) and w.data("word") == "fail", f"attempt {attempt}: {w.data('word')} {w.data('refused')}")
        check(("may be tested again" in w.text("v-todo")) == (attempt == 1), f"the page says whether it may be tested again: {w.text('v-todo')}")
    w.scan("PEN-DEEP-01")
    check(w.wait(lambda: w.data("refused") == "no_more_attempts") and len(s.events()) == 2, "a third time is refused")
    check(w.js("return document.querySelectorAll('#last a').length") == 2, "each of the last units opens its report")
    w.driver.get(f"http://{s.host}/?kiosk")
    check(w.wait(lambda: w.js("return document.querySelectorAll('#last span').length") == 2) and w.js("return document.querySelector('a') === null"), "on a screen of one window nothing opens another")
    s.end()


def unplugged(w, check):
    """A sensor's cable comes out during a run: nothing is said of the pen, what was lost is named, and the next one is tested."""
    s = Station(start="at_once", world=("--fault", "unplug:sensor@4"))
    w.open(s)
    w.scan("PEN-GOOD-01")
    check(w.until("verdict"), "the run ends")
    end = s.events()[-1][-1]
    check(end["event"] == "end" and end["run_status"] == "device_lost" and w.data("word") == run_says(s), f"as the run says: {w.data('word')} {end}")
    check(w.text("v-why") != "" and w.text("v-serial") == "PEN-GOOD-01", f"and why: {w.text('v-why')}")
    check([u["verdict"] for u in s.units()] == [w.data("word")], f"it stands in the record: {s.units()}")
    s.end()


def browser_killed(w, check):
    """With every process of it, in the middle of a run: another one shows the same run, and its verdict."""
    s = Station(fast=False, start="at_once")
    other = Window()
    other.open(s)
    other.scan("PEN-GOOD-01")
    check(other.until("running"), "it runs")
    for pid in reversed(descendants(other.driver.service.process.pid)):
        os.kill(pid, signal.SIGKILL)
    other.driver.service.process.wait()
    w.driver.get(f"http://{s.host}/")
    check(w.wait(lambda: w.data("view") in ("running", "verdict") and w.data("serial") == "PEN-GOOD-01"), f"another browser shows it: {w.data('view')}")
    check(w.until("verdict") and w.data("word") == "pass" and len(s.events()) == 1, f"and its end: {w.data('word')}")
    s.end()


def main():
    check = rig.Checks()
    window = Window()
    try:
        for test in (verdicts, stop_and_prompt, keys_alone, keeps_its_place, typed_for_one, scanner_alone, lost, died, people, not_taken, pen_of_parts, nobody_was_asked, told_once, needs, around_it, retest_rule, unplugged, browser_killed):
            if ONLY and test.__name__ not in ONLY:
                continue
            test(window, check)
    finally:
        window.driver.quit()
        Station.end_all()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
