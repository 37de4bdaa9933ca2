#!/usr/bin/python3
"""hostile_checkpoints.py ASSAY [SECONDS MEBIBYTES]: writes files that mean harm and demands of `ASSAY inspect` that each is
refused (exit 3, one line on stderr) within the limits; prints the slowest and the largest. Meant for a build with
-fsanitize=address,undefined. Needs Python alone."""
import io, json, os, pickle, resource, struct, subprocess, sys, tarfile, tempfile, time, zipfile, zlib

assay = sys.argv[1]
limit_s, limit_mib = (float(sys.argv[2]), float(sys.argv[3])) if len(sys.argv) > 3 else (1.0, 100.0)
D = tempfile.mkdtemp(prefix='assay-hostile-')
cases = {}


def put(name, data):
    cases[name] = os.path.join(D, name)
    with open(cases[name], 'wb') as f:
        f.write(data)


# ---- pickles that would call something, in every container that holds pickles ----
def calling(module, name, arg='touch ' + D + '/ran', how='reduce'):
    g = f'c{module}\n{name}\n'.encode()
    a = b'X' + struct.pack('<I', len(arg)) + arg.encode()
    if how == 'reduce':
        return b'\x80\x02' + g + a + b'\x85R0}.'
    if how == 'inst':
        return b'(' + a + f'i{module}\n{name}\n'.encode() + b'0}.'
    if how == 'obj':
        return b'(' + g + a + b'o0}.'
    if how == 'newobj':
        return b'\x80\x02' + g + a + b'\x85\x810}.'
    if how == 'stack':
        s = lambda t: b'\x8c' + bytes([len(t)]) + t.encode()
        return b'\x80\x04' + s(module) + s(name) + b'\x93' + a + b'\x85R0}.'
    if how == 'value':  # as a tensor's place in the dict
        return b'\x80\x02}X\x01\0\0\0w' + g + a + b'\x85Rs.'


def torch_zip(pkl, records=None, root='archive', **more):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', more.get('method', zipfile.ZIP_STORED)) as z:
        z.writestr(root + '/data.pkl', pkl)
        z.writestr(root + '/version', b'3\n')
        for k, v in (records or {}).items():
            z.writestr(f'{root}/data/{k}', v)
    return out.getvalue()


MAGIC = pickle.dumps(0x1950a86a20f9469cfc6c, 2) + pickle.dumps(1001, 2) + pickle.dumps({'protocol_version': 1001, 'little_endian': True,
                                                                                       'type_sizes': {'short': 2, 'int': 4, 'long': 4}}, 2)


def tar_file(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.USTAR_FORMAT) as t:
        for n, b in members.items():
            i = tarfile.TarInfo(n)
            i.size = len(b)
            t.addfile(i, io.BytesIO(b))
    return out.getvalue()


for m, n in (('os', 'system'), ('posix', 'system'), ('nt', 'system'), ('builtins', 'eval'), ('builtins', 'exec'), ('__builtin__', 'eval'), ('subprocess', 'Popen'),
             ('runpy', 'run_path'), ('importlib', 'import_module'), ('builtins', 'getattr'), ('os', 'popen'), ('socket', 'socket'), ('shutil', 'rmtree'), ('pty', 'spawn'),
             ('webbrowser', 'open'), ('ctypes', 'CDLL')):
    put(f'call-{m}.{n}.pkl', calling(m, n))
for how in ('inst', 'obj', 'newobj', 'stack', 'value'):
    put(f'call-{how}.pkl', calling('os', 'system', how=how))
bad = calling('os', 'system', how='value')
put('call-zip.pth', torch_zip(bad))
put('call-zip-deflated.pth', torch_zip(bad, method=zipfile.ZIP_DEFLATED))
put('call-legacy.pth', MAGIC + bad + pickle.dumps([], 2))
put('call-legacy-sysinfo.pth', MAGIC[:MAGIC.rindex(b'\x80\x02')] + calling('os', 'system') + bad + pickle.dumps([], 2))
put('call-legacy-keys.pth', MAGIC + pickle.dumps({}, 2) + calling('os', 'system'))
put('call-tar.pth', tar_file({'sys_info': pickle.dumps({}, 2), 'pickle': bad, 'storages': pickle.dumps(0, 2), 'tensors': pickle.dumps(0, 2)}))
put('call-tar-storages.pth', tar_file({'sys_info': pickle.dumps({}, 2), 'pickle': pickle.dumps({}, 2), 'storages': calling('os', 'system'), 'tensors': pickle.dumps(0, 2)}))
inner = torch_zip(bad)
out = io.BytesIO()
with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr('x/model.pth.tar', inner)
put('call-zip-in-zip.zip', out.getvalue())

