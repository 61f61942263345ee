"""A window of Debian's chromium on the operator's page: what the tests of this folder, and the measurement of the station, see it through."""
import base64
import contextlib
import os
import time
import zlib
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from station import LIMIT_S

SIZES = ((1024, 600), (1920, 1080), (390, 844))
PICTURES = Path(os.environ["PICTURES"]) if os.environ.get("PICTURES") else None  # where screenshots are kept, for the documents
ARGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required")
FAR = "h1, #word, .below, .line, #refusal"  # what is read from two metres
# Every text that is seen: its contrast with what it stands on (WCAG 2.2), and whether it lies within the part of the page it belongs to.
# Of what is pressed: what is too small for a glove.
LOOK = """
const lum = c => { const f = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
const rgb = t => { const m = t.match(/[\\d.]+/g).map(Number); return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3); };
const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
let worst = 99, where = '', far = 99, out = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let n; (n = walk.nextNode());) {
  const e = n.parentElement;
  if (!n.textContent.trim() || ['SCRIPT', 'STYLE'].includes(e.tagName) || !e.checkVisibility()) continue;
  const a = lum(rgb(getComputedStyle(e).color)), b = lum(ground(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < worst) { worst = ratio; where = n.textContent; }
  if (e.closest(arguments[0])) far = Math.min(far, ratio);
  const range = document.createRange(); range.selectNodeContents(n);
  const box = range.getBoundingClientRect(), room = (e.closest('main, header, footer, aside, #cover') || document.body).getBoundingClientRect();
  if (e.id !== 'word' && !e.closest('footer') && (box.left < room.left - 1 || box.right > room.right + 1 || box.top < room.top - 1 || box.bottom > room.bottom + 1)) out.push(n.textContent);
}
const small = [];
for (const e of document.querySelectorAll('button, a, input')) {
  const box = e.getBoundingClientRect(), seen = e.checkVisibility() && document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  if (seen && e.contains(seen) && Math.min(box.width, box.height) < 64) small.push([e.id || e.className || e.tagName, box.width, box.height]);
}
return { worst, where, far, out, small };
"""
# Height of the capital letters of each verdict that there is, in per cent of the page, and its part of the page.
LETTERS = """
const heights = {}, was = bench.verdict.word, c = document.createElement('canvas').getContext('2d'), e = document.getElementById('word');
for (const word of Object.keys(SHAPES)) {
  bench.verdict.word = word;
  drawVerdict();
  const m = /scaleY\\(([\\d.]+)\\)/.exec(e.style.transform);
  c.font = '800 ' + e.style.fontSize + ' ' + getComputedStyle(e).fontFamily;
  heights[word] = 100 * c.measureText('H').actualBoundingBoxAscent * (m ? +m[1] : 1) / innerHeight;
}
bench.verdict.word = was;
drawVerdict();
const panel = document.getElementById('verdict').getBoundingClientRect();
return { heights, panel: 100 * panel.width * panel.height / innerWidth / innerHeight };
"""
SCANNER_MS = 8
KEYS = {"\n": {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}, "\x1d": {"key": "]", "code": "BracketRight", "modifiers": 2}}
SIGHTS = ("none", "deuteranopia", "protanopia", "tritanopia", "achromatopsia")  # as the browser shows them; the last: black and white


# Views that the page has shown, in their order: a short one is over before a test looks.
VIEWS = """
window.views = [document.body.dataset.view];
new MutationObserver(() => { const v = document.body.dataset.view; if (v !== views.at(-1)) views.push(v); }).observe(document.body, { attributes: true });
"""


