#!/usr/bin/python3
"""odd_checkpoints.py ASSAY [FOLDER]: checkpoints as people have them, written by the real PyTorch and torchvision, and what
assay makes of each. Five kinds: technical wrappers, second networks, shapes of ViTs, tensors that are not dense floats, and the layouts of
other libraries.

A case expects either features (those that PyTorch computes from the same tensors, within 1e-4 of the largest), features
together with a sentence on standard error, or a refusal (exit 3) whose message holds given words. Anything else is wrong;
wrong numbers without a word are counted by themselves: there must be none.

usage: odd_checkpoints.py ASSAY [FOLDER]   (python3-torch 1.13, python3-torchvision 0.14, numpy, PIL)"""
import collections, copy, os, subprocess, sys, tempfile, warnings
import numpy as np
import torch, torchvision
from PIL import Image
from torch import nn
warnings.filterwarnings('ignore')

assay = os.path.abspath(sys.argv[1])
W = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()
os.makedirs(os.path.join(W, 'img'), exist_ok=True)
torch.manual_seed(3)
OD = collections.OrderedDict
SIDE = 32
pixels = np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
for i, p in enumerate(pixels):
    Image.fromarray(p).save(os.path.join(W, 'img', f'{i}.png'))
x = torch.from_numpy(((pixels / 255. - [.485, .456, .406]) / [.229, .224, .225]).astype(np.float32)).permute(0, 3, 1, 2).contiguous()


