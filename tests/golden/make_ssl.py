#!/usr/bin/python3
"""One SGD step of each method on made values and made views, by PyTorch autograd in float64 from the methods' equations
(losses written here from the papers; the networks of make_encoder.py). Writes ssl.tsv: method, tensor, L2 norm of the
update p1 - p0, its first 8 elements; "loss" with its value. Then 20 steps of four methods, DINO's with BatchNorm in
the head and without, on a smaller network, with other
views in each: ssl_steps.tsv (method, tensor, elements) and ssl_steps.f32, the whole updates p20 - p0 in that order."""
import os, copy, math, hashlib, struct, torch, torch.nn as nn, torch.nn.functional as F
torch.set_default_dtype(torch.float64)
B, SIZE, W, K = 8, 16, 12, 14
def made(t, n): return torch.tensor([((i * 37 + t * 11 + i // 64 * 29) % 64 - 31.5) / 32 for i in range(n)])
class Basic(nn.Module):
    def __init__(s, i, o, st):
        super().__init__(); s.conv1 = nn.Conv2d(i, o, 3, st, 1, bias=False); s.bn1 = nn.BatchNorm2d(o)
        s.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False); s.bn2 = nn.BatchNorm2d(o)
        if st != 1 or i != o: s.downsample = nn.Sequential(nn.Conv2d(i, o, 1, st, bias=False), nn.BatchNorm2d(o))
    def forward(s, x): return F.relu(s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x))))) + (s.downsample(x) if hasattr(s, 'downsample') else x))
class Net(nn.Module):
    def __init__(s):
        super().__init__(); s.conv1 = nn.Conv2d(3, 4, 3, 2, 1, bias=False); s.bn1 = nn.BatchNorm2d(4)
        s.layer1 = nn.Sequential(Basic(4, 4, 1)); s.layer2 = nn.Sequential(Basic(4, 8, 2)); s.layer3 = nn.Sequential(Basic(8, 16, 2))
    def map(s, x): return s.layer3(s.layer2(s.layer1(F.relu(s.bn1(s.conv1(x))))))
    def forward(s, x): return s.map(x).mean((2, 3))
class Fixed(nn.Module):
    """BatchNorm whose offset (and gain) are not trained: they have no name in the golden."""
    def __init__(s, w, gain): super().__init__(); s.weight = nn.Parameter(torch.ones(w)) if gain else None; s.w = w
    def forward(s, x): return F.batch_norm(x, None, None, s.weight, None, True)
class L2(nn.Module):
    def forward(s, x): return F.normalize(x, dim=1)
L = nn.Linear
def wave(t, rows, w): return F.normalize(torch.tensor([[math.sin(t + .37 * (i * i % 9973)) for i in range(r * w, r * w + w)] for r in range(rows)]), dim=1)
def projector(F): return nn.Sequential(L(F, 20), nn.BatchNorm1d(20), nn.ReLU(), L(20, W), L2())
def prototypes(heads): return nn.Sequential(L(W, heads * K, bias=False))
def sinkhorn(s, eps, rounds): # the authors' order; q: samples x prototypes
    q = torch.exp(s / eps).T; q = q / q.sum()
    for _ in range(rounds): q = q / q.sum(1, keepdim=True) / q.shape[0]; q = q / q.sum(0, keepdim=True) / q.shape[1]
    return (q * q.shape[1]).T
def mlp(i, h, o): return nn.Sequential(L(i, h), nn.BatchNorm1d(h), nn.ReLU(), L(h, o, bias=False))
class Cosine(nn.Module):
    def __init__(s, i, o): super().__init__(); s.weight = nn.Parameter(torch.zeros(o, i))
    def forward(s, x): return x @ F.normalize(s.weight, dim=1).T
