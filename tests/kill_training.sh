#!/bin/sh
# Kills a pre-training at random moments with SIGKILL, again and again until it comes to its end, and compares the
# checkpoint with an undisturbed one's.
#
#   sh tests/kill_training.sh [N [SEED]]      N trainings (default 20), the methods by turns; ASSAY or BUILD says which binary
#
# Ends with "N of N identical, N interrupted, K kills"; exit status 1 when any differs or none was hit.
N=${1:-20}
state=${2:-1}
BUILD=${BUILD:-build}
ASSAY=${ASSAY:-$BUILD/assay}
case $ASSAY in /*) ;; *) ASSAY=$PWD/$ASSAY ;; esac
OMP_WAIT_POLICY=passive
export OMP_WAIT_POLICY
T=$(mktemp -d "${TMPDIR:-/tmp}/assay-kill.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
set -- simclr moco deepcluster obow

train() { # METHOD FOLDER
  exec "$ASSAY" pretrain --method "$1" --data world:size=32,classes=4,per-class=64 --size 24 --batch 32 --epochs 12 \
    --arch resnet18:blocks=1-1-1,base=8,stem=3x3s2 --seed 7 -o "$2" -q
}
for method in "$@"; do
  start=$(date +%s%N)
  (train "$method" "$T/$method") >/dev/null 2>&1 || { echo "no training by $method"; exit 1; }
  length=$((($(date +%s%N) - start) / 1000000)) # ms, the last one's stands for all
done
same=0 kills=0 hit=0 i=0
while [ $i -lt "$N" ]; do
  i=$((i + 1))
  method=$1
  shift
  set -- "$@" "$method"
  before=$kills
  rm -rf "$T/o"
  while :; do
    (train "$method" "$T/o") >/dev/null 2>"$T/err" &
    pid=$!
    state=$(((state * 1103515245 + 12345) % 2147483648))
    ms=$((state / 1024 % (length * 7 / 10) + 20))
    (sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"; kill -9 $pid) 2>/dev/null &
    killer=$!
    wait $pid 2>/dev/null
    code=$?
    kill $killer 2>/dev/null
    wait $killer 2>/dev/null
    [ $code -eq 137 ] || break
    kills=$((kills + 1))
  done
  [ "$kills" -eq "$before" ] || hit=$((hit + 1))
  if [ $code -eq 0 ] && cmp -s "$T/o/checkpoint.safetensors" "$T/$method/checkpoint.safetensors"; then
    same=$((same + 1))
  else
    echo "$method, training $i: status $code, $(head -c 200 "$T/err")"
  fi
done
echo "$same of $N identical, $hit interrupted, $kills kills"
[ "$same" -eq "$N" ] && [ "$hit" -gt 0 ]
