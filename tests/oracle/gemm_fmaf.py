#!/usr/bin/env python3
"""Plain products against one chain of fused multiply-adds, computed exactly with Python's integers.

    gemm_fmaf.py [--build build] [--cc cc] [--cpu ref,portable,avx2,avx512] [--seed 1]

Every element of C = A B^T, and of a 1x1 convolution without bias, must have the bits of
    acc = 0;  acc = fma(a[k], b[k], acc) for k = 0, 1, 2, ...      each step rounded once to binary32, to nearest even
which is also the rule of microsoft/RepDL for the CPU. No floating-point operation is used on this side: a float is an integer
times 2^-149, a product one times 2^-298. Compiles gemm_fmaf.c (beside this file) against BUILD/libassay.a; run it from the
top folder after make. Ends with status 1 where a bit differs."""
import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile

ap = argparse.ArgumentParser()
ap.add_argument("--build", default="build")
ap.add_argument("--cc", default="cc")
ap.add_argument("--cpu", default="ref,portable,avx2,avx512")
ap.add_argument("--seed", type=int, default=1)
a = ap.parse_args()


def exact(bits):
    """binary32 as an integer number of 2^-149."""
    exponent, fraction = bits >> 23 & 255, bits & 0x7FFFFF
    value = fraction if exponent == 0 else (fraction | 0x800000) << (exponent - 1)
    return -value if bits >> 31 else value


def rounded(x):
    """x, an integer number of 2^-298, to the nearest float, ties to even; as an integer number of 2^-149."""
    size = abs(x)
    drop = max(size.bit_length() - 24, 149)  # the last place of a float near x, or of the smallest ones
    kept, rest = size >> drop, size & ((1 << drop) - 1)
    half = 1 << (drop - 1)
    if rest > half or (rest == half and kept & 1):
        kept += 1
    kept <<= drop - 149
    assert kept < 1 << (128 + 149), "overflow: no case should come here"
    return -kept if x < 0 else kept


def float_bits(x):
    """An integer number of 2^-149 that is a float; zero is +0."""
    sign, size = (x < 0) << 31, abs(x)
    length = size.bit_length()
    if length < 24:
        return sign | size
    return sign | (length - 23) << 23 | (size >> (length - 24)) & 0x7FFFFF


def chain(row, column):
    acc = 0
    for p, q in zip(row, column):
        acc = rounded(p * q + (acc << 149))
    return float_bits(acc)


def drawn(dice, kind):
    """Bits of a float: 0 around one, 1 over many orders of magnitude, 2 short mantissas (ties), 3 products near the denormals."""
    if kind == 2:
        return struct.unpack("<I", struct.pack("<f", dice.randrange(-64, 65) / 16))[0]
    low, high = ((120, 130), (90, 150), None, (40, 84))[kind]
    return dice.getrandbits(1) << 31 | dice.randrange(low, high) << 23 | dice.getrandbits(23)


dice = random.Random(a.seed)
shapes = [(1, 1, 1), (3, 5, 7), (14, 32, 16), (15, 33, 65), (29, 40, 300), (64, 17, 129), (7, 96, 513)]
cases = []
for m, n, k in shapes:
    for kind in range(4):
        A = [drawn(dice, kind) for _ in range(m * k)]
        B = [drawn(dice, kind) for _ in range(n * k)]
        rows = [[exact(x) for x in A[i * k:(i + 1) * k]] for i in range(m)]
        columns = [[exact(x) for x in B[j * k:(j + 1) * k]] for j in range(n)]
        cases.append((m, n, k, kind, A, B, [chain(r, c) for r in rows for c in columns]))
data = b"".join(struct.pack("<3I", m, n, k) + struct.pack(f"<{len(A) + len(B)}I", *A, *B) for m, n, k, _, A, B, _ in cases)

here = os.path.dirname(os.path.abspath(__file__))
bad = 0
with tempfile.TemporaryDirectory() as tmp:
    program = os.path.join(tmp, "gemm_fmaf")
    subprocess.run([a.cc, "-std=c11", "-O1", "-ffp-contract=off", "-fopenmp", "-I.", os.path.join(here, "gemm_fmaf.c"),
                    os.path.join(a.build, "libassay.a"), "-lm", "-o", program], check=True)
    for cpu in a.cpu.split(","):
        for threads in (1, 3):
            run = subprocess.run([program, cpu, str(threads)], input=data, stdout=subprocess.PIPE)
            if run.returncode == 4:
                print(f"skip {cpu}: not on this CPU")
                break
            if run.returncode != 0:
                sys.exit(f"{cpu}: gemm_fmaf ended with status {run.returncode}")
            at = wrong = elements = 0
            for m, n, k, kind, _, _, want in cases:
                for what in ("as_gemm_nt", "1x1 convolution", "1x1 convolution in training"):
                    got = struct.unpack_from(f"<{m * n}I", run.stdout, at)
                    at += 4 * m * n
                    differ = sum(g != w for g, w in zip(got, want))
                    if differ:
                        print(f"not ok {cpu}, {threads} threads: {what} {m}x{n}x{k}, values {kind}: {differ} of {m * n} differ")
                    wrong += differ
                    elements += m * n
            assert at == len(run.stdout)
            if not wrong:
                print(f"ok {cpu}, {threads} threads: {elements} elements, every bit")
            bad += wrong
sys.exit(bad > 0)
