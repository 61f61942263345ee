"""A window of Debian's chromium on the operator's page: what the tests of this folder, and the measurement of the station, see it through."""
import os
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from station import LIMIT_S

SIZES = ((1024, 600), (1920, 1080), (390, 844))
PICTURES = Path(os.environ["PICTURES"]) if os.environ.get("PICTURES") else None  # where screenshots are kept, for the documents
ARGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required")
# Every text that is seen: its contrast with what it stands on (WCAG 2.2), and whether it lies within the part of the page it belongs to.
LOOK = """
const lum = c => { const f = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
const rgb = t => { const m = t.match(/[\\d.]+/g).map(Number); return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3); };
const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
let worst = 99, where = '', out = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let n; (n = walk.nextNode());) {
  const e = n.parentElement;
  if (!n.textContent.trim() || ['SCRIPT', 'STYLE'].includes(e.tagName) || !e.checkVisibility()) continue;
  const a = lum(rgb(getComputedStyle(e).color)), b = lum(ground(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < worst) { worst = ratio; where = n.textContent; }
  const range = document.createRange(); range.selectNodeContents(n);
  const box = range.getBoundingClientRect(), room = (e.closest('main, header, footer, aside, #cover') || document.body).getBoundingClientRect();
  if (e.id !== 'word' && !e.closest('footer') && (box.left < room.left - 1 || box.right > room.right + 1 || box.top < room.top - 1 || box.bottom > room.bottom + 1)) out.push(n.textContent);
}
return { worst, where, out };
"""
# Height of the verdict's capital letters, in per cent of the page.
LETTERS = """
const e = document.getElementById('word'), m = /scaleY\\(([\\d.]+)\\)/.exec(e.style.transform), c = document.createElement('canvas').getContext('2d');
c.font = '800 ' + e.style.fontSize + ' ' + getComputedStyle(e).fontFamily;
return 100 * c.measureText('H').actualBoundingBoxAscent * (m ? +m[1] : 1) / innerHeight;
"""


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
        return self.until("ready")

    def js(self, text):
        return self.driver.execute_script(text)

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

    def until(self, view):
        return self.wait(lambda: self.data("view") == view and self.data("heard") == "yes")

    def text(self, id_):
        return self.js(f"return document.getElementById('{id_}').textContent")

    def keys(self, text):
        self.driver.find_element(By.TAG_NAME, "body").send_keys(text)

    def answer(self, id_):
        """Presses a button of a question, once the page counts it as read."""
        self.wait(lambda: self.data("read") == "yes")
        self.driver.find_element(By.ID, id_).click()

    def picture(self, name):
        if PICTURES:
            PICTURES.mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(PICTURES / f"{name}.png"))

    def look(self, check, name):
        """At every size: nothing cut off, everything readable, STOP where it belongs."""
        for width, height in SIZES:
            self.size(width, height)
            self.wait(lambda: self.js("return [innerWidth, innerHeight]") == [width, height])
            self.js("dispatchEvent(new Event('resize'))")
            seen = self.js(LOOK)
            check(not seen["out"], f"{name} at {width} x {height}: cut off: {seen['out']}")
            check(seen["worst"] >= 4.5, f"{name} at {width} x {height}: contrast {seen['worst']:.1f} of {seen['where']!r}")
            box = self.js("const b = document.getElementById('stop').getBoundingClientRect(); return [b.height, b.right, b.bottom, b.width]")
            check(box[0] >= 96 and box[1] <= width and box[2] <= height and box[3] >= 200, f"{name} at {width} x {height}: STOP {box}")
            if self.data("view") == "verdict" and self.data("dialog") == "":
                shape = self.js("const a = document.querySelector('#shape svg').getBoundingClientRect(), m = document.querySelector('main').getBoundingClientRect(), "
                                "s = document.getElementById('v-serial').getBoundingClientRect(); return [a.top - m.top, s.top - a.bottom]")
                check(min(shape) >= 0, f"{name} at {width} x {height}: the shape is cut or covers the text: {shape}")
            self.picture(f"{name}-{width}x{height}")
        self.size(1024, 600)
