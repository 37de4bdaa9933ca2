#!/bin/sh
# The study in miniature and its parts: demo, resume after kill -9, signals, features, probe, k-NN, compare.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a

run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "flow: demo" || not_ok "flow: demo" "exit $code: $(tail -3 "$TMP/err")"
grep -q "seeded random weights" "$TMP/err" && grep -q "seeded random weights" "$TMP/out" && ok "flow: demo says that nobody trained it" ||
  not_ok "flow: demo says that nobody trained it" "$(head -c 300 "$TMP/out")"
for f in record.json table.txt table.csv report.html cells/vit-a--sketch.tsv demo.plan; do
  [ -s "$A/$f" ] && ok "flow: demo leaves $f" || not_ok "flow: demo leaves $f" "missing"
done
[ -e "$A/work" ] && not_ok "flow: nothing unfinished is left" "work/ exists" || ok "flow: nothing unfinished is left"
has "flow: the record is complete" '"complete": true' "$A/record.json"
has "flow: the record has its schema" '"schema": "assay.record/1"' "$A/record.json"
grep -q '<script' "$A/report.html" && not_ok "flow: report without script" "found <script" || ok "flow: report without script"

# the same plan by hand gives the same bytes; so do other threads and batches
run run "$A/demo.plan" -o "$TMP/b" --batch 3 --threads 1 -q
[ $code -eq 0 ] && ok "flow: run" || not_ok "flow: run" "exit $code: $(tail -3 "$TMP/err")"
for f in "$A"/cells/*.tsv; do
  cmp -s "$f" "$TMP/b/cells/$(basename "$f")" || not_ok "flow: cells do not depend on batch and threads" "$(basename "$f")"
done
ok "flow: cells compared"
grep -v '"threads"' "$TMP/b/record.json" >"$TMP/b.json"
same "flow: table.csv is the same" "$TMP/b/table.csv" "$A/table.csv"

# val and ReaL share one run of the backbone, and so their features
fa=$(grep -A13 '"dataset": "val"' "$A/record.json" | grep -m1 features_sha256)
fb=$(grep -A13 '"dataset": "real"' "$A/record.json" | grep -m1 features_sha256)
[ -n "$fa" ] && [ "$fa" = "$fb" ] && ok "flow: val and real share features" || not_ok "flow: val and real share features" "$fa $fb"
run run "$A/demo.plan" -o "$TMP/c" --check
[ $code -eq 0 ] && grep -q "6 sets in 5 runs" "$TMP/out" && ok "flow: --check tells the sharing" || not_ok "flow: --check tells the sharing" "$(head -c 400 "$TMP/out")"
[ -e "$TMP/c" ] && not_ok "flow: --check leaves nothing" "folder made" || ok "flow: --check leaves nothing"

# kill -9 at several moments, then the same command: the same bytes
"$ASSAY" run "$A/demo.plan" -o "$TMP/undisturbed" -q --threads 2 >/dev/null 2>&1
kills=0
for delay in 0.1 0.3 0.6 0.9 1.3; do
  "$ASSAY" run "$A/demo.plan" -o "$TMP/k" -q --threads 2 >/dev/null 2>&1 &
  pid=$!
  sleep $delay
  kill -9 $pid 2>/dev/null && kills=$((kills + 1))
  wait $pid 2>/dev/null
done
run run "$A/demo.plan" -o "$TMP/k" -q --threads 2
if [ $code -eq 0 ] && diff -r "$TMP/undisturbed" "$TMP/k" >"$TMP/diff"; then
  ok "flow: killed, resumed, the same bytes"
else
  not_ok "flow: killed, resumed, the same bytes" "exit $code, $kills kills, $(head -c 300 "$TMP/diff")"
fi
[ "$kills" -gt 0 ] && ok "flow: it was killed" || not_ok "flow: it was killed" "always too late"

# a signal: 75, and the same command ends with the same bytes
"$ASSAY" run "$A/demo.plan" -o "$TMP/s" -q --threads 2 >/dev/null 2>"$TMP/err" &
pid=$!
# the first rows are on their way: now
while kill -0 $pid 2>/dev/null && ! ls "$TMP/s/work/"*.rows >/dev/null 2>&1; do :; done
kill -TERM $pid 2>/dev/null
wait $pid
code=$?
[ $code -eq 75 ] && ok "flow: SIGTERM, exit 75" || not_ok "flow: SIGTERM, exit 75" "exit $code: $(cat "$TMP/err")"
[ -e "$TMP/s/record.json" ] && not_ok "flow: no record of a stopped run" "it exists" || ok "flow: no record of a stopped run"
run run "$A/demo.plan" -o "$TMP/s" -q --threads 2
if [ $code -eq 0 ] && diff -r "$TMP/undisturbed" "$TMP/s" >"$TMP/diff"; then ok "flow: stopped, resumed, the same bytes"; else
  not_ok "flow: stopped, resumed, the same bytes" "exit $code $(head -c 300 "$TMP/diff")"
fi

# the parts by hand: features, probe, head, classify agree with the run's cell
W=$A/weights/vit-a.safetensors
run features --weights "$W" --data "$A/world/train" --classes "$A/world/classes.txt" -o "$TMP/train.npy" -q
[ $code -eq 0 ] && ok "flow: features" || not_ok "flow: features" "exit $code: $(cat "$TMP/err")"
run features --weights "$W" --data "$A/world/val" --classes "$A/world/classes.txt" -o "$TMP/val.npy" -q --json
sha=$(sed -n 's/.*"features_sha256": "\(.*\)".*/\1/p' "$TMP/out")
has "flow: features as in the record" "$sha" "$A/record.json"
"$ASSAY" features --weights "$W" --data "$A/world/val" --classes "$A/world/classes.txt" -o "$TMP/val1.npy" -q --batch 1 --threads 1 >/dev/null
same "flow: features of batch 1 and 1 thread" "$TMP/val.npy" "$TMP/val1.npy"
"$ASSAY" features --weights "$W" --data "$A/world/val" --classes "$A/world/classes.txt" -o "$TMP/val2.npy" -q --batch 8 --threads 3 >/dev/null
same "flow: features of batch 8 and 3 threads" "$TMP/val.npy" "$TMP/val2.npy"
works "flow: probe" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --c 0.1 -o "$TMP/head.safetensors" --json -q
n=$(sed -n 's/.*"top1_correct": \([0-9]*\),/\1/p' "$TMP/out")
run classify --weights "$W" --head "$TMP/head.safetensors" --data "$A/world/val" --classes "$A/world/classes.txt" --json -q --predictions "$TMP/p.tsv"
[ $code -eq 0 ] && [ "$n" = "$(sed -n 's/.*"top1_correct": \([0-9]*\),/\1/p' "$TMP/out")" ] && ok "flow: classify with the probe's head" ||
  not_ok "flow: classify with the probe's head" "exit $code, $n: $(head -c 300 "$TMP/out" "$TMP/err")"
