"""Debian's python3-pyvisa-py, a client that nobody here wrote, talks to the pen: identity, a setpoint, a refused setpoint."""
import sys

import pyvisa

name = sys.argv[1]
manager = pyvisa.ResourceManager("@py")
pen = manager.open_resource(name)
pen.timeout = 10000
if name.startswith("ASRL"):
    pen.baud_rate = 115200
    pen.read_termination = pen.write_termination = "\n"
print("idn", pen.query("*IDN?").strip())
pen.write("SOUR:FREQ 123")
print("rate", float(pen.query("SOUR:FREQ?")))
print("error", pen.query("SYST:ERR?").strip())
pen.write("SOUR:FREQ 100000")
print("refused", pen.query("SYST:ERR?").strip().split(",")[0] != "0")
print("rate", float(pen.query("SOUR:FREQ?")))
pen.close()
