#!/bin/sh
# Numbers that mean something else than they seem to: what a run, --check and the doctor say of them.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "valid: demo" || not_ok "valid: demo" "exit $code: $(tail -3 "$TMP/err")"

# the test set is the training set; one image more is there under another name; and another set has six of its images,
# of which three have another comment in the file
mkdir -p "$A/mixed" && cp -r "$A/world/rendition/." "$A/mixed/"
i=0
for f in $(ls "$A"/world/val/*/*.jpg | awk 'NR % 16 == 3'); do
  i=$((i + 1))
  to=$A/mixed/$(basename "$(dirname "$f")")/from-val-$i.jpg
  if [ $((i % 2)) -eq 0 ]; then
    cp "$f" "$to"
  else
    { head -c 2 "$f"; printf '\377\376\000\006note'; tail -c +3 "$f"; } >"$to"
  fi
done
cp "$(ls "$A"/world/v2/*/*.jpg | head -1)" "$(dirname "$(ls "$A"/world/v2/*/*.jpg | head -1)")/zz.jpg"
cat >"$A/same.plan" <<'END'
[dataset val]
path = world/val
classes = world/classes.txt
[dataset v2]
path = world/v2
classes = world/classes.txt
[dataset mixed]
path = mixed
classes = world/classes.txt
[dataset again]
path = world/val
classes = world/classes.txt
role = train
[model net]
weights = weights/vit-a.safetensors
head = probe
END
run run "$A/same.plan" --check
[ $code -eq 0 ] && grep -q "^WARNING  val: 96 of its 96 images are in the training set again too" "$TMP/out" && ok "valid: --check sees the training set" || not_ok "valid: --check sees the training set" "exit $code: $(cat "$TMP/out")"
grep -q "^WARNING  v2: 1 of its 97 images are there more than once, the first: " "$TMP/out" && ok "valid: --check sees an image twice" || not_ok "valid: --check sees an image twice" "$(grep WARNING "$TMP/out")"
grep -q "^WARNING  mixed: 3 of its 102 images are in val too, the first: .*from-val-2.jpg" "$TMP/out" && grep -q "^WARNING  mixed: 3 of its 102 images are in the training set again too" "$TMP/out" && ok "valid: --check sees sets overlap" || not_ok "valid: --check sees sets overlap" "$(grep WARNING "$TMP/out")"
run run "$A/same.plan" --check --json
[ $code -eq 0 ] && grep -q '"schema": "assay.check/1"' "$TMP/out" && grep -q "in the training set again too" "$TMP/out" && ok "valid: --check --json" || not_ok "valid: --check --json" "exit $code: $(head -c 300 "$TMP/out")"
run run "$A/same.plan"
[ $code -eq 0 ] && grep -q "96 of 96 images of val are in the training set again too (val/" "$TMP/err" && ok "valid: the run says so" || not_ok "valid: the run says so" "exit $code: $(cat "$TMP/err")"
grep -q "6 of 102 images of mixed are in the training set again too (mixed/.*from-val-1.jpg = again/" "$TMP/err" && ok "valid: by pixels, too" || not_ok "valid: by pixels, too" "$(cat "$TMP/err")"
grep -q "6 of 102 images of mixed are in val too (mixed/.*from-val-1.jpg = val/" "$TMP/err" && grep -q "1 of 97 images of v2 are there more than once (v2/.*zz.jpg = v2/" "$TMP/err" && ok "valid: twins within and between sets" || not_ok "valid: twins within and between sets" "$(cat "$TMP/err")"
grep -A12 '"overlaps"' "$A/same.out/record.json" | tr -d '\n ' | grep -q '"dataset":"mixed","other":"val","shared":{"images":6,"same_bytes":3,' && ok "valid: the record counts both kinds" || not_ok "valid: the record counts both kinds" "$(grep -A12 '"overlaps"' "$A/same.out/record.json")"
T=$A/same.out/table.txt
tr -s ' \n' ' ' <"$T" >"$TMP/t"
grep -q "Twins (§): val and mixed share 6 images (3 of them the same files, the others the same pixels: " "$TMP/t" && grep -q "Twins (§) in v2: 1 image is there more than once" "$TMP/t" && [ "$(grep -m1 '^net ' "$T" | grep -o '§' | grep -c .)" -eq 3 ] && ok "valid: the table marks them" || not_ok "valid: the table marks them" "$(cat "$T")"
[ "$(grep -c '^net,[a-z0-9]*,twins' "$A/same.out/table.csv")" -eq 3 ] && ok "valid: and the CSV" || not_ok "valid: and the CSV" "$(cut -d, -f1-4 "$A/same.out/table.csv")"
works "valid: overlaps are verified" verify "$A/same.out" -q
grep -A30 '"dataset": "val"' "$A/same.out/record.json" | grep -A1 '"in_train"' | grep -q '"images": 96' && ok "valid: the cell is marked" || not_ok "valid: the cell is marked" "$(grep -A3 in_train "$A/same.out/record.json")"
grep -A2 '"twice"' "$A/same.out/record.json" | grep -q '"images": 1,' && ok "valid: an image that is there twice" || not_ok "valid: an image that is there twice" "$(grep -A3 '"twice"' "$A/same.out/record.json")"
run doctor "$A/same.out" -q
[ $code -eq 1 ] && grep -q "CAUSE  training images: 96 of the 96 images" "$TMP/out" && grep -q "CAUSE  twins: 6 of the 102 images of mixed are in val too" "$TMP/out" && grep -q "CAUSE  twins: 1 of the 97 images of v2 are there more than once" "$TMP/out" && ok "valid: the doctor names it" || not_ok "valid: the doctor names it" "exit $code: $(cat "$TMP/out")"

