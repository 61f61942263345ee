"""Recordings as other programs write them: one signal, whose rate and depth are known, in each form, read without being told how it
is written. The forms are made here from what is known of those programs; no line is taken from anybody's file."""
import codecs
import json
import sys
import tempfile
from pathlib import Path

import report_form
import rig

RATE_HZ = 5000
WINDOW = ["--tare-until", 0.55, "--start", 0.6, "--measure-from", 1.0, "--measure-to", 2.0]
PLAN = {"kind": "penrig/plan/1", "name": "one",
        "steps": [{"name": "one", "depth_mm": [1], "rate_hz": [120], "tare_s": 0.25, "settle_s": 0.5, "measure_s": 1}],
        "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15},
                   {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -1, "upper": 1}]}
TRUE_HZ, TRUE_MM = 120.0, 1.0


def signal():
    """12 000 samples in newtons, 120 Hz, 1 mm deep: quoted.csv of tests/data/cases, whose README says so."""
    lines = (rig.ROOT / "tests/data/cases/quoted.csv").read_text().splitlines()[1:]
    return [float(line.split(",")[1].strip('"')) for line in lines]


def clock(i, digits, start_s=43200.25):
    s = start_s + i / RATE_HZ
    return f"{int(s // 3600):02d}:{int(s // 60 % 60):02d}:{int((s % 60) * 10 ** digits + 1e-6) / 10 ** digits:0{3 + digits}.{digits}f}"


def german(text):
    return text.replace(".", ",")


def rows(force, form):
    return "".join(form(i, f) for i, f in enumerate(force))


# ---- each returns the file's bytes, or its text

def excel_german(force):
    return codecs.BOM_UTF8 + ("Zeit;Kraft\r\ns;N\r\n" + rows(force, lambda i, f: german(f"{i / RATE_HZ:.4f};{f:.5f}\r\n"))).encode()


def excel_unicode_text(force):
    return codecs.BOM_UTF16_LE + ("Time (s)\tForce (mN)\r\n" + rows(force, lambda i, f: f"{i / RATE_HZ:.4f}\t{f * 1000:.2f}\r\n")).encode("utf-16-le")


def utf16_big_endian_unmarked(force):
    return rows(force, lambda i, f: f"{f:.5f}\n").encode("utf-16-be")


def force_plate(force):
    """A plate's export: a block of keys, names, a line of units that is short of its first cell."""
    head = "Force plate export 5.3\n\nSubject:\tSN-0417\nSampling rate (Hz):\t5000.000000\nLength (s):\t2.4\n\nabs time (s)\tFx\tFy\tFz\n\tN\tN\tN\n"
    return head + rows(force, lambda i, f: f"{i / RATE_HZ:.6f}\t{0.01 * (i % 7):.6f}\t-0.020000\t{f:.6f}\n")


def impact_hammer(force):
    return "Time [s],Hammer [N],Response [m/s^2]\n" + rows(force, lambda i, f: f"{i / RATE_HZ:.6e},{f:.6e},{-9.81 * f:.6e}\n")


def ecg_csv(force):
    """PhysioNet's converter: names and units in single quotes, times of a millisecond, five rows to each."""
    return "'Elapsed time','MLII'\n'm:ss.mmm','mV'\n" + rows(force, lambda i, f: f"'0:{int(i / 5 + 1e-9) / 1000:06.3f}',{f:.5f}\n")


def ecg_text(force):
    """The same project's rdsamp: blanks, a column of sample numbers."""
    return "       sample #          V5\n" + rows(force, lambda i, f: f"{i:15d}{f:12.5f}\n")


def needle_insertion(force):
    """A testing machine's table, pipes around it none, grams-force."""
    return "Time/ms|Force/gf\n" + rows(force, lambda i, f: f"{i * 0.2:.1f}|{f / 9.80665e-3:.4f}\n")


def finger_tapping(force):
    """A script's table with its own row numbers and Unix times."""
    return ",timestamp,force_N,key\n" + rows(force, lambda i, f: f"{i},{1700000000 + i / RATE_HZ:.4f},{f:.5f},left\n")


def oscilloscope_rigol(force):
    head = "X,CH1,Start,Increment,\nSequence,Volt,-1.200000e+00,2.000000e-04\n"
    return head + rows(force, lambda i, f: f"{i},{f:.5e},\n")


def oscilloscope_tektronix(force):
    """The header stands beside the first rows."""
    keys = ["Record Length,1.200000e+04,", "Sample Interval,2.000000e-04,", "Trigger Point,6.000000000000e+03,", ",,", ",,", ",,", "Source,CH1,",
            "Vertical Units,N,", "Vertical Scale,5.000000e-01,", "Vertical Offset,0.000000e+00,", "Horizontal Units,s,",
            "Horizontal Scale,2.500000e-01,", "Pt Fmt,Y,", "Yzero,0.000000e+00,", "Probe Atten,1.000000e+00,", "Model Number,TDS1002B,",
            "Serial Number,C010101,", "Firmware Version,FV:v22.11,"]
    return rows(force, lambda i, f: f"{keys[i] if i < len(keys) else ',,'},{-1.2 + i / RATE_HZ:017.12f},{f:11.5f},\n")


