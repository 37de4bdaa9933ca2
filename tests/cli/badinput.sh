#!/bin/sh
# Files that are missing, damaged, foreign or do not fit: one line that names the file, the documented code.
. "${ASSAY_TESTS:-tests}/cli/common.inc"

# A small world to break: a seeded checkpoint and a few drawn pictures (the demo's own, cut down).
W=$TMP/w.safetensors
works "bad: init" init --arch vit_demo --seed 1 -o "$W"
"$ASSAY" init --arch resnet_demo --seed 1 -o "$TMP/r.safetensors" 2>/dev/null
mkdir -p "$TMP/d/ant" "$TMP/d/bee"
# 1x1 PNG, black
printf '\211PNG\r\n\032\n\000\000\000\rIHDR\000\000\000\001\000\000\000\001\010\002\000\000\000\220wS\336\000\000\000\014IDATx\234c```\000\000\000\004\000\001\366\0278U\000\000\000\000IEND\256B`\202' >"$TMP/dot.png"
cp "$TMP/dot.png" "$TMP/d/ant/1.png"
cp "$TMP/dot.png" "$TMP/d/ant/2.png"
cp "$TMP/dot.png" "$TMP/d/bee/1.png"
works "bad: features of whole images" features --weights "$W" --data "$TMP/d" -o "$TMP/f.npy" --json

# words from a list
refuses "bad: a subset, near" 2 "did you mean 'imagenet-a'?" classify --weights "$W" --data "$TMP/d" --subset imagnet-a
refuses "bad: a flavour, near" 2 "did you mean 'top-images'?" features --weights "$W" --data "$TMP/d" --flavour top-image -o "$TMP/g.npy"
refuses "bad: a head, near" 2 "did you mean 'own'?" classify --weights "$W" --data "$TMP/d" --head onw
refuses "bad: a head of plans" 2 "found 'prob', wanted own or a file of a head" classify --weights "$W" --data "$TMP/d" --head prob
refuses "bad: a plan, near" 3 "did you mean 'ssl-lottery'?" run ssl-lotery

# checkpoints
refuses "bad: checkpoint missing" 3 "none.pth" features --weights "$TMP/none.pth" --data "$TMP/d" -o "$TMP/g.npy"
: >"$TMP/empty.pth"
refuses "bad: checkpoint empty" 3 "empty.pth" features --weights "$TMP/empty.pth" --data "$TMP/d" -o "$TMP/g.npy"
head -c 5000 "$W" >"$TMP/short.safetensors"
refuses "bad: checkpoint cut short" 3 "short.safetensors" features --weights "$TMP/short.safetensors" --data "$TMP/d" -o "$TMP/g.npy"
refuses "bad: an image as checkpoint" 3 "dot.png" features --weights "$TMP/dot.png" --data "$TMP/d" -o "$TMP/g.npy"
refuses "bad: a folder as checkpoint" 3 "$TMP/d" features --weights "$TMP/d" --data "$TMP/d" -o "$TMP/g.npy"
refuses "bad: tensors that do not fit the architecture" 3 "w.safetensors" features --weights "$W" --arch vit_demo:depth=5 --data "$TMP/d" -o "$TMP/g.npy"
refuses "bad: tensors of another shape" 3 "w.safetensors" features --weights "$W" --arch vit_demo:dim=48 --data "$TMP/d" -o "$TMP/g.npy"
refuses "bad: no own classifier" 3 "w.safetensors" classify --weights "$W" --data "$TMP/d"
refuses "bad: unknown recipe" 2 "resnet50" features --weights "$W" --recipe resnet5O --data "$TMP/d" -o "$TMP/g.npy"
refuses "bad: head of another width" 3 "r.safetensors" classify --weights "$W" --head "$TMP/r.safetensors" --data "$TMP/d"

# data
refuses "bad: data missing" 3 "nowhere" features --weights "$W" --data "$TMP/nowhere" -o "$TMP/g.npy"
mkdir "$TMP/hollow"
refuses "bad: data empty" 3 "hollow" features --weights "$W" --data "$TMP/hollow" -o "$TMP/g.npy"
printf 'ant\nwasp\n' >"$TMP/classes.txt"
refuses "bad: a class folder that is no class" 3 "bee" features --weights "$W" --data "$TMP/d" --classes "$TMP/classes.txt" -o "$TMP/g.npy"
mkdir "$TMP/flat"
cp "$TMP/dot.png" "$TMP/flat/a.png"
cp "$TMP/dot.png" "$TMP/flat/b.png"
printf '0\n' >"$TMP/labels.txt"
refuses "bad: label list of the wrong length" 3 "labels.txt" features --weights "$W" --data "$TMP/flat" --labels "$TMP/labels.txt" -o "$TMP/g.npy"
printf '{"a": [0]' >"$TMP/real.json"
refuses "bad: ReaL labels that are no JSON" 3 "real.json" features --weights "$W" --data "$TMP/d" --real "$TMP/real.json" -o "$TMP/g.npy"
printf '{"a.png": [0], "b.png": [1]}' >"$TMP/real.json"
refuses "bad: ReaL labels without classes" 2 "want the list of classes that they number: --classes" features --weights "$W" --data "$TMP/flat" --real "$TMP/real.json" -o "$TMP/g.npy"
refuses "bad: unknown task" 2 "imagenet-val" features --weights "$W" --data "$TMP/d" --task imagenet-vol -o "$TMP/g.npy"
printf 'ustar' >"$TMP/x.tar"
refuses "bad: a tar that is none" 3 "x.tar" features --weights "$W" --data "$TMP/x.tar" -o "$TMP/g.npy"