# two scored sets of the very same images
sed '/^\[dataset again\]/,/^role/d; s/^head = probe/head = knn/' "$A/same.plan" >"$A/both.plan"
cat >>"$A/both.plan" <<'END'
[dataset learn]
path = world/train
classes = world/classes.txt
role = train
[dataset copy]
path = copy
classes = world/classes.txt
END
cp -r "$A/world/val" "$A/copy"
run run "$A/both.plan"
[ $code -eq 0 ] && grep -q "96 of 96 images of copy are in val too" "$TMP/err" && grep -q "val and copy share 96 images" "$TMP/out" && ok "valid: one set under two names" ||
  not_ok "valid: one set under two names" "exit $code: $(cat "$TMP/out" "$TMP/err")"

# how the probe ended stands in the record
for key in n_train c loss bound gradient iterations converged; do
  grep -A9 '"probe": {' "$A/same.out/record.json" | grep -q "\"$key\": " || not_ok "valid: the probe's $key" "not in the record"
done
ok "valid: the probe's facts are recorded"

# a head that knows few of the classes beside one that knows all
ls "$A/world/train" | sort | head -6 | while read -r c; do mkdir -p "$A/few" && cp -r "$A/world/train/$c" "$A/few/"; done
cat >"$A/few.plan" <<'END'
[dataset val]
path = world/val
classes = world/classes.txt
[dataset all]
path = world/train
classes = world/classes.txt
role = train
[dataset few]
path = few
classes = world/classes.txt
role = train
[model wide]
weights = weights/vit-a.safetensors
head = probe
train = all
[model narrow]
weights = weights/vit-a.safetensors
head = probe
train = few
END
run run "$A/few.plan" --check
[ $code -eq 0 ] && grep -q "^WARNING  val: wide chooses among 16 classes and narrow among 6: all are compared over the 6 that every model knows" "$TMP/out" && ok "valid: --check tells classes apart" || not_ok "valid: --check tells classes apart" "exit $code: $(cat "$TMP/out")"
run run "$A/few.plan" --check --json
[ $code -eq 0 ] && grep -A2 '"chooses_among"' "$TMP/out" | grep -q '"val": 16' && grep -A2 '"chooses_among"' "$TMP/out" | grep -q '"val": 6' && grep -q '"compared_over": 6' "$TMP/out" && ok "valid: so does --check --json" || not_ok "valid: so does --check --json" "exit $code: $(cat "$TMP/out")"
# the same cell of a head that stands alone: over all its classes
awk '/^\[dataset few\]/{skip=1} /^\[model wide\]/{skip=0} !skip' "$A/few.plan" | awk '/^\[model narrow\]/{exit} {print}' >"$A/wide.plan"
run run "$A/wide.plan" -q
R=$A/wide.out/record.json
count() { # MODEL KEY: a count of its cell on val
  sed -n "/\"model\": \"$1\"/,/^    }/p" "$R" | sed -n "s/.*\"$2\": \([0-9]*\).*/\1/p" | head -1
}
alone=$(count wide top1_correct)
run run "$A/few.plan"
R=$A/few.out/record.json
[ $code -eq 0 ] && [ "$(grep -A1 '"among"' "$R" | grep -c '"classes": 6')" -eq 2 ] && ok "valid: the cells say among how many" || not_ok "valid: the cells say among how many" "exit $code: $(grep -A1 '"among"' "$R")"
[ -n "$alone" ] && [ "$(count wide own_correct)" = "$alone" ] && [ "$(grep -A1 '"own"' "$R" | grep -c '"classes": 16')" -eq 1 ] && ok "valid: and what it was over all of the head's own" || not_ok "valid: and what it was over all of the head's own" "'$alone', $(count wide own_correct): $(grep -A3 '"own"' "$R")"
[ "$(grep -A9 '"compared_over"' "$R" | grep -c '"class-\|^ *"[a-z]')" -ge 6 ] && ok "valid: the classes are named" || not_ok "valid: the classes are named" "$(grep -A9 compared_over "$R")"
# no answer is outside the six: counted from the predictions themselves, the accuracy is the recorded one
awk -F'\t' 'NR > 1 && $5 == "ok" { n++; split($3, top, ","); right += top[1] == $2; if (top[1] >= 6) out++ } END { print right + 0, out + 0 }' "$A/few.out/cells/wide--val.tsv" >"$TMP/t"
[ "$(cat "$TMP/t")" = "$(count wide top1_correct) 0" ] && ok "valid: answers are among the common ones" || not_ok "valid: answers are among the common ones" "$(cat "$TMP/t"), recorded $(count wide top1_correct)"
for form in text md csv json html; do
  "$ASSAY" report "$A/few.out" --format $form >"$TMP/$form" 2>/dev/null
