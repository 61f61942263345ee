"""docs/reliability.md from what each part of reliability.py came to."""
import json

HEAD = """# Reliability

What was made to fail, how often, and what came of it; written by `make reliability`, which takes hours of CPU (`PARTS="transfers bits"` does some of it). Each row counts runs on the virtual
clock. *fell*: the run ended otherwise than it should, a pass was false, the pen was left running, a file did not open, or it hung; such a run is named below its table and runs again alone.
The same is tried with a few of them, other ones by `SEED`, in every `make check` (`test_transfers.py`, `test_failing.py`, `test_power_cut.py`, `test_replug.py`).

"""

TEXTS = {
    "transfers": ("Transfers", "One transfer of a run is spoilt (`penrig-a --transfer N,FAULT`, seed {seed}): all of the dialogues with each device, the first sixteen of each stream and every {every}th behind. A run so "
                  "spoilt must pass (and then the truth says the same), be inconclusive, lose the device or be refused; never fail, because no fault of a wire is the pen's. Its file is verified and "
                  "derived again, and it is over within 20 s of its own time."),
    "bits": ("Bits", "Every bit of every order by which the pen is set and started, and of every answer to them, turned over by itself (`--transfer N,bit=K`, seed {seed}): the motor never starts with another "
             "setpoint than the plan's, and no single odd answer decides anything. Of frames under a checksum, each with its neighbours: {frames}."),
    "memory": ("Memory", "One allocation fails, and each from there on (every {every}th of a command): no crash, an exit code that is documented, nothing that says pass where it did not end with 0, and a pen that stands."),
    "writes": ("Writes", "Each call of a run that writes (write, pwrite, fsync, fdatasync, ftruncate, fallocate, rename, unlink) fails so, or the program is killed in it: the run file opens and holds what was acknowledged, or the exit "
               "code is 6; no report says pass then. `exit 0`: what failed was none of the run's files (the state, the history, a log that is made anew), and the run file was derived again. "
               "A file that was written half (SHORT) is written on."),
    "power": ("Power cut", "The power goes behind each call of a run that writes or makes durable, and the disk is left with nothing, all, or any sectors of 512 bytes ({torn} times) and the first few names of what no fsync "
              "had followed (`tests/e2e/power_cut.py`; the log of writes played to its end is the run's folder, to the byte). The run file opens with every entry that was durable by then; one that ended is "
              "whole; no report says pass without it; each commit is durable before the next is written. `exit 6`: before anything of the run was durable."),
    "replug": ("Unplugged and plugged in again", "A device is pulled out at a random moment of a run of three points with a dead-man test, and is back 0.05, 0.4 or 2 s later (`--replug-timeout 10s`). The pen stands in the end, "
               "by the truth; what passes (0) has every point measured and every stop seen. 3: the load sensor was gone while the pen ran, so nobody saw its stop. 4: before any device had said who it is, or behind the last point. The "
               "files of all parts are derived again."),
}


