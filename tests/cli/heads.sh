#!/bin/sh
# Heads know their classes by name: what one command writes the others read, on any part of the classes.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "heads: demo" || not_ok "heads: demo" "exit $code: $(tail -3 "$TMP/err")"
W=$A/weights/vit-a.safetensors
# every third class, and two that the head has never seen
ls "$A/world/train" | sort | awk 'NR % 3 == 1' | while read -r c; do
  mkdir -p "$A/few" "$A/part" && cp -r "$A/world/train/$c" "$A/few/" && cp -r "$A/world/val/$c" "$A/part/"
done
for c in aardvark zebra; do mkdir "$A/part/$c" && cp "$A/part/"*/*0.jpg "$A/part/$c/" 2>/dev/null || cp "$(ls "$A"/part/*/*.jpg | head -1)" "$A/part/$c/"; done
cat >"$A/p.plan" <<'ENDPLAN'
[dataset val]
path = world/val
classes = world/classes.txt
[dataset train]
path = few
role = train
[model vit]
weights = weights/vit-a.safetensors
head = probe
ENDPLAN
run run "$A/p.plan" -q
H=$A/p.out/heads/vit.safetensors
[ $code -eq 0 ] && [ -s "$H" ] && ok "heads: a run leaves one" || not_ok "heads: a run leaves one" "exit $code: $(cat "$TMP/err")"
run inspect "$H"
grep -q "assay.classes = \[\"$(ls "$A/few" | head -1)\"" "$TMP/out" && ok "heads: its classes are named in it" || not_ok "heads: its classes are named in it" "$(cat "$TMP/out")"
right() { # FILE: top1_correct of the first cell in it
  grep -m1 '"top1_correct"' "$1" | tr -dc 0-9
}
# the whole set, whose list is longer
run classify --weights "$W" --head "$H" --data "$A/world/val" --classes "$A/world/classes.txt" --json -q
[ $code -eq 0 ] && [ "$(right "$TMP/out")" = "$(right "$A/p.out/record.json")" ] && ok "heads: classify, more classes than it knows" || not_ok "heads: classify, more classes than it knows" "exit $code: $(cat "$TMP/out" "$TMP/err")"
grep -A1 '"among"' "$TMP/out" | grep -q '"classes": 6' && ok "heads: says among how many" || not_ok "heads: says among how many" "$(cat "$TMP/out")"
# a part of it, with strangers
run classify --weights "$W" --head "$H" --data "$A/part" --json -q
[ $code -eq 0 ] && [ "$(right "$TMP/out")" = "$(right "$A/p.out/record.json")" ] && grep -q '"n_hopeless": 2' "$TMP/out" && ok "heads: classify, a part and strangers" || not_ok "heads: classify, a part and strangers" "exit $code: $(cat "$TMP/out" "$TMP/err")"
# images without labels have the head's names
run classify --weights "$W" --head "$H" "$(ls "$A"/part/*/*.jpg | head -1)" -q
[ $code -eq 0 ] && [ "$(wc -l <"$TMP/out")" -eq 5 ] && cut -f2 "$TMP/out" | cut -d' ' -f1 | while read -r c; do [ -d "$A/few/$c" ] || echo "$c"; done >"$TMP/bad" && [ ! -s "$TMP/bad" ] && ok "heads: an image by itself" || not_ok "heads: an image by itself" "exit $code: $(cat "$TMP/out" "$TMP/err")"
# a plan, in which it is a file
cat >"$A/q.plan" <<'ENDPLAN'
[dataset val]
path = world/val
classes = world/classes.txt
[dataset part]
path = part
[model vit]
weights = weights/vit-a.safetensors
head = p.out/heads/vit.safetensors
ENDPLAN
run run "$A/q.plan" --check
[ $code -eq 0 ] && ok "heads: --check" || not_ok "heads: --check" "exit $code: $(cat "$TMP/out")"
run run "$A/q.plan" -q
[ $code -eq 0 ] && [ "$(grep '"top1_correct"' "$A/q.out/record.json" | tr -dc '0-9\n' | sort -u)" = "$(right "$A/p.out/record.json")" ] && ok "heads: a plan reads it" || not_ok "heads: a plan reads it" "exit $code: $(cat "$TMP/err") $(grep top1_correct "$A/q.out/record.json")"
works "heads: verified" verify "$A/q.out" -q
run doctor "$A/q.out" --images 20
grep -q "the recorded prediction 20 of 20 times" "$TMP/out" && ok "heads: the doctor reads it" || not_ok "heads: the doctor reads it" "exit $code: $(cat "$TMP/out" "$TMP/err")"
# nothing in common is a refusal, before the images are run
mkdir "$A/other" && cp -r "$A/part/zebra" "$A/part/aardvark" "$A/other/"
refuses "heads: strangers alone" 3 "none of the head's 6 classes ($(ls "$A/few" | head -1), ...) is a class of the dataset (aardvark, ...)" classify --weights "$W" --head "$H" --data "$A/other" -q
sed '/^\[dataset part\]/,/^path/d; s|^path = .*|path = other|; /^classes/d' "$A/q.plan" >"$A/r.plan"
refuses "heads: likewise in a plan" 3 "model vit on val: none of the head's 6 classes" run "$A/r.plan" -q
[ ! -e "$A/r.out/rows" ] && [ ! -e "$A/r.out/work" ] && ok "heads: nothing was run" || not_ok "heads: nothing was run" "$(ls "$A/r.out")"

