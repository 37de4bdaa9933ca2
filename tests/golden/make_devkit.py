#!/usr/bin/env python3
"""Writes devkit_meta.mat and devkit_plain.mat beside itself, for tests/unit/test_devkit.c.

The shape of the ILSVRC2012 development kit's meta.mat (a struct array "synsets", one element per synset,
leaves first), with ids of our own: class c has id (7 c + 3) % 1000 + 1.
usage: make_devkit.py data/sets/lists/imagenet-1k.txt
"""
import os
import sys

import numpy as np
import scipy.io

HERE = os.path.dirname(os.path.abspath(__file__))
wnids = [line.strip() for line in open(sys.argv[1]) if line.strip() and not line.startswith("#")]
by_id = {(7 * c + 3) % 1000 + 1: w for c, w in enumerate(wnids)}
fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O"), ("children", "O")]


def synsets(ids):
    rows = np.zeros((len(ids), 1), dtype=fields)
    for k, i in enumerate(ids):
        leaf = i <= 1000
        rows[k, 0] = (np.float64(i), by_id.get(i, "n00001740"), "word %d" % i, np.uint8(0 if leaf else 2),
                      np.zeros((0, 0)) if leaf else np.array([1.0, 2.0]))
    return rows


scipy.io.savemat(os.path.join(HERE, "devkit_meta.mat"),
                 {"other": np.arange(5.0), "synsets": synsets(list(range(1, 1004)))}, do_compression=True)
scipy.io.savemat(os.path.join(HERE, "devkit_plain.mat"), {"synsets": synsets([1, 2, 1002])}, do_compression=False)
