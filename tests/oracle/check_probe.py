#!/usr/bin/python3
"""The L-BFGS probe beside scikit-learn's: the same features, C, objective; losses computed here, in float64, by one formula.

    check_probe.py fit TRAIN.npy --c 1 -o theirs.npz        scikit-learn alone, to its own end: slow; keeps its weights and the
                                                            loss and the seconds of every evaluation
    check_probe.py compare TRAIN.npy theirs.npz --assay build/assay --bench build/bench_probe [--threads 2]
                   [--evaluations 25] [--rounds 3]          bench_probe: tests/bench/bench_probe.c

TRAIN.npy is what `assay features -o` wrote (labels in TRAIN.tsv beside it). `compare` fits with assay to its own stopping
rule and prints the two losses; then times, in turn, scikit-learn for a number of evaluations of its objective and assay from
its start until its loss is at most scikit-learn's final one. The seconds of scikit-learn's whole fit are its seconds per
evaluation, measured now, times the evaluations that the whole fit took (every evaluation is the same two products).
OpenBLAS is what numpy loaded; its name, version and threading are printed."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

ap = argparse.ArgumentParser()
ap.add_argument("what", choices=["fit", "compare"])
ap.add_argument("train")
ap.add_argument("theirs", nargs="?")
ap.add_argument("--c", type=float, default=1.0)
ap.add_argument("--assay", default="build/assay")
ap.add_argument("--bench", default="build/bench_probe")
ap.add_argument("--skip-loss", action="store_true", help="compare: the times alone")
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--evaluations", type=int, default=25)
ap.add_argument("--rounds", type=int, default=3)
ap.add_argument("--max-iter", type=int, default=3000)
ap.add_argument("-o", "--output")
a = ap.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(a.threads)

import numpy as np
import sklearn
import threadpoolctl
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model._linear_loss import LinearModelLoss


class Enough(Exception):
    pass


def read(path):
    x = np.load(path)
    with open(path[:-4] + ".tsv") as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    assert [int(r[0]) for r in rows] == list(range(len(x)))
    names = sorted({r[2] for r in rows}, key=lambda s: int(s) if s.isdigit() else s)
    return x, np.array([names.index(r[2]) for r in rows])


def loss(x, y, w, b, c):
    w, b, total = w.astype(np.float64), b.astype(np.float64), 0.0
    for i in range(0, len(x), 1000):
        z = x[i : i + 1000].astype(np.float64) @ w.T + b
        total += (logsumexp(z, axis=1) - z[np.arange(len(z)), y[i : i + 1000]]).sum()
    return total + (w * w).sum() / (2 * c)


def scikit(x, y, c, evaluations=None):
    """The fit, and (seconds, loss) of each evaluation; ended after `evaluations` of them where given."""
    log, inner = [], LinearModelLoss.loss_gradient

    def watched(self, *args, **kw):
        out = inner(self, *args, **kw)
        log.append((time.perf_counter() - start, float(out[0])))
        if evaluations and len(log) >= evaluations:
            raise Enough
        return out

    LinearModelLoss.loss_gradient = watched
    fit = LogisticRegression(C=c, max_iter=a.max_iter)
    start = time.perf_counter()
    try:
        fit.fit(x, y)
    except Enough:
        fit = None
    LinearModelLoss.loss_gradient = inner
    return fit, log, time.perf_counter() - start


def ours(c, head):
    run = subprocess.run([a.assay, "probe", "--train", a.train, "--c", repr(c), "--threads", str(a.threads), "-o", head],
                         capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"assay: exit {run.returncode}: {run.stderr}")
    return run.stderr.strip().split("\n")[0]


def timed(c, target):
    run = subprocess.run([a.bench, a.train, repr(c), str(a.threads), repr(target)], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def read_head(path):
    with open(path, "rb") as f:
        n = int.from_bytes(f.read(8), "little")
        head, data = json.loads(f.read(n)), f.read()
    part = lambda k: np.frombuffer(data[slice(*head[k]["data_offsets"])], "<f4").reshape(head[k]["shape"])
    return part("weight"), part("bias")


x, y = read(a.train)
blas = [f"{p['internal_api']} {p['version']} {p.get('threading_layer')} {p.get('architecture')} {p['num_threads']} threads"
        for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
print(f"{x.shape[0]} x {x.shape[1]} {x.dtype}, {y.max() + 1} classes; scikit-learn {sklearn.__version__}, numpy {np.__version__}, {'; '.join(blas)}",
      flush=True)
if a.what == "fit":
    fit, log, seconds = scikit(x, y, a.c)
    np.savez(a.output, c=a.c, w=fit.coef_, b=fit.intercept_, log=np.array(log), n_iter=fit.n_iter_[0])
    print(f"C {a.c:g}: loss {loss(x, y, fit.coef_, fit.intercept_, a.c):.10g}, {fit.n_iter_[0]} iterations, {len(log)} evaluations, {seconds:.1f} s")
    sys.exit()
t = np.load(a.theirs)
c = float(t["c"])
theirs = loss(x, y, t["w"], t["b"], c)
print(f"C {c:g}\nscikit-learn  loss {theirs:.10g}  {len(t['log'])} evaluations, {int(t['n_iter'])} iterations", flush=True)
if not a.skip_loss:
    with tempfile.TemporaryDirectory() as d:
        said = ours(c, d + "/head.safetensors")
        mine = loss(x, y, *read_head(d + "/head.safetensors"), c)
    print(f"assay         loss {mine:.10g}  {said}")
    print(f"loss ratio - 1: {mine / theirs - 1:.3e}", flush=True)
ratios = []
for _ in range(a.rounds):
    log = scikit(x, y, c, a.evaluations)[1]
    each = (log[-1][0] - log[0][0]) / (len(log) - 1)
    whole = each * len(t["log"])
    r = timed(c, theirs)
    ratios.append(r["value"] / whole)
    print(f"scikit-learn {each:.3f} s per evaluation, {whole:.1f} s in all; assay {r['value']:.1f} s, {r['evaluations']} evaluations, "
          f"loss ratio - 1 = {r['loss'] / theirs - 1:.3e}; time ratio {ratios[-1]:.3f}", flush=True)
print(f"time ratio: median {np.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]")