same "flow: the same predictions as the run" "$TMP/p.tsv" "$A/cells/vit-a--val.tsv"
works "flow: k-NN" knn --train "$TMP/train.npy" --test "$TMP/val.npy" --json -q
n=$(sed -n 's/.*"top1_correct": \([0-9]*\),/\1/p' "$TMP/out")
grep -A6 '"model": "vit-a-knn"' "$A/record.json" | grep -A6 '"dataset": "val"' | grep -q "\"top1_correct\": $n," &&
  ok "flow: k-NN as in the run" || not_ok "flow: k-NN as in the run" "$n"

# report: the same table from the record; runs side by side
run report "$A" --format csv
same "flow: report gives the table again" "$TMP/out" "$A/table.csv"
run report "$A" --format html -o "$TMP/again.html"
[ $code -eq 0 ] && grep -q "</html>" "$TMP/again.html" && ok "flow: report as a page" || not_ok "flow: report as a page" "exit $code: $(cat "$TMP/err")"
refuses "flow: report of one model twice: points to compare" 3 "assay compare A B pairs" report "$A" "$TMP/b"
refuses "flow: report of one model twice" 3 "model resnet-a is in another record" report "$A" "$TMP/b"
mkdir -p "$TMP/r1" "$TMP/r2"
sed 's/"resnet-a"/"resnet-z"/; s/"model": "resnet-a"/"model": "resnet-z"/; s/"vit-a"/"vit-z"/; s/"vit-a-knn"/"vit-z-knn"/' "$A/record.json" >"$TMP/r1/record.json"
run report "$A" "$TMP/r1" --format csv
[ $code -eq 0 ] && grep -q "^resnet-z" "$TMP/out" && grep -q "^resnet-a" "$TMP/out" && ok "flow: report of two runs" || not_ok "flow: report of two runs" "exit $code: $(head -c 300 "$TMP/err")"
sed '0,/"images_sha256": "[0-9a-f]/s//"images_sha256": "x/; s/"resnet-a"/"resnet-y"/' "$TMP/r1/record.json" | awk '/"role": "test"/ { t = 1 } t && /images_sha256/ && !d { sub(/: "./, ": \"z"); d = 1 } { print }' >"$TMP/r2/record.json"
refuses "flow: report of sets that differ" 3 "found another images_sha256" report "$A" "$TMP/r2"
mkdir -p "$TMP/r3/cells"
cp "$A/record.json" "$TMP/r3/"
cp "$A"/cells/* "$TMP/r3/cells/"
sed -i.bak '$d' "$TMP/r3/cells/vit-a--val.tsv"
refuses "flow: report of a cell that lost a row" 3 "vit-a--val.tsv" report "$TMP/r3"

# parts of a record: calibration and classes come from the tables of its images
for p in unified fates pairs differences calibration reliability classes top5; do
  run report "$A" --part $p --format csv
  [ $code -eq 0 ] && [ "$(wc -l <"$TMP/out")" -gt 3 ] && ok "flow: report --part $p" || not_ok "flow: report --part $p" "exit $code: $(head -c 300 "$TMP/err")"
done
run report "$A" --by-class --format json
[ $code -eq 0 ] && grep -q "whole classes" "$TMP/out" && ok "flow: report --by-class" || not_ok "flow: report --by-class" "exit $code"
for w in 80 60; do
  run report "$A" --width $w --ascii
  wide=$(awk -v w=$w 'length($0) > w' "$TMP/out" | head -1)
  [ $code -eq 0 ] && [ -z "$wide" ] && ok "flow: report fits $w columns" || not_ok "flow: report fits $w columns" "$wide"
  LC_ALL=C grep -q '[^ -~]' "$TMP/out" && not_ok "flow: report in ASCII ($w)" "other bytes" || ok "flow: report in ASCII ($w)"
done

# compare
cp -r "$A/cells" "$TMP/r1/cells" && (cd "$TMP/r1/cells" && for m in resnet-a vit-a vit-a-knn; do for f in $m--*; do [ -f "$f" ] && cp "$f" "$(echo "$f" | sed 's/^resnet-a-/resnet-z-/; s/^vit-a-knn-/vit-z-knn-/; s/^vit-a-/vit-z-/')"; done; done)
run compare "$A" "$TMP/r1"
[ $code -eq 1 ] && grep -q "^Paired: the first run" "$TMP/out" && grep -q "^vit-a  *vit-z" "$TMP/out" && ok "flow: compare pairs two records" ||
  not_ok "flow: compare pairs two records" "exit $code: $(tail -3 "$TMP/out")"
head -5 "$TMP/out" | tr '\n' ' ' | grep -q "^Of [0-9]* pairs on the same images, .* answers flipped between right and wrong" && ok "flow: compare begins with the answer" ||
  not_ok "flow: compare begins with the answer" "$(head -3 "$TMP/out")"
works "flow: compare, the same" compare "$A/record.json" "$A/record.json"
sed 's/"top1_correct": [0-9]*/"top1_correct": 99999/' "$A/record.json" >"$TMP/other.json"
run compare "$A/record.json" "$TMP/other.json"
[ $code -eq 1 ] && grep -q "cells\[resnet-a on val\].top1_correct" "$TMP/out" && ok "flow: compare names the field" ||
  not_ok "flow: compare names the field" "exit $code: $(head -c 300 "$TMP/out")"
