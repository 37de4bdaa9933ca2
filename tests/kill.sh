#!/bin/sh
# Kills a run at random moments with SIGKILL, gives the same command again, and compares every byte of what
# it leaves with an undisturbed run's.
#
#   sh tests/kill.sh [N [SEED [first|repeated]]]      N runs of each (default 100); ASSAY or BUILD says which binary
#
# repeated: a run in a folder that holds a finished one, of a plan whose note has changed. At every kill the old run or
# the new one must stand, whole: its record, its files as that says, the table that report makes of it.
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

"$ASSAY" demo --untrained --quick -o "$T/demo" -q >/dev/null || exit 1
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

moment() { # waits for a moment in the life of $pid; $what says which
  roll 6
  what=$r
  case $what in
    0) sight=$1 ;;
    1) sight=$2 ;;
    2) sight=$3 ;;
    *) sight= ;;
  esac
  if [ -n "$sight" ]; then
    # shellcheck disable=SC2086  # a pattern
    while kill -0 $pid 2>/dev/null && ! ls $sight >/dev/null 2>&1; do :; done
  else
    roll $(($4 > 0 ? $4 : 1))
    sleep "$(printf '%d.%03d' $((r / 1000)) $((r % 1000)))"
  fi
}

status=0
if [ "${3:-first}" = first ]; then
same=0 killed=0 i=0
while [ $i -lt "$N" ]; do
  i=$((i + 1))
  rm -rf "$T/o"
  "$ASSAY" run "$P" -o "$T/o" -q >/dev/null 2>&1 &
  pid=$!
  moment "$T/o/work/*.rows" "$T/o/work/cells/*.tmp*" "$T/o/work/table.csv*" $length
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
[ "$same" -eq "$N" ] && [ "$killed" -ge $((N / 2)) ] || status=1
fi

if [ "${3:-repeated}" = repeated ]; then
sed 's/seeded random weights$/another note/' "$P" >"$T/demo/q.plan"
Q=$T/demo/q.plan
"$ASSAY" run "$Q" -o "$T/next" -q >/dev/null || exit 1
# what a reader finds in $T/o: "old", "new", or what is wrong
look() {
  cmp -s "$T/whole/record.json" "$T/o/record.json" || cmp -s "$T/next/record.json" "$T/o/record.json" ||
    { echo "a record that is neither"; return; }
  "$ASSAY" verify "$T/o" --files -q >"$T/out" 2>&1 || { echo "files that are not the record's: $(head -2 "$T/out")"; return; }
  "$ASSAY" report "$T/o" --format html >"$T/page" 2>/dev/null
  if cmp -s "$T/page" "$T/whole.html"; then echo old; elif cmp -s "$T/page" "$T/next.html"; then echo new; else echo "a mixture"; fi
}
"$ASSAY" report "$T/whole" --format html | sed "s|$T/whole|$T/o|" >"$T/whole.html"
"$ASSAY" report "$T/next" --format html | sed "s|$T/next|$T/o|" >"$T/next.html"
rm -rf "$T/o"
cp -r "$T/next" "$T/o"
start=$(date +%s%N)
"$ASSAY" run "$P" -o "$T/o" -q >/dev/null || exit 1
short=$((($(date +%s%N) - start) / 1000000)) # most cells are taken over
good=0 killed=0 i=0 old=0 new=0
while [ $i -lt "$N" ]; do
  i=$((i + 1))
  rm -rf "$T/o"
  cp -r "$T/whole" "$T/o"
  # every fourth one computes everything anew
  force= wait=$short
  [ $((i % 4)) -eq 0 ] && force=--force wait=$length
  "$ASSAY" run "$Q" -o "$T/o" -q $force >/dev/null 2>&1 &
  pid=$!
  moment "$T/o/work/record.json*" "$T/o/work/table.csv" "$T/o/work/report.html*" $wait
  kill -9 $pid 2>/dev/null && killed=$((killed + 1))
  wait $pid 2>/dev/null
  found=$(look)
  case $found in
    old) old=$((old + 1)) ;;
    new) new=$((new + 1)) ;;
    *) echo "run $i (moment $what): $found"; continue ;;
  esac
  "$ASSAY" run "$Q" -o "$T/o" -q >/dev/null 2>"$T/err" || { echo "run $i: $(cat "$T/err")"; continue; }
  if diff -r "$T/next" "$T/o" >"$T/diff" 2>&1; then
    good=$((good + 1))
  else
    echo "run $i (moment $what): $(head -3 "$T/diff")"
  fi
done
echo "$good of $N repeated runs whole ($old times the old one stood, $new times the new one), $killed killed"
[ "$good" -eq "$N" ] && [ "$killed" -ge $((N / 2)) ] || status=1
fi
exit $status
