#!/usr/bin/python3
"""Makes, for every published family, a checkpoint in its exact layout: container, wrapper keys, prefixes and the baggage
that comes with it (optimizer, queue, arguments, projector, prototypes, a momentum twin with OTHER values), around one set
of small random weights. Beside each file, expect.json says which recipe must be found and which tensors must come out;
the tensors themselves lie in NAME.expect.npz under torchvision's and timm's names.

usage: make_checkpoints.py OUT_FOLDER [small]  (torch 1.13, numpy; tensorflow is not needed); "small": without the two
files of real width

Layouts: weights/recipe/recipes/*.recipe name the source of each.
"""
import argparse, collections, io, json, os, pickle, struct, sys, tarfile, zipfile
import numpy as np
import torch

OUT = sys.argv[1]
SMALL = sys.argv[2:] == ['small']
os.makedirs(OUT, exist_ok=True)
OD = collections.OrderedDict
rng = np.random.default_rng(7)
expect = {}


def t(*shape):
    """Normal values, scaled by the fan-in where there is one, so that deep networks stay finite."""
    fan = np.sqrt(np.prod(shape[1:])) if len(shape) > 1 and shape[-1] > 1 or len(shape) == 4 else 1
    return torch.from_numpy((rng.standard_normal(shape) / max(fan, 1)).astype(np.float32))


def resnet(base=8, blocks=(3, 4, 6, 3), fc=None, seed=None, track=True):
    """torchvision's names, in torchvision's order."""
    sd = OD()

    def bn(name, c):
        sd[name + '.weight'], sd[name + '.bias'] = t(c), t(c)
        sd[name + '.running_mean'], sd[name + '.running_var'] = t(c), t(c).abs() + .5
        if track:
            sd[name + '.num_batches_tracked'] = torch.tensor(5)
    sd['conv1.weight'] = t(base, 3, 7, 7)
    bn('bn1', base)
    cin = base
    for s, n in enumerate(blocks):
        w = base << s
        for b in range(n):
            p = f'layer{s + 1}.{b}.'
            sd[p + 'conv1.weight'] = t(w, cin, 1, 1); bn(p + 'bn1', w)
            sd[p + 'conv2.weight'] = t(w, w, 3, 3); bn(p + 'bn2', w)
            sd[p + 'conv3.weight'] = t(4 * w, w, 1, 1); bn(p + 'bn3', 4 * w)
            if b == 0:
                sd[p + 'downsample.0.weight'] = t(4 * w, cin, 1, 1); bn(p + 'downsample.1', 4 * w)
            cin = 4 * w
    if fc:
        sd['fc.weight'], sd['fc.bias'] = t(fc, cin), t(fc)
    return sd


def vit(dim=384, depth=2, patch=16, grid=14, cls=True, head=None, ls=False, reg=0, norm=True, fc_norm=False, swiglu=False,
        mask=None):
    sd = OD()
    if cls:
        sd['cls_token'] = t(1, 1, dim)
    sd['pos_embed'] = t(1, grid * grid + cls, dim)
    if reg:
        sd['register_tokens'] = t(1, reg, dim)
    if mask:
        sd['mask_token'] = t(*mask)
    sd['patch_embed.proj.weight'], sd['patch_embed.proj.bias'] = t(dim, 3, patch, patch), t(dim)
    for i in range(depth):
        p = f'blocks.{i}.'
        for n in ('norm1', 'norm2'):
            sd[p + n + '.weight'], sd[p + n + '.bias'] = t(dim), t(dim)
        sd[p + 'attn.qkv.weight'], sd[p + 'attn.qkv.bias'] = t(3 * dim, dim), t(3 * dim)
        sd[p + 'attn.proj.weight'], sd[p + 'attn.proj.bias'] = t(dim, dim), t(dim)
        if ls:
            sd[p + 'ls1.gamma'], sd[p + 'ls2.gamma'] = t(dim), t(dim)
        if swiglu:
            h = 2 * dim
            sd[p + 'mlp.w12.weight'], sd[p + 'mlp.w12.bias'] = t(2 * h, dim), t(2 * h)
            sd[p + 'mlp.w3.weight'], sd[p + 'mlp.w3.bias'] = t(dim, h), t(dim)
        else:
            sd[p + 'mlp.fc1.weight'], sd[p + 'mlp.fc1.bias'] = t(4 * dim, dim), t(4 * dim)
            sd[p + 'mlp.fc2.weight'], sd[p + 'mlp.fc2.bias'] = t(dim, 4 * dim), t(dim)
    if norm:
        sd['norm.weight'], sd['norm.bias'] = t(dim), t(dim)
    if fc_norm:
        sd['fc_norm.weight'], sd['fc_norm.bias'] = t(dim), t(dim)
    if head:
        sd['head.weight'], sd['head.bias'] = t(head, dim), t(head)
    return sd


def pre(prefix, sd):
    return OD((prefix + k, v) for k, v in sd.items())


def twin(sd):
    return OD((k, v + 1 if v.dtype == torch.float32 else v) for k, v in sd.items())


def sgd(n=3):
    """An optimizer's state dict with momentum buffers."""
    return {'state': {i: {'momentum_buffer': t(4, 4)} for i in range(n)},
            'param_groups': [{'lr': .03, 'momentum': .9, 'dampening': 0, 'weight_decay': 1e-4, 'nesterov': False,
                              'params': list(range(n))}]}


def lin(prefix, i, o, bias=True):
    d = OD([(prefix + '.weight', t(o, i))])
    if bias:
        d[prefix + '.bias'] = t(o)
    return d


def want(name, recipe, sd, arch, strict=True, assumed=None, head=None):
    plain = {k: v.numpy() for k, v in sd.items() if not k.endswith('num_batches_tracked')}
    np.savez(os.path.join(OUT, name + '.expect.npz'), **plain)
    expect[name] = {'recipe': recipe, 'arch': arch, 'assumed': assumed, 'head': head}


def save(name, obj, recipe, sd, arch, legacy=False, protocol=2, **kw):
    torch.save(obj, os.path.join(OUT, name), _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)
    want(name, recipe, sd, arch, **kw)


ns = argparse.Namespace(arch='resnet50', lr=.03, batch_size=256, dist_url='tcp://localhost:10001', multi_crop=[2, 6])
D = lambda *ds: OD((k, v) for d in ds for k, v in d.items())
R = 'resnet50:base=8'

# ---- MoCo v1, v2 and PCL: one layout, told apart by the projector and the queue ----
for name, recipe, mlp, queue in (('moco_v1_200ep_pretrain.pth.tar', 'moco-v1', False, 65536), ('moco_v2_800ep_pretrain.pth.tar', 'moco-v2', True, 65536),
                                 ('PCL_v1_epoch200.pth.tar', 'pcl-v1', False, 16384), ('PCL_v2_epoch200.pth.tar', 'pcl-v2', True, 16384)):
    q = resnet()
    p = D(lin('fc.0', 256, 256), lin('fc.2', 256, 128)) if mlp else lin('fc', 256, 128)
    full = D(q, p)
    state = D(pre('module.encoder_q.', full), pre('module.encoder_k.', twin(full)),
              {'module.queue': t(8, queue), 'module.queue_ptr': torch.tensor([512])})
    save(name, {'epoch': 200, 'arch': 'resnet50', 'state_dict': state, 'optimizer': sgd()}, recipe, q, R, legacy=True, assumed='encoder_k')

