#!/bin/sh
# Features as float32 and float16, probes by protocol and along C, k-NN on what was stored.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a

run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "probe: a world" || not_ok "probe: a world" "exit $code: $(tail -3 "$TMP/err")"
W=$A/weights/vit-a.safetensors
features() { # SET OUT ARGS...
  set_=$1 out_=$2
  shift 2
  run features --weights "$W" --data "$A/world/$set_" --classes "$A/world/classes.txt" -o "$out_" -q --json "$@"
  [ $code -eq 0 ] || not_ok "probe: features $set_ -o ${out_##*/} $*" "exit $code: $(head -c 300 "$TMP/err")"
}
sha() { sed -n 's/.*"features_sha256": "\(.*\)".*/\1/p' "$TMP/out"; }
top1() { sed -n 's/.*"top1_correct": \([0-9]*\),/\1/p' "$TMP/out"; }

features train "$TMP/train.npy"
features val "$TMP/val.npy"
full=$(wc -c <"$TMP/val.npy")
features val "$TMP/half.npy" --dtype f16
has "probe: float16 is said" '"dtype": "f16"' "$TMP/out"
half=$(wc -c <"$TMP/half.npy")
head=128
[ $((2 * (half - head))) -eq $((full - head)) ] && ok "probe: float16 takes half" || not_ok "probe: float16 takes half" "$half, $full"
s=$(sha)
features val "$TMP/half.safetensors" --dtype f16
[ -n "$s" ] && [ "$s" = "$(sha)" ] && ok "probe: the same rows as safetensors" || not_ok "probe: the same rows as safetensors" "$s"
works "probe: k-NN on float16" knn --train "$TMP/train.npy" --test "$TMP/half.npy" --json -q
n=$(top1)
works "probe: k-NN on safetensors" knn --train "$TMP/train.npy" --test "$TMP/half.safetensors" --json -q
[ -n "$n" ] && [ "$n" = "$(top1)" ] && ok "probe: k-NN of both files" || not_ok "probe: k-NN of both files" "$n"
works "probe: the training set as test" knn --train "$TMP/val.npy" --test "$TMP/half.npy" --json
grep -A2 '"in_train": {' "$TMP/out" | tr '\n' ' ' | grep -q '"rows": \([0-9]*\), *"same_name": \1,' && grep -q "test rows are training rows too" "$TMP/err" && ok "probe: seen in float16 too" ||
  not_ok "probe: seen in float16 too" "$(cat "$TMP/out" "$TMP/err")"
grep -q "	[0-9]*	$(head -1 "$A/world/classes.txt")	ok$" "$TMP/val.tsv" && ok "probe: class names beside the labels" || not_ok "probe: class names beside the labels" "$(head -3 "$TMP/val.tsv")"
refuses "probe: no such storage" 2 "f32, f16" features --weights "$W" --data "$A/world/val" -o "$TMP/x.npy" --dtype f8
refuses "probe: no such suffix" 2 ".safetensors" features --weights "$W" --data "$A/world/val" -o "$TMP/x.bin"
[ -e "$TMP/x.npy" ] && not_ok "probe: nothing half-written" "x.npy" || ok "probe: nothing half-written"

# a set that asks for its own geometry gets it, without being told so
mkdir -p "$TMP/in/n01440764"
cp "$(find "$A/world/val" -name '*.jpg' | sort | head -1)" "$TMP/in/n01440764/"
"$ASSAY" init --arch resnet_demo --seed 1 -o "$TMP/r.safetensors" -q
for x in "--task imagenet-c" "--preset imagenet-c" ""; do
  # shellcheck disable=SC2086
  run features --weights "$TMP/r.safetensors" --data "$TMP/in" $x -o "$TMP/o.npy" -q --json
  eval "s$((n_ = ${n_:-0} + 1))=$(sha)"
done
[ -n "$s1" ] && [ "$s1" = "$s2" ] && [ "$s1" != "$s3" ] && ok "probe: a task's own preset" || not_ok "probe: a task's own preset" "$s1 $s2 $s3"

# protocols: by name, the same bits for any threads, another seed another head
for p in fixed swav simsiam mae; do
  works "probe: protocol $p" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --protocol $p --threads 1 -o "$TMP/h1.safetensors" --json -q
  has "probe: $p is in the result" "\"protocol\": \"$p\"" "$TMP/out"
  has "probe: $p ran without crops, and says so" '"augmented_crops": false' "$TMP/out"
  run probe --train "$TMP/train.npy" --protocol $p --threads 3 -o "$TMP/h3.safetensors" -q
  same "probe: $p with 3 threads" "$TMP/h1.safetensors" "$TMP/h3.safetensors"
