#!/usr/bin/env python3
"""Runs made wrong on purpose with a real ResNet-50 and photographs, and what `assay doctor` says about them.

  /usr/bin/python3 tests/oracle/check_doctor.py ASSAY SHARED [CASE...]

SHARED/data holds the weights, photos and labels that tests use (tests/README.md). Needs PyTorch, some minutes
and 0.5 GB below $TMPDIR. Ends with "N of N named".
"""
import os, random, subprocess, sys, tempfile
import torch

assay, shared = sys.argv[1], os.path.join(sys.argv[2], "data")
only = sys.argv[3:]
tmp = tempfile.TemporaryDirectory(prefix="assay-doctor-")
at = lambda name: os.path.join(tmp.name, name)
weights = os.path.join(shared, "weights", "resnet50_caffe_in1k.zip.pth")
os.symlink(os.path.join(shared, "photos"), at("photos"))
os.symlink(weights, at("w.pth"))

state = torch.load(weights, map_location="cpu")
state = state.get("state_dict", state)
# the original took its images in the order B, G, R
torch.save({k: v.flip(1).contiguous() if k == "conv1.weight" else v for k, v in state.items()}, at("bgr.pth"))
torch.save({"weight": state["fc.weight"], "bias": state["fc.bias"]}, at("head.pth"))
# two networks in one file, the good one under the name of the momentum encoder
g = torch.Generator().manual_seed(1)
both = {"module.queue": torch.zeros(128, 16), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}
for k, v in state.items():
    if k.startswith("fc."):
        continue
    both["module.encoder_k." + k] = v
    both["module.encoder_q." + k] = v * (1 + 0.25 * torch.randn(v.shape, generator=g)) if v.dim() > 1 else v
for s in "qk":
    for name, shape in (("0.weight", (2048, 2048)), ("0.bias", (2048,)), ("2.weight", (128, 2048)), ("2.bias", (128,))):
        both["module.encoder_%s.fc.%s" % (s, name)] = torch.zeros(shape)
torch.save({"state_dict": both, "epoch": 800, "arch": "resnet50"}, at("twin.pth.tar"))

read = lambda name: [line.strip() for line in open(os.path.join(shared, "labels", name))]
class_of = {w: i for i, w in enumerate(read("imagenet_synsets.txt"))}
photos = sorted(os.listdir(at("photos")))
place = {c: i for i, c in enumerate(sorted(range(1000), key=str))}
with open(at("text.txt"), "w") as f:
    for p in photos:
        f.write("%s %d\n" % (p, place[class_of[p.split("_")[0]]]))
os.mkdir(at("r"))
renditions = set(read("imagenet_r_synsets.txt"))
for p in photos:
    if p.split("_")[0] in renditions:
        os.symlink(at("photos/" + p), at("r/" + p))
# photographs under the names of val's images of their classes, labelled by another numbering
os.mkdir(at("val"))
random.seed(3)
ids = list(range(1000))
random.shuffle(ids)
photo_of = {class_of[p.split("_")[0]]: p for p in photos}
labels = []
for i, c in enumerate(int(x) for x in read("ilsvrc2012_val_labels_0based.txt")):
    if c in photo_of and len(labels) < 60:
        os.symlink(at("photos/" + photo_of[c]), at("val/ILSVRC2012_val_%08d.JPEG" % (i + 1)))
        labels.append("%d\n" % ids[c])
open(at("ids.txt"), "w").write("".join(labels))

CASES = [  # name, dataset, model, images, what must be named ("" = nothing)
    ("right", "path = photos\nlimit = 60", "weights = w.pth", 40, ""),
    ("normalisation", "path = photos\nlimit = 60",
     "weights = w.pth\npreset = caffe,caffe=0,mean=0.485:0.456:0.406,std=0.229:0.224:0.225", 40, "CAUSE  normalisation: mean 123.7"),
    ("filter", "path = photos\nlimit = 60", "weights = w.pth\npreset = caffe,filter=bicubic", 40, "CAUSE  filter: filter bilinear"),
    ("crop", "path = photos\nlimit = 60", "weights = w.pth\npreset = caffe,resize=448", 40, "CAUSE  crop: resize 256"),
    ("bgr", "path = photos\nlimit = 150", "weights = bgr.pth\nrecipe = resnet50_caffe", 100, "CAUSE  BGR"),
    ("text", "path = photos\nlimit = 60\nlabels = text.txt", "weights = w.pth", 40, "CAUSE  V2 folder order"),
    ("ids", "path = val\nlabels = ids.txt", "weights = w.pth", 40, "ids of the ILSVRC2012"),
    ("mask", "path = r", "weights = w.pth", 79, "CAUSE  not masked: these are the "),
    ("twin", "path = photos\nlimit = 60",
     "weights = twin.pth.tar\nrecipe = moco-v2\narch = resnet50:stride=v1,eps=1e-3\npreset = caffe\nhead = head.pth", 40,
     "CAUSE  weights: the network called encoder_k"),
]
good = tried = 0
for name, data, model, images, want in CASES:
    if only and name not in only:
        continue
    tried += 1
    plan = at(name + ".plan")
    open(plan, "w").write("[dataset photos]\n%s\n[model r]\n%s\n" % (data, model))
    subprocess.run([assay, "run", plan, "-q"], check=True, stdout=subprocess.DEVNULL)
    run = subprocess.run([assay, "doctor", at(name + ".out"), "--images", str(images), "-q"], capture_output=True, text=True)
    causes = [line.strip() for line in run.stdout.splitlines() if " CAUSE  " in line]
    ok = (run.returncode == 0 and not causes) if not want else (run.returncode == 1 and len(causes) == 1 and want in causes[0])
    good += ok
    print("%s %s: %s" % ("ok" if ok else "not ok", name, "; ".join(causes) or run.stderr.strip() or "nothing found"), flush=True)
print("%d of %d named" % (good, tried))
sys.exit(good != tried)