MUTANTS = """
## Mutants

`make mutants COUNT=110 SEED=1` and `COUNT=60 SEED=2`: of 170 places in 20 modules 120 changes were noticed by the unit tests of the module alone (end-to-end tests were not asked), 48 were not, 2 were no
program. Tests that were written for these notice 22 of them, and a checked build 4 more (a pivot from behind the array, twice a row behind the table, points that are not freed). The most dangerous of the 22: a stop could be proven by
stillness from before its order; a needle that nobody had told to stop counted as stopped by being told. What is left:

- End-to-end tests notice (2): penrig is not killed, or not by the right flags, where it holds the pen's device and stands still (`test_stopper.py`).
- Nothing can be seen of it (18): a buffer one byte longer; arrays that grow one element sooner; the first value of what is written over before it is read; a descriptor 0, which is nobody's; a limit at which both branches give the same
  (`watch.c` on time, Student's factor for 10^7 degrees and many, as many values as lags, channels as wide as the widest); a row's number that SQLite gives by itself; an item's buffer of 1 byte at least; a descriptor that the end
  of the program closes or a loop that is freed next forgets; text that a callback does not use.
- A programmer's mistake is caught later or not at all (2): a result and a limit of two measurands (`assert_fit()`), a text longer than the stopper's message.

## Coverage

`make coverage` (clang 19, unit tests alone; end-to-end tests are not counted, which are what runs most of `rig/cli`, `rig/fleet`, `reports/html`): 58.7 % of 87248 lines, 50.3 % of 52464 branches, 38.0 % of 12200 conditions seen to
decide by themselves (MC/DC). `SHOW=words` names what is left of a module. Of what a verdict, a stop or a record hangs on:

| | lines | branches | MC/DC |
|---|---|---|---|
| rig/judge/judge.c | 100.0 % | 97.4 % | 96.1 % of 77 |
| rig/judge/sweeps.c | 95.1 % | 91.3 % | 85.7 % of 14 |
| rig/judge/verdict.c | 100.0 % | 94.5 % | 86.8 % of 106 |
| rig/measure/decision.c | 99.0 % | 80.0 % | 57.1 % of 28, asserts among them |
| rig/config/limit.c | 98.4 % | 92.2 % | 86.7 % of 15 |
| rig/session/evidence.c | 100.0 % | 94.9 % | 91.0 % of 67 |
| rig/session/rules.c | 98.7 % | 95.2 % | 81.2 % of 16 |
| rig/runfile/store.c | 93.2 % | 73.9 % | 57.1 % of 7 |
| rig/runfile/chain.c | 100.0 % | 100.0 % | has none |

What no unit test of `store.c` reaches are writes that fail, which `make reliability` makes fail one by one.

## Another processor

`make check-aarch64`, under qemu's user mode, for a 64-bit ARM and Debian 12's libraries: the 29 kept runs of this method open, verify, show and derive again with the same verdicts and reasons. They are not
the same bit for bit (1 of 29 is): the libraries' functions round otherwise there, in the 12th to 16th figure where it was looked at, never by more than 10^-7, which `analyze` says, and exits with 7. Two loops made gcc 12.2 itself die for that
processor, so penrig could not be built there; they are written otherwise since.
"""

FUZZING = """
## Fuzzing

`make check-fuzz EACH=45`, clang's libFuzzer with the address and undefined-behaviour sanitizers, on two cores that others used as well; nothing fell. Besides, some 2400 changes of rows of run files (`fuzz_runfile`) under gcc's, of
which none fell either. What the targets found as they were written: texts of devices that turn the direction of writing, or hold C1 controls, reached documents as they were; they are made `?` since.

| target | inputs | places reached |
|---|---|---|
| `fuzz_config` | 3332 | 1011 |
| `fuzz_device_texts` | 1665 | 872 |
| `fuzz_import` | 2001 | 1261 |
| `fuzz_load_stream` | 143650 | 186 |
| `fuzz_profile` | 8887 | 827 |
| `fuzz_runfile` | 74 | 5747 |
| `fuzz_scan` | 514415 | 243 |
| `fuzz_scpi_reply` | 124302 | 203 |
| `fuzz_usbtmc` | 105880 | 282 |
"""


def table(rows):
    columns = sorted({c for row in rows.values() for c in row} - {"fell"}) + ["fell"]
    lines = ["| | runs | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for name, row in sorted(rows.items()):
        lines.append(f"| {name} | {sum(row.values())} | " + " | ".join(str(row.get(c, 0)) for c in columns) + " |")
    total = {c: sum(row.get(c, 0) for row in rows.values()) for c in columns}
    lines.append(f"| all | {sum(total.values())} | " + " | ".join(str(total[c]) for c in columns) + " |")
    return "\n".join(lines)


def write(kept, page):
    parts = []
    for name, (title, text) in TEXTS.items():
        path = kept / f"{name}.json"
        if not path.exists():
            continue
        found = json.loads(path.read_text())
        named = "\n".join(f"- {said}" for said in found["fell"][:20])
        tried = f"{found['tried']} were tried" + ("" if found["tried"] == found["of"] else f" of {found['of']}, drawn at random" if name in ("bits", "transfers") else f" of {found['of']}")
        parts.append(f"## {title}\n\n{text.format(**found)} {tried}, {len(found['fell'])} fell.\n\n{table(found['rows'])}\n" + (f"\n{named}\n" if named else ""))
    page.write_text(HEAD + "\n".join(parts) + FUZZING + MUTANTS)
