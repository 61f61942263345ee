"""Codes that somebody else draws and reads: the sheet of `penrig sheet` as a browser draws it and zbar reads it, and a unit's Data Matrix
from zint through dmtxread to the station."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import rig  # noqa: E402
from station import Page, Station  # noqa: E402
from window import Window  # noqa: E402

FOLDER = Path(tempfile.mkdtemp(prefix="codes"))


def sheet(check):
    longest = "OP-8" + "".join(map(chr, range(33, 92)))  # 63 characters, all that a badge has room for
    station = json.loads("".join(line.split("//")[0] for line in (rig.FIXTURES / "stations/virtual.json").read_text().splitlines()))
    station.update(name="A <line>", operators=[{"name": "A. & B.", "badge": "OP-0007"}, {"name": "C.", "badge": longest}], state=str(FOLDER / "state"), output_dir=str(FOLDER))
    station["benches"][0]["file"] = str(rig.FIXTURES / "benches/virtual-usb.json")
    station["products"][0]["plan"] = str(rig.FIXTURES / "plans/ci-smoke.json")
    (FOLDER / "station.json").write_text(json.dumps(station))
    page = FOLDER / "codes.html"
    done = subprocess.run([str(rig.PENRIG), "sheet", str(FOLDER / "station.json"), "--unit", "PEN-GOOD-01", "--unit", "PEN-DEEP-01", "-o", str(page)], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"a sheet: {done.returncode} {done.stderr}")
    w = Window()
    try:
        w.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 794, "height": 1700, "deviceScaleFactor": 4, "mobile": False})
        w.driver.get(page.as_uri())
        w.driver.save_screenshot(str(FOLDER / "codes.png"))
        check("A <line>" in w.driver.title, f"its title: {w.driver.title}")
    finally:
        w.driver.quit()
    read = subprocess.run(["zbarimg", "-q", "--raw", str(FOLDER / "codes.png")], capture_output=True, text=True, check=False).stdout.split()
    wanted = ["OP-0007", longest, "%START", "%STOP", "%DONE", "%GIVEUP", "%NEXT", "%RETEST", "PEN-GOOD-01", "PEN-DEEP-01"]
    check(sorted(read) == sorted(wanted), f"every code is read as it is meant: {read}")
    for unit in "SN-1", "-x", "":
        done = subprocess.run([str(rig.PENRIG), "sheet", str(FOLDER / "station.json"), "--unit", unit], capture_output=True, text=True, check=False)
        check(done.returncode == 2 and not done.stdout, f"a unit that no product has: {done.returncode} {done.stderr}")


def data_matrix(check):
    s = Station()
    page = Page(s)
    rows = [("[01]04012345678901[21]PEN-GOOD-01[10]L42[17]271231", "L42"), ("[01]04012345678901[10]L43[21]PEN-GOOD-02", "L43"), ("[01]04012345678901[21]PEN-GOOD-03", "")]
    for text, lot in rows:
        picture = FOLDER / "dm.png"
        subprocess.run(["zint", "-b", "DATAMATRIX", "--gs1", "--quietzones", "--scale", "4", "-d", text, "-o", str(picture)], check=True, capture_output=True)
        read = subprocess.run(["dmtxread", "-N1", "-m5000", "-G29", str(picture)], check=True, capture_output=True).stdout
        check(read[:1] == b"\x1d", f"the decoder tells FNC1: {read}")
        serial = text.split("[21]")[1].split("[")[0]
        s.order("scan", code="]d2" + read[1:].decode())
        b = page.until(lambda b, serial=serial: b["serial"] == serial)
        check((b["view"], b["serial"], b["lot"]) == ("armed", serial, lot), f"{text} arrives: {b['view']} {b['serial']} {b['lot']}")
        lost = subprocess.run(["dmtxread", "-N1", "-m5000", str(picture)], check=True, capture_output=True).stdout.decode()
        before = page.bench["refusals"]
        s.order("scan", code=lost)  # a scanner that drops FNC1 and sends no prefix
        check(page.until(lambda b, before=before: b["refusals"] > before)["refused"].startswith("scan_"), f"and is refused without FNC1: {lost}")
    s.end()


def main():
    check = rig.Checks()
    for test in (sheet, data_matrix):
        try:
            test(check)
        except Exception as e:
            check(False, f"{test.__name__}: {type(e).__name__}: {e}")
        finally:
            Station.end_all()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