# ---- bombs ----
laugh = b'\x80\x02]q\0' + b''.join(b'](h' + bytes([i]) + b'h' + bytes([i]) + b'eq' + bytes([i + 1]) for i in range(60)) + b'.'
put('bomb-lists.pkl', laugh)
put('bomb-tuples.pth', torch_zip(b'\x80\x02)' + b''.join(b'q' + bytes([i]) + b'h' + bytes([i]) + b'\x86' for i in range(100)) + b'.'))
put('bomb-dict.pkl', b'\x80\x02}q\0' + b''.join(b'}(K\1h' + bytes([i]) + b'K\2h' + bytes([i]) + b'uq' + bytes([i + 1]) for i in range(60)) + b'.')
put('bomb-strings.pkl', b'\x80\x02X' + struct.pack('<I', 1 << 20) + b'a' * (1 << 20) + b'q\0](' + b'h\0' * 200000 + b'e.')
put('bomb-self.pkl', b'\x80\x02]q\0h\0a.')
put('bomb-names.pkl', b'\x80\x02}' + b''.join(b'X' + struct.pack('<I', 4) + b'%04d}' % i for i in range(600)) + b's' * 600 + b'.')
for op, n in ((b'N', 1), (b']', 1), (b'}', 1), (b')', 1), (b'(', 1), (b'\x8f', 1), (b'2', 1), (b'\x94', 1)):
    put(f'flood-{op[0]:02x}.pkl', b'\x80\x04' + b'N' * n + op * (8 << 20) + b'.')
put('deep-tuples.pkl', b'\x80\x02]' + b'\x85' * 1000000 + b'.')
put('deep-lists.pth', torch_zip(b'\x80\x02' + b']' * 100000 + b'a' * 99999 + b'.'))
put('deep-dicts.pkl', b'\x80\x02' + b'}K\1' * 100000 + b'N' + b's' * 100000 + b'.')
put('deep-marks.pkl', b'\x80\x02' + b'(' * 1000000 + b'.')
put('deep-persid.pkl', b'\x80\x02N' + b'Q' * 1000000 + b'.')
put('deep-reduce.pkl', b'\x80\x02' + b'ca\nb\n' + b')R' * 500000 + b'.')
put('memo-huge.pkl', b'\x80\x02Nr\xff\xff\xff\xff.')
put('memo-text.pkl', b'Np99999999999999999999\n.')
put('long-huge.pkl', b'\x80\x02\x8b\xff\xff\xff\x7f.')
put('long-negative.pkl', b'\x80\x02\x8b\xff\xff\xff\xff.')
put('string-beyond.pkl', b'\x80\x02X\xff\xff\xff\xffabc.')
put('bytes8-beyond.pkl', b'\x80\x05\x8e' + b'\xff' * 8 + b'abc.')
put('frame-beyond.pkl', b'\x80\x04\x95' + b'\xff' * 7 + b'\x7f.')

# ---- tensors that reach outside their storage ----
T = lambda s: b'X' + struct.pack('<I', len(s)) + s.encode()
I = lambda v: b'\x8a\x08' + int(v).to_bytes(8, 'little', signed=True)


def tensor(numel=6, offset=0, size=(2, 3), stride=(3, 1), cls='FloatStorage', key='0', legacy=False):
    tup = lambda v: b'(' + b''.join(I(x) for x in v) + b't'
    pid = b'(' + T('storage') + f'ctorch\n{cls}\n'.encode() + T(key) + T('cpu') + I(numel) + (b'N' if legacy else b'') + b'tQ'
    return b'\x80\x02}' + T('w') + b'ctorch._utils\n_rebuild_tensor_v2\n(' + pid + I(offset) + tup(size) + tup(stride) + b'\x89ccollections\nOrderedDict\n)RtRs.'