done
grep -q "val: scored over the 6 classes that every model of the column knows. wide over all 16 of" "$TMP/text" && ok "valid: the text says so" || not_ok "valid: the text says so" "$(cat "$TMP/text")"
grep -q "scored over the 6 classes" "$TMP/md" && grep -q "scored over the 6 classes" "$TMP/html" && ok "valid: Markdown and page" || not_ok "valid: Markdown and page" "$(grep -c . "$TMP/md" "$TMP/html")"
[ "$(grep -c ',6,' "$TMP/csv")" -ge 2 ] && grep -q '"compared_over": 6' "$TMP/json" && ok "valid: CSV and JSON" || not_ok "valid: CSV and JSON" "$(cat "$TMP/csv")"
grep -q "^Apart \|  apart" "$TMP/text" && not_ok "valid: nobody stands apart" "$(cat "$TMP/text")" || ok "valid: nobody stands apart"
works "valid: verified" verify "$A/few.out" -q
# its own cells are computed again when a head of fewer classes joins, and taken back when that goes
cp "$A/wide.plan" "$A/grow.plan"
"$ASSAY" run "$A/grow.plan" -o "$A/grow" -q >/dev/null 2>&1
cp "$A/few.plan" "$A/grow.plan"
run run "$A/grow.plan" -o "$A/grow"
same "valid: a head joins" "$A/grow/cells/wide--val.tsv" "$A/few.out/cells/wide--val.tsv"
# heads without two common classes
ls "$A/world/train" | sort | tail -6 | while read -r c; do mkdir -p "$A/last" && cp -r "$A/world/train/$c" "$A/last/"; done
sed 's/^\[dataset all\]/[dataset last]/; s|^path = world/train|path = last|; s/^train = all/train = last/' "$A/few.plan" >"$A/none.plan"
run run "$A/none.plan" --check
grep -q "^WARNING  val: wide chooses among 6 classes and narrow among other 6: no two classes are known to all" "$TMP/out" && ok "valid: nothing in common, --check" || not_ok "valid: nothing in common, --check" "exit $code: $(cat "$TMP/out")"
run run "$A/none.plan" -q
grep -q "Apart (.*) on val: narrow chose among other 6 classes, the other models among 6" "$A/none.out/table.txt" && ok "valid: nothing in common, they stand apart" || not_ok "valid: nothing in common, they stand apart" "$(cat "$A/none.out/table.txt")"
[ "$(sed -n '/"unified"/,$p' "$A/none.out/record.json" | grep -c '"value": null')" -eq 1 ] && ok "valid: and have no unified value" || not_ok "valid: and have no unified value" "$(sed -n '/"unified"/,$p' "$A/none.out/record.json" | head -20)"

# sure and wrong
"$ASSAY" features --weights "$A/weights/vit-a.safetensors" --data "$A/world/train" --classes "$A/world/classes.txt" -o "$TMP/f.npy" -q >/dev/null
"$ASSAY" probe --train "$TMP/f.npy" --c 1000 -o "$A/head.safetensors" -q >/dev/null
mkdir "$A/flat"
i=0
for c in $(cat "$A/world/classes.txt"); do
  n=0
  for f in "$A/world/train/$c/"*.jpg; do
    n=$((n + 1))
    ln -s "$f" "$A/flat/${c}_$(basename "$f")"
    echo "${c}_$(basename "$f") $(((i + 2 + n * 5 % 12) % 16))" # no numbering of the classes, only other labels
  done
  i=$((i + 1))
done >"$A/wrong.txt"
cat >"$A/wrong.plan" <<'END'
[dataset flat]
path = flat
labels = wrong.txt
classes = world/classes.txt
[model net]
weights = weights/vit-a.safetensors
head = head.safetensors
END
run run "$A/wrong.plan" -q
run doctor "$A/wrong.out" -q --images 16
[ $code -eq 1 ] && ! grep -q "the numbers stand" "$TMP/out" && grep -q "CAUSE  labels or classes: .* mean confidence is 0\.[5-9]" "$TMP/out" && ok "valid: sure and wrong" ||
  not_ok "valid: sure and wrong" "exit $code: $(cat "$TMP/out")"

