#!/usr/bin/python3
"""A run that waits for a bench that is in use: it begins when the bench is free, with the files as they are then."""
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
import tempfile
from pathlib import Path

import rig


class Bench:
    """A bench of its own that somebody holds."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.path = rig.own_bench("virtual-usb.json", self.folder)
        digest = hashlib.sha256(os.path.realpath(self.path).encode()).hexdigest()[:24]
        where = next(f for f in (Path("/run/lock"), Path("/tmp")) if os.access(f, os.W_OK))
        self.files = [where / f"penrig-{digest}.{kind}" for kind in ("lock", "queue")]
        self.holder = open(self.files[0], "w")
        fcntl.flock(self.holder, fcntl.LOCK_EX)

    def run(self, *options, named=True, plan=rig.FIXTURES / "plans/ci-smoke.json"):
        argv = [rig.PENRIG_A, "--bench", self.path, "--virtual-dut", "PEN-GOOD-01", "--", "run", plan, "--dut",
                "PEN-GOOD-01", "--output-dir", self.folder, "--no-input", *(["--bench", self.path] if named else []), *options]
        environment = {**os.environ, "PENRIG_BENCH": str("" if named else self.path)}
        return subprocess.Popen([str(a) for a in argv], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def waiting(self, *options):
        """A run that has said for whom it waits, and what it said."""
        child = self.run(*options)
        return child, child.stderr.readline()

    def free(self):
        self.holder.close()

    def made(self):
        return [p.name for p in self.folder.iterdir() if p != self.path]

    def end(self):
        self.free()
        for path in self.files:
            path.unlink(missing_ok=True)


def finished(child):
    out, err = child.communicate(timeout=120)
    return child.returncode, out + err


def begins_when_it_is_free(check, bench):
    child, said = bench.waiting("--wait", "10m")
    check(said.startswith("waiting: the bench ") and "in use by" in said, f"it says so: {said}")
    passer_by = finished(bench.run())
    check(passer_by[0] == 5 and f"next is process {child.pid}" in passer_by[1], f"nobody overtakes: {passer_by}")
    check(not [n for n in bench.made() if n.endswith(".penrig")], f"nothing is begun: {bench.made()}")
    bench.free()
    code, text = finished(child)
    check(code == 0 and "verdict: PASS" in text, f"it runs: {code} {text[-300:]}")


def reads_its_files_then(check, bench):
    child, _ = bench.waiting("--wait", "600")
    bench.path.write_text(bench.path.read_text().replace('"due": "2099', '"due": "1999'))
    bench.free()
    code, text = finished(child)
    check(code in (2, 8) and "due" in text, f"a certificate that changed meanwhile: {code} {text[-300:]}")


def ends_with_its_time(check, bench):
    code, text = finished(bench.run("--wait", "0.05s"))
    check(code == 5 and "in use by" in text, f"the time is over: {code} {text}")
    check(not bench.made(), f"nothing was begun: {bench.made()}")
    code, text = finished(bench.run("--wait", "0.05s", named=False))
    check(code == 5 and "in use by" in text, f"the bench of the environment: {code} {text}")


def ends_by_a_signal(check, bench):
    child, _ = bench.waiting("--wait", "1h")
    child.send_signal(signal.SIGINT)
    check(finished(child)[0] == -signal.SIGINT and not bench.made(), f"interrupted: {child.returncode} {bench.made()}")
    bench.free()
    code, text = finished(bench.run())
    check(code == 0, f"its place is free: {code} {text[-300:]}")


def says_first_what_is_wrong(check, bench):
    for options, word in ((["--wait", "soon"], "90s, 15m or 2h"), (["--wait", "-3"], "above zero"), (["--wait", "1h", "--lot", "x" * 500], "lot")):
        code, text = finished(bench.run(*options))
        check(code == 2 and word in text, f"{options}: {code} {text[-200:]}")
    code, text = finished(bench.run("--wait", "1h", plan=bench.path))
    check(code == 2 and "waiting" not in text, f"no plan: {code} {text[-200:]}")


def not_too_late(check, bench):
    """--start-within: a pen that was not started in time is not started at all."""
    folder = bench.folder / "late"
    late = rig.run_plan("ci-smoke.json", folder=folder, extra=("--start-within", "0.05s"))
    check(late.status == 5 and "had to be started is over" in late.err + late.out, f"it says so: {late.status} {late.err[-300:]}")
    check(late.truth and not rig.strokes(late) and (late.report or {}).get("run_status", "refused") == "refused", f"nothing moved: {len(rig.strokes(late))} strokes")
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    check(finished(bench.run("--start-by", f"{since_boot:.3f}"))[0] == 5, "and by the clock of the whole computer")
    check(rig.run_plan("ci-smoke.json", folder=bench.folder / "soon", extra=("--start-within", "10m", "--start-by", f"{since_boot + 600:.3f}")).outcome() == ("pass", "complete", 0), "in time it begins")
    for option, word in (("--start-within", "90s or 15m"), ("--start-by", "since this computer began")):
        code, text = finished(bench.run(option, "soon"))
        check(code == 2 and word in text, f"{code} {text[-200:]}")


def main():
    check = rig.Checks()
    for case in (begins_when_it_is_free, reads_its_files_then, ends_with_its_time, ends_by_a_signal, says_first_what_is_wrong, not_too_late):
        bench = Bench()
        try:
            case(check, bench)
        finally:
            bench.end()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
