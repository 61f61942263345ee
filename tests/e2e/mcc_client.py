"""A client of the USB-1608FS-Plus over pyusb, from what is known of the device and from nothing of penrig's: prints what it found, as JSON.
For test_other_clients.py."""
import json
import struct
import sys
import time

import usb.core

OUT, IN = 0x40, 0xC0
device = usb.core.find(idVendor=0x09DB, idProduct=0x00EA)
device.set_configuration()
found = {"serial": bytes(device.ctrl_transfer(IN, 0x48, 0, 0, 8)).decode(), "usb_serial": device.serial_number}
memory = b"".join(bytes(device.ctrl_transfer(IN, 0x30, at, 0, 256)) for at in (0, 256))
found["date"] = list(device.ctrl_transfer(IN, 0x30, 0x200, 0, 6))


def status():
    return struct.unpack("<H", bytes(device.ctrl_transfer(IN, 0x44, 0, 0, 2)))[0]


def start(scans, rate, mask, options=0):
    device.ctrl_transfer(OUT, 0x12)
    device.ctrl_transfer(OUT, 0x15)
    device.ctrl_transfer(OUT, 0x14, 0, 0, bytes([0] * 8))
    device.clear_halt(0x81)
    device.ctrl_transfer(OUT, 0x11, 0, 0, struct.pack("<IIBB", scans, round(40e6 / rate) - 1, mask, options))


def volts(raw, place):
    slope, offset = struct.unpack_from("<ff", memory, 8 * place)
    return (raw * slope + offset - 32768) * 10 / 32768


start(320, 10000, 0b10001)  # 1280 bytes: whole packets, so an empty one ends it
data = bytes(device.read(0x81, 4096, 2000))
words = struct.unpack(f"<{len(data) // 2}H", data)
found.update(words=len(words), ambient_v=volts(words[-1], 4), force_v=volts(words[0], 0), status_after=status())
start(500, 20000, 0b1, 1 << 5)
found["counted"] = struct.unpack("<500H", bytes(device.read(0x81, 4096, 2000))) == tuple(range(500))
start(0, 20000, 0xFF)
found["status_runs"] = status()
try:
    device.ctrl_transfer(OUT, 0x14, 0, 0, bytes(8))
except usb.core.USBError as e:
    found["config_refused"] = e.errno
until = time.monotonic() + 10
while status() & 2 and time.monotonic() < until:  # nobody reads: it must run over
    pass
found["status_overran"] = status()
kept = 0
try:
    while kept < 1 << 20:
        kept += len(device.read(0x81, 4096, 2000))
except usb.core.USBError as e:
    found["halted"] = e.errno
found["kept"] = kept
json.dump(found, sys.stdout)