# ---- MoCo v3 ----
q = resnet()
full = D(q, lin('fc.0', 256, 64, False), lin('fc.3', 64, 64, False))
state = D(pre('module.base_encoder.', full), pre('module.momentum_encoder.', twin(full)), pre('module.predictor.', lin('0', 64, 64, False)))
save('r-50-1000ep.pth.tar', {'epoch': 1000, 'arch': 'resnet50', 'state_dict': state, 'optimizer': sgd(), 'scaler': {'scale': 65536.0, 'growth_factor': 2.0}},
     'moco-v3-r50', q, R, assumed='momentum')
for name, recipe, dim, arch in (('vit-s-300ep.pth.tar', 'moco-v3-vits', 384, 'vit_base:patch=16,dim=384,depth=2,heads=6,heads=12'),
                                ('vit-b-300ep.pth.tar', 'moco-v3-vitb', 768, 'vit_base:patch=16,dim=768,depth=2,heads=12')):
    v = vit(dim)
    full = D(v, lin('head.0', dim, 64, False), lin('head.3', 64, 64, False))
    state = D(pre('module.base_encoder.', full), pre('module.momentum_encoder.', twin(full)), pre('module.predictor.', lin('0', 64, 64, False)))
    save(name, {'epoch': 300, 'arch': 'vit', 'state_dict': state, 'optimizer': sgd()}, recipe, v, arch, assumed='twin')
    v = vit(dim, head=10)
    save('linear-' + name, {'epoch': 90, 'arch': 'vit', 'state_dict': pre('module.', v), 'best_acc1': torch.tensor(73.2), 'optimizer': sgd()},
         recipe + '-linear', v, arch, head='head', assumed='12 heads' if dim == 384 else None)
q = resnet(fc=10)
save('linear-1000ep.pth.tar', {'epoch': 90, 'arch': 'resnet50', 'state_dict': pre('module.', q), 'best_acc1': torch.tensor(74.6), 'optimizer': sgd()},
     'moco-v3-r50-linear', q, R, assumed='simsiam-linear', head='fc')

# ---- SwAV, DeepCluster-v2, SeLa-v2 ----
for name, recipe, protos, base in (('swav_800ep_pretrain.pth.tar', 'swav', {'prototypes.weight': t(30, 128)}, 8),
                                   ('swav_RN50w2_400ep_pretrain.pth.tar', 'swav', {'prototypes.weight': t(30, 128)}, 128),
                                   ('deepclusterv2_800ep_pretrain.pth.tar', 'deepcluster-v2', {f'prototypes.prototypes{i}.weight': t(30, 128) for i in range(3)}, 8)):
    q = resnet(base, blocks=(3, 4, 6, 3) if base == 8 else (1, 1, 1, 1))
    mlp = D(lin('projection_head.0', 256, 64), {'projection_head.1.weight': t(64), 'projection_head.1.bias': t(64), 'projection_head.1.running_mean': t(64),
                                             'projection_head.1.running_var': t(64), 'projection_head.1.num_batches_tracked': torch.tensor(3)}, lin('projection_head.3', 64, 128))
    arch = R if base == 8 else 'resnet50:blocks=1-1-1-1,width=2'
    save(name, pre('module.', D(q, mlp, protos)), recipe, q, arch, legacy=True, assumed='.228' if recipe == 'swav' else 'sela-v2')
h = D(lin('module.linear', 256, 10))
torch.save({'epoch': 100, 'state_dict': h, 'optimizer': sgd(), 'scheduler': {'T_max': 100}, 'best_acc': 75.3},
           os.path.join(OUT, 'swav_800ep_eval_linear.pth.tar'), _use_new_zipfile_serialization=False)
np.savez(os.path.join(OUT, 'swav_800ep_eval_linear.pth.tar.expect.npz'), weight=h['module.linear.weight'].numpy(), bias=h['module.linear.bias'].numpy())
expect['swav_800ep_eval_linear.pth.tar'] = {'headfile': True}

# ---- Barlow Twins, VICReg, DINO: flat files fit all three; the presets differ, so a choice is refused ----
if not SMALL:
    q = resnet(64)
    save('resnet50.pth', q, None, q, 'resnet50')
    expect['resnet50.pth']['recipe_given'] = 'barlowtwins'
    q = resnet(128, blocks=(3, 4, 6, 3))
    save('resnet50x2.pth', q, 'vicreg', q, 'resnet50:width=2')
q = resnet()
proj = pre('module.projector.', D(lin('0', 256, 64, False), {'1.weight': t(64), '1.bias': t(64), '1.running_mean': t(64), '1.running_var': t(64)}))
save('checkpoint.pth', {'epoch': 1000, 'model': D(pre('module.backbone.', q), proj, {'module.bn.running_mean': t(64), 'module.bn.running_var': t(64)}),
                        'optimizer': sgd()}, 'barlowtwins-full', q, R)
save('resnet50_fullckpt.pth', {'epoch': 1000, 'model': D(pre('module.backbone.', q), proj), 'optimizer': sgd()}, 'vicreg-full', q, R)

# ---- SimSiam ----
full = D(q, lin('fc.0', 256, 64, False), lin('fc.3', 64, 64, False), lin('fc.6', 64, 64), {'fc.7.running_mean': t(64), 'fc.7.running_var': t(64)})
save('simsiam_checkpoint_0099.pth.tar', {'epoch': 100, 'arch': 'resnet50', 'state_dict': D(pre('module.encoder.', full), pre('module.predictor.', lin('0', 64, 64, False))),
                                         'optimizer': sgd()}, 'simsiam', q, R)

# ---- DINO, iBOT: backbone files and full checkpoints with student, teacher, arguments ----
for name, dim, recipe, arch in (('dino_deitsmall16_pretrain.pth', 384, 'dino-vits', 'vit_base:patch=16,dim=384,depth=4,heads=6,resize=scale,features=cls4'),
                                ('dino_vitbase16_pretrain.pth', 768, 'dino-vitb', 'vit_base:patch=16,dim=768,depth=2,heads=12,resize=scale,features=cls+mean-interleaved')):
    v = vit(dim, depth=4 if dim == 384 else 2)  # four class tokens want four blocks
    save(name, v, recipe, v, arch, assumed='DINO')
    head = D(lin('head.mlp.0', dim, 32), {'head.last_layer.weight_g': t(16, 1), 'head.last_layer.weight_v': t(16, 32)})
    both = D(pre('backbone.', v), head)
    save(name.replace('pretrain', 'pretrain_full_checkpoint'),
         {'student': pre('module.', twin(both)), 'teacher': both, 'optimizer': sgd(), 'epoch': 300, 'args': ns, 'fp16_scaler': {'scale': 1024.0},
          'dino_loss': OD(center=t(1, 16))}, recipe + '-full', v, arch, assumed='student')
v = vit(768)
save('ibot_checkpoint_teacher.pth', {'state_dict': D(pre('module.backbone.', D(v, {'masked_embed': t(1, 768)})), lin('module.head.mlp.0', 768, 32))}, 'ibot-vitb', v,
     'vit_base:patch=16,dim=768,depth=2,heads=12,resize=scale,features=cls+mean', assumed='iBOT')