def heads(F): return {'dino-bn': (nn.Sequential(L(F, 20), nn.BatchNorm1d(20), nn.GELU(), L(20, 20), nn.BatchNorm1d(20), nn.GELU(), L(20, 10), L2(), Cosine(10, 14)), None), 'dino': (nn.Sequential(L(F, 20), nn.GELU(), L(20, 20), nn.GELU(), L(20, 10), L2(), Cosine(10, 14)), None), 'moco': (nn.Sequential(L(F, W), nn.ReLU(), L(W, W)), None), 'pcl': (nn.Sequential(L(F, W), nn.ReLU(), L(W, W)), None), 'moco-bn': (nn.Sequential(L(F, W, bias=False), nn.BatchNorm1d(W), nn.ReLU(), L(W, W)), None),
         'simclr': (nn.Sequential(L(F, W, bias=False), nn.BatchNorm1d(W), nn.ReLU(), L(W, W, bias=False), Fixed(W, True)), None),
         'obow': (nn.Sequential(L2(), L(F, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), L(32, 16), L2()), None),
         'byol': (mlp(F, 20, W), mlp(W, 20, W)),
         'moco-v3': (nn.Sequential(L(F, 20, bias=False), nn.BatchNorm1d(20), nn.ReLU(), L(20, W, bias=False), Fixed(W, False)),
                     nn.Sequential(L(W, 20, bias=False), nn.BatchNorm1d(20), nn.ReLU(), L(20, W, bias=False))),
         'simsiam': (nn.Sequential(L(F, W, bias=False), nn.BatchNorm1d(W), nn.ReLU(), L(W, W, bias=False), Fixed(W, False)),
                     nn.Sequential(L(W, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), L(6, W))),
         'barlow': (nn.Sequential(L(F, W, bias=False), nn.BatchNorm1d(W), nn.ReLU(), L(W, W, bias=False), Fixed(W, False)), None),
         'supervised': (nn.Sequential(L(F, 6)), None), 'vicreg': (mlp(F, W, W), None), 'swav': (projector(F), prototypes(1)),
         'deepcluster': (projector(F), prototypes(2)), 'sela': (projector(F), prototypes(2))}
HEADS = heads(16)
CROPS = ('dino', 'dino-bn', 'swav', 'deepcluster', 'sela') # methods with small views
CENTRE, NEXT = torch.zeros(K), torch.zeros(K) # of DINO
PROTOTYPES = ('swav', 'deepcluster', 'sela')
# Random numbers as tensor/base/math/rng.h has them.
M = (1 << 64) - 1
def mix(z): z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M; z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M; return z ^ z >> 31
def permutation(seed, stream, n):
    k = mix((seed + 0x9E3779B97F4A7C15 * (stream + 1)) & M); p = list(range(n))
    for i in range(n - 1): j = i + (mix((k + 0x9E3779B97F4A7C15 * (i + 1)) & M) * (n - i) >> 64); p[i], p[j] = p[j], p[i]
    return p
N, SEEN = 40, [i for i in range(40) if i != 10] # the bank: made rows of all images but one
def labels_of(name, head, w): # label of each image, -100: none; k-means changes w
    stream = struct.unpack('>Q', hashlib.sha256(b'deepcluster').digest()[:8])[0]
    bank = wave(1 + head, N, W); x = bank[SEEN]; labels = torch.full((N,), -100)
    if name == 'sela': labels[SEEN] = sinkhorn(x @ w.T, .05, 20).argmax(1); return labels
    w.copy_(bank[[i for i in permutation(3, stream + head, N) if i in SEEN][:K]])
    for _ in range(10):
        near = (x @ w.T).argmax(1)
        for c in range(K):
            if (near == c).any(): w[c] = F.normalize(x[near == c].mean(0), dim=0)
    labels[SEEN] = (x @ w.T).argmax(1); return labels
def fill(m):
    for name, p in m.named_parameters():
        v = made(len(name), p.numel()).reshape(p.shape)
        p.data = v * (2 / p[0].numel()) ** .5 if p.ndim > 1 else ((1 + .2 * v) if 'weight' in name else .1 * v)
def views(n=2, large=2, step=0):
    out = []
    for k in range(n):
        S = SIZE if k < large else SIZE // 2
        x = made(5 + 3 * k, B * S * S * 3).reshape(B, S, S, 3) + made(9, B).reshape(B, 1, 1, 1) * made(2 + k, S).reshape(1, S, 1, 1)
        if step: x = x + .5 * torch.sin(step + .37 * (torch.arange(B * S * S * 3) ** 2 % 9973)).reshape(B, S, S, 3)
        out.append(x.permute(0, 3, 1, 2))
    return out
