#!/bin/sh
# Real photographs in every container that datasets come in: the same features from all of them. Skipped without the data.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
PHOTOS=$SHARED/photos
PNG=$SHARED/corpora/pngsuite
if [ ! -d "$PHOTOS" ] || ! command -v gzip >/dev/null || ! tar --version 2>/dev/null | grep -q GNU; then
  skip "sources: real photographs in every container" "no $PHOTOS, or no GNU tar and gzip"
  exit 0
fi
W=$TMP/w.safetensors
works "sources: init" init --arch vit_demo --seed 1 -o "$W"

# 60 photographs in class folders. One of them gzipped under its own name, one a PNG called .JPEG, as in full ImageNet.
cd "$TMP" || exit 1
mkdir set flat tars shard
for f in $(ls "$PHOTOS" | head -60); do
  c=${f%%_*}
  mkdir -p "set/$c"
  cp "$PHOTOS/$f" "set/$c/${c}_$f"
  cp "$PHOTOS/$f" "flat/${c}_$f"
done
zipped=$(ls flat | sed -n 20p)
gzip -n <"flat/$zipped" >z && cp z "flat/$zipped" && mv z "set/${zipped%%_*}/$zipped"
png=$(find "$PNG" -name basn2c08.png 2>/dev/null | head -1)
if [ -n "$png" ]; then
  as=$(ls flat | sed -n 30p)
  cp "$png" "flat/$as" && cp "$png" "set/${as%%_*}/$as"
fi
reversed=$(cd set && find . -name '*.JPEG' | sort -r)

(cd set && tar -cf ../plain.tar $reversed)                # GNU format, members in reverse
tar --format=pax -czf folder.tar.gz set                   # as the imagenet*.tar.gz: one folder around all
(cd set && tar --format=ustar -cf - $reversed) | gzip -n >shuffled.tar.gz
for c in $(ls set); do (cd "set/$c" && tar -cf "../../tars/$c.tar" *); done
(cd tars && tar -cf ../train.tar *)                       # as ILSVRC2012_img_train.tar
works "sources: a folder of class folders" features --weights "$W" --data set -o f.npy
rows=$(awk 'END { print NR - 1 }' f.tsv)
[ "$rows" -eq 60 ] && ok "sources: 60 rows" || not_ok "sources: 60 rows" "$rows"
[ "$(awk -F'\t' 'NR > 1 && $5 == "ok"' f.tsv | wc -l)" -eq 60 ] && ok "sources: every image decoded" ||
  not_ok "sources: every image decoded" "$(awk -F'\t' 'NR > 1 && $5 != "ok"' f.tsv | head -3)"
awk -F'\t' 'NR > 1 { print $3 }' f.tsv >numbers             # WebDataset: two shards of 30
ls flat | paste - numbers | nl -v0 -w1 | while read -r i f n; do
  cp "flat/$f" "shard/$(printf %06d "$i").jpg"
  echo "$n" >"shard/$(printf %06d "$i").cls"
done
(cd shard && tar -cf ../w-000000.tar 0000[0-2]* && tar -cf ../w-000001.tar 0000[345]*)
for d in plain.tar folder.tar.gz shuffled.tar.gz train.tar tars flat 'w-{000000..000001}.tar'; do
  works "sources: $d" features --weights "$W" --data "$d" --threads 2 --batch 7 -o g.npy
  same "sources: $d gives the folder's features" f.npy g.npy
  cut -f3 f.tsv >f.labels
  cut -f3 g.tsv >g.labels
  same "sources: $d gives the folder's labels" f.labels g.labels
done
works "sources: a tar.gz from a pipe" features --weights "$W" --data /dev/fd/3 -o g.npy 3<folder.tar.gz
same "sources: what a pipe gives" f.npy g.npy

# Zip, where a program makes one: stored and deflated, whole and a part.
if command -v zip >/dev/null; then
  zip -q -r set.zip set && zip -q -0 -r flat.zip flat
  for d in set.zip set.zip/set flat.zip; do
    works "sources: $d" features --weights "$W" --data "$d" --threads 2 --batch 7 -o g.npy
    same "sources: $d gives the folder's features" f.npy g.npy
  done
else
  skip "sources: zip" "no zip"
fi

# An archive that ends too early says where, whatever it is.
head -c 1000000 plain.tar >cut.tar
head -c 1000000 folder.tar.gz >cut.tar.gz
for d in cut.tar cut.tar.gz; do
  refuses "sources: $d" 3 "$d" features --weights "$W" --data "$d" -o h.npy
done
exit $failed
