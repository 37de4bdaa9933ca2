#!/bin/sh
# Names from files, and what was typed, never reach a terminal raw: no control character but tabs and line ends, no
# C1 character, nothing that is not UTF-8, in whatever a command prints.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
# what a hostile name is made of: ESC, BEL, DEL, C1's CSI in UTF-8, a byte that is no UTF-8, CR
N=$(printf 'n\033[31m\007\177\302\233\377\r')
D=$TMP/d
W=$D/weights/vit-a.safetensors
run demo --untrained --quick -q -o "$D"
[ $code -eq 0 ] || not_ok "terminal: demo" "exit $code"

# safe NAME TEXT ARGS...: TEXT, a basic expression that proves that the name was printed, and nothing raw. The status
# does not matter.
safe() {
  name=$1 text=$2
  shift 2
  "$ASSAY" "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
  code=$?
  cat "$TMP/out" "$TMP/err" >"$TMP/all"
  LC_ALL=C tr -d '\011\012\040-\176\200-\377' <"$TMP/all" >"$TMP/raw"
  if [ $code -gt 128 ]; then
    not_ok "$name" "died: $code"
  elif [ -s "$TMP/raw" ]; then
    not_ok "$name" "raw: $(od -c "$TMP/raw" | head -2)"
  elif LC_ALL=C grep -q "$(printf '\302[\200-\237]')" "$TMP/all"; then
    not_ok "$name" "a C1 character: $(od -c "$TMP/all" | grep '302 23' | head -2)"
  elif command -v iconv >/dev/null 2>&1 && ! iconv -f UTF-8 -t UTF-8 "$TMP/all" >/dev/null 2>&1; then
    not_ok "$name" "not UTF-8: $(head -c 300 "$TMP/all" | od -c | head -5)"
  elif ! LC_ALL=C grep -q -- "$text" "$TMP/all"; then
    not_ok "$name" "no '$text': $(head -c 300 "$TMP/all")"
  else
    ok "$name"
  fi
}

# typed
safe "terminal: a command" "unknown command" "$N"
safe "terminal: an option" "unknown option" info "--$N"
safe "terminal: a value" "found" bench --net "$N"
safe "terminal: a file that is not there" "cannot open" inspect "$TMP/$N"
safe "terminal: an architecture" "architecture" init --arch "$N" -o "$TMP/x.safetensors"
safe "terminal: a preset" "preset" preprocess "$TMP/x.jpg" --preset "$N" -o "$TMP/x.npy"

# folders and images
mkdir -p "$TMP/i/$N" "$TMP/i/z"
image=$(ls "$D"/world/val/*/*.jpg | head -1)
cp "$image" "$TMP/i/$N/$N.jpg"
cp "$image" "$TMP/i/z/a.jpg"
head -c 100 "$image" >"$TMP/i/z/$N.jpg"
safe "terminal: inspect a folder" "x1b\[31m" inspect "$TMP/i"
safe "terminal: a head" "holds no head" classify --weights "$W" --data "$TMP/i" --head "$W"
safe "terminal: features of damaged images" "failed" features --weights "$W" --data "$TMP/i" -o "$TMP/f.npy"
safe "terminal: decode a damaged image" "jpg" decode "$TMP/i/z/$N.jpg" -o "$TMP/x.ppm"
safe "terminal: decode to a folder that is not there" "cannot write" decode "$image" -o "$TMP/no/$N.ppm"
if (cd "$TMP/i" && tar -cf "$TMP/i.tar" .) 2>/dev/null; then
  safe "terminal: inspect a tar" "x1b\[31m" inspect "$TMP/i.tar"
fi
printf 'z\n%s\n' "$N" >"$TMP/classes.txt"
safe "terminal: a list of classes" "." features --weights "$W" --data "$D/world/val" --classes "$TMP/classes.txt" -o "$TMP/f.npy"
printf '%s\n' "$N" >"$TMP/labels.txt"
safe "terminal: labels" "labels.txt" features --weights "$W" --data "$TMP/i/z" --labels "$TMP/labels.txt" -o "$TMP/f.npy"

# checkpoints: a safetensors header with escapes
header='{"n\u001b[31m\u0007\u009b\u007f\r":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
n=$(printf '%s' "$header" | wc -c)
{ printf "\\$(printf %o "$n")\\0\\0\\0\\0\\0\\0\\0"; printf '%s' "$header"; printf 'abcd'; } >"$TMP/w.safetensors"
safe "terminal: inspect a checkpoint" "x1b\[31m" inspect "$TMP/w.safetensors"
safe "terminal: inspect a checkpoint as JSON" "u001b\[31m" inspect "$TMP/w.safetensors" --json
safe "terminal: convert a checkpoint" "w.safetensors" convert "$TMP/w.safetensors" "$TMP/c.safetensors" --arch vit_demo --preset simclr
printf 'title = %s\narch = %s\n' "$N" "$N" >"$TMP/x.recipe"
safe "terminal: a recipe" "recipe" inspect "$W" --recipe "$TMP/x.recipe"

# plans, tables, records
printf '[dataset %s]\npath = %s\n[model %s]\nweights = %s\n' "$N" "$N" "$N" "$N" >"$TMP/x.plan"
safe "terminal: a plan" "x.plan" run --check "$TMP/x.plan"
printf '[dataset d]\npath = %s\n[model m]\nweights = %s\nnote = %s\n%s = 3\n' "$N" "$N" "$N" "$N" >"$TMP/x.plan"
safe "terminal: a key of a plan" "x.plan" run --check "$TMP/x.plan"
printf 'model,val,n%s\nm%s,50,40\nk,60,30\nl,55,35\n' "$N" "$N" >"$TMP/t.csv"
safe "terminal: a table that is no UTF-8" "t.csv" table "$TMP/t.csv"
U=$(printf 'u\033[31m\007\177\302\233')
printf 'model,val,n%s\nm%s,50,40\nk,60,30\nl,55,35\n' "$U" "$U" >"$TMP/t.csv"
for f in text csv json html md tex; do
  safe "terminal: a table as $f" "val" table "$TMP/t.csv" --format $f
done
safe "terminal: a set of a table" "no set" table "$TMP/t.csv" --base "$N"
run table "$TMP/t.csv" --json
grep -q 'u001b\[31m.u0007.u007f.u009b"' "$TMP/out" && ok "terminal: JSON has its own escapes" || not_ok "terminal: JSON has its own escapes" "$(grep u001b "$TMP/out" | head -2)"
sed 's/resnet-a/resnet\\u001b[31m\\u0007\\u009b/g' "$D/record.json" >"$TMP/record.json"
cp -r "$D" "$TMP/r" && cp "$TMP/record.json" "$TMP/r/record.json"
for f in text csv json html md tex; do
  safe "terminal: a record as $f" "resnet" report "$TMP/r" --format $f
done
safe "terminal: compare" "." compare "$TMP/r" "$D"
safe "terminal: doctor" "." doctor "$TMP/r" --images 4
safe "terminal: verify" "." verify "$TMP/r"
printf 'row\tname\tlabel\tstatus\n0\t%s\t%s\tok\n' "$N" "$N" >"$TMP/f.tsv"
safe "terminal: features read back" "." knn --train "$TMP/f.npy" --test "$TMP/f.npy"
exit $failed
