#!/bin/sh
# Kills a run at random moments with SIGKILL, gives the same command again, and compares every byte of what
# it leaves with an undisturbed run's.
#
#   sh tests/kill.sh [N [SEED]]      N runs (default 100); ASSAY or BUILD says which binary
#
# Moments: half of them anywhere in the run, the others while the first rows, the cells or the record are
# being written (as soon as such a file is seen). Ends with "N of N identical, K killed"; exit status 1 when
# any differs or too few were hit.
N=${1:-100}
SEED=${2:-1}
BUILD=${BUILD:-build}
ASSAY=${ASSAY:-$BUILD/assay}
case $ASSAY in /*) ;; *) ASSAY=$PWD/$ASSAY ;; esac
OMP_WAIT_POLICY=passive
export OMP_WAIT_POLICY
T=$(mktemp -d "${TMPDIR:-/tmp}/assay-kill.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM

"$ASSAY" demo --quick -o "$T/demo" -q >/dev/null || exit 1
P=$T/demo/demo.plan
start=$(date +%s%N)
"$ASSAY" run "$P" -o "$T/whole" -q >/dev/null || exit 1
length=$((($(date +%s%N) - start) / 1000000)) # ms

# The moments come from a generator of their own, so that SEED says them.
state=$SEED
roll() { # 0 .. $1-1 in $r
  state=$(((state * 1103515245 + 12345) % 2147483648))
  r=$((state / 1024 % $1))
}

same=0 killed=0 i=0
while [ $i -lt "$N" ]; do
  i=$((i + 1))
  rm -rf "$T/o"
  "$ASSAY" run "$P" -o "$T/o" -q >/dev/null 2>&1 &
  pid=$!
  roll 6
  what=$r
  case $what in
    0) sight="$T/o/work/*.rows" ;;
    1) sight="$T/o/cells/*.tmp*" ;;
    2) sight="$T/o/table.csv*" ;;
    *) sight= ;;
  esac
  if [ -n "$sight" ]; then
    # shellcheck disable=SC2086  # a pattern
    while kill -0 $pid 2>/dev/null && ! ls $sight >/dev/null 2>&1; do :; done
  else
    roll $((length > 0 ? length : 1))
    sleep "$(printf '%d.%03d' $((r / 1000)) $((r % 1000)))"
  fi
  kill -9 $pid 2>/dev/null && killed=$((killed + 1))
  wait $pid 2>/dev/null
  # every third one is killed again on its way
  if [ $((i % 3)) -eq 0 ]; then
    "$ASSAY" run "$P" -o "$T/o" -q >/dev/null 2>&1 &
    pid=$!
    roll $((length > 1 ? length / 2 : 1))
    sleep "$(printf '%d.%03d' $((r / 1000)) $((r % 1000)))"
    kill -9 $pid 2>/dev/null && killed=$((killed + 1))
    wait $pid 2>/dev/null
  fi
  "$ASSAY" run "$P" -o "$T/o" -q >/dev/null 2>"$T/err" || { echo "run $i: $(cat "$T/err")"; continue; }
  if diff -r "$T/whole" "$T/o" >"$T/diff" 2>&1; then
    same=$((same + 1))
  else
    echo "run $i (moment $what): $(head -3 "$T/diff")"
  fi
done
echo "$same of $N identical, $killed killed"
[ "$same" -eq "$N" ] && [ "$killed" -ge $((N / 2)) ]
