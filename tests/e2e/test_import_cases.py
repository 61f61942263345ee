"""Recordings that were once read wrongly without a word (tests/data/cases): each gives the right value, or an error that names the
cause. And what is no file to be imported: devices, pipes, folders, files that another program writes to."""
import json
import os
import subprocess
import tempfile
import threading
from pathlib import Path

import report_form
import rig

CASES = rig.ROOT / "tests/data/cases"
FAST = ["--tare-until", 0.55, "--start", 0.6, "--measure-from", 1.0, "--measure-to", 2.0]
COMMON = ["--rate", 5000, "--scale", 1, *FAST]


def plan_of(depth_mm, rate_hz):
    return {"kind": "penrig/plan/1", "name": "one",
            "steps": [{"name": "one", "depth_mm": [depth_mm], "rate_hz": [rate_hz], "tare_s": 0.25, "settle_s": 0.5, "measure_s": 1}],
            "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15},
                       {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -1, "upper": 1}]}


class Place:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.bench = rig.with_zero(rig.own_bench("virtual-usb.json", self.folder))
        # the same phantom, as if its first curve were one of 1 Hz: for narrow-pulses.csv
        phantom = (rig.FIXTURES / "phantoms/SIL-STD-01.json").read_text()
        (self.folder / "slow.json").write_text(phantom.replace('"rate_hz": 90,', '"rate_hz": 1,', 1))
        text = self.bench.read_text().replace('"rate_hz": [60, 300]', '"rate_hz": [1, 300]')
        self.bench.write_text(text.replace(str(rig.FIXTURES / "phantoms/SIL-STD-01.json"), "slow.json"))
        self.count = 0

    def run(self, path, *options, depth=1.0, rate=120, extra=()):
        self.count += 1
        name = f"i{self.count}"
        plan = self.folder / f"plan-{depth}-{rate}.json"
        plan.write_text(json.dumps(plan_of(depth, rate)))
        done = rig.penrig_a("import", *options, "--bench", self.bench, "--plan", plan, "--dut", "X", "-o", self.folder, "--name", name, *extra,
                            "--", path, timeout=60, cwd=self.folder)
        report = self.folder / f"{name}.report.json"
        done.report = report_form.read(report.read_text()) if report.exists() else None
        done.run_file = self.folder / f"{name}.penrig"
        return done

    def text(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path


def figures(report):
    point = report["points"][0]
    return rig.result(point, "stroke_rate_hz", "realised"), rig.result(point, "depth_mm", "force_equivalent")


# file, options, plan's depth, true rate and depth
RIGHT = [("decimal-comma-decinewton.csv", ["--rate", 5000, "--scale", 0.1], 0.4, 120.0006, 0.4002),
         ("decimal-comma-decinewton.csv", ["--rate", 5000], 0.4, 120.0006, 0.4002),
         ("decimal-comma-semicolon.csv", [*COMMON[:4], "--column", 2], 1.0, 120.0004, 1.0),
         ("decimal-comma-semicolon.csv", [], 1.0, 120.0004, 1.0),
         ("one-spike-in-window.csv", COMMON[:4], 1.0, 120.0004, 1.0),
         ("spikes.csv", COMMON[:4], 1.0, 120.0004, 1.0),
         ("quoted.csv", [*COMMON[:4], "--column", 2], 1.0, 120.0004, 1.0),
         ("quoted.csv", ["--column", "F_N"], 1.0, 120.0004, 1.0),
         ("bom.csv", COMMON[:4], 1.0, 120.0004, 1.0),
         ("header-one-number.csv", [*COMMON[:4], "--column", 2], 1.0, 120.0004, 1.0),
         ("force.wav", ["--scale", 0.0005], 1.0, 120.0004, 1.0)]


def test_right(check, place):
    for file, options, depth, true_hz, true_mm in RIGHT:
        done = place.run(CASES / file, *options, *FAST, depth=depth)
        if not check(done.returncode == 3 and done.report, f"{file} {options}: exit {done.returncode} {done.stderr}"):
            continue
        rate, deep = figures(done.report)
        check(rate["trusted"] and abs(rate["value"] - true_hz) < 0.0015, f"{file}: {rate['value']} Hz, trusted {rate['trusted']}")
        check(deep["trusted"] and abs(deep["value"] - true_mm) < 0.0008, f"{file}: {deep['value']} mm, trusted {deep['trusted']}")
        check(done.report["imported"]["gaps"]["count"] == "0", f"{file}: {done.report['imported']['gaps']}")


def test_all_samples(check, place):
    # the first sample of bom.csv is one, and so is the last: 12 000 in all
    done = place.run(CASES / "bom.csv", *COMMON)
    rows = rig.penrig_a("export", done.run_file, "--format", "csv", "--output", place.folder / "bom")
    check(rows.returncode == 0, f"exported: {rows.stderr}")
    force = [float(line.split(",")[2]) for line in (place.folder / "bom.stream0.csv").read_text().splitlines()[1:]]
    wrote = [float(line) for line in (CASES / "bom.csv").read_text("utf-8-sig").splitlines()]
    check(len(force) == 12000 and max(abs(a - b) for a, b in zip(force, wrote)) < 1e-8, f"{len(force)} samples, each as it was written")


def test_doubtful(check, place):
    done = place.run(CASES / "clipped-front-end-deep.csv", *COMMON)
    check(done.returncode == 3 and "the force ends in a wall" in done.stdout, f"clipped: {done.returncode} {done.stdout}{done.stderr}")
    check(done.report["points"][0]["outcome"] == "inconclusive", "clipped: no limit is met by what was cut")
    slow = ["--rate", 250, "--scale", 1, "--tare-until", 5, "--start", 5.5, "--measure-from", 8, "--measure-to", 33]
    done = place.run(CASES / "narrow-pulses.csv", *slow, rate=1)
    rate = figures(done.report)[0]
    check(done.returncode == 3 and not rate["trusted"], f"a pulse in the tare: {rate}")
    check("tare" in done.stdout, f"a pulse in the tare is what is said: {done.stdout}")


def test_gaps(check, place):
    done = place.run(CASES / "time-column-rows-lost.csv", *COMMON, "--column", 2)
    gaps, rate = done.report["imported"]["gaps"], figures(done.report)[0]
    check(gaps == {"count": "260", "rows": "263", "longest": "2", "first_line": "62"}, f"rows that the times show lost: {gaps}")
    check(abs(rate["value"] - 120.0) < 0.003 and not rate["trusted"], f"their place is kept: {rate['value']} Hz, trusted {rate['trusted']}")
    check("gaps" in done.stdout and "263 rows" in done.stdout, f"they are said: {done.stdout}")
    again = rig.penrig_a("analyze", done.run_file)
    check("bit for bit" in again.stdout or again.returncode == 3, f"derived again: {again.returncode} {again.stdout[-300:]}")
    done = place.run(CASES / "blank-cells.csv", *COMMON, "--gaps")
    gaps, rate = done.report["imported"]["gaps"], figures(done.report)[0]
    blank = [i + 1 for i, line in enumerate((CASES / "blank-cells.csv").read_text().split("\n")[:-1]) if not line]
    check(int(gaps["rows"]) == len(blank) and int(gaps["first_line"]) == blank[0] + 1, f"blank cells: {gaps}, {len(blank)} from {blank[0]}")
    check(abs(rate["value"] - 120.0) < 0.004 and not rate["trusted"], f"their place is kept: {rate['value']} Hz")


def numbers(n, form=lambda i: f"{0.3 + (i % 41) / 1000:.5f}"):
    return [form(i) for i in range(n)]


def lines_of(cells):
    return "\n".join(cells) + "\n"


def timed(n, at=lambda i: f"{i / 5000:.4f}"):
    return [f"{at(i)},{v}" for i, v in enumerate(numbers(n))]


def with_line(cells, i, text):
    return lines_of(cells[:i] + [text] + cells[i + 1:])


HEAD = "t_s,F_N\n"
REFUSED = [
    ("blank", CASES / "blank-cells.csv", COMMON, ["blank-cells.csv:81:", "--gaps"]),
    ("NUL bytes", CASES / "nul-sectors.csv", COMMON, [":7501:", "NUL bytes"]),
    ("NUL bytes are no gaps", CASES / "nul-sectors.csv", [*COMMON, "--gaps"], [":7501:", "NUL bytes"]),
    ("a WAV file as raw integers", CASES / "force.wav", ["-f", "i16", *COMMON], ["another kind", "leave --format out"]),
    ("the rate contradicts", CASES / "quoted.csv", ["--rate", 5100, *FAST], ["--rate 5100", "5000 rows a second"]),
    ("the scale contradicts", CASES / "quoted.csv", ["--scale", 0.1, *FAST], ["--scale 0.1", '"N"', "--unit none"]),
    ("no such column", CASES / "quoted.csv", ["--column", "Fz", *FAST], ['1 "t_s" [s], 2 "F_N" [N]']),
    ("the time as force", CASES / "quoted.csv", ["--column", 1, *FAST], ["shows the time"]),
    ("no rate", lines_of(numbers(900)), ["--scale", 1, *FAST], ["--rate is missing"]),
    ("a rate of what?", "Rate: 150\nF_N\n" + lines_of(numbers(900)), FAST, ["--rate is missing", "line 1, Rate 150 may be that of strokes"]),
    ("a channel called N", "Channel N\n" + lines_of(numbers(900)), ["--rate", 5000, *FAST], ["--scale is missing", "states no unit"]),
    ("no scale", lines_of(numbers(900)), ["--rate", 5000, *FAST], ["--scale is missing"]),
    ("a mass", "F [g]\n" + lines_of(numbers(900)), ["--rate", 5000, *FAST], ["--unit gf"]),
    ("two that may be meant", "a,b\n" + lines_of([f"{v},{v}" for v in numbers(900)]), COMMON, ["--column"]),
    ("too short", lines_of(numbers(900)), COMMON, ["0.180 s", "--measure-to"]),
    ("a word", with_line(numbers(900), 700, "OVER"), COMMON, [":701: column 1", '"OVER"', "--gaps"]),
    ("an empty cell", HEAD + with_line(timed(900), 700, "0.1400,"), FAST, [":702: column 2", "empty", "--gaps"]),
    ("a decimal comma among points", with_line(numbers(900), 700, "0,31"), COMMON, [":701:", '"0,31"']),
    ("a thousand, or not", with_line(numbers(900), 700, "1,234"), COMMON, [":701:", "--decimal comma"]),
    ("a row cut short", HEAD + with_line(timed(900), 700, "0.1400"), FAST, [":702:", "1 cell"]),
    ("a row too long", HEAD + with_line(timed(900), 700, "0,1400,0,3"), FAST, [":702:", "4 cells"]),
    ("time goes back", HEAD + with_line(timed(900), 700, "0.0100,0.3"), FAST, [":702:", "goes back"]),
    ("rows stand there twice", HEAD + lines_of(timed(600) + [f"{(i - 1) / 5000 + 0.00001:.5f},0.3" for i in range(600, 1500)]), FAST, ["too early"]),
    ("a clock without a unit", "time,F_N\n" + lines_of(timed(900)), FAST, ["--time-unit"]),
    ("two readings", lines_of([f"{i % 7 + 1},{i % 83 + 1:d}" for i in range(900)]), COMMON, ["--separator", "--decimal"]),
    ("a comma that is both", lines_of([f"0,{i % 10000:04d},0,{30000 + i % 99}" for i in range(900)]), COMMON, ["another separator"]),
    ("no numbers", "to be\nor not to be\n" * 50, COMMON, ["no column of numbers"]),
    ("nothing", "", COMMON, ["is empty"]),
    ("bytes", bytes(range(1, 256)) * 40, COMMON, ["--format i16 or i32"]),
    ("small integers, unnamed", b"".join((i % 29 + 1).to_bytes(2, "little") for i in range(9000)), COMMON, ["--format i16 or i32"]),
    ("a clock that is missing", "time,F_N\n" + with_line([f"12:00:00.{i:04d},{v}" for i, v in enumerate(numbers(900))], 700, ",0.3"), FAST,
     [":702: column 1", "--gaps"]),
    ("a line without an end", "1" * 70000, COMMON, []),
    ("half a character", "F_N\n0.3\n".encode("utf-16") * 3 + b"0", COMMON, ["UTF-16"]),
    ("an odd length", b"\1" * 4801, ["-f", "i16", *COMMON], ["no multiple of 2"]),
    ("two rates", "Sample rate: 10000 Hz\nSample interval: 200 us\nF_N\n" + lines_of(numbers(900)), FAST,
     ["10000 rows a second (line 1, Sample rate)", "5000 as well (line 2, Sample interval)", "--rate"]),
    ("a third rate", "Sample rate: 10000 Hz\nfs=5000\nF_N\n" + lines_of(numbers(900)), ["--rate", 4000, *FAST], ["--rate 4000 contradicts"]),
    ("a rate that the times contradict", "Sample rate: 10000 Hz\n" + HEAD + lines_of(timed(900)), FAST, ["10000", "line 1", "those of 5000", "--rate"]),
    ("a rate that the times contradict a little", "Sample rate: 5040 Hz\n" + HEAD + lines_of(timed(900)), FAST, ["5040", "line 1", "those of 5000", "--rate"]),
    ("two units in a name", "t_s,F_mN (N)\n" + lines_of(timed(900)), FAST, ['"F_mN (N)"', '"N" and "mN"', "--unit"]),
    ("two units in two lines", "t [s],F [N]\ns,mN\n" + lines_of(timed(900)), FAST, ['"mN" and "N"', "--unit"]),
    ("two units of time", HEAD + "ms,N\n" + lines_of(timed(900)), FAST, ['"ms" and "s"', "--time-unit"]),
    ("two units beside", "t_s,F_N,T (K)\n,,degC\n" + lines_of([t + ",21.5" for t in timed(900)]), [*FAST, "--temperature", "ambient=3"], ['"degC" and "K"', "COLUMN:SCALE"]),
    ("a last number cut short", (HEAD + lines_of(timed(900)))[:-4], FAST, [":901:", "without a line break", "cut short"]),
    ("an exponent cut short", "t_s,F_N\n" + lines_of([f"{i / 5000:.4f},{0.3 + i % 41 / 1000:.4e}" for i in range(900)])[:-2], FAST, [":901:", "cut short"]),
    ("stamps of a second", "time,F_N\n" + lines_of([f"12:00:{i // 5000:02d},{v}" for i, v in enumerate(numbers(12000))]), ["--rate", 5000, *FAST],
     ["too many to tell when", "--time-column none"]),
    ("a D in hexadecimal", "F_N\n" + lines_of([f"{i % 900 + 1000:d}D2" for i in range(900)]), COMMON, ["no column of numbers"]),
    ("a second header of LabVIEW's", HEAD.replace(",", "\t") + lines_of(timed(900)).replace(",", "\t") + "\nChannels\t1\t\nSamples\t900\t\n***End_of_Header***\t\nX_Value\tForce\n"
     + lines_of(timed(900)).replace(",", "\t"), FAST, [":903:", "in segments", "one header only"]),
    ("the same, with gaps", HEAD + lines_of(timed(900)) + "Channels,1\n***End_of_Header***\n" + lines_of(timed(900)), [*FAST, "--gaps"], [":902:", "in segments"]),
    ("not a separator", lines_of(numbers(900)), [*COMMON, "--separator", "x"], ["must be comma"]),
    ("not a decimal mark", lines_of(numbers(900)), [*COMMON, "--decimal", "x"], ["point or comma"]),
    ("not a unit", lines_of(numbers(900)), [*COMMON, "--unit", "mile"], ["unit of force"]),
]


def test_refused(check, place):
    for i, (what, source, options, words) in enumerate(REFUSED):
        path = source if isinstance(source, Path) else place.text(f"refused{i}.txt", source)
        done = place.run(path, *options)
        check(done.returncode == 2 and all(w in done.stderr for w in words), f"{what}: exit {done.returncode}: {done.stderr}{done.stdout[:200]}")
        check(not done.run_file.exists() and done.report is None, f"{what}: no run file is left")


def test_decided(check, place):
    # what was refused is read when the option that is named is given
    ints = place.text("ints.txt", lines_of([f"{i % 7 + 1},{i % 83 + 1:d}" for i in range(12000)]))
    for options, column in ((["--separator", "comma", "--column", 2], "2"), (["--decimal", "comma"], "1"), (["--decimal", ","], "1")):
        done = place.run(ints, *COMMON, *options)
        check(done.returncode in (1, 3) and done.report["imported"]["column"] == column, f"{options}: {done.returncode} {done.stderr}")
    done = place.run(CASES / "quoted.csv", "--rate", 5100, "--time-column", "none", *FAST)
    check(done.returncode in (1, 3) and done.report["imported"]["rate_hz"] == 5100, f"--time-column none: {done.stderr}")
    done = place.run(CASES / "quoted.csv", "--unit", "none", "--scale", 0.1, *FAST)
    check(done.returncode in (1, 3) and done.report["imported"]["scale_n"] == 0.1, f"--unit none: {done.stderr}")
    rows = lines_of(numbers(12000, lambda i: f"{0.3 + (i % 41) / 1000:.5f}"))
    for head, options, key, value in (("Sample rate: 10000 Hz\nfs=5000\nF_N\n", ["--rate", 5000], "rate_hz", 5000),
                                      ("F_mN (N)\n", ["--rate", 5000, "--unit", "mN"], "scale_n", 0.001)):
        done = place.run(place.text("decided.txt", head + rows), *options, *FAST)
        check(done.returncode in (1, 3) and done.report["imported"][key] == value, f"{head!r} {options}: {done.returncode} {done.stderr}")
    for what, last in (("a whole number, shorter by its first digit", "0.29000"), ("by its sign", "0.29000")):
        sign = "-" if "sign" in what else "1"
        text = "F_N\n" + "".join(f"{sign}{0.3 + (i % 41) / 1000:.5f}\n" for i in range(11999)) + last
        done = place.run(place.text("whole.txt", text), "--rate", 5000, *FAST)
        check(done.returncode in (1, 3), f"the end of a file without a line break, {what}: {done.returncode} {done.stderr}")
    done = place.run(CASES / "quoted.csv", "--unit", "mN", *FAST)
    check(done.returncode in (1, 3) and done.report["imported"]["scale_n"] == 0.001, f"--unit mN: {done.stderr}")


def test_words_that_are_gaps(check, place):
    cells = (CASES / "spikes.csv").read_text().split("\n")[:12000]
    for i, word in enumerate(["nan", "NaN", "inf", "-inf", "OVER", "#N/A", "-----", "", "null", "what?"]):
        cells[11000 + 10 * i] = word
    done = place.run(place.text("words.csv", lines_of(cells)), *COMMON, "--gaps")
    check(done.returncode == 3 and done.report["imported"]["gaps"]["rows"] == "10", f"{done.returncode} {done.stderr} {done.report and done.report['imported']}")
    rate = figures(done.report)[0]
    check(rate["trusted"] and abs(rate["value"] - 120.0004) < 0.001, f"gaps behind the window do it no harm: {rate['value']}, {rate['trusted']}")


def test_no_files(check, place):
    fifo = place.folder / "fifo"
    os.mkfifo(fifo)
    for path, why in ((Path("/dev/zero"), "a device"), (fifo, "a pipe"), (place.folder, "a folder"), (place.folder / "none", "No such file")):
        done = place.run(path, *COMMON)
        check(done.returncode in (2, 6) and why in done.stderr, f"{path}: {done.returncode} {done.stderr}")
    minus = place.text("-force.csv", (CASES / "bom.csv").read_bytes())
    done = place.run(minus.name, *COMMON)
    check(done.returncode == 3, f"a name that begins with -: {done.returncode} {done.stderr}")


def test_growing(check, place):
    """A file that another program goes on writing to: it never ends up as if it had been whole."""
    path = place.text("growing.csv", (CASES / "spikes.csv").read_bytes() * 40)
    stop = threading.Event()

    def grow():
        with open(path, "ab", buffering=0) as out:
            while not stop.is_set():
                out.write(b"0.30193\n" * 100)

    writer = threading.Thread(target=grow)
    writer.start()
    done = place.run(path, *COMMON)
    stop.set()
    writer.join()
    check(done.returncode == 2 and "written to while" in done.stderr and not done.run_file.exists(), f"growing: {done.returncode} {done.stderr}")


def test_same_second(check, place):
    """Several imports at once under the default name: each has files of its own."""
    plan = place.folder / "plan-1.0-120.json"
    argv = [rig.PENRIG_A, "--", "import", CASES / "bom.csv", *COMMON, "--bench", place.bench, "--plan", plan, "--dut", "SAME", "-o", place.folder / "same"]
    begun = [subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ended = [child.communicate(timeout=60) + (child.returncode,) for child in begun]
    check(all(code == 3 for _, _, code in ended), f"all end well: {ended}")
    check(len(list((place.folder / "same").glob("*.penrig"))) == 4, "four run files")


def main():
    check, place = rig.Checks(), Place()
    for test in (test_right, test_all_samples, test_doubtful, test_gaps, test_refused, test_decided, test_words_that_are_gaps, test_no_files, test_growing,
                 test_same_second):
        test(check, place)
    check.end()


main()
