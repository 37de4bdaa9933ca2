#!/bin/sh
# Runs every test program in $BUILD/t and every tests/cli/*.sh, two at a time, counts their "ok", "not ok" and
# "skip" lines, and ends with the line "N passed, N failed[, N skipped]". A program that dies without its closing
# line counts as one failure. Exit status: 1 if anything failed. What each printed is in $BUILD/test.log, the
# seconds it took in $BUILD/test.times. TEST_JOBS: how many at a time. TEST_CLI: names of the scripts to run instead of
# all of them ("flow usage"), for a build that differs from a tested one in its compiler alone.
BUILD=${BUILD:-build}
ASSAY_TESTS=${ASSAY_TESTS:-tests}
ASSAY=${ASSAY:-$BUILD/assay}
# Waiting threads sleep: a spinning one would take the core of the test beside it.
OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
export ASSAY_TESTS ASSAY BUILD OMP_WAIT_POLICY
logs=$BUILD/test-logs

if [ "$1" = --one ]; then # TEST: a program's source or a script
  case $2 in
    *.c) name=$(basename "$2" .c) command=$BUILD/t/$name ;;
    *) name=cli/$(basename "$2" .sh) command="sh $2" ;;
  esac
  out=$logs/$(echo "$name" | tr / -)
  start=$(date +%s)
  $command >"$out.out" 2>"$out.err"
  status=$?
  sed "s|^|$name: |" "$out.out" >"$out.log"
  fails=$(grep -c '^not ok ' "$out.out")
  if [ $status -ne 0 ] && [ "$fails" -eq 0 ]; then
    echo "$name: not ok ended with status $status" >>"$out.log"
  fi
  if [ $status -ne 0 ] || [ "$fails" -ne 0 ]; then
    echo "FAIL $name"
    grep '^not ok ' "$out.out"
    tail -n 15 "$out.err"
  fi
  echo "$(($(date +%s) - start)) $name" >"$out.time"
  exit 0
fi

rm -rf "$logs" && mkdir -p "$logs" || exit 1
# The scripts first: they are the long ones.
list() {
  for t in ${TEST_CLI-tests/cli/*.sh}; do t=${t##*/} && echo "tests/cli/${t%.sh}.sh"; done
  printf '%s\n' tests/unit/test_*.c
}
list | xargs -n 1 -P "${TEST_JOBS:-2}" sh tests/run.sh --one
log=$BUILD/test.log
cat "$logs"/*.log >"$log"
wanted=$(list | wc -l)
ran=$(ls "$logs" | grep -c '\.time$')
[ "$ran" -eq "$wanted" ] || echo "run: not ok $ran of $wanted test programs ran to their end" | tee -a "$log"
sort -rn "$logs"/*.time >"$BUILD/test.times"

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
