#!/bin/sh
# Features kept across runs, float16 storage, and probes by protocol: all of it by the plan alone.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "cache: demo" || not_ok "cache: demo" "exit $code: $(tail -3 "$TMP/err")"
P=$A/demo.plan
"$ASSAY" run "$P" -o "$TMP/plain" -q >/dev/null 2>&1
works "cache: first run" run "$P" -o "$TMP/one" --cache "$TMP/kept"
n=$(grep -c "features from the cache" "$TMP/err")
[ "$n" -eq 5 ] && ok "cache: two models of the same weights share" || not_ok "cache: two models of the same weights share" "$n"
works "cache: second run" run "$P" -o "$TMP/two" --cache "$TMP/kept"
n=$(grep -c "features from the cache" "$TMP/err")
[ "$n" -eq 15 ] && ok "cache: 3 models x 5 runs of the backbone" || not_ok "cache: 3 models x 5 runs of the backbone" "$n"
diff -r -x rows "$TMP/plain" "$TMP/one" >"$TMP/diff" && diff -r -x rows "$TMP/plain" "$TMP/two" >>"$TMP/diff" && ok "cache: the same bytes" || not_ok "cache: the same bytes" "$(head -c 300 "$TMP/diff")"
# a damaged entry is not believed; a changed image has another key
f=$(ls "$TMP/kept/"*.features | head -1)
size=$(wc -c <"$f")
head -c $((size - 7)) "$f" >"$TMP/cut" && cp "$TMP/cut" "$f"
works "cache: a damaged entry" run "$P" -o "$TMP/three" --cache "$TMP/kept"
diff -r -x rows "$TMP/plain" "$TMP/three" >"$TMP/diff" && ok "cache: is computed again" || not_ok "cache: is computed again" "$(head -c 300 "$TMP/diff")"
cp "$(ls "$A"/world/v2/*/*.jpg | tail -1)" "$(ls "$A"/world/v2/*/*.jpg | head -1)"
works "cache: a changed image" run "$P" -o "$TMP/four" --cache "$TMP/kept"
n=$(grep -c "features from the cache" "$TMP/err")
[ "$n" -eq 13 ] && ok "cache: that set is computed again" || not_ok "cache: that set is computed again" "$n of 15 from the cache"

# float16 rows, from the cache or not
sed 's/^name = demo/name = demo\nfeatures = float16/' "$P" >"$A/half.plan"
works "cache: float16" run "$A/half.plan" -o "$TMP/h1" --cache "$TMP/kept" -q
works "cache: float16 without a cache" run "$A/half.plan" -o "$TMP/h2" -q
diff -r -x rows "$TMP/h1" "$TMP/h2" >"$TMP/diff" && ok "cache: float16, the same bytes" || not_ok "cache: float16, the same bytes" "$(head -c 300 "$TMP/diff")"
a=$(ls -l "$TMP/kept/"*.features | awk '{ print $5 }' | sort -n | head -1)
b=$(ls -l "$TMP/kept/"*.features | awk '{ print $5 }' | sort -n | tail -1)
[ $((a * 3)) -lt $((b * 2)) ] && ok "cache: float16 entries are smaller" || not_ok "cache: float16 entries are smaller" "$a $b"

# probes by protocol; the head's line says which
sed '/^c = /d; s/^name = demo/name = demo\nprotocol = fixed/' "$P" >"$A/fixed.plan"
works "cache: protocol = fixed" run "$A/fixed.plan" -o "$TMP/p1" --cache "$TMP/kept" -q
[ "$(grep -c '"head": "protocol fixed on ' "$TMP/p1/record.json")" -eq 2 ] && has "cache: the record says so" '"protocol": "fixed"' "$TMP/p1/record.json" ||
  not_ok "cache: the record says so" "$(grep '"head"' "$TMP/p1/record.json")"
sed 's/protocol = fixed/protocol = per-framework/' "$A/fixed.plan" >"$A/own.plan"
refuses "cache: per-framework needs a framework" 3 "no probe protocol is known for recipe" run "$A/own.plan" -o "$TMP/p2" --cache "$TMP/kept" -q
sed 's/^c = .*/c = 0.01:1:3/' "$P" >"$A/path.plan"
works "cache: c = a path" run "$A/path.plan" -o "$TMP/p3" --cache "$TMP/kept" -q
has "cache: the chosen c is recorded" "of 3 from 0.01 to 1" "$TMP/p3/record.json"
# the authors' way: new crops in every epoch, through the backbone (one small network, few images)
if [ -n "${ASSAY_SLOW:-}" ]; then
  awk '/^\[model/ { n++ } n <= 1' "$A/fixed.plan" | sed 's/^protocol = fixed/protocol = fixed\ncrops = yes/; s/^role = train/role = train\nper-class = 0:1/; s/^\[model .*/[model resnet-a]/' >"$A/crops.plan"
  works "cache: crops = yes" run "$A/crops.plan" -o "$TMP/p4" --cache "$TMP/kept" -q
  grep -q '"head": "protocol fixed on crops' "$TMP/p4/record.json" && ok "cache: the head was trained on crops" ||
    not_ok "cache: the head was trained on crops" "$(grep '"head"' "$TMP/p4/record.json")"
else
  skip "cache: crops = yes" "takes a while; ASSAY_SLOW=1 runs it"
fi
exit $failed
