#!/usr/bin/env python3
"""Writes pattern.gz and shuffled.tar.gz beside itself, for tests/unit/test_gzip.c."""
import gzip
import io
import os
import random
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))


def byte_at(i):
    block = i // 1000
    if block % 12 > 0:
        return ord("a") + i % 7
    h = (block * 2654435761 & 0xFFFFFFFF) ^ ((i % 97) * 40503 & 0xFFFFFFFF)
    return ord("A") + (h >> 13) % 23


def pattern(start, n):
    return bytes(byte_at(start + i) for i in range(n))


def pack(data, level):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=level, mtime=0) as f:
        f.write(data)
    return out.getvalue()


# two gzip members, as parallel compressors write them
text = pattern(0, 3000000)
with open(os.path.join(HERE, "pattern.gz"), "wb") as f:
    f.write(pack(text[:1700000], 9) + pack(text[1700000:], 6))

members = [(wnid, k) for j, wnid in enumerate(["n01440764", "n01443537"]) for k in range(60 * j, 60 * j + 60)]
random.Random(1).shuffle(members)
tar_bytes = io.BytesIO()
with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.USTAR_FORMAT) as tar:
    for wnid, k in members:
        data = pattern(k * 1000, k * 211 % 5000)
        info = tarfile.TarInfo(f"top/{wnid}/x{k}.jpg")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
with open(os.path.join(HERE, "shuffled.tar.gz"), "wb") as f:
    f.write(pack(tar_bytes.getvalue(), 9))
