#!/usr/bin/python3
"""Some moments of a run at which the power goes (power_cut.py), other ones by SEED; `make reliability` does all."""
import os
import random
import sys

import failing
import power_cut
import rig

EACH = int(os.environ.get("EACH", "5"))
SEED = int(os.environ.get("SEED", "1"))


def main():
    if rig.CHECKED:
        print("a checked build has writes of its own: nothing is tried")
        print("0 passed, 0 failed, 0 skipped")
        sys.exit(0)
    check, rng, run = rig.Checks(), random.Random(SEED), power_cut.Run(failing.Place())
    most = len(run.calls)
    check(most > 60 and run.is_known(), f"all that a run writes is known: {most} calls")
    tried = sorted(rng.sample(range(1, most), 4 * EACH)) + [most]
    late = power_cut.late_commit(run)
    check(not late, f"each commit is durable before the next: {late}")
    certain = 0
    for n, cut in enumerate(tried):
        now = power_cut.durable_entries(run, cut)
        check(now >= certain, f"after {cut} calls {now} entries are certain, and {certain} were before")
        certain = max(certain, now)
        way = power_cut.WAYS[n % 3] if cut < most else "nothing"
        came, wrong = power_cut.examine(run, cut, way, SEED, certain, ask_penrig=n % 4 == 0 or cut == most)
        check(not wrong, f"the power goes after call {cut} of {most}, {way}: {wrong}")
    check(certain > 30, f"a run that ended is certain: {certain}")
    check.end()


if __name__ == "__main__":
    main()
