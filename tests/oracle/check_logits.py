#!/usr/bin/python3
"""check_logits.py WEIGHTS PHOTOS [-n N] ASSAY[:PROFILE]..: logits of the real ResNet-50 against float64.

PyTorch computes the network in float64 on the tensors that `assay preprocess` gives; printed is the relative error (L2, of
the 1000 logits of an image: mean, largest) and the largest difference of one logit relative to the largest logit, for
each program, and for PyTorch's own float32. Exit status 1 if a program with the default profile is above 3e-6.

Give two programs to compare algorithms: NUMERICS rule 8 wants Winograd's error beside the direct one's. The direct one is a
build from a copy in which the table of tensor/conv.c never takes Winograd:
    cp -r . /tmp/direct && cd /tmp/direct && sed -i 's/s->h >= 8 \\&\\& s->w >= 8/s->h < 0/' tensor/conv.c && make BUILD=build/direct

Logits: assay's features, then its rule for the head (one fused chain per class in increasing order, from the bias). The five
that `assay classify --predictions` prints are compared with them, so that the rule is tested as well."""
import csv, os, subprocess, sys, tempfile
import numpy as np, torch, torchvision

args = sys.argv[1:]
count = 24
if '-n' in args:
    at = args.index('-n')
    count = int(args[at + 1])
    del args[at:at + 2]
weights, photos, programs = args[0], args[1], args[2:]
torch.set_num_threads(2)
state = torch.load(weights, map_location='cpu')
state = state.get('state_dict', state)


def network(dtype):
    net = torchvision.models.resnet50()
    for stage in (net.layer2, net.layer3, net.layer4):  # v1: the stride sits in the first 1x1
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.eps = 1e-3
    net.load_state_dict(state)
    return net.to(dtype).eval()


names = sorted(n for n in os.listdir(photos) if n.lower().endswith(('.jpeg', '.jpg')))[::max(1, 500 // count)][:count]
tmp = tempfile.mkdtemp()
chosen = os.path.join(tmp, 'photos')
os.mkdir(chosen)
for n in names:
    os.symlink(os.path.abspath(os.path.join(photos, n)), os.path.join(chosen, n))


def run(*a):
    subprocess.run(a, check=True, stdout=subprocess.DEVNULL)


x = []
for n in names:
    run(programs[0].split(':')[0], 'preprocess', os.path.join(photos, n), '--preset', 'caffe', '-o', tmp + '/x.npy', '-q')
    x.append(np.load(tmp + '/x.npy'))
x = torch.from_numpy(np.stack(x))
with torch.no_grad():
    exact_net = network(torch.float64)
    exact = torch.cat([exact_net(x[i:i + 4].double()) for i in range(0, len(x), 4)]).numpy()
    plain_net = network(torch.float32)
    plain = torch.cat([plain_net(x[i:i + 4]) for i in range(0, len(x), 4)]).numpy()
fc_w, fc_b = state['fc.weight'].numpy().astype(np.float64), state['fc.bias'].numpy()


def report(name, got):
    d = got.astype(np.float64) - exact
    rel = np.linalg.norm(d, axis=1) / np.linalg.norm(exact, axis=1)
    top = np.abs(d).max(axis=1) / np.abs(exact).max(axis=1)
    agree = int((got.argmax(1) == exact.argmax(1)).sum())
    print(f'{name:40s} relative L2: mean {rel.mean():.2e}, largest {rel.max():.2e}; one logit {top.max():.2e}; '
          f'top-1 as float64 {agree} of {len(names)}', flush=True)
    return rel.max()


print(f'{len(names)} photographs, {os.path.basename(weights)}, torch {torch.__version__}')
report('PyTorch float32', plain)
bad = False
for program in programs:
    exe, _, profile = program.partition(':')
    profile = profile or 'f32-1'
    common = ['--weights', weights, '--data', chosen, '--profile', profile, '-q']
    run(exe, 'features', *common, '-o', tmp + '/f.npy')
    features = np.load(tmp + '/f.npy').astype(np.float64)
    acc = np.repeat(fc_b[None].astype(np.float32), len(names), 0)
    for k in range(features.shape[1]):  # the product is exact in double; one more rounding than fmaf, 2^-29 as large
        acc = (acc.astype(np.float64) + features[:, k:k + 1] * fc_w[None, :, k]).astype(np.float32)
    worst = report(program, acc)
    bad |= profile == 'f32-1' and not worst <= 3e-6
    run(exe, 'classify', *common, '--predictions', tmp + '/p.tsv')
    for i, row in enumerate(csv.DictReader(open(tmp + '/p.tsv'), delimiter='\t')):
        for c, v in zip(row['top5'].split(','), row['logits5'].split(',')):
            near = {'%.6g' % np.nextafter(acc[i, int(c)], np.float32(d)) for d in (-np.inf, np.inf)}
            if v not in near | {'%.6g' % acc[i, int(c)]}:
                print(f'{row["name"]}: class {c}: printed {v}, found {acc[i, int(c)]:.9g}')
                bad = True
sys.exit(bad)
