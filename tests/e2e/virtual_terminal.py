"""penrig-virtual under a terminal: Ctrl-C reaches the client once and the devices outlive it; Ctrl-Z stops both, and only
after the client has done what it has to do before it stops."""
import os
import pty
import signal
import sys

CLIENT = r"""
import os, signal, time
interrupts = 0
def on_int(n, f):
    global interrupts
    interrupts += 1
def on_tstp(n, f):
    os.close(os.open("/dev/ttyACM0", os.O_RDWR | os.O_NOCTTY))  # the simulator must still answer
    print("device answers", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    print("resumed", flush=True)
signal.signal(signal.SIGINT, on_int)
signal.signal(signal.SIGTSTP, on_tstp)
print("ready", flush=True)
while not interrupts:
    signal.pause()
end = time.monotonic() + 0.5  # a second, forwarded one would come within this
while time.monotonic() < end:
    time.sleep(0.05)
os.close(os.open("/dev/ttyACM0", os.O_RDWR | os.O_NOCTTY))
print("interrupts", interrupts, flush=True)
"""


def read_until(fd, text, log):
    while text not in log[0]:
        try:
            piece = os.read(fd, 4096).decode()
        except OSError:
            piece = ""
        if not piece:
            return False
        log[0] += piece
    return True


pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "--bench", sys.argv[2], "--", sys.executable, "-c", CLIENT])
log = [""]
read_until(fd, "ready", log)
os.write(fd, b"\x1a")
read_until(fd, "device answers", log)
_, status = os.waitpid(pid, os.WUNTRACED)
print("stopped", os.WIFSTOPPED(status))
os.killpg(pid, signal.SIGCONT)
read_until(fd, "resumed", log)
os.write(fd, b"\x03")
print("interrupts 1", read_until(fd, "interrupts 1", log))
_, status = os.waitpid(pid, 0)
print("status", os.WEXITSTATUS(status) if os.WIFEXITED(status) else status)
print(log[0].replace("\r", ""), file=sys.stderr)
