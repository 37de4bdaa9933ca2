#!/usr/bin/python3
"""Features, running buffers and gradients of small ResNets and ViTs in training mode, by PyTorch in float64, on values that a formula
gives (made). Writes encoder.tsv: net, tensor, L2 norm of the gradient, its first 8 elements; "features" likewise."""
import os, torch, torch.nn as nn, torch.nn.functional as F
torch.set_default_dtype(torch.float64)
def made(t, n): return torch.tensor([((i * 37 + t * 11 + i // 64 * 29) % 64 - 31.5) / 32 for i in range(n)])
class Basic(nn.Module):
    def __init__(s, i, o, st):
        super().__init__(); s.conv1 = nn.Conv2d(i, o, 3, st, 1, bias=False); s.bn1 = nn.BatchNorm2d(o)
        s.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False); s.bn2 = nn.BatchNorm2d(o)
        if st != 1 or i != o: s.downsample = nn.Sequential(nn.Conv2d(i, o, 1, st, bias=False), nn.BatchNorm2d(o))
    def forward(s, x): return F.relu(s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x))))) + (s.downsample(x) if hasattr(s, 'downsample') else x))
class Bottle(nn.Module):
    def __init__(s, i, m, st):
        super().__init__(); s.conv1 = nn.Conv2d(i, m, 1, bias=False); s.bn1 = nn.BatchNorm2d(m); s.conv2 = nn.Conv2d(m, m, 3, st, 1, bias=False)
        s.bn2 = nn.BatchNorm2d(m); s.conv3 = nn.Conv2d(m, 4 * m, 1, bias=False); s.bn3 = nn.BatchNorm2d(4 * m)
        if st != 1 or i != 4 * m: s.downsample = nn.Sequential(nn.AvgPool2d(st) if st > 1 else nn.Identity(), nn.Conv2d(i, 4 * m, 1, bias=False), nn.BatchNorm2d(4 * m))
    def forward(s, x): return F.relu(s.bn3(s.conv3(F.relu(s.bn2(s.conv2(F.relu(s.bn1(s.conv1(x)))))))) + (s.downsample(x) if hasattr(s, 'downsample') else x))
class Net(nn.Module):
    def __init__(s, kind):
        super().__init__(); s.kind = kind
        if kind == 'basic':
            s.conv1 = nn.Conv2d(3, 4, 3, 2, 1, bias=False); s.bn1 = nn.BatchNorm2d(4)
            s.layer1 = nn.Sequential(Basic(4, 4, 1)); s.layer2 = nn.Sequential(Basic(4, 8, 2)); s.layer3 = nn.Sequential(Basic(8, 16, 2))
        else:
            s.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False); s.bn1 = nn.BatchNorm2d(4)
            s.layer1 = nn.Sequential(Bottle(4, 4, 1), Bottle(16, 4, 1)); s.layer2 = nn.Sequential(Bottle(16, 8, 2))
    def forward(s, x):
        x = F.relu(s.bn1(s.conv1(x)))
        if s.kind != 'basic': x = F.max_pool2d(x, 3, 2, 1)
        for n in ('layer1', 'layer2', 'layer3'):
            if hasattr(s, n): x = getattr(s, n)(x)
        return x.mean((2, 3))
