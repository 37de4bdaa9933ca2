"""Makes inflate.bin: compressed streams of generated data, for tests/unit/test_inflate.c.

Records: u8 format (0 raw, 1 zlib, 2 gzip), u32 compressed size, u32 plain size, u32 CRC-32 of the plain data,
compressed bytes (all little-endian). The data come from a linear congruential generator, so that they are the same
everywhere; the compressor is zlib by way of Python."""
import os, struct, zlib


def lcg(n, seed, symbols, skew=1):
    out, x = bytearray(), seed
    for _ in range(n):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        v = (x >> 8) / (1 << 24)
        out.append(int(symbols * v**skew))
    return bytes(out)


plain = [
    b"",
    b"a",
    b"abc" * 200,  # short distances
    bytes(5000),  # distance 1, length 258
    lcg(700, 1, 256),  # incompressible: stored blocks
    lcg(4000, 2, 200, 6),  # skewed: long codes, sub-tables
    lcg(300, 3, 7) * 150,  # 45,000 bytes: matches across the sliding window
    b"".join(b"line %d of the file\n" % i for i in range(400)),
]
records = b""
for i, data in enumerate(plain):
    for fmt, wbits in enumerate((-15, 15, 31)):
        for level, strategy in ((0, 0), (1, 0), (9, 0), (6, zlib.Z_FIXED), (6, zlib.Z_HUFFMAN_ONLY)):
            if len(data) > 1000 and (level == 0 or fmt != i % 3):
                continue
            if len(data) > 4500 and strategy == zlib.Z_HUFFMAN_ONLY:
                continue
            c = zlib.compressobj(level, zlib.DEFLATED, wbits, 8, strategy)
            z = c.compress(data) + c.flush()
            records += struct.pack("<BIII", fmt, len(z), len(data), zlib.crc32(data)) + z
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "inflate.bin"), "wb") as f:
    f.write(records)
print(len(records), "bytes")
