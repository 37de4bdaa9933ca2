#!/usr/bin/python3
"""PNG against Pillow's convert("RGB"). Needs python3-pil and python3-numpy.

usage: check_png.py FOLDER ...      files below a folder called "corrupt" must be refused, all others must be equal"""
import ctypes as C, glob, os, subprocess, sys, tempfile, warnings
import numpy as np
from PIL import Image

warnings.simplefilter("ignore")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


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
equal = differ = refused = accepted = 0
for f in sorted(f for p in sys.argv[1:] for f in glob.glob(p + "/**/*.png", recursive=True)):
    data = open(f, "rb").read()
    im = Image_()
    bad = lib.as_image_decode(C.byref(im), data, C.c_size_t(len(data)), 0, None, C.byref(err))
    if "/corrupt/" in f:
        refused += bad != 0
        accepted += bad == 0
        if not bad:
            print("accepted:", f)
        continue
    want = np.asarray(Image.open(f).convert("RGB"))
    same = not bad and np.array_equal(np.ctypeslib.as_array(im.rgb, (im.h, im.w, 3)), want)
    equal += same
    differ += not same
    if not same:
        print("differs:", f, err.msg.decode() if bad else "")
    if not bad:
        lib.as_image_clear(C.byref(im))
print(f"valid files = Pillow's: {equal} equal, {differ} differ; corrupt files: {refused} refused, {accepted} accepted")
sys.exit(1 if differ or accepted or not equal else 0)