def labview(force):
    head = ("LabVIEW Measurement\t\nWriter_Version\t2\nReader_Version\t2\nSeparator\tTab\nDecimal_Separator\t,\nMulti_Headings\tNo\nX_Columns\tOne\n"
            "Time_Pref\tRelative\nOperator\tlab\nDate\t2026/03/01\nTime\t12:00:01,25\n***End_of_Header***\t\n\nChannels\t1\t\nSamples\t12000\t\n"
            "Date\t2026/03/01\t\nTime\t12:00:01,25\t\nY_Unit_Label\tN\t\nX_Dimension\tTime\t\nX0\t0,0000000000000000E+0\t\n"
            "Delta_X\t2,000000E-4\t\n***End_of_Header***\t\nX_Value\tForce\tComment\n")
    return head.replace("\n", "\r\n") + rows(force, lambda i, f: german(f"{i / RATE_HZ:.6f}\t{f:.6f}\r\n"))


def labview_without_x(force):
    head = ("LabVIEW Measurement\t\nWriter_Version\t2\nSeparator\tTab\nDecimal_Separator\t.\nX_Columns\tNo\n***End_of_Header***\t\nChannels\t1\nSamples\t12000\n"
            "X_Dimension\tTime\nX0\t0.0\nDelta_X\t0.000200\n***End_of_Header***\t\nX_Value\tForce (N)\tComment\n")
    return head + rows(force, lambda i, f: f"\t{f:.6f}\n")


def measuring_amplifier(force):
    """A measuring program's ASCII export, German, Latin-1: blocks of keys, then a line of names with their units."""
    head = ("Datei: stich_07.asc\r\nErstellt am: 01.03.2026 12:00:01\r\nVerst\xe4rker: 1 Kanal\r\nAbtastrate: 5000 Hz\r\n\r\n"
            "Zeit  1 - Standardmessrate [s]\tKraft [N]\tTemperatur [\xb0C]\r\n")
    return (head + rows(force, lambda i, f: german(f"{i / RATE_HZ:.4f}\t{f:.5f}\t{21 + i % 3 / 10:.1f}\r\n"))).encode("latin-1")


def data_logger(force):
    """A data logger's table with four lines of header and quoted times."""
    head = '"TOA5","CR6","CR6","1234","CR6.Std.10","CPU:pen.CR6","5123","Fast"\n"TIMESTAMP","RECORD","Force"\n"TS","RN","N"\n"","","Smp"\n'
    return head + rows(force, lambda i, f: f'"2026-03-01 {clock(i, 4)}",{i},{f:.5f}\n')


def balance(force):
    """A balance's log: status, value and unit in every line."""
    return rows(force, lambda i, f: f"S {'S' if i % 3 else 'D'} {f / 9.80665e-3:10.4f} gf\r\n")


def serial_monitor(force):
    return rows(force, lambda i, f: f"{clock(i, 4, 86399.5) if i < 2500 else clock(i - 2500, 4, 0)} -> {f:.5f}\n")


def biosignals(force):
    """A physiological recorder's text: the interval, channels in two lines each, then names over counts."""
    head = "stich.acq\n0.2 msec/sample\n2 channels\nForce\nN\nTemp\ndegC\nsec\tCH1\tCH2\t\n\t12000\t12000\t\n"
    return head + rows(force, lambda i, f: f"{i / RATE_HZ:g}\t{f:g}\t{21 + i % 2 / 4:g}\t\n")


def wristband(force):
    """A wearable's channel: two lines of numbers above the values, when it began and how fast it is."""
    return "1700000000.000000\n5000.000000\n" + rows(force, lambda i, f: f"{f:.5f}\n")


def script_table(force):
    return "# t_s F_N\n" + rows(force, lambda i, f: f"{i / RATE_HZ:.18e} {f:.18e}\n")


def iso_and_fraction(force):
    return "time;F [kN]\n" + rows(force, lambda i, f: german(f"2026-03-01T{clock(i, 5)}Z;{f / 1000:.8f}\n"))


def thousands(force):
    """Micronewtons in groups of thousands that can mean nothing else."""
    return "F_uN\n" + rows(force, lambda i, f: f'"{f * 1e6:,.1f}"\n')


def quoted_commas(force):
    """A web spreadsheet's CSV in a German locale: a comma between cells, and in them, told apart by quotes."""
    return "Zeit [s],Kraft [N]\n" + rows(force, lambda i, f: f'"{german(f"{i / RATE_HZ:.4f}")}","{german(f"{f:.5f}")}"\n')


def fortran(force):
    return "  time_s   force_N\n" + rows(force, lambda i, f: f"  {i / RATE_HZ:.6E}  {f:.6E}\n".replace("E", "D"))


def rows_that_close_with_a_separator(force):
    return "t [ms];F [mN]\r\nms;mN\r\n" + rows(force, lambda i, f: f"{i / 5:.1f};{f * 1000:.2f};\r\n")


