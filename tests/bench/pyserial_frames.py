"""The loop that one writes with pyserial, on the same frames as serial_frames: read up to a frame's end, undo its COBS, and look at its number. It checks no
CRC, for want of one of this kind in the standard library. usage: pyserial_frames.py COUNT TTY"""
import struct
import sys
import time

import serial


def unstuffed(frame):
    out, at = bytearray(), 0
    while at < len(frame):
        code = frame[at]
        out += frame[at + 1:at + code]
        at += code
        if code < 255 and at < len(frame):
            out.append(0)
    return out


wanted, good, first = int(sys.argv[1]), 0, None
with serial.Serial(sys.argv[2], 115200, timeout=10) as port:
    print("ready", flush=True)
    while good < wanted:
        frame = port.read_until(b"\0")
        first = first or time.perf_counter()
        packet = unstuffed(frame[:-1])
        if len(packet) > 4 and struct.unpack_from("<H", packet, 2)[0] is not None:
            good += 1
    print(time.perf_counter() - first)
