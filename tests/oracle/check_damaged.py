#!/usr/bin/python3
"""Damaged JPEGs against Pillow. Needs python3-pil and python3-numpy; Pillow must use libjpeg-turbo with its SIMD code, as
Debian's does on x86-64.

usage: check_damaged.py FILE or FOLDER ...

Of the files that begin as a JPEG and that Pillow decodes:
  accepted without --lenient: the pixels are Pillow's, all of them
  decoded with --lenient: the pixels are Pillow's, or the image says that they depend on the decoder
and portable C and SIMD agree on every file, whoever decodes it."""
import argparse, io, sys, time, warnings
import numpy as np
from PIL import Image
from imagelib import Info, decode, err, files, simd

warnings.simplefilter("ignore")
ap = argparse.ArgumentParser()
ap.add_argument("paths", nargs="+")
ap.add_argument("-v", action="store_true", help="name the files that are marked")
args = ap.parse_args()


def pillow(data):
    try:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    except Exception:
        return None


def same(a, b):
    return (a is None) == (b is None) and (a is None or np.array_equal(a, b))


n = dict(files=0, both=0, strict=0, lenient_equal=0, marked_equal=0, marked_other=0, only_pillow=0, only_here=0)
bad, slowest = [], (0.0, "")
for f in files(args.paths):
    data = open(f, "rb").read()
    if data[:3] != b"\xff\xd8\xff":
        continue
    n["files"] += 1
    info = [Info(), Info()]
    both = []
    for on in (0, 1):
        simd(on)
        t = time.process_time()
        both.append((decode(data, 0), decode(data, 1, info[on])))
        slowest = max(slowest, (time.process_time() - t, f))
    strict, lenient = both[1]
    why = err.msg.decode()
    if not all(map(same, *both)) or info[0].warnings != info[1].warnings or info[0].decoder_dependent != info[1].decoder_dependent:
        bad.append(f"{f}: portable C and SIMD differ")
    want = pillow(data)
    if want is None or lenient is None:
        n["only_pillow"] += want is not None
        n["only_here"] += lenient is not None
        if args.v and want is not None:
            print("refused:", f, why)
        continue
    n["both"] += 1
    if strict is not None:
        n["strict"] += 1
        if not same(strict, want):
            bad.append(f"{f}: accepted without --lenient, other pixels ({(strict != want).sum()} bytes)")
    equal = same(lenient, want)
    if info[1].decoder_dependent:
        n["marked_equal" if equal else "marked_other"] += 1
        if args.v:
            print("marked:", f, "equal" if equal else "other", info[1].detail.decode())
    elif equal:
        n["lenient_equal"] += 1
    else:
        bad.append(f"{f}: other pixels and no mark ({(lenient != want).sum()} bytes; {info[1].warnings} warnings, {info[1].detail.decode()})")
print(f"{n['files']} JPEGs, {n['both']} decoded by both: {n['lenient_equal']} equal, {n['marked_equal']} marked and equal, "
      f"{n['marked_other']} marked and not equal; {n['strict']} accepted without --lenient; {n['only_pillow']} decoded by Pillow alone, "
      f"{n['only_here']} here alone; {len(bad)} wrong; slowest {slowest[0]:.3f} s {slowest[1]}")
print("\n".join(bad))
sys.exit(1 if bad or not n["both"] else 0)
