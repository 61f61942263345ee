"""A serial client that knows nothing of penrig: by-id name, modem lines, exclusive use and its release, unplug."""
import errno
import fcntl
import os
import select
import signal
import sys
import termios
import time

import serial


def by_id(part):
    folder = "/dev/serial/by-id"
    names = [n for n in os.listdir(folder) if part in n]
    return os.path.join(folder, names[0])


def ask(port, text):
    port.write(text.encode() + b"\n")
    return port.readline().decode().strip()


def talk():
    name = by_id("PEN")
    print("real", os.path.realpath(name) == "/dev/ttyACM0")
    with serial.Serial(name, 115200, timeout=5) as port:
        print("lines", port.cts, port.dsr, port.cd)
        print("idn", ask(port, "*IDN?"))


def wrong_baud():
    with serial.Serial("/dev/ttyACM0", 9600, timeout=0.5) as port:
        port.write(b"*IDN?\n")
        print("garbled", b"PEN" not in port.read(80))
    with serial.Serial("/dev/ttyACM0", 115200, timeout=5) as port:
        port.write(b"\n")  # ends the line that the garbage began
        print("idn", ask(port, "*IDN?"))


def exclusive():
    """TIOCEXCL keeps others out, and a killed holder lets go."""
    reading, writing = os.pipe()
    holder = os.fork()
    if holder == 0:
        fd = os.open("/dev/ttyACM0", os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(fd, termios.TIOCEXCL)
        os.write(writing, b"x")
        signal.pause()
    os.read(reading, 1)
    try:
        os.close(os.open("/dev/ttyACM0", os.O_RDWR | os.O_NOCTTY))
        print("second open: ok")
    except OSError as e:
        print("second open:", errno.errorcode[e.errno])
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    end = time.monotonic() + 10
    while True:  # the simulator learns of the last close a moment later
        try:
            os.close(os.open("/dev/ttyACM0", os.O_RDWR | os.O_NOCTTY))
            print("after kill: ok")
            return
        except OSError as e:
            if time.monotonic() > end:
                print("after kill:", errno.errorcode[e.errno])
                return


def unplug():
    """The bench takes the pen away at its N-th transfer: hang-up, then no such port."""
    fd = os.open("/dev/ttyACM0", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    end = time.monotonic() + 20
    hung_up = False
    while not hung_up and time.monotonic() < end:
        try:
            os.write(fd, b"*IDN?\n")
        except OSError as e:
            print("write:", errno.errorcode[e.errno])
            break
        for _, events in poll.poll(20):
            hung_up = bool(events & select.POLLHUP)
            if not hung_up:
                os.read(fd, 4096)
    print("hup", any(e & select.POLLHUP for _, e in poll.poll(2000)))
    try:
        os.open("/dev/ttyACM0", os.O_RDWR | os.O_NOCTTY)
        print("reopen: ok")
    except OSError as e:
        print("reopen:", errno.errorcode[e.errno])
    print("by-id", [n for n in os.listdir("/dev/serial/by-id") if "PEN" in n])


{"talk": talk, "wrong_baud": wrong_baud, "exclusive": exclusive, "unplug": unplug}[sys.argv[1]]()
