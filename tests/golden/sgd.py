#!/usr/bin/env python3
"""Writes tests/golden/sgd.tsv: minibatch training of a linear head by PyTorch in float64, on the data of probe.py.

Samples come in the order of assay's documented counter RNG (eval/learn/sgd.h); start weights are its normals. One line per case:
name, mean loss of the last epoch, biases, then column 0 and column 7 of the weights, BatchNorm folded in.
    /usr/bin/python3 tests/golden/sgd.py > tests/golden/sgd.tsv
"""
import hashlib

import numpy as np
import torch

N, D, K, BATCH, EPOCHS, SEED = 700, 33, 5, 300, 4, 3
G, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1
np.seterr(over="ignore")


def mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def bits(seed, stream, n):
    key = mix(np.array([(seed + G * (stream + 1)) & MASK], dtype=np.uint64))
    return mix(key + np.uint64(G) * (np.arange(n, dtype=np.uint64) + np.uint64(1)))


def uniform(seed, stream, n):
    return (bits(seed, stream, n) >> np.uint64(11)) * 2.0**-53


def normal(seed, stream, n):
    u = uniform(seed, stream, n + n % 2).reshape(-1, 2)
    r = np.sqrt(-2 * np.log(1 - u[:, 0]))
    return np.stack([r * np.cos(2 * np.pi * u[:, 1]), r * np.sin(2 * np.pi * u[:, 1])], 1).ravel()[:n]


def stream(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def permutation(seed, stream_, n):
    out, b = list(range(n)), bits(seed, stream_, n)
    for i in range(n - 1):
        j = i + (int(b[i]) * (n - i) >> 64)
        out[i], out[j] = out[j], out[i]
    return out


def data():
    y = (uniform(11, 0, N) * K).astype(int)
    centre = uniform(11, 1, K * D).reshape(K, D).astype(np.float32)
    noise = uniform(11, 2, N * D).reshape(N, D).astype(np.float32)
    x = (centre[y] + np.float32(2) * noise + np.float32(3)).astype(np.float32)
    return torch.from_numpy(x.astype(np.float64)), torch.from_numpy(y)


class Lars(torch.optim.SGD):
    """Rate scaling of the weights, not of biases: MAE's."""

    trust = 0.02

    @torch.no_grad()
    def step(self):
        g = self.param_groups[0]
        kept = g["weight_decay"]
        for p in g["params"]:
            if p.ndim > 1:
                p.grad.add_(p, alpha=kept)
                p.grad.mul_(self.trust * p.norm() / p.grad.norm())
        g["weight_decay"] = 0
        super().step()
        g["weight_decay"] = kept


class Larc(torch.optim.SGD):
    """Rate scaling of every parameter whose norm and gradient are not 0: apex' LARC without clipping."""

    trust = 0.02

    @torch.no_grad()
    def step(self):
        g = self.param_groups[0]
        kept = g["weight_decay"]
        for p in g["params"]:
            if p.norm() > 0 and p.grad.norm() > 0:
                rate = self.trust * p.norm() / (p.grad.norm() + kept * p.norm() + 1e-8)
                p.grad.add_(p, alpha=kept)
                p.grad.mul_(rate)
        g["weight_decay"] = 0
        super().step()
        g["weight_decay"] = kept


def run(name, optimizer, schedule, lr, wd=0.0, nesterov=False, eps=0.0, batch=BATCH):
    x, y = data()
    torch.set_default_dtype(torch.float64)
    linear = torch.nn.Linear(D, K)
    start = (0.01 * normal(SEED, stream("probe.weight"), K * D)).astype(np.float32)
    linear.weight.data = torch.from_numpy(start.astype(np.float64).reshape(K, D))
    linear.bias.data.zero_()
    norm = torch.nn.BatchNorm1d(D, affine=False, eps=eps) if eps else torch.nn.Identity()
    opt = optimizer(linear.parameters(), lr=lr, momentum=0.9, weight_decay=wd, nesterov=nesterov)
    if schedule == "step":
        sched = torch.optim.lr_scheduler.MultiStepLR(opt, [2, 3], gamma=0.1)
    elif schedule == "cosine":
        sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS)
    steps = -(-N // batch)
    for epoch in range(EPOCHS):
        order, total = permutation(SEED, (stream("probe.order") + epoch) & MASK, N), 0.0
        for k in range(steps):
            rows = order[k * batch : (k + 1) * batch]
            if schedule == "warm-up":  # one epoch, then cosine, by step
                at = epoch + k / steps
                opt.param_groups[0]["lr"] = lr * at if at < 1 else lr * 0.5 * (1 + np.cos(np.pi * (at - 1) / (EPOCHS - 1)))
            loss = torch.nn.functional.cross_entropy(linear(norm(x[rows])), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(rows)
        if schedule != "warm-up":
            sched.step()
    w, b = linear.weight.data, linear.bias.data
    if eps:
        w = w / torch.sqrt(norm.running_var + eps)
        b = b - w @ norm.running_mean
    print("\t".join([name] + [repr(float(v)) for v in [total / N, *b, *w[:, 0], *w[:, 7]]]))


if __name__ == "__main__":
    run("sgd", torch.optim.SGD, "cosine", 0.01, wd=1e-2)
    run("nesterov", torch.optim.SGD, "step", 0.01, nesterov=True, batch=256)
    run("lars", Lars, "warm-up", 2.0, wd=1e-3, eps=1e-6)
    run("larc", Larc, "cosine", 2.0, wd=1e-2)
