#!/bin/sh
# A training from the command line: a checkpoint that says how it came about, and verify, which does it again: the same
# bytes on the drawn world and on given images, with other threads and after a cut; what differs is named.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
mkdir "$A"
TINY="--arch resnet18:blocks=1-1,base=4,stem=3x3s2 --size 16 --batch 16 --epochs 2"
WORLD=world:seed=3,size=32,per-class=2

# shellcheck disable=SC2086
works "pretrain: on a world that it draws" pretrain --method simclr $TINY --seed 7 --half --data $WORLD -o "$A/drawn" --threads 1 -q
W=$A/drawn/checkpoint.safetensors
works "pretrain: inspect reads the metadata" inspect "$W"
for text in "method = simclr" "seed = 7" "--data world:seed=3,size=32,classes=" "precision=float16" "temperature=0.1 "; do
  has "pretrain: the metadata say $text" "$text" "$TMP/out"
done
has "pretrain: weights are float16" "float16" "$TMP/out"
grep "running_var" "$TMP/out" | grep -q float32 && ok "pretrain: BatchNorm's statistics are float32" || not_ok "pretrain: BatchNorm's statistics are float32" "$(grep running_var "$TMP/out")"
[ "$(wc -l <"$A/drawn/log.tsv")" -eq 3 ] && ok "pretrain: a line an epoch in log.tsv" || not_ok "pretrain: a line an epoch in log.tsv" "$(cat "$A/drawn/log.tsv")"

has "pretrain: curves.svg shows the loss" ">loss</text>" "$A/drawn/curves.svg"
has "pretrain: and the k-NN accuracy" ">k-NN top-1, %</text>" "$A/drawn/curves.svg"

# The whole file as float32 is what the float16 one was rounded from: features agree to its precision.
# shellcheck disable=SC2086
works "pretrain: the same as float32" pretrain --method simclr $TINY --seed 7 --data $WORLD -o "$A/full" -q
big=$(wc -c <"$A/full/checkpoint.safetensors") small=$(wc -c <"$W")
[ "$small" -lt $((big * 3 / 4)) ] && ok "pretrain: --half is smaller" || not_ok "pretrain: --half is smaller" "$small and $big bytes"

# Moved away from its folder, it is trained again from its own words.
cp "$W" "$A/moved.safetensors"
run verify "$A/moved.safetensors" --threads 2 -q
if [ $code -eq 0 ] && grep -q "^verified: SimCLR trained again on 32 images (2 epochs, seed 7) gave the same file" "$TMP/out"; then
  ok "verify: a checkpoint on a drawn world"
else
  not_ok "verify: a checkpoint on a drawn world" "exit $code: $(cat "$TMP/out" "$TMP/err")"
fi
[ -e "$A/moved.verify" ] && not_ok "verify: leaves nothing" "$(ls "$A/moved.verify")" || ok "verify: leaves nothing"

# head-bn came later than checkpoints of MoCo and PCL: those do not name it, and a training without it writes what they hold.
for method in moco pcl; do
  set=head-bn=0,queue=32,group=8
  [ $method = moco ] || set=$set,clusters-1=4,clusters-2=0,clusters-3=0
  works "pretrain: $method, published head" pretrain --method $method $TINY --set "$set" --data $WORLD -o "$A/$method" -q
  run inspect "$A/$method/checkpoint.safetensors"
  grep "assay.training" "$TMP/out" | grep -q "head-bn" && not_ok "pretrain: $method does not name what older checkpoints lack" "$(grep assay.training "$TMP/out")" ||
    ok "pretrain: $method does not name what older checkpoints lack"
  works "verify: $method, head-bn is not named" verify "$A/$method/checkpoint.safetensors" -q
done

# A weight that was changed is named, and the words too.
tail -c 3 "$W" | od -An -tu1 >"$TMP/last"
last=$(($(awk '{print $1}' "$TMP/last") ^ 1))
{ head -c $(($(wc -c <"$W") - 3)) "$W"; printf "\\$(printf %o $last)"; tail -c 2 "$W"; } >"$A/other.safetensors"
run verify "$A/other.safetensors" -q
[ $code -eq 1 ] && grep -q "^[a-z0-9.]*\.[a-z_]*: [0-9a-f]* | [0-9a-f]*$" "$TMP/out" && grep -q "differs\|differ" "$TMP/err" && ok "verify: names the changed tensor" ||
  not_ok "verify: names the changed tensor" "exit $code: $(cat "$TMP/out" "$TMP/err")"
LC_ALL=C sed 's/"assay.seed": "7"/"assay.seed": "8"/' "$W" >"$A/words.safetensors"
run verify "$A/words.safetensors" -q
[ $code -eq 1 ] && grep -q "^assay.seed: 8 | 7$" "$TMP/out" && ok "verify: names the changed word" ||
  not_ok "verify: names the changed word" "exit $code: $(cat "$TMP/out" "$TMP/err")"

# Given images: verify must be told where they are, and that they are the same.
# shellcheck disable=SC2086
works "pretrain: on given images" pretrain --method byol $TINY --data "$A/drawn/world/train" --limit 20 -o "$A/given" -q
G=$A/given/checkpoint.safetensors
refuses "verify: wants to be told where the images are" 2 "say with --data" verify "$G" -o "$A/v"
works "verify: a checkpoint on given images" verify "$G" --data "$A/drawn/world/train" -o "$A/v" -q
refuses "verify: does not overwrite its checkpoint" 2 "holds the checkpoint itself" verify "$G" --data "$A/drawn/world/train" -o "$A/given"
cp -r "$A/drawn/world/train" "$A/others"
first=$(find "$A/others" -name '*.jpg' | sort | head -1)
cp "$(find "$A/others" -name '*.jpg' | sort | tail -1)" "$first"
refuses "verify: other images" 3 "found other images than those of that training" verify "$G" --data "$A/others" -o "$A/v2" -q
"$ASSAY" init --arch resnet_demo -o "$A/seeded.safetensors" -q
refuses "verify: a checkpoint that was not trained" 3 "found no assay.training" verify "$A/seeded.safetensors"

# Features that nobody trained are alike (a spread below the bound of a warning), and have not collapsed.
run pretrain --method untrained --epochs 1 --data world:seed=0,size=48,per-class=100 -o "$A/floor" -q
awk -F'\t' 'NR == 2 && $4 < 0.25 && $7 == "" { found = 1 } END { exit !found }' "$A/floor/log.tsv" && ok "pretrain: untrained is no collapse" ||
  not_ok "pretrain: untrained is no collapse" "$(cat "$A/floor/log.tsv")"

# Cut off at any moment: the same command ends with the same bytes.
# shellcheck disable=SC2086
for wait in 0.05 0.15 0.3; do
  "$ASSAY" pretrain --method simclr $TINY --seed 7 --half --data $WORLD -o "$A/cut" -q >/dev/null 2>&1 &
  pid=$!
  sleep $wait
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
done
# shellcheck disable=SC2086
run pretrain --method simclr $TINY --seed 7 --half --data $WORLD -o "$A/cut" -q
same "pretrain: killed three times, the same bytes" "$W" "$A/cut/checkpoint.safetensors"

# shellcheck disable=SC2086
refuses "pretrain: a world of unknown words" 2 "wanted seed=, size=, classes= or per-class=" pretrain --method simclr $TINY --data world:sides=3 -o "$A/none"
[ -e "$A/none" ] && not_ok "pretrain: leaves nothing behind" "$(ls "$A/none")" || ok "pretrain: leaves nothing behind"
exit $failed
