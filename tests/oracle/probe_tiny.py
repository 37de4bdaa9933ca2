#!/usr/bin/python3
"""Linear probe on Tiny-ImageNet's validation images as PyTorch, Pillow and scikit-learn compute it, to hold against

    assay features --weights W --data T --preset P --per-class 0:40 -o train.npy     (and 40:50 -o test.npy)
    assay probe --train train.npy --test test.npy --c C

usage: probe_tiny.py WEIGHTS TAR [--resize 256] [--crop 224] [--c 1.0] [--assay TRAIN.npy TEST.npy] [--threads N]

WEIGHTS is the ResNet-50 v1 of the test data (stride in the first 1x1 of a stage, BatchNorm eps 1e-3, RGB minus the mean).
Prints one JSON line; with --assay also how far the two programs' features are apart (norm of the difference over norm)."""
import argparse
import io
import json
import tarfile
import time

import numpy as np
import torch
import torchvision
from PIL import Image
from sklearn.linear_model import LogisticRegression

MEAN = np.array([123.68, 116.779, 103.939], np.float32)


def model(path):
    net = torchvision.models.resnet50()
    for stage in (net.layer2, net.layer3, net.layer4):  # v1: the stride sits in the first convolution
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.eps = 1e-3
    net.load_state_dict(torch.load(path, map_location="cpu"))
    net.fc = torch.nn.Identity()
    return net.eval()


def pixels(data, resize, crop):
    im = Image.open(io.BytesIO(data)).convert("RGB")
    w, h = im.size  # the long side rounded, the crop's offset cut: how these weights are scored
    size = (resize, round(resize * h / w)) if w < h else (round(resize * w / h), resize)
    im = im.resize(size, Image.BILINEAR)
    x, y = (size[0] - crop) // 2, (size[1] - crop) // 2
    return (np.asarray(im.crop((x, y, x + crop, y + crop)), np.float32) - MEAN).transpose(2, 0, 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("weights")
    ap.add_argument("tar")
    ap.add_argument("--resize", type=int, default=256)
    ap.add_argument("--crop", type=int, default=224)
    ap.add_argument("--c", type=float, default=1.0)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--assay", nargs=2)
    ap.add_argument("--save", help="keep PyTorch's features as .npz")
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    net = model(a.weights)
    with tarfile.open(a.tar) as t:
        files = {m.name: t.extractfile(m).read() for m in t if m.isfile()}
    names = sorted(files, key=lambda n: n.encode())
    classes = sorted({n.split("/")[-2] for n in names})
    label = np.array([classes.index(n.split("/")[-2]) for n in names])
    x = np.empty((len(names), 2048), np.float32)
    with torch.no_grad():
        for i in range(0, len(names), 16):
            batch = np.stack([pixels(files[n], a.resize, a.crop) for n in names[i : i + 16]])
            x[i : i + 16] = net(torch.from_numpy(batch)).numpy()
    place = np.empty(len(names), int)  # of the image within its class
    for c in range(len(classes)):
        place[label == c] = np.arange((label == c).sum())
    train, test = place < 40, (place >= 40) & (place < 50)
    if a.save:
        np.savez(a.save, train=x[train], test=x[test], y_train=label[train], y_test=label[test])
    start = time.time()
    fit = LogisticRegression(C=a.c, max_iter=1000, tol=1e-4).fit(x[train], label[train])
    seconds = time.time() - start
    right = int((fit.predict(x[test]) == label[test]).sum())
    out = dict(resize=a.resize, crop=a.crop, c=a.c, n_train=int(train.sum()), n_test=int(test.sum()), top1_correct=right,
               top1=right / int(test.sum()), iterations=int(fit.n_iter_.max()), fit_seconds=round(seconds, 2))
    if a.assay:
        for name, part, path in (("train", train, a.assay[0]), ("test", test, a.assay[1])):
            mine = np.load(path)
            out["features_differ_" + name] = float(np.linalg.norm(mine - x[part]) / np.linalg.norm(x[part]))
    print(json.dumps(out))


main()
