"""Recordings that are not text: WAV, NPY and HDF5 as other programs write them (wave, numpy, h5py), kinds that are refused by
name, and what penrig exports, which comes back to the counts of the run that it came from."""
import gzip
import json
import sqlite3
import struct
import sys
import tempfile
import wave
import zipfile
from pathlib import Path

import h5py
import numpy as np

import report_form
import rig

RATE_HZ = 5000
WINDOW = ["--tare-until", 0.55, "--start", 0.6, "--measure-from", 1.0, "--measure-to", 2.0]
PLAN = {"kind": "penrig/plan/1", "name": "one",
        "steps": [{"name": "one", "depth_mm": [1], "rate_hz": [120], "tare_s": 0.25, "settle_s": 0.5, "measure_s": 1}],
        "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15},
                   {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -1, "upper": 1}]}
TRUE_HZ, TRUE_MM = 120.0, 1.0
SCALE_N = 0.0005


def signal():
    """12 000 samples in newtons, 120 Hz, 1 mm deep: quoted.csv of tests/data/cases, whose README says so."""
    lines = (rig.ROOT / "tests/data/cases/quoted.csv").read_text().splitlines()[1:]
    return np.array([float(line.split(",")[1].strip('"')) for line in lines])


def counts(force, width, scale=SCALE_N):
    return np.round(force / scale).astype(f"<i{width}")


# ---- each writes a file, and returns the options that it needs

def wav_16(force, path):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(np.column_stack((counts(force, 2)[::-1], counts(force, 2))).tobytes())
    return ["--scale", SCALE_N, "--column", 2]


def wav_24(force, path):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(3)
        out.setframerate(RATE_HZ)
        out.writeframes(np.round(force / 1e-5).astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes())
    return ["--scale", 1e-5]


def wav_float_stream(force, path):
    """As a program writes it into a pipe: sizes are left open."""
    path.write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, RATE_HZ, 4 * RATE_HZ, 4, 32) + b"data\xff\xff\xff\xff"
                     + force.astype("<f4").tobytes())
    return ["--scale", 1]


def npy_float(force, path):
    with open(path, "wb") as out:
        np.save(out, force)
    return ["--rate", RATE_HZ, "--scale", 1]


def npy_fortran_big_endian(force, path):
    with open(path, "wb") as out:
        np.save(out, np.asfortranarray(np.column_stack((0 * force, force)).astype(">f4")))
    return ["--rate", RATE_HZ, "--scale", 1, "--column", 2]


def npy_unsigned(force, path):
    """A converter that counts from 0, with its zero at 4 000."""
    with open(path, "wb") as out:
        np.save(out, (counts(force, 4) + 4000).astype("u2"))
    return ["--rate", RATE_HZ, "--scale", SCALE_N, "--offset", -4000 * SCALE_N]


def npy_records(force, path):
    rows = np.zeros(len(force), dtype=[("time_s", "<f8"), ("Fz", "<f8"), ("note", "i1")])
    rows["time_s"], rows["Fz"] = np.arange(len(force)) / RATE_HZ, force
    with open(path, "wb") as out:
        np.save(out, rows)
    return ["--column", "Fz", "--scale", 1]


def hdf5_only_one(force, path):
    with h5py.File(path, "w") as out:
        made = out.create_dataset("daq/force", data=force * 1000, chunks=(500,), compression="gzip")
        made.attrs["units"] = "mN"
        made.attrs["rate_hz"] = float(RATE_HZ)
        out["title"] = "no number"
    return []


def hdf5_columns(force, path):
    with h5py.File(path, "w") as out:
        out["raw"] = np.column_stack((counts(force, 2), counts(force, 2)[::-1]))
        out["other"] = np.arange(5)
    return ["--dataset", "raw", "--column", 1, "--rate", RATE_HZ, "--scale", SCALE_N]


def hdf5_one_packed_chunk(force, path):
    """In one compressed chunk, larger than what libhdf5 holds by itself."""
    with h5py.File(path, "w") as out:
        out.create_dataset("force", (len(force), 16), "f8", data=np.column_stack([force] * 16), chunks=(len(force), 16), compression="gzip")
        out["force"].attrs["rate_hz"] = float(RATE_HZ)
    return ["--scale", 1, "--column", 7]


def hdf5_group(force, path):
    with h5py.File(path, "w", userblock_size=1024) as out:
        group = out.create_group("run/7")
        group["a"], group["force"] = force[::-1], (counts(force, 4) + 40000).astype("u4")
        out["else"] = np.arange(5.0)
    return ["--dataset", "/run/7", "--column", "force", "--rate", RATE_HZ, "--scale", SCALE_N, "--offset", -40000 * SCALE_N]


