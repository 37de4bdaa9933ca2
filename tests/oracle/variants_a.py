#!/usr/bin/python3
"""variants_a.py [KIND...] [--assay build/assay] [--seed N] [-v]: comparisons and numbers that mean something else than they seem to.

Makes small inputs of eight kinds, at least ten variants of each, by the seed, and asks of each whether the number is right or
the doubt is said. Prints per kind how many were right, said (a remark, a mark or a refusal that names the matter) and silent:
there must be none of these (exit 1).

  A1 models of one column that choose among different classes        A5 top-5 of k-NN counts classes with a vote
  A2 test images in the training set, images twice                   A6 the probe's minimum, or `converged: false`
  A3 labels against names, orders of classes                         A7 columns of published tables
  A4 a data set in a data set; no labels at all                      A8 second networks, pooled patches, no final norm

Needs numpy, Pillow, and PyTorch for A8 (checkpoints in it are written by it)."""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import probe_minimum

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("kinds", nargs="*")
ap.add_argument("--assay", default="build/assay")
ap.add_argument("--seed", type=int, default=1)
ap.add_argument("-v", action="store_true", help="every variant, with what was said")
args = ap.parse_args()
ASSAY = os.path.abspath(args.assay)
rng = np.random.default_rng(args.seed)
random.seed(args.seed)
tmp = tempfile.TemporaryDirectory(prefix="assay-variants-")
os.chdir(tmp.name)
counts = {}


def assay(*a):
    done = subprocess.run([ASSAY, *map(str, a)], capture_output=True, text=True, errors="replace")
    return done.returncode, done.stdout, done.stderr


def note(kind, name, right, said, detail=""):
    """right: the number is the one it should be; said: or its doubt is in the words."""
    verdict = "right" if right else "said" if said else "SILENT"
    counts.setdefault(kind, {"right": 0, "said": 0, "SILENT": 0})[verdict] += 1
    if args.v or verdict == "SILENT":
        print(f"{verdict:6} {kind} {name}: {' | '.join(detail.split(chr(10)))[-300:]}", flush=True)


def has(text, *words):
    return any(w in text for w in words)


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def picture(path, seed, size=32, fmt=None):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path, format=fmt)


PRESET = "imagenet-bilinear,resize=32,crop=32"


def net():
    if not os.path.exists("net.safetensors"):
        code, _, err = assay("init", "--arch", "resnet_demo", "--seed", 1, "-o", "net.safetensors", "-q")
        assert code == 0, err
    return "net.safetensors"


def features(data, out, *more):
    return assay("features", "--weights", net(), "--preset", PRESET, "--data", data, "-o", out, *more)


def rows_file(path, x, labels, names=None, classes=None):
    np.save(path, np.asarray(x, np.float32))
    with open(path[:-4] + ".tsv", "w") as f:
        f.write("row\tname\tlabel\t" + ("class\t" if classes else "") + "status\n")
        for i, y in enumerate(labels):
            f.write(f"{i}\t{names[i] if names else f'{i}.png'}\t{y}\t" + (f"{classes[i]}\t" if classes else "") + "ok\n")


def world():
    """Eight classes of eight noisy images each, for learning and for testing."""
    if os.path.exists("learn"):
        return
    colours = np.random.default_rng(7).integers(40, 216, (8, 3))
    for part, first in (("learn", 0), ("test", 100)):
        for c in range(8):
            for i in range(8):
                p = colours[c] + np.random.default_rng(1000 * c + first + i).integers(-40, 40, (32, 32, 3))
                path = f"{part}/class{c}/{part}_{i}.png"
                os.makedirs(os.path.dirname(path), exist_ok=True)
                Image.fromarray(p.astype(np.uint8)).save(path)
    write("classes.txt", "".join(f"class{c}\n" for c in range(8)))