def old_mac(force):
    return "F_N\r" + rows(force, lambda i, f: f"{f:.5f}\r")


# form, options that it needs, what the report must say of it
FORMS = [
    (excel_german, [], {"dialect": "UTF-8, separator semicolon, decimal comma, 2 header lines", "rate_from": "times"}),
    (excel_unicode_text, [], {"dialect": "UTF-16LE, separator tab, decimal point, 1 header line", "scale_n": 1e-3}),
    (utf16_big_endian_unmarked, ["--rate", 5000, "--scale", 1], {"dialect": "UTF-16BE, separator none, decimal point", "rate_from": "--rate"}),
    (force_plate, ["--column", "Fz"], {"column": '4 "Fz" [N]', "rate_from": "times"}),
    (impact_hammer, [], {"column": '2 "Hammer [N]" [N]'}),
    (ecg_csv, ["--scale", 1], {"column": '2 "MLII" [mV]'}),
    (ecg_text, ["--rate", 5000, "--scale", 1, "--column", 2], {"dialect": "separator blanks, decimal point, 1 header line"}),
    (needle_insertion, [], {"scale_n": 9.80665e-3}),
    (finger_tapping, ["--time-unit", "s"], {"column": '3 "force_N" [N]'}),
    (oscilloscope_rigol, ["--scale", 1], {"rate_from": "line 1, Increment"}),
    (oscilloscope_tektronix, [], {"column": "5 [N]", "rate_from": "times"}),
    (labview, [], {"dialect": "separator tab, decimal comma, 23 header lines", "column": '2 "Force" [N]'}),
    (labview_without_x, [], {"rate_from": "line 11, Delta_X"}),
    (measuring_amplifier, [], {"column": '2 "Kraft [N]" [N]'}),
    (data_logger, [], {"column": '3 "Force" [N]', "rate_from": "times"}),
    (balance, ["--rate", 5000], {"column": "3 [gf]"}),
    (serial_monitor, ["--scale", 1], {"rate_from": "times"}),
    (biosignals, ["--column", "CH1", "--scale", 1], {"rate_from": "times"}),
    (wristband, ["--rate", 5000, "--scale", 1], {"dialect": "separator none, decimal point, 2 header lines"}),
    (script_table, [], {"column": '2 "F_N" [N]', "rate_from": "times"}),
    (iso_and_fraction, [], {"scale_n": 1e3, "rate_from": "times"}),
    (thousands, ["--rate", 5000], {"dialect": "separator none, decimal point, 1 header line", "scale_n": 1e-6}),
    (quoted_commas, [], {"dialect": "separator comma, decimal comma, 1 header line", "rate_from": "times"}),
    (fortran, [], {"column": '2 "force_N" [N]', "rate_from": "times"}),
    (rows_that_close_with_a_separator, [], {"column": '2 "F [mN]" [mN]', "scale_n": 1e-3}),
    (old_mac, ["--rate", 5000], {"dialect": "separator none, decimal point, 1 header line"}),
]


def import_one(folder, bench, plan, name, data, options):
    path = folder / f"{name}.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    done = rig.penrig_a("import", path, *options, *WINDOW, "--bench", bench, "--plan", plan, "--dut", "PEN-1", "-o", folder, "--name", name)
    report = folder / f"{name}.report.json"
    return done, report_form.read(report.read_text()) if report.exists() else None


def examine(check, name, done, report, said):
    if not check(done.returncode == 3 and report, f"{name}: exit {done.returncode}: {done.stderr}"):
        return
    point = report["points"][0]
    rate, depth = rig.result(point, "stroke_rate_hz", "realised"), rig.result(point, "depth_mm", "force_equivalent")
    check(rate and rate["trusted"] and abs(rate["value"] - TRUE_HZ) < 0.003, f"{name}: rate {rate and rate['value']}")
    check(depth and depth["trusted"] and abs(depth["value"] - TRUE_MM) < 0.001, f"{name}: depth {depth and depth['value']}")
    origin = report["imported"]
    check(abs(origin["rate_hz"] - RATE_HZ) < 1e-6 * RATE_HZ, f"{name}: {origin['rate_hz']} Hz ({origin['rate_from']})")
    check(origin["gaps"]["count"] == "0", f"{name}: gaps {origin['gaps']}")
    for key, value in said.items():
        same = abs(origin[key] / value - 1) < 1e-9 if isinstance(value, float) else origin[key] == value
        check(same, f"{name}: {key} is {origin[key]!r}, not {value!r}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench, plan = rig.with_zero(rig.own_bench("virtual-usb.json", folder)), folder / "plan.json"
    plan.write_text(json.dumps(PLAN))
    force = signal()
    only = sys.argv[1:]
    jobs = [(form.__name__, form, options, said) for form, options, said in FORMS if not only or form.__name__ in only]
    done = rig.in_parallel([lambda j=j: import_one(folder, bench, plan, j[0], j[1](force), j[2]) for j in jobs])
    for (name, _, _, said), (result, report) in zip(jobs, done):
        examine(check, name, result, report, said)
    check.end()


main()