rec = {'0': bytes(24)}
for name, t in (('numel-larger', tensor(numel=7)), ('numel-huge', tensor(numel=1 << 62)), ('numel-wraps', tensor(numel=(1 << 62) + 6)), ('numel-smaller', tensor(numel=5)),
                ('numel-negative', tensor(numel=-1)), ('offset-beyond', tensor(offset=1)), ('offset-huge', tensor(offset=(1 << 63) - 1)), ('offset-negative', tensor(offset=-1)),
                ('stride-beyond', tensor(stride=(4, 1))), ('stride-huge', tensor(stride=(1 << 62, 1))), ('stride-negative', tensor(stride=(-3, 1))),
                ('size-huge', tensor(size=(1 << 40, 1 << 40))), ('size-wraps', tensor(size=(1 << 32, 1 << 32), stride=(0, 0))), ('size-negative', tensor(size=(-2, 3))),
                ('rank-9', tensor(size=(1,) * 9, stride=(1,) * 9)), ('rank-mismatch', tensor(size=(2, 3), stride=(1,))), ('storage-missing', tensor(key='7')),
                ('storage-climbs', tensor(key='../../etc/passwd'))):
    put(f'tensor-{name}.pth', torch_zip(t, rec))
put('tensor-setitem.pth', torch_zip(b'\x80\x02}' + T('w') + tensor()[3:-2].split(T('w'), 1)[1] + b'K\0K\1ss.', rec))
put('legacy-numel.pth', MAGIC + tensor(legacy=True) + pickle.dumps(['0'], 2) + struct.pack('<q', 1 << 60) + bytes(24))
put('legacy-short.pth', MAGIC + tensor(legacy=True) + pickle.dumps(['0'], 2) + struct.pack('<q', 6) + bytes(20))
put('legacy-tail.pth', MAGIC + tensor(legacy=True) + pickle.dumps(['0'], 2) + struct.pack('<q', 6) + bytes(25))
put('legacy-negative.pth', MAGIC + tensor(legacy=True) + pickle.dumps(['0'], 2) + struct.pack('<q', -6) + bytes(24))

# ---- zip archives on which readers disagree ----
good = torch_zip(tensor(), rec)
cd = good.index(b'PK\x01\x02')
first, third = good.index(b'PK\x03\x04'), good.rindex(b'PK\x03\x04')


def patch(at, data, base=good):
    return base[:at] + data + base[at + len(data):]


put('zip-name-differs.pth', patch(third + 30, b'archive/data/1'))
put('zip-bad-crc.pth', patch(third + 30 + 14 + 5, b'\x01'))
last_cd = good.rindex(b'PK\x01\x02')
put('zip-bad-crc-field.pth', patch(last_cd + 16, b'\1\2\3\4', patch(third + 14, b'\1\2\3\4')))
for name, flag in (('encrypted', 1), ('strong', 0x40), ('masked', 0x2000), ('patched', 0x20)):
    put(f'zip-{name}.pth', patch(last_cd + 8, struct.pack('<H', flag), patch(third + 6, struct.pack('<H', flag))))
put('zip-encrypted-central-only.pth', patch(last_cd + 8, struct.pack('<H', 1)))
put('zip-overlap.pth', patch(last_cd + 42, struct.pack('<I', first)))
mid = good.index(b'PK\x01\x02', cd + 4)
put('zip-same-data.pth', patch(last_cd + 42, good[mid + 42:mid + 46]))
put('zip-size-beyond.pth', patch(last_cd + 20, struct.pack('<II', 1 << 30, 1 << 30)))
put('zip-size-differs.pth', patch(last_cd + 20, struct.pack('<II', 20, 20)))
put('zip-offset-beyond.pth', patch(last_cd + 42, struct.pack('<I', 0x7fffffff)))
put('zip-method.pth', patch(last_cd + 10, struct.pack('<H', 14), patch(third + 8, struct.pack('<H', 14))))
end = good.rindex(b'PK\x05\x06')
put('zip-count.pth', patch(end + 8, struct.pack('<HH', 60000, 60000)))
put('zip-disks.pth', patch(end + 4, struct.pack('<H', 1)))
put('zip-directory-size.pth', patch(end + 12, struct.pack('<I', 0x7fffffff)))
put('zip-directory-offset.pth', patch(end + 16, struct.pack('<I', 0x7fffffff)))
put('zip-prefix.pth', b'#!/bin/sh\nexit\n' + good)
put('zip-tail.pth', good + b'tail')
put('zip-truncated.pth', good[:-30])
put('zip-climbs.pth', torch_zip(tensor(), rec, root='../archive'))
out = io.BytesIO()
import warnings
warnings.simplefilter('ignore')
with zipfile.ZipFile(out, 'w') as z:
    for _ in range(2):
        z.writestr('a/data.pkl', tensor())
    z.writestr('a/data/0', rec['0'])