def plan(name, sets, models):
    """Runs it with --check and for good; what was said, exit code, its folder."""
    text = ""
    for kind, entries in (("dataset", sets), ("model", models)):
        for key, values in entries.items():
            text += f"[{kind} {key}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items())
    write(name + ".plan", text)
    shutil.rmtree(name + ".out", ignore_errors=True)
    check = assay("run", name + ".plan", "--check")
    code, out, err = assay("run", name + ".plan", "-o", name + ".out")
    return check[1] + check[2], out + err, code


MODEL = {"weights": "net.safetensors", "preset": PRESET, "head": "probe"}


# --- A1 ----------------------------------------------------------------------------------------------------------


def a1():
    world(), net()
    features("learn", "l.npy", "--classes", "classes.txt", "-q")
    x, t = np.load("l.npy"), [line.split("\t") for line in open("l.tsv").read().split("\n")[1:-1]]
    for n in (2, 3, 4, 5, 6, 7):
        for how in ("probe", "file", "knn") if n in (3, 6) else ("probe",):
            few = sorted(random.sample(range(8), n))
            shutil.rmtree("few", ignore_errors=True)
            for c in few:
                shutil.copytree(f"learn/class{c}", f"few/class{c}")
            sets = {"val": {"path": "test", "classes": "classes.txt"}, "all": {"path": "learn", "classes": "classes.txt", "role": "train"}}
            wide, narrow = dict(MODEL, train="all"), dict(MODEL)
            if how == "file":
                keep = [i for i, r in enumerate(t) if int(r[2]) in few]
                rows_file("k.npy", x[keep], [t[i][2] for i in keep], classes=[t[i][3] for i in keep])
                assay("probe", "--train", "k.npy", "-o", "k.safetensors", "-q")
                narrow["head"] = "k.safetensors"
            else:
                sets["few"] = {"path": "few", "classes": "classes.txt", "role": "train"}
                narrow.update(train="few", head=how)
            if how == "file":
                wide.pop("train")
            check, said, code = plan("a1", sets, {"wide": wide, "narrow": narrow})
            page = said + (open("a1.out/table.txt").read() if os.path.exists("a1.out/table.txt") else "")
            note("A1", f"{n} of 8 by {how}", False, code == 3 or has(check, "chooses among") and has(page, f"among {n}", f"{n} classes", "apart", "common"), check + page)
    for other in (9, 12):  # heads of more classes than the set has
        rows_file("m.npy", rng.normal(size=(4 * other, x.shape[1])), [i % other for i in range(4 * other)])
        assay("probe", "--train", "m.npy", "-o", "m.safetensors", "-q")
        check, said, code = plan("a1", {"val": {"path": "test", "classes": "classes.txt"}}, {"m": dict(MODEL, head="m.safetensors")})
        note("A1", f"a head of {other} classes on 8", False, code != 0 and has(said, "classes"), said)


# --- A2 ----------------------------------------------------------------------------------------------------------