# what the probe on features writes, and reads back
F=$TMP/few.npy V=$TMP/val.npy Q=$TMP/part.npy
"$ASSAY" features --weights "$W" --data "$A/few" -o "$F" -q >/dev/null
"$ASSAY" features --weights "$W" --data "$A/world/val" --classes "$A/world/classes.txt" -o "$V" -q >/dev/null
"$ASSAY" features --weights "$W" --data "$A/part" -o "$Q" -q >/dev/null
works "heads: probe -o" probe --train "$F" -o "$TMP/h.safetensors" -q
for set in "$V" "$Q"; do
  run probe --head "$TMP/h.safetensors" --test "$set" --json
  [ $code -eq 0 ] && [ "$(right "$TMP/out")" = "$(right "$A/p.out/record.json")" ] && ! grep -q "matched by number" "$TMP/err" && ok "heads: probe --head on $(basename "$set")" ||
    not_ok "heads: probe --head on $(basename "$set")" "exit $code: $(cat "$TMP/out" "$TMP/err")"
done
run classify --weights "$W" --head "$TMP/h.safetensors" --data "$A/part" --json -q
[ $code -eq 0 ] && [ "$(right "$TMP/out")" = "$(right "$A/p.out/record.json")" ] && ok "heads: classify reads it" || not_ok "heads: classify reads it" "exit $code: $(cat "$TMP/out" "$TMP/err")"
# feature files of before have no names: numbers, and it is said
for f in few val; do cp "$TMP/$f.npy" "$TMP/$f-n.npy" && awk -F'\t' -v OFS='\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "class") c = i } { for (i = c; i < NF; i++) $i = $(i + 1); NF--; print }' "$TMP/$f.tsv" >"$TMP/$f-n.tsv"; done
works "heads: by number, fitted" probe --train "$TMP/few-n.npy" -o "$TMP/n.safetensors" -q
run probe --head "$TMP/n.safetensors" --test "$TMP/few-n.npy"
[ $code -eq 0 ] && grep -q "n.safetensors has no names of classes: they are matched by number" "$TMP/err" && ok "heads: by number, said" || not_ok "heads: by number, said" "exit $code: $(cat "$TMP/err")"
refuses "heads: by number, too few" 3 "the head knows 6 classes, $TMP/val-n.npy has 16" probe --head "$TMP/n.safetensors" --test "$TMP/val-n.npy" -q
refuses "heads: one or the other" 2 "wanted --train F.npy" probe --head "$TMP/n.safetensors" --train "$F" --test "$V"

# heads of others have no names: their outputs are the classes in order, as many as there are
if /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
  d=$("$ASSAY" inspect "$H" | grep -o 'weight.*\[6, *[0-9]*\]' | grep -o '[0-9]*\]' | tr -d ']')
  /usr/bin/python3 - "$A" "$d" <<'PY'
import sys, numpy as np
rng = np.random.RandomState(0)
for n in (6, 16):
    np.savez(sys.argv[1] + '/%d.npz' % n, weight=rng.randn(n, int(sys.argv[2])).astype('f4'), bias=np.zeros(n, 'f4'))
PY
  works "heads: by number alone" classify --weights "$W" --head "$A/16.npz" --data "$A/world/val" --classes "$A/world/classes.txt" -q
  refuses "heads: by number alone, another number" 3 "the head knows 6 classes, the dataset has 16" classify --weights "$W" --head "$A/6.npz" --data "$A/world/val" --classes "$A/world/classes.txt" -q
else
  skip "heads: by number alone" "no numpy"
fi
# two backbones, whose names say nothing, under two protocols each
for m in one:vit-a:probe two:vit-a:knn three:resnet-a:knn four:resnet-a:probe; do
  file=${m#*:}
  printf '[model %s]\nweights = weights/%s.safetensors\nhead = %s\n' "${m%%:*}" "${file%:*}" "${m##*:}"
done >"$A/models"
{ printf '[dataset val]\npath = world/val\nclasses = world/classes.txt\n[dataset train]\npath = world/train\nclasses = world/classes.txt\nrole = train\n'
  cat "$A/models"; } >"$A/protocols.plan"
run run "$A/protocols.plan" -q
[ $code -eq 0 ] && grep -q "By protocol: of 2 backbones under each of 2 protocols, .* is first with" "$TMP/out" && ok "heads: backbones under two protocols" ||
  not_ok "heads: backbones under two protocols" "exit $code: $(cat "$TMP/err" "$A/protocols.plan") $(head -12 "$TMP/out")"
run report "$A/protocols.out" --part protocols --format csv
grep -q '^vit-a,"probe, C 1",one,' "$TMP/out" && grep -q '^vit-a,"k-NN, k 20, T 0.07",two,' "$TMP/out" && ok "heads: their protocols, from the record" ||
  not_ok "heads: their protocols, from the record" "$(cat "$TMP/out" "$TMP/err")"
exit $failed