# images
head -c 40 "$TMP/dot.png" >"$TMP/cut.png"
refuses "bad: image cut short" 3 "cut.png" decode "$TMP/cut.png" -o "$TMP/x.ppm"
refuses "bad: image missing" 3 "gone.jpg" decode "$TMP/gone.jpg" -o "$TMP/x.ppm"
refuses "bad: text as image" 3 "classes.txt" decode "$TMP/classes.txt" -o "$TMP/x.ppm"
[ -e "$TMP/x.ppm" ] && not_ok "bad: no output of a failed decode" "x.ppm exists" || ok "bad: no output of a failed decode"
[ -e "$TMP/g.npy" ] && not_ok "bad: no output of a failed run" "g.npy exists" || ok "bad: no output of a failed run"

# an unreadable image keeps its place, is listed and counted, and the exit code says so
cp "$TMP/cut.png" "$TMP/d/ant/1.png"
run features --weights "$W" --data "$TMP/d" -o "$TMP/h.npy" --json
[ $code -eq 3 ] && ok "bad: failed image, exit 3" || not_ok "bad: failed image, exit 3" "exit $code"
has "bad: failed image is counted" '"n_failed": 1' "$TMP/out"
grep -q '^0	ant/1.png	.*	failed: ' "$TMP/h.tsv" && ok "bad: failed image is listed" || not_ok "bad: failed image is listed" "$(cat "$TMP/h.tsv")"
[ "$(grep -c '	ok$' "$TMP/h.tsv")" -eq 2 ] && ok "bad: the others are there" || not_ok "bad: the others are there" "$(cat "$TMP/h.tsv")"
run features --weights "$W" --data "$TMP/d" -o "$TMP/h.npy" --lenient
[ $code -eq 0 ] && ok "bad: --lenient, exit 0" || not_ok "bad: --lenient, exit 0" "exit $code"

# feature files
refuses "bad: features missing" 3 "q.npy" knn --train "$TMP/q.npy" --test "$TMP/f.npy"
cp "$TMP/f.npy" "$TMP/alone.npy"
refuses "bad: features without .tsv" 3 "alone.tsv" knn --train "$TMP/alone.npy" --test "$TMP/f.npy"
head -c 200 "$TMP/f.npy" >"$TMP/cutf.npy"
cp "$TMP/f.tsv" "$TMP/cutf.tsv"
refuses "bad: features cut short" 3 "cutf.npy" probe --train "$TMP/cutf.npy" --test "$TMP/f.npy"

# output that cannot be written
refuses "bad: output folder missing" 4 "no/such" decode "$TMP/dot.png" -o "$TMP/no/such/x.ppm"

# plans
printf '[model m]\nweights = w.safetensors\n' >"$TMP/p1.plan"
refuses "bad: plan without data" 3 "p1.plan" run "$TMP/p1.plan"
printf '[dataset d]\npath = nowhere\n[model m]\nweights = w.safetensors\n' >"$TMP/p2.plan"
refuses "bad: plan with missing data" 3 "nowhere" run "$TMP/p2.plan"
printf '[dataset d]\npath = d\n[model m]\nweights = w.safetensors\nhead = gone.pth\n' >"$TMP/p3.plan"
refuses "bad: plan with a missing head" 3 "gone.pth" run "$TMP/p3.plan"
printf '[dataset d]\npath = d\n[model m]\nwieghts = w.safetensors\n' >"$TMP/p4.plan"
refuses "bad: plan with a wrong key" 3 "p4.plan:4: unknown key 'wieghts'; did you mean 'weights'?" run "$TMP/p4.plan"
refuses "bad: plan missing" 3 "p5.plan" run "$TMP/p5.plan"
refuses "bad: an image as plan" 3 "dot.png" run "$TMP/dot.png"
run run --check "$TMP/p2.plan"
[ $code -eq 3 ] && grep -q '^PROBLEM .*nowhere' "$TMP/out" && ok "bad: --check lists the problem" || not_ok "bad: --check lists the problem" "exit $code"
[ -e "$TMP/p2.out" ] && not_ok "bad: nothing is left of a refused run" "p2.out exists" || ok "bad: nothing is left of a refused run"
exit $failed
