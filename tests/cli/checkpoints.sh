#!/bin/sh
# inspect and convert: what a user sees of a checkpoint; a conversion keeps its provenance and is stable; hostile files
# are refused with the name of what they would do.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
W=$TMP/w.safetensors
works "checkpoints: init" init --arch resnet_demo --seed 1 -o "$W"
run inspect "$W"
[ $code -eq 0 ] && grep -q "^architecture: resnet_demo:" "$TMP/out" && grep -q "^tensors:      85 used, 0 of them" "$TMP/out" &&
  grep -q "^head:         none of its own" "$TMP/out" && ok "checkpoints: inspect says what it is" ||
  not_ok "checkpoints: inspect says what it is" "exit $code: $(tail -8 "$TMP/out")"
run inspect --json "$W"
has "checkpoints: inspect --json" '"missing": 0' "$TMP/out"
refuses "checkpoints: inspect with a recipe that is none" 2 "nearest: swav" inspect --recipe swaw "$W"

# twice the same bytes, and the first file's name and hash stay
works "checkpoints: convert" convert "$W" "$TMP/a.safetensors"
has "checkpoints: the load report's sum" "85 used, 0 renamed, 0 dropped, 0 missing, 0 unexpected, 0 values not finite" "$TMP/out"
works "checkpoints: convert again" convert "$TMP/a.safetensors" "$TMP/b.safetensors"
same "checkpoints: a round trip is byte-stable" "$TMP/a.safetensors" "$TMP/b.safetensors"
run inspect "$TMP/b.safetensors"
has "checkpoints: provenance" "assay.source = w.safetensors" "$TMP/out"
sum=$(sha256sum "$W" 2>/dev/null | cut -c1-64)
[ -z "$sum" ] && skip "checkpoints: provenance, hash" "no sha256sum" || has "checkpoints: provenance, hash" "assay.source_sha256 = $sum" "$TMP/out"

# a classifier alone: state_dict of nn.Linear(3, 2) as safetensors
head='{"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]}}'
{ printf "\\$(printf %03o ${#head})\0\0\0\0\0\0\0%s" "$head"; head -c 32 /dev/zero; } >"$TMP/head.safetensors"
run inspect "$TMP/head.safetensors"
has "checkpoints: a classifier alone" "nothing but a classifier: 2 classes on 3 features (--head)" "$TMP/out"

# a classifier beside a convolution is not a file of its own, and a recipe is needed
net='{"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"fc.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},"stem.weight":{"dtype":"F32","shape":[2,3,1,1],"data_offsets":[32,56]}}'
{ printf "\\$(printf %03o ${#net})\0\0\0\0\0\0\0%s" "$net"; head -c 56 /dev/zero; } >"$TMP/net.safetensors"
run inspect "$TMP/net.safetensors"
grep -q "nothing but a classifier\|none is needed" "$TMP/out" && not_ok "checkpoints: a network is no classifier" "$(tail -3 "$TMP/out")" ||
  has "checkpoints: a network is no classifier" "recipe:       none (" "$TMP/out"

# an archive around a checkpoint says so; a download that failed is quoted; a pipe is not waited for
printf 'x' >"$TMP/model.pth"
(cd "$TMP" && tar --format=ustar -cf around.tar model.pth) 2>/dev/null &&
  refuses "checkpoints: a tar around a checkpoint" 3 'tar archive (its first member is "model.pth"): unpack it' inspect "$TMP/around.tar"
printf '404: Not Found' >"$TMP/lost.pth"
refuses "checkpoints: a failed download" 3 '"404: Not Found"' convert "$TMP/lost.pth" "$TMP/x.safetensors"
if mkfifo "$TMP/pipe.pth" 2>/dev/null; then
  refuses "checkpoints: a named pipe" 3 "a named pipe" inspect "$TMP/pipe.pth"
fi

