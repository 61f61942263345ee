#!/usr/bin/env python3
"""Writes the test vectors of both protocols from their documents alone."""
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def cobs(data):
    out, run = bytearray(), bytearray()
    ended_by_full_run = False
    for byte in data:
        ended_by_full_run = False
        if byte == 0:
            out += bytes([len(run) + 1]) + run
            run = bytearray()
            continue
        run.append(byte)
        if len(run) == 254:
            out += b"\xff" + run
            run = bytearray()
            ended_by_full_run = True
    if not ended_by_full_run:
        out += bytes([len(run) + 1]) + run
    return bytes(out)


def wire(packet):
    return cobs(packet + struct.pack("<I", crc32c(packet))) + b"\0"


def hexed(data):
    return data.hex() or "-"


def write(name, lines):
    head = "# Written by make.py; the format is told in README.md.\n"
    (HERE / name).write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


# ---- load-stream ----------------------------------------------------------------------------------------------------

stream_lines = []


def frame(name, type_, sequence, body=b"", **fields):
    packet = struct.pack("<BBH", 1, type_, sequence) + body
    assert len(packet) + 4 <= 1024
    stream_lines.append(f"frame {name} {packet.hex()} {wire(packet).hex()}")
    for key, value in {"type": type_, "sequence": sequence, **fields}.items():
        if isinstance(value, (list, tuple)):
            value = ",".join(str(v) for v in value)
        stream_lines.append(f"field {name} {key} {value}")


def text(value, size):
    return value.encode().ljust(size, b"\0")


