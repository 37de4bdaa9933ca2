#!/bin/sh
# Programs against the installed files alone: tests/api/run.sh PREFIX, where `make install` has been. What they print
# and write is what the command line prints and writes. Ends with "N passed, N failed".
prefix=$1
here=$(cd "$(dirname "$0")" && pwd)
CC=${CC:-cc} CXX=${CXX:-c++}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp "$here"/*.c "$here"/*.cc "$here"/*.py "$work" || exit 1
# The program that README shows.
sed -n '/^```c$/,/^```$/p' "$here/../../README.md" | grep -v '^```' >"$work/shortest.c"
cd "$work" || exit 1
passed=0 failed=0
assay=$prefix/bin/assay
check() { # NAME COMMAND...
  name=$1
  shift
  if "$@" >log 2>&1; then
    passed=$((passed + 1))
    echo "ok api: $name"
  else
    failed=$((failed + 1))
    echo "not ok api: $name: $(tail -n 5 log | tr '\n' ' ')"
  fi
}
flag() { sed -n "s/^$1: //p" "$prefix/lib/pkgconfig/assay.pc"; } # what pkg-config would say, without it
flags="-I$prefix/include -L$prefix/lib -lassay"
static="-I$prefix/include $prefix/lib/libassay.a $(flag Libs.private)"
LD_LIBRARY_PATH=$prefix/lib
export LD_LIBRARY_PATH

"$assay" demo --quick -q -o demo >/dev/null 2>&1 || { echo "not ok api: no demo"; exit 1; }
weights=$(ls demo/weights/*.safetensors | head -n 1)
image=$(find demo/world/val -name '*.jpg' | sort | head -n 1)
"$assay" features --weights "$weights" --data demo/world/train --classes demo/world/classes.txt -o train.npy -q >/dev/null
"$assay" probe --train train.npy -o head.safetensors -q >/dev/null

shared() { nm -D --defined-only "$prefix/lib/libassay.so" | awk '{ print $3 }' | sort; }
declared() { grep -oE 'as_lab_[a-z0-9_]+\(' "$prefix/include/assay.h" | tr -d '(' | sort -u; }
only() { shared >a && declared >b && diff a b; }
classify() {
  # shellcheck disable=SC2086
  $CC -std=c11 -Wall -Wextra -Werror classify.c $flags -o classify || return 1
  ./classify "$weights" head.safetensors "$image" >one || return 1
  "$assay" classify --weights "$weights" --head head.safetensors --data "$image" --json -q >json || return 1
  [ "$(cut -d' ' -f1 one)" = "$(sed -n 's/.*"id": "\(.*\)",/\1/p' json | head -n 1)" ]
}
probe() { # by the static library
  # shellcheck disable=SC2086
  $CC -std=c11 -Wall -Wextra -Werror fit_probe.c $static -o fit_probe || return 1
  ./fit_probe "$weights" demo/world/train demo/world/classes.txt mine && cmp mine.npy train.npy && cmp mine.tsv train.tsv &&
    cmp mine.safetensors head.safetensors
}
record() {
  # shellcheck disable=SC2086
  $CXX -std=c++11 -Wall -Wextra -Werror record.cc $flags -pthread -o record || return 1
  ./record demo "$weights" "$image" >cells || return 1
  cut -d, -f3 cells | sort -n >mine
  sed -n 's/.*"top1_correct": \([0-9]*\).*/\1/p' demo/record.json | sort -n >wanted
  [ -s mine ] && cmp mine wanted
}
photo() {
  "$assay" features --weights "$weights" --data "$image" -o photo.npy -q >/dev/null 2>&1 || return 1
  python3 photo.py "$prefix/lib/libassay.so" "$weights" "$image" >photo.raw || return 1
  tail -c "$(wc -c <photo.raw)" photo.npy | cmp - photo.raw
}
shortest() {
  # shellcheck disable=SC2086
  $CC -std=c11 -Wall -Wextra -Werror shortest.c $flags -o shortest || return 1
  ./shortest "$weights" demo/world/val >one || return 1
  "$assay" features --weights "$weights" --data demo/world/val -o val.npy -q | sed 's/.*\[\(.*\), \(.*\)\].*/\1 rows of \2 features/' | cmp - one
}
check "the shared library shows the header's calls and no more" only
check "C: the program of README" shortest
check "C: one photograph is classified" classify
check "C, statically: features and a probe, byte for byte" probe
if command -v "$CXX" >/dev/null; then check "C++: a record; two labs in two threads" record; fi
if command -v python3 >/dev/null; then check "Python: features by ctypes, byte for byte" photo; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
