#!/bin/sh
# The demo with pre-training: a training for every method and seed, said beforehand, kept one by one; and with backbones
# that are there already, beside the program or where make install puts them.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --train --quick --seeds 2 -o "$A" --threads 2
[ $code -eq 0 ] && ok "miniature: demo --train" || not_ok "miniature: demo --train" "exit $code: $(tail -3 "$TMP/err")"
grep -q "^6 of 6 trainings to do, about [0-9.]* min" "$TMP/err" && ok "miniature: says beforehand how long" || not_ok "miniature: says beforehand how long" "$(head -5 "$TMP/err")"
for m in simclr-s0 simclr-s1 moco-s1 untrained; do
  grep -q "^$m " "$TMP/out" && ok "miniature: $m is in the table" || not_ok "miniature: $m is in the table" "$(head -20 "$TMP/out")"
done
has "miniature: the record says the seed" '"seed": "1"' "$A/record.json"
cmp -s "$A/pretrained/simclr-s0/checkpoint.safetensors" "$A/pretrained/simclr-s1/checkpoint.safetensors" &&
  not_ok "miniature: seeds differ" "the same bytes" || ok "miniature: seeds differ"
[ "$(sed -n '/id="families"/,/<\/section>/p' "$A/report.html" | grep -c "<circle")" -eq 6 ] && ok "miniature: the page shows a dot per seed" || not_ok "miniature: the page shows a dot per seed" "$(sed -n '/id="families"/,/<\/section>/p' "$A/report.html" | head -c 300)"
grep -q "miniatures: small networks" "$A/table.txt" && ok "miniature: the tables say what they are" || not_ok "miniature: the tables say what they are" "$(tail -5 "$A/table.txt")"
rm "$A/pretrained/moco-s1/checkpoint.safetensors"
run demo --train --quick --seeds 2 -o "$A"
[ $code -eq 0 ] && grep -q "^1 of 6 trainings to do" "$TMP/err" && ok "miniature: what is done is not done again" ||
  not_ok "miniature: what is done is not done again" "exit $code: $(head -5 "$TMP/err")"

# Installed: bin/assay and share/assay/miniature.
mkdir -p "$TMP/p/bin" "$TMP/p/share/assay/miniature"
cp "$ASSAY" "$TMP/p/bin/assay"
for m in simclr moco; do cp "$A/pretrained/$m-s0/checkpoint.safetensors" "$TMP/p/share/assay/miniature/$m.safetensors"; done
(cd "$TMP" && p/bin/assay demo --quick -o b) >"$TMP/out" 2>"$TMP/err" && grep -q "^simclr " "$TMP/out" && grep -q "pre-trained backbones from .*share/assay/miniature" "$TMP/err" &&
  ok "miniature: installed backbones are found" || not_ok "miniature: installed backbones are found" "$(tail -3 "$TMP/err")"
same "miniature: they are the installed ones" "$TMP/b/weights/moco.safetensors" "$TMP/p/share/assay/miniature/moco.safetensors"
works "miniature: one of them is trained again" verify "$TMP/p/share/assay/miniature/moco.safetensors" -o "$TMP/v" -q
rm -r "$TMP/p/share"
(cd "$TMP" && p/bin/assay demo --quick -o c) >"$TMP/out" 2>"$TMP/err" && grep -q "found no pre-trained backbones" "$TMP/err" && grep -q -- "--train makes some" "$TMP/err" && grep -q "nobody trained them" "$TMP/out" &&
  ok "miniature: without any it says so" || not_ok "miniature: without any it says so" "$(tail -3 "$TMP/err")"
refuses "miniature: trained and untrained" 2 "wanted one of them" demo --train --untrained -o "$TMP/d"
refuses "miniature: --seeds alone" 2 "--seeds is for --train" demo --seeds 2 -o "$TMP/d"
exit $failed
