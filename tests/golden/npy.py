#!/usr/bin/env python3
"""Writes tests/golden/npy/*.npy with NumPy: one small array in every dtype and order that is read.

    python3 tests/golden/npy.py
"""
import os
import numpy as np
from numpy.lib import format as fmt

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'npy')
os.makedirs(here, exist_ok=True)
x = np.arange(24).reshape(2, 3, 4) - 5
for name in ['<f4', '>f4', '<f8', '<f2', '<i8', '>i4', '|u1', '<i2']:
    np.save(os.path.join(here, name.strip('<>|') + ('be' if name[0] == '>' else '') + '.npy'), np.abs(x).astype(name))
np.save(os.path.join(here, 'fortran.npy'), np.asfortranarray(np.abs(x).astype('<f4')))
np.save(os.path.join(here, 'scalar.npy'), np.float32(7))
np.save(os.path.join(here, 'empty.npy'), np.zeros((0, 4), '<f4'))
for v in [(2, 0), (3, 0)]:
    with open(os.path.join(here, f'v{v[0]}.npy'), 'wb') as f:
        fmt.write_array(f, np.abs(x).astype('<f4'), version=v)
np.save(os.path.join(here, 'object.npy'), np.array([{}, None], dtype=object), allow_pickle=True)
np.save(os.path.join(here, 'struct.npy'), np.zeros(2, dtype=[('a', '<f4'), ('b', '<i4')]))