def a2():
    world(), net()

    def one(name, change, head="probe"):
        shutil.rmtree("l2", ignore_errors=True), shutil.rmtree("t2", ignore_errors=True)
        shutil.copytree("learn", "l2"), shutil.copytree("test", "t2")
        sets = {"val": {"path": "t2", "classes": "classes.txt"}, "tr": {"path": "l2", "classes": "classes.txt", "role": "train"}}
        change(sets)
        check, said, code = plan("a2", sets, {"m": dict(MODEL, head=head)})
        record = open("a2.out/record.json").read() if os.path.exists("a2.out/record.json") else ""
        note("A2", name, False, has(said, "are in the training set", "more than once", " too (", "share") and '"same_bytes"' in record, said)

    copy = lambda n, to: [shutil.copy(f"t2/class{c}/test_0.png", f"l2/class{c}/{to}{c}.png") for c in range(n)]

    def again(n, fmt, **how):
        for c in range(n):
            Image.open(f"t2/class{c}/test_1.png").save(f"l2/class{c}/x{c}.{fmt}", **how)

    one("the same folder", lambda s: s["tr"].update(path="t2"))
    one("the same folder, k-NN", lambda s: s["tr"].update(path="t2"), "knn")
    one("one image under another name", lambda s: copy(1, "q"))
    one("an image of each class", lambda s: copy(8, "q"))
    one("links", lambda s: [os.symlink(os.path.abspath(f"t2/class{c}/test_2.png"), f"l2/class{c}/ln.png") for c in range(3)])
    one("other compression", lambda s: again(4, "png", compress_level=1))
    one("in another class", lambda s: shutil.copy("t2/class0/test_0.png", "l2/class5/z.png"))

    def packed(s):
        with tarfile.open("t2.tar", "w") as t:
            t.add("t2", "t2")
        shutil.copy("t2/class1/test_3.png", "l2/class1/zz.png")
        s["val"]["path"] = "t2.tar"

    one("in an archive", packed)
    one("twice in the test set", lambda s: shutil.copy("t2/class0/test_0.png", "t2/class0/zz.png"))
    one("twice, under two labels", lambda s: shutil.copy("t2/class0/test_0.png", "t2/class3/zz.png"))

    def two(s):
        shutil.rmtree("t3", ignore_errors=True), shutil.copytree("t2", "t3")
        s["other"] = {"path": "t3", "classes": "classes.txt"}

    one("two sets of the same images", two)
    for k, (half, names, n) in enumerate(((False, True, 4), (False, False, 1), (True, True, 10), (False, False, 30))):
        x, y = rng.normal(size=(40, 16)).astype(np.float32), [i % 4 for i in range(40)]
        test = np.concatenate([x[:n], rng.normal(size=(20, 16))]).astype(np.float32)
        rows_file("tr.npy", x, y, names=[f"a/{i}" for i in range(40)])
        rows_file("te.npy", test, [i % 4 for i in range(n + 20)], names=[f"a/{i}" if names and i < n else f"b/{i}" for i in range(n + 20)])
        if half:
            np.save("te.npy", test.astype(np.float16))
        for command in ("knn", "probe"):
            code, out, err = assay(command, "--train", "tr.npy", "--test", "te.npy", "--json")
            seen = json.loads(out)["in_train"]["rows"] if code == 0 else -1
            note("A2", f"{command} on rows of both files, {k}", False, seen == n and has(err, f"{n} of {n + 20} test rows are training rows"), err)


# --- A3 ----------------------------------------------------------------------------------------------------------

FIRST_VAL = [65, 970, 230, 809, 516, 57, 334, 415, 674, 332]  # of ILSVRC2012_val_00000001 ...


def a3():
    net()
    for n, wrong in ((1, 1), (2, 1), (3, 3), (5, 2), (10, 1), (10, 10)):
        shutil.rmtree("flat", ignore_errors=True)
        labels = FIRST_VAL[:n]
        for i in range(n):
            picture(f"flat/ILSVRC2012_val_{i + 1:08d}.JPEG", i, fmt="JPEG")
        for i in range(wrong):
            labels[i] = (labels[i] + 1 + i) % 1000
        write("labels.txt", "".join(f"{y}\n" for y in labels))
        for how in ("features", "classify") if n == 3 else ("features",):
            more = ["-o", "f.npy"] if how == "features" else ["--predictions", "p.tsv"]
            code, out, err = assay(how, "--weights", net(), "--preset", PRESET, "--task", "imagenet-val", "--data", "flat", "--labels", "labels.txt", *more)
            note("A3", f"{how}: {wrong} of {n} official labels changed", False, has(err, "ILSVRC2012_val_"), err)
    wnids = ["n01440764", "n01443537", "n01484850", "n01491361"]
    for w in wnids:
        picture(f"four/{w}/a.png", int(w[1:]))
    x = rng.normal(size=(40, 8)) + np.repeat(np.eye(8)[:4] * 6, 10, 0)
    y = np.repeat(np.arange(4), 10)
    for k in range(4):  # feature files whose classes come in another order
        turn = rng.permutation(4) if k else np.array([1, 0, 2, 3])
        while (turn == np.arange(4)).all():
            turn = rng.permutation(4)
        names = k % 2 == 0
        rows_file("tr.npy", x, y, names=[f"{wnids[c]}/{i}" for i, c in enumerate(y)], classes=[wnids[c] for c in y] if names else None)
        rows_file("te.npy", x + rng.normal(size=x.shape) * 0.1, turn[y], names=[f"{wnids[c]}/t{i}" for i, c in enumerate(y)],
                  classes=[wnids[c] for c in y] if names else None)
        for command in ("knn", "probe"):
            code, out, err = assay(command, "--train", "tr.npy", "--test", "te.npy", "--json")
            right = code == 0 and json.loads(out)["top1_correct"] == 40
            note("A3", f"{command}: classes in another order, {'named' if names else 'by folder'}", right and has(err, "by name"), has(err, "number their classes"), err)
    for k, folders in enumerate((range(11), range(1, 12), [0, 2, 10, 20], [1, 5, 11, 100])):  # numbers as folders: two orders
        shutil.rmtree("num", ignore_errors=True)
        for f in folders:
            picture(f"num/{f}/a.png", f)
        code, out, err = features("num", "n.npy")
        note("A3", f"folders {list(folders)[:4]}...", False, code != 0 or has(err, "by-value", "by value", "by text", "by-text", "order"), err)


