#!/usr/bin/python3
"""`assay probe --protocol NAME` beside PyTorch: the same features, start weights and order of samples, float32.

    check_sgd.py TRAIN.npy TEST.npy --protocol swav [moco simsiam mae ...] --assay build/assay [--seed 0] [--threads 2] [--scale 1]

The features are what `assay features -o` wrote (labels in the .tsv beside them). PyTorch's own SGD and CosineAnnealingLR /
MultiStepLR run; LARS and LARC follow MAE's util/lars.py and apex' LARC (tests/golden/sgd.py). Start weights and order come
from the documented counter RNG. Ends with status 1 where top-1 differs by more than 0.2 points.

A rate far above what the features' scale allows makes training chaotic: rounding decides. --double runs PyTorch in float64
too and says how far PyTorch is from itself; --scale 0.0625 gives both programs the features times that."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ap = argparse.ArgumentParser()
ap.add_argument("train")
ap.add_argument("test")
ap.add_argument("--protocol", nargs="+", required=True)
ap.add_argument("--assay", default="build/assay")
ap.add_argument("--seed", type=int, default=0)
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--double", action="store_true")
ap.add_argument("--scale", type=float, default=1.0)
a = ap.parse_args()
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))

import numpy as np
import torch

from sgd import MASK, Larc, Lars, normal, permutation, stream

SGD = torch.optim.SGD
# name: optimiser, lr, batch, epochs, schedule, weight decay, nesterov, BatchNorm's eps; as in the authors' code
PROTOCOLS = {
    "fixed": (SGD, 0.4, 1024, 100, ("cosine by step", 5), 0, False, 0),
    "swav": (SGD, 0.3, 256, 100, "cosine", 1e-6, False, 0),
    "vicreg": (SGD, 0.02, 256, 100, "cosine", 1e-6, False, 0),
    "moco": (SGD, 30.0, 256, 100, ("steps", [60, 80], 0.1), 0, False, 0),
    "pcl": (SGD, 5.0, 256, 100, ("steps", [60, 80], 0.1), 0, False, 0),
    "simclr": (SGD, 1.6, 4096, 90, ("cosine by step", 0), 1e-6, True, 0),
    "obow": (SGD, 10.0, 1024, 100, "cosine", 0, False, 0),
    "dino": (SGD, 0.004, 1024, 100, "cosine", 0, False, 0),
    "simsiam": (Larc, 1.6, 4096, 90, "cosine", 0, False, 0),
    "mae": (Lars, 6.4, 16384, 90, ("cosine by step", 10), 0, False, 1e-6),
}
Larc.trust = Lars.trust = 0.001
torch.set_num_threads(a.threads)


def read(path):
    with open(path[:-4] + ".tsv") as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    return torch.from_numpy(np.load(path)), torch.tensor([int(r[2]) for r in rows])


def fit(x, y, protocol, dtype=torch.float32):
    x = x.to(dtype)
    optimizer, lr, batch, epochs, schedule, wd, nesterov, eps = PROTOCOLS[protocol]
    n, d = x.shape
    k = int(y.max()) + 1
    batch = min(batch, n)
    linear = torch.nn.Linear(d, k)
    linear.weight.data = torch.from_numpy((0.01 * normal(a.seed, stream("probe.weight"), k * d)).astype(np.float32).reshape(k, d)).to(dtype)
    linear.bias.data = torch.zeros(k, dtype=dtype)
    norm = torch.nn.BatchNorm1d(d, affine=False, eps=eps).to(dtype) if eps else torch.nn.Identity()
    opt = optimizer(linear.parameters(), lr=lr, momentum=0.9, weight_decay=wd, nesterov=nesterov)
    by_step = schedule[0] == "cosine by step"
    if schedule == "cosine":
        sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    elif not by_step:
        sched = torch.optim.lr_scheduler.MultiStepLR(opt, schedule[1], gamma=schedule[2])
    steps = -(-n // batch)
    for epoch in range(epochs):
        order = permutation(a.seed, (stream("probe.order") + epoch) & MASK, n)
        for s in range(steps):
            rows = order[s * batch : (s + 1) * batch]
            if by_step:
                at, warm = epoch + s / steps, schedule[1]
                opt.param_groups[0]["lr"] = lr * at / warm if at < warm else lr * 0.5 * (1 + np.cos(np.pi * (at - warm) / (epochs - warm)))
            loss = torch.nn.functional.cross_entropy(linear(norm(x[rows])), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
        if not by_step:
            sched.step()
    linear.eval(), norm.eval()
    return lambda q: linear(norm(q.to(dtype))).argmax(1)


def scaled(path, folder):
    to = os.path.join(folder, os.path.basename(path))
    np.save(to, np.load(path) * np.float32(a.scale))
    shutil.copy(path[:-4] + ".tsv", to[:-4] + ".tsv")
    return to


folder = tempfile.TemporaryDirectory()
if a.scale != 1.0:
    a.train, a.test = scaled(a.train, folder.name), scaled(a.test, folder.name)
x, y = read(a.train)
q, t = read(a.test)
classes, y = torch.unique(y, return_inverse=True)  # assay's head has an output for every class with a row
bad = 0
for p in a.protocol:
    start = time.perf_counter()
    theirs = classes[fit(x, y, p)(q)].numpy()
    seconds, start = time.perf_counter() - start, time.perf_counter()
    out = os.path.join(folder.name, "predictions")
    run = subprocess.run([a.assay, "probe", "--train", a.train, "--test", a.test, "--protocol", p, "--seed", str(a.seed), "--threads", str(a.threads),
                          "--predictions", out, "--json", "-q"], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"assay: exit {run.returncode}: {run.stderr}")
    took = time.perf_counter() - start
    with open(out) as f:
        mine = np.array([int(line.split("\t")[2].split(",")[0]) for line in list(f)[1:]])
    right, other = int((mine == t.numpy()).sum()), int((theirs == t.numpy()).sum())
    assert right == json.loads(run.stdout)["top1_correct"]
    diff = 100 * (right - other) / len(t)
    bad |= abs(diff) > 0.2
    if a.double:
        wide = classes[fit(x, y, p, torch.float64)(q)].numpy()
        print(f"{p:10s} PyTorch in float64: {int((wide == t.numpy()).sum())} right, {int((wide != theirs).sum())} predictions differ from its float32's")
    print(f"{p:10s} top-1 of {len(t)}: PyTorch {other} ({100 * other / len(t):.2f} %), assay {right} ({100 * right / len(t):.2f} %), {diff:+.2f} points; "
          f"{int((mine != theirs).sum())} predictions differ; {seconds:.1f} s, assay {took:.1f} s", flush=True)
sys.exit(bad)
