#!/usr/bin/python3
"""Every fault at every point, counted: `make reliability` runs this and writes docs/reliability.md. Takes an hour of CPU; PARTS in
the environment names some parts of it, the others keep the figures of their last time."""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import failing
import reliability_page
import rig
import transfers

WORKERS = int(os.environ.get("WORKERS", "1"))
EVERY = int(os.environ.get("EVERY", "50"))  # transfer of a stream
EVERY_MALLOC = int(os.environ.get("EVERY_MALLOC", "100"))
KEPT = rig.B / "reliability"  # what each part came to, for the page


def all_of(jobs, one):
    """(job, what it came to) of each, in their order; what fell is said as it falls."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for job, came in zip(jobs, pool.map(lambda job: one(*job), jobs)):
            if came[-1]:
                print("FELL:", *job[1:], came[-1][:300], flush=True)
            yield job, came


def of_transfers():
    rows, fell = {}, []
    for bench in transfers.BENCHES:
        good, listed = transfers.golden(bench)
        if good.outcome() != ("pass", "complete", 0):
            fell.append(f"{bench}: the run that nothing spoils: {good.outcome()}")
            continue
        picked = transfers.chosen(listed, EVERY)
        jobs = [(bench, n, fault) for n in picked for fault in transfers.FAULTS]
        for (_, n, fault), (outcome, wrong) in all_of(jobs, transfers.spoilt):
            counted(rows, fell, f"{bench}, {len(picked)} of {len(listed)}: {fault}", outcome and (outcome[0] if outcome[1] == "complete" else outcome[1]), wrong,
                    transfers.label(bench, n, fault))
    return {"rows": rows, "fell": fell, "seed": 7, "every": EVERY}


def counted(rows, fell, row, column, wrong, said):
    """One more of a row's column, or of what fell."""
    column = "fell" if wrong else str(column)
    rows.setdefault(row, {})[column] = rows.get(row, {}).get(column, 0) + 1
    if wrong:
        fell.append(f"{said}: {wrong}")


def of_bits():
    rows, fell = {}, []
    for bench in ("virtual-usb.json", "virtual-serial.json"):
        jobs = [(bench, *bit) for bit in transfers.bits_of_setting(bench)]
        for job, (outcome, wrong) in all_of(jobs, transfers.turned):
            counted(rows, fell, f"{bench}, {'answers' if job[2] == 'in' else 'orders'}", outcome and (outcome[0] if outcome[1] == "complete" else outcome[1]), wrong, str(job))
    done = subprocess.run([str(rig.B / "tests/unit/drivers/test_every_bit")], capture_output=True, text=True, check=False, cwd=rig.ROOT)
    frames = next((line for line in (done.stdout + done.stderr).splitlines() if "turned over" in line), "they were not tried")
    if done.returncode:
        fell.append(f"frames under a checksum: {frames}")
    return {"rows": rows, "fell": fell, "frames": frames, "seed": 7}


def of_memory():
    rows, fell, place = {}, [], failing.Place()
    for command in ("run", "analyze", "report", "import"):
        most = place.counts(command)["malloc"]
        jobs = [(place, command, f"{n}{ever}") for n in range(1, most, EVERY_MALLOC) for ever in ("", "+")]
        for job, (code, wrong) in all_of(jobs, failing.memory):
            counted(rows, fell, f"{command}, about {most} allocations", f"exit {code}", wrong, f"{command}, allocation {job[2]}")
    return {"rows": rows, "fell": fell, "every": EVERY_MALLOC}


def of_writes():
    rows, fell, place = {}, [], failing.Place()
    most = place.counts("run")["write"]
    jobs = [(place, n, way) for way in failing.WAYS for n in range(1, most + 20)]
    for job, (code, wrong) in all_of(jobs, failing.disk):
        counted(rows, fell, job[2], f"exit {code}", wrong, f"write {job[1]}, {job[2]}")
    return {"rows": rows, "fell": fell, "writes": most}


PARTS = {"transfers": of_transfers, "bits": of_bits, "memory": of_memory, "writes": of_writes}


def main():
    KEPT.mkdir(parents=True, exist_ok=True)
    fell = 0
    for name in os.environ.get("PARTS", " ".join(PARTS)).split():
        found = PARTS[name]()
        (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1))
        print(f"{name}: {len(found['fell'])} fell", flush=True)
        fell += len(found["fell"])
    reliability_page.write(KEPT, Path(os.environ.get("PAGE", rig.ROOT / "docs/reliability.md")))
    sys.exit(1 if fell else 0)


if __name__ == "__main__":
    main()