# --- A4 ----------------------------------------------------------------------------------------------------------


def a4():
    net()
    for k, inner in enumerate(("images", "val", "data", "imgs", "ILSVRC/val", "train", "JPEGImages", "all", "a/b/c")):
        shutil.rmtree("outer", ignore_errors=True)
        for i in range(4):
            picture(f"outer/{inner}/{i}.png", i)
        code, out, err = features("outer", "f.npy")
        labels = {line.split("\t")[2] for line in open("f.tsv").read().split("\n")[1:-1]} if code == 0 else set()
        note("A4", f"{inner}/*.png", code == 0 and labels <= {"", "-"}, code == 3, err)
        code, out, err = assay("classify", "--weights", net(), "--preset", PRESET, "--data", "outer", "--head", "head.safetensors")
    rows_file("h.npy", rng.normal(size=(40, np.load("f.npy").shape[1])), [i % 4 for i in range(40)])
    assay("probe", "--train", "h.npy", "-o", "head.safetensors", "-q")
    for k, make in enumerate(("flat", "tar", "one")):
        shutil.rmtree("flat", ignore_errors=True)
        for i in range(1 if make == "one" else 3):
            picture(f"flat/{i}.png", i)
        with tarfile.open("flat.tar", "w") as t:
            t.add("flat", "flat")
        code, out, err = assay("classify", "--weights", net(), "--preset", PRESET, "--head", "head.safetensors", "--data", "flat.tar" if make == "tar" else "flat")
        note("A4", f"no labels: {make}", False, code == 3 and has(err, "label"), out + err)


# --- A5 ----------------------------------------------------------------------------------------------------------


def a5():
    for k in (1, 2, 3, 4, 5, 6, 10, 20, 60, 200):
        n, d, classes = 60, 12, 12
        x, q = rng.normal(size=(n, d)).astype(np.float32), rng.normal(size=(30, d)).astype(np.float32)
        y, z = rng.integers(0, classes, n), rng.integers(0, classes, 30)
        rows_file("tr.npy", x, y), rows_file("te.npy", q, z)
        a = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1)[:, None]
        b = q.astype(np.float64) / np.linalg.norm(q.astype(np.float64), axis=1)[:, None]
        want = 0
        for row, own in zip(b @ a.T, z):
            near = np.argsort(-row, kind="stable")[:k]
            votes = np.zeros(classes)
            np.add.at(votes, y[near], np.exp(row[near] / 0.07))
            want += own in [c for c in np.argsort(-votes, kind="stable")[:5] if votes[c] > 0]
        code, out, err = assay("knn", "--train", "tr.npy", "--test", "te.npy", "-k", k, "--json", "-q")
        got = json.loads(out)["top5_correct"] if code == 0 else -1
        note("A5", f"k = {k}: {got}, wanted {want}", got == want, code != 0, err)


