#!/bin/sh
# Does `assay run --estimate` state what a run takes? Wants a machine that does nothing else.
#   sh tests/bench/estimate.sh WEIGHTS DATA.tar   a network on 200 classes of 50 photographs, such as Tiny-ImageNet's val: it is
#                                                 asked about all of them, and a tenth of them is run
#   sh tests/bench/estimate.sh                    the demo's miniatures on its world, and a tenth of that; there the statistics at
#                                                 the end, which do not shrink with the images, are a fifth of the smaller run:
#                                                 it is asked about each of the two
# ROUNDS=3, HEAD=probe. Ends with 1 where a median is off by more than 15 %.
ASSAY=${ASSAY:-build/assay}
rounds=${ROUNDS:-3}
tmp=$(mktemp -d) || exit 4
trap 'rm -rf "$tmp"' EXIT

# plan FILE TRAIN VAL: two ranges of the images of a class
plan() {
  printf '[benchmark]\nname = estimate\n'
  printf '[dataset train]\n%s\nper-class = %s\nrole = train\n' "$train" "$1"
  for set in $sets; do printf '[dataset %s]\n%s\nper-class = %s\n' "${set##*/}" "path = $set$classes" "$2"; done
  for w in $weights; do
    m=${w##*/}
    printf '[model %s]\nweights = %s\nhead = %s\n' "${m%%.*}" "$w" "${HEAD:-probe}"
  done
}
case $# in
  0)
    "$ASSAY" demo -o "$tmp/demo" -q >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 4; }
    classes="
classes = $tmp/demo/world/classes.txt"
    train="path = $tmp/demo/world/train$classes"
    sets=$(ls -d "$tmp"/demo/world/val "$tmp"/demo/world/v2 "$tmp"/demo/world/rendition "$tmp"/demo/world/sketch)
    weights=$(ls "$PWD"/weights/miniature/*.safetensors)
    plan 0:50 0:100 >"$tmp/whole.plan"
    plan 0:5 0:10 >"$tmp/tenth.plan"
    ;;
  2)
    train="path = $2" sets=$2 classes= weights=$1
    plan 0:20 20:50 >"$tmp/whole.plan"
    plan 0:2 20:23 >"$tmp/tenth.plan"
    ;;
  *) sed -n 2,6p "$0" && exit 2 ;;
esac

# beside ASKED RUN PART: the time that is stated for one plan, a PART-th of it, and the real one of another
beside() {
  i=0
  : >"$tmp/ratios"
  while [ $i -lt "$rounds" ]; do
    "$ASSAY" run "$tmp/$1.plan" --estimate --json -q >"$tmp/estimate.json" || exit 4
    rm -rf "$tmp/out"
    start=$(date +%s.%N)
    "$ASSAY" run "$tmp/$2.plan" -o "$tmp/out" -q >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 4; }
    end=$(date +%s.%N)
    sed -n 's/^ *"wall_seconds": \([0-9.e+]*\),*$/\1/p' "$tmp/estimate.json" | awk -v start="$start" -v end="$end" -v part="$3" -v a="$1" -v b="$2" '{
      printf "%s stated, 1 / %d of it %.2f s; %s run %.2f s: %+.1f %%\n", a, part, $1 / part, b, end - start, 100 * ($1 / part / (end - start) - 1) }' |
      tee -a "$tmp/ratios"
    i=$((i + 1))
  done
  median=$(sed 's/.*: +*\([-0-9.]*\) %$/\1/' "$tmp/ratios" | sort -n | sed -n "$(((rounds + 1) / 2))p")
  echo "median $median %, wanted 15 either way"
  awk -v m="$median" 'BEGIN { exit m > 15 || m < -15 }' || failed=1
}
failed=0
if [ $# -eq 0 ]; then
  beside whole whole 1
  beside tenth tenth 1
else
  beside whole tenth 10
fi
exit $failed
