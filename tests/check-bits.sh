#!/bin/sh
# One hash everywhere: builds assay in many ways and lets each one's `assay selftest` compare its features
# with the documented SHA-256.
#
#   sh tests/check-bits.sh full    {gcc, clang} x {-O0, -O2, -O3} x {ref, avx2, avx512} x {1, 2, 3, 7
#                                  threads, no OpenMP} x {batch 1, 3, 16}, static musl, and aarch64,
#                                  s390x and riscv64 under qemu
#   sh tests/check-bits.sh ci      a part of it that touches every value once
#
# What this machine cannot run (an instruction set, a compiler, an emulator) is named as skipped.
# Ends with "N passed, N failed, N skipped".
mode=${1:-ci}
BUILD=${BUILD:-build}
MAKE=${MAKE:-make}
jobs=$(nproc 2>/dev/null || echo 2)
passed=0 failed=0 skipped=0
mkdir -p "$BUILD/bits"

skip() {
  skipped=$((skipped + 1))
  echo "skip $1: $2"
}

build() { # folder, make variables...
  dir=$1
  shift
  if ! "$MAKE" -s -j"$jobs" BUILD="$dir" "$@" all >"$BUILD/bits/log" 2>&1; then
    failed=$((failed + 1))
    echo "not ok build $dir: $*"
    tail -n 20 "$BUILD/bits/log"
    return 1
  fi
}

try() { # name, cpu, threads, batch, command...
  name=$1 cpu=$2 threads=$3 batch=$4
  shift 4
  if out=$(ASSAY_CPU=$cpu "$@" selftest --threads "$threads" --batch "$batch" 2>&1); then
    passed=$((passed + 1))
    [ "$mode" = full ] || echo "ok $name $cpu, $threads threads, batch $batch"
  else
    failed=$((failed + 1))
    echo "not ok $name $cpu, $threads threads, batch $batch: $out"
  fi
}

has_cpu() { ASSAY_CPU=$1 "$BUILD/bits/gcc-O2/assay" info >/dev/null 2>&1; }

native() { # compilers, levels
  for cc in $1; do
    command -v "$cc" >/dev/null || { skip "$cc" "not installed"; continue; }
    for level in $2; do
      dir=$BUILD/bits/$cc-$level
      build "$dir" CC="$cc" OPT=-"$level" || continue
      for cpu in ref avx2 avx512; do
        has_cpu $cpu || { skip "$cpu" "not on this CPU"; continue; }
        for threads in $3; do
          for batch in $4; do try "$cc -$level" $cpu "$threads" "$batch" "$dir/assay"; done
        done
      done
      if [ "$mode" = full ]; then
        build "$dir-serial" CC="$cc" OPT=-"$level" OMP= || continue
        for cpu in ref avx2 avx512; do
          has_cpu $cpu && for batch in $4; do try "$cc -$level serial" $cpu 1 "$batch" "$dir-serial/assay"; done
        done
      fi
    done
  done
}

foreign() { # triplet, qemu, make variables...
  triplet=$1 qemu=$2
  shift 2
  if ! command -v "$triplet-gcc" >/dev/null; then skip "$triplet" "no cross compiler"; return; fi
  if ! command -v "$qemu" >/dev/null; then skip "$triplet" "no $qemu"; return; fi
  dir=$BUILD/bits/$triplet
  build "$dir" CC="$triplet-gcc" OMP= LDFLAGS=-static "$@" || return
  try "$triplet" ref 1 3 "$qemu" "$dir/assay"
  [ "$triplet" = aarch64-linux-gnu ] && try "$triplet" neon 1 3 "$qemu" "$dir/assay"
}

build "$BUILD/bits/gcc-O2" CC=gcc OPT=-O2 || exit 1
if [ "$mode" = full ]; then
  native "gcc clang" "O0 O2 O3" "1 2 3 7" "1 3 16"
  foreign riscv64-linux-gnu qemu-riscv64
else
  native "gcc" "O2" "1 3" "1 16"
  native "clang" "O3" "2" "3"
fi
if command -v musl-gcc >/dev/null; then
  build "$BUILD/bits/musl" CC=musl-gcc OMP= LDFLAGS=-static && try "static musl" ref 1 3 "$BUILD/bits/musl/assay"
else
  skip "static musl" "no musl-gcc"
fi
foreign aarch64-linux-gnu qemu-aarch64
# gcc for s390x evaluates float expressions in double under -std=c11; gnu11 does not.
foreign s390x-linux-gnu qemu-s390x CSTD=-std=gnu11

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
