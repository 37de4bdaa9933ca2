"""For the check_*.py of this folder: data/image as a shared library in a temporary folder, driven by ctypes."""
import ctypes as C, glob, os, subprocess, tempfile
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Image_(C.Structure):
    _fields_ = [("rgb", C.POINTER(C.c_uint8)), ("w", C.c_int), ("h", C.c_int)]


class Info(C.Structure):
    _fields_ = [("format", C.c_char_p), ("w", C.c_int), ("h", C.c_int), ("components", C.c_int), ("warnings", C.c_uint),
                ("decoder_dependent", C.c_bool),
                ("detail", C.c_char * 160)]


class Preset(C.Structure):
    _fields_ = [("name", C.c_char * 64), ("resize", C.c_int), ("filter", C.c_int), ("crop", C.c_int), ("trim", C.c_int),
                ("geometry", C.c_int), ("caffe", C.c_int), ("mean", C.c_float * 3), ("std", C.c_float * 3)]


class Err(C.Structure):
    _fields_ = [("status", C.c_int), ("msg", C.c_char * 1024)]


def build():
    path = os.path.join(tempfile.mkdtemp(), "assay.so")
    src = sorted(glob.glob(f"{ROOT}/data/image/*.c") + glob.glob(f"{ROOT}/tensor/base/**/*.c", recursive=True))
    subprocess.check_call([*os.environ.get("CC", "cc").split(), "-std=c11", "-O2", "-ffp-contract=off", "-fPIC", "-shared",
                           "-I" + ROOT, *src, "-lm", "-o", path])
    return C.CDLL(path)


lib, err = build(), Err()


def simd(on):
    """1: the best kernels of this CPU; 0: portable C."""
    lib.as_cpu_limit(None if on else b"ref", None)


def decode(data, lenient=0, info=None):
    """Pixels [h, w, 3], or None when refused (the reason is err.msg)."""
    im = Image_()
    if lib.as_image_decode(C.byref(im), data, C.c_size_t(len(data)), lenient, C.byref(info) if info else None, C.byref(err)):
        return None
    a = np.ctypeslib.as_array(im.rgb, (im.h, im.w, 3)).copy()
    lib.as_image_clear(C.byref(im))
    return a


def pointer(a):
    return a.ctypes.data_as(C.c_void_p)


def files(paths):
    """Every file named, and all below every folder named."""
    return [f for p in paths for f in (sorted(g for g in glob.glob(os.path.join(glob.escape(p), "**", "*"), recursive=True)
                                              if os.path.isfile(g)) if os.path.isdir(p) else [p])]
