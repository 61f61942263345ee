#!/usr/bin/python3
"""Some allocations and some writes that fail (failing.py), other ones by SEED; `make reliability` does all."""
import os
import random
import sys

import failing
import rig

EACH = int(os.environ.get("EACH", "4"))
SEED = int(os.environ.get("SEED", "1"))


def main():
    if rig.CHECKED:
        print("a checked build has allocations of its own: nothing is tried")
        print("0 passed, 0 failed, 0 skipped")
        sys.exit(0)
    check, rng, place = rig.Checks(), random.Random(SEED), failing.Place()
    for command in ("run", "analyze", "report", "import"):
        most = place.counts(command)["malloc"]
        check(most > 5000, f"{command} allocates: {most}")
        for i in range(EACH):
            fail = f"{rng.randrange(1, most if i % 2 else 3000)}{'+' if i % 4 > 1 else ''}"
            code, wrong = failing.memory(place, command, fail)
            check(not wrong, f"{command}, allocation {fail}: {wrong}")
    most = place.counts("run")["write"]
    check(most > 100, f"a run writes: {most}")
    for way in failing.WAYS:
        for _ in range(EACH // 2):
            n = rng.randrange(1, most)
            code, wrong = failing.disk(place, n, way)
            check(not wrong, f"write {n} of a run, {way}: {wrong}")
    check.end()


if __name__ == "__main__":
    main()
