#!/usr/bin/python3
"""The presets simclr and byol against the formulas of TensorFlow's bicubic resize, written again here in float64. Needs
python3-pil and python3-numpy; TensorFlow itself is not needed (its own published vectors are in tests/unit/test_preset.c).

usage: check_tf.py [--generated N] [--seed S] [IMAGE or FOLDER ...]

TensorFlow rounds the place of every output sample to 1/1024 of a pixel and works in float. Two comparisons: with that
rounding (the difference left is float arithmetic), and without it (what the rounding costs), both for values in 0..1."""
import argparse, ctypes as C, random, sys
import numpy as np
from PIL import Image
from imagelib import Image_, Preset, err, files, lib

ap = argparse.ArgumentParser()
ap.add_argument("--generated", type=int, default=100)
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("paths", nargs="*")
args = ap.parse_args()


def cubic(x, a):
    """Keys 1981, eq. 4 and 15."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def matrix(n, out, half, steps):
    """[out, n]: which input samples make up each output sample."""
    scale = np.float32(n) / np.float32(out)  # TensorFlow's own scale is a float
    at = np.arange(out, dtype=np.float32)
    at = ((at + np.float32(.5)) * scale - np.float32(.5) if half else at * scale).astype(np.float64)
    base = np.floor(at)
    part = np.rint((at - base) * 1024) / 1024 if steps else at - base
    m = np.zeros((out, n))
    for k in range(-1, 3):
        w = cubic(part - k, -0.5 if half else -0.75)
        place = base + k
        inside = (place >= 0) & (place < n)
        if half:
            w = np.where(inside, w, 0)
        np.add.at(m, (np.arange(out), np.clip(place, 0, n - 1).astype(int)), w)
    return m / m.sum(1, keepdims=True) if half else m


def tensor(rgb, half, steps):
    h, w, _ = rgb.shape
    c = int(.875 * min(h, w)) if half else int(np.rint(.875 * min(h, w)))
    y, x = (h - c + 1) // 2, (w - c + 1) // 2
    square = rgb[y:y + c, x:x + c].astype(np.float64) / 255
    m = matrix(c, 224, half, steps)
    return np.clip(np.einsum("ya,abk,xb->yxk", m, square, m, optimize=True), 0, 1)


def images():
    for f in files(args.paths):
        yield np.asarray(Image.open(f).convert("RGB"))
    rng = np.random.default_rng(args.seed)
    for i in range(args.generated):
        h, w = rng.integers(1 if i % 3 == 0 else 100, 700, 2)
        noise = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
        yield noise if i % 2 else np.minimum(noise // 4 + np.arange(w, dtype=np.uint8)[None, :, None] % 200, 255).astype(np.uint8)


worst = {}
count = 0
for rgb in images():
    rgb = np.ascontiguousarray(rgb)
    if min(rgb.shape[:2]) < 2:
        continue
    count += 1
    im = Image_(rgb.ctypes.data_as(C.POINTER(C.c_uint8)), rgb.shape[1], rgb.shape[0])
    for name, half in (("simclr", 0), ("byol", 1)):
        p = Preset()
        if lib.as_preset_parse(C.byref(p), name.encode(), C.byref(err)):
            sys.exit(err.msg.decode())
        out = np.empty((224, 224, 3), np.float32)
        if lib.as_preset_tensor(C.byref(p), C.byref(im), out.ctypes.data_as(C.POINTER(C.c_float)), C.byref(err)):
            sys.exit(err.msg.decode())
        got = out.astype(np.float64) * np.array(p.std) + np.array(p.mean)
        for steps in (1, 0):
            d = np.abs(got - tensor(rgb, half, steps))
            key = (name, "rounded to 1/1024" if steps else "exact places")
            a, b = worst.get(key, (0, 0))
            worst[key] = (max(a, d.max()), b + d.mean())
bad = 0
for (name, how), (a, b) in worst.items():
    limit = 1e-6 if "1024" in how else 2e-3
    bad += a > limit
    print(f"{name}, {how}: {count} images, largest difference {a:.2e}, mean {b / count:.2e} (limit {limit:.0e})")
sys.exit(1 if bad or not count else 0)
