#!/usr/bin/python3
"""PNG against Pillow's convert("RGB"). Needs python3-pil and python3-numpy.

usage: check_png.py FOLDER ...      files below a folder called "corrupt" must be refused, all others must be equal"""
import sys, warnings
import numpy as np
from PIL import Image
from imagelib import decode, err, files

warnings.simplefilter("ignore")
equal = differ = refused = accepted = 0
for f in (f for f in files(sys.argv[1:]) if f.endswith(".png")):
    got = decode(open(f, "rb").read())
    if "/corrupt/" in f:
        refused += got is None
        accepted += got is not None
        if got is not None:
            print("accepted:", f)
        continue
    same = got is not None and np.array_equal(got, np.asarray(Image.open(f).convert("RGB")))
    equal += same
    differ += not same
    if not same:
        print("differs:", f, err.msg.decode() if got is None else "")
print(f"valid files = Pillow's: {equal} equal, {differ} differ; corrupt files: {refused} refused, {accepted} accepted")
sys.exit(1 if differ or accepted or not equal else 0)
