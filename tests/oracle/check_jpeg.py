#!/usr/bin/python3
"""JPEG decoding against libjpeg-turbo's djpeg, over files that Pillow's writer cannot make: odd samplings, restart intervals,
scans. Needs cjpeg, djpeg (libjpeg-turbo-progs) and numpy. Damaged files: check_damaged.py.

usage: check_jpeg.py [--generated N] [--seed S]      portable C and SIMD; 0 differing pixels wanted"""
import argparse, random, subprocess, sys
import numpy as np
from imagelib import decode, err, simd

ap = argparse.ArgumentParser()
ap.add_argument("--generated", type=int, default=1000)
ap.add_argument("--seed", type=int, default=1)
args = ap.parse_args()


def djpeg(data):
    """Pixels or None, and whether it said anything."""
    p = subprocess.run(["djpeg", "-ppm"], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    clean = p.returncode == 0 and not p.stderr
    try:
        magic, size, _, body = p.stdout.split(b"\n", 3)
        w, h = map(int, size.split())
        a = np.frombuffer(body, np.uint8).reshape(h, w, 1 if magic == b"P5" else 3)
        return (np.repeat(a, 3, 2) if magic == b"P5" else a), clean
    except ValueError:
        return None, clean


rng = random.Random(args.seed)
nrng = np.random.RandomState(args.seed)
SAMPLINGS = ["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x4", "2x2,1x2,2x1", "1x1,2x2,1x1", "2x2,2x1,1x1", "3x1", "1x3",
             "2x1,1x1,2x1", "4x2,2x2,1x1", "3x2,1x2,3x1"]
bad, n, refused = [], 0, 0
for i in range(args.generated):
    w, h = rng.choice([rng.randint(1, 20), rng.randint(1, 90), rng.randint(1, 260)]), rng.choice([rng.randint(1, 20), rng.randint(1, 90), rng.randint(1, 260)])
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([x * 255 // w, y * 255 // h, (x * 3 + y * 7) % 256], -1) + nrng.randint(-1, 2, (h, w, 3)) * rng.choice([0, 5, 60, 255])
    ppm = b"P6\n%d %d\n255\n" % (w, h) + np.clip(a, 0, 255).astype(np.uint8).tobytes()
    s = SAMPLINGS[i % len(SAMPLINGS)]
    opts = ["-quality", str(rng.choice([1, 10, 30, 50, 75, 90, 95, 100, rng.randint(1, 100)])), "-sample", s]
    opts += rng.choice([[], ["-progressive"], ["-optimize"], ["-progressive", "-restart", "1"]])
    opts += rng.choice([[], [], ["-restart", "1"], ["-restart", "3B"], ["-grayscale"], ["-rgb"], ["-baseline"]])
    p = subprocess.run(["cjpeg", *opts], input=ppm, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if p.returncode or not p.stdout:
        continue
    want, clean = djpeg(p.stdout)
    if want is None or not clean:
        refused += 1
        continue
    n += 1
    for on in (0, 1):
        simd(on)
        got = decode(p.stdout)
        if got is None or not np.array_equal(got, want):
            bad.append(f"{w}x{h} {' '.join(opts)} simd {on} {err.msg.decode()}")
print(f"generated files = djpeg's pixels ({refused} that djpeg itself refuses left out): {n} checked, {len(bad)} differ")
print("\n".join(bad[:8]))
sys.exit(1 if bad else 0)