def cos(p, z): return (F.normalize(p, dim=1) * F.normalize(z.detach(), dim=1)).sum(1)
def off(c): return (c ** 2).sum() - (c.diagonal() ** 2).sum()
def loss_of(name, net, proj, pred, net2, proj2, x):
    if name == 'supervised': return F.cross_entropy(proj(net(x[0])), (torch.arange(B) * 3 + 1) % 6)
    if name == 'simclr':
        u = F.normalize(proj(net(torch.cat(x))), dim=1); s = u @ u.T / .2; s = s.masked_fill(torch.eye(2 * B, dtype=torch.bool), -1e9)
        return F.cross_entropy(s, (torch.arange(2 * B) + B) % (2 * B))
    if name in ('dino', 'dino-bn'): # the last layer has no gradient in the first epoch; gradients are cut to norm 3 afterwards
        f = torch.cat([net(torch.cat(x[:2])), net(torch.cat(x[2:]))]); s = F.log_softmax(proj(f) / .1, 1).reshape(6, B, -1)
        with torch.no_grad():
            t = proj2(net2(torch.cat(x[:2]))); q = F.softmax((t - CENTRE) / .05, 1).reshape(2, B, -1)
            NEXT.copy_(.9 * CENTRE + .1 * t.mean(0)) # the centre moves after its use
        return sum(-(q[i] * s[v]).sum(1).mean() for i in range(2) for v in range(6) if v != i) / 10
    if name in ('moco', 'moco-bn', 'pcl'): # the queue: made rows at length 1; all keys in one group
        q = F.normalize(proj(net(x[0])), dim=1)
        with torch.no_grad(): k = F.normalize(proj2(net2(x[1])), dim=1)
        queue = F.normalize(made(6, 16 * W).reshape(16, W), dim=1)
        nce = F.cross_entropy(torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / .2, torch.zeros(B, dtype=torch.long))
        if name != 'pcl': return nce
        # three sets of made prototypes, with made concentrations; image i of the batch belongs to prototype (i + size) mod K
        for m, C in enumerate((3, 5, 4)):
            c = F.normalize(made(7 + m, C * W).reshape(C, W), dim=1); phi = .1 + .02 * torch.arange(C)
            nce = nce + F.cross_entropy(q @ c.T / phi, (torch.arange(B) + m) % C) / 3
        return nce
    if name == 'swav': # queues: made rows at length 1
        f = torch.cat([net(torch.cat(x[:2])), net(torch.cat(x[2:]))]); s = pred(proj(f)).reshape(6, B, -1)
        with torch.no_grad(): q = [sinkhorn(torch.cat([pred(wave(1 + i, 16, W)), s[i]]), .05, 3)[-B:] for i in range(2)]
        return sum(-(q[i] * F.log_softmax(s[v] / .2, 1)).sum(1).mean() for i in range(2) for v in range(6) if v != i) / 10
    if name == 'obow': # words: made rows, not below 0; mu starts at .5
        words = torch.tensor([[max(0., math.sin(3 + .37 * (i * i % 9973))) for i in range(r * 16, r * 16 + 16)] for r in range(16)])
        logits = 5 * net(torch.cat(x[1:])) @ proj(words).T
        with torch.no_grad():
            d = ((net2.map(x[0]).flatten(2).transpose(1, 2)[:, :, None] - words) ** 2).sum(3)
            mu = .99 * .5 + .01 * d.min(2).values.mean(); t = F.softmax(-10 * d / mu, 2).max(1).values; t = t / t.sum(1, keepdim=True)
        return F.kl_div(F.log_softmax(logits, 1), torch.cat([t, t]), reduction='batchmean')
    if name in ('deepcluster', 'sela'):
        with torch.no_grad(): labels = [labels_of(name, h, pred[0].weight[h * K:h * K + K]) for h in range(2)]
        f = torch.cat([net(torch.cat(x[:2])), net(torch.cat(x[2:]))]); s = pred(proj(f)) / .2
        return sum(F.cross_entropy(s[:, h * K:h * K + K], labels[h][[b * 5 for b in range(B)] * 6]) for h in range(2)) / 2
    z = [proj(net(v)) for v in x]
    if name == 'byol':
        t = [proj2(net2(v)) for v in x]; p = [pred(v) for v in z]
        return (2 - 2 * cos(p[0], t[1])).mean() + (2 - 2 * cos(p[1], t[0])).mean()
    if name == 'moco-v3':
        q = [F.normalize(pred(v), dim=1) for v in z]
        with torch.no_grad(): k = [F.normalize(proj2(net2(v)), dim=1) for v in x]
        return sum(F.cross_entropy(q[v] @ k[1 - v].T / .2, torch.arange(B)) * 2 * .2 for v in range(2))
    if name == 'simsiam': p = [pred(v) for v in z]; return -.5 * (cos(p[0], z[1]).mean() + cos(p[1], z[0]).mean())
    if name == 'barlow': c = z[0].T @ z[1] / B; return ((c.diagonal() - 1) ** 2).sum() + .02 * off(c)
    v = lambda a: torch.relu(1 - (a.var(0) + 1e-4).sqrt()).mean()
    def c(a): a = a - a.mean(0); m = a.T @ a / (B - 1); return off(m) / W
    return 25 * F.mse_loss(z[0], z[1]) + 25 * (v(z[0]) + v(z[1])) / 2 + c(z[0]) + c(z[1])
