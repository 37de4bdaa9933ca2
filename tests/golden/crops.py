#!/usr/bin/env python3
"""Writes tests/golden/crops.tsv: RandomResizedCrop and flip by Pillow, boxes by torchvision's rule with the numbers of
assay's counter RNG (eval/learn/crops.h). Per line: view, low area, filter, width, height, SHA-256 of the 24 x 24 pixels.
    /usr/bin/python3 tests/golden/crops.py > tests/golden/crops.tsv
"""
import hashlib
import math

import numpy as np
from PIL import Image

from sgd import bits, uniform

SIDE, SEED, STREAM = 24, 9, 4
DRAW = uniform(SEED, STREAM, 64 * 40)


def image(w, h):
    return Image.fromarray((bits(SEED, 5, w * h * 3) >> np.uint64(56)).astype(np.uint8).reshape(h, w, 3))


def view(im, low, filt, number):
    at = iter(DRAW[number * 64 :])
    w, h = im.size
    for _ in range(10):
        target = w * h * (low + (1 - low) * next(at))
        ratio = math.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * next(at))
        bw, bh = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
        if 0 < bw <= w and 0 < bh <= h:
            y, x = int(next(at) * (h - bh + 1)), int(next(at) * (w - bw + 1))
            break
    else:
        bw, bh = w, h
        if w / h < 3 / 4:
            bh = round(w / (3 / 4))
        elif w / h > 4 / 3:
            bw = round(h * (4 / 3))
        y, x = (h - bh) // 2, (w - bw) // 2
    im = im.crop((x, y, x + bw, y + bh)).resize((SIDE, SIDE), filt)
    if next(at) < 0.5:
        im = im.transpose(Image.FLIP_LEFT_RIGHT)
    return hashlib.sha256(np.asarray(im).tobytes()).hexdigest()


for w, h in ((61, 47), (30, 90), (200, 12)):
    for number in range(6):
        for low, name, filt in ((0.08, "bilinear", Image.BILINEAR), (0.2, "bicubic", Image.BICUBIC)):
            print(number, low, name, w, h, view(image(w, h), low, filt, number), sep="\t")
