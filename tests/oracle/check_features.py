#!/usr/bin/python3
"""check_features.py ASSAY FOLDER PHOTOS [NAME..]: the features that assay computes from each published layout equal, bit for
bit, those of a plain file of the same tensors. FOLDER is make_checkpoints.py's; PHOTOS holds images. Every plain file is a
flat safetensors with the architecture in its metadata, so that both go through the same network and preset."""
import hashlib, json, os, struct, subprocess, sys
import numpy as np

assay, folder, photos = sys.argv[1:4]
only = sys.argv[4:]


def flat(path, tensors, arch, preset):
    head, at = {'__metadata__': {'assay.arch': arch, 'assay.preset': preset, 'assay.recipe': 'plain', 'assay.head': ''}}, 0
    for k, v in tensors.items():
        head[k] = {'dtype': 'F32', 'shape': list(v.shape), 'data_offsets': [at, at + v.nbytes]}
        at += v.nbytes
    text = json.dumps(head).encode()
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for v in tensors.values():
            f.write(np.ascontiguousarray(v, '<f4').tobytes())


def features(weights, *more):
    out = os.path.join(folder, 'f.npy')
    r = subprocess.run([assay, 'features', '--weights', weights, '--data', photos, '--limit', '2', '-q', '-o', out, *more], capture_output=True, text=True)
    return (hashlib.sha256(open(out, 'rb').read()).hexdigest(), '') if r.returncode == 0 else (None, r.stderr.strip())


bad = n = 0
for name, e in sorted(json.load(open(os.path.join(folder, 'expect.json'))).items()):
    if e.get('headfile') or 'refused' in e or (only and name not in only):
        continue
    tensors = dict(np.load(os.path.join(folder, name + '.expect.npz')))
    for k in list(tensors):
        if k.startswith(('fc.', 'head.')):
            del tensors[k]
    given = ['--recipe', e['recipe_given']] if 'recipe_given' in e else []
    plain = os.path.join(folder, 'plain.safetensors')
    preset = e.get('preset', 'imagenet-bilinear')
    flat(plain, tensors, e['arch'], preset)
    a, why_a = features(os.path.join(folder, name), '--preset', preset, *given)
    b, why_b = features(plain)
    ok = a is not None and a == b
    n += 1
    bad += not ok
    print('ok  ' if ok else 'FAIL', name, (a or why_a)[:200], '' if ok else (b or why_b)[:200], flush=True)
print(f'{n - bad} equal, {bad} failed')
sys.exit(bad > 0)