def build(name, net, proj, pred): # the parameters by name, filled; a teacher that starts as a copy
    all = nn.Module(); all.net = net; setattr(all, 'generator' if name == 'obow' else 'head' if name in ('moco', 'moco-bn', 'pcl', 'dino', 'dino-bn') else 'classifier' if name == 'supervised' else 'projector', proj)
    if pred is not None: setattr(all, 'prototypes' if name in PROTOTYPES else 'predictor', pred)
    names = [(n[4:] if n.startswith('net.') else n, p) for n, p in all.named_parameters()]
    for n, p in names:
        v = made(len(n), p.numel()).reshape(p.shape); p.data = v * (2 / p[0].numel()) ** .5 if p.ndim > 1 else ((1 + .2 * v) if 'weight' in n else .1 * v)
    if name in PROTOTYPES: pred[0].weight.data = F.normalize(pred[0].weight.data, dim=1)
    net2, proj2 = copy.deepcopy(net), copy.deepcopy(proj); all.train(); net2.train(); proj2.train()
    return names, net2, proj2
def reverse(name, loss, names, proj, pred, first): # gradients; first: of the first epoch
    for _, p in names: p.grad = None
    loss.backward()
    if name in ('dino', 'dino-bn'):
        for n, p in names:
            if p.grad.norm() > 3: p.grad *= 3 / (p.grad.norm() + 1e-6)
        if first: proj[-1].weight.grad = None
    if name == 'deepcluster': pred[0].weight.grad = None
HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, 'ssl.tsv'), 'w') as f:
    for name, (proj, pred) in HEADS.items():
        if name == 'dino-bn': continue # in the steps below
        net = Net(); names, net2, proj2 = build(name, net, proj, pred)
        before = {n: p.detach().clone() for n, p in names}
        opt = torch.optim.SGD([p for _, p in names], .1, .9, weight_decay=1e-3)
        loss = loss_of(name, net, proj, pred, net2, proj2, views(*((3, 3) if name == 'obow' else (6 if name in CROPS else 2,))))
        reverse(name, loss, names, proj, pred, True); opt.step()
        f.write(f'{name}\tloss\t{loss.item():.9g}\n')
        for n, p in names:
            u = (p.detach() - before[n]); f.write('\t'.join([name, n, f'{u.norm().item():.9g}'] + [f'{e:.9g}' for e in u.flatten()[:8].tolist()]) + '\n')
STEPS, EPOCH = 20, 5
with open(os.path.join(HERE, 'ssl_steps.tsv'), 'w') as f, open(os.path.join(HERE, 'ssl_steps.f32'), 'wb') as g:
    for name in ('simclr', 'byol', 'dino', 'dino-bn', 'moco-v3'):
        CENTRE.zero_(); NEXT.zero_(); proj, pred = heads(8)[name]; net = Net(); net.layer3 = nn.Identity()
        names, net2, proj2 = build(name, net, proj, pred)
        before = {n: p.detach().clone() for n, p in names}
        opt = torch.optim.SGD([p for _, p in names], .003, .9, weight_decay=1e-3)
        for step in range(STEPS): # rate to 0 and the teacher's momentum to 1 by a cosine
            left = (1 + math.cos(math.pi * step / STEPS)) / 2
            opt.param_groups[0]['lr'] = .003 * left
            def follow():
                m = 1 - (1 - .9) * left
                for slow, quick in ((net2, net), (proj2, proj)):
                    for t, p in zip(slow.parameters(), quick.parameters()): t.data = m * t.data + (1 - m) * p.data
            if name == 'moco-v3': follow() # before the keys
            loss = loss_of(name, net, proj, pred, net2, proj2, views(6 if name in CROPS else 2, step=step + 1))
            reverse(name, loss, names, proj, pred, step < EPOCH); opt.step()
            if name != 'moco-v3': follow()
            CENTRE.copy_(NEXT)
        f.write(f'{name}\tloss\t{loss.item():.9g}\n')
        for n, p in names:
            u = (p.detach() - before[n]).flatten(); f.write(f'{name}\t{n}\t{u.numel()}\n')
            g.write(struct.pack(f'<{u.numel()}f', *u.tolist()))
