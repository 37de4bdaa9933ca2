#!/bin/sh
# Odd images: other formats are refused by name, damage is refused or, with --lenient, used and said.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
G=${ASSAY_TESTS:-tests}/golden/images

# other formats, whatever the suffix says
named() { # FORMAT BYTES
  printf "$2" >"$TMP/$1.jpg"
  refuses "images: $1 by name" 3 "$3" decode "$TMP/$1.jpg" -o "$TMP/x.ppm"
}
named gif 'GIF89a\001\000\001\000' "a GIF image; JPEG and PNG are read. Convert it to PNG"
named bmp 'BM\106\000\000\000' "a BMP image"
named tiff 'II*\000\010\000\000\000' "a TIFF image"
named webp 'RIFF\044\000\000\000WEBPVP8 ' "a WebP image"
named heic '\000\000\000\030ftypheic' "a HEIC image"
named avif '\000\000\000\034ftypavif' "an AVIF image"
named jp2 '\000\000\000\014jP  \015\012\207\012' "a JPEG 2000 image"
named jxl '\377\012\372\037' "a JPEG XL image"
named html '<!DOCTYPE html>' "HTML"

# pixels that depend on the decoder: refused, or said
refuses "images: overflow is refused" 3 "too large for the inverse DCT" decode "$G/overflow_all_x150.jpg" -o "$TMP/x.ppm"
works "images: overflow with --lenient" decode "$G/overflow_all_x150.jpg" -o "$TMP/x.ppm" --lenient
has "images: overflow is said" "its pixels depend on the decoder" "$TMP/err"
works "images: PNG without its end, --lenient" decode "$G/lost_iend.png" -o "$TMP/y.ppm" --lenient
has "images: what is missing is said" "no IEND" "$TMP/err"

# portable C by request, the same pixels
ASSAY_CPU=ref "$ASSAY" decode "$G/overflow_all_x150.jpg" -o "$TMP/ref.ppm" --lenient 2>/dev/null
same "images: portable C" "$TMP/x.ppm" "$TMP/ref.ppm"

# the mark travels: features, from a file of theirs, from a run and from one that is resumed
mkdir -p "$TMP/d/ant" "$TMP/d/bee"
cp "$G/overflow_all_x150.jpg" "$TMP/d/ant/1.jpg"
cp "$G/s2x2.jpg" "$TMP/d/ant/2.jpg"
cp "$G/incomplete_p.jpg" "$TMP/d/bee/1.jpg"
cp "$G/size16x16.jpg" "$TMP/d/bee/2.jpg"
"$ASSAY" init --arch vit_demo --seed 1 -o "$TMP/w.safetensors" 2>/dev/null
works "images: features --lenient" features --weights "$TMP/w.safetensors" --data "$TMP/d" -o "$TMP/f.npy" --lenient
has "images: features count the damaged" "2 images" "$TMP/err"
head -n 1 "$TMP/f.tsv" >"$TMP/head"
printf 'row\tname\tlabel\tclass\tstatus\tremark\n' >"$TMP/head.want"
same "images: a column of remarks" "$TMP/head" "$TMP/head.want"
[ "$(grep -c 'depend on the decoder' "$TMP/f.tsv")" -eq 2 ] && ok "images: two remarks" || not_ok "images: two remarks" "$(cat "$TMP/f.tsv")"
works "images: k-NN reads such a file" knn --train "$TMP/f.npy" --test "$TMP/f.npy" --k 1 --json
mkdir -p "$TMP/t/ant" "$TMP/t/bee"
cp "$G/s1x1.jpg" "$G/q100.jpg" "$TMP/t/ant"
cp "$G/s4x1.jpg" "$G/restart1.jpg" "$TMP/t/bee"
cat >"$TMP/x.plan" <<'END'
[dataset val]
path = d
[dataset train]
path = t
role = train
[model a]
weights = w.safetensors
head = knn
END
for i in 1 2; do # the second time from the cache
  works "images: run --lenient, $i" run "$TMP/x.plan" -o "$TMP/run$i" --lenient --cache "$TMP/cache"
  has "images: the table says so, $i" "2 of 4 images are damaged and used (--lenient)" "$TMP/run$i/table.txt"
done
exit $failed
