#!/bin/sh
# Data as people have it: odd names, folders around folders, lists, archives of other makes. Images of 2 x 2 pixels
# and a small seeded network, so it needs nothing but itself.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
cd "$TMP" || exit 1
W=$TMP/w.safetensors
works "files: init" init --arch vit_demo --seed 1 -o "$W"

# png N FILE: one of three grey images
png() {
  case $1 in
    1) body='\143\340\372\312\300\312\005\000\004\040\001\017\366\072\367\173' ;;
    2) body='\143\210\132\312\240\033\005\000\005\020\001\207\027\236\253\172' ;;
    3) body='\143\070\141\316\220\162\002\000\006\132\002\054\006\235\031\222' ;;
  esac
  mkdir -p "$(dirname "$2")"
  printf '\211PNG\r\n\032\n\000\000\000\015IHDR\000\000\000\002\000\000\000\002\010\000\000\000\000\127\335\122\370' >"$2"
  printf '\000\000\000\016IDAT\170\234'"$body"'\000\000\000\000IEND\256\102\140\202' >>"$2"
}
# labels_are NAME "1 2 3": the third column of f.tsv
labels_are() {
  got=$(awk -F'\t' 'NR > 1 { printf "%s%s", s, $3; s = " " }' f.tsv)
  [ "$got" = "$2" ] && ok "$1" || not_ok "$1" "labels $got, wanted $2"
}
features() { # NAME ARGS...
  name=$1
  shift
  works "$name" features --weights "$W" -o f.npy "$@"
}

# Names of any bytes: what one command writes the others read, and nothing raw reaches a terminal.
tab=$(printf '\t') esc=$(printf '\033')
png 1 "odd/n01440764/a${tab}b.png"
png 2 "odd/n01440764/$(printf 'c\nd').png"
png 3 "odd/n01443537/${esc}[2Je.png"
png 3 "odd/n01443537/$(printf 'caf\351').png"
features "files: odd names" --data odd
[ "$(wc -l <f.tsv)" -eq 5 ] && [ "$(awk -F'\t' 'NF != 5' f.tsv | wc -l)" -eq 0 ] && ok "files: odd names, a line each" ||
  not_ok "files: odd names, a line each" "$(cat -v f.tsv)"
has "files: odd names, escaped" 'n01440764/a\tb.png' f.tsv
has "files: odd names, escaped bytes" 'n01443537/caf\xe9.png' f.tsv
works "files: odd names read back" knn --train f.npy --test f.npy -k 1
has "files: odd names, all rows read" "4 expected, 4 used" "$TMP/out"
works "files: odd names, inspect" inspect odd
cat "$TMP/out" "$TMP/err" f.tsv | LC_ALL=C tr -d '\n\t -~' >raw
[ -s raw ] && not_ok "files: odd names, nothing raw" "$(cat -v raw)" || ok "files: odd names, nothing raw"
cat >odd.plan <<END
[dataset te]
path = odd
[dataset tr]
path = odd
role = train
[model m]
weights = w.safetensors
head = knn
END
works "files: odd names, run" run odd.plan -o odd.out -q
works "files: odd names, report" report odd.out --format csv
works "files: odd names, verify" verify odd.out

# What would be waited for, or read without end, is refused.
mkfifo fifo
refuses "files: a named pipe" 3 "fifo: found a named pipe, wanted a file" features --weights "$W" --data fifo -o g.npy
refuses "files: a device" 3 "/dev/zero: found a device, wanted a file" features --weights "$W" --data /dev/zero -o g.npy
refuses "files: a device for weights" 3 "/dev/zero: found a device, wanted a file" features --weights /dev/zero --data odd -o g.npy
refuses "files: a named pipe for weights" 3 "fifo: found a named pipe, wanted a file" convert fifo g.safetensors

# Text files of Windows: byte order marks, CRLF, UTF-16.
mkdir flat3
png 1 flat3/0.png
png 2 flat3/1.png
png 3 flat3/2.png
printf '\357\273\2770\r\n1\r\n2' >bom.txt
features "files: labels with a mark" --data flat3 --labels bom.txt
labels_are "files: labels with a mark, read" "0 1 2"
printf '\376\377\0005\000\n\0006\000\n\0007' >utf16.txt
features "files: labels in UTF-16" --data flat3 --labels utf16.txt
labels_are "files: labels in UTF-16, read" "5 6 7"
mkdir -p two
png 1 two/n01440764/0.png
png 2 two/n01443537/0.png
printf '\357\273\277n01443537\r\nn01440764\r\n' >bom-classes.txt
features "files: classes with a mark" --data two --classes bom-classes.txt
labels_are "files: classes with a mark, read" "1 0"
printf '\357\273\277{"n01443537": 0, "n01440764": 1}' >bom.json
features "files: classes of JSON with a mark" --data two --classes bom.json
labels_are "files: classes of JSON with a mark, read" "1 0"
{ printf '\357\273\277'; sed 's/$/\r/' odd.plan; } >bom.plan
works "files: a plan with a mark" run --check bom.plan
mkdir "my #1 set"
png 1 "my #1 set/n01440764/0.png"
png 2 "my #1 set/n01443537/0.png"
png 1 my/n01440764/0.png
sed 's/^path = odd$/path = my #1 set # two images/' odd.plan >hash.plan
works "files: a plan with a number sign in a path" run --check hash.plan
has "files: a number sign in a path is part of it" "2 images" "$TMP/out"

