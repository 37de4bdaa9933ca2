#!/bin/sh
# One hash everywhere: builds the engine and the models in many ways and compares each one's features (a small ResNet, a
# small ViT, fixed images) with the documented SHA-256.
#
#   sh tests/check-bits.sh full    {gcc, clang} x {-O0, -O2, -O3} x {ref, avx2, avx512} x {1, 2, 3, 7
#                                  threads, no OpenMP} x {batch 1, 3, 16}, static musl, and aarch64,
#                                  s390x and riscv64 under qemu; profile bf16-1 in a part of the cells
#   sh tests/check-bits.sh ci      a part of it that touches every value once
#
# A build holds only the rooms that compute (tensor, nn, models) and runs all of its cells in one process
# (tests/bits.c). What this machine cannot run (an instruction set, a compiler, an emulator) is named as skipped.
# BITS_JOBS: compilers at the same time. Ends with "N passed, N failed, N skipped".
mode=${1:-ci}
BUILD=${BUILD:-build}
MAKE=${MAKE:-make}
jobs=${BITS_JOBS:-$(nproc 2>/dev/null || echo 2)}
mkdir -p "$BUILD/bits"
log=$BUILD/bits/cells
: >"$log"

note() { # ok | not ok | skip, text
  echo "$1 $2" >>"$log"
  [ "$mode" = full ] && [ "$1" = ok ] || echo "$1 $2"
}

# build FOLDER MAKE-VARIABLES...: FOLDER/bits
build() {
  into=$1
  shift
  if ! "$MAKE" -s -j"$jobs" BUILD="$into" ROOMS='tensor/base tensor nn models' "$@" "$into/bits" >"$BUILD/bits/log" 2>&1; then
    note "not ok" "build $into: $* $(tail -n 5 "$BUILD/bits/log")"
    return 1
  fi
}

# cells COMMAND... LABEL PROFILES CPUS THREADS BATCHES
cells() {
  "$@" >"$BUILD/bits/out" 2>&1
  status=$?
  sort "$BUILD/bits/out" | grep '^skip' | sed 's/, [0-9]* threads.*: /: /' | sort -u # named once
  cat "$BUILD/bits/out" >>"$log"
  if [ "$mode" = full ]; then grep '^not ok' "$BUILD/bits/out"; else grep -v '^skip' "$BUILD/bits/out"; fi
  if [ $status -ne 0 ] && ! grep -q '^not ok' "$BUILD/bits/out"; then note "not ok" "$*: ended with status $status"; fi
}

native() { # compilers, levels, threads, batches
  for cc in $1; do
    command -v "$cc" >/dev/null || { note skip "$cc: not installed"; continue; }
    for level in $2; do
      dir=$BUILD/bits/$cc-$level
      if build "$dir" CC="$cc" OPT=-"$level"; then
        cells "$dir/bits" "$cc -$level" f32-1 ref,avx2,avx512 "$3" "$4"
        cells "$dir/bits" "$cc -$level" bf16-1 ref,avx2,avx512,avx512bf16 3 3
      fi
      [ "$mode" = full ] || continue
      if build "$dir-serial" CC="$cc" OPT=-"$level" OMP=; then
        cells "$dir-serial/bits" "$cc -$level, no OpenMP" f32-1 ref,avx2,avx512 1 "$4"
        cells "$dir-serial/bits" "$cc -$level, no OpenMP" bf16-1 avx2,avx512,avx512bf16 1 1,16
      fi
    done
  done
}

foreign() { # triplet, qemu, cpus, make variables...
  triplet=$1 qemu=$2 cpus=$3
  shift 3
  if ! command -v "$triplet-gcc" >/dev/null; then note skip "$triplet: no cross compiler"; return; fi
  if ! command -v "$qemu" >/dev/null; then note skip "$triplet: no $qemu"; return; fi
  dir=$BUILD/bits/$triplet
  build "$dir" CC="$triplet-gcc" OMP= LDFLAGS=-static "$@" || return
  cells "$qemu" "$dir/bits" "$triplet" f32-1,bf16-1 "$cpus" 1 3
  pictures "$dir-data" "$qemu" CC="$triplet-gcc" OMP= LDFLAGS=-static "$@"
}

# pictures FOLDER EMULATOR MAKE-VARIABLES...: the drawn world, views and presets, whose tests know what every machine gives
pictures() {
  into=$1 emulator=$2
  shift 2
  for name in test_world test_augment test_preset; do
    if "$MAKE" -s -j"$jobs" BUILD="$into" ROOMS='tensor/base data' "$@" "$into/t/$name" >"$BUILD/bits/log" 2>&1 &&
      $emulator "$into/t/$name" >>"$BUILD/bits/log" 2>&1; then
      note ok "$into: $name"
    else
      note "not ok" "$into: $name: $(tail -n 5 "$BUILD/bits/log")"
    fi
  done
}

if [ "$mode" = full ]; then
  native "gcc clang" "O0 O2 O3" 1,2,3,7 1,3,16
  foreign riscv64-linux-gnu qemu-riscv64 ref
else
  native "gcc" "O2" 1,3 1,16
  native "clang" "O3" 2 3
fi
if command -v musl-gcc >/dev/null; then
  build "$BUILD/bits/musl" CC=musl-gcc OMP= LDFLAGS=-static && cells "$BUILD/bits/musl/bits" "static musl" f32-1,bf16-1 ref 1 3
else
  note skip "static musl: no musl-gcc"
fi
foreign aarch64-linux-gnu qemu-aarch64 ref,neon
# gcc for s390x evaluates float expressions in double under -std=c11; gnu11 does not.
foreign s390x-linux-gnu qemu-s390x ref CSTD=-std=gnu11

passed=$(grep -c '^ok' "$log")
failed=$(grep -c '^not ok' "$log")
echo "$passed passed, $failed failed, $(grep -c '^skip' "$log") skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
