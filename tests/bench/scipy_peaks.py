#!/usr/bin/python3
"""The SciPy script that the benchmarks compare with: find_peaks with distance and prominence, then a least-squares
parabola on each cap. usage: scipy_peaks.py FILE.i16 RATE_HZ. Smoothed first: on raw samples the prominence of a 20 dB
signal finds noise."""
import sys

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

FS_HZ = 50000.0
SCALE_N = 2.0 / 32768
CAP_SHARE = 0.08

period = FS_HZ / float(sys.argv[2])
half = round(CAP_SHARE * period)
x = np.fromfile(sys.argv[1], "<i2") * SCALE_N
smooth = uniform_filter1d(x, 17)
peaks, _ = find_peaks(smooth, distance=int(0.5 * period), prominence=0.25)
peaks = peaks[(peaks >= half) & (peaks < len(x) - half)]

i = np.arange(-half, half + 1)
caps = x[peaks[:, None] + i]
c0, c1, c2 = np.linalg.lstsq(np.stack([np.ones(len(i)), i, i**2], axis=1), caps.T, rcond=None)[0]
instant = peaks - c1 / (2 * c2)
force = c0 - c1**2 / (4 * c2)
rate = (len(instant) - 1) / (instant[-1] - instant[0]) * FS_HZ
print(f"{len(instant)} strokes, {rate:.6f} Hz, mean force at the vertex {force.mean():.6f} N")