def data_body(stream, flags, first, ns, widths, samples):
    body = struct.pack("<BBHQQ", stream, flags, len(samples), first, ns)
    for sample in samples:
        for count, bits in zip(sample, widths):
            body += count.to_bytes(bits // 8, "little", signed=True)
    return body


def data(name, sequence, stream, flags, first, ns, widths, samples):
    frame(name, 0x40, sequence, data_body(stream, flags, first, ns, widths, samples), stream=stream, flags=flags,
          samples=len(samples), first_index=first, device_ns=ns, bits=widths, counts=[c for s in samples for c in s])


def make_stream():
    frame("hello", 0x01, 1)
    frame("channel-0", 0x02, 2, b"\0", channel=0)
    frame("stream-1", 0x03, 3, b"\1", stream=1)
    frame("start", 0x04, 4)
    frame("stop", 0x05, 5)
    frame("zero-0", 0x06, 6, b"\0", channel=0)
    frame("rate-0-50k", 0x07, 7, struct.pack("<B3xd", 0, 50000.0), stream=0, rate="50000")
    frame("ping", 0x08, 0xFFFF)
    hello = struct.pack("<BBBBI", 0, 2, 4, 0, 3000000) + text("penrig", 32) + text("Model S", 32) + text("LS-1", 32) + \
        text("1.0", 32) + text("CAL-2026-0117", 32) + text("2027-01-17", 10) + b"\0\0"
    assert len(hello) == 180
    frame("hello-reply", 0x81, 1, hello, status=0, streams=2, channels=4, line_baud=3000000, maker="penrig",
          model="Model_S", serial="LS-1", firmware="1.0", calibration_id="CAL-2026-0117", calibration_due="2027-01-17")
    channel = struct.pack("<BBBBB3x", 0, 0, 0, 0, 16) + text("force", 16) + text("N", 8) + \
        struct.pack("<6d", 2.0 / 32768, 0.0, -2.0, 2.0, 0.0006, 20000.0)
    assert len(channel) == 80
    frame("channel-0-reply", 0x82, 2, channel, status=0, quantity=0, stream=0, position=0, bits=16, channel_name="force", unit="N",
          scale=repr(2.0 / 32768), offset="0", range_lo="-2", range_hi="2", noise="0.0006", bandwidth="20000")
    channel = struct.pack("<BBBBB3x", 0, 2, 1, 2, 24) + text("ambient", 16) + text("degC", 8) + \
        struct.pack("<6d", 0.0001, 25.0, -20.0, 120.0, 0.0, 0.0)
    frame("channel-3-reply", 0x82, 8, channel, status=0, quantity=2, stream=1, position=2, bits=24, channel_name="ambient",
          unit="degC", scale="0.0001", offset="25", range_lo="-20", range_hi="120", noise="0", bandwidth="0")
    frame("channel-9-refused", 0x82, 9, b"\1", status=1)
    rates = [10000.0, 25000.0, 50000.0, 100000.0, 200000.0]
    stream = struct.pack("<BBBBI4d", 0, 1, len(rates), 0, 0, 50000.0, 50000.0, 10000.0, 200000.0) + \
        struct.pack("<15d", *(rates + [0.0] * 10))
    assert len(stream) == 160
    frame("stream-0-reply", 0x83, 10, stream, status=0, channels=1, rate="50000", default="50000", lowest="10000",
          highest="200000", rates=[f"{r:g}" for r in rates])
    stream = struct.pack("<BBBBI4d", 0, 3, 0, 0, 0, 10.0, 10.0, 1.0, 100.0) + bytes(120)
    frame("stream-1-reply", 0x83, 3, stream, status=0, channels=3, rate="10", default="10", lowest="1", highest="100")
    frame("start-reply", 0x84, 4, b"\0", status=0)
    frame("start-busy", 0x84, 11, b"\4", status=4)
    frame("stop-reply", 0x85, 5, b"\0", status=0)
    frame("zero-fault", 0x86, 6, b"\5", status=5)
    frame("rate-reply", 0x87, 7, struct.pack("<B3xd", 0, 50000.0), status=0, rate="50000")
    frame("rate-too-slow", 0x87, 12, struct.pack("<B3xd", 3, 50000.0), status=3, rate="50000")
    frame("ping-reply", 0x88, 0xFFFF, struct.pack("<BB2xQQ", 0, 1, 123456789012345, 123456789), status=0, streaming=1,
          device_ns=123456789012345, uptime_ms=123456789)
    data("data-one", 0, 0, 0, 0, 1000000, [16], [[0]])
    data("data-i16", 1, 0, 1, 1, 1020000, [16], [[-32768], [32767], [-1], [0], [256]])
    data("data-i24x3", 2, 1, 0, 0xFFFFFFFF, 0, [24, 24, 24], [[-8388608, 8388607, -1], [0, 65536, -65536]])
    data("data-i32", 3, 2, 2, 1 << 40, 5, [32], [[-2147483648], [2147483647], [1]])
    data("data-mixed", 65535, 3, 6, 77, 9, [16, 24, 32], [[-2, -3, -4], [1000, 100000, 1000000000]])
    data("data-full", 9, 0, 0, 498, 9960000, [16], [[(k * 37) % 65536 - 32768] for k in range(498)])
    data("data-full-nonzero", 10, 0, 0, 996, 1, [16], [[0x0101 + (k % 200)] for k in range(498)])
    frame("event-overload", 0x41, 11, struct.pack("<BBHQd", 1, 0, 0, 123456, 2.25), code=1, channel=0, index=123456,
          value="2.25")
    frame("event-no-value", 0x41, 12, struct.pack("<BBHQd", 6, 255, 0, 0, float("nan")), code=6, channel=255, index=0,
          value="nan")
    frame("unknown-type", 0x5A, 13, b"\1\2\3")
    for length in (241, 242, 243, 244, 495, 496, 497, 498):
        frame(f"cobs-run-{length + 8}", 0x5A, 0x0101, bytes([7]) * length)
    make_bad()


def bad(name, reason, data):
    assert data.count(0) == 1 and data[-1] == 0
    stream_lines.append(f"bad {name} {reason} {data.hex()}")


def make_bad():
    good = struct.pack("<BBH", 1, 0x84, 4) + b"\0"
    body = good + struct.pack("<I", crc32c(good))
    bad("crc-flipped", "crc", cobs(body[:-1] + bytes([body[-1] ^ 1])) + b"\0")
    bad("body-flipped", "crc", cobs(bytes([body[0]]) + bytes([body[1] ^ 0x10]) + body[2:]) + b"\0")
    bad("crc-big-endian", "crc", cobs(good + struct.pack(">I", crc32c(good))) + b"\0")
    bad("seven-bytes", "short", cobs(good[:3] + struct.pack("<I", crc32c(good[:3]))) + b"\0")
    version = b"\2" + good[1:]
    bad("version-2", "version", cobs(version + struct.pack("<I", crc32c(version))) + b"\0")
    bad("code-beyond-end", "cobs", b"\x09\x01\x02\0")
    big = bytes([1, 0x5A, 1, 1]) + bytes([7]) * 1017
    bad("packet-1025", "long", cobs(big + struct.pack("<I", crc32c(big))) + b"\0")
    bad("endless", "long", b"\x55" * 1500 + b"\0")


# ---- scpi-pen -------------------------------------------------------------------------------------------------------

pen_lines = []


def say(line, answer=None, end="\n"):
    shown = "".join(c if " " <= c <= "~" else "?" for c in line).rstrip()
    pen_lines.append(f"> {(line + end).encode('latin-1').hex()} # {shown}")
    if answer is not None:
        pen_lines.append(f"< {(answer + chr(10)).encode().hex()} # {answer}")


def case(name):
    pen_lines.append("")
    pen_lines.append(f"case {name}")


def passes(ms):
    pen_lines.append(f"@ {ms}")


NONE = '0,"No error"'


def err(code):
    return {-101: '-101,"Invalid character"', -102: '-102,"Syntax error"', -104: '-104,"Data type error"',
            -108: '-108,"Parameter not allowed"', -109: '-109,"Missing parameter"', -113: '-113,"Undefined header"',
            -131: '-131,"Invalid suffix"', -222: '-222,"Data out of range"', -350: '-350,"Queue overflow"',
            -363: '-363,"Input buffer overrun"'}[code]


def make_pen_basics():
    case("identity")
    say("*IDN?", "penrig,Model P,PEN-1,1.0")
    say("*idn?", "penrig,Model P,PEN-1,1.0")
    say("*IDN?", "penrig,Model P,PEN-1,1.0", "\r\n")
    say("SYST:CART?", '"C-14",14,1203')
    case("power-on")
    say("SOUR:FREQ?;DEPT?;:OUTP?;:SYST:DEAD?;:STAT:QUES:COND?;:STAT:OPER:COND?;*STB?", "30;0;0;0;0;0;0")
    say("SYST:ERR?", NONE)
    say("SYST:UPT?", "0")
    passes(1234)
    say("SYST:UPT?;TAG? 65535", "1234;65535")
    case("short-and-long-forms")
    for header in ("SOUR:FREQ", "SOURce:FREQuency", "source:frequency", "SOUR:FREQuency", ":sour:freq"):
        say(header + " 120")
        say(header + "?", "120")
        say("*RST")
    say("OUTP?;:OUTP:STAT?;:OUTPUT:STATE?;:SYST:ERR:NEXT?;:SYSTEM:ERROR?", f"0;0;0;{NONE};{NONE}")
    say("SOURC:FREQ?")
    say("SYST:ERR?", err(-113))
    case("numbers")
    for sent, read in (("120", "120"), ("120.0", "120"), ("+1.2E2", "120"), ("116.666667", "116.667"), ("30", "30"),
                       ("150", "150"), ("MIN", "30"), ("MAXimum", "150"), ("def", "30"), ("99.99996", "100")):
        say("SOUR:FREQ " + sent)
        say("SOUR:FREQ?;:SYST:ERR?", f"{read};{NONE}")
    for sent, read in (("0.25", "0.25"), (".5", "0.5"), ("2.5", "2.5"), ("1e-3", "0.001"), ("0", "0"), ("1e-5", "1e-05")):
        say("SOUR:DEPT " + sent)
        say("SOUR:DEPT?;:SYST:ERR?", f"{read};{NONE}")
    case("limits")
    say("SOUR:FREQ? MIN;:SOUR:FREQ? MAX;:SOUR:DEPT? MIN;:SOUR:DEPT? MAX;:SYST:TAG? 3", "30;150;0;2.5;3")
    say("SOUR:FREQ? MIN;FREQ? MAXIMUM;FREQ? DEF;DEPT? MAX", "30;150;30;2.5")


def make_pen_errors():
    case("out-of-range-is-refused-never-clamped")
    say("SOUR:FREQ 120")
    for bad_value in ("150.001", "29.999", "-120", "1e9", "0"):
        say(f"SOUR:FREQ {bad_value}")
        say("SYST:ERR?;ERR?;:SOUR:FREQ?", f"{err(-222)};{NONE};120")
    say("SOUR:DEPT 2.6;:SYST:ERR?;:SOUR:DEPT?", f"{err(-222)};0")
    say("SYST:DEAD 49;DEAD 10001;:SYST:ERR?;ERR?;DEAD?", f"{err(-222)};{err(-222)};0")
    say("SYST:TAG? 65536")
    say("SYST:ERR?", err(-222))
    case("errors")
    for line, code in (("SOUR:FREQ", -109), ("SOUR:FREQ ABC", -104), ("SOUR:FREQ 120HZ", -131), ("SOUR:FREQ 120 1", -108),
                       ("SOUR:FREQ 120,1", -108), ("FREQ 120", -113), ("SOUR:VOLT 1", -113), ("*RST?", -113), ("*IDN", -113),
                       ("SYST:HEAR?", -113), ("SYST:HEAR 1", -108), ("*CLS 1", -108), ("*IDN? 1", -108), ("SOUR", -113),
                       ("1SOUR:FREQ 120", -102), ("SOUR: 120", -102), ("OUTP", -109), ("OUTP PERHAPS", -104),
                       ("SOUR:FREQ? 5", -104), ("SYST:TAG?", -109), ("OUTP ON OFF", -108), ("SYST:DEAD", -109)):
        say(line)
        say("SYST:ERR?;ERR?", f"{err(code)};{NONE}")
    say("SOUR:FREQ?;:OUTP?", "30;0")
    case("units-of-a-line-stand-alone")
    say("SOUR:FREQ 120;DEPT 1.5;:SOUR:FREQ?;DEPT?", "120;1.5")
    say("SOUR:FREQ 100;*CLS;DEPT 0.5;:SOUR:FREQ?;DEPT?", "100;0.5")
    say("SOUR:FREQ 999;DEPT 0.75;DEPT?", "0.75")
    say("SYST:ERR?", err(-222))
    say("NO:SUCH?;:SOUR:DEPT?", "0.75")
    say("SYST:ERR?", err(-113))
    say("SOUR:FREQ 90;NOPE 1;DEPT 1;:SYST:ERR?", err(-113))
    say(" ; SOUR:FREQ? ;; DEPT? ; ", "90;1")
    case("what-every-device-answers")
    say("*ESR?", "128")
    say("*ESR?;*ESE?;*SRE?;*OPC?;*TST?", "0;0;0;1;0")
    say("SYST:VERS?", "1999.0")
    say("*WAI;*OPC;*ESR?;*ESR?", "1;0")
    say("SOUR:VOLT 1;:SOUR:FREQ 999")
    say("*STB?", "4")
    say("*ESE 32;*SRE 32;*STB?;*ESE?;*SRE?", "100;32;32")
    say("*ESR?;*STB?", "48;4")
    say("*SRE 4;*STB?;*CLS;*STB?", "68;0")
    say("*ESE 256;*ESE -1;*SRE;:SYST:ERR?;ERR?;ERR?;*ESE?", f"{err(-222)};{err(-222)};{err(-109)};32")
    say("*RST;*ESE?;*SRE?", "32;4")
    say("*OPC 1;:SYST:ERR?", err(-108))
    say("*TST;*WAI?;:SYST:ERR?;ERR?", f"{err(-113)};{err(-113)}")
    say("*CLS;SYST:NOPE?;:SYST:ERR?;*ESR?", f"{err(-113)};32")
    case("error-queue")
    for _ in range(20):
        say("NOPE")
    for k in range(16):
        say("SYST:ERR?", err(-113) if k < 15 else err(-350))
    say("SYST:ERR?", NONE)
    say("NOPE;*STB?;*CLS;*STB?;:SYST:ERR?", f"4;0;{NONE}")


def make_pen_lines():
    case("line-ends")
    say("", None)
    say("   ", None, "\r\n")
    say("*IDN?", "penrig,Model P,PEN-1,1.0", "\r\n")
    say("OUTP?;:SYST:ERR?", f"0;{NONE}")
    case("cut-anywhere")
    pen_lines.append(f"> {b'SOUR:FR'.hex()}")
    pen_lines.append(f"> {b'EQ 120;:SOU'.hex()}")
    pen_lines.append(f"> {b'R:FREQ?'.hex()}")
    pen_lines.append(f"> {chr(10).encode().hex()}")
    pen_lines.append(f"< {b'120'.hex()}0a")
    case("longest-line")
    line = "OUTP?" + ";" * 244 + "OUTP?;"
    assert len(line) == 255
    say(line, "0;0")
    say(line + ";")
    say("SYST:ERR?;ERR?", f"{err(-363)};{NONE}")
    say("OUTP ON" + " " * 600)
    say("SYST:ERR?;ERR?;:OUTP?", f"{err(-363)};{NONE};0")
    case("invalid-character")
    say("OUTP ON\x00")
    say("OUTP \xff1")
    say("SYST:ERR?;ERR?;ERR?;:OUTP?", f"{err(-101)};{err(-101)};{NONE};0")


def make_pen_motor():
    case("output")
    say("OUTP ON")
    say("OUTP?", "1")
    say("OUTP OFF;:OUTP?", "0")
    say("OUTP 1;:OUTP?;:OUTP 0;:OUTP?", "1;0")
    say("OUTP:STATE ON;STATE?;*RST;STATE?;:SOUR:FREQ?", "1;0;30")
    case("dead-man-trips")
    say("*CLS;:SYST:DEAD 500;:SYST:ERR?;:SYST:DEAD?;:SYST:TAG? 7", f"{NONE};500;7")
    passes(1000)
    say("OUTP?;:STAT:QUES:COND?", "0;0")
    say("*CLS;:OUTP ON;:SYST:ERR?;:OUTP?;:SYST:TAG? 8", f"{NONE};1;8")
    passes(499)
    say("OUTP?;:STAT:QUES:COND?", "1;0")
    passes(21)
    say("OUTP?;:STAT:QUES:COND?;*STB?;:SYST:ERR?", f"0;1024;8;{NONE}")
    say("SYST:HEAR;:STAT:QUES:COND?", "1024")
    say("OUTP ON;:OUTP?;:STAT:QUES:COND?;:SYST:DEAD?", "1;0;500")
    case("dead-man-is-fed")
    say("SYST:DEAD 500;:OUTP ON")
    for k in range(12):
        passes(100)
        say(f"SYST:HEAR;:OUTP?;:STAT:QUES:COND?;:SYST:UPT?;:SYST:TAG? {k + 9}", f"1;0;{100 * (k + 1)};{k + 9}")
    case("dead-man-fed-by-nothing-else")
    say("SYST:DEAD 500;:OUTP ON")
    for _ in range(5):
        passes(104)
        say("SOUR:FREQ 100;DEPT 1;:SYST:DEAD?;*CLS", "500")
    say("OUTP?;:STAT:QUES:COND?", "0;1024")
    case("dead-man-off")
    say("SYST:DEAD 500;DEAD 0;:OUTP ON")
    passes(20000)
    say("OUTP?;:STAT:QUES:COND?;:SYST:DEAD?", "1;0;0")
    case("reset")
    say("SYST:DEAD 500;:SOUR:FREQ 120;DEPT 1;:OUTP ON;*RST;:OUTP?;:SYST:DEAD?;:SOUR:FREQ?;DEPT?;:SYST:ERR?",
        f"0;0;30;0;{NONE}")
    case("conversation")
    say("*CLS;:OUTP OFF;:OUTP?;:SYST:TAG? 1", "0;1")
    say("*IDN?;:SYST:TAG? 2", "penrig,Model P,PEN-1,1.0;2")
    say("SYST:CART?;:SYST:UPT?;:SYST:TAG? 4", '"C-14",14,1203;0;4')
    say("*CLS;:SOUR:FREQ 120;:SYST:ERR?;:SOUR:FREQ?;:SYST:TAG? 5", f"{NONE};120;5")
    say("*CLS;:SOUR:DEPT 1.25;:SYST:ERR?;:SOUR:DEPT?;:SYST:TAG? 6", f"{NONE};1.25;6")
    say("*CLS;:SOUR:DEPT 3;:SYST:ERR?;:SOUR:DEPT?;:SYST:TAG? 12", f"{err(-222)};1.25;12")
    say("OUTP OFF;:OUTP?;:SYST:TAG? 11", "0;11")


def make_readings():
    lines = []

    def accept(kind, field, *values):
        lines.append(f"accept {kind} {field.encode().hex()} {' '.join(str(v).replace(' ', '_') for v in values)} # {field}")

    def refuse(kind, field):
        lines.append(f"refuse {kind} {field.encode().hex() or '-'} # {field}")

    for field, value in (("120", "120"), ("-0.5", "-0.5"), ("116.667", "116.667"), ("1e+06", "1000000"), ("+1.5E-3", "0.0015"),
                         (".5", "0.5"), ("7.", "7"), ("+120", "120"), (" 1.20000E+02", "120"), ("\t-.5e0", "-0.5"),
                         ("9.91e+37", "nan"), ("9.91E37", "nan"), ("+9.910000E+037", "nan"), ("9.9100003e37", "nan"), ("NAN", "nan"),
                         ("nan", "nan"), ("-nan", "nan"), ("9.9E37", "inf"), ("+9.90000000E+37", "inf"), ("9.8999997e+37", "inf"),
                         ("99e36", "inf"), ("-9.9E37", "-inf"), ("INF", "inf"), ("+inf", "inf"), ("INFinity", "inf"),
                         ("NINF", "-inf"), ("ninfinity", "-inf"), ("-inf", "-inf"), ("9.89E37", "9.89e+37"),
                         ("-9.89E37", "-9.89e+37")):
        accept("number", field, value)
    for field in ("", " ", "12O", "120 ", "12 0", "+ 1", "1 e3", "0x10", "1,2", "1e", "1e+", "--1", "+-1", "1e999", "-1e999", ".",
                  "+", "9.95E37", "1e38", "-9.91E37", "-1e38", "INFI", "INFINIT", "NANO", "NA", "--INF", "INF ", "-NINF", "0,INF",
                  "120HZ", "FREQ120", "FREQ", "FREQ ", ":FREQ", "FREQ 120", "FREQ? 120", "1FREQ 120", ": 120", "#H78"):
        refuse("number", field)
    accept("bool", "0", 0)
    accept("bool", "1", 1)
    accept("bool", "+1", 1)
    accept("bool", " 0", 0)
    for field in ("OUTP 1", "OUTP", "1 1", "", "2", "ON", "01", "-1", "+", "+2", "1 ", "++1", "NAN"):
        refuse("bool", field)
    for field in ("0", "65535", "18446744073709551615"):
        accept("uint", field, field)
    for field, value in (("+1", 1), ("1.0", 1), (" +53020", 53020), ("+5.302000E+04", 53020), ("0.", 0), ("9007199254740992.0", 2**53),
                         ("#HE11", 0xE11), ("#h0e11", 0xE11), ("#Q7021", 0xE11), ("#B111000010001", 0xE11),
                         (" #H200", 512), ("00012", 12)):
        accept("uint", field, value)
    for field in ("", "-1", "-0", "1.5", "1e-1", "18446744073709551616", "9007199254740994.0", "1 ", "+ 1", "9.9E37", "9.91E37", "INF",
                  "NAN", "#", "#H", "#HG1", "#H1 ", "# H1", "#H-1", "#Q8", "#B2", "#D10", "#H10000000000000000", "UPT", "UPT -1", "1E"):
        refuse("uint", field)
    accept("error", '0,"No error"', 0, "No error")
    accept("error", '-222,"Data out of range"', -222, "Data out of range")
    for code in ("+0", "-0", " 0", " +0", "+0.0"):
        accept("error", f'{code},"No error"', 0, "No error")
    accept("error", '0, "No error"', 0, "No error")
    accept("error", '+301,"Motor, locked"', 301, "Motor, locked")
    accept("error", '-113,"Undefined header; ""FOO"""', -113, 'Undefined header; "FOO"')
    accept("error", '-222,""', -222, "-")
    for field in ("", "0", "+0", "0,No error", '-222,"Data', 'x,"y"', '0,"a"b', '+-0,"a"', '- 1,"a"', '0 ,"a"', '0.5,"a"', 'NAN,"a"',
                  '9.9E37,"a"', '32769,"a"', '0,"a" ', '0,"""', "0,'No error'"):
        refuse("error", field)
    accept("idn", "penrig,Model P,PEN-1,1.0", "penrig", "Model P", "PEN-1", "1.0")
    for field in ("", "penrig", "a,b,c", "a,b,c,d,e", "a," + "b" * 48 + ",c,d"):
        refuse("idn", field)
    accept("cart", '"C-14",14,1203', "C-14", 14, 1203)
    accept("cart", '"",0,0', "-", 0, 0)
    accept("cart", ' "C-14",+14, 1.203E3', "C-14", 14, 1203)
    accept("cart", ' "C ""14""",14.,+1203', 'C "14"', 14, 1203)
    for field in ("", "C-14,14,1203", '"C-14",14', '"C-14",14,1203,1', '"C-14",-1,3', '"' + "x" * 48 + '",1,2'):
        refuse("cart", field)
    accept("all", "119.98,31.2,29.8,3.91,0.42", "119.98", "31.2", "29.8", "3.91", "0.42")
    accept("all", "9.91e+37,31.2,9.91e+37,0,-0.1", "nan", "31.2", "nan", "0", "-0.1")
    accept("all", "+1.199800E+02, 9.9E37,-9.9E37,NAN,NINF", "119.98", "nan", "nan", "nan", "nan")
    accept("all", " +1.1998e+02, 31.2,29.8, +3.91,.42", "119.98", "31.2", "29.8", "3.91", "0.42")
    for field in ("", "1,2,3,4", "1,2,3,4,5,6", "ALL 1,ALL 2,3,4,5", "1,2,,4,5", "1,2,1e38,4,5", "1 ,2,3,4,5", "1,INFO,3,4,5"):
        refuse("all", field)
    for question, field, data in (("SOUR:FREQ?", ":SOUR:FREQ 120", "120"), ("SOUR:FREQ?", "FREQ  +1.2e+02", "+1.2e+02"),
                                  ("SOUR:DEPT?", " :SOURCE:DEPTH\t.5", ".5"), ("OUTP?", "OUTPUT:STATE  +0", "+0"),
                                  ("OUTP?", ":OUTP1 1", "1"), ("SYST:UPT?", ":SYSTEM:UPTIME +5", "+5"), ("OUTP?", " 1", "1"),
                                  ("SYST:ERR?", ':SYST:ERR +0,"No error"', '+0,"No error"'), ("*IDN?", "a b,c d,e,f", "a b,c d,e,f"),
                                  ("STAT:QUES:COND?", "STATUS:QUEStionable:COND 512", "512")):
        accept("header", field, question, data)
    for question, field in (("SOUR:FREQ?", ":SOUR:DEPT 1"), ("SOUR:FREQ?", ":MEAS:FREQ 120"), ("SOUR:FREQ?", "FRE 120"),
                            ("SYST:UPT?", "UPT 5"), ("SYST:UPT?", ":SYST:TAG 5"), ("OUTP?", ":STAT:QUES:COND 0"), ("OUTP?", "OUTP2 1"),
                            ("OUTP?", "*STB 1"), ("*IDN?", ":OUTP 1"), ("SYST:UPT?", ":SYST:UPTI 5")):
        lines.append(f"refuse header {field.encode().hex()} {question} # {field}")
    write("scpi-pen-readings.txt", lines)


# ---- USBTMC ---------------------------------------------------------------------------------------------------------

def tmc(msg, tag, size, attributes, payload=b""):
    head = struct.pack("<BBBBIBBH", msg, tag, tag ^ 0xFF, 0, size, attributes, 0, 0)
    return head + payload + bytes(-len(payload) % 4)


def make_usbtmc():
    lines = []

    def out(tag, payload, eom=1):
        lines.append("> " + tmc(1, tag, len(payload), eom, payload).hex())

    def ask(tag, answer, want=1024, eom=1):
        lines.append("> " + tmc(2, tag, want, 0).hex())
        if answer is not None:
            lines.append("< " + tmc(2, tag, len(answer), eom, answer).hex())

    def control(request_type, request, value, index, length, answer):
        setup = struct.pack("<BBHHH", request_type, request, value, index, length)
        lines.append(f"c {setup.hex()} {answer if answer == 'stall' else hexed(answer)}")

    lines.append("case identity")
    out(1, b"*IDN?\n")
    ask(2, b"penrig,Model P,PEN-1,1.0\n")
    lines.append("case eom-ends-the-line")
    out(255, b"OUTP?")
    ask(1, b"0\n")
    lines.append("case message-in-two-transfers")
    out(3, b"SOUR:FREQ 12", 0)
    out(4, b"0;FREQ?\n")
    ask(5, b"120\n")
    lines.append("case reply-in-parts")
    out(6, b"*IDN?\n")
    ask(7, b"penrig,M", 8, 0)
    ask(8, b"odel P,PEN-1,1.0\n")
    lines.append("case two-replies-wait")
    out(9, b"SOUR:FREQ? MAX\n")
    out(10, b"SOUR:DEPT? MAX\n")
    ask(11, b"150\n")
    ask(12, b"2.5\n")
    lines.append("case capabilities")
    capabilities = bytes([1, 0, 0, 1] + [0] * 9 + [1, 4, 8] + [0] * 8)
    assert len(capabilities) == 24
    control(0xA1, 7, 0, 0, 24, capabilities)
    lines.append("case half-a-message-then-clear")
    lines.append("> " + tmc(1, 13, 64, 1)[:12].hex() + b"OUTP ".hex())
    control(0xA1, 5, 0, 0, 1, b"\1")
    control(0xA1, 6, 0, 0, 2, b"\1\0")
    control(0x02, 1, 0, 1, 0, b"")
    out(14, b"OUTP?\n")
    ask(15, b"0\n")
    lines.append("case status-byte")
    control(0xA1, 128, 2, 0, 3, b"\1\2\0")
    out(16, b"NOPE\n")
    control(0xA1, 128, 3, 0, 3, b"\1\3\4")
    lines.append("case abort-without-a-transfer")
    control(0xA2, 1, 17, 1, 2, bytes([0x81, 17]))
    control(0xA2, 3, 17, 0x81, 2, bytes([0x81, 17]))
    lines.append("case unknown-request")
    control(0xA1, 99, 0, 0, 1, "stall")
    write("usbtmc.txt", lines)


def make_crc():
    cases = [b"", b"123456789", bytes(32), b"\xff" * 32, bytes(range(32)), bytes(range(31, -1, -1)), bytes(range(256)) * 4 + b"x"]
    write("crc32c.txt", [f"crc {hexed(c)} {crc32c(c):08x}" for c in cases])


def rtu(text):
    """A frame of Modbus RTU: what is given, and its CRC-16."""
    data, crc = bytes.fromhex(text), 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return (data + struct.pack("<H", crc)).hex()


def make_modbus():
    cases = {
        "relay-on": ("01050000FF00", "01050000FF00"),
        "relay-off": ("010500000000", "010500000000"),
        "flash-on-700-ms": ("010502000007", "010502000007"),
        "flash-on-3-s": ("01050200001E", "01050200001E"),
        "read-a-coil": ("010100000001", "01010101"),
        "read-8-coils": ("010100000008", "01010105"),
        "no-such-coil": ("010500090000", "018502"),
        "riden-who": ("010300000004", "010308EA9E000030390080"),
        "riden-output-on": ("011000120001020001", "011000120001"),
        "riden-output-off": ("011000120001020000", "011000120001"),
        "riden-3.30-V": ("01100008000102014A", "011000080001"),
        "riden-as-set": ("010300080002", "010304014A05DC"),
        "riden-state": ("01030008000B", "01031601E005DC01DF0096000000F004E20000000000000001"),
        "dps-who": ("0103000B0002", "010304138D000E"),
        "dps-state": ("01030000000A", "01031401E005DC01DF009602D004B00000000000000001"),
    }
    assert rtu(cases["relay-on"][0]) == "01050000ff008c3a"  # as the maker's document has it
    write("modbus.txt", [f"rtu {name} {rtu(asked)} {rtu(said)}" for name, (asked, said) in cases.items()])


def main():
    assert crc32c(b"123456789") == 0xE3069283
    make_stream()
    write("load-stream.txt", stream_lines)
    for make in (make_pen_basics, make_pen_errors, make_pen_lines, make_pen_motor):
        make()
    write("scpi-pen.txt", pen_lines)
    make_readings()
    make_usbtmc()
    make_crc()
    make_modbus()


if __name__ == "__main__":
    main()
