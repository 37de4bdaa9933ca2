#!/bin/sh
# Standard streams that are closed or shared, and signals: a message never lands in a result, every command ends at
# the first signal, nothing unfinished is left behind.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
D=$TMP/d
W=$D/weights/vit-a.safetensors

# Both streams in one file: results in full, then the remark, each a line of its own.
"$ASSAY" demo --untrained --quick -o "$D" >"$TMP/log" 2>&1
grep -q '^3 models x 5 sets in [0-9.]* s: ' "$TMP/log" && ! grep '.[0-9] models x ' "$TMP/log" >"$TMP/torn" && ok "streams: one file for both" ||
  not_ok "streams: one file for both" "$(grep 'models x' "$TMP/log")"

# Closed descriptors: what is opened next must not become a standard stream.
F="--weights $W --data $D/world/val --limit 8"
"$ASSAY" features $F -o "$TMP/f.npy" >"$TMP/out" 2>&1 || not_ok "streams: features" "$(cat "$TMP/out")"
"$ASSAY" features $F -o "$TMP/g.npy" 2>&- >"$TMP/out"
code=$?
[ $code -eq 0 ] && cmp -s "$TMP/f.npy" "$TMP/g.npy" && cmp -s "$TMP/f.tsv" "$TMP/g.tsv" && ok "streams: standard error closed" ||
  not_ok "streams: standard error closed" "exit $code, $(cmp "$TMP/f.npy" "$TMP/g.npy" 2>&1)"
"$ASSAY" features $F -o "$TMP/g.npy" <&- >"$TMP/out" 2>"$TMP/err"
code=$?
[ $code -eq 0 ] && cmp -s "$TMP/f.npy" "$TMP/g.npy" && ok "streams: standard input closed" || not_ok "streams: standard input closed" "exit $code"
"$ASSAY" features $F -o "$TMP/g.npy" >&- 2>"$TMP/err"
code=$?
[ $code -eq 4 ] && cmp -s "$TMP/f.npy" "$TMP/g.npy" && grep -q 'standard output' "$TMP/err" && ok "streams: standard output closed, exit 4" ||
  not_ok "streams: standard output closed, exit 4" "exit $code: $(cat "$TMP/err")"
"$ASSAY" inspect "$W" <&- >&- 2>&-
code=$?
[ $code -eq 4 ] && ok "streams: all closed" || not_ok "streams: all closed" "exit $code"

# interrupts NAME SIGNAL READY ARGS...: starts the command, sends the signal once it hears it and READY (a shell command) is true, and
# wants exit 130 within two seconds, a word and no unfinished file.
interrupts() {
  name=$1 signal=$2 ready=$3
  shift 3
  rm -rf "$TMP/i" && mkdir "$TMP/i"
  "$ASSAY" "$@" >"$TMP/out" 2>"$TMP/err" </dev/null &
  pid=$!
  hears $pid
  while kill -0 $pid 2>/dev/null && ! eval "$ready"; do sleep 0.01; done
  kill -"$signal" $pid 2>/dev/null
  sent=$(date +%s)
  wait $pid
  code=$?
  took=$(($(date +%s) - sent))
  left=$(ls "$TMP/i" | grep tmp)
  if [ $code -eq 0 ]; then
    skip "$name" "it was done before the signal came"
  elif [ $code -eq 130 ] && grep -q 'stopped$' "$TMP/err" && [ $took -le 2 ] && [ -z "$left" ]; then
    ok "$name"
  else
    not_ok "$name" "exit $code after $took s, left '$left': $(cat "$TMP/err")"
  fi
}
started='sleep 0.2'
unfinished='ls "$TMP/i" | grep -q tmp'
interrupts "streams: bench" TERM "$started" bench --net vits16 --batch 1 --seconds 60
interrupts "streams: bench of products" TERM "$started" bench --gemm --seconds 60
interrupts "streams: selftest" USR1 "$started" selftest --bench
interrupts "streams: report" TERM "$started" report "$D" --resamples 1000000 -o "$TMP/i/r.html"
interrupts "streams: init" TERM "$unfinished" init --arch vit_base -o "$TMP/i/w.safetensors"
[ -s "$TMP/i/w.safetensors" ] || "$ASSAY" init --arch vit_base -o "$TMP/i/w.safetensors" 2>/dev/null
mv "$TMP/i/w.safetensors" "$TMP/w.safetensors"
interrupts "streams: convert" TERM "$unfinished" convert "$TMP/w.safetensors" "$TMP/i/c.safetensors"
interrupts "streams: inspect" TERM : inspect "$TMP/w.safetensors"
interrupts "streams: features" TERM "$unfinished" features --weights "$TMP/w.safetensors" --data "$D/world/train" -o "$TMP/i/f.npy"
interrupts "streams: run --estimate" TERM "$started" run --estimate "$D/demo.plan" --batch 4096
awk 'BEGIN { print "model,a,b,c,d,e"; for (i = 0; i < 50000; i++) printf "m%d,%d.%d,%d.5,%d.25,%d.125,%d\n", i, i % 90, i % 7, i % 83, i % 79, i % 73, i % 71 }' >"$TMP/t.csv"
interrupts "streams: table" TERM "$started" table "$TMP/t.csv" -o "$TMP/i/t.html"

