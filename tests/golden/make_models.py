#!/usr/bin/python3
"""Feature goldens of tests/unit/test_models.c, made by PyTorch.

    make_models.py                    rewrites models.tsv and models.f32 beside this script
    make_models.py --save DIR CASE    saves the seeded weights of a case as a torch zip file, DIR/CASE.pth
    make_models.py --list             the cases

Weights follow the formula in nn/init.h, pixels the integer formula of `pixels` below: the C test makes
both itself. PyTorch gets the same numbers, in float32 and in float64; only features are stored. The
networks are torchvision's ResNet, bent where a switch asks for it, and a ViT written here with timm's
parameter names and order.

models.tsv: case, architecture, input size, images, feature width. models.f32: per case two blocks of
[images, width] little-endian float32: PyTorch in float32, then PyTorch in float64 rounded to float32.
"""
import argparse
import hashlib
import math
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

SEED = 7

# ---------------------------------------------------------------- seeded numbers (tensor/base/math/rng.h)
GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def mix_int(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def uniform(seed, name, n):
    stream = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    key = mix_int((seed + GOLDEN * (stream + 1)) & MASK)
    with np.errstate(over="ignore"):
        z = np.uint64(key) + np.uint64(GOLDEN) * (np.arange(n, dtype=np.uint64) + np.uint64(1))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


# ---------------------------------------------------------------- initial values (nn/init.h)
def interval(name, shape, closing):
    """lo, hi by role; `closing` holds the prefixes of BatchNorms that end a residual branch."""
    leaf = name.rsplit(".", 1)[-1]
    prefix = name[: -len(leaf) - 1]
    if leaf in ("cls_token", "pos_embed", "register_tokens"):
        return -0.5, 0.5
    if leaf == "gamma":
        return 0.1, 0.6
    if leaf == "num_batches_tracked":
        return 0.0, 0.0
    batchnorm = prefix.rsplit(".", 1)[-1].startswith("bn") or closing.get(prefix) is not None
    if batchnorm:
        if leaf == "weight":
            return (0.1, 0.3) if closing.get(prefix) else (0.5, 1.5)
        return {"bias": (-0.2, 0.2), "running_mean": (-0.2, 0.2), "running_var": (0.5, 1.5)}[leaf]
    if "norm" in prefix.rsplit(".", 1)[-1]:
        return (0.75, 1.25) if leaf == "weight" else (-0.1, 0.1)
    if leaf == "bias":
        return -0.05, 0.05
    fan_in = float(np.prod(shape[1:]))
    if len(shape) == 4 and not name.startswith("patch_embed"):
        b = math.sqrt(6.0 / fan_in)
    else:
        b = math.sqrt(6.0 / (fan_in + shape[0]))
    return -b, b


def seeded_state(model, seed):
    closing = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            closing.setdefault(name, False)
        if isinstance(module, torchvision.models.resnet.Bottleneck):
            closing[name + ".bn3"] = True
        if isinstance(module, torchvision.models.resnet.BasicBlock):
            closing[name + ".bn2"] = True
    state = {}
    for name, t in model.state_dict().items():
        if name.startswith("fc."):
            continue
        lo, hi = interval(name, tuple(t.shape), closing)
        v = lo + (hi - lo) * uniform(seed, name, t.numel())
        state[name] = torch.from_numpy(v.astype(np.float32)).reshape(t.shape).to(t.dtype)
    return state


def pixels(n, size):
    """Smooth ramps and hashed noise, half and half; exact in float32."""
    i, y, x, c = np.meshgrid(*[np.arange(k, dtype=np.uint32) for k in (n, size, size, 3)], indexing="ij")
    smooth = (x * (i + 2) + y * 3 + c * 40 + i * 60) & 255
    index = ((i * size + y) * size + x) * 3 + c
    noise = (index * np.uint32(2654435761)) >> 24
    v = ((smooth + noise) >> 1).astype(np.int64)
    return ((2 * v - 255) / 128.0).astype(np.float32)  # [n, size, size, 3]


# ---------------------------------------------------------------- ResNet
def same(x, k, stride, value):
    """TensorFlow's SAME: the odd pixel of padding goes to the end."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max((-(-size // stride) - 1) * stride + k - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


class SameConv(nn.Conv2d):
    def forward(self, x):
        return F.conv2d(same(x, self.kernel_size[0], self.stride[0], 0.0), self.weight, None, self.stride)


class SamePool(nn.Module):
    def forward(self, x):
        return F.max_pool2d(same(x, 3, 2, -math.inf), 3, 2)


class Mix(nn.Module):
    """Selective kernels as google-research/simclr resnet.py, sk_conv2d, writes them: ratio 1/16, at least 32."""

    def __init__(self, c):
        super().__init__()
        mid = max(int(c * 0.0625), 32)
        self.fc1 = nn.Conv2d(c, mid, 1, bias=False)
        self.bn = nn.BatchNorm2d(mid)
        self.fc2 = nn.Conv2d(mid, 2 * c, 1, bias=False)

    def forward(self, x):
        streams = torch.stack(x.chunk(2, 1))
        common = streams.sum(0).mean((2, 3), keepdim=True)
        mixing = self.fc2(F.relu(self.bn(self.fc1(common))))
        return (streams * torch.stack(mixing.chunk(2, 1)).softmax(0)).sum(0)


class MixBottleneck(torchvision.models.resnet.Bottleneck):
    def __init__(self, inplanes, planes, *args, **kw):
        super().__init__(inplanes, planes, *args, **kw)
        c = self.conv2.out_channels
        self.conv2 = nn.Conv2d(c, 2 * c, 3, self.conv2.stride, 1, bias=False)
        self.bn2, self.sk = nn.BatchNorm2d(2 * c), Mix(c)

    def forward(self, x):
        y = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        y = self.bn3(self.conv3(self.sk(y)))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class SameAverage(nn.Module):
    """2x2 at stride 1, TensorFlow's SAME: the padding is not counted."""

    def forward(self, x):
        mean = lambda v: F.avg_pool2d(F.pad(v, (0, 1, 0, 1)), 2, 1)
        return mean(x) / mean(torch.ones_like(x))


def resnet(block="bottleneck", blocks=(3, 4, 6, 3), base=64, width=1, inner=1, stem="7x7", down="conv",
           stride="v1.5", pad="torch", sk=0, eps=1e-5):
    if sk:
        kind = MixBottleneck
    else:
        kind = torchvision.models.resnet.Bottleneck if block == "bottleneck" else torchvision.models.resnet.BasicBlock

    class Net(torchvision.models.ResNet):
        """torchvision's ResNet with any number of stages and any widths."""

        def __init__(self):
            nn.Module.__init__(self)
            self._norm_layer, self.dilation, self.groups = nn.BatchNorm2d, 1, 1
            self.base_width = 64 * inner
            c = base * width
            self.inplanes = c
            if stem == "deep":
                self.conv1 = nn.Sequential(
                    nn.Conv2d(3, c // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(c // 2), nn.ReLU(),
                    nn.Conv2d(c // 2, c // 2, 3, 1, 1, bias=False), nn.BatchNorm2d(c // 2), nn.ReLU(),
                    nn.Conv2d(c // 2, c, 3, 1, 1, bias=False))
            elif stem == "3x3":
                self.conv1 = nn.Conv2d(3, c, 3, 1, 1, bias=False)
            else:
                self.conv1 = nn.Conv2d(3, c, 7, 2, 3, bias=False)
            self.bn1, self.relu = nn.BatchNorm2d(c), nn.ReLU()
            self.maxpool = nn.Identity() if stem == "3x3" else nn.MaxPool2d(3, 2, 1)
            for i, n in enumerate(blocks):
                setattr(self, f"layer{i + 1}", self._make_layer(kind, c << i, n, stride=2 if i else 1))
            for layer in self.stages():
                first = layer[0]
                if stride == "v1":
                    first.conv1.stride, first.conv2.stride = first.conv2.stride, (1, 1)
                if down == "avg" and first.downsample is not None:
                    conv, bn = first.downsample
                    pool = nn.AvgPool2d(2, 2) if conv.stride[0] == 2 else SameAverage() if sk else nn.Identity()
                    conv.stride = (1, 1)
                    first.downsample = nn.Sequential(pool, conv, bn)

        def stages(self):
            return [getattr(self, f"layer{i + 1}") for i in range(len(blocks))]

        def forward(self, x):
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            for layer in self.stages():
                x = layer(x)
            return x.mean((2, 3))

    net = Net()
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.eps = eps
    if pad == "same":
        for m in net.modules():
            if isinstance(m, nn.Conv2d):
                m.__class__ = SameConv
    if pad != "torch" and stem != "3x3":
        net.maxpool = SamePool()
    return net


# ---------------------------------------------------------------- ViT with timm's names
class Attention(nn.Module):
    def __init__(self, dim, heads, bias):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        a = ((q @ k.transpose(-2, -1)) * (d // self.heads) ** -0.5).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(b, t, d))


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class SwiGLU(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.w12, self.w3 = nn.Linear(dim, 2 * hidden), nn.Linear(hidden, dim)

    def forward(self, x):
        u, v = self.w12(x).chunk(2, dim=-1)
        return self.w3(F.silu(u) * v)


class LayerScale(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * self.gamma


class Block(nn.Module):
    def __init__(self, dim, heads, mlp, ffn, eps, ls, qkvbias):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps)
        self.attn = Attention(dim, heads, qkvbias)
        self.ls1 = LayerScale(dim) if ls else nn.Identity()
        self.norm2 = nn.LayerNorm(dim, eps)
        self.mlp = Mlp(dim, mlp) if ffn == "gelu" else SwiGLU(dim, mlp)
        self.ls2 = LayerScale(dim) if ls else nn.Identity()

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    def __init__(self, patch, dim):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class ViT(nn.Module):
    def __init__(self, size, patch=16, dim=384, depth=12, heads=6, mlp=None, ffn="gelu", eps=1e-6, cls=1, poscls=1,
                 reg=0, ls=0, qkvbias=1, posgrid=0, resize="none", norm="final", features="cls"):
        super().__init__()
        self.grid, self.posgrid, self.resize = size // patch, posgrid or size // patch, resize
        self.how, self.features, self.poscls = norm, features, poscls if cls else 0
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim)) if cls else None
        self.pos_embed = nn.Parameter(torch.zeros(1, self.posgrid**2 + self.poscls, dim))
        self.register_tokens = nn.Parameter(torch.zeros(1, reg, dim)) if reg else None
        self.patch_embed = PatchEmbed(patch, dim)
        self.blocks = nn.ModuleList(
            [Block(dim, heads, mlp or 4 * dim, ffn, eps, ls, bool(qkvbias)) for _ in range(depth)])
        self.prefix = cls + reg
        if norm == "final":
            self.norm = nn.LayerNorm(dim, eps)
        elif norm == "fc":
            self.fc_norm = nn.LayerNorm(dim, eps)

    def positions(self):
        """DINOv2's interpolate_pos_encoding: dinov2/models/vision_transformer.py."""
        head, grid = self.pos_embed[:, : self.poscls], self.pos_embed[:, self.poscls :]
        if self.posgrid != self.grid:
            grid = grid.reshape(1, self.posgrid, self.posgrid, -1).permute(0, 3, 1, 2)
            if self.resize == "scale":
                s = (self.grid + 0.1) / self.posgrid
                grid = F.interpolate(grid, scale_factor=(s, s), mode="bicubic", antialias=False)
            else:
                grid = F.interpolate(grid, size=(self.grid, self.grid), mode="bicubic", antialias=True)
            assert grid.shape[-1] == self.grid
            grid = grid.permute(0, 2, 3, 1).flatten(1, 2)
        return head, grid

    def forward(self, x):
        head, grid = self.positions()
        x = self.patch_embed(x) + grid
        rows = []
        if self.cls_token is not None:
            rows.append((self.cls_token + head if self.poscls else self.cls_token).expand(x.shape[0], -1, -1))
        if self.register_tokens is not None:
            rows.append(self.register_tokens.expand(x.shape[0], -1, -1))
        x = torch.cat(rows + [x], 1)
        outs = []
        for b in self.blocks:
            x = b(x)
            outs.append(x)
        normed = self.norm if self.how == "final" else (lambda t: t)
        cls = [normed(t)[:, 0] for t in outs[-4:]]
        last = normed(outs[-1])
        mean = last[:, self.prefix :].mean(1)
        f = {"cls": lambda: cls[-1], "mean": lambda: mean, "cls4": lambda: torch.cat(cls, 1),
             "cls+mean": lambda: torch.cat([cls[-1], mean], 1),
             "cls+mean-interleaved": lambda: torch.stack([cls[-1], mean], -1).reshape(len(x), -1),
             "cls4+mean": lambda: torch.cat(cls + [mean], 1)}[self.features]()
        return self.fc_norm(f) if self.how == "fc" else f


# ---------------------------------------------------------------- cases
def small(**k):
    return dict(base=8, blocks=(1, 2), **k)


def tiny(**k):
    d = dict(patch=8, dim=48, depth=4, heads=3)
    d.update(k)
    return d


CASES = [  # name, family, size, images, settings; the architecture line is made from the settings
    ("resnet50", "resnet50", 224, 2, {}),
    ("vits16", "vits16", 224, 2, {}),
    ("vitb16", "vitb16", 224, 2, dict(dim=768, heads=12)),
    ("resnet18-odd", "resnet18", 97, 2, dict(block="basic", blocks=(2, 2, 2, 2))),
    ("resnet-v1-eps", "resnet50", 64, 2, small(stride="v1", eps=1e-3)),
    ("resnet-v1.5", "resnet50", 61, 3, small()),
    ("resnet-width2", "resnet50", 56, 2, small(width=2)),
    ("resnet-inner2", "resnet50", 56, 2, dict(base=64, blocks=(1, 1), inner=2)),
    ("resnet-same", "resnet50", 64, 2, dict(base=8, blocks=(1, 1, 1), pad="same")),
    ("resnet-same-odd", "resnet50", 57, 2, dict(base=8, blocks=(1, 1, 1), pad="same")),
    ("resnet-same-pool", "resnet50", 64, 2, small(pad="same-pool")),
    ("resnet-d", "resnet50", 64, 2, dict(base=8, blocks=(1, 1, 1), stem="deep", down="avg")),
    ("resnet-d-basic", "resnet18", 64, 2, dict(base=8, block="basic", blocks=(1, 1, 1), stem="deep", down="avg")),
    ("resnet-3x3", "resnet18", 32, 2, dict(base=8, block="basic", blocks=(1, 1, 1, 1), stem="3x3")),
    ("vit-cls", "vit_demo", 32, 3, tiny()),
    ("vit-heads", "vit_demo", 32, 2, tiny(heads=12)),
    ("vit-mean", "vit_demo", 40, 2, tiny(features="mean")),
    ("vit-eps", "vit_demo", 32, 2, tiny(eps=1e-2)),
    ("vit-patch14", "vit_demo", 56, 2, tiny(patch=14)),
    ("vit-cls4", "vit_demo", 32, 2, tiny(features="cls4")),
    ("vit-cls-mean", "vit_demo", 32, 2, tiny(features="cls+mean")),
    ("vit-interleaved", "vit_demo", 32, 2, tiny(features="cls+mean-interleaved")),
    ("vit-cls4-mean", "vit_demo", 32, 2, tiny(features="cls4+mean", ls=1)),
    ("vit-fc-norm", "vit_demo", 32, 2, tiny(norm="fc", features="mean")),
    ("vit-unnormed", "vit_demo", 32, 2, tiny(norm="none")),
    ("vit-no-cls", "vit_demo", 32, 2, tiny(cls=0, features="mean")),
    ("vit-pos-patches-only", "vit_demo", 32, 2, tiny(poscls=0)),
    ("vit-no-qkv-bias", "vit_demo", 32, 2, tiny(qkvbias=0)),
    ("vit-registers", "vit_demo", 32, 2, tiny(reg=4, ls=1, features="cls+mean")),
    ("vit-swiglu", "vit_demo", 32, 2, tiny(ffn="swiglu", mlp=72, ls=1)),
    ("vit-resize-scale", "vit_demo", 48, 2, tiny(posgrid=11, resize="scale")),
    ("vit-resize-exact", "vit_demo", 48, 2, tiny(posgrid=11, resize="exact", reg=2)),
    ("vit-resize-up", "vit_demo", 48, 2, tiny(posgrid=4, resize="exact")),
    ("resnet-sk", "resnet50", 64, 2, dict(base=8, blocks=(1, 2, 1), stem="deep", down="avg", pad="same-pool", sk=1)),
    ("resnet-sk-wide", "resnet50", 96, 2, dict(base=64, blocks=(2, 1), width=2, stem="deep", down="avg", pad="same-pool", sk=1)),
]


def arch_line(name, settings):
    def text(v):
        return "-".join(map(str, v)) if isinstance(v, tuple) else repr(v) if isinstance(v, float) else str(v)

    named = {"resnet50": {"block": "bottleneck", "blocks": (3, 4, 6, 3), "base": 64},
             "vits16": {}, "vitb16": {"dim": 768, "heads": 12}, "resnet18": {"block": "basic"}, "vit_demo": {}}[name]
    keys = [f"{k}={text(v)}" for k, v in settings.items() if named.get(k) != v]
    return name + (":" + ",".join(keys) if keys else "")


def build(family, size, settings):
    if family.startswith("resnet"):
        return resnet(**settings).eval()
    return ViT(size, **settings).eval()


def run(case):
    name, family, size, n, settings = case
    net = build(family, size, settings)
    net.load_state_dict(seeded_state(net, SEED), strict=True)
    x = torch.from_numpy(pixels(n, size)).permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        f32 = net(x).numpy()
        f64 = net.double()(x.double()).numpy()
    err = np.linalg.norm(f32 - f64) / np.linalg.norm(f64)
    print(f"{name}: {f32.shape}, std {f64.std():.3g}, PyTorch float32 against float64 {err:.2g}", file=sys.stderr)
    assert np.isfinite(f64).all()
    return f32.astype("<f4"), f64.astype("<f4")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--save", nargs=2, metavar=("DIR", "CASE"))
    ap.add_argument("--list", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1)
    if args.list:
        for case in CASES:
            print(case[0], arch_line(case[1], case[4]), case[2])
        return
    if args.save:
        _, family, size, _, settings = next(c for c in CASES if c[0] == args.save[1])
        os.makedirs(args.save[0], exist_ok=True)
        torch.save(seeded_state(build(family, size, settings), SEED), os.path.join(args.save[0], args.save[1] + ".pth"))
        return
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "models.tsv"), "w") as tsv, open(os.path.join(here, "models.f32"), "wb") as f:
        for case in CASES:
            a, b = run(case)
            tsv.write(f"{case[0]}\t{arch_line(case[1], case[4])}\t{case[2]}\t{case[3]}\t{a.shape[1]}\n")
            f.write(a.tobytes() + b.tobytes())


if __name__ == "__main__":
    main()
