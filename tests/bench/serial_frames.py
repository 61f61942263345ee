"""Serial frames a second: penrig's link and reader against a loop of pyserial, on the same frames over a pseudo-terminal that is written to as fast as it is
read from."""
import os
import subprocess
import threading
import tty
from pathlib import Path

HERE = Path(__file__).parent


def pump(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:4096]):]


def per_second(command, count, frames):
    """The reader says that it is ready, and then how long it took."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    reader = subprocess.Popen([str(c) for c in (*command, count, os.ttyname(theirs))], stdout=subprocess.PIPE, text=True)
    if reader.stdout.readline() != "ready\n":
        raise SystemExit(f"bench: {command[0]} did not begin")
    writer = threading.Thread(target=pump, args=(ours, frames), daemon=True)
    writer.start()
    seconds = float(reader.communicate(timeout=120)[0].split()[0])
    writer.join()
    os.close(ours)
    os.close(theirs)
    return count / seconds


def pairs(binaries, python, n, count=20000):
    """Frames a second of both, in turn; of pyserial a fiftieth of the frames."""
    made = subprocess.run([str(binaries / "tests/bench/serial_frames"), "make", str(count)], capture_output=True, check=True).stdout
    fewer = made[:len(made) // 50]  # all frames are as long, but for a byte of stuffing
    fewer = fewer[:fewer.rindex(b"\0\0") + 1]
    less = sum(len(frame) > 0 for frame in fewer.split(b"\0"))
    for _ in range(n):
        yield (per_second([binaries / "tests/bench/serial_frames", "read"], count, made),
               per_second([python, HERE / "pyserial_frames.py"], less, fewer))
