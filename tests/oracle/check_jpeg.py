#!/usr/bin/python3
"""JPEG decoding against libjpeg-turbo's djpeg without its SIMD (JSIMD_FORCENONE=1). Needs cjpeg, djpeg and numpy.

usage: check_jpeg.py [--generated N] [--seed S] [FILE or FOLDER ...]

1. N files from cjpeg over sizes, samplings, progressive, restart intervals and qualities: 0 differing pixels.
2. Every given file: what djpeg decodes without a word must give its pixels; what it refuses must be refused. Files that
   djpeg decodes with a warning must be refused by the strict mode; how many of them the lenient mode decodes to the same
   pixels is printed for information. Portable C and SIMD must agree on every file, damaged ones too."""
import argparse, ctypes as C, glob, os, random, subprocess, sys, tempfile, time
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ap = argparse.ArgumentParser()
ap.add_argument("--generated", type=int, default=1000)
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("paths", nargs="*")
args = ap.parse_args()
os.environ["JSIMD_FORCENONE"] = "1"


class Image_(C.Structure):
    _fields_ = [("rgb", C.POINTER(C.c_uint8)), ("w", C.c_int), ("h", C.c_int)]


class Err(C.Structure):
    _fields_ = [("status", C.c_int), ("msg", C.c_char * 1024)]


lib_path = os.path.join(tempfile.mkdtemp(), "assay.so")
src = [f for g in ("data/jpeg*.c", "data/png*.c", "data/image*.c", "tensor/base/*.c") for f in sorted(glob.glob(f"{ROOT}/{g}"))]
subprocess.check_call([os.environ.get("CC", "cc"), "-std=c11", "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-I" + ROOT,
                       *src, "-lm", "-o", lib_path])
lib = C.CDLL(lib_path)
err = Err()
slowest = (0.0, "")


def decode(data, lenient, simd, name=""):
    """Pixels, or None when refused."""
    global slowest
    lib.as_jpeg_simd(simd)
    im = Image_()
    t = time.process_time()
    s = lib.as_image_decode(C.byref(im), data, C.c_size_t(len(data)), lenient, None, C.byref(err))
    slowest = max(slowest, (time.process_time() - t, name))
    if s:
        return None
    a = np.ctypeslib.as_array(im.rgb, (im.h, im.w, 3)).copy()
    lib.as_image_clear(C.byref(im))
    return a


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


def same(a, b):
    return (a is None) == (b is None) and (a is None or np.array_equal(a, b))


failed = 0


def report(what, n, bad):
    global failed
    failed += len(bad)
    print(f"{what}: {n} checked, {len(bad)} differ" + "".join(f"\n    {b}" for b in bad[:8]), flush=True)


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
    for simd in (0, 1):
        if not same(decode(p.stdout, 0, simd), want):
            bad.append(f"{w}x{h} {' '.join(opts)} simd {simd} {err.msg.decode()}")
report(f"generated files = djpeg's pixels ({refused} that djpeg itself refuses left out)", n, bad)

files = []
for p in args.paths:
    files += sorted(f for f in glob.glob(os.path.join(p, "**", "*"), recursive=True) if os.path.isfile(f)) if os.path.isdir(p) else [p]
count = dict(clean=0, equal=0, refused_clean=0, warned=0, lenient_equal=0, lenient_other=0, both_refuse=0)
bad = []
for f in files:
    data = open(f, "rb").read()
    if data[:2] != b"\xff\xd8":
        continue
    strict, lenient = decode(data, 0, 1, f), decode(data, 1, 1, f)
    if not same(strict, decode(data, 0, 0)) or not same(lenient, decode(data, 1, 0)):
        bad.append(f"{f}: portable C and SIMD differ")
    want, clean = djpeg(data)
    if clean and want is not None:
        count["clean"] += 1
        if strict is None and b"arithmetic" in err.msg:
            count["refused_clean"] += 1
        elif same(strict, want):
            count["equal"] += 1
        else:
            bad.append(f"{f}: {err.msg.decode() if strict is None else 'pixels'}")
    elif want is not None:
        count["warned"] += 1
        if strict is not None and not np.array_equal(strict, want):
            bad.append(f"{f}: djpeg warns, the strict mode decodes to other pixels")
        if lenient is not None:
            count["lenient_equal" if same(lenient, want) else "lenient_other"] += 1
    elif strict is None:
        count["both_refuse"] += 1
    else:
        bad.append(f"{f}: djpeg refuses it")
if files:
    report("given files", len(files), bad)
    print("   ", count, "slowest %.3f s %s" % slowest)
sys.exit(1 if failed else 0)
