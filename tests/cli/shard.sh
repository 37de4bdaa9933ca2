#!/bin/sh
# A run in parts: merged, they are byte for byte what one run leaves; what does not belong together is named.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "shard: demo" || not_ok "shard: demo" "exit $code: $(tail -3 "$TMP/err")"
P=$A/demo.plan
# one image is damaged: it fails in its shard, too
victim=$(ls "$A"/world/sketch/*/*.jpg | sed -n 9p)
head -c 300 "$victim" >"$TMP/cut" && cat "$TMP/cut" >"$victim"
run run "$P" -o "$TMP/whole" -q --threads 2
[ $code -eq 3 ] && ok "shard: undivided" || not_ok "shard: undivided" "exit $code: $(cat "$TMP/err")"
for i in 0 1 2; do
  run run "$P" --shard $i/3 -o "$TMP/s$i" -q --threads $((i + 1)) --batch $((i + 3))
  case $code in
    0) ;;
    3) grep -q "images failed" "$TMP/err" || not_ok "shard: part $i" "$(cat "$TMP/err")" ;;
    *) not_ok "shard: part $i" "exit $code: $(cat "$TMP/err")" ;;
  esac
done
run merge "$TMP/s2" "$TMP/s0" "$TMP/s1" -o "$TMP/merged" -q --threads 2
[ $code -eq 3 ] && grep -q "images failed in" "$TMP/err" && ok "shard: merge counts the failed image" ||
  not_ok "shard: merge counts the failed image" "exit $code: $(cat "$TMP/err")"
if diff -r "$TMP/whole" "$TMP/merged" >"$TMP/diff" 2>&1; then ok "shard: merged, the same bytes"; else
  not_ok "shard: merged, the same bytes" "$(head -c 300 "$TMP/diff")"
fi
# the plan, its data and its parts, moved together; merged from the root
mkdir "$TMP/far" && cp -r "$A" "$TMP/far/a" && cp -r "$TMP/s0" "$TMP/s1" "$TMP/s2" "$TMP/far/" && mv "$A" "$TMP/hidden"
(cd / && "$ASSAY" merge "$TMP/far/s1" "$TMP/far/s2" "$TMP/far/s0" -o "$TMP/far/merged" -q >/dev/null 2>"$TMP/err")
diff -r -x place.json "$TMP/whole" "$TMP/far/merged" >"$TMP/diff" 2>&1 && ok "shard: moved, the same bytes" || not_ok "shard: moved, the same bytes" "$(head -c 300 "$TMP/err" "$TMP/diff")"
mv "$TMP/hidden" "$A"
# a shard that was killed goes on
"$ASSAY" run "$P" --shard 0/3 -o "$TMP/k0" -q >/dev/null 2>&1 &
pid=$!
while kill -0 $pid 2>/dev/null && ! ls "$TMP/k0/rows/"*.rows >/dev/null 2>&1; do :; done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
refuses "shard: an unfinished part" 3 "k0: found no shard.json" merge "$TMP/k0" "$TMP/s1" "$TMP/s2" -o "$TMP/m"
run run "$P" --shard 0/3 -o "$TMP/k0" -q
diff -r "$TMP/s0/rows" "$TMP/k0/rows" >"$TMP/diff" && ok "shard: killed, resumed, the same rows" || not_ok "shard: killed, resumed, the same rows" "$(head -c 200 "$TMP/diff")"
refuses "shard: missing ones are named" 3 "missing: shards 0/3, 2/3" merge "$TMP/s1" -o "$TMP/m"
refuses "shard: double ones are named" 3 "shard 1/3 is given twice: $TMP/s1/shard.json and $TMP/s1/shard.json" merge "$TMP/s0" "$TMP/s1" "$TMP/s1" "$TMP/s2" -o "$TMP/m"
cp -r "$TMP/s1" "$TMP/t1"
sed 's/"shards": 3/"shards": 4/' "$TMP/s1/shard.json" >"$TMP/t1/shard.json"
refuses "shard: of another division" 3 "t1/shard.json: found a shard of 4" merge "$TMP/s0" "$TMP/t1" "$TMP/s2" -o "$TMP/m"
sed 's/"weights_sha256": "./"weights_sha256": "x/' "$TMP/s1/shard.json" >"$TMP/t1/shard.json"
refuses "shard: of other weights" 3 "t1/shard.json: models resnet-a: found weights_sha256 x" merge "$TMP/s0" "$TMP/t1" "$TMP/s2" -o "$TMP/m"
cp "$TMP/s1/shard.json" "$TMP/t1/shard.json"
f=$(ls "$TMP/t1/rows/"*.rows | head -1)
size=$(wc -c <"$f")
head -c $((size - 5)) "$f" >"$TMP/cut" && cp "$TMP/cut" "$f"
refuses "shard: rows cut short" 3 "$(basename "$f"): found" merge "$TMP/s0" "$TMP/t1" "$TMP/s2" -o "$TMP/m"
cp "$TMP/cut" "$victim"
refuses "shard: images changed since" 3 "wanted all: weights, images or plan have changed" merge "$TMP/s0" "$TMP/s1" "$TMP/s2" -o "$TMP/m"
refuses "shard: a folder that is none" 3 "found no shard.json" merge "$A" -o "$TMP/m"
exit $failed
