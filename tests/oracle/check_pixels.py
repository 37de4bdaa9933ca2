#!/usr/bin/python3
"""Pixels against Pillow and torchvision: decode, resize, crop, normalise. Needs python3-pil, python3-numpy, and for
the tensors python3-torch, python3-torchvision; the project's own tests need none of them.

usage: check_pixels.py [--resizes N] [--generated N] [--seed S] [IMAGE or FOLDER ...]

Builds the rooms data and tensor/base into a shared library in a temporary folder and drives it by ctypes."""
import argparse, ctypes as C, io, random, sys, warnings
import numpy as np
from PIL import Image, ImageFile
from imagelib import Image_, Preset, decode, err, files, lib, pointer, simd as use_simd

warnings.simplefilter("ignore")
ImageFile.MAXBLOCK = 1 << 24  # Pillow's writer wants the whole file in its buffer
ap = argparse.ArgumentParser()
ap.add_argument("--resizes", type=int, default=2000)
ap.add_argument("--generated", type=int, default=200, help="JPEGs written by Pillow over sizes, samplings, qualities")
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("--no-tensors", action="store_true")
ap.add_argument("paths", nargs="*")
args = ap.parse_args()



def preset(text):
    p = Preset()
    if lib.as_preset_parse(C.byref(p), text.encode(), C.byref(err)):
        sys.exit(err.msg.decode())
    return p


def load(p, data):
    out = np.empty((p.crop, p.crop, 3), np.float32)
    if lib.as_preset_load(C.byref(p), data, C.c_size_t(len(data)), 0, pointer(out), None, C.byref(err)):
        return None
    return out


def pixels(p, a):
    im = Image_(a.ctypes.data_as(C.POINTER(C.c_uint8)), a.shape[1], a.shape[0])
    out = np.empty((p.crop, p.crop, 3), np.uint8)
    if lib.as_preset_pixels(C.byref(p), C.byref(im), pointer(out), C.byref(err)):
        return None
    return out


failed = 0


def report(what, n, bad):
    global failed
    failed += len(bad)
    print(f"{what}: {n} checked, {len(bad)} differ" + "".join(f"\n    {b}" for b in bad[:8]), flush=True)


rng = random.Random(args.seed)
nrng = np.random.RandomState(args.seed)
FILTERS = {"box": Image.BOX, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}


