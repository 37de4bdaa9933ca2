#!/usr/bin/python3
"""`assay knn` beside a brute force in float64, ties included.

    check_knn.py TRAIN.npy TEST.npy --assay build/assay [--k 20] [--temperature 0.07]

The features are what `assay features -o` wrote. A part of the training rows comes twice under other labels, so that exact
ties are common; of equal similarities the lower row is the nearer one, of equal votes the lower class wins. Compares the
five classes of every test row; ends with status 1 where one differs."""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

ap = argparse.ArgumentParser()
ap.add_argument("train")
ap.add_argument("test")
ap.add_argument("--assay", default="build/assay")
ap.add_argument("--k", type=int, default=20)
ap.add_argument("--temperature", type=float, default=0.07)
a = ap.parse_args()


def read(path):
    with open(path[:-4] + ".tsv") as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    return np.load(path), np.array([int(r[2]) for r in rows])


def write(path, x, y):
    np.save(path, x)
    with open(path[:-4] + ".tsv", "w") as f:
        f.write("row\tname\tlabel\tstatus\n" + "".join(f"{i}\t{i}\t{c}\tok\n" for i, c in enumerate(y)))


x, y = read(a.train)
q, t = read(a.test)
twice = np.arange(0, len(x), 5)
x, y = np.concatenate([x, x[twice]]), np.concatenate([y, (y[twice] + 1) % (y.max() + 1)])
q = np.concatenate([q, x[twice[:200]]])  # queries that are training rows, each of them there twice
t = np.concatenate([t, y[twice[:200]]])
wide, norms = x.astype(np.float64), None
norms = np.sqrt((wide**2).sum(1))
theirs, ties = [], 0
for i in range(0, len(q), 100):
    z = q[i : i + 100].astype(np.float64)
    s = z @ wide.T / (np.sqrt((z**2).sum(1))[:, None] * norms[None])
    s[:, len(x) - len(twice) :] = s[:, twice]  # a matrix product may round two equal columns differently
    for row in s:
        near = np.lexsort((np.arange(len(row)), -row))[: a.k + 1]
        ties += row[near[a.k - 1]] == row[near[a.k]]
        votes = {}
        for j in near[: a.k]:
            votes[y[j]] = votes.get(y[j], 0.0) + np.exp(row[j] / a.temperature)
        theirs.append(sorted(votes, key=lambda c: (-votes[c], c))[:5])
with tempfile.TemporaryDirectory() as d:
    write(d + "/train.npy", x, y)
    write(d + "/test.npy", q, t)
    run = subprocess.run([a.assay, "knn", "--train", d + "/train.npy", "--test", d + "/test.npy", "-k", str(a.k), "-T", str(a.temperature),
                          "--predictions", d + "/p.tsv", "-q"], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"assay: exit {run.returncode}: {run.stderr}")
    with open(d + "/p.tsv") as f:
        mine = [[int(c) for c in line.split("\t")[2].split(",")] for line in list(f)[1:]]
first = sum(m[0] != w[0] for m, w in zip(mine, theirs))
# places past the last vote hold classes without one
five = sum(m[: len(w)] != [int(c) for c in w] for m, w in zip(mine, theirs))
print(f"{len(x)} x {x.shape[1]}, {len(q)} queries, k {a.k}, ties at the k-th neighbour in {ties}: {first} predictions differ, {five} of the five classes")
sys.exit(first > 0 or five > 0)