# A run keeps its work: the first signal ends it with 75 and what it has done.
"$ASSAY" run "$D/demo.plan" -o "$TMP/r" -q >"$TMP/out" 2>"$TMP/err" &
pid=$!
while kill -0 $pid 2>/dev/null && ! [ -d "$TMP/r" ]; do sleep 0.01; done
kill -TERM $pid 2>/dev/null
wait $pid
code=$?
[ $code -eq 75 ] && grep -q 'the same command goes on' "$TMP/err" && ok "streams: run, exit 75" || not_ok "streams: run, exit 75" "exit $code: $(cat "$TMP/err")"

# In the middle of a step that takes long it waits five seconds; the next run goes on all the same.
ASSAY_CPU=ref "$ASSAY" run "$D/demo.plan" -o "$TMP/s" -q --batch 4096 --threads 1 >"$TMP/out" 2>"$TMP/err" &
pid=$!
while kill -0 $pid 2>/dev/null && ! [ -d "$TMP/s/work" ]; do sleep 0.01; done
sleep 0.5
kill -TERM $pid 2>/dev/null
sent=$(date +%s)
wait $pid
code=$?
took=$(($(date +%s) - sent))
[ $code -eq 75 ] && [ $took -le 7 ] && grep -q 'the same command goes on' "$TMP/err" && ok "streams: run in a long step, exit 75" ||
  not_ok "streams: run in a long step, exit 75" "exit $code after $took s: $(cat "$TMP/err")"
run run "$D/demo.plan" -o "$TMP/s" -q
[ $code -eq 0 ] && cmp -s "$TMP/s/table.csv" "$D/table.csv" && ok "streams: and goes on to the same table" || not_ok "streams: and goes on to the same table" "exit $code"

# Progress: nothing on a pipe within a minute, lines of their own when asked for, drawn with always, never with -q.
P="--weights $W --data $D/world/train -o $TMP/g.npy --batch 1 --threads 1"
"$ASSAY" features $P >"$TMP/out" 2>"$TMP/err"
grep -q 'images ' "$TMP/err" && not_ok "progress: quiet on a pipe" "$(cat "$TMP/err")" || ok "progress: quiet on a pipe"
"$ASSAY" features $P --progress 0.01 >"$TMP/out" 2>"$TMP/err"
grep -q '^images  [1-9][0-9]* / 192' "$TMP/err" && ! grep -q "$(printf '\r')" "$TMP/err" && ok "progress: lines on a pipe" || not_ok "progress: lines on a pipe" "$(cat "$TMP/err")"
"$ASSAY" features $P --progress always >"$TMP/out" 2>"$TMP/err"
grep -q "$(printf '\r')" "$TMP/err" && ok "progress: drawn when asked for" || not_ok "progress: drawn when asked for" "$(cat "$TMP/err")"
"$ASSAY" features $P --progress 0.01 -q >"$TMP/out" 2>"$TMP/err"
[ -s "$TMP/err" ] && not_ok "progress: none with -q" "$(cat "$TMP/err")" || ok "progress: none with -q"
# The time that is left is that of the whole plan: its part grows to the end, over models and sets.
"$ASSAY" run "$D/demo.plan" -o "$TMP/p" --progress 0.01 --threads 1 --batch 4 >"$TMP/out" 2>"$TMP/err"
sed -n 's|^.* on .* / .*  all \([0-9]*\) %.*|\1|p' "$TMP/err" >"$TMP/parts"
sort -n -c "$TMP/parts" 2>"$TMP/why" && [ "$(sort -u "$TMP/parts" | wc -l)" -ge 5 ] && [ "$(tail -n 1 "$TMP/parts")" -gt 95 ] && grep -q 'left$' "$TMP/err" && ok "progress: part of the whole plan" ||
  not_ok "progress: part of the whole plan" "$(cat "$TMP/why") $(tr '\n' ' ' <"$TMP/parts" | head -c 200)"
refuses "progress: neither a word nor a number" 2 "--progress: found 'often', wanted auto, never, always or a number of seconds" info --progress often

# What a killed process left beside a result goes when the result is written again; that of a living one stays.
sh -c 'echo $$' >"$TMP/pid"
dead=$(cat "$TMP/pid")
image=$(ls "$D"/world/val/*/*.jpg | head -1)
for n in x.ppm.tmp$dead x.ppm.tmp$$ y.ppm.tmp$dead x.ppm.tmp x.ppm.tmp12a; do : >"$TMP/i/$n"; done
run decode "$image" -o "$TMP/i/x.ppm"
ls "$TMP/i" | grep '^[xy]' | LC_ALL=C sort >"$TMP/left"
printf '%s\n' x.ppm x.ppm.tmp x.ppm.tmp12a "x.ppm.tmp$$" "y.ppm.tmp$dead" | LC_ALL=C sort >"$TMP/want"
same "streams: left-over temporaries are swept" "$TMP/left" "$TMP/want"
exit $failed