def npy_named_fields(force, path):
    """Units and times stand in the names of the fields."""
    rows = np.zeros(len(force), dtype=[("time_ms", "<f8"), ("force_mN", "<f4")])
    rows["time_ms"], rows["force_mN"] = np.arange(len(force)) * 1e3 / RATE_HZ, force * 1e3
    with open(path, "wb") as out:
        np.save(out, rows)
    return []


def hdf5_nested_with_times(force, path):
    """A group two folders down, beside others; its times show the rate."""
    with h5py.File(path, "w") as out:
        group = out.create_group("session 3/channels")
        group["time"], group["force"] = np.arange(len(force)) / RATE_HZ, force
        group["time"].attrs["unit"], group["force"].attrs["unit"] = "s", "N"
        out["session 3/notes"] = np.arange(5)
    return ["--dataset", "session 3/channels"]


FORMS = [npy_named_fields, hdf5_nested_with_times, wav_16, wav_24, wav_float_stream, npy_float, npy_fortran_big_endian, npy_unsigned, npy_records, hdf5_only_one, hdf5_columns, hdf5_one_packed_chunk, hdf5_group]


def run_import(folder, files, path, options, name):
    done = rig.penrig_a("import", path, *options, *WINDOW, *files, "--dut", "PEN-1", "-o", folder, "--name", name)
    report = folder / f"{name}.report.json"
    return done, report_form.read(report.read_text()) if report.exists() else None


def examine(check, name, done, report):
    if not check(done.returncode == 3 and report, f"{name}: exit {done.returncode}: {done.stderr}"):
        return
    point = report["points"][0]
    rate, depth = rig.result(point, "stroke_rate_hz", "realised"), rig.result(point, "depth_mm", "force_equivalent")
    check(rate and rate["trusted"] and abs(rate["value"] - TRUE_HZ) < 0.003, f"{name}: rate {rate and rate['value']}")
    check(depth and depth["trusted"] and abs(depth["value"] - TRUE_MM) < 0.001, f"{name}: depth {depth and depth['value']}")
    check(report["imported"]["format"] == name.split("_")[0] and report["imported"]["rate_hz"] == RATE_HZ, f"{name}: {report['imported']}")


def test_forms(check, folder, files, force):
    def job(form):
        path = folder / form.__name__
        return run_import(folder, files, path, form(force, path), form.__name__)
    for form, (done, report) in zip(FORMS, rig.in_parallel([lambda f=f: job(f) for f in FORMS])):
        examine(check, form.__name__, done, report)


# ---- what is refused

def refused_npz(path):
    with open(path, "wb") as out:
        np.savez(out, force=np.zeros(3))
    return "NPZ"


def refused_ods(path):
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        out.writestr("content.xml", "<x/>")
    return "ODS"