done
run probe --train "$TMP/train.npy" --protocol mae --seed 1 -o "$TMP/h4.safetensors" -q
cmp -s "$TMP/h1.safetensors" "$TMP/h4.safetensors" && not_ok "probe: the seed counts" "same head" || ok "probe: the seed counts"
refuses "probe: no such protocol" 2 "did you mean 'swav'?" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --protocol swab
refuses "probe: C is for L-BFGS" 2 "--protocol lbfgs" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --protocol swav --c 1

# C along a path
works "probe: path" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --c 0.001:10:5 --held-out 0.25 --json -q -o "$TMP/p1.safetensors"
[ "$(grep -c held_out_correct "$TMP/out")" -eq 5 ] && ok "probe: a line per C" || not_ok "probe: a line per C" "$(head -c 400 "$TMP/out")"
c=$(sed -n 's/^  "c": \(.*\),/\1/p' "$TMP/out")
n=$(top1)
works "probe: the chosen C alone" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --c "$c" --json -q -o "$TMP/p2.safetensors"
[ -n "$n" ] && [ "$n" = "$(top1)" ] && ok "probe: fitted again on all rows" || not_ok "probe: fitted again on all rows" "$c: $n"
run probe --train "$TMP/train.npy" --test "$TMP/val.npy" --c 0.001:10:5 -q
has "probe: the chosen one is marked" "<- chosen" "$TMP/out"
refuses "probe: a path of one" 2 "FROM:TO:N" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --c 1:10:1
refuses "probe: a path downwards" 2 "FROM:TO:N" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --c 10:1:5
refuses "probe: no number" 2 "found C 'x'" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --c x
refuses "probe: a split of nothing" 2 "--held-out" probe --train "$TMP/train.npy" --test "$TMP/val.npy" --c 1 --held-out 0.5

# how the fit ended, scored or not
for more in "" "--test $TMP/val.npy"; do
  # shellcheck disable=SC2086
  works "probe: the fit in JSON${more:+, scored}" probe --train "$TMP/train.npy" $more --json -q -o "$TMP/p3.safetensors"
  for key in c loss bound gradient iterations converged; do
    grep -A7 '^  "fit": {' "$TMP/out" | grep -q "^    \"$key\": [0-9t]" || not_ok "probe: the fit's $key" "$(cat "$TMP/out")"
  done
done
run probe --train "$TMP/train.npy" --max-iter 2 --json -o "$TMP/p3.safetensors"
grep -q '"converged": false' "$TMP/out" && grep -q "did not converge: after 2 iterations .*--max-iter allows more" "$TMP/err" && ok "probe: not converged is said" ||
  not_ok "probe: not converged is said" "$(cat "$TMP/out" "$TMP/err")"

# small stacks, of the program and of its workers, hold every way to learn
if grep -q __asan_init "$ASSAY"; then
  skip "probe: small stacks" "frames of an ASan build are larger"
else
  for how in "probe --c 1" "probe --c path" "probe --protocol mae" knn; do
    # shellcheck disable=SC2086
    (ulimit -s 64 && OMP_STACKSIZE=64k "$ASSAY" $how --train "$TMP/train.npy" --test "$TMP/val.npy" --threads 3 -q >"$TMP/out" 2>"$TMP/err")
    n=$?
    [ $n -eq 0 ] && ok "probe: $how within 64 KiB of stack" || not_ok "probe: $how within 64 KiB of stack" "exit $n: $(head -c 300 "$TMP/err")"
  done
fi

# on crops, through the backbone: the same bits for any threads and batch, another head than on fixed features
T="--weights $W --data $A/world/train --classes $A/world/classes.txt --per-class 0:4"
works "probe: on crops" probe $T --protocol mae --test "$TMP/val.npy" -o "$TMP/c1.safetensors" --json -q --threads 1 --batch 3
has "probe: crops are said" '"augmented_crops": true' "$TMP/out"
run probe $T --protocol mae -o "$TMP/c2.safetensors" -q --threads 3
same "probe: crops with 3 threads and another batch" "$TMP/c1.safetensors" "$TMP/c2.safetensors"
run features --weights "$W" --data "$A/world/train" --classes "$A/world/classes.txt" --per-class 0:4 -o "$TMP/few.npy" -q
run probe --train "$TMP/few.npy" --protocol mae -o "$TMP/c3.safetensors" -q
cmp -s "$TMP/c1.safetensors" "$TMP/c3.safetensors" && not_ok "probe: crops count" "same head" || ok "probe: crops count"
works "probe: a head from crops is a head" classify --weights "$W" --head "$TMP/c1.safetensors" --data "$A/world/val" --classes "$A/world/classes.txt" -q
refuses "probe: crops need a protocol that has them" 2 "wanted fixed or a framework's" probe $T --protocol lbfgs -o "$TMP/x.safetensors"
refuses "probe: features or images" 2 "--weights W with --data D" probe $T --train "$TMP/few.npy" -o "$TMP/x.safetensors"
refuses "probe: images to train on" 2 "wanted --data" probe --weights "$W" -o "$TMP/x.safetensors"
exit $failed
