#!/bin/sh
# Small stacks: 128 KiB for the process and for every thread, what musl gives to threads, are enough for everything.
. "${ASSAY_TESTS:-tests}/cli/common.inc"

OMP_STACKSIZE=128k
export OMP_STACKSIZE
ulimit -s 128 || { skip "stack: ulimit" "this shell cannot lower it"; exit $failed; }

for profile in f32-1 bf16-1; do
  for threads in 1 3; do
    works "stack: selftest, $profile, $threads threads" selftest --profile $profile --threads $threads --batch 4
  done
  works "stack: demo, $profile" demo --untrained -o "$TMP/demo-$profile" --quick -q --profile $profile --threads 3
  works "stack: verify, $profile" verify "$TMP/demo-$profile" -o "$TMP/verify-$profile" -q --threads 3
  for net in resnet50 vits16; do
    works "stack: bench, $net, $profile" bench --net $net --seconds 0.05 --batch 3 --profile $profile --threads 3
  done
done
ASSAY_CPU=ref
export ASSAY_CPU
works "stack: selftest, plain C, f32-1" selftest --threads 2
works "stack: selftest, plain C, bf16-1" selftest --threads 2 --profile bf16-1
exit $failed
