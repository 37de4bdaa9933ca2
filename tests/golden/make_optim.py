#!/usr/bin/python3
"""Five steps of each optimiser on given gradients, by torch.optim where it has them, else by the published sequence in
float64 (LARS as in BYOL's and Barlow Twins' code, LARC as in apex without clipping). Writes optim.tsv beside it."""
import os, torch
def made(t, n, step): return torch.tensor([((i * 37 + t * 11 + step * 53) % 64 - 31) / 64 for i in range(n)], dtype=torch.float64)
shapes = [(3, 5), (7,)]
def params(): return [torch.nn.Parameter(made(t, torch.Size(s).numel(), 0).reshape(s)) for t, s in enumerate(shapes)]
def run(name):
    ps = params(); mom = [torch.zeros_like(p) for p in ps]
    opt = {'sgd': lambda: torch.optim.SGD(ps, .1, .9, weight_decay=.05), 'nesterov': lambda: torch.optim.SGD(ps, .1, .9, weight_decay=.05, nesterov=True),
           'adamw': lambda: torch.optim.AdamW(ps, .1, weight_decay=.05)}.get(name, lambda: torch.optim.SGD(ps, .1, .9))()
    for step in range(1, 6):
        for g in opt.param_groups: g['lr'] = .3 / step
        for t, p in enumerate(ps):
            g = made(t, p.numel(), step).reshape(p.shape)
            if name == 'lars' and p.ndim > 1:
                g = g + .05 * p.data
                if p.norm() > 0 and g.norm() > 0: g = g * (.001 * p.data.norm() / g.norm())
            if name == 'larc': g = (g + .05 * p.data) * (.001 * p.data.norm() / (g.norm() + .05 * p.data.norm() + 1e-8))
            p.grad = g
        opt.step()
    return ps
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'optim.tsv'), 'w') as f:
    for name in ('sgd', 'nesterov', 'lars', 'larc', 'adamw'):
        for t, p in enumerate(run(name)):
            for i, v in enumerate(p.detach().flatten().tolist()): f.write(f'{name}\t{t}\t{i}\t{v:.9g}\n')