q50 = resnet()
both = D(pre('backbone.', q50), lin('head.mlp.0', 256, 32))
save('dino_resnet50_pretrain_full_checkpoint.pth', {'student': pre('module.', twin(both)), 'teacher': pre('module.', both), 'optimizer': sgd(), 'epoch': 800, 'args': ns},
     'dino-r50-full', q50, R, assumed='student')

# ---- DINOv2 ----
v = vit(384, patch=14, grid=37, ls=True, mask=(1, 384))
save('dinov2_vits14_pretrain.pth', v, 'dinov2', OD((k, x) for k, x in v.items() if k != 'mask_token'),
     'vit_base:patch=14,dim=384,depth=2,heads=6,ls=1,posgrid=37,resize=scale,features=cls+mean', assumed='1-layer')
v = vit(384, patch=14, grid=37, ls=True, mask=(1, 384), reg=4, swiglu=True)
save('dinov2_vitg14_reg4_pretrain.pth', v, 'dinov2-reg', OD((k, x) for k, x in v.items() if k != 'mask_token'),
     'vit_base:patch=14,dim=384,depth=2,heads=6,ffn=swiglu,mlp=768,reg=4,ls=1,posgrid=37,resize=exact,features=cls+mean', assumed='1-layer')
h = lin('x', 768, 10)
torch.save(OD(weight=h['x.weight'], bias=h['x.bias']), os.path.join(OUT, 'dinov2_vits14_linear_head.pth'))
np.savez(os.path.join(OUT, 'dinov2_vits14_linear_head.pth.expect.npz'), weight=h['x.weight'].numpy(), bias=h['x.bias'].numpy())
expect['dinov2_vits14_linear_head.pth'] = {'headfile': True}

# ---- MAE, DeiT, MSN, I-JEPA ----
B2 = 'vit_base:patch=16,dim=768,depth=2,heads=12'
v = vit(768)
save('mae_pretrain_vit_base.pth', {'model': v}, 'mae', v, B2, assumed='class token')
save('mae_pretrain_vit_base_full.pth', {'model': D(v, {'mask_token': t(1, 1, 512), 'decoder_pos_embed': t(1, 197, 512)}, lin('decoder_embed', 768, 512),
                                                   lin('decoder_blocks.0.attn.qkv', 512, 1536))}, 'mae', v, B2, assumed='class token')
v = vit(768, norm=False, fc_norm=True, head=10)
save('mae_finetuned_vit_base.pth', {'model': v}, 'mae-finetuned', v, B2 + ',norm=fc,norm=fc,features=mean', head='head')
v = vit(192, depth=12, head=10)
save('deit_tiny_patch16_224.pth', {'model': v}, 'deit', v, 'vit_tiny:patch=16', head='head')
v = vit(384)
enc = D(v, lin('fc.fc1', 384, 64))
save('msn_vits16_800ep.pth.tar', {'target_encoder': pre('module.', enc), 'encoder': pre('module.', twin(enc)), 'prototypes': t(16, 64), 'opt': sgd(), 'epoch': 800, 'loss': .3,
                                  'scaler': None, 'batch_size': 16, 'lr': .001}, 'msn', OD((k, x) for k, x in v.items() if not k.startswith('norm.')),
     'vit_base:patch=16,dim=384,depth=2,heads=6,norm=none,norm=none', assumed='target encoder')
v = vit(384, cls=False)
save('IN1K-vit.h.14-300e.pth.tar', {'encoder': pre('module.', twin(v)), 'predictor': pre('module.', lin('predictor_embed', 384, 64)), 'opt': sgd(), 'scaler': {},
                                    'target_encoder': pre('module.', v), 'epoch': 300, 'loss': .1}, 'ijepa', v,
     'vit_base:patch=16,dim=384,depth=2,heads=6,cls=0,poscls=0,features=mean', assumed='target encoder')

