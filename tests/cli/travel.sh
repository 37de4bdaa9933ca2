#!/bin/sh
# A run that travels: moved, copied, read-only, looked at from elsewhere, its data elsewhere. And whatever is changed in
# it by hand is named.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$TMP/demo" --quick
[ $code -eq 0 ] && ok "travel: demo" || not_ok "travel: demo" "exit $code: $(tail -3 "$TMP/err")"
mkdir "$A"
cp -r "$TMP/demo/world" "$TMP/demo/weights" "$A/"
"$ASSAY" features --weights "$A/weights/vit-a.safetensors" --data "$A/world/train" --classes "$A/world/classes.txt" -o "$TMP/train.npy" -q >/dev/null
"$ASSAY" probe --train "$TMP/train.npy" -o "$A/head.safetensors" -q >/dev/null
cat >"$A/p.plan" <<'END'
[benchmark]
name = small
[dataset val]
path = world/val
classes = world/classes.txt
[dataset real]
path = world/val
real = world/real.json
classes = world/classes.txt
[dataset gone]
path = world/gone
classes = world/classes.txt
[dataset train]
path = world/train
classes = world/classes.txt
role = train
[model vit]
weights = weights/vit-a.safetensors
head = head.safetensors
[model resnet]
weights = weights/resnet-a.safetensors
head = probe
c = 0.1
END
# an image that cannot be read, and a set that is not there: their reasons travel, too
victim=$(ls "$A"/world/val/*/*.jpg | sed -n 9p)
head -c 300 "$victim" >"$TMP/cut" && cat "$TMP/cut" >"$victim"
(cd "$A" && "$ASSAY" run p.plan -o out --partial -q >/dev/null 2>"$TMP/err")
[ -s "$A/out/record.json" ] && ok "travel: a run" || not_ok "travel: a run" "$(cat "$TMP/err")"
if grep -rlF "$TMP" "$A/out" --include=record.json --include='table.*' --include=report.html --include='*.tsv' >"$TMP/hits"; then
  not_ok "travel: no place is in it" "$(cat "$TMP/hits") $(grep -rhoF "$TMP" "$A/out" | head -1)"
else
  ok "travel: no place is in it"
fi
(cd "$A" && "$ASSAY" verify out -q >"$TMP/words" 2>"$TMP/err")
[ $? -eq 0 ] && grep -q "^verified: " "$TMP/words" && [ "$(wc -l <"$TMP/words")" -eq 1 ] && ok "travel: verified in place, in one line" ||
  not_ok "travel: verified in place, in one line" "$(cat "$TMP/words" "$TMP/err")"
[ ! -e "$A/out/verify" ] && ok "travel: verify leaves nothing" || not_ok "travel: verify leaves nothing" "$(ls "$A/out/verify")"
(cd "$A" && "$ASSAY" report out --format csv >"$TMP/table" 2>/dev/null)
# words NAME FOLDER COMMAND...: run in that folder it says what it said in place
words() {
  name=$1
  (cd "$2" && shift 2 && "$ASSAY" "$@" >"$TMP/out" 2>"$TMP/err")
  code=$?
  if [ $code -eq 0 ] && cmp -s "$TMP/words" "$TMP/out"; then ok "$name"; else not_ok "$name" "exit $code: $(head -c 500 "$TMP/out" "$TMP/err")"; fi
}
words "travel: from the root" / verify "$A/out" -q
words "travel: from inside" "$A/out" verify . -q
words "travel: by its record" "$A/out" verify record.json -q
words "travel: with a plan given otherwise" "$TMP" verify a/out/record.json -q

# the run alone, in a folder that cannot be written; its data are where they were
mkdir "$TMP/ro" && cp -r "$A/out" "$TMP/ro/"
chmod -R a-w "$TMP/ro"
words "travel: read-only, from the root" / verify "$TMP/ro/out" -q
run verify "$TMP/ro/out"
grep -qF "where they lay when the run was made, $A" "$TMP/err" && ok "travel: says where the data are" || not_ok "travel: says where the data are" "$(cat "$TMP/err")"
(cd / && "$ASSAY" report "$TMP/ro/out" --format csv >"$TMP/out" 2>/dev/null)
same "travel: report of it" "$TMP/table" "$TMP/out"
words "travel: its files alone" / verify "$A/out" -q
(cd / && "$ASSAY" verify "$TMP/ro/out" --files >"$TMP/out" 2>&1) && grep -q "^verified: .* files are as recorded" "$TMP/out" && ok "travel: its files alone, read-only" || not_ok "travel: its files alone, read-only" "$(cat "$TMP/out")"
chmod -R u+w "$TMP/ro"

# of another version, which recorded less: what it lacks is said, and is no difference
mkdir "$TMP/less" && cp -r "$A/out" "$TMP/less/"
sed '/"record_sha256"/d; s/"complete": \(true\|false\),/"complete": \1/; s/"commit": "[^"]*"/"commit": "0"/; /"among": {/,/}/d; /"twice": {/,/}/d' "$A/out/record.json" >"$TMP/less/out/record.json"
run verify "$TMP/less/out" -q
[ $code -eq 0 ] && grep -q "^verified: .* every field that was recorded; not recorded then: twice, among$" "$TMP/out" && ok "travel: of another version" || not_ok "travel: of another version" "exit $code: $(head -c 500 "$TMP/out" "$TMP/err")"
run doctor "$TMP/less/out" --model resnet
[ $code -le 1 ] && ok "travel: of another version, the doctor" || not_ok "travel: of another version, the doctor" "exit $code: $(cat "$TMP/err")"
rm -rf "$TMP/less"

# packed: read in the archive, without unpacking it
tar -cf "$A/out.tar" -C "$A" out
tar -czf "$TMP/dot.tar.gz" -C "$A/out" .
words "travel: packed, from the root" / verify "$A/out.tar" -q
words "travel: packed and compressed, alone" "$TMP" verify dot.tar.gz -q
for f in "$A/out.tar" "$TMP/dot.tar.gz"; do
  (cd / && "$ASSAY" report "$f" --format csv >"$TMP/out" 2>/dev/null)
  same "travel: report of $(basename "$f")" "$TMP/table" "$TMP/out"
done
run verify "$TMP/dot.tar.gz" --files
[ $code -eq 0 ] && grep -q "^verified: .* files are as recorded" "$TMP/out" && ok "travel: packed, its files alone" || not_ok "travel: packed, its files alone" "exit $code: $(cat "$TMP/out" "$TMP/err")"
run doctor "$A/out.tar" --model resnet
[ $code -le 1 ] && grep -q "^resnet on val" "$TMP/out" && ok "travel: packed, the doctor" || not_ok "travel: packed, the doctor" "exit $code: $(cat "$TMP/err")"
mkdir "$TMP/bent" && cp -r "$A/out" "$TMP/bent/" && sed '5s/	[0-9]*	/	7	/' "$A/out/cells/vit--val.tsv" >"$TMP/bent/out/cells/vit--val.tsv"
tar -cf "$TMP/bent.tar" -C "$TMP/bent" out
run verify "$TMP/bent.tar" -q
[ $code -eq 1 ] && grep -q '^cells\[vit on val\].images\[.*\].label: 7 | ' "$TMP/out" && ok "travel: packed, a label is named" || not_ok "travel: packed, a label is named" "exit $code: $(cat "$TMP/out" "$TMP/err")"
# the whole folder in which the run was unpacked from its archive again: the data are those beside it
mkdir "$TMP/moved" && cp -r "$A/world" "$A/weights" "$A/head.safetensors" "$A/p.plan" "$A/out.tar" "$TMP/moved/"
words "travel: packed and moved" / verify "$TMP/moved/out.tar" -q
printf 'x' | dd of="$TMP/moved/weights/vit-a.safetensors" bs=1 seek=$(($(wc -c <"$A/weights/vit-a.safetensors") - 3)) conv=notrunc 2>/dev/null
run verify "$TMP/moved/out.tar" -q
[ $code -eq 1 ] && grep -q '^models\[vit\].tensors\[' "$TMP/out" && ok "travel: packed, it vouches for what is beside it" || not_ok "travel: packed, it vouches for what is beside it" "exit $code: $(head -c 300 "$TMP/out")"
rm -rf "$TMP/moved" "$TMP/bent"
tar -cf "$TMP/none.tar" -C "$A" p.plan
refuses "travel: an archive without a run" 3 "found no record.json in it, wanted a finished run" verify "$TMP/none.tar"
cp -r "$A/out" "$A/second" && tar -cf "$TMP/two.tar" -C "$A" out second && rm -r "$A/second"
refuses "travel: an archive of two runs" 3 "found a run in out and one in second/record.json, wanted one" report "$TMP/two.tar"
head -c 20000 "$A/out.tar" >"$TMP/cut.tar"
refuses "travel: a damaged archive" 3 "cut.tar: " report "$TMP/cut.tar"

# moved with its plan and data; a copy left behind is another run, and its damage is its own
cp -r "$A" "$TMP/left"
mkdir "$TMP/far"
mv "$A" "$TMP/far/b"
B=$TMP/far/b
words "travel: moved" / verify "$B/out" -q
W=$B/weights/vit-a.safetensors
cp "$W" "$TMP/w" && printf 'x' | dd of="$W" bs=1 seek=$(($(wc -c <"$W") - 3)) conv=notrunc 2>/dev/null
run verify "$B/out" -q
[ $code -eq 1 ] && grep -q '^models\[vit\].tensors\[' "$TMP/out" && ok "travel: it vouches for the files at the new place" || not_ok "travel: it vouches for the files at the new place" "exit $code: $(head -c 300 "$TMP/out")"
cp "$TMP/w" "$W"
words "travel: the copy that was left behind" / verify "$TMP/left/out" -q

# data elsewhere
mkdir "$TMP/data" && mv "$B/world" "$TMP/data/images" && mv "$B/weights" "$TMP/data/nets"
run verify "$TMP/ro/out" -q
[ $code -eq 3 ] && grep -q "found none of the plan's files in .*; wanted --root OLD=NEW" "$TMP/err" && ok "travel: without its data" || not_ok "travel: without its data" "exit $code: $(cat "$TMP/err")"
words "travel: --root of what the plan says" / verify "$TMP/ro/out" -q --root "world=$TMP/data/images" --root "weights=$TMP/data/nets" --root "head.safetensors=$B/head.safetensors"
words "travel: --root of where it was" / verify "$B/out" -q --root "$B/world=$TMP/data/images" --root "$B/weights/=$TMP/data/nets/"
refuses "travel: a root that is none" 2 "wanted OLD=NEW" verify "$B/out" --root world
run doctor "$TMP/ro/out" --model resnet --root "world=$TMP/data/images" --root "weights=$TMP/data/nets" --root "head.safetensors=$B/head.safetensors"
[ $code -le 1 ] && grep -q "^resnet on val" "$TMP/out" && ok "travel: doctor" || not_ok "travel: doctor" "exit $code: $(head -c 300 "$TMP/out" "$TMP/err")"
mv "$TMP/data/images" "$B/world" && mv "$TMP/data/nets" "$B/weights"

# by hand: a label, a figure, a model's name, wherever it stands
O=$B/out
# edited NAME FILE SED TEXT...: --files names the file, verify names the place
edited() {
  name=$1 file=$2 how=$3
  shift 3
  cp "$O/$file" "$TMP/kept"
  sed "$how" "$TMP/kept" >"$TMP/new"
  cmp -s "$TMP/kept" "$TMP/new" && { not_ok "$name" "nothing was edited"; return; }
  cp "$TMP/new" "$O/$file"
  run verify "$O" --files -q
  [ $code -eq 1 ] && grep -q "^$file: " "$TMP/out" && ok "$name, --files" || not_ok "$name, --files" "exit $code: $(cat "$TMP/out" "$TMP/err")"
  run verify "$O" -q
  good=1
  for text in "$@"; do grep -qF -- "$text" "$TMP/out" || good=0; done
  [ $code -eq 1 ] && [ $good -eq 1 ] && ok "$name" || not_ok "$name" "exit $code, wanted $*: $(head -c 600 "$TMP/out" "$TMP/err")"
  cp "$TMP/kept" "$O/$file"
}
row=$(sed -n 5p "$O/cells/vit--val.tsv" | cut -f1)
edited "travel: a label in a cell" cells/vit--val.tsv '5s/	[0-9]*	/	7	/' "cells[vit on val].images[$row].label: "
edited "travel: a prediction in a cell" cells/resnet--real.tsv '5s/^\([^	]*	[^	]*\)	[0-9]*/\1	99/' "cells[resnet on real].images["
edited "travel: a figure in the table" table.csv '2s/,0\.[0-9]*/,0.999/' "table.csv line 2"
edited "travel: a figure in the text" table.txt 's/[0-9]\.[0-9]/9.9/' "table.txt line"
edited "travel: a model's name on the page" report.html 's/resnet/resmet/' "report.html line" "resmet"
edited "travel: a hash of an image" prints/dataset-val.tsv '5s/	[0-9a-f]/	x/' "datasets[val].images["
edited "travel: a class" cells/val.classes '3s/^/x/' "cells/val.classes"
edited "travel: a count in the record" record.json 's/"top1_correct": [0-9]*/"top1_correct": 1/' "cells[vit on val].top1_correct: 1 | "
edited "travel: a model's name in the record" record.json 's/"model": "vit"/"model": "bit"/' "model: bit | vit"
cp "$O/heads/resnet.safetensors" "$TMP/kept"
printf 'x' | dd of="$O/heads/resnet.safetensors" bs=1 seek=900 conv=notrunc 2>/dev/null
run verify "$O" --files -q
[ $code -eq 1 ] && grep -q "^heads/resnet.safetensors: " "$TMP/out" && ok "travel: a head" || not_ok "travel: a head" "exit $code: $(cat "$TMP/out")"
rm "$O/heads/resnet.safetensors"
run verify "$O" --files -q
[ $code -eq 1 ] && grep -q "^heads/resnet.safetensors: there | gone" "$TMP/out" && ok "travel: a head that is gone" || not_ok "travel: a head that is gone" "exit $code: $(cat "$TMP/out")"
cp "$TMP/kept" "$O/heads/resnet.safetensors"

# names in a record never become paths
mkdir -p "$TMP/ref/cells" "$TMP/evil"
for name in ../../ref/cells/a 'a/b' .hidden 'x--y' ''; do
  sed "s|\"model\": \"vit\"|\"model\": \"$name\"|; s|\"name\": \"vit\"|\"name\": \"$name\"|" "$O/record.json" >"$TMP/evil/record.json"
  for c in report verify doctor; do
    refuses "travel: $c refuses a model called '$name'" 3 "wanted a name as plans have them" $c "$TMP/evil"
  done
done
sed 's|"name": "table.csv"|"name": "../table.csv"|' "$O/record.json" >"$TMP/evil/record.json"
refuses "travel: and a file elsewhere" 3 "wanted a file of this run" verify "$TMP/evil" --files
exit $failed