# --- A6 ----------------------------------------------------------------------------------------------------------


def a6():
    for k, (n, d, classes, spread, scale) in enumerate(((200, 8, 3, 1.0, 1.0), (120, 30, 4, 0.5, 1.0), (60, 80, 3, 1.0, 20.0), (300, 10, 6, 3.0, 0.1))):
        y = np.arange(n) % classes
        x = ((rng.normal(size=(classes, d)) * spread)[y] + rng.normal(size=(n, d))) * scale + 3
        rows_file("p.npy", x, y)
        problem, w = probe_minimum.Problem(np.load("p.npy"), y), np.zeros((classes, min(n, d) + 1))
        w = np.zeros((classes, problem.x.shape[1]))
        for e in (-6, -2, 0, 2, 4, 6):
            least, w = problem.minimum(10.0**e, w)
            code, out, err = assay("probe", "--train", "p.npy", "--c", 10.0**e, "--json", "-o", "p.safetensors")
            fit = json.loads(out)["fit"] if code == 0 else {"converged": False}
            far = problem.loss_of_head(*probe_minimum.read_head("p.safetensors"), 10.0**e) / least - 1
            note("A6", f"set {k}, C = 1e{e}: {far:.1e} above", far <= 3e-7, not fit["converged"] and "did not converge" in err, err)


# --- A7 ----------------------------------------------------------------------------------------------------------


def a7():
    rows = [("swav", 75.3, 62.5, 34.2), ("dino", 75.2, 62.3, 33.8), ("moco", 71.1, 58.0, 30.1)]

    def table(head, line, name, sets=("val", "v2", "r"), sep=","):
        write("t.csv", head + "\n" + "".join(line(i, r) + "\n" for i, r in enumerate(rows)))
        code, out, err = assay("table", "t.csv", "--format", "csv")
        found = {x.split(",")[1] for x in out.split("\n")[1:] if x.count(",") > 3}
        text = assay("table", "t.csv", "--ascii")[1]
        note("A7", name, code == 0 and found == set(sets), code == 3 or (code == 0 and found <= set(sets) and "left out" in err + text), f"{sorted(found)} {err}")

    plain = lambda r: ",".join(map(str, r))
    table(",model,val,v2,r", lambda i, r: f"{i}," + plain(r), "pandas' index")
    table("model,val,v2,r,", lambda i, r: plain(r) + ",", "a trailing comma")
    table("model,,val,v2,r", lambda i, r: f"{r[0]},{i}," + plain(r[1:]), "a column without a name between")
    table("Unnamed: 0,model,val,v2,r", lambda i, r: f"{i}," + plain(r), "pandas' index read again")
    table("model,params,val,v2,r", lambda i, r: f"{r[0]},{25.5 + i}," + plain(r[1:]), "parameters")
    table("model,val,v2,r,epochs", lambda i, r: plain(r) + f",{100 * (i + 1)}", "epochs")
    table("model,val,v2,r,rank", lambda i, r: plain(r) + f",{i + 1}", "ranks")
    table("model,val,v2,r,mean", lambda i, r: plain(r) + f",{sum(r[1:]) / 3:.2f}", "a mean")
    table("model,val,v2,r,year", lambda i, r: plain(r) + ",2020", "years")
    table("model,val,v2,r,gflops", lambda i, r: plain(r) + f",{4.1 + i}", "flops")
    table("model,val,v2,r,link", lambda i, r: plain(r) + ",http://x", "text")
    table("id,model,val,v2,r", lambda i, r: f"{i + 7}," + plain(r), "ids")
    table("model,img_size,val,v2,r", lambda i, r: f"{r[0]},224," + plain(r[1:]), "image sizes")
    table("model;val;v2;r", lambda i, r: ";".join(str(v).replace(".", ",") for v in r), "semicolons, decimal commas")
    long = ["imagenet-validation-matched-a", "imagenet-validation-matched-b", "imagenet-validation-matched-c"]
    write("t.csv", "model," + ",".join(long) + "\n" + "".join(plain(r) + "\n" for r in rows))
    code, out, err = assay("table", "t.csv", "--ascii", "--width", 60)
    heads = next((line.split() for line in out.split("\n") if line.lstrip().startswith("model")), [])
    note("A7", "long names stay distinct when shortened", len(heads) > 2 and len(set(heads)) == len(heads), code == 3, " ".join(heads) or out)