# pickles that would call something
printf '\200\002cos\nsystem\nX\006\000\000\000touch \205R0}.' >"$TMP/call.pkl"
refuses "checkpoints: a pickle that calls os.system" 3 "calls os.system" inspect "$TMP/call.pkl"
refuses "checkpoints: the same as weights" 3 "nothing was run" convert "$TMP/call.pkl" "$TMP/x.safetensors"
printf 'x' >"$TMP/sys_info"
cp "$TMP/sys_info" "$TMP/pickle"
if (cd "$TMP" && tar --format=ustar -cf old.pth sys_info pickle) 2>/dev/null; then
  refuses "checkpoints: torch's oldest container, damaged" 3 "old.pth" inspect "$TMP/old.pth"
else
  skip "checkpoints: torch's oldest container, damaged" "no tar"
fi

# the numbers themselves: an image's are those of its PPM, a place is a part of the whole, a trace ends with the features
"$ASSAY" init --arch resnet18:blocks=1-1,base=4,stem=3x3 --seed 1 -o "$TMP/small.safetensors" -q
G=${ASSAY_TESTS:-tests}/golden/images
"$ASSAY" decode "$G/s4x1.jpg" -o "$TMP/p.ppm" && tail -c +14 "$TMP/p.ppm" | od -A n -v -t u1 | tr -s ' \n' '\n' | sed '/^$/d' >"$TMP/want"
"$ASSAY" inspect "$G/s4x1.jpg" --values all | sed 's/.*: //' | tr ' ' '\n' >"$TMP/got"
[ -s "$TMP/want" ] && same "checkpoints: the values of an image" "$TMP/got" "$TMP/want"
"$ASSAY" inspect "$TMP/small.safetensors" --values conv1.weight | sed -n '6p' >"$TMP/want"
"$ASSAY" inspect "$TMP/small.safetensors" --values conv1.weight:0,1,2 >"$TMP/got"
grep -q '^0,1,2: [-0-9.]* [-0-9.]* [-0-9.]*$' "$TMP/got" && same "checkpoints: a place of a tensor" "$TMP/got" "$TMP/want"
cp "$G/size16x16.jpg" "$TMP/one.jpg"
"$ASSAY" features --weights "$TMP/small.safetensors" --preset imagenet-c,resize=0,crop=16 --data "$TMP/one.jpg" --trace "$TMP/t.tsv" -o "$TMP/f.npy" -q >"$TMP/out"
awk -F'\t' 'END { gsub(",", " ", $5); print $5 }' "$TMP/t.tsv" >"$TMP/want"
"$ASSAY" inspect "$TMP/f.npy" --values 0 | awk '{ print $2, $3, $4, $5 }' >"$TMP/got"
grep -q '[1-9]' "$TMP/want" && same "checkpoints: a trace ends with the features" "$TMP/got" "$TMP/want"
refuses "checkpoints: a tensor that is not there" 2 "found 'conv9.weight', wanted a tensor of" inspect "$TMP/small.safetensors" --values conv9.weight:0
refuses "checkpoints: a place outside" 2 "found '4', wanted all, or indices such as 0,1 inside [4, 3, 3, 3]" inspect "$TMP/small.safetensors" --values conv1.weight:4

# a large file is loaded by a guess while it is hashed: a name that promises another network must change nothing
"$ASSAY" init --arch resnet50 --seed 1 -o "$TMP/large.safetensors" -q
cp "$TMP/large.safetensors" "$TMP/resnet50_caffe_in1k.zip.pth"
for f in large.safetensors resnet50_caffe_in1k.zip.pth; do
  for n in 1 2; do
    "$ASSAY" features --weights "$TMP/$f" --data "$TMP/one.jpg" --threads $n -o "$TMP/$n.$f.npy" -q >"$TMP/out" 2>&1
  done
done
[ -s "$TMP/1.large.safetensors.npy" ] && same "checkpoints: loaded while it is hashed" "$TMP/1.large.safetensors.npy" "$TMP/2.large.safetensors.npy"
same "checkpoints: a wrong guess" "$TMP/1.large.safetensors.npy" "$TMP/2.resnet50_caffe_in1k.zip.pth.npy"
same "checkpoints: a wrong guess, one thread" "$TMP/1.large.safetensors.npy" "$TMP/1.resnet50_caffe_in1k.zip.pth.npy"
rm -f "$TMP/large.safetensors" "$TMP/resnet50_caffe_in1k.zip.pth"
exit $failed
