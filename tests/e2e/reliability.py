#!/usr/bin/python3
"""Every fault at every point, counted: `make reliability` runs this and writes docs/reliability.md. Takes an hour of CPU; PARTS in
the environment names some parts of it, the others keep the figures of their last time."""
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import rig
import transfers

WORKERS = int(os.environ.get("WORKERS", "1"))
EVERY = int(os.environ.get("EVERY", "50"))
KEPT = rig.B / "reliability"  # what each part came to, for the page


def all_of(jobs, one):
    """(job, what it came to) of each, in their order; what fell is said as it falls."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for job, came in zip(jobs, pool.map(lambda job: one(*job), jobs)):
            if came[-1]:
                print("FELL:", *job, came[-1][:300], flush=True)
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
            row = rows.setdefault(f"{bench}: {len(picked)} of {len(listed)} transfers", {}).setdefault(fault, {})
            verdict = "fell" if wrong else outcome[1] if outcome[1] != "complete" else outcome[0]
            row[verdict] = row.get(verdict, 0) + 1
            if wrong:
                fell.append(f"{transfers.label(bench, n, fault)}: {wrong}")
    return {"rows": rows, "fell": fell, "seed": 7, "every": EVERY}


PARTS = {"transfers": of_transfers}


def main():
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in os.environ.get("PARTS", " ".join(PARTS)).split():
        began = time.process_time()
        found = PARTS[name]()
        (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1))
        print(f"{name}: {len(found['fell'])} fell", flush=True)
        del began
    sys.exit(0)


if __name__ == "__main__":
    main()