# --- A8 ----------------------------------------------------------------------------------------------------------


def a8():
    import torch

    from torchvision.models import resnet18

    torch.manual_seed(args.seed)
    for i in range(2):
        picture(f"img/a{i}/0.png", i)
    make = lambda: resnet18(num_classes=2).eval().state_dict()
    one, two = make(), make()
    write("two.txt", "a0\na1\n")

    def look(name, obj, *words):
        torch.save(obj, "w.pth")
        for command, more in (("features", ["-o", "f.npy"]), ("convert", None), ("classify", [])):
            if command == "convert":
                code, out, err = assay("convert", "w.pth", "o.safetensors")
            else:
                code, out, err = assay(command, "--weights", "w.pth", "--data", "img", "--classes", "two.txt", "--preset", PRESET, *more)
            note("A8", f"{command}: {name}", False, code == 3 or has(out + err, *words), err)

    for a, b in (("state_dict", "state_dict_ema"), ("model", "model_ema"), ("model", "ema"), ("state_dict", "model"),
                 ("model", "ema_state_dict"), ("student", "teacher"), ("net", "net_ema")):
        look(f"{a} and {b}", {a: one, b: two}, "assumed", "left out")
    d = 64
    vit = lambda **k: {n: torch.randn(s) * 0.1 for n, s in {
        "cls_token": (1, 1, d), "pos_embed": (1, 17, d), "patch_embed.proj.weight": (d, 3, 8, 8), "patch_embed.proj.bias": (d,),
        **{f"blocks.{i}.{n}": s for i in range(2) for n, s in {
            "norm1.weight": (d,), "norm1.bias": (d,), "norm2.weight": (d,), "norm2.bias": (d,), "attn.qkv.weight": (3 * d, d),
            "attn.qkv.bias": (3 * d,), "attn.proj.weight": (d, d), "attn.proj.bias": (d,), "mlp.fc1.weight": (4 * d, d),
            "mlp.fc1.bias": (4 * d,), "mlp.fc2.weight": (d, 4 * d), "mlp.fc2.bias": (d,)}.items()},
        "norm.weight": (d,), "norm.bias": (d,), "head.weight": (2, d), "head.bias": (2,)}.items()}
    pooled = lambda: {n.replace("norm.weight", "fc_norm.weight") if n == "norm.weight" else "fc_norm.bias" if n == "norm.bias" else n: v for n, v in vit().items()}
    bare = lambda: {n: v for n, v in vit().items() if not n.startswith("norm.")}
    for wrap in ("", "model", "state_dict"):
        put = lambda s: {wrap: s} if wrap else s
        look(f"fc_norm{' in ' + wrap if wrap else ''}", put(pooled()), "mean")
        look(f"no final norm{' in ' + wrap if wrap else ''}", put(bare()), "norm")


for kind, fn in (("A1", a1), ("A2", a2), ("A3", a3), ("A4", a4), ("A5", a5), ("A6", a6), ("A7", a7), ("A8", a8)):
    if args.kinds and kind not in args.kinds:
        continue
    fn()
    c = counts[kind]
    print(f"{kind}: {sum(c.values())} variants: {c['right']} right, {c['said']} said, {c['SILENT']} silent", flush=True)
silent = sum(c["SILENT"] for c in counts.values())
print(f"{sum(sum(c.values()) for c in counts.values())} variants, {silent} silent")
sys.exit(1 if silent else 0)