def descendants(pid):
    """The process and all below it that are there now."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += descendants(int(child))
    return found


class Window:
    def __init__(self):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for arg in ARGS:
            options.add_argument(arg)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(LIMIT_S)
        self.size(1024, 600)

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def open(self, station, more=""):
        self.driver.get(f"http://{station.host}/{more}")
        self.hurry()
        self.js(VIEWS)
        return self.until("ready")

    def hurry(self):
        """The browser gives its processes a priority of its own: they get that of whoever started it."""
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        for pid in descendants(self.driver.service.process.pid):
            for thread in Path(f"/proc/{pid}/task").glob("*"):
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, int(thread.name), mine)

    def js(self, text, *args):
        return self.driver.execute_script(text, *args)

    def data(self, key):
        return self.js(f"return document.body.dataset.{key}")

    def wait(self, what, limit=LIMIT_S):
        """Until what() holds; False where it never did."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if what():
                return True
            time.sleep(0.02)
        return False

    def until(self, view, serial=None):
        """serial: of the unit that it is about, where another one's may stand there still."""
        return self.wait(lambda: self.data("view") == view and self.data("heard") == "yes" and serial in (None, self.data("serial")))

    def shown(self, view):
        """Whether the page shows, or has shown, this view since the last call."""
        return self.wait(lambda: self.js(f"const i = views.indexOf('{view}'); if (i >= 0) views.splice(0, i); return i >= 0"))

    def sounds(self):
        """Those that were heard, in their order, but for that of a page that hears nothing: a computer that is held up makes it any time."""
        return [word for word in (self.data("sounds") or "").split() if word != "lost"]

    def text(self, id_):
        return self.js(f"return document.getElementById('{id_}').textContent")

    def keys(self, text):
        """To whatever has the focus, as from a keyboard, by somebody who is no scanner that goes on: by the page's own clock. No element is asked
        for, so none can be gone."""
        self.wait(lambda: self.js("return performance.now() - last > 2 * BURST_MS"))
        ActionChains(self.driver).send_keys(text.replace("\n", Keys.ENTER).replace("\t", Keys.TAB)).perform()

    def press(self, selector):
        """With the mouse, what is seen there. It is looked up and clicked in one go; once more where the page drew in between."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                self.driver.find_element(By.CSS_SELECTOR, selector).click()
                return
            except (StaleElementReferenceException, ElementClickInterceptedException):
                if time.monotonic() > end:
                    raise

    def press_word(self, words):
        """The button that says so; False where none is seen that does."""
        number = self.js("return [...document.querySelectorAll('button')].findIndex(e => e.checkVisibility() && e.innerText.includes(arguments[0]))", words)
        if number < 0:
            return False
        self.js("document.querySelectorAll('button').forEach((e, i) => e.toggleAttribute('data-pressed', i === arguments[0]))", number)
        self.press("[data-pressed]")
        return True

    def write(self, selector, text):
        """Into a field, as a person: a click, then keys."""
        self.press(selector)
        self.keys(text)

    def answer(self, id_):
        """Presses a button of a question, once the page counts it as read."""
        self.wait(lambda: self.data("read") == "yes")
        self.press("#" + id_)

    def keys_apart(self, text, ms, at=None):
        """Keys that were pressed so far apart, whatever the computer makes of it: by the time that each event carries."""
        at = at or time.time()
        for key in text:
            at += ms / 1000
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", "timestamp": at, **KEYS.get(key, {"key": key, "text": key})})

    def scan_late(self, code):
        """As on a computer that hands on the first key, and the others once that has long been taken for a person's."""
        self.keys_apart(code[0], SCANNER_MS)
        at = self.js("return last")
        self.wait(lambda: self.js("return !burst && document.activeElement.id === 'typed'"))
        self.keys_apart(code[1:] + "\n", SCANNER_MS, at=time.time() - self.js("return performance.now() - arguments[0]", at) / 1000)

    def scan(self, code):
        """As a scanner sends it, with Enter."""
        self.keys_apart(code + "\n", SCANNER_MS)

    def picture(self, name):
        if PICTURES:
            PICTURES.mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(PICTURES / f"{name}.png"))

    def sizes(self):
        """Each in turn, drawn; then as it was."""
        for width, height in SIZES:
            self.size(width, height)
            self.wait(lambda size=[width, height]: self.js("return [innerWidth, innerHeight]") == size)
            self.js("dispatchEvent(new Event('resize'))")
            yield width, height
        self.size(1024, 600)

    def media(self, **features):
        """color_scheme="dark", reduced_motion="reduce"; without: as it was."""
        wanted = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})

    def pixel(self, x, y):
        """Red, green, blue of one point, as somebody sees it: the first chunk of a PNG of one pixel has its row, whatever follows."""
        png = base64.b64decode(self.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": {"x": x, "y": y, "width": 1, "height": 1, "scale": 1}})["data"])
        at = png.index(b"IDAT")
        return tuple(zlib.decompressobj().decompress(png[at + 4:at + 4 + int.from_bytes(png[at - 4:at], "big")])[1:4])

    def grounds(self, words):
        """Of each verdict's ground: its colour for each kind of sight. The page shows a verdict."""
        seen = {}
        for sight in SIGHTS:
            self.driver.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": sight})
            for word in words:
                shown = ""
                while shown != word:  # the page draws what is so whenever it hears of it
                    spot = self.js(f"const v = document.getElementById('verdict'), b = v.getBoundingClientRect(); v.className = '{word}'; return [b.right - 60, b.top + 60]")
                    seen[word, sight] = self.pixel(*spot)
                    shown = self.js("return document.getElementById('verdict').className")
        self.driver.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
        self.js("draw()")
        return seen

    def readable(self, check, name):
        seen = self.driver.execute_script(LOOK, FAR)
        check(not seen["out"], f"{name}: cut off: {seen['out']}")
        check(seen["worst"] >= 4.5, f"{name}: contrast {seen['worst']:.1f} of {seen['where']!r}")
        check(seen["far"] >= 7, f"{name}: contrast {seen['far']:.1f} of what is read from two metres")
        check(not seen["small"], f"{name}: too small for gloves: {seen['small']}")

    def look(self, check, name):
        """At every size: nothing cut off, everything readable, by day and by night, STOP where it belongs."""
        for width, height in self.sizes():
            self.readable(check, f"{name} at {width} x {height}")
            box = self.js("const b = document.getElementById('stop').getBoundingClientRect(); return [b.height, b.right, b.bottom, b.width]")
            check(box[0] >= 96 and box[1] <= width and box[2] <= height and box[3] >= 200, f"{name} at {width} x {height}: STOP {box}")
            if self.data("view") == "verdict" and self.data("dialog") == "":
                shape = self.js("const a = document.querySelector('#shape svg').getBoundingClientRect(), m = document.querySelector('main').getBoundingClientRect(), "
                                "s = document.getElementById('v-serial').getBoundingClientRect(); return [a.top - m.top, s.top - a.bottom]")
                check(min(shape) >= 0, f"{name} at {width} x {height}: the shape is cut or covers the text: {shape}")
            self.picture(f"{name}-{width}x{height}")
        self.media(color_scheme="dark")
        self.readable(check, f"{name} in the dark")
        self.picture(f"{name}-dark")
        self.media()
