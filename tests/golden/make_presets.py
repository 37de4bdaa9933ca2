#!/usr/bin/python3
"""Makes presets.tsv: SHA-256 of torchvision's tensors, and of Pillow's resized pixels, for generated images whose rule is
repeated in tests/unit/test_preset.c and test_resize.c. Needs python3-pil, numpy, torch, torchvision."""
import hashlib, os
import numpy as np
from PIL import Image
import torchvision.transforms as T

M = T.InterpolationMode
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def picture(w, h):
    """Must equal picture() of the C tests."""
    y, x = np.mgrid[0:h, 0:w].astype(np.uint32)
    v = [(x * 7 + y * 13 + (x * y >> 3) + c * 50 + ((x * 2654435761 + y * 40503 + c) >> 24) % 61) & 255 for c in range(3)]
    return np.stack(v, -1).astype(np.uint8)


def pipe(size, crop, mode, mean, std):
    return T.Compose(([T.Resize(size, mode)] if size else []) + [T.CenterCrop(crop), T.ToTensor(), T.Normalize(mean, std)])


presets = {
    "imagenet-bilinear": pipe(256, 224, M.BILINEAR, MEAN, STD),
    "imagenet-bicubic": pipe(256, 224, M.BICUBIC, MEAN, STD),
    "swav": pipe(256, 224, M.BILINEAR, MEAN, [0.228, 0.224, 0.225]),
    "timm-half": pipe(248, 224, M.BICUBIC, [0.5] * 3, [0.5] * 3),
    "torchvision-v2": pipe(232, 224, M.BILINEAR, MEAN, STD),
    "imagenet-c": pipe(0, 224, M.BILINEAR, MEAN, STD),
    "imagenet-bilinear,resize=40,crop=33": pipe(40, 33, M.BILINEAR, MEAN, STD),
    "imagenet-bicubic,resize=20,crop=33": pipe(20, 33, M.BICUBIC, MEAN, STD),
    "imagenet-bilinear,filter=lanczos,resize=50,crop=50": pipe(50, 50, M.LANCZOS, MEAN, STD),
    "imagenet-bilinear,filter=box,resize=50,crop=51": pipe(50, 51, M.BOX, MEAN, STD),
}
rows = []
for w, h in ((500, 375), (375, 500), (64, 64), (256, 300), (97, 31), (1, 7)):
    im = Image.fromarray(picture(w, h))
    for name, t in presets.items():
        a = np.ascontiguousarray(t(im).numpy().transpose(1, 2, 0)).astype("<f4")
        rows.append(("tensor", w, h, name, hashlib.sha256(a.tobytes()).hexdigest()))
FILTERS = {"box": Image.BOX, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
for i, (w, h, ow, oh) in enumerate(((97, 61, 40, 25), (40, 25, 97, 61), (97, 61, 97, 20), (97, 61, 20, 61), (97, 61, 97, 61),
                                    (1, 1, 9, 9), (300, 2, 1, 1), (5, 200, 64, 7), (256, 256, 255, 257), (33, 47, 15, 13))):
    for f, code in FILTERS.items():
        a = Image.fromarray(picture(w, h)).resize((ow, oh), code)
        rows.append(("resize", w, h, f"{ow}x{oh} {f}", hashlib.sha256(a.tobytes()).hexdigest()))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "presets.tsv"), "w") as f:
    f.writelines("\t".join(map(str, r)) + "\n" for r in rows)
print(len(rows), "rows")
