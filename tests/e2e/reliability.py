#!/usr/bin/python3
"""Every fault at every point, counted: `make reliability` runs this and writes docs/reliability.md. Takes an hour of CPU; PARTS in
the environment names some parts of it, the others keep the figures of their last time."""
import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import failing
import power_cut
import reliability_page
import rig
import test_replug
import transfers

WORKERS = int(os.environ.get("WORKERS", "1"))
EVERY = int(os.environ.get("EVERY", "50"))  # transfer of a stream
EVERY_MALLOC = int(os.environ.get("EVERY_MALLOC", "100"))
TORN = int(os.environ.get("TORN", "4"))  # disks of each moment with any sectors on them
REPLUGS = int(os.environ.get("REPLUGS", "60"))  # moments of each device
KEPT = rig.B / "reliability"  # what each part came to, for the page


class Part:
    """What a part came to so far; kept on the way, for it takes long."""

    def __init__(self, name, **about):
        self.path, self.found = KEPT / f"{name}.json", {"rows": {}, "fell": [], "tried": 0, "of": 0, **about}

    def keep(self):
        self.path.write_text(json.dumps(self.found, indent=1))

    def count(self, row, column, wrong, said):
        column = "fell" if wrong else str(column)
        self.found["rows"].setdefault(row, {})[column] = self.found["rows"].get(row, {}).get(column, 0) + 1
        if wrong:
            self.found["fell"].append(f"{said}: {wrong}")
            print("FELL:", said, wrong[:300], flush=True)

    def all_of(self, jobs, one):
        """(job, what it came to) of each, in their order."""
        self.found["of"] += len(jobs)
        with ThreadPoolExecutor(WORKERS) as pool:
            for job, came in zip(jobs, pool.map(lambda job: one(*job), jobs)):
                self.found["tried"] += 1
                yield job, came
                if self.found["tried"] % 100 == 0:
                    self.keep()
        self.keep()


def ended(outcome):
    return outcome and (outcome[0] if outcome[1] == "complete" else outcome[1])


def of_transfers(part):
    jobs, called = [], {}
    for bench in transfers.BENCHES:
        good, listed = transfers.golden(bench)
        if good.outcome() != ("pass", "complete", 0):
            part.found["fell"].append(f"{bench}: the run that nothing spoils: {good.outcome()}")
        picked = transfers.chosen(listed, EVERY)
        called[bench] = f"{bench}, {len(picked)} of {len(listed)} transfers"
        jobs += [(bench, n, fault) for n in picked for fault in transfers.FAULTS]
    random.Random(1).shuffle(jobs)  # a part of it that is broken off is a sample
    for job, (outcome, wrong) in part.all_of(jobs, transfers.spoilt):
        part.count(f"{called[job[0]]}: {job[2]}", ended(outcome), wrong, transfers.label(*job))


def of_bits(part):
    for bench in ("virtual-usb.json", "virtual-serial.json"):
        bits = transfers.bits_of_setting(bench)
        random.Random(1).shuffle(bits)  # a part of it that is broken off is a sample
        for job, (outcome, wrong) in part.all_of([(bench, *bit) for bit in bits], transfers.turned):
            part.count(f"{bench}, {'answers' if job[2] == 'in' else 'orders'}", ended(outcome), wrong, str(job))
    done = subprocess.run([str(rig.B / "tests/unit/drivers/test_every_bit")], capture_output=True, text=True, check=False, cwd=rig.ROOT)
    part.found["frames"] = next((line for line in (done.stdout + done.stderr).splitlines() if "turned over" in line), "they were not tried")
    if done.returncode:
        part.found["fell"].append(f"frames under a checksum: {part.found['frames']}")


def of_memory(part):
    place = failing.Place()
    for command in ("run", "analyze", "report", "import"):
        most = place.counts(command)["malloc"]
        jobs = [(place, command, f"{n}{ever}") for n in range(1, most, EVERY_MALLOC) for ever in ("", "+")]
        for job, (code, wrong) in part.all_of(jobs, failing.memory):
            part.count(command, f"exit {code}", wrong, f"{command}, allocation {job[2]}")


def of_writes(part):
    place = failing.Place()
    most = place.counts("run")["write"]
    jobs = [(place, n, way) for n in range(1, most + 1) for way in failing.WAYS]
    for job, (code, wrong) in part.all_of(jobs, failing.disk):
        part.count(job[2], f"exit {code}", wrong, f"write {job[1]}, {job[2]}")


def of_power(part):
    run, certain, floor, jobs = power_cut.Run(failing.Place()), [], 0, []
    if not run.is_known():
        part.found["fell"].append("what the run wrote is not all known")
    late = power_cut.late_commit(run)
    if late:
        part.found["fell"].append(late)
    for cut in range(1, len(run.calls) + 1):
        floor = max(floor, power_cut.durable_entries(run, cut))
        certain.append(floor)
        jobs += [(run, cut, way, seed, floor) for way in power_cut.WAYS for seed in range(TORN if way == "torn" else 1)]
    for job, (came, wrong) in part.all_of(jobs, power_cut.examine):
        part.count(f"{job[2]} of what was not durable", {0: "whole", 130: "recovered", None: "no file yet"}.get(came, f"exit {came}"), wrong, f"after call {job[1]}, {job[2]}, seed {job[3]}")


def of_replug(part):
    for job, (code, wrong) in part.all_of(test_replug.drawn(REPLUGS, 1), test_replug.tried):
        part.count(f"{job[0]}: {job[1]}", f"exit {code}", wrong, f"{job[0]}, {job[2]}")


PARTS = {"transfers": (of_transfers, {"every": EVERY, "seed": 7}), "bits": (of_bits, {"seed": 7, "frames": "not tried"}),
         "memory": (of_memory, {"every": EVERY_MALLOC}), "writes": (of_writes, {}),
         "power": (of_power, {"torn": TORN}), "replug": (of_replug, {})}


def main():
    KEPT.mkdir(parents=True, exist_ok=True)
    fell = 0
    for name in os.environ.get("PARTS", " ".join(PARTS)).split():
        one, about = PARTS[name]
        part = Part(name, **about)
        one(part)
        part.keep()
        print(f"{name}: {part.found['tried']} tried, {len(part.found['fell'])} fell", flush=True)
        fell += len(part.found["fell"])
    reliability_page.write(KEPT, Path(os.environ.get("PAGE", rig.ROOT / "docs/reliability.md")))
    sys.exit(1 if fell else 0)


if __name__ == "__main__":
    main()