def refused_xlsx(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("[Content_Types].xml", "<x/>")
        out.writestr("xl/workbook.xml", "<x/>")
    return "XLSX"


def refused_gzip(path):
    path.write_bytes(gzip.compress(b"1,2\n" * 100))
    return "gunzip"


def refused_sqlite(path):
    sqlite3.connect(path).execute("create table x (y)")
    return "SQLite database"


def refused_tdms(path):
    path.write_bytes(b"TDSm" + struct.pack("<IIQQ", 0x0E, 4713, 100, 20) + bytes(200))
    return "TDMS"


def refused_mat(path):
    path.write_bytes(b"MATLAB 5.0 MAT-file, Platform: posix".ljust(124) + b"\0\1IM" + bytes(200))
    return "MATLAB"


def refused_truncated_wav(path):
    wav_16(signal(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    return "truncated"


def refused_several(path):
    with h5py.File(path, "w") as out:
        out["a"], out["b/c"] = np.arange(5.0), np.arange(5)
    return "say --dataset NAME, of a, b/c"


def refused_without_numbers(path):
    with h5py.File(path, "w") as out:
        out["a"] = "text"
    return "no dataset of numbers"


def refused_link(path):
    with h5py.File(path.with_suffix(".other"), "w") as out:
        out["x"] = np.arange(5.0)
    with h5py.File(path, "w") as out:
        out["a"], out["b"] = np.arange(5.0), np.arange(4.0)
        out["x"] = h5py.ExternalLink(path.with_suffix(".other"), "/x")
    return "--dataset x", ["--dataset", "x"]


def refused_external(path):
    path.with_suffix(".raw").write_bytes(bytes(800))
    with h5py.File(path, "w") as out:
        out.create_dataset("x", (100,), "f8", external=[(str(path.with_suffix(".raw")), 0, 800)])
    return "are in another file"


def refused_virtual(path):
    refused_link(path)
    layout = h5py.VirtualLayout(shape=(5,), dtype="f8")
    layout[:] = h5py.VirtualSource(path.with_suffix(".other"), "x", shape=(5,))
    with h5py.File(path, "w") as out:
        out.create_virtual_dataset("x", layout)
    return "are in another file"


def refused_truncated_hdf5(path):
    hdf5_only_one(signal(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    return "truncated or damaged"


def refused_unwritten(path):
    """Room for 30 000 rows was made, and the recording ended after 12 000."""
    force = signal()
    with h5py.File(path, "w") as out:
        out.create_dataset("force", (30000,), "f4", chunks=(1000,))[:len(force)] = force
    return 'of the 30000 rows of "force" not all were ever written'


def refused_unwritten_contiguous(path):
    with h5py.File(path, "w") as out:
        out.create_dataset("force", (10 ** 12,), "f8")
    return "not all were ever written"


def refused_huge_chunk(path):
    with h5py.File(path, "w") as out:
        out.create_dataset("force", (20_000_000,), "f8", chunks=(10_000_000,))
    return "in chunks of more than 64 MB"


def refused_huge_chunks_together(path):
    with h5py.File(path, "w") as out:
        out.create_group("run").attrs["rate_hz"] = 5000.0
        for name in "abcdefg":
            out["run"].create_dataset(name, (5_000_000,), "i8", chunks=(5_000_000,), scaleoffset=0, compression="gzip")[:] = np.zeros(5_000_000, "i8")
    return "more than 256 MB: give them smaller ones (h5repack -l CHUNK="


def refused_bomb(path):
    """64 GB in less than a megabyte: one chunk of zeros, which packs to some bytes, a thousand times."""
    with h5py.File(path, "w") as out:
        force = out.create_dataset("force", (8_000_000_000,), "i8", chunks=(8_000_000,), scaleoffset=0, compression="gzip")
        force[:8_000_000] = np.zeros(8_000_000, "i8")
        mask, packed = force.id.read_direct_chunk((0,))
        for i in range(1, 1000):
            force.id.write_direct_chunk((8_000_000 * i,), packed, mask)
    return "no signal is packed like that"


def refused_as_it_kills_the_library(path):
    """The layout of chunks says another version: libhdf5 1.10 divides by zero. Newer ones say no themselves."""
    with h5py.File(path, "w") as out:
        out.create_dataset("force", data=signal(), chunks=(1000,))
    data, layout = path.read_bytes(), b"\x03\x02\x02"
    assert data.count(layout) == 1
    path.write_bytes(data.replace(layout, b"\x02\x02\x02"))
    return ""


def refused_two_units(path):
    """A name and an attribute that contradict each other are a factor of a thousand."""
    with h5py.File(path, "w") as out:
        out["force_mN"] = signal()
        out["force_mN"].attrs["units"] = "N"
    return "has two units"


REFUSED = [refused_two_units, refused_as_it_kills_the_library, refused_unwritten, refused_unwritten_contiguous, refused_huge_chunk, refused_huge_chunks_together, refused_bomb, refused_npz, refused_ods, refused_xlsx, refused_gzip, refused_sqlite, refused_tdms, refused_mat, refused_truncated_wav, refused_several,
           refused_without_numbers, refused_link, refused_external, refused_virtual, refused_truncated_hdf5]


def test_refused(check, folder, files):
    for make in REFUSED:
        path = folder / make.__name__
        said = make(path)
        said, options = said if isinstance(said, tuple) else (said, [])
        done, report = run_import(folder, files, path, ["--rate", RATE_HZ, "--scale", 1, *options], make.__name__)
        check(done.returncode == 2 and said in done.stderr and make.__name__ in done.stderr, f"{make.__name__}: exit {done.returncode}: {done.stderr}")
        check(report is None and not list(folder.glob(f"{make.__name__}*.penrig")), f"{make.__name__}: nothing is left behind")


def test_times_against_rate(check, folder, files, force):
    """A rate is not believed against the file's own times, nor are those taken where they are said not to count."""
    for form in (npy_named_fields, hdf5_nested_with_times):
        path = folder / f"times-{form.__name__}"
        options = form(force, path)
        done = rig.penrig_a("import", path, *options, "--rate", 4000, *WINDOW, *files, "--dut", "P", "-o", folder, "--name", path.name)
        check(done.returncode == 2 and "--rate" in done.stderr and "5000" in done.stderr, f"{form.__name__}: {done.returncode} {done.stderr}")
        done = rig.penrig_a("import", path, *options, "--rate", 4000, "--time-column", "none", "--tare-until", 0.6, "--start", 0.65, "--measure-from", 1.25, "--measure-to", 2.5,
                            *files, "--dut", "P", "-o", folder, "--name", f"{path.name}-none")
        check(done.returncode in (1, 3), f"{form.__name__} without: {done.returncode} {done.stderr}")


def test_hdf5_cut_anywhere(check, folder, files, force):
    """Whatever is missing or changed, it is an error, and never a crash."""
    whole = folder / "whole"
    hdf5_only_one(force[:600], whole)
    data = whole.read_bytes()
    rng = np.random.default_rng(5)

    def job(i):
        path = folder / f"cut{i}"
        if i < 12:
            path.write_bytes(data[:int(rng.integers(9, len(data)))])
        else:
            bad = bytearray(data)
            for at in rng.integers(8, 4096, 4):
                bad[at] = int(rng.integers(256))
            path.write_bytes(bad)
        return run_import(folder, files, path, ["--rate", RATE_HZ, "--scale", 1], path.name)[0]
    for i, done in enumerate([job(i) for i in range(36)]):
        check(done.returncode == 2 and done.stderr, f"HDF5 cut or changed, {i}: exit {done.returncode}: {done.stderr}")


# ---- what penrig exports

def stored_counts(run_file, folder, name):
    """The force's counts, as a WAV of them has them."""
    done = rig.penrig_a("export", run_file, "--format", "wav", "--output", folder / name)
    assert done.returncode == 0, done.stderr
    channels = json.loads((folder / f"{name}.stream0.wav.json").read_text())["channels"]
    force = next(i for i, c in enumerate(channels) if c["name"] == "force")
    with wave.open(str(folder / f"{name}.stream0.wav")) as sound:
        width, frames = sound.getsampwidth(), sound.readframes(sound.getnframes())
        parts = np.frombuffer(frames, "u1").reshape(-1, sound.getnchannels(), width)[:, force, :].astype(np.int64)
    value = sum(parts[:, i] << (8 * i) for i in range(width))
    return np.where(value >= 1 << (8 * width - 1), value - (1 << 8 * width), value), channels[force]


def test_exports_come_back(check, folder, files):
    run = rig.run_plan("ci-smoke.json", seed=3, folder=folder / "run")
    ours, channel = stored_counts(run.run_file, folder, "out")
    window = run.report["points"][0]["window"]
    at = lambda key: int(window[key]) / next(c["rate_hz"] for d in run.report["devices"] for c in d["channels"] if c["name"] == "force")
    times = ["--tare-until", at("spin_up_index"), "--start", at("spin_up_index"), "--measure-from", at("first_index"), "--measure-to", at("coast_index")]
    names = {"csv": "out.stream0.csv", "npy": "out.stream0.npy", "wav": "out.stream0.wav", "hdf5": "out.h5"}
    for form, name in names.items():
        done = rig.penrig_a("export", run.run_file, "--format", form, "--output", folder / "out")
        check(done.returncode == 0, f"export {form}: {done.stderr}")
        done = rig.penrig_a("import", folder / name, *times, *files, "--dut", "PEN-1", "-o", folder, "--name", f"back-{form}")
        if not check(done.returncode in (1, 3), f"{form} comes back: exit {done.returncode}: {done.stderr}"):
            continue
        theirs, scale = stored_counts(folder / f"back-{form}.penrig", folder, f"again-{form}")
        check(np.array_equal(ours, theirs), f"{form}: {len(ours)} and {len(theirs)} counts, or others")
        check(scale == channel, f"{form}: {scale} is not {channel}")
    data = np.load(folder / "out.stream0.npy")
    data["force"][100] += 0.4 * channel["scale"]
    np.save(folder / "out.stream0.npy", data)
    done = rig.penrig_a("import", folder / "out.stream0.npy", *times, *files, "--dut", "PEN-1", "-o", folder, "--name", "changed")
    check(done.returncode == 2 and "row 101, column 3 lies between two counts" in done.stderr, f"a changed export: {done.returncode} {done.stderr}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    plan = folder / "plan.json"
    plan.write_text(json.dumps(PLAN))
    files = ["--bench", rig.with_zero(rig.own_bench("virtual-usb.json", folder)), "--plan", plan]
    force = signal()
    test_forms(check, folder, files, force)
    test_refused(check, folder, files)
    test_times_against_rate(check, folder, files, force)
    test_hdf5_cut_anywhere(check, folder, files, force)
    test_exports_come_back(check, folder, files)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