# what is missing, as addresses
mkdir "$TMP/empty" && cd "$TMP/empty" || exit 1
run run ssl-lottery --check --urls -q
[ $code -eq 0 ] && grep -q '^https://raw.githubusercontent.com/google-research/reassessed-imagenet/master/real.json$' "$TMP/out" && ! grep -qv '^https*://[^ ]*$' "$TMP/out" && ok "valid: --urls are lines for wget" ||
  not_ok "valid: --urls are lines for wget" "exit $code: $(head -5 "$TMP/out")"
# a hash that the plan has is the address's fragment, whole or its first digits
sha=$(printf 'x' | sha256sum | cut -d' ' -f1)
cat >"$TMP/empty/urls.plan" <<END
[dataset val]
path = val.tar
where = https://example.org/data/val.tar
[model a]
weights = a.pth
where = see https://example.org/a.pth, the second file
hash = sha256:$sha
[model b]
weights = b.pth
where = https://example.org/b.pth
hash = md5:0123abcd
[model c]
weights = c.pth
where = ask its authors
END
run run urls.plan --check --urls
printf 'https://example.org/data/val.tar\nhttps://example.org/a.pth#sha256=%s\nhttps://example.org/b.pth#md5=0123abcd\n' "$sha" >"$TMP/want"
[ $code -eq 0 ] && cmp -s "$TMP/want" "$TMP/out" && grep -q "c: c.pth: see ask its authors" "$TMP/err" && ok "valid: --urls carry hashes" || not_ok "valid: --urls carry hashes" "exit $code: $(cat "$TMP/out" "$TMP/err")"

# the estimate counts once what models share
cat >"$A/share.plan" <<'END'
[dataset val]
path = world/val
classes = world/classes.txt
[dataset train]
path = world/train
classes = world/classes.txt
role = train
[model one]
weights = weights/vit-a.safetensors
head = probe
[model two]
weights = weights/vit-a.safetensors
head = knn
[model three]
weights = weights/vit-a.safetensors
head = probe
c = 0.1
END
run run "$A/share.plan" --check --json
grep -o '"images_not_shared": [0-9]*' "$TMP/out" | tr -dc '0-9\n' | tr '\n' ' ' >"$TMP/t"
[ $code -eq 0 ] && [ "$(cat "$TMP/t")" = "288 0 0 " ] && [ "$(grep -c '"images": 288' "$TMP/out")" -eq 3 ] && ok "valid: shared work is counted once" || not_ok "valid: shared work is counted once" "$(cat "$TMP/t"): $(grep images "$TMP/out")"
total=$(grep '"seconds"' "$TMP/out" | sed 's/.*: //; s/,//' | awk '{ s[NR] = $1 } END { print (s[1] + s[2] + s[3] - s[4] < 1e-9 && s[2] == 0 && s[3] == 0 && s[1] > 0) }')
[ "$total" = 1 ] && ok "valid: and its time" || not_ok "valid: and its time" "$(grep '"seconds"' "$TMP/out")"
run run "$A/share.plan" --check
[ "$(grep -c "288 of them shared with another model" "$TMP/out")" -eq 2 ] && ok "valid: the text says so, too" || not_ok "valid: the text says so, too" "$(cat "$TMP/out")"

# what a file cannot tell stands in the result, and no -q silences it
"$ASSAY" init --arch vit_tiny_patch16_224 --seed 1 -o "$TMP/v.safetensors" -q >/dev/null
V="--weights $TMP/v.safetensors --recipe vit"
# shellcheck disable=SC2086  # options and their values
run features $V --data "$A/few" --per-class 0:1 -o "$TMP/v.npy" --json -q
[ $code -eq 0 ] && grep -q '"assumed": "heads of 64' "$TMP/out" && grep -q "^assumed: heads of 64" "$TMP/err" && ok "valid: what was assumed, features" || not_ok "valid: what was assumed, features" "exit $code: $(cat "$TMP/out" "$TMP/err")"
"$ASSAY" probe --train "$TMP/v.npy" -o "$TMP/vh.safetensors" -q >/dev/null
for data in "--per-class 0:1 --data $A/few" "$(ls "$A"/few/*/*.jpg | head -1)"; do
  # shellcheck disable=SC2086  # likewise
  run classify $V --head "$TMP/vh.safetensors" $data --json -q
  [ $code -eq 0 ] && grep -q '"assumed": "heads of 64' "$TMP/out" && grep -q "^assumed: heads of 64" "$TMP/err" && ok "valid: what was assumed, $(echo "$data" | cut -c1-11)" || not_ok "valid: what was assumed, $data" "exit $code: $(cat "$TMP/out" "$TMP/err")"
done
exit $failed