# ---- OBoW: a zip around a legacy file ----
q = resnet()
inner = io.BytesIO()
torch.save({'network': D(q, {'fc.weight': t(64, 256), 'fc.bias': torch.zeros(64)}), 'epoch': 200}, inner, _use_new_zipfile_serialization=False)
with zipfile.ZipFile(os.path.join(OUT, 'ImageNetFull_ResNet50_OBoW_full.zip'), 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr('ImageNetFull_ResNet50_OBoW_full/', '')
    z.writestr('ImageNetFull_ResNet50_OBoW_full/tochvision_resnet50_student_K8192_epoch200.pth.tar', inner.getvalue())
want('ImageNetFull_ResNet50_OBoW_full.zip', 'obow', q, R)
names = OD()
for k, x in q.items():
    k = '0.Conv.' + k[6:] if k.startswith('conv1.') else '0.bn.' + k[4:] if k.startswith('bn1.') else k[5:]
    names['_feature_blocks.' + k] = x
save('feature_extractor_net_checkpoint_200.pth.tar', {'network': names, 'epoch': 200}, 'obow-features', q, R, legacy=True)

# ---- PyContrast, VISSL, mmselfsup, solo-learn, lightly ----
save('InfoMin_800.pth', {'opt': ns, 'model': D(pre('module.encoder.', q), pre('module.head.', lin('0', 256, 64)), pre('module.head_jig.', lin('fc1', 256, 64))),
                         'optimizer': sgd(), 'epoch': 800}, 'pycontrast', q, R, legacy=True)
save('vissl_model.torch', {'classy_state_dict': {'base_model': {'model': {'trunk': pre('_feature_blocks.', q), 'heads': lin('0.clf.0', 256, 10)}, 'meters': {}},
                                                 'optimizer': sgd()}, 'phase_idx': 100}, 'vissl', q, R, legacy=True, assumed='VISSL')
save('mmselfsup_moco.pth', {'meta': {'epoch': 200, 'env_info': 'x' * 50}, 'state_dict': D(pre('backbone.', q), lin('neck.mlp.0', 256, 64), pre('encoder_k.0.', twin(q)), {'queue': t(4, 8)})},
     'mmselfsup', q, R, assumed='encoder_k.0, a complete network')
ql = resnet(fc=10)
save('mmselfsup_linear.pth', {'meta': {}, 'state_dict': OD((k.replace('fc.', 'head.fc.') if k.startswith('fc.') else 'backbone.' + k, x) for k, x in ql.items())}, 'mmselfsup', ql, R, head='fc')
save('solo_byol.ckpt', {'epoch': 1000, 'global_step': 5, 'pytorch-lightning_version': '1.5', 'callbacks': {}, 'state_dict': D(pre('backbone.', q), lin('classifier', 256, 10), lin('projector.0', 256, 64),
     pre('momentum_backbone.', twin(q)), pre('momentum_projector.', lin('0', 256, 64)), lin('predictor.0', 64, 64)), 'optimizer_states': [sgd()], 'lr_schedulers': []}, 'solo-learn', q, R, assumed='online')
save('lightly_simclr.ckpt', {'epoch': 100, 'state_dict': D(pre('backbone.', q), lin('projection_head.layers.0', 256, 64), pre('online_classifier.', lin('linear', 256, 10)))}, 'lightly', q, R)

# ---- supervised: flat, DDP-wrapped, safetensors-like names; protocols 3 to 5; deflated zip ----
ql = resnet(fc=10)
for p in (3, 4, 5):
    save(f'flat_p{p}.pth', ql, 'resnet', ql, R, protocol=p, head='fc', assumed='v1.5')
    save(f'flat_legacy_p{p}.pth', ql, 'resnet', ql, R, protocol=p, legacy=True, head='fc', assumed='v1.5')
save('ddp.pth', {'state_dict': pre('module.', resnet()), 'epoch': 1}, 'resnet', resnet(), R, assumed='v1.5')
expect.pop('ddp.pth')
os.remove(os.path.join(OUT, 'ddp.pth')); os.remove(os.path.join(OUT, 'ddp.pth.expect.npz'))
src = zipfile.ZipFile(os.path.join(OUT, 'flat_p3.pth'))
with zipfile.ZipFile(os.path.join(OUT, 'flat_deflated.pth'), 'w', zipfile.ZIP_DEFLATED) as z:
    for i in src.infolist():
        z.writestr(i.filename, src.read(i))
want('flat_deflated.pth', 'resnet', ql, R, head='fc', assumed='v1.5')
params = OD((k, torch.nn.Parameter(x) if x.dtype == torch.float32 else x) for k, x in ql.items())
save('flat_parameters.pth', params, 'resnet', ql, R, head='fc', assumed='v1.5')
# views into one storage, transposed, and with an offset: strides must be honoured
big = t(100000)
shared = OD(ql)
shared['fc.weight'] = big[100:100 + 2560].view(256, 10).t()
shared['fc.bias'] = big[5:25:2]
for legacy in (False, True):
    save(f'flat_strided{int(legacy)}.pth', shared, 'resnet', OD((k, x.contiguous()) for k, x in shared.items()), R, legacy=legacy, head='fc', assumed='v1.5')

# ---- torch's tar container (before 0.1.10), written by hand as torch 0.1.6 wrote it ----


class TarPickler(pickle._Pickler):
    """Tensors become persistent ids: plain integers."""
    keys = {}

    def persistent_id(self, obj):
        return self.keys[id(obj)] if isinstance(obj, torch.Tensor) else None


def storage_class(dtype):
    return {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}[dtype]


def save_tar(path, sd):
    st, te = io.BytesIO(), io.BytesIO()
    dump = lambda o, f: pickle.dump(o, f, protocol=2)
    dump(len(sd), st); dump(len(sd), te)
    for i, x in enumerate(sd.values()):
        x = x.contiguous()
        dump((1000 + i, 'cpu', storage_class(x.dtype)), st)
        st.write(struct.pack('<q', x.numel())); st.write(x.numpy().tobytes())
        dump((5000 + i, 1000 + i, torch.FloatTensor), te)
        te.write(struct.pack('<i', x.dim()) + b'\0\0\0\0')
        te.write(struct.pack(f'<{x.dim()}q', *x.shape)); te.write(struct.pack(f'<{x.dim()}q', *x.stride())); te.write(struct.pack('<q', 0))
        TarPickler.keys[id(sd[list(sd)[i]])] = 5000 + i
    dump([], st)
    pk = io.BytesIO(); TarPickler(pk, 2).dump(sd)
    si = io.BytesIO(); dump({'protocol_version': 1000, 'little_endian': True, 'type_sizes': {'short': 2, 'int': 4, 'long': 4}}, si)
    with tarfile.open(path, 'w', format=tarfile.USTAR_FORMAT) as tf:
        for n, b in (('sys_info', si), ('pickle', pk), ('tensors', te), ('storages', st)):
            ti = tarfile.TarInfo(n); ti.size = len(b.getvalue()); tf.addfile(ti, io.BytesIO(b.getvalue()))


qt = resnet(fc=10, track=False)
save_tar(os.path.join(OUT, 'resnet50-tar.pth'), qt)
want('resnet50-tar.pth', 'resnet', qt, R, head='fc', assumed='v1.5')

# ---- BYOL: a protocol-2 pickle of haiku's maps, a NamedTuple on top ----


class FlatMapping(dict):
    """Stands for haiku's map: pickled as an object of another module around a dict."""

    def __reduce__(self):
        return FlatMapping, (dict(self),)


FlatMapping.__module__ = 'haiku._src.data_structures'
_ByolExperimentState = collections.namedtuple('_ByolExperimentState', 'online_params target_params online_state target_state opt_state')
_ByolExperimentState.__module__ = 'byol.byol_experiment'
import types
for c in (FlatMapping, _ByolExperimentState):
    parts = c.__module__.split('.')
    for i in range(len(parts)):
        sys.modules.setdefault('.'.join(parts[:i + 1]), types.ModuleType('.'.join(parts[:i + 1])))
    setattr(sys.modules[c.__module__], c.__name__, c)


def haiku(sd):
    p, s = {}, {}
    net = 'res_net200' if 'layer2.20.conv1.weight' in sd else 'res_net50'
    ema = lambda v: {'hidden': v + 7, 'average': v, 'counter': np.array(9, np.int32)}
    for k, x in sd.items():
        x = x.numpy()
        part = k.split('.')
        if part[0] == 'fc':
            p.setdefault('classifier', {})['w' if part[1] == 'weight' else 'b'] = x.T.copy() if x.ndim == 2 else x
            continue
        if part[-1] == 'num_batches_tracked':
            continue
        if part[0].startswith('layer'):
            stem = f'{net}/~/block_group_{int(part[0][5:]) - 1}/~/block_{part[1]}/~/'
            mod = {'downsample.0': 'shortcut_conv', 'downsample.1': 'shortcut_batchnorm'}.get('.'.join(part[2:4]))
            if mod is None:
                mod = ('conv_' if part[2].startswith('conv') else 'batchnorm_') + str(int(part[2][-1]) - 1)
        else:
            stem, mod = net + '/~/', 'initial_conv' if part[0] == 'conv1' else 'initial_batchnorm'
        if x.ndim == 4:
            p.setdefault(stem + mod, {})['w'] = np.ascontiguousarray(x.transpose(2, 3, 1, 0))
        elif part[-1] in ('weight', 'bias'):
            p.setdefault(stem + mod, {})['scale' if part[-1] == 'weight' else 'offset'] = x.reshape(1, 1, 1, -1)
        else:
            s[stem + mod + '/~/' + ('mean_ema' if part[-1] == 'running_mean' else 'var_ema')] = ema(x.reshape(1, 1, 1, -1))
    p['projector/linear'] = {'w': rng.standard_normal((4, 4)).astype(np.float32), 'b': np.zeros(4, np.float32)}
    wrap = lambda d: FlatMapping({k: FlatMapping(v) for k, v in d.items()})
    return wrap(p), wrap(s)


qb = resnet(fc=10)
p, s = haiku(qb)
p2, s2 = haiku(twin(qb))
for proto in (2, 4):
    name = f'pretrain_res50x1_p{proto}.pkl'
    with open(os.path.join(OUT, name), 'wb') as f:
        pickle.dump({'experiment_state': _ByolExperimentState(p, p2, s, s2, {'count': np.array(3)}), 'step': 300000, 'rng': np.array([1, 2], np.uint32)}, f, protocol=proto)
    want(name, 'byol', qb, R + ',pad=same', head='fc', assumed='target twin')

# ---- SimCLR: a TensorFlow V2 checkpoint, written byte by byte (leveldb table, protocol buffers) ----


def crc32c(data):
    global _t
    try:
        _t
    except NameError:
        _t = []
        for i in range(256):
            for _ in range(8):
                i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
            _t.append(i)
    c = 0xffffffff
    for b in data:
        c = c >> 8 ^ _t[(c ^ b) & 255]
    return c ^ 0xffffffff


def mask(c):
    return ((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff


def varint(n):
    out = b''
    while n >= 128:
        out += bytes([n & 127 | 128]); n >>= 7
    return out + bytes([n])


def tf_bundle(prefix, tensors):
    data, entries = b'', {b'': b'\x08\x01\x1a\x02\x08\x01'}
    for k in sorted(tensors):
        x = np.ascontiguousarray(tensors[k]); raw = x.tobytes()
        shape = b''.join(b'\x12' + varint(len(d)) + d for d in (b'\x08' + varint(n) for n in x.shape))
        e = b'\x08' + varint({'float32': 1, 'int64': 9}[x.dtype.name]) + b'\x12' + varint(len(shape)) + shape
        if len(data):
            e += b'\x20' + varint(len(data))
        e += b'\x28' + varint(len(raw)) + b'\x35' + struct.pack('<I', mask(crc32c(raw)))
        entries[k.encode()] = e
        data += raw
    open(prefix + '.data-00000-of-00001', 'wb').write(data)
    out, index = b'', []

    def block(items):
        nonlocal out
        b, last, restarts = b'', b'', []
        for i, (k, v) in enumerate(items):
            shared = 0
            if i % 16 == 0:
                restarts.append(len(b))
            else:
                while shared < min(len(k), len(last)) and k[shared] == last[shared]:
                    shared += 1
            b += varint(shared) + varint(len(k) - shared) + varint(len(v)) + k[shared:] + v
            last = k
        b += b''.join(struct.pack('<I', r) for r in restarts or [0]) + struct.pack('<I', len(restarts or [0]))
        handle = varint(len(out)) + varint(len(b))
        out += b + b'\0' + struct.pack('<I', mask(crc32c(b + b'\0')))
        return handle
    keys = sorted(entries)
    for i in range(0, len(keys), 40):
        part = keys[i:i + 40]
        index.append((part[-1], block([(k, entries[k]) for k in part])))
    meta = block([])
    ih = block(index)
    foot = meta + ih
    open(prefix + '.index', 'wb').write(out + foot + b'\0' * (40 - len(foot)) + struct.pack('<Q', 0xdb4775248b80fb57))


def simclr(base, blocks, prefix, optimizer=True):
    """The variables of one network: layers numbered in the order of creation, the shortcut first in each stage;
    with selective kernels convolutions and norms are numbered apart."""
    sk = 'layer1.0.sk.fc1.weight' in base
    tf, convs, norms = {}, ['conv1.0', 'conv1.3', 'conv1.6'] if sk else ['conv1'], ['conv1.1', 'conv1.4', 'bn1'] if sk else ['bn1']
    for si, n in enumerate(blocks):
        for b in range(n):
            pp = f'layer{si + 1}.{b}.'
            convs += [pp + x for x in (['downsample.1' if sk else 'downsample.0'] if b == 0 else []) + ['conv1', 'conv2'] + (['sk.fc1', 'sk.fc2'] if sk else []) + ['conv3']]
            norms += [pp + x for x in (['downsample.2' if sk else 'downsample.1'] if b == 0 else []) + ['bn1', 'bn2'] + (['sk.bn'] if sk else []) + ['bn3']]
    for k, conv in enumerate(convs):
        sfx = f'_{k}' if k else ''
        tf[f'{prefix}conv2d{sfx}/kernel'] = base[conv + '.weight'].numpy().transpose(2, 3, 1, 0)
        if optimizer:
            tf[f'{prefix}conv2d{sfx}/kernel/Momentum'] = base[conv + '.weight'].numpy().transpose(2, 3, 1, 0) + 1
    for k, bn in enumerate(norms):
        for a, c in (('gamma', 'weight'), ('beta', 'bias'), ('moving_mean', 'running_mean'), ('moving_variance', 'running_var')):
            tf[f'{prefix}batch_normalization{f"_{k}" if k else ""}/{a}'] = base[f'{bn}.{c}'].numpy()
    if prefix == 'base_model/':
        tf['head_supervised/linear_layer/dense/kernel'] = base['fc.weight'].numpy().T
        tf['head_supervised/linear_layer/dense/bias'] = base['fc.bias'].numpy()
    return tf


for name, recipe, extra in (('model.ckpt-225206', 'simclr-v1', {}), ('simclrv2_r50_1x_sk0', 'simclr-v2', {'head_contrastive/nl_0/dense/kernel': np.ones((4, 4), np.float32)})):
    base = resnet(4, fc=10)
    tf_bundle(os.path.join(OUT, name), {'global_step': np.array(225206, np.int64), **simclr(base, (3, 4, 6, 3), 'base_model/'), **extra})
    want(name + '.index', recipe, base, 'resnet50:base=4,pad=same-pool', head='fc')

# ---- npz: Google's ViT; torchvision's ViT; mmcls's ViT ----
v = vit(384, head=10)
npz = {'embedding/kernel': v['patch_embed.proj.weight'].numpy().transpose(2, 3, 1, 0), 'embedding/bias': v['patch_embed.proj.bias'].numpy(), 'cls': v['cls_token'].numpy(),
       'Transformer/posembed_input/pos_embedding': v['pos_embed'].numpy(), 'Transformer/encoder_norm/scale': v['norm.weight'].numpy(),
       'Transformer/encoder_norm/bias': v['norm.bias'].numpy(), 'head/kernel': v['head.weight'].numpy().T, 'head/bias': v['head.bias'].numpy()}
tv, mm = OD(), OD()
for k, x in v.items():
    tv[{'cls_token': 'class_token', 'pos_embed': 'encoder.pos_embedding', 'patch_embed.proj.weight': 'conv_proj.weight', 'patch_embed.proj.bias': 'conv_proj.bias', 'norm.weight': 'encoder.ln.weight',
        'norm.bias': 'encoder.ln.bias', 'head.weight': 'heads.head.weight', 'head.bias': 'heads.head.bias'}.get(k, k)] = x
for i in range(2):
    b, e = f'blocks.{i}.', f'Transformer/encoderblock_{i}/'
    for n, o in (('norm1', 'LayerNorm_0'), ('norm2', 'LayerNorm_2')):
        npz[e + o + '/scale'], npz[e + o + '/bias'] = v[b + n + '.weight'].numpy(), v[b + n + '.bias'].numpy()
    for j, n in enumerate(('query', 'key', 'value')):
        npz[e + f'MultiHeadDotProductAttention_1/{n}/kernel'] = v[b + 'attn.qkv.weight'].numpy()[384 * j:384 * (j + 1)].T.reshape(384, 6, 64)
        npz[e + f'MultiHeadDotProductAttention_1/{n}/bias'] = v[b + 'attn.qkv.bias'].numpy()[384 * j:384 * (j + 1)].reshape(6, 64)
    npz[e + 'MultiHeadDotProductAttention_1/out/kernel'] = v[b + 'attn.proj.weight'].numpy().T.reshape(6, 64, 384)
    npz[e + 'MultiHeadDotProductAttention_1/out/bias'] = v[b + 'attn.proj.bias'].numpy()
    for j, n in enumerate(('fc1', 'fc2')):
        npz[e + f'MlpBlock_3/Dense_{j}/kernel'], npz[e + f'MlpBlock_3/Dense_{j}/bias'] = v[b + f'mlp.{n}.weight'].numpy().T, v[b + f'mlp.{n}.bias'].numpy()
    for k in [k for k in tv if k.startswith(b)]:
        rest = k[len(b):]
        for a, c in (('norm1.', 'ln_1.'), ('norm2.', 'ln_2.'), ('attn.qkv.', 'self_attention.in_proj_'), ('attn.proj.', 'self_attention.out_proj.'), ('mlp.fc1.', 'mlp.0.'), ('mlp.fc2.', 'mlp.3.')):
            if rest.startswith(a):
                tv[f'encoder.layers.encoder_layer_{i}.' + c + rest[len(a):]] = tv.pop(k)
                break
for saver, name in ((np.savez, 'S_16-augreg.npz'), (np.savez_compressed, 'S_16-augreg-packed.npz')):
    saver(os.path.join(OUT, name), **npz)
    want(name, 'vit-augreg', v, 'vit_base:patch=16,dim=384,depth=2,heads=6', head='head')
save('vit_b_16-torchvision.pth', tv, 'vit-torchvision', v, 'vit_base:patch=16,dim=384,depth=2,heads=6', head='head')
vm = OD((k, x) for k, x in v.items() if not k.startswith('head'))
for k, x in vm.items():
    for a, c in (('blocks.', 'layers.'), ('norm1.', 'ln1.'), ('norm2.', 'ln2.'), ('mlp.fc1.', 'ffn.layers.0.0.'), ('mlp.fc2.', 'ffn.layers.1.'), ('patch_embed.proj.', 'patch_embed.projection.')):
        k = k.replace(a, c)
    mm['backbone.' + ('ln1.' + k[5:] if k.startswith('norm.') else k)] = x
save('mmcls_vit.pth', {'meta': {}, 'state_dict': mm}, 'mmselfsup-vit', vm, 'vit_base:patch=16,dim=384,depth=2,heads=6', assumed='heads of 64')
save('timm_vit.pth', v, 'vit', v, 'vit_base:patch=16,dim=384,depth=2,heads=6', head='head', assumed='heads of 64')

# ---- further sizes: widths 4 and 5, depths 101, 152 and 200 ----
PROJ = D(lin('projection_head.0', 256, 64), lin('projection_head.3', 64, 128), {'prototypes.weight': t(30, 128)})
for w in (4, 5):
    q = resnet(64 * w, blocks=(1,))
    save(f'swav_RN50w{w}_400ep_pretrain.pth.tar', pre('module.', D(q, PROJ)), 'swav', q, f'resnet50:blocks=1,width={w}', legacy=True, assumed='.228')
q = resnet()
save('selav2_400ep_pretrain.pth.tar', pre('module.', D(q, lin('projection_head.0', 256, 64), {f'prototypes.prototypes{i}.weight': t(30, 128) for i in range(10)})),
     'deepcluster-v2', q, R, legacy=True, assumed='sela-v2')
q101, q152, q200 = resnet(blocks=(3, 4, 23, 3)), resnet(blocks=(3, 8, 36, 3)), resnet(blocks=(3, 24, 36, 3))
for q, n in ((q101, 101), (q152, 152)):
    save(f'InfoMin_resnet{n}_e300.pth', {'opt': ns, 'model': D(pre('module.encoder.', q), pre('module.head.', lin('0', 256, 64)), pre('module.head_jig.', lin('fc1', 256, 64))),
                                         'optimizer': sgd(), 'epoch': 300}, 'pycontrast', q, f'resnet{n}:base=8', legacy=True)
for n in ('InsDis', 'MoCo', 'PIRL'):
    jig = pre('module.head_jig.', lin('fc1', 256, 64)) if n == 'PIRL' else {}
    save(n + '.pth', {'opt': ns, 'model': D(pre('module.encoder.', q50), pre('module.head.', lin('0', 256, 64)), jig), 'optimizer': sgd(), 'epoch': 200}, 'pycontrast', q50, R,
         legacy=True)
save('resnet200x2_fullckpt.pth', {'epoch': 1000, 'model': D(pre('module.backbone.', q200), proj), 'optimizer': sgd()}, 'vicreg-full', q200, 'resnet200:base=8')
qb = D(q200, lin('fc', 256, 10))
(p, s), (p2, s2) = haiku(qb), haiku(twin(qb))
with open(os.path.join(OUT, 'pretrain_res200x2.pkl'), 'wb') as f:
    pickle.dump({'experiment_state': _ByolExperimentState(p, p2, s, s2, {'count': np.array(3)}), 'step': 300000, 'rng': np.array([1, 2], np.uint32)}, f, protocol=2)
want('pretrain_res200x2.pkl', 'byol', qb, 'resnet200:base=8,pad=same', head='fc', assumed='target twin')
for name, depth, blocks in (('simclrv2_r101_1x_sk0', 101, (3, 4, 23, 3)), ('simclrv2_r152_2x_sk0', 152, (3, 8, 36, 3))):
    base = resnet(4, blocks, fc=10)
    tf = {'global_step': np.array(250228, np.int64), 'head_contrastive/nl_0/dense/kernel': np.ones((4, 4), np.float32), **simclr(base, blocks, 'base_model/'), **simclr(twin(base), blocks, 'ema_model/base_model/')}
    tf_bundle(os.path.join(OUT, name), tf)
    want(name + '.index', 'simclr-v2', base, f'resnet{depth}:base=4,pad=same-pool', head='fc')

def selective(base, blocks, fc):
    """The same with selective kernels: ResNet-D stem and shortcuts, both streams in conv2, mixing layers."""
    def bn(name, c):
        return {f'{name}.weight': t(c), f'{name}.bias': t(c), f'{name}.running_mean': t(c), f'{name}.running_var': t(c).abs() + .5}
    sd = OD()
    for k, x in resnet(base, blocks, fc=fc, track=False).items():
        if k == 'conv1.weight':
            for i, (o, c) in ((0, (base // 2, 3)), (3, (base // 2, base // 2)), (6, (base, base // 2))):
                sd[f'conv1.{i}.weight'] = t(o, c, 3, 3)
                if i < 6:
                    sd.update(bn(f'conv1.{i + 1}', o))
        elif '.conv2.weight' in k:
            c = x.shape[0]
            mid = max(int(c * .0625), 32)
            sd[k] = t(2 * c, c, 3, 3)
            sd.update({k.replace('conv2', 'sk.fc1'): t(mid, c, 1, 1), k.replace('conv2', 'sk.fc2'): t(2 * c, mid, 1, 1), **bn(k.replace('conv2.weight', 'sk.bn'), mid)})
        elif '.bn2.' in k:
            if k.endswith('bn2.weight'):
                sd.update(bn(k[:-7], 2 * x.shape[0]))
        else:
            sd[k.replace('downsample.1', 'downsample.2').replace('downsample.0', 'downsample.1')] = x
    return sd


for name, depth, blocks in (('simclrv2_r50_1x_sk1', 50, (3, 4, 6, 3)), ('simclrv2_r101_1x_sk1', 101, (3, 4, 23, 3)), ('simclrv2_r152_3x_sk1', 152, (3, 8, 36, 3))):
    base = selective(4, blocks, 10)
    tf = {'global_step': np.array(250228, np.int64), 'head_contrastive/nl_0/dense/kernel': np.ones((4, 4), np.float32), **simclr(base, blocks, 'base_model/'), **simclr(twin(base), blocks, 'ema_model/base_model/')}
    tf_bundle(os.path.join(OUT, name), tf)
    want(name + '.index', 'simclr-v2', base, f'resnet{depth}:base=4,stem=deep,down=avg,sk=1,pad=same-pool', head='fc')

# ---- heads in files of their own ----
for name, top, prefix in (('dino_resnet50_linearweights.pth', 'state_dict', 'module.linear.'), ('PIRL_classifier.pth', 'classifier', 'module.')):
    h = lin('x', 256, 10)
    torch.save({top: OD((k.replace('x.', prefix), v) for k, v in h.items()), 'epoch': 100, 'optimizer': sgd(), 'best_acc': 75.3}, os.path.join(OUT, name))
    np.savez(os.path.join(OUT, name + '.expect.npz'), weight=h['x.weight'].numpy(), bias=h['x.bias'].numpy())
    expect[name] = {'headfile': True}
grid = {f'classifiers_dict.classifier_1_blocks_avgpool_False_lr_{lr}.linear.{k}': t(*s) for lr in ('0_00100', '0_00500') for k, s in (('weight', (10, 384)), ('bias', (10,)))}
torch.save({'model': grid, 'iteration': 12499}, os.path.join(OUT, 'dinov2_linear_grid.pth'))
expect['dinov2_linear_grid.pth'] = {'headfile': True, 'refused': 'two tensors could be the head'}

# ---- linear evaluations of other code bases: one file with backbone and head ----
q = resnet(fc=10)
save('simsiam_model_best.pth.tar', {'epoch': 90, 'arch': 'resnet50', 'state_dict': pre('module.', q), 'best_acc1': torch.tensor(68.1), 'optimizer': sgd()},
     'moco-v3-r50-linear', q, R, assumed='simsiam-linear', head='fc')
save('solo_linear.ckpt', {'epoch': 100, 'global_step': 5, 'state_dict': OD((k.replace('fc.', 'classifier.') if k.startswith('fc.') else 'backbone.' + k, v) for k, v in q.items()),
                          'optimizer_states': [sgd()], 'hyper_parameters': {'name': 'x'}}, 'solo-learn-linear', q, R, head='fc')
save('solo_old.ckpt', {'epoch': 1000, 'state_dict': D(pre('encoder.', q50), lin('classifier', 256, 10), lin('projector.0', 256, 64))}, 'solo-learn', q50, R, assumed='online')
save('vissl_byol.torch', {'classy_state_dict': {'base_model': {'model': {'trunk': pre('base_model._feature_blocks.', q50), 'heads': lin('0.clf.0', 256, 10)}}}, 'phase_idx': 300},
     'vissl', q50, R, legacy=True, assumed='VISSL')
v = vit(768)
head, bn = lin('head.1', 768, 10), {'head.0.running_mean': t(768), 'head.0.running_var': t(768).abs() + .5, 'head.0.num_batches_tracked': torch.tensor(9)}
k = head['head.1.weight'].numpy().astype(np.float64) / np.sqrt(bn['head.0.running_var'].numpy().astype(np.float64) + 1e-6)
shift = np.cumsum(k * bn['head.0.running_mean'].numpy().astype(np.float64), axis=1)[:, -1]
fold = {'head.weight': torch.from_numpy(k.astype(np.float32)), 'head.bias': torch.from_numpy((head['head.1.bias'].numpy() - shift).astype(np.float32))}
save('mae_linprobe_checkpoint-89.pth', {'model': D(v, bn, head), 'optimizer': sgd(), 'epoch': 89, 'scaler': {'scale': 1.0}, 'args': ns}, 'mae-linear', D(v, fold), B2, head='head',
     assumed='class token')

# ---- DINO, iBOT, DINOv2 further ----
DS = 'vit_base:patch={},dim=384,depth=4,heads=6,resize=scale,features=cls4'
v = vit(384, depth=4, patch=8, grid=28)
save('dino_deitsmall8_pretrain.pth', v, 'dino-vits', v, DS.format(8), assumed='DINO')
v, big = vit(384, depth=4), vit(1024, depth=1)
save('ibot_vits_checkpoint_teacher.pth', {'state_dict': D(v, {'masked_embed': t(1, 384)})}, 'ibot-vits', v, DS.format(16), assumed='iBOT')
full = lambda b, d: D(pre('backbone.', D(b, {'masked_embed': t(1, d)})), lin('head.mlp.0', d, 32), {'head.last_layer.weight_g': t(16, 1), 'head.last_layer.weight_v': t(16, 32),
                                                                                               'head.last_layer2.weight_v': t(16, 32)})
save('ibot_vitl_checkpoint.pth', {'student': pre('module.', twin(full(big, 1024))), 'teacher': full(big, 1024), 'optimizer': sgd(), 'epoch': 250, 'args': ns}, 'ibot-vitl', big,
     'vit_base:patch=16,dim=1024,depth=1,heads=16,resize=scale,features=cls+mean', assumed='iBOT')


def chunked(sd, n):
    """blocks.INDEX -> blocks.CHUNK.INDEX, n blocks a chunk (DINOv2's BlockChunk keeps the whole index)."""
    return OD((f'blocks.{int(k.split(".")[1]) // n}.' + k[7:] if k.startswith('blocks.') else k, x) for k, x in sd.items())


for reg, rule in ((0, 'scale'), (4, 'exact')):
    v = vit(384, depth=4, patch=14, grid=37, ls=True, mask=(1, 384), reg=reg)
    plain = OD((k, x) for k, x in v.items() if k != 'mask_token')
    arch = 'vit_base:patch=14,dim=384,depth=4,heads=6' + f',reg={reg}' * (reg > 0) + f',ls=1,posgrid=37,resize={rule},features=cls+mean'
    r = 'dinov2' + '-reg' * (reg > 0)
    save(f'dinov2_chunked_reg{reg}.pth', chunked(v, 2), r, plain, arch, assumed='1-layer')
    heads = {h + '_head.' + k: x for h in ('dino', 'ibot') for k, x in (('mlp.0.weight', t(32, 384)), ('last_layer.weight_v', t(16, 32)))}
    save(f'teacher_checkpoint_reg{reg}.pth', {'teacher': D(pre('backbone.', chunked(v, 2)), heads)}, r + '-teacher', plain, arch, assumed='1-layer')

# ---- I-JEPA H and g, MSN L/7: widths whose heads are not of 64, small patches ----
for name, dim, patch, mlp, extra in (('IN1K-vit.h.16-448px-300e.pth.tar', 1280, 16, 4, ',posgrid=28'), ('IN22K-vit.g.16-600e.pth.tar', 1408, 16, 48 / 11, '')):
    v = vit(dim, depth=1, patch=patch, grid=28 if extra else 14, cls=False)
    h = int(dim * mlp)
    for k, s in (('fc1.weight', (h, dim)), ('fc1.bias', (h,)), ('fc2.weight', (dim, h))):
        v['blocks.0.mlp.' + k] = t(*s)
    arch = f'vit_base:patch={patch},dim={dim},depth=1,heads=16' + (f',mlp={h}' if h != 4 * dim else '') + ',cls=0,poscls=0' + extra + ',features=mean'
    save(name, {'encoder': pre('module.', twin(v)), 'predictor': pre('module.', lin('predictor_embed', dim, 64)), 'opt': sgd(), 'target_encoder': pre('module.', v), 'epoch': 300},
         'ijepa-448' if extra else 'ijepa', v, arch, assumed='target encoder')
    if extra:
        expect[name]['preset'] = 'imagenet-bicubic,resize=512,crop=448'
v = vit(1024, depth=1, patch=7, grid=32)
save('vitl7_200ep.pth.tar', {'target_encoder': pre('module.', D(v, lin('fc.fc1', 1024, 64))), 'prototypes': t(16, 64), 'opt': sgd(), 'epoch': 200}, 'msn',
     OD((k, x) for k, x in v.items() if not k.startswith('norm.')), 'vit_base:patch=7,dim=1024,depth=1,heads=16,norm=none,norm=none', assumed='target encoder')

# ---- mmselfsup ViT with its linear head, in both head layouts ----
for kind in ('head.fc.', 'head.layers.head.'):
    v = vit(384, head=10)
    mm = OD()
    for k, x in v.items():
        if k.startswith('head.'):
            mm[kind + k[5:]] = x
            continue
        for a, c in (('blocks.', 'layers.'), ('norm1.', 'ln1.'), ('norm2.', 'ln2.'), ('mlp.fc1.', 'ffn.layers.0.0.'), ('mlp.fc2.', 'ffn.layers.1.'), ('patch_embed.proj.', 'patch_embed.projection.')):
            k = k.replace(a, c)
        mm['backbone.' + ('ln1.' + k[5:] if k.startswith('norm.') else k)] = x
    save(f'mmselfsup_vit_{kind.count(".")}.pth', {'meta': {}, 'state_dict': mm}, 'mmselfsup-vit', v, 'vit_base:patch=16,dim=384,depth=2,heads=6', head='head', assumed='heads of 64')

# ---- timm: ResNet-D, safetensors in float32, float16 and shards, registers under their other name ----


def st_bytes(sd):
    head, body = {}, b''
    for k, x in sd.items():
        x = x.numpy().copy(order='C')
        head[k] = {'dtype': {'float32': 'F32', 'float16': 'F16', 'int64': 'I64'}[x.dtype.name], 'shape': list(x.shape), 'data_offsets': [len(body), len(body) + x.nbytes]}
        body += x.tobytes()
    text = json.dumps(head).encode()
    return struct.pack('<Q', len(text)) + text + body


def save_st(name, sd, recipe, plain, arch, **kw):
    open(os.path.join(OUT, name), 'wb').write(st_bytes(sd))
    want(name, recipe, plain, arch, **kw)


q = OD()
for k, x in resnet(16, fc=10).items():
    if k == 'conv1.weight':
        for i, (o, c) in ((0, (8, 3)), (3, (8, 8)), (6, (16, 8))):
            q[f'conv1.{i}.weight'] = t(o, c, 3, 3)
            if i < 6:
                q.update((f'conv1.{i + 1}.' + n, a) for n, a in (('weight', t(8)), ('bias', t(8)), ('running_mean', t(8)), ('running_var', t(8).abs() + .5), ('num_batches_tracked', torch.tensor(1))))
    else:
        q[k.replace('downsample.1', 'downsample.2').replace('downsample.0', 'downsample.1')] = x
RD = 'resnet50:base=16,stem=deep,down=avg'
save('resnet50d_ra2.pth', q, 'resnet', q, RD, head='fc', assumed='v1.5')
save_st('resnet50d.safetensors', q, 'resnet', q, RD, head='fc', assumed='v1.5')
half = OD((k, x.half() if x.dtype == torch.float32 else x) for k, x in q.items())
save_st('resnet50d_fp16.safetensors', half, 'resnet', OD((k, x.float() if x.dtype == torch.float16 else x) for k, x in half.items()), RD, head='fc', assumed='v1.5')
expect['resnet50d_fp16.safetensors']['half'] = True
names = list(q)
for i, part in enumerate((names[:200], names[200:])):
    open(os.path.join(OUT, f'model-{i + 1:05d}-of-00002.safetensors'), 'wb').write(st_bytes(OD((k, q[k]) for k in part)))
json.dump({'metadata': {'total_size': 1}, 'weight_map': {k: f'model-{1 + (i >= 200):05d}-of-00002.safetensors' for i, k in enumerate(names)}},
          open(os.path.join(OUT, 'model.safetensors.index.json'), 'w'))
want('model.safetensors.index.json', 'resnet', q, RD, head='fc', assumed='v1.5')
v = vit(384, patch=14, grid=37, ls=True, reg=4)
v['pos_embed'] = t(1, 37 * 37, 384)
save_st('timm_vit_reg4.safetensors', OD((k.replace('register_tokens', 'reg_token'), x) for k, x in v.items()), 'vit', v,
        'vit_base:patch=14,dim=384,depth=2,heads=6,poscls=0,reg=4,ls=1,posgrid=37', assumed='heads of 64')
expect['timm_vit_reg4.safetensors']['preset'] = 'imagenet-bicubic,resize=518,crop=518'
q = resnet(16, fc=10)
for k in list(q):
    if '.conv1.weight' in k or '.conv2.weight' in k or '.bn1.' in k or '.bn2.' in k:  # inner width doubled
        o = q[k].shape[0] * 2 if q[k].dim() else 0
        if q[k].dim() == 1:
            q[k] = t(o).abs() + .5
        elif q[k].dim() == 4:
            q[k] = t(o, q[k].shape[1] * (2 if 'conv2' in k else 1), *q[k].shape[2:])
    elif '.conv3.weight' in k:
        q[k] = t(q[k].shape[0], q[k].shape[1] * 2, 1, 1)
q['bn1.num_batches_tracked'] = torch.tensor([1])  # a scalar elsewhere
save('wide_resnet50_2.pth', q, 'resnet', q, 'resnet50:base=16,inner=2', head='fc', assumed='v1.5')

# ---- layouts that are known and not computed: refused by name ----
for name, obj, text in (('deit_tiny_distilled_patch16_224.pth', {'model': D(vit(192, head=10), {'dist_token': t(1, 1, 192)}, lin('head_dist', 192, 10))}, 'distilled'),
                        ('CMC.pth', {'model': D(pre('module.encoder1.', q50), pre('module.encoder2.', q50))}, 'CMC'),
                        ('dino_xcit_small_12_p16_pretrain.pth', {'cls_token': t(1, 1, 8), 'blocks.0.local_mp.conv1.weight': t(8, 1, 3, 3), 'cls_attn_blocks.0.norm1.weight': t(8)}, 'XCiT'),
                        ('deepcluster_alexnet.pth.tar', {'epoch': 1, 'arch': 'alexnet', 'state_dict': {'sobel.0.weight': t(1, 3, 1, 1), 'features.0.weight': t(8, 2, 3, 3)}}, 'Sobel')):
    torch.save(obj, os.path.join(OUT, name))
    expect[name] = {'refused': text}

json.dump(expect, open(os.path.join(OUT, 'expect.json'), 'w'), indent=1)
print(len(expect), 'checkpoints in', OUT)