put('zip-twice.pth', out.getvalue())
out = io.BytesIO()
with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr('a/data.pkl', b'\x80\x02' + b'N0' * (50 << 20) + b'}.')
put('zip-bomb-pickle.pth', out.getvalue())
out = io.BytesIO()
with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr('a/data.pkl', tensor(numel=1 << 26, size=(1 << 26,), stride=(1,)))
    z.writestr('a/data/0', bytes(24))
b = bytearray(out.getvalue())
at, cat = b.rindex(b'PK\x03\x04'), b.rindex(b'PK\x01\x02')
b[at + 22:at + 26] = b[cat + 24:cat + 28] = struct.pack('<I', 1 << 28)
put('zip-inflate-lies.pth', bytes(b))
z64 = patch(last_cd + 20, b'\xff' * 8)
put('zip-zip64-missing.pth', z64)
nest = torch_zip(tensor(), rec)
for i in range(4):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        z.writestr('inner.pth', nest)
    nest = out.getvalue()
put('zip-nested.zip', nest)

# ---- safetensors ----


def st(header, data=b'', n=None):
    h = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(h) if n is None else n) + h + data


t1 = lambda s, a, b, d='F32': {'dtype': d, 'shape': s, 'data_offsets': [a, b]}
put('st-overlap.safetensors', st({'a': t1([2], 0, 8), 'b': t1([2], 4, 12)}, bytes(12)))
put('st-ten-on-one.safetensors', st({f't{i}': t1([100], 0, 400) for i in range(10)}, bytes(400)))
put('st-hole.safetensors', st({'a': t1([1], 0, 4), 'b': t1([1], 8, 12)}, bytes(12)))
put('st-tail.safetensors', st({'a': t1([1], 0, 4)}, bytes(5)))
put('st-short.safetensors', st({'a': t1([1], 0, 4)}, bytes(3)))
put('st-duplicate.safetensors', st(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', bytes(8)))
put('st-duplicate-field.safetensors', st(b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)))
for name, shape in (('wrap-2', [2, (1 << 64) - 2]), ('wrap-3', [2, (1 << 63) - 1]), ('wrap-4', [1 << 32, 1 << 32]), ('wrap-5', [(1 << 62) + 1, 4]), ('negative', [-1]),
                    ('float', [1.5]), ('rank', [1] * 9), ('text', ['1'])):
    put(f'st-shape-{name}.safetensors', st({'a': t1(shape, 0, 16)}, bytes(16)))
put('st-offsets-reversed.safetensors', st({'a': t1([1], 4, 0)}, bytes(4)))
put('st-offsets-huge.safetensors', st({'a': t1([1], (1 << 63), (1 << 63) + 4)}, bytes(4)))
put('st-dtype.safetensors', st({'a': t1([1], 0, 4, 'OBJECT')}, bytes(4)))
put('st-header-beyond.safetensors', st({'a': t1([1], 0, 4)}, bytes(4), n=1 << 40))
put('st-header-wraps.safetensors', st({'a': t1([1], 0, 4)}, bytes(4), n=(1 << 64) - 8))
path = cases['st-header-over-100MB.safetensors'] = os.path.join(D, 'st-header-over-100MB.safetensors')
with open(path, 'wb') as f:
    f.write(struct.pack('<Q', 100000001) + b'{')
    f.truncate(100000100)
put('st-header-deep.safetensors', st(b'{"a":' + b'[' * 100000 + b']' * 100000 + b'}'))
put('st-header-deep-open.safetensors', st(b'{' + b'"a":{' * 100000))
put('st-header-utf8.safetensors', st(b'{"\xff\xfe":1}'))
put('st-header-list.safetensors', st(b'[1,2]'))
put('st-header-huge-number.safetensors', st(b'{"a":{"dtype":"F32","shape":[' + b'9' * 100000 + b'],"data_offsets":[0,4]}}', bytes(4)))
put('st-header-many.safetensors', st(b'{' + b','.join(b'"%x":0' % i for i in range(1000000)) + b'}'))
put('st-meta-number.safetensors', st({'__metadata__': {'a': 1}, 'a': t1([1], 0, 4)}, bytes(4)))
put('st-shards-climb.json', json.dumps({'weight_map': {'a': '../../../etc/passwd'}}).encode())

# ---- arrays ----


def npy(header, data=b'', ver=b'\1\0'):
    return b'\x93NUMPY' + ver + struct.pack('<H', len(header)) + header + data


def npz(a):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        z.writestr('w.npy', a)
    return out.getvalue()


put('npz-object.npz', npz(npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", calling('os', 'system'))))
put('npz-shape.npz', npz(npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967297), }\n", bytes(4))))
put('npz-call.npz', npz(npy(b"{'descr': __import__('os').system('x'), 'fortran_order': False, 'shape': (1,), }\n", bytes(4))))
put('npz-header.npz', npz(b'\x93NUMPY\1\0\xff\xff{'))
put('tar-sizes.pth', tar_file({'sys_info': pickle.dumps({}, 2), 'pickle': pickle.dumps({}, 2),
                               'storages': pickle.dumps(1, 2) + pickle.dumps((1, 'cpu', None), 2) + struct.pack('<q', 1 << 60), 'tensors': pickle.dumps(0, 2)}))
t = bytearray(tar_file({'pickle': b'x'}))
t[124:136] = b'77777777777\0'
put('tar-member-beyond.pth', bytes(t))
put('tf-index.index', os.urandom(40) + b'\0' * 40 + struct.pack('<Q', 0xdb4775248b80fb57))
put('empty.pth', b'')
put('html.pth', b'<!DOCTYPE html><html>Not Found</html>')

# The files that all of these are made from are good: what refuses everything would pass otherwise.
for name, data in (('good.pth', good), ('good-legacy.pth', MAGIC + tensor(legacy=True) + pickle.dumps(['0'], 2) + struct.pack('<q', 6) + bytes(24)),
                   ('good.safetensors', st({'a': t1([1], 0, 4)}, bytes(4))), ('good.npz', npz(npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n", bytes(4))))):
    path = os.path.join(D, name)
    open(path, 'wb').write(data)
    r = subprocess.run([assay, 'inspect', path], capture_output=True, text=True)
    if r.returncode != 0:
        sys.exit(f'{name} is good and was refused: {r.stderr}')
    os.unlink(path)

bad = 0
worst_t, worst_m = (0, ''), (0, '')
env = dict(os.environ, ASAN_OPTIONS='detect_leaks=1:abort_on_error=0:exitcode=99', UBSAN_OPTIONS='halt_on_error=1:exitcode=99')
for name, path in cases.items():
    p = os.pipe()
    t0 = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(p[1], 2)
        os.close(p[0])
        os.execve(assay, [assay, 'inspect', path], env)
    os.close(p[1])
    text = b''
    while True:
        more = os.read(p[0], 65536)
        if not more:
            break
        text += more
    os.close(p[0])
    _, status, usage = os.wait4(pid, 0)
    cpu, wall, mib = usage.ru_utime + usage.ru_stime, time.monotonic() - t0, usage.ru_maxrss / 1024
    code = os.waitstatus_to_exitcode(status)
    worst_t, worst_m = max(worst_t, (cpu, name)), max(worst_m, (mib, name))
    ok = code == 3 and text.count(b'\n') == 1 and cpu < limit_s and mib < limit_mib
    if not ok:
        print(f'FAIL {name}: exit {code}, {cpu:.2f} s, {mib:.0f} MiB: {text[:300].decode(errors="replace")!r}')
    elif '-v' in sys.argv:
        print(f'ok   {name}: {cpu:.2f} s {mib:.0f} MiB {text[:160].decode(errors="replace")!r}')
    bad += not ok
    os.unlink(path)
if os.path.exists(D + '/ran'):
    print('FAIL something was run')
    bad += 1
else:
    os.rmdir(D)
print(f'{len(cases)} files, {len(cases) - bad} refused within {limit_s:g} s and {limit_mib:g} MiB; slowest {worst_t[0]:.2f} s ({worst_t[1]}), largest {worst_m[0]:.0f} MiB ({worst_m[1]})')
sys.exit(bad > 0)
