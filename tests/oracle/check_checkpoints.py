#!/usr/bin/python3
"""check_checkpoints.py READER FOLDER: every checkpoint that make_checkpoints.py wrote into FOLDER must be recognised
unaided, and its tensors must come out bit for bit. READER is the program built from read_checkpoint.c."""
import json, os, subprocess, sys
import numpy as np

reader, folder = sys.argv[1:3]


def safetensors(path):
    raw = open(path, 'rb').read()
    n = int.from_bytes(raw[:8], 'little')
    head = json.loads(raw[8:8 + n])
    return {k: np.frombuffer(raw[8 + n + v['data_offsets'][0]:8 + n + v['data_offsets'][1]], {'F32': '<f4', 'F16': '<f2', 'I64': '<i8'}[v['dtype']]).reshape(v['shape'])
            for k, v in head.items() if k != '__metadata__'}


bad = n = 0
for name, e in sorted(json.load(open(os.path.join(folder, 'expect.json'))).items()):
    out = os.path.join(folder, 'out.safetensors')
    if os.path.exists(out):
        os.remove(out)
    problems, n = [], n + 1

    def run(*more):
        r = subprocess.run([reader, os.path.join(folder, name), out, *more], capture_output=True, text=True)
        return r.returncode, dict(line.split('\t', 1) for line in r.stdout.splitlines()), r.stderr

    code, got, log = run('head') if e.get('headfile') else run()
    if 'refused' in e:
        good = code == 3 and e['refused'] in got.get('error', '')
        print('ok  ' if good else 'FAIL', name, '-> refused:' if good else '-> wanted a refusal:', got.get('error', '')[:150])
        bad += not good
        continue
    if 'recipe_given' in e:
        if code != 3 or 'fit several recipes' not in got.get('error', ''):
            problems.append(f'wanted a refusal that names the candidates, got {code} {got}')
        code, got, log = run(e['recipe_given'])
    if code != 0:
        problems.append(f'exit {code}: {got.get("error")} {log}')
    elif not e.get('headfile'):
        if e['recipe'] and got['recipe'] != e['recipe']:
            problems.append(f'recipe {got["recipe"]}, wanted {e["recipe"]}')
        if got['arch'] != e['arch']:
            problems.append(f'arch {got["arch"]}, wanted {e["arch"]}')
        if e['assumed'] and e['assumed'] not in got['assumed']:
            problems.append(f'assumed "{got["assumed"]}" does not speak of {e["assumed"]}')
        if not e['assumed'] and got['assumed'] and 'recipe_given' not in e:
            problems.append(f'assumed "{got["assumed"]}", wanted nothing')
    if code == 0:
        have, want = safetensors(out), dict(np.load(os.path.join(folder, name + '.expect.npz')))
        if set(have) != set(want):
            problems.append(f'tensors differ: missing {sorted(set(want) - set(have))[:3]}, surplus {sorted(set(have) - set(want))[:3]}')
        for k in set(have) & set(want):
            if e.get('half'):
                have[k] = have[k].astype(np.float32)
            if have[k].shape != want[k].shape or have[k].tobytes() != want[k].tobytes():
                problems.append(f'{k}: {have[k].shape} is not {want[k].shape} bit for bit')
                break
    print('ok  ' if not problems else 'FAIL', name, '->', got.get('recipe', got.get('container')), *problems[:3], sep=' ')
    bad += bool(problems)
print(f'{n - bad} of {n} as wanted, {bad} failed')
sys.exit(bad > 0)