class Attention(nn.Module):
    def __init__(s, d, h, bias): super().__init__(); s.h = h; s.qkv = nn.Linear(d, 3 * d, bias=bias); s.proj = nn.Linear(d, d)
    def forward(s, x):
        b, t, d = x.shape; q, k, v = s.qkv(x).reshape(b, t, 3, s.h, d // s.h).permute(2, 0, 3, 1, 4)
        return s.proj((torch.softmax(q @ k.transpose(2, 3) * (d // s.h) ** -.5, 3) @ v).transpose(1, 2).reshape(b, t, d))
class Mlp(nn.Module):
    def __init__(s, d, m): super().__init__(); s.fc1 = nn.Linear(d, m); s.fc2 = nn.Linear(m, d)
    def forward(s, x): return s.fc2(F.gelu(s.fc1(x)))
class Block(nn.Module):
    def __init__(s, d, h, m, bias):
        super().__init__(); s.norm1 = nn.LayerNorm(d, 1e-6); s.attn = Attention(d, h, bias); s.norm2 = nn.LayerNorm(d, 1e-6); s.mlp = Mlp(d, m)
    def forward(s, x): x = x + s.attn(s.norm1(x)); return x + s.mlp(s.norm2(x))
class Patch(nn.Module):
    def __init__(s, d, p): super().__init__(); s.proj = nn.Conv2d(3, d, p, p)
    def forward(s, x): return s.proj(x)
class Vit(nn.Module):
    """posgrid: side of the stored positions, resampled as resize says; cls=False: features are the mean of the patches."""
    def __init__(s, size, d, depth, h, m, p, cls, bias, posgrid, resize):
        super().__init__(); s.cls, s.g, s.stored, s.resize = cls, size // p, posgrid, resize
        if cls: s.cls_token = nn.Parameter(torch.zeros(1, 1, d))
        s.pos_embed = nn.Parameter(torch.zeros(1, posgrid ** 2 + cls, d)); s.patch_embed = Patch(d, p)
        s.blocks = nn.Sequential(*[Block(d, h, m, bias) for _ in range(depth)]); s.norm = nn.LayerNorm(d, 1e-6)
    def forward(s, x):
        x = s.patch_embed(x).flatten(2).transpose(1, 2); pos = s.pos_embed[:, int(s.cls):]
        if s.g != s.stored:
            grid = pos.reshape(1, s.stored, s.stored, -1).permute(0, 3, 1, 2)
            grid = F.interpolate(grid, scale_factor=(s.g + .1) / s.stored, mode='bicubic') if s.resize == 'scale' else F.interpolate(grid, size=(s.g, s.g), mode='bicubic', antialias=True)
            pos = grid.permute(0, 2, 3, 1).reshape(1, s.g ** 2, -1)
        x = x + pos
        if s.cls: x = torch.cat([(s.cls_token + s.pos_embed[:, :1]).expand(x.shape[0], -1, -1), x], 1)
        x = s.norm(s.blocks(x)); return x[:, 0] if s.cls else x.mean(1)
VITS = {'vit': (16, Vit(16, 24, 2, 3, 96, 4, True, True, 4, 'none')), 'vitmean': (16, Vit(16, 20, 1, 2, 36, 4, False, False, 3, 'scale')),
        'vitlocal': (8, Vit(8, 24, 1, 2, 40, 4, True, True, 4, 'exact'))}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'encoder.tsv'), 'w') as f:
    for kind, size in (('basic', 16), ('bottle', 32), *((k, v[0]) for k, v in VITS.items())):
        net = VITS[kind][1] if kind in VITS else Net(kind); net.train()
        for name, p in net.named_parameters():
            v = made(len(name), p.numel()).reshape(p.shape)
            p.data = v * (2 / (p[0].numel())) ** .5 if p.ndim > 1 else (1 + .2 * v if name.endswith('weight') else .1 * v)
        x = made(5, 6 * size * size * 3).reshape(6, size, size, 3) + made(9, 6).reshape(6, 1, 1, 1) * made(2, size).reshape(1, size, 1, 1)
        feat = net(x.permute(0, 3, 1, 2)); w = made(7, feat.numel()).reshape(feat.shape); (feat * w).sum().backward()
        def line(name, v): f.write('\t'.join([kind, name, f'{v.norm().item():.9g}'] + [f'{e:.9g}' for e in v.flatten()[:8].tolist()]) + '\n')
        line('features', feat.detach())
        for name, p in net.named_parameters(): line(name, p.grad)
        for name, b in net.named_buffers():
            if 'running' in name: line(name, b)