# A set in a set; labels that contradict the names of the images, in every command and on a part of the set.
png 1 kaggle/ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000001.JPEG
png 2 kaggle/ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000002.JPEG
png 3 kaggle/ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000003.JPEG
png 1 parts/train/x.png
png 1 parts/val/y.png
features "files: a folder in a folder" --data kaggle
labels_are "files: a folder in a folder is no class" "65 970 230"
printf '489\n360\n170\n' >ids.txt
refuses "files: labels against names, features" 3 "3 of 3 labels differ from the names" features --weights "$W" --data kaggle --labels ids.txt -o g.npy
refuses "files: labels against names, classify" 3 "3 of 3 labels differ from the names" classify --weights "$W" --data kaggle --labels ids.txt
refuses "files: parts are no classes" 3 "parts of a data set and no classes" inspect parts
printf '65\n971\n230\n' >one.txt
run features --weights "$W" --data kaggle --labels one.txt -o g.npy -q
has "files: one label against its name" "1 of 3 labels differ from the names" "$TMP/err"
awk 'BEGIN { for (i = 1; i < 12; i++) print i }' | while read -r i; do png 1 "eleven/$i/x.png"; done
refuses "files: numbers have two orders" 3 "wanted --classes by-value, --classes by-text, or a list" features --weights "$W" --data eleven -o g.npy
features "files: numbers by text" --data eleven --classes by-text
labels_are "files: numbers by text, as torchvision" "0 1 2 3 4 5 6 7 8 9 10"
has "files: numbers by text, 10 is second" "1	10/x.png	1" f.tsv

# No label at all: said, with where was looked; with --predictions there is something to do all the same.
cat >ten.txt <<END
$(awk 'BEGIN { for (i = 0; i < 10; i++) print "c" i }')
END
printf 'c3\nc9\nc3\n' >three.txt
features "files: labels by name" --data flat3 --labels three.txt --classes ten.txt
works "files: a head of ten classes" probe --train f.npy --test f.npy -o ten.safetensors
refuses "files: no labels" 3 "none of the 3 images has a label" classify --weights "$W" --head ten.safetensors --data flat3
works "files: no labels, predictions" classify --weights "$W" --head ten.safetensors --data flat3 --predictions p.tsv
[ "$(wc -l <p.tsv)" -eq 4 ] && [ ! -s "$TMP/out" ] && ok "files: no labels, nothing counted" || not_ok "files: no labels, nothing counted" "$(cat "$TMP/out" p.tsv)"
sed '1,2s/^path = odd$/path = flat3/' odd.plan >flat.plan
refuses "files: no labels in a plan" 3 "none of the 3 images has a label" run flat.plan -q
run run --check flat.plan
has "files: no labels in a plan, --check" "none of the 3 images has a label" "$TMP/out"
# What a head takes single images for.
works "files: classify images" classify --weights "$W" --head ten.safetensors flat3/0.png flat3/2.png
[ "$(cut -f1 "$TMP/out" | tr '\n' ' ')" = "flat3/0.png flat3/2.png " ] && ok "files: classify images, a line each" || not_ok "files: classify images, a line each" "$(cat "$TMP/out")"
has "files: classify images, classes by the head's names" "flat3/0.png	c" "$TMP/out"
works "files: classify images by named classes" classify --weights "$W" --head ten.safetensors --data flat3/1.png --classes ten.txt
[ "$(wc -l <"$TMP/out")" -eq 2 ] && ok "files: classify one image, all that can win" || not_ok "files: classify one image, all that can win" "$(cat "$TMP/out")"
has "files: classify images by named classes, read" "1.png	c" "$TMP/out"
works "files: classify images, JSON" classify --weights "$W" --head ten.safetensors --data 'flat3/*.png' --json
grep -q '"share": ' "$TMP/out" && [ "$(grep -c '"image": ' "$TMP/out")" -eq 3 ] && ok "files: classify images, JSON lists them" || not_ok "files: classify images, JSON lists them" "$(head -5 "$TMP/out")"
refuses "files: classify, images and data" 2 "found images and --data" classify --weights "$W" --head ten.safetensors --data flat3 flat3/0.png
printf 'flat3/2.png 4\nflat3/0.png 3\n' >list.txt
features "files: a list of files" --data @list.txt
labels_are "files: a list of files, labels" "3 4"
HOME=$TMP features "files: home" --data '~/@list.txt'
sed 's/^path = odd$/path = two\/n0144*\/*.png/' odd.plan >glob.plan
works "files: a pattern in a plan" run --check glob.plan
has "files: a pattern in a plan, read" "2 images" "$TMP/out"

exit $failed
