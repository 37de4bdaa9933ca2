#!/bin/sh
# Fits on many rows: stopped and going on to the same bytes, from a mapped file and from memory, in stated memory.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "bigfit: a world" || not_ok "bigfit: a world" "exit $code: $(tail -3 "$TMP/err")"
run features --weights "$A/weights/vit-a.safetensors" --data "$A/world/train" --classes "$A/world/classes.txt" -o "$TMP/few.npy" -q
[ $code -eq 0 ] || not_ok "bigfit: features" "exit $code: $(head -c 300 "$TMP/err")"

# the same rows many times over: enough for a fit that can be stopped
n=$(($(wc -l <"$TMP/few.tsv") - 1)) times=60
d=$((($(wc -c <"$TMP/few.npy") - 128) / 4 / n))
{
  printf '\223NUMPY\001\000\166\000'
  printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($((n * times)), $d), }"
  i=0
  while [ $i -lt $times ]; do
    tail -c +129 "$TMP/few.npy"
    i=$((i + 1))
  done
} >"$TMP/many.npy"
awk -F'\t' -v times=$times 'NR == 1 { print; next } { line[NR - 2] = $0; sub(/^[0-9]*\t/, "", line[NR - 2]) }
  END { for (i = 0; i < times * (NR - 1); i++) print i "\t" line[i % (NR - 1)] }' "$TMP/few.tsv" >"$TMP/many.tsv"

# pieces NAME HEAD ARGS...: stopped again and again by SIGTERM; 75 and a state each time, 0 and none at the end
pieces() {
  name=$1 head=$2 stops=0 pause=0.2
  shift 2
  while :; do
    "$ASSAY" probe --train "$TMP/many.npy" "$@" -o "$head" --threads 1 >"$TMP/out" 2>"$TMP/err" </dev/null &
    pid=$!
    hears $pid
    sleep $pause
    kill -TERM $pid 2>/dev/null
    wait $pid
    code=$?
    [ $code -eq 75 ] && [ -s "$head.state" ] && [ ! -e "$head" ] && grep -q 'the same command goes on' "$TMP/err" && stops=$((stops + 1)) && [ $stops -lt 40 ] || break
    [ $((stops % 4)) -eq 0 ] && pause=$stops # where others use the machine, a start alone may take as long
  done
  [ $code -eq 0 ] && [ ! -e "$head.state" ] && ok "$name, to its end" || not_ok "$name, to its end" "exit $code: $(head -c 300 "$TMP/err")"
  [ $stops -gt 0 ] && ok "$name, was stopped" || skip "$name, was stopped" "faster than the signal"
}
for how in "--c 100" "--c path --max-iter 40" "--protocol fixed"; do
  # shellcheck disable=SC2086
  run probe --train "$TMP/many.npy" $how -o "$TMP/whole.safetensors" -q
  [ $code -eq 0 ] || not_ok "bigfit: $how" "exit $code: $(head -c 300 "$TMP/err")"
  # shellcheck disable=SC2086
  pieces "bigfit: $how in pieces" "$TMP/parts.safetensors" $how
  same "bigfit: $how in pieces, the same bytes" "$TMP/whole.safetensors" "$TMP/parts.safetensors"
  rm -f "$TMP/parts.safetensors" "$TMP/whole.safetensors"
done

# inside a run as well, whose next one goes on with the fit
sed '/^\[dataset real/,$d' "$A/demo.plan" >"$A/fit.plan"
printf '[model vit-a]\nweights = weights/vit-a.safetensors\nhead = probe\nc = 1e-3:1e6:200\n' >>"$A/fit.plan"
run run "$A/fit.plan" -o "$TMP/whole" --threads 1 -q
[ $code -eq 0 ] || not_ok "bigfit: a run" "exit $code: $(head -c 300 "$TMP/err")"
stops=0 sent=0 kept=0 pause=0.3
while :; do
  "$ASSAY" run "$A/fit.plan" -o "$TMP/parts" --threads 1 -q >"$TMP/out" 2>"$TMP/err" </dev/null &
  pid=$!
  hears $pid
  sleep $pause
  kill -TERM $pid 2>/dev/null && sent=$((sent + 1))
  wait $pid
  code=$?
  [ -s "$TMP/parts/work/heads/vit-a.state" ] && kept=$((kept + 1))
  [ $code -eq 75 ] && stops=$((stops + 1)) && [ $stops -lt 40 ] || break
  pause=$((stops / 4 + 1)) # as above
done
[ $code -eq 0 ] && ok "bigfit: a run in pieces, to its end" || not_ok "bigfit: a run in pieces, to its end" "exit $code: $(head -c 300 "$TMP/err")"
if [ $kept -gt 0 ]; then
  ok "bigfit: a run was stopped in a fit"
elif [ $sent -eq 0 ]; then
  skip "bigfit: a run was stopped in a fit" "faster than the signal"
else # nearly all of the run is the fit
  not_ok "bigfit: a run was stopped in a fit" "$sent signals, no state kept"
fi
same "bigfit: a run in pieces, the same head" "$TMP/whole/heads/vit-a.safetensors" "$TMP/parts/heads/vit-a.safetensors"
same "bigfit: a run in pieces, the same table" "$TMP/whole/table.csv" "$TMP/parts/table.csv"

# a second signal ends it at once; without -o there is nowhere to keep anything
"$ASSAY" probe --train "$TMP/many.npy" --test "$TMP/few.npy" --c path --threads 1 >"$TMP/out" 2>"$TMP/err" </dev/null &
pid=$!
hears $pid
sleep 0.1
kill -TERM $pid 2>/dev/null
wait $pid
code=$?
[ $code -eq 130 ] || [ $code -eq 0 ] && ok "bigfit: no -o, 130" || not_ok "bigfit: no -o, 130" "exit $code: $(cat "$TMP/err")"

# too little memory is said before anything begins; many classes, so that it is far too little
if (ulimit -v 1000000) 2>/dev/null && ! grep -q __asan_init "$ASSAY"; then
  awk -F'\t' 'NR > 1 { OFS = "\t"; $3 = NR % 640; $4 = "c" NR % 640 } { print }' "$TMP/many.tsv" >"$TMP/t" && mv "$TMP/t" "$TMP/many.tsv"
  (ulimit -v 60000 && "$ASSAY" probe --train "$TMP/many.npy" -o "$TMP/x.safetensors" --threads 1 -q >"$TMP/out" 2>"$TMP/err")
  n=$?
  [ $n -eq 4 ] && grep -q "take up to .* GB of memory; .* GB are free" "$TMP/err" && [ ! -e "$TMP/x.safetensors.state" ] && ok "bigfit: memory is said" ||
    not_ok "bigfit: memory is said" "exit $n: $(cat "$TMP/err")"
else
  skip "bigfit: memory is said" "no limit of memory here"
fi
exit $failed
