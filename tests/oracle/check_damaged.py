#!/usr/bin/python3
"""Damaged JPEGs and PNGs against Pillow. Needs python3-pil and python3-numpy; Pillow must use libjpeg-turbo with its SIMD code, as
Debian's does on x86-64.

usage: check_damaged.py [--generated N] [--seed S] [--truncated] [-v] [FILE or FOLDER ...]

Generated are files of Pillow's (and of cjpeg, where it is installed) with other quantisation tables (coefficients too large for the inverse DCT), flipped bits,
lost and repeated bytes. Of all files that begin as a JPEG or PNG and that Pillow decodes:
  accepted without --lenient: the pixels are Pillow's, all of them
  decoded with --lenient: the pixels are Pillow's, or the image says that they depend on the decoder
and portable C and SIMD agree on every file, whoever decodes it."""
import argparse, io, os, random, shutil, struct, subprocess, sys, tempfile, time, warnings, zlib
import numpy as np
from PIL import Image, ImageFile
from imagelib import Info, decode, err, files, simd

warnings.simplefilter("ignore")
ap = argparse.ArgumentParser()
ap.add_argument("--generated", type=int, default=1000)
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("paths", nargs="*")
ap.add_argument("-v", action="store_true", help="name the files that are marked")
ap.add_argument("--truncated", action="store_true", help="Pillow with LOAD_TRUNCATED_IMAGES")
args = ap.parse_args()
ImageFile.LOAD_TRUNCATED_IMAGES = args.truncated


def pillow(data):
    try:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    except Exception:
        return None


def same(a, b):
    return (a is None) == (b is None) and (a is None or np.array_equal(a, b))


scans = os.path.join(tempfile.mkdtemp(), "scans")
open(scans, "w").write("0; 1; 2;")


def generated(rng, nrng):
    w, h = rng.randint(1, 70), rng.randint(1, 70)
    kind = rng.randint(0, 3)
    a = nrng.randint(0, 256, (h, w, 3)) if kind == 0 else np.full((h, w, 3), rng.randint(0, 255)) if kind == 1 else \
        nrng.randint(0, 256, (1, w, 3)) * np.ones((h, 1, 1), int) if kind == 2 else np.add.outer(np.arange(h), np.arange(w))[..., None] * [3, 5, 7]
    a = (a % 256).astype(np.uint8)
    if shutil.which("cjpeg") and rng.random() < 0.6:
        opts = ["-quality", str(rng.randint(1, 100)), "-sample", rng.choice(["1x1", "2x1", "2x2", "1x2", "4x1", "2x2,1x2,2x1"])]
        opts += rng.choice([[], ["-progressive"], ["-scans", scans]]) + rng.choice([[], ["-restart", "1B"], ["-restart", "5B"]])
        ppm = b"P6\n%d %d\n255\n" % (w, h) + a.tobytes()
        d = bytearray(subprocess.run(["cjpeg", *opts], input=ppm, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)
    else:
        b = io.BytesIO()
        Image.fromarray(a).convert(rng.choice(["RGB", "RGB", "L", "CMYK"])).save(
            b, "JPEG", quality=rng.randint(1, 100), progressive=rng.random() < 0.4, subsampling=rng.randint(0, 2))
        d = bytearray(b.getvalue())
    if rng.random() < 0.6:  # other quantisers, 16 bits
        how, i = rng.randint(0, 3), 2
        while d[i + 1] != 0xDA:
            n = struct.unpack(">H", d[i + 2 : i + 4])[0] + 2
            if d[i + 1] == 0xDB and d[i + 4] < 16:
                out = b""
                for at in range(i + 4, i + n, 65):
                    q = [min(65535, v * rng.choice([1, 8, 30, 100, 300])) if how == 0 else rng.randint(0, 65535) if how == 1
                         else rng.choice([v, v * 100, 32768, 65535]) if how == 2 else v * 40 for v in d[at + 1 : at + 65]]
                    out += bytes([16 | d[at]]) + struct.pack(">64H", *q)
                d[i : i + n] = b"\xff\xdb" + struct.pack(">H", len(out) + 2) + out
                n = len(out) + 4
            i += n
    start = d.index(b"\xff\xda")
    for _ in range(rng.choice([0, 0, 1, 1, 2, 4])):
        at = rng.randint(start, max(start, len(d) - 3))
        if rng.random() < 0.6:
            d[at] ^= 1 << rng.randint(0, 7)
        elif rng.random() < 0.5:
            del d[at : at + rng.randint(1, 20)]
        else:
            d[at:at] = d[at - rng.randint(1, 20) : at]
    return bytes(d)


def generated_png(rng, nrng):
    w, h = rng.randint(1, 40), rng.randint(1, 40)
    mode = rng.choice(["1", "L", "P", "RGB", "LA", "RGBA", "I;16"])
    im = Image.fromarray(nrng.randint(0, 1 << 16, (h, w)).astype(np.uint16)) if mode == "I;16" else \
        Image.fromarray((nrng.randint(0, 256, (h, w, 4)) // rng.choice([1, 64, 256])).astype(np.uint8), "RGBA").convert("RGB").convert(mode)
    b = io.BytesIO()
    im.save(b, "PNG", compress_level=rng.randint(0, 9), **({"bits": rng.choice([1, 2, 4, 8])} if mode == "P" else {}))
    d = bytearray(b.getvalue())
    at = rng.randint(8, len(d) - 1)
    how = rng.randint(0, 5)
    if how == 0:
        del d[at:]
    elif how == 1:
        d[at] ^= 1 << rng.randint(0, 7)
    elif how == 2:
        del d[-rng.randint(1, 30):]
    elif how == 3:
        d[-rng.randint(1, min(30, len(d) - 8))] ^= 255
    elif how == 4 and b"PLTE" in d:  # a shorter palette
        k = d.index(b"PLTE")
        n, = struct.unpack(">I", d[k - 4 : k])
        body = b"PLTE" + bytes(d[k + 4 : k + 4 + n // 3 // 2 * 3 or 3])
        d[k - 4 : k + 8 + n] = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return bytes(d)


n = dict(files=0, both=0, strict=0, lenient_equal=0, marked_equal=0, marked_other=0, only_pillow=0, only_here=0)
bad, slowest = [], (0.0, "")
rng, nrng = random.Random(args.seed), np.random.RandomState(args.seed)
inputs = [(f"generated {i}", (generated_png if i % 4 == 3 else generated)(rng, nrng)) for i in range(args.generated)] + [(f, open(f, "rb").read()) for f in files(args.paths)]
for f, data in inputs:
    if data[:3] != b"\xff\xd8\xff" and data[:8] != b"\x89PNG\r\n\x1a\n":
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
print(f"{n['files']} files, {n['both']} decoded by both: {n['lenient_equal']} equal, {n['marked_equal']} marked and equal, "
      f"{n['marked_other']} marked and not equal; {n['strict']} accepted without --lenient; {n['only_pillow']} decoded by Pillow alone, "
      f"{n['only_here']} here alone; {len(bad)} wrong; slowest {slowest[0]:.3f} s {slowest[1]}")
print("\n".join(bad))
sys.exit(1 if bad or not n["both"] else 0)
