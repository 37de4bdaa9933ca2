#!/bin/sh
# The promise of a record: other threads, instruction sets and builds give the same; whatever byte of the
# input changes is named: which image, which tensor, which line of the labels, which line of the plan.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a

# A small plan of its own: folders, a flat set with a label file, a head file, a probe.
run demo --untrained -o "$TMP/demo" --quick
[ $code -eq 0 ] && ok "verify: demo" || not_ok "verify: demo" "exit $code: $(tail -3 "$TMP/err")"
mkdir "$A"
cp -r "$TMP/demo/world" "$TMP/demo/weights" "$A/"
mkdir "$A/flat"
for f in "$A"/world/val/*/*.jpg; do
  cp "$f" "$A/flat/$(basename "$(dirname "$f")")_$(basename "$f")"
done
i=0
for f in "$A"/flat/*.jpg; do
  class=$(basename "$f" | sed 's/_.*//')
  echo "$(($(grep -n -m1 "^$class\$" "$A/world/classes.txt" | cut -d: -f1) - 1))"
done >"$A/labels.txt"
"$ASSAY" features --weights "$A/weights/vit-a.safetensors" --data "$A/world/train" --classes "$A/world/classes.txt" -o "$TMP/train.npy" -q >/dev/null
"$ASSAY" probe --train "$TMP/train.npy" -o "$A/head.safetensors" -q >/dev/null
cat >"$A/p.plan" <<'END'
[benchmark]
name = small

[dataset flat]
path = flat
labels = labels.txt
classes = world/classes.txt
[dataset real]
path = world/val
real = world/real.json
classes = world/classes.txt
[dataset train]
path = world/train
classes = world/classes.txt
role = train

[model vit]
weights = weights/vit-a.safetensors
head = head.safetensors
[model resnet]
weights = weights/resnet-a.safetensors
head = probe
c = 0.1
END
run run "$A/p.plan" -o "$A/out" --threads 1 -q
[ $code -eq 0 ] && ok "verify: a run with one thread" || not_ok "verify: a run with one thread" "exit $code: $(cat "$TMP/err")"
grep '"kernels"' "$A/out/record.json" | sed 's/^ */# the record was made with /'

works "verify: two threads, another batch" verify "$A/out" -o "$TMP/v" --threads 2 --batch 5 -q
for cpu in avx2; do # check-bits.sh goes through all of them
  ASSAY_CPU=$cpu "$ASSAY" verify "$A/out" -o "$TMP/v" --threads 2 -q >"$TMP/out" 2>"$TMP/err"
  code=$?
  if [ $code -eq 2 ] || [ $code -eq 4 ]; then
    skip "verify: with ASSAY_CPU=$cpu" "$(head -1 "$TMP/err")"
  elif [ $code -eq 0 ] && grep -q "^verified" "$TMP/out"; then
    ok "verify: with ASSAY_CPU=$cpu"
  else
    not_ok "verify: with ASSAY_CPU=$cpu" "exit $code: $(head -c 300 "$TMP/out" "$TMP/err")"
  fi
done
if [ -n "${ASSAY_SERIAL:-}" ]; then
  "$ASSAY_SERIAL" verify "$A/out" -o "$TMP/v" -q >"$TMP/out" 2>"$TMP/err" && ok "verify: with the build without OpenMP" ||
    not_ok "verify: with the build without OpenMP" "$(head -c 300 "$TMP/out" "$TMP/err")"
else
  skip "verify: with the build without OpenMP" "ASSAY_SERIAL names none"
fi
refuses "verify: does not overwrite its record" 2 "holds the record itself" verify "$A/out" -o "$A/out"

# flip FILE OFFSET: one byte becomes another one
flip() {
  old=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
  # shellcheck disable=SC2059
  printf "\\$(printf %o $((old ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
# named NAME TEXT...: verify ends with 1 and prints every text
named() {
  name=$1
  shift
  run verify "$A/out" -o "$TMP/v" -q
  for text in "$@"; do
    grep -qF -- "$text" "$TMP/out" || { not_ok "$name" "exit $code, no '$text' in: $(head -c 500 "$TMP/out" "$TMP/err")"; return; }
  done
  [ $code -eq 1 ] && ok "$name" || not_ok "$name" "exit $code, wanted 1"
}

victim=$(ls "$A"/flat/*.jpg | sed -n 5p)
size=$(wc -c <"$victim")
flip "$victim" $((size - 60))
named "verify: names the changed image" "datasets[flat].images[$(basename "$victim")].sha256: " "datasets[flat].images_sha256: "
flip "$victim" $((size - 60))

W=$A/weights/resnet-a.safetensors
size=$(wc -c <"$W")
flip "$W" $((size - 3))
last=$(tail -1 "$A/out/prints/model-resnet.tsv" | cut -f1)
named "verify: names the changed tensor" "models[resnet].tensors[$last].sha256: " "models[resnet].weights_sha256: "
flip "$W" $((size - 3))

flip "$A/head.safetensors" $(($(wc -c <"$A/head.safetensors") - 3))
named "verify: names the changed head" "heads[vit].tensors[" "models[vit].head_file_sha256: "
flip "$A/head.safetensors" $(($(wc -c <"$A/head.safetensors") - 3))

cp "$A/labels.txt" "$TMP/labels.txt"
sed '7s/.*/1/' "$TMP/labels.txt" >"$A/labels.txt"
cmp -s "$TMP/labels.txt" "$A/labels.txt" && sed '7s/.*/2/' "$TMP/labels.txt" >"$A/labels.txt"
name=$(basename "$(ls "$A"/flat/*.jpg | sed -n 7p)")
named "verify: names the changed line of the labels" "datasets[flat].images[$name].label: " "labels.txt line 7)" "datasets[flat].labels_file_sha256: "
cp "$TMP/labels.txt" "$A/labels.txt"

cp "$A/world/real.json" "$TMP/real.json"
sed 's/\[[0-9]*/[11/' "$TMP/real.json" >"$A/world/real.json" # the first image's
named "verify: names the image whose ReaL labels changed" "datasets[real].images[" "].label: " "real.json)" "datasets[real].real_file_sha256: "
cp "$TMP/real.json" "$A/world/real.json"

cp "$A/p.plan" "$TMP/p.plan"
sed 's/^c = 0.1/c = 0.2/' "$TMP/p.plan" >"$A/p.plan"
named "verify: names the changed line of the plan" "p.plan line $(grep -n '^c = ' "$A/p.plan" | cut -d: -f1): c = 0.1 | c = 0.2"
cp "$TMP/p.plan" "$A/p.plan"

rm "$victim"
run verify "$A/out" -o "$TMP/v" -q
[ $code -ne 0 ] && grep -q "labels.txt" "$TMP/err" && ok "verify: an image that is gone" || not_ok "verify: an image that is gone" "exit $code: $(cat "$TMP/err")"
exit $failed
