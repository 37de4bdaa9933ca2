#!/bin/sh
# Runs made wrong on purpose, and what assay doctor says about them. tests/oracle/check_doctor.py does the same
# with a real network and photographs (BGR, masks, momentum weights, ids of the development kit).
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "doctor: demo" || not_ok "doctor: demo" "exit $code: $(tail -3 "$TMP/err")"
W=$A/weights/vit-a.safetensors
# a head that knows the images under test by heart: whatever is wrong then shows
"$ASSAY" features --weights "$W" --data "$A/world/train" --classes "$A/world/classes.txt" -o "$TMP/train.npy" -q >/dev/null
"$ASSAY" probe --train "$TMP/train.npy" --c 10000 -o "$A/head.safetensors" -q >/dev/null
mkdir "$A/flat"
i=0
for c in $(cat "$A/world/classes.txt"); do
  for f in "$A/world/train/$c/"*.jpg; do
    ln -s "$f" "$A/flat/${c}_$(basename "$f")"
    echo "${c}_$(basename "$f") $i"
  done
  i=$((i + 1))
done >"$TMP/labels"
preset=$(sed -n 's/.*"preset": "\(.*\)",/\1/p' "$A/record.json" | head -1)
# case NAME PRESET LABELS
case_of() {
  cat >"$A/$1.plan" <<END
[dataset flat]
path = flat
labels = $3
classes = world/classes.txt
[model vit]
weights = weights/vit-a.safetensors
head = head.safetensors
preset = $2
END
  run run "$A/$1.plan" -q
  [ $code -eq 0 ] || not_ok "doctor: run $1" "exit $code: $(cat "$TMP/err")"
  run doctor "$A/$1.out" --images 64 -q
}
# blames NAME TEXT: exactly one cause, with this text
blames() {
  if [ $code -eq 1 ] && [ "$(grep -c '^  [A-Z]* CAUSE' "$TMP/out")" -eq 1 ] && grep '^  [A-Z]* CAUSE' "$TMP/out" | grep -qF -- "$2"; then
    ok "doctor: $1"
  else
    not_ok "doctor: $1" "exit $code: $(grep -E 'CAUSE|recorded|nothing' "$TMP/out") $(cat "$TMP/err")"
  fi
}
cp "$TMP/labels" "$A/labels.txt"
case_of right "$preset" labels.txt
[ $code -eq 0 ] && grep -q "nothing found" "$TMP/out" && ok "doctor: a right run" || not_ok "doctor: a right run" "exit $code: $(grep -E 'CAUSE|recorded' "$TMP/out") $(cat "$TMP/err")"
has "doctor: predictions are made again" "64 images again: the recorded prediction 64 of 64 times" "$TMP/out"
case_of norm "$preset,mean=0,std=1" labels.txt
blames normalisation "normalisation: "
case_of filter "$(echo "$preset" | sed 's/filter=bilinear/filter=bicubic/')" labels.txt
# too little to be seen on a few images; that the run left its recipe is said all the same
blames filter "filter: filter bilinear, as its recipe says"
case_of crop "$preset,resize=120" labels.txt
blames crop "crop: resize "
awk '{ split("0 1 10 11 12 13 14 15 2 3 4 5 6 7 8 9", t, " "); for (i = 1; i <= 16; i++) if (t[i] == $2) print $1, i - 1 }' "$TMP/labels" >"$A/text.txt"
case_of text "$preset" text.txt
blames "folders sorted as text" "V2 folder order"
awk '{ print $1, ($2 + 1) % 16 }' "$TMP/labels" >"$A/one.txt"
case_of one "$preset" one.txt
blames "labels from 1" "class order: the labels count from 1"
awk '{ print $1, ($2 * 5 + 3) % 16 }' "$TMP/labels" >"$A/any.txt"
case_of any "$preset" any.txt
blames "any renumbering" "class order: the labels are a consistent renumbering"
"$ASSAY" init --arch "$(sed -n 's/^note = \(vit_demo[^ ]*\), .*/\1/p' "$A/demo.plan" | head -n 1)" --seed 99 -o "$W" -q
run doctor "$A/right.out" --images 16 -q
grep -q "the record cannot be re-made" "$TMP/out" && ok "doctor: other weights since" || not_ok "doctor: other weights since" "$(cat "$TMP/out")"
mkdir "$TMP/foreign" && sed 's|"assay.record/1"|"other.thing/9"|' "$A/any.out/record.json" >"$TMP/foreign/record.json"
for c in doctor report verify; do
  refuses "$c: a record of another kind" 3 'found schema "other.thing/9", wanted "assay.record/1"' $c "$TMP/foreign"
done
refuses "doctor: no such model" 2 "found no model 'x'" doctor "$A/any.out" --model x
refuses "doctor: a model, near" 2 "did you mean 'vit-a'?" doctor "$A" --model vit-aa
exit $failed
