"""Runs a plan with Debian's iiod between penrig and the virtual IIO converter: iiod's own back end is libiio's client of that. In front of
the virtual bench: iiod_between.py FOLDER BENCH PENRIG PLAN. For test_other_clients.py."""
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

folder, bench, penrig, plan = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
with socket.socket() as free:
    free.bind(("0.0.0.0", 0))
    port = free.getsockname()[1]
server = subprocess.Popen(["iiod", "-u", "ip:192.0.2.8", "-p", str(port)], stdin=subprocess.DEVNULL, stdout=(folder / "iiod.log").open("w"),
                          stderr=subprocess.STDOUT)


def listens():
    with socket.socket() as call:
        return call.connect_ex(("127.0.0.1", port)) == 0


try:
    while server.poll() is None and not listens():
        time.sleep(0.05)
    if server.poll() is not None:
        sys.exit(f"iiod ended: {(folder / 'iiod.log').read_text()[-500:]}")
    own = folder / "through-iiod.json"
    own.write_text(bench.read_text().replace("tcp:192.0.2.8", f"tcp:127.0.0.1:{port}"))
    done = subprocess.run([penrig, "run", plan, "--bench", str(own), "--dut", "PEN-GOOD-01", "--output-dir", str(folder), "--no-input"],
                          stdin=subprocess.DEVNULL, env=os.environ)
finally:
    server.kill()
    server.wait()
sys.exit(done.returncode)
