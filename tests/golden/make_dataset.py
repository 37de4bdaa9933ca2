#!/usr/bin/env python3
"""The digest in tests/unit/test_dataset.c of a tar of class folders, by Python's tarfile.

usage: make_dataset.py ARCHIVE.tar data/sets/lists/imagenet-1k.txt
Lists the members sorted by name (bytes), and hashes "name class size\n" and the bytes of each.
"""
import hashlib
import sys
import tarfile

wnids = [line.strip() for line in open(sys.argv[2]) if line.strip() and not line.startswith("#")]
with tarfile.open(sys.argv[1]) as tar:
    members = sorted((m for m in tar.getmembers() if m.isfile()), key=lambda m: m.name.encode())
    total = hashlib.sha256()
    for m in members:
        data = tar.extractfile(m).read()
        total.update(f"{m.name} {wnids.index(m.name.split('/')[0])} {len(data)}\n".encode())
        total.update(data)
print(members[0].name, len(members), total.hexdigest())
