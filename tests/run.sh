#!/bin/sh
# Runs every test program in $BUILD/t and every tests/cli/*.sh, counts their "ok", "not ok" and "skip"
# lines, and ends with the line "N passed, N failed[, N skipped]". A program that dies without its
# closing line counts as one failure. Exit status: 1 if anything failed.
BUILD=${BUILD:-build}
ASSAY_TESTS=${ASSAY_TESTS:-tests}
ASSAY=${ASSAY:-$BUILD/assay}
export ASSAY_TESTS ASSAY BUILD
log=$BUILD/test.log
: >"$log"

run() { # name, command...
  name=$1
  shift
  out=$BUILD/test.out
  "$@" >"$out" 2>"$out.err"
  status=$?
  sed "s|^|$name: |" "$out" >>"$log"
  fails=$(grep -c '^not ok ' "$out")
  if [ $status -ne 0 ] && [ "$fails" -eq 0 ]; then
    echo "$name: not ok ended with status $status" >>"$log"
  fi
  if [ $status -ne 0 ] || [ "$fails" -ne 0 ]; then
    echo "FAIL $name"
    grep '^not ok ' "$out"
    tail -n 15 "$out.err"
  fi
}

for t in tests/unit/test_*.c; do
  n=$(basename "$t" .c)
  run "$n" "$BUILD/t/$n"
done
for t in tests/cli/*.sh; do
  [ -f "$t" ] && run "cli/$(basename "$t" .sh)" sh "$t"
done

grep -h ': skip ' "$log" | sed 's/^[^:]*: //' | sort | uniq -c | sort -rn | head -40
passed=$(grep -c ': ok ' "$log")
failed=$(grep -c ': not ok ' "$log")
skipped=$(grep -c ': skip ' "$log")
if [ "$skipped" -gt 0 ]; then
  echo "$passed passed, $failed failed, $skipped skipped"
else
  echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
