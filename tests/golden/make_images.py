#!/usr/bin/python3
"""Makes tests/golden/images/: small JPEG and PNG files of generated pictures, and images.tsv with the SHA-256 of the RGB
bytes that Pillow's convert("RGB") gives for each, or "refuse"; where the lenient mode gives pixels, their size, hash ("-": not
Pillow's) and "plain" or "marked": as such on which decoders differ. Pillow must run libjpeg-turbo's SIMD code, as Debian's
does on x86-64: coefficients that are too large make it give other pixels than its C code. Needs python3-pil, python3-numpy and, for the odd sampling
ratios and restart intervals, cjpeg and jpegtran of libjpeg-turbo-progs. Every picture is computed here."""
import hashlib, io, os, struct, subprocess, zlib
import numpy as np
from PIL import Image, ImageFile

ImageFile.MAXBLOCK = 1 << 20
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images")
os.makedirs(here, exist_ok=True)
rows = []


def picture(w, h, seed=1):
    y, x = np.mgrid[0:h, 0:w].astype(np.int64)
    n = (x * 7919 + y * 104729 + x * y * 31 + seed) % 251 - 125
    a = np.stack([x * 255 // max(1, w - 1) + n // 4, y * 255 // max(1, h - 1) - n // 3, (x * 9 + y * 5) % 256 + n // 5], -1)
    a[h // 3 : h // 2, w // 3 : w // 2] = (250, 20, 10)
    return np.clip(a, 0, 255).astype(np.uint8)


def add(name, data, refuse=False, lenient=None, other=False):
    """lenient: None, "plain" or "marked"; other: not Pillow's pixels."""
    open(os.path.join(here, name), "wb").write(data)
    if refuse and not lenient:
        rows.append((name, "refuse"))
        return
    im = Image.open(io.BytesIO(data)).convert("RGB")
    row = f"{im.size[0]}x{im.size[1]}", "-" if other else hashlib.sha256(im.tobytes()).hexdigest()
    rows.append((name, "refuse", *row, lenient) if refuse else (name, *row))


def ppm(a):
    return b"P6\n%d %d\n255\n" % (a.shape[1], a.shape[0]) + a.tobytes()


def cjpeg(a, *opts):
    return subprocess.run(["cjpeg", *opts], input=ppm(a), stdout=subprocess.PIPE, check=True).stdout


for s in ("1x1", "2x1", "2x2", "1x2", "4x1", "4x2", "1x4", "2x4"):
    for prog in (0, 1):
        a = picture(37, 29, prog)
        add(f"s{s}{'p' if prog else ''}.jpg", cjpeg(a, "-sample", s, "-quality", "83", *(["-progressive"] if prog else [])))
add("three_ratios.jpg", cjpeg(picture(40, 33), "-sample", "2x2,1x2,2x1", "-quality", "70"))
add("chroma_finer.jpg", cjpeg(picture(21, 18), "-sample", "1x1,2x2,1x1", "-quality", "75"))
add("restart1.jpg", cjpeg(picture(50, 40), "-restart", "1B", "-sample", "2x2"))
add("restart_rows_p.jpg", cjpeg(picture(50, 40), "-restart", "1", "-progressive"))
add("q100.jpg", cjpeg(picture(33, 17), "-quality", "100", "-sample", "1x1"))
add("q1.jpg", cjpeg(picture(33, 17), "-quality", "1", "-sample", "2x2"))
add("wide_quant.jpg", cjpeg(picture(33, 17), "-quality", "3", "-sample", "2x2"))  # 16-bit tables unless -baseline
add("rgb.jpg", cjpeg(picture(33, 17), "-rgb", "-quality", "80"))
add("grey.jpg", cjpeg(picture(33, 17), "-grayscale"))
add("arithmetic.jpg", cjpeg(picture(33, 17), "-arithmetic"), refuse=True)
for w, h in ((1, 1), (2, 2), (3, 5), (8, 8), (9, 1), (1, 17), (16, 16), (17, 16)):
    add(f"size{w}x{h}.jpg", cjpeg(picture(w, h), "-sample", "2x2", "-quality", "90"))
# multi-scan baseline: one component per scan
script = os.path.join(here, "scans.tmp")
open(script, "w").write("0; 1; 2;")
add("scans.jpg", cjpeg(picture(40, 30), "-scans", script, "-sample", "2x2"))
os.remove(script)


def pil(a, mode, **kw):
    b = io.BytesIO()
    Image.fromarray(a).convert(mode).save(b, **kw)
    return b.getvalue()


add("cmyk.jpg", pil(picture(30, 20), "CMYK", format="JPEG", quality=85))
cmyk = pil(picture(30, 20), "CMYK", format="JPEG", quality=85)
at = cmyk.index(b"Adobe")
add("ycck.jpg", cmyk[: at + 11] + b"\x02" + cmyk[at + 12 :])
good = cjpeg(picture(48, 40), "-quality", "60", "-sample", "2x2")
add("junk_after.jpg", good + b"junk" * 10)
add("cut.jpg", good[: len(good) * 2 // 3], refuse=True)
add("no_eoi.jpg", good[:-2], refuse=True)
add("two_images.jpg", good + good)
add("foreign_before_marker.jpg", good[:2] + b"xyz" + good[2:], refuse=True)
add("foreign_later.jpg", good[:20] + b"xyz" + good[20:], refuse=True, lenient="plain")
# without Huffman tables, as Motion JPEG
bare, i = good[:2], 2
while good[i + 1] != 0xDA:
    n = struct.unpack(">H", good[i + 2 : i + 4])[0] + 2
    if good[i + 1] != 0xC4:
        bare += good[i : i + n]
    i += n
add("mjpeg.jpg", bare + good[i:])
# progressive file cut after its first scans: incomplete
p = cjpeg(picture(48, 40), "-progressive")
second = [k for k in range(len(p) - 1) if p[k : k + 2] == b"\xff\xda"][2]
add("incomplete_p.jpg", p[:second] + b"\xff\xd9", refuse=True, lenient="marked", other=True)


# Coefficients that are too large for the inverse DCT: the same codes, other quantisers. x 8 only leaves the range of
# samples, which are clipped; beyond, 16-bit lanes wrap around or are saturated.
def requantise(jpeg, f):
    out, i = jpeg[:2], 2
    while jpeg[i + 1] != 0xDA:
        n = struct.unpack(">H", jpeg[i + 2 : i + 4])[0] + 2
        body, i = jpeg[i : i + n], i + n
        if body[1] == 0xDB and body[4] < 16:
            tables = [body[4 + 65 * t : 4 + 65 * t + 65] for t in range((n - 4) // 65)]
            body = b"".join(bytes([16 | t[0]]) + b"".join(struct.pack(">H", f(k, v)) for k, v in enumerate(t[1:])) for t in tables)
            body = b"\xff\xdb" + struct.pack(">H", len(body) + 2) + body
        out += body
    return out + jpeg[i:]


def columns(w, h):
    """Nothing changes downwards: only the first row of coefficients is not zero."""
    return np.repeat(picture(w, 1), h, 0)


add("loud.jpg", requantise(cjpeg(picture(40, 24), "-quality", "60", "-sample", "2x2"), lambda k, v: v * 8))
for name, data in (
    ("overflow_flat", cjpeg(np.full((16, 16, 3), 250, np.uint8), "-quality", "50")),
    ("overflow_columns", cjpeg(columns(40, 24), "-quality", "50", "-sample", "1x1")),
    ("overflow_all", cjpeg(picture(48, 40), "-quality", "60", "-sample", "2x2")),
    ("overflow_p", cjpeg(picture(48, 40), "-quality", "60", "-sample", "2x1", "-progressive")),
    ("overflow_q100", cjpeg(picture(33, 17), "-quality", "100", "-sample", "1x1")),
):
    for factor in (40, 150, 1000) if "all" in name else (150,):
        add(f"{name}_x{factor}.jpg", requantise(data, lambda k, v: min(65535, v * factor)), refuse=True, lenient="marked")
add("overflow_dc.jpg", requantise(cjpeg(picture(48, 40), "-quality", "60"), lambda k, v: v if k else 65535), refuse=True, lenient="marked")
add("overflow_high.jpg", requantise(cjpeg(picture(48, 40), "-quality", "90"), lambda k, v: v if k < 12 else 40000), refuse=True, lenient="marked")


# A second scan of a component that ends early leaves what the first brought.
def scan_of(jpeg, k):
    at = [i for i in range(len(jpeg) - 1) if jpeg[i : i + 2] == b"\xff\xda"]
    return jpeg[at[k] : (at + [len(jpeg) - 2])[k + 1]]


open(script, "w").write("0; 1; 2;")
p = cjpeg(picture(40, 30), "-scans", script, "-sample", "2x2")
q = cjpeg(picture(40, 30, 9), "-scans", script, "-sample", "2x2")
os.remove(script)
for n in (13, 60):
    add(f"twice{n}.jpg", p[:-2] + scan_of(q, 0)[:n] + b"\xff\xd9", refuse=True, lenient="plain")


def chunk(t, d):
    return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(w, h, depth, colour, interlace=0, extra=b"", palette=0, seed=0, idat_split=0, beyond=False):
    ch = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    rng = np.random.RandomState(w * 1000 + h * 100 + depth * 10 + colour + seed)
    samples = rng.randint(0, min(1 << depth, palette if palette and not beyond else 1 << 16), (h, w, ch))
    raw = b""
    for x0, y0, dx, dy in ADAM7 if interlace else ((0, 0, 1, 1),):
        part = samples[y0::dy, x0::dx]
        if part.size == 0:
            continue
        bpp, prev = max(1, ch * depth // 8), None
        for y in range(part.shape[0]):
            bits = "".join(format(int(v), f"0{depth}b") for v in part[y].ravel())
            line = [int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8)]
            up = prev or [0] * len(line)
            f = (y + x0) % 5
            enc = []
            for i, v in enumerate(line):
                a = line[i - bpp] if i >= bpp else 0
                b, c = up[i], up[i - bpp] if i >= bpp else 0
                q = a + b - c
                paeth = min(((abs(q - a), 0, a), (abs(q - b), 1, b), (abs(q - c), 2, c)))[2]
                enc.append((v - (0, a, b, (a + b) // 2, paeth)[f]) & 255)
            raw += bytes([f]) + bytes(enc)
            prev = line
    z = zlib.compress(raw, 9)
    idat = b"".join(chunk(b"IDAT", z[i : i + idat_split]) for i in range(0, len(z), idat_split)) if idat_split else chunk(b"IDAT", z)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace))
    if palette:
        extra = chunk(b"PLTE", bytes(rng.randint(0, 256, palette * 3).tolist())) + extra
    return b"\x89PNG\r\n\x1a\n" + head + extra + idat + chunk(b"IEND", b"")


for colour, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), (6, (8, 16))):
    for depth in depths:
        for inter in (0, 1):
            pal = min(1 << depth, 200) if colour == 3 else 0
            add(f"c{colour}d{depth}{'i' if inter else ''}.png", png(13, 11, depth, colour, inter, palette=pal))
add("trns_grey.png", png(9, 9, 8, 0, extra=chunk(b"tRNS", b"\0\x40")))
add("trns_rgb.png", png(9, 9, 8, 2, extra=chunk(b"tRNS", b"\0\1\0\2\0\3")))
add("trns_palette.png", png(9, 9, 4, 3, palette=16, extra=chunk(b"tRNS", bytes(range(16)))))
add("text.png", png(9, 9, 8, 2, extra=chunk(b"tEXt", b"Title\0x") + chunk(b"gAMA", struct.pack(">I", 45455))))
add("split.png", png(9, 9, 8, 2, idat_split=7))
add("one.png", png(1, 1, 1, 0, 1))
for depth, entries in ((8, 100), (4, 3), (2, 1)):  # indexes that PLTE does not hold
    add(f"beyond{depth}.png", png(13, 11, depth, 3, palette=entries, beyond=True))
add("beyond8i.png", png(13, 11, 8, 3, 1, palette=100, beyond=True))
# damage on which no pixel depends
g = png(9, 9, 8, 2)
end = len(g) - 12
add("lost_iend.png", g[:end], refuse=True, lenient="plain")
add("lost_adler.png", g[: end - 8], refuse=True, lenient="plain")
idat = g.index(b"IDAT")
add("short_adler.png", g[: idat - 4] + chunk(b"IDAT", g[idat + 4 : end - 8]) + g[end:], refuse=True, lenient="plain")
add("wrong_adler.png", g[: idat - 4] + chunk(b"IDAT", g[idat + 4 : end - 8] + b"abcd") + g[end:], refuse=True)
add("idat_crc.png", g[: end - 1] + bytes([g[end - 1] ^ 1]) + g[end:], refuse=True, lenient="plain")
text = chunk(b"tEXt", b"Title\0x")
add("text_crc.png", g[:end] + text[:-1] + bytes([text[-1] ^ 1]) + g[end:], refuse=True, lenient="plain")
add("head_text_crc.png", g[:33] + text[:-1] + bytes([text[-1] ^ 1]) + g[33:], refuse=True)
add("bad_crc.png", g[:45] + bytes([g[45] ^ 1]) + g[46:], refuse=True)
add("no_iend.png", g[:-12], refuse=True)
add("cut.png", g[: len(g) // 2], refuse=True)
add("no_palette.png", png(9, 9, 8, 3), refuse=True)
add("critical.png", png(9, 9, 8, 2, extra=chunk(b"CgBI", b"\0\0\0\0")), refuse=True)
add("depth3.png", png(9, 9, 3, 0), refuse=True)
with open(os.path.join(here, "images.tsv"), "w") as f:
    f.writelines("\t".join(r) + "\n" for r in rows)
print(len(rows), "files,", sum(os.path.getsize(os.path.join(here, f)) for f in os.listdir(here)), "bytes")
