#!/bin/sh
# Built-in plans, what --check says about missing files, and runs that lack models or sets.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
mkdir "$TMP/empty"
cd "$TMP/empty" || exit 1
run run --check ssl-lottery
[ $code -eq 3 ] && ok "plan: --check of the study without its files" || not_ok "plan: --check of the study without its files" "exit $code: $(cat "$TMP/err")"
for m in deepcluster-v2 sela-v2 swav simclr moco pcl byol simsiam obow dino barlow-twins vicreg; do
  grep -q "^PROBLEM  model $m: " "$TMP/out" || not_ok "plan: $m is missed" "$(head -c 300 "$TMP/out")"
done
[ "$(grep -c 'published at http' "$TMP/out")" -ge 20 ] && ok "plan: every missing file has its address" ||
  not_ok "plan: every missing file has its address" "$(grep -c 'published at http' "$TMP/out") addresses"
has "plan: heads have theirs" "swav_800ep_eval_linear.pth.tar: published at https://" "$TMP/out"
run info --plan ssl-lottery
cp "$TMP/out" "$TMP/own.plan"
[ "$(grep -c '^published' "$TMP/own.plan")" -eq 12 ] && ok "plan: twelve published figures" || not_ok "plan: twelve published figures" "$(grep -c '^published' "$TMP/own.plan")"
run run --check "$TMP/own.plan"
[ $code -eq 3 ] && has "plan: the printed plan is one" "PROBLEM  model vicreg: " "$TMP/out"
refuses "plan: no such plan" 3 "no built-in plan of that name (such as ssl-lottery); did you mean 'ssl-lottery'?" run ssl-lotery
[ "$(ls | wc -l)" -eq 0 ] && ok "plan: nothing is left behind" || not_ok "plan: nothing is left behind" "$(ls)"

A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "plan: demo" || not_ok "plan: demo" "exit $code: $(tail -3 "$TMP/err")"
cat >"$A/x.plan" <<'END'
[benchmark]
base = val
[dataset val]
path = world/val
classes = world/classes.txt
[dataset gone]
path = world/gone
[dataset train]
path = world/train
classes = world/classes.txt
role = train
[model a]
weights = weights/vit-a.safetensors
head = knn
published = 61.2
source = nobody
[model missing]
weights = weights/missing.pth
[model wrong]
weights = weights/vit-a.safetensors
head = knn
hash = sha256:0123456789
END
refuses "plan: a missing set ends the run" 3 "dataset gone: " run "$A/x.plan"
[ -e "$A/x.out" ] && not_ok "plan: before anything is written" "x.out exists" || ok "plan: before anything is written"
run run "$A/x.plan" --partial -q
[ $code -eq 3 ] && grep -q "3 models or sets are left out" "$TMP/err" && ok "plan: --partial runs what is there" ||
  not_ok "plan: --partial runs what is there" "exit $code: $(cat "$TMP/err")"
"$ASSAY" report "$A/x.out" --format json >"$A/x.out/table.json"
for f in table.txt table.csv report.html record.json table.json; do
  for why in "missing.pth" "gone" "0123456789"; do
    grep -q "$why" "$A/x.out/$f" || not_ok "plan: $f says what is left out" "no $why"
  done
done
ok "plan: outputs looked at"
has "plan: the record is not complete" '"complete": false' "$A/x.out/record.json"
has "plan: the published figure is recorded" '"published": 0.612' "$A/x.out/record.json"
works "plan: such a record verifies" verify "$A/x.out" -q
# the file comes: only what is new is computed, and the end is a whole run's
cp "$A/weights/resnet-a.safetensors" "$A/weights/missing.pth"
cp -r "$A/world/v2" "$A/world/gone"
sed 's/^hash = .*//; s/^\[dataset gone\]/[dataset gone]\nclasses = world\/classes.txt/; s/^weights = weights\/missing.pth/weights = weights\/missing.pth\nhead = knn/' "$A/x.plan" >"$A/y.plan"
cp -r "$A/x.out" "$A/y.out"
ls "$A/y.out/rows/"*.rows >/dev/null 2>&1 && ok "plan: the rows are kept" || not_ok "plan: the rows are kept" "none"
works "plan: with everything" run "$A/y.plan" --partial -q
works "plan: from nothing" run "$A/y.plan" -o "$A/z.out" -q
for r in y z; do sed '/"partial": true,/d; /"record_sha256":/d' "$A/$r.out/record.json" >"$TMP/$r.json"; done
same "plan: the same record" "$TMP/y.json" "$TMP/z.json"
same "plan: the same table" "$A/y.out/table.csv" "$A/z.out/table.csv"
exit $failed
