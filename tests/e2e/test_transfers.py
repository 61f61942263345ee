#!/usr/bin/python3
"""Some of the spoilt transfers and turned bits (transfers.py) of every bench and every fault, other ones by SEED; `make reliability` does
all."""
import os
import random

import rig
import transfers

EACH = int(os.environ.get("EACH", "1"))  # of every fault on every bench
SEED = int(os.environ.get("SEED", "1"))
ONCE_FELL = [("virtual-boxes.json", 1335, "timeout")]


def jobs_of(bench, listed):
    rng = random.Random(f"{bench} {SEED}")
    picked = transfers.chosen(listed, 50)
    return [(bench, rng.choice(picked), fault) for fault in transfers.FAULTS for _ in range(EACH)]


def main():
    check = rig.Checks()
    jobs = list(ONCE_FELL)
    for bench in transfers.BENCHES:
        good, listed = transfers.golden(bench)
        check(good.outcome() == ("pass", "complete", 0) and len(listed) > 500, f"{bench}, nothing spoilt: {good.outcome()} {good.err[-200:]}")
        jobs += jobs_of(bench, listed)
    seen = set()
    for job, (outcome, wrong) in zip(jobs, rig.in_parallel([lambda job=job: transfers.spoilt(*job) for job in rig.some(jobs)])):
        check(not wrong, f"{transfers.label(*job)}: {wrong}")
        seen.add(outcome)
    for bench in ("virtual-usb.json", "virtual-serial.json"):
        for bit in random.Random(SEED).sample(transfers.bits_of_setting(bench), 4 * EACH):
            outcome, wrong = transfers.turned(bench, *bit)
            check(not wrong, f"{bench}, bit {bit} turned over: {wrong}")
    check(len(seen) > 1 or rig.CHECKED, f"some of them showed: {seen}")
    check.end()


if __name__ == "__main__":
    main()