def picture(w, h):
    """Noise over a gradient: busy enough to reach every rounding."""
    y, x = np.mgrid[0:h, 0:w]
    base = np.stack([x * 255 // max(1, w - 1), y * 255 // max(1, h - 1), (x + y) % 256], -1)
    noise = nrng.randint(-60, 61, (h, w, 3)) if rng.random() < 0.7 else nrng.choice([-255, 0, 255], (h, w, 3))
    return np.clip(base + noise, 0, 255).astype(np.uint8)


bad = []
for i in range(args.resizes):
    w, h = rng.choice([1, 2, 3, rng.randint(1, 40), rng.randint(1, 700)]), rng.choice([1, 3, rng.randint(1, 40), rng.randint(1, 500)])
    ow, oh = rng.choice([w, rng.randint(1, 50), rng.randint(1, 400)]), rng.choice([h, rng.randint(1, 50), rng.randint(1, 400)])
    f = rng.choice(list(FILTERS))
    a = picture(w, h)
    out = np.empty((oh, ow, 3), np.uint8)
    for simd in (0, 1):
        use_simd(simd)
        lib.as_resize_rgb(pointer(a), w, h, list(FILTERS).index(f), pointer(out), ow, oh, C.byref(err))
        if not np.array_equal(out, np.asarray(Image.fromarray(a).resize((ow, oh), FILTERS[f]))):
            bad.append(f"{w}x{h} -> {ow}x{oh} {f} simd {simd}")
report("resize = Pillow's", args.resizes, bad)

bad, n = [], 0
for i in range(args.generated):
    w, h = rng.choice([rng.randint(1, 40), rng.randint(1, 300)]), rng.choice([rng.randint(1, 40), rng.randint(1, 300)])
    b = io.BytesIO()
    grey = rng.random() < 0.1
    im = Image.fromarray(picture(w, h))
    if grey:
        im = im.convert("L")
    elif rng.random() < 0.1:
        im = im.convert("CMYK")
    im.save(b, "JPEG", quality=rng.randint(1, 100), progressive=rng.random() < 0.5, optimize=rng.random() < 0.5,
            subsampling=rng.randint(0, 2))
    want = np.asarray(Image.open(io.BytesIO(b.getvalue())).convert("RGB"))
    for simd in (0, 1):
        use_simd(simd)
        got = decode(b.getvalue())
        n += 1
        if got is None or not np.array_equal(got, want):
            bad.append(f"{w}x{h} simd {simd}: {err.msg.decode() if got is None else 'pixels'}")
report("generated JPEGs = Pillow's", n, bad)

if not args.no_tensors:
    import torch, torchvision.transforms as T

    def tv(size, crop, mode, mean, std):
        t = [T.Resize(size, mode)] if size else []
        return T.Compose(t + [T.CenterCrop(crop), T.ToTensor(), T.Normalize(mean, std)])

    M = T.InterpolationMode
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    pipes = {
        "imagenet-bilinear": tv(256, 224, M.BILINEAR, mean, std),
        "imagenet-bicubic": tv(256, 224, M.BICUBIC, mean, std),
        "swav": tv(256, 224, M.BILINEAR, mean, [0.228, 0.224, 0.225]),
        "timm-half": tv(248, 224, M.BICUBIC, [0.5] * 3, [0.5] * 3),
        "torchvision-v2": tv(232, 224, M.BILINEAR, mean, std),
        "imagenet-c": tv(0, 224, M.BILINEAR, mean, std),
        "imagenet-bilinear,resize=73,crop=64": tv(73, 64, M.BILINEAR, mean, std),
        "imagenet-bilinear,filter=lanczos,resize=300": tv(300, 224, M.LANCZOS, mean, std),
    }
    decoded, tensors, pix = [], [], []
    nd = nt = 0
    for f in files(args.paths):
        data = open(f, "rb").read()
        try:
            im = Image.open(io.BytesIO(data)).convert("RGB")
        except Exception:
            continue
        for simd in (0, 1):
            use_simd(simd)
            got = decode(data)
            nd += 1
            if got is None or not np.array_equal(got, np.asarray(im)):
                decoded.append(f"{f} simd {simd}: {err.msg.decode() if got is None else 'pixels'}")
                continue
            for name, t in pipes.items():
                want = t(im).numpy().transpose(1, 2, 0)
                got_t = load(preset(name), data)
                nt += 1
                if got_t is None or not np.array_equal(got_t.view(np.uint32), np.ascontiguousarray(want).view(np.uint32)):
                    tensors.append(f"{f} {name} simd {simd}")
    report("files decoded = Pillow's", nd, decoded)
    report("tensors from bytes = torchvision's, bit for bit", nt, tensors)

    bad = []
    for i in range(300):
        w, h = rng.choice([rng.randint(1, 60), rng.randint(1, 500)]), rng.choice([rng.randint(1, 60), rng.randint(1, 500)])
        s, c = rng.choice([0, rng.randint(1, 80)]), rng.randint(1, 90)
        a = picture(w, h)
        im = Image.fromarray(a)
        want = np.asarray(T.CenterCrop(c)(T.Resize(s, M.BICUBIC)(im) if s else im))
        got = pixels(preset(f"imagenet-bicubic,resize={s},crop={c}"), a)
        if got is None or not np.array_equal(got, want):
            bad.append(f"{w}x{h} resize {s} crop {c}")
    report("geometry = torchvision's Resize + CenterCrop", 300, bad)
sys.exit(1 if failed else 0)