works "flow: inspect a checkpoint" inspect "$W"
works "flow: inspect an image" inspect "$A/world/val/$(ls "$A/world/val" | head -1)/$(ls "$A/world/val/$(ls "$A/world/val" | head -1)" | head -1)"
works "flow: selftest" selftest
works "flow: bench" bench --net vits16 --batch 1 --seconds 0.01 --jsonl
has "flow: bench keys" '"unit": "img/s"' "$TMP/out"
has "flow: bench, the machine" '"bench": "machine", "cpu": "' "$TMP/out"
low=$(sed -n 's/.*"low": \([0-9.]*\),.*/\1/p' "$TMP/out") high=$(sed -n 's/.*"high": \([0-9.]*\),.*/\1/p' "$TMP/out")
value=$(sed -n 's/.*"value": \([0-9.]*\),.*/\1/p' "$TMP/out")
awk "BEGIN { exit !($low > 0 && $low <= $value && $value <= $high) }" && ok "flow: bench, median within its range" ||
  not_ok "flow: bench, median within its range" "$low $value $high"
read -r peak low high <<END
$(sed -n 's/.*"peak": \([0-9.e+]*\), "peak_low": \([0-9.e+]*\), "peak_high": \([0-9.e+]*\), .*/\1 \2 \3/p' "$TMP/out")
END
awk "BEGIN { exit !(0${low:-0} > 0 && 0${low:-0} <= 0${peak:-0} && 0${peak:-0} <= 0${high:-0}) }" && ok "flow: bench, the peak and its range" ||
  not_ok "flow: bench, the peak and its range" "$low $peak $high"
works "flow: bench of products" bench --gemm --seconds 0.01 --jsonl
has "flow: bench of products, keys" '"unit": "GFLOP/s"' "$TMP/out"
exit $failed