class ViT(nn.Module):
    """timm's names and forward (vision_transformer.py), one head per 64 unless told."""

    def __init__(self, dim=64, depth=2, patch=8, grid=None, cls=True, norm=True, fc_norm=False, heads=None, poscls=True, reg=0, ls=False, head=5, qkvbias=True):
        super().__init__()
        g = grid or (SIDE // patch, SIDE // patch)
        self.heads, self.reg, self.poscls = heads or max(dim // 64, 1), reg, poscls and cls
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim)) if cls else None
        if reg:
            self.reg_token = nn.Parameter(torch.randn(1, reg, dim))
        self.pos_embed = nn.Parameter(torch.randn(1, g[0] * g[1] + (1 if self.poscls else 0), dim))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, dim, patch, patch)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            b = nn.Module()
            b.norm1, b.norm2 = nn.LayerNorm(dim, 1e-6), nn.LayerNorm(dim, 1e-6)
            b.attn = nn.Module(); b.attn.qkv, b.attn.proj = nn.Linear(dim, 3 * dim, bias=qkvbias), nn.Linear(dim, dim)
            b.mlp = nn.Module(); b.mlp.fc1, b.mlp.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
            if ls:
                b.ls1 = nn.Module(); b.ls1.gamma = nn.Parameter(torch.rand(dim) + .5)
                b.ls2 = nn.Module(); b.ls2.gamma = nn.Parameter(torch.rand(dim) + .5)
            self.blocks.append(b)
        if norm:
            self.norm = nn.LayerNorm(dim, 1e-6)
        if fc_norm:
            self.fc_norm = nn.LayerNorm(dim, 1e-6)
        if head:
            self.head = nn.Linear(dim, head)
        with torch.no_grad():
            for p in self.parameters():
                if p.ndim == 1:
                    p.add_(torch.randn_like(p) * .1)

    def forward(self, x):
        t = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        if self.cls_token is None:
            t = t + self.pos_embed
        elif self.poscls:
            t = torch.cat([self.cls_token.expand(len(t), -1, -1), t], 1) + self.pos_embed
        else:
            t = torch.cat([self.cls_token.expand(len(t), -1, -1), t + self.pos_embed], 1)
        first = 0 if self.cls_token is None else 1
        if self.reg:
            t = torch.cat([t[:, :first], self.reg_token.expand(len(t), -1, -1), t[:, first:]], 1)
        for b in self.blocks:
            n, k, d = t.shape
            q, ke, v = b.attn.qkv(b.norm1(t)).reshape(n, k, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            a = (q @ ke.transpose(-1, -2) * (d // self.heads) ** -.5).softmax(-1) @ v
            a = b.attn.proj(a.transpose(1, 2).reshape(n, k, d))
            t = t + (a * b.ls1.gamma if hasattr(b, 'ls1') else a)
            m = b.mlp.fc2(nn.functional.gelu(b.mlp.fc1(b.norm2(t))))
            t = t + (m * b.ls2.gamma if hasattr(b, 'ls2') else m)
        if hasattr(self, 'norm'):
            t = self.norm(t)
        if hasattr(self, 'fc_norm'):
            return self.fc_norm(t[:, first + self.reg:].mean(1))
        return t[:, 0] if first else t.mean(1)


def resnet(block=torchvision.models.resnet.Bottleneck):
    m = torchvision.models.ResNet(block, [1, 1, 1, 1], num_classes=5, norm_layer=nn.BatchNorm2d)
    with torch.no_grad():
        for b in m.modules():
            if isinstance(b, nn.BatchNorm2d):
                b.running_mean.normal_(0, .1), b.running_var.uniform_(.5, 1.5)
    return m.eval()


def features_of(m):
    with torch.no_grad():
        if isinstance(m, ViT):
            return m(x).numpy()
        return nn.Sequential(*list(m.children())[:-1])(x).flatten(1).numpy()


def features(path, *more):
    out = os.path.join(W, 'f.npy')
    r = subprocess.run([assay, 'features', '--weights', path, '--data', os.path.join(W, 'img'), '--preset', f'imagenet-bilinear,resize={SIDE},crop={SIDE}',
                        '-o', out, *more], capture_output=True, text=True)
    return r.returncode, (np.load(out) if r.returncode == 0 else None), r.stderr


counts = collections.Counter()


def case(kind, name, obj, want=None, says='', refused=None, more=(), raw=None):
    """want: the model whose features must come out; says: words of a statement; refused: words of the refusal."""
    path = os.path.join(W, 'c.pth')
    if raw:
        raw(path)
    else:
        torch.save(obj, path)
    code, got, err = features(path, *more)
    counts[kind] += 1
    if refused is not None:
        good, silent = code == 3 and refused in err and 'c.pth' in err, code == 0
        told = err.strip().splitlines()[-1][:230] if err.strip() else ''
    else:
        ref = features_of(want)
        same = code == 0 and got.shape == ref.shape and np.abs(got - ref).max() <= 1e-4 * np.abs(ref).max()
        good, silent = same and says in err, code == 0 and not same
        told = f'exit {code}, ' + (f'{np.abs(got - ref).max():.1e} apart' if code == 0 and got.shape == ref.shape else err.strip()[-200:])
        if says:
            told += ' | ' + next((l for l in err.splitlines() if 'assumed' in l), '')[-220:]
    counts['wrong'] += not good
    counts['silent'] += silent
    print('ok  ' if good else 'FAIL', f'{kind}: {name}:', told)
    os.remove(path)


r, r2 = resnet(), resnet()
rb = resnet(torchvision.models.resnet.BasicBlock)
v, v2 = ViT().eval(), ViT().eval()
pre = lambda p, m: OD((p + k, t) for k, t in (m if isinstance(m, dict) else m.state_dict()).items())


class Lit(nn.Module):
    def __init__(self, m, name='model'):
        super().__init__()
        setattr(self, name, m)
        self.criterion = nn.CrossEntropyLoss(weight=torch.ones(5))


class Compiled(nn.Module):
    """As torch.compile's OptimizedModule names its inside; torch 1.13 has none."""
    def __init__(self, m):
        super().__init__()
        self._orig_mod = m


class Fsdp(nn.Module):
    def __init__(self, m):
        super().__init__()
        self._fsdp_wrapped_module = m


class Ckpt(nn.Module):
    def __init__(self, m):
        super().__init__()
        self._checkpoint_wrapped_module = m


def wrap_blocks(m, wrapper, which):
    m = copy.deepcopy(m)
    for i in which:
        m.blocks[i] = wrapper(m.blocks[i])
    return m


# ---- wrappers
K = 'wrapper'
for name, m in [('ResNet', r), ('BasicBlock ResNet', rb), ('ViT', v)]:
    case(K, f'{name}, plain', m.state_dict(), m)
    case(K, f'{name}, DataParallel', nn.DataParallel(m).state_dict(), m)
    case(K, f'{name}, compiled DataParallel', Compiled(nn.DataParallel(m)).state_dict(), m)
    case(K, f'{name}, DataParallel of compiled in FSDP', nn.DataParallel(Compiled(Fsdp(m))).state_dict(), m)
    case(K, f'{name}, Lightning', {'state_dict': Lit(m).state_dict(), 'epoch': 3, 'hyper_parameters': {'lr': .1}}, m, 'the network under state_dict/model is used')
    case(K, f'{name}, Lightning of compiled', {'state_dict': Lit(Compiled(m), 'net').state_dict()}, m, 'state_dict/net')
    case(K, f'{name}, DeepSpeed', {'module': m.state_dict(), 'ds_version': '0.9', 'optimizer': None}, m)
    case(K, f'{name}, model_state_dict', {'model_state_dict': m.state_dict(), 'optimizer_state_dict': {}}, m)
    case(K, f'{name}, AveragedModel', torch.optim.swa_utils.AveragedModel(m).state_dict(), m)
    case(K, f'{name}, second of a Sequential', nn.Sequential(nn.BatchNorm2d(3), m).state_dict(), m, 'the network under 1 is used')
    case(K, f'{name}, Sequential in DataParallel in a key', {'net': nn.DataParallel(nn.Sequential(m)).state_dict()}, m)
    case(K, f'{name}, encoder.module.', {'state_dict': pre('encoder.module.', m), 'classifier.weight': torch.zeros(3, 3)}, m)
    case(K, f'{name}, five deep', {'a': {'b': {'c': pre('d.e.', m)}}}, m)
    case(K, f'{name}, legacy container', nn.DataParallel(m).state_dict(), m, raw=lambda p: torch.save(nn.DataParallel(m).state_dict(), p, _use_new_zipfile_serialization=False))
    prof = copy.deepcopy(m)
    for mod in prof.modules():
        mod.register_buffer('total_ops', torch.zeros(1, dtype=torch.float64)), mod.register_buffer('total_params', torch.zeros(1, dtype=torch.float64))
    case(K, f'{name}, with a profiler\'s counts', prof.state_dict(), m)
    case(K, f'{name}, the same inside DataParallel', nn.DataParallel(prof).state_dict(), m)
case(K, 'ViT, activation checkpoints', wrap_blocks(v, Ckpt, [0, 1]).state_dict(), v)
case(K, 'ViT, one block in FSDP, one compiled', wrap_blocks(wrap_blocks(v, Fsdp, [0]), Compiled, [1]).state_dict(), v)
case(K, 'ViT, one block in DataParallel', wrap_blocks(v, nn.DataParallel, [1]).state_dict(), v)
case(K, 'ViT, compiled FSDP of checkpoints', Compiled(Fsdp(wrap_blocks(v, Ckpt, [1]))).state_dict(), v)
case(K, 'ResNet, children by number', nn.Sequential(*list(r.children())).state_dict(), r)
case(K, 'ResNet, children without fc, in a module', {'state_dict': pre('backbone.', nn.Sequential(*list(r.children())[:-1]))}, r, 'state_dict/backbone')
case(K, 'by recipe name', {'state_dict': Lit(r).state_dict()}, r, more=('--recipe', 'resnet'))
case(K, 'two networks', {'a': r.state_dict(), 'b': r2.state_dict()}, refused='2 whole networks stand in it, under a/, b/')
case(K, 'two networks, the second named', {'a': r.state_dict(), 'b': r2.state_dict()}, r2, more=('--recipe', 'resnet@b'))
case(K, 'student and teacher of two sizes', {'student': r.state_dict(), 'teacher': rb.state_dict()}, refused='2 whole networks')
case(K, 'FSDP flat parameters', OD({'_fsdp_wrapped_module._flat_param': torch.zeros(999)}), refused='FULL_STATE_DICT')

# ---- second networks
K = 'second network'
for one, two, says in [('state_dict', 'state_dict_ema', '--recipe resnet@state_dict_ema'), ('model', 'model_ema', '--recipe resnet@model_ema'),
                       ('state_dict', 'model', 'state_dict is used; model, a complete network, is left out'), ('model', 'ema', 'ema, a complete network'),
                       ('net', 'ema_net', 'ema_net, a complete network'), ('model_state_dict', 'ema_state_dict', 'ema_state_dict, a complete'),
                       ('state_dict', 'averaged', 'averaged, a complete'), ('model', 'swa_model', 'swa_model, a complete')]:
    case(K, f'{one} and {two}', {one: r.state_dict(), two: r2.state_dict()}, r, says)
    case(K, f'{two} first', {two: r2.state_dict(), one: r.state_dict()}, r, says)
case(K, 'timm.ModelEmaV2 in DataParallel', {'state_dict': nn.DataParallel(v).state_dict(), 'state_dict_ema': pre('module.', nn.DataParallel(v2))}, v, 'state_dict_ema')
case(K, 'AveragedModel beside the model', {'model': v.state_dict(), 'model_ema': torch.optim.swa_utils.AveragedModel(v2).state_dict()}, v, '--recipe deit@model_ema')
case(K, 'in one dictionary', {'state_dict': OD(**pre('model.', v), **pre('model_ema.', v2))}, v, 'model_ema')
case(K, 'online and target network', OD(**pre('online_network.', r), **pre('target_network.', r2)), r, 'target_network')
case(K, 'the second by name', {'state_dict': r.state_dict(), 'state_dict_ema': r2.state_dict()}, r2, 'state_dict_ema is used; state_dict, a complete', more=('--recipe', 'resnet@state_dict_ema'))
case(K, 'a flat network and ema in a key', dict(r.state_dict(), ema=r2.state_dict()), r, '--recipe resnet@ema')
case(K, 'only an EMA', {'state_dict_ema': r.state_dict()}, r, 'state_dict_ema is used')
case(K, 'EMA with another head', {'state_dict': r.state_dict(), 'state_dict_ema': dict(r2.state_dict(), **{'fc.weight': torch.zeros(7, 2048), 'fc.bias': torch.zeros(7)})}, r, 'state_dict_ema, a complete')
case(K, 'MoCo without DataParallel', {'state_dict': OD(**pre('encoder_q.', OD((k, t) for k, t in r.state_dict().items() if 'fc' not in k)), **pre('encoder_k.', r2), queue=torch.zeros(128, 4096))}, r, 'encoder_k')

case(K, 'LitEma: names without dots', {'state_dict': OD(**pre('model.', v), **{'model_ema.' + k.replace('.', ''): t for k, t in v2.state_dict().items()}, **{'model_ema.decay': torch.tensor(.9), 'model_ema.num_updates': torch.tensor(3)})},
     v, 'a copy of the network')
case(K, 'LitEma of a ResNet: parameters alone', {'state_dict': OD(**pre('net.', r), **{'ema.' + k.replace('.', ''): t for k, t in r2.named_parameters()})}, r, 'a copy of the network')
case(K, 'MMCV: underscores, elsewhere', {'state_dict': pre('backbone.', OD((k, t) for k, t in r.state_dict().items() if 'fc' not in k)), 'ema': OD(('ema_backbone_' + k.replace('.', '_'), t) for k, t in r2.state_dict().items())}, r, 'a copy of the network')
case(K, 'MMCV: underscores, in one dictionary', {'state_dict': OD(**r.state_dict(), **{'ema_' + k.replace('.', '_'): t for k, t in r2.state_dict().items()})}, refused='ema_')

# ---- shapes of ViTs
K = 'ViT shape'
for name, kw in [('fc_norm', dict(norm=False, fc_norm=True)), ('fc_norm, no class token', dict(norm=False, fc_norm=True, cls=False)), ('fc_norm, registers', dict(norm=False, fc_norm=True, reg=4)),
                 ('no class token', dict(cls=False)), ('no row for the class token', dict(poscls=False)), ('no final norm', dict(norm=False)), ('no final norm, no class token', dict(norm=False, cls=False)),
                 ('registers', dict(reg=4)), ('registers without rows', dict(reg=4, poscls=False)), ('LayerScale', dict(ls=True)), ('no bias in qkv', dict(qkvbias=False)),
                 ('patch 4', dict(patch=4)), ('width 128', dict(dim=128)), ('width 192', dict(dim=192)), ('patch 32: one patch', dict(patch=32)), ('no head', dict(head=0))]:
    m = ViT(**kw).eval()
    case(K, name, m.state_dict(), m, 'assumed')
    case(K, name + ', under state_dict', {'state_dict': m.state_dict()}, m, 'assumed')
for d in (32, 48, 80, 96, 100, 160, 176):
    m = ViT(dim=d, heads=2).eval()
    case(K, f'width {d}: heads are not in the file', m.state_dict(), refused='the number of attention heads is not in the file; give --arch')
    case(K, f'width {d}, heads given', m.state_dict(), m, more=('--arch', f'vit_base:patch=8,dim={d},depth=2,heads=2'))
case(K, 'a grid of 6', ViT(grid=(6, 6)).state_dict(), refused='pos_embed holds 6 x 6 positions, those of images of 48 at patch 8')
case(K, 'a grid of 24', ViT(grid=(24, 24)).state_dict(), refused='resize=192,crop=192')
for g in ((4, 3), (2, 5), (3, 7), (5, 6)):
    case(K, f'a grid of {g[0]} x {g[1]}', ViT(grid=g).state_dict(), refused='tensor pos_embed: found [1, ')
sd = v.state_dict()
case(K, 'position embedding [1, d, h, w]', dict(sd, pos_embed=torch.randn(1, 64, 4, 4)), refused='tensor pos_embed: found [1, 64, 4, 4]')
case(K, 'position embedding [n, d]', dict(sd, pos_embed=torch.randn(17, 64)), refused='tensor pos_embed: found [17, 64]')
case(K, 'rows for registers', dict(sd, pos_embed=torch.randn(1, 19, 64)), refused='tensor pos_embed: found [1, 19, 64]')
case(K, 'another width in pos_embed', dict(sd, pos_embed=torch.randn(1, 17, 128)), refused='tensor pos_embed: found [1, 17, 128]')
case(K, 'patches that are not square', dict(sd, **{'patch_embed.proj.weight': torch.randn(64, 3, 8, 4)}), refused='tensor patch_embed.proj.weight: found [64, 3, 8, 4]')
case(K, 'norm and fc_norm', ViT(fc_norm=True).state_dict(), refused='norm.')
case(K, 'an attention pool', dict(sd, **{'attn_pool.latent': torch.randn(1, 1, 64)}), refused='attn_pool.latent')
case(K, 'norms of q and k', dict(sd, **{'blocks.0.attn.q_norm.weight': torch.ones(64)}), refused='q_norm')
case(K, 'distilled', dict(sd, dist_token=torch.randn(1, 1, 64)), refused='dist')

# ---- tensors that are not dense floats
K = 'not dense'
q = lambda t: torch.quantize_per_tensor(t, .05, 0, torch.qint8)
qc = lambda t: torch.quantize_per_channel(t, torch.full((len(t),), .05), torch.zeros(len(t)), 0, torch.qint8)


def with_(m, key, f):
    return OD((k, f(t) if k == key else t) for k, t in m.state_dict().items())


for what, f in [('per tensor', q), ('per channel', qc), ('quint8', lambda t: torch.quantize_per_tensor(t, .05, 128, torch.quint8)), ('qint32', lambda t: torch.quantize_per_tensor(t, .05, 0, torch.qint32))]:
    case(K, f'quantised {what}, a convolution', with_(r, 'layer1.0.conv2.weight', f), refused='tensor layer1.0.conv2.weight is quantised')
    case(K, f'quantised {what}, first', with_(r, 'conv1.weight', f), refused='tensor conv1.weight is quantised')
    case(K, f'quantised {what}, the head', with_(r, 'fc.weight', f), refused='tensor fc.weight is quantised')
    case(K, f'quantised {what}, under wrappers', {'state_dict': pre('model.', OD(with_(r, 'layer1.0.conv2.weight', f)))}, refused='conv2.weight is quantised')
    case(K, f'quantised {what}, legacy', None, refused='layer1.0.conv2.weight is quantised', raw=lambda p: torch.save(with_(r, 'layer1.0.conv2.weight', f), p, _use_new_zipfile_serialization=False))
case(K, 'sparse head', with_(r, 'fc.weight', lambda t: t.to_sparse()), refused='tensor fc.weight is sparse')
case(K, 'sparse, ViT', with_(v, 'blocks.0.mlp.fc1.weight', lambda t: t.to_sparse()), refused='blocks.0.mlp.fc1.weight is sparse')
case(K, 'sparse CSR', with_(v, 'blocks.1.attn.qkv.weight', lambda t: t.to_sparse_csr()), refused='qkv.weight is sparse')
case(K, 'meta', with_(r, 'bn1.weight', lambda t: torch.empty(t.shape, device='meta')), refused='bn1.weight is a meta tensor')
case(K, 'all meta', OD((k, torch.empty(t.shape, device='meta')) for k, t in r.state_dict().items()), refused='is a meta tensor')
case(K, 'complex', with_(r, 'fc.weight', lambda t: t.to(torch.complex128)), refused='fc.weight is of a dtype that is not read')
case(K, 'int8 weights', with_(r, 'layer2.0.conv1.weight', lambda t: (t * 100).to(torch.int8)), refused='found int8 (quantised?)')
case(K, 'uint8 weights', with_(v, 'blocks.0.attn.proj.weight', lambda t: (t * 9).to(torch.uint8)), refused='found uint8 (quantised?)')
case(K, 'int32 bias', with_(v, 'norm.bias', lambda t: t.to(torch.int32)), refused='found int32 (quantised?)')
case(K, 'bool norm', with_(r, 'bn1.weight', lambda t: t > 0), refused='found bool (quantised?)')
dyn = torch.quantization.quantize_dynamic(copy.deepcopy(v), {nn.Linear}, dtype=torch.qint8)
case(K, 'dynamic quantisation of a ViT', dyn.state_dict(), refused='is quantised')
dr = torch.quantization.quantize_dynamic(copy.deepcopy(r), {nn.Linear}, dtype=torch.qint8)
case(K, 'dynamic quantisation of fc alone', dr.state_dict(), refused='is quantised')
tq = torchvision.models.quantization.resnet18(weights=None, quantize=False, num_classes=5).eval()
tq.fuse_model()
tq.qconfig = torch.quantization.get_default_qconfig('fbgemm')
torch.quantization.prepare(tq, inplace=True), tq(x), torch.quantization.convert(tq, inplace=True)
case(K, "torchvision's quantised resnet18", tq.state_dict(), refused='is quantised')
case(K, 'bitsandbytes int8', dict(with_(v, 'blocks.0.mlp.fc1.weight', lambda t: t.to(torch.int8)), **{'blocks.0.mlp.fc1.SCB': torch.ones(256)}), refused='found int8 (quantised?)')
case(K, 'half and double are dense', OD((k, t.double() if 'bn' in k else t) for k, t in r.state_dict().items()), r)
case(K, 'a whole pickled module', r, refused='this is a whole pickled module (torchvision.models.resnet.ResNet)')
case(K, 'a module in a dictionary', {'model': r, 'epoch': 1}, refused='model is a whole pickled module')
case(K, 'a module beside its state_dict', {'model': r, 'state_dict': r.state_dict()}, r)
case(K, 'TorchScript, traced', None, refused='TorchScript archive', raw=lambda p: torch.jit.trace(r, x).save(p))
case(K, 'TorchScript, scripted', None, refused='TorchScript archive', raw=lambda p: torch.jit.script(r).save(p))
case(K, 'unread tensors elsewhere do no harm', {'state_dict': r.state_dict(), 'optimizer': {'state': q(torch.ones(3)), 's': torch.ones(3).to_sparse()}}, r)

# ---- other libraries' names: transformers models/{vit,dinov2,dinov2_with_registers,resnet}/modeling_*.py
K = 'layout'


def hugging(m, prefix='', dinov2=False, classifier=False):
    out = OD()
    for k, t in m.state_dict().items():
        p = k.split('.')
        if k in ('cls_token', 'pos_embed', 'reg_token'):
            out[prefix + 'embeddings.' + {'cls_token': 'cls_token', 'pos_embed': 'position_embeddings', 'reg_token': 'register_tokens'}[k]] = t
        elif p[0] == 'patch_embed':
            out[prefix + 'embeddings.patch_embeddings.projection.' + p[-1]] = t
        elif p[0] == 'norm':
            out[prefix + 'layernorm.' + p[-1]] = t
        elif p[0] == 'head':
            if classifier:
                out['classifier.' + p[-1]] = t
        else:
            base, rest = prefix + f'encoder.layer.{p[1]}.', '.'.join(p[2:-1])
            if rest == 'attn.qkv':
                for n, part in zip(('query', 'key', 'value'), t.chunk(3)):
                    out[base + f'attention.attention.{n}.{p[-1]}'] = part.clone()
            elif rest[:2] == 'ls':
                out[base + f'layer_scale{rest[2]}.lambda1'] = t
            else:
                names = {'attn.proj': 'attention.output.dense', 'norm1': 'norm1' if dinov2 else 'layernorm_before', 'norm2': 'norm2' if dinov2 else 'layernorm_after',
                         'mlp.fc1': 'mlp.fc1' if dinov2 else 'intermediate.dense', 'mlp.fc2': 'mlp.fc2' if dinov2 else 'output.dense'}
                out[base + names[rest] + '.' + p[-1]] = t
    if dinov2:
        out[prefix + 'embeddings.mask_token'] = torch.zeros(1, 64)
    return out


def hugging_resnet(m, prefix=''):
    out = OD()
    for k, t in m.state_dict().items():
        p = k.split('.')
        if p[0] in ('conv1', 'bn1'):
            out[prefix + f'embedder.embedder.{"convolution" if p[0] == "conv1" else "normalization"}.{p[-1]}'] = t
        elif p[0] == 'fc':
            out['classifier.1.' + p[-1]] = t
        else:
            base = prefix + f'encoder.stages.{int(p[0][5:]) - 1}.layers.{p[1]}.'
            if p[2] == 'downsample':
                out[base + f'shortcut.{"convolution" if p[3] == "0" else "normalization"}.{p[-1]}'] = t
            else:
                out[base + f'layer.{int(p[2][-1]) - 1}.{"convolution" if p[2][:4] == "conv" else "normalization"}.{p[-1]}'] = t
    return out


class ClsMean(ViT):
    """The features of Dinov2ForImageClassification: class token and mean of the patch tokens behind the norm."""

    def forward(self, x):
        seen = []
        handle = self.norm.register_forward_hook(lambda mod, given, out: seen.append(out))
        super().forward(x)
        handle.remove()
        return torch.cat([seen[0][:, 0], seen[0][:, 1 + self.reg:].mean(1)], 1)


d2, d2r = ClsMean(ls=True).eval(), ClsMean(ls=True, reg=4).eval()
for prefix, cl in [('', False), ('vit.', True), ('vit.', False)]:
    case(K, f'ViTModel, "{prefix}"{" with classifier" if cl else ""}', hugging(v, prefix, classifier=cl), v, 'assumed')
case(K, 'ViTModel with pooler', dict(hugging(v), **{'pooler.dense.weight': torch.ones(64, 64), 'pooler.dense.bias': torch.ones(64)}), v)
case(K, 'ViTModel under wrappers', {'state_dict': pre('model.', hugging(v, 'vit.', classifier=True))}, v, 'state_dict/model')
case(K, 'ViTMAEForPreTraining', dict(hugging(v, 'vit.'), **{'decoder.mask_token': torch.ones(1, 1, 64), 'decoder.decoder_embed.weight': torch.ones(64, 64)}), v)
case(K, 'ViTMSNModel', dict(hugging(v), **{'embeddings.mask_token': torch.ones(1, 1, 64)}), v)
for prefix, cl in [('', False), ('dinov2.', True)]:
    case(K, f'Dinov2Model, "{prefix}"', hugging(d2, prefix, True, cl), d2, 'k-NN: features=cls')
for prefix, cl in [('', False), ('dinov2_with_registers.', True)]:
    case(K, f'Dinov2WithRegistersModel, "{prefix}"', hugging(d2r, prefix, True, cl), d2r, 'k-NN: features=cls')
for m in (r, rb):
    case(K, f'ResNetModel, {len(m.layer1[0].state_dict()) // 6} convolutions a block', hugging_resnet(m), m, 'Resize 256 bicubic')
    case(K, 'ResNetForImageClassification', hugging_resnet(m, 'resnet.'), m)
tv = torchvision.models.VisionTransformer(image_size=SIDE, patch_size=8, num_layers=2, num_heads=1, hidden_dim=64, mlp_dim=256, num_classes=5).eval()
with torch.no_grad():
    for p in tv.parameters():
        p.add_(torch.randn_like(p) * .05)


class Tv(nn.Module):
    def forward(self, x):
        heads, tv.heads = tv.heads, nn.Identity()
        out = tv(x)
        tv.heads = heads
        return out


features_of_net = features_of


def features_of(m):
    with torch.no_grad():
        return m(x).numpy() if isinstance(m, (Tv, ClsMean)) else features_of_net(m)


case(K, "torchvision's ViT", tv.state_dict(), Tv())
case(K, "torchvision's ViT, Lightning", {'state_dict': Lit(tv).state_dict()}, Tv(), 'state_dict/model')

wrong, silent = counts.pop('wrong', 0), counts.pop('silent', 0)
print(', '.join(f'{n} {k}' for k, n in counts.items()) + f': {wrong} not as wanted, {silent} silently wrong')
sys.exit(wrong > 0)
