#!/usr/bin/python3
"""Views of a made image by torchvision and Pillow, with the dice of data/augment/augment.h thrown again here. Writes
augment.tsv: augmentation, image, view, 12 pixels' channels (index, value)."""
import math, os, hashlib, struct
import numpy as np, torch, torchvision.transforms.functional_tensor as FT, torch.nn.functional as F
from PIL import Image
M = (1 << 64) - 1
def mix(z): z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M; z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M; return z ^ z >> 31
def key(seed, stream): return mix((seed + 0x9E3779B97F4A7C15 * (stream + 1)) & M)
def bits(k, i): return mix((k + 0x9E3779B97F4A7C15 * (i + 1)) & M)
def uni(k, i): return (bits(k, i) >> 11) * 2.0 ** -53
stream = struct.unpack('>Q', hashlib.sha256(b'augment').digest()[:8])[0]
W, H, SIDE = 48, 40, 32
image = np.array([[[(x * 5 + y * 3 + c * 40 + (x * y) % 17 * 6) % 256 for c in range(3)] for x in range(W)] for y in range(H)], np.uint8)
def box(k, at, lo, hi):
    for _ in range(10):
        area = H * W * (lo + (hi - lo) * uni(k, at)); ratio = math.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * uni(k, at + 1)); at += 2
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 1 <= w <= W and 1 <= h <= H:
            y = int(uni(k, at) * (H - h + 1)); x = int(uni(k, at + 1) * (W - w + 1)); return x, y, w, h
    return (0, 0, W, H)
CFG = {'simclr': dict(crop=(.2, 1), bic=0, j=(.8, .4, .4, .4, .1), grey=.2, blur=(.5, .3, 1), sol=0),
       'byol-2': dict(crop=(.2, 1), bic=1, j=(.8, .4, .4, .2, .1), grey=.2, blur=(.1, .3, 1), sol=.2),
       'swav': dict(crop=(.2, 1), bic=0, j=(.8, .8, .8, .8, .2), grey=.2, blur=(.5, .3, 1), sol=0)}
def view(c, img, v, epoch):
    k = key(7, (stream + epoch) & M); base = (img * 16 + v) * 128; d = lambda n: uni(k, base + n)
    x, y, w, h = box(k, base, *c['crop'])
    im = Image.fromarray(image).crop((x, y, x + w, y + h)).resize((SIDE, SIDE), Image.BICUBIC if c['bic'] else Image.BILINEAR)
    t = torch.from_numpy(np.array(im)).permute(2, 0, 1).float() / 255
    if d(64) < .5: t = t.flip(-1)
    p, b, ct, s, hue = c['j']; fac = lambda n, a: max(0., 1 - a) + (1 + a - max(0., 1 - a)) * d(n)
    if d(65) < p:
        code = (bits(k, base + 66) * 24) >> 64; left = [0, 1, 2, 3]
        while left:
            at = code % len(left); code //= len(left); step = left.pop(at)
            if step == 0: t = FT.adjust_brightness(t, fac(67, b))
            if step == 1: t = FT.adjust_contrast(t, fac(68, ct))
            if step == 2: t = FT.adjust_saturation(t, fac(69, s))
            if step == 3: t = FT.adjust_hue(t, -hue + 2 * hue * d(70))
    if d(71) < c['grey']: t = FT.rgb_to_grayscale(t, 3)
    if d(72) < c['blur'][0]:
        sg = c['blur'][1] + (c['blur'][2] - c['blur'][1]) * d(73); r = math.ceil(3 * sg)
        g = torch.tensor([math.exp(-i * i / (2 * sg * sg)) for i in range(-r, r + 1)], dtype=torch.float64); g = (g / g.sum()).float()
        q = F.pad(t[:, None], (r, r, r, r), mode='replicate'); q = F.conv2d(q, g.view(1, 1, 1, -1)); t = F.conv2d(q, g.view(1, 1, -1, 1))[:, 0]
    if d(74) < c['sol']: t = torch.where(t >= .5, 1 - t, t)
    return t
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'augment.tsv'), 'w') as f:
    for name, c in CFG.items():
        for img in range(20):
            for v in range(2):
                t = view(c, img, v, 3).permute(1, 2, 0).flatten()
                f.write('\t'.join([name, str(img), str(v)] + [f'{i}\t{t[i].item():.9g}' for i in range(img % 7, SIDE * SIDE * 3, 277)][:12]) + '\n')
