#!/bin/sh
# A real ResNet-50 on 500 real photographs against PyTorch's predictions. Skipped without the data.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
W=$SHARED/weights/resnet50_caffe_in1k.zip.pth
D=$SHARED/photos
ORACLE=$SHARED/weights/resnet50_caffe_in1k.photos.top5.tsv
if [ ! -f "$W" ] || [ ! -d "$D" ] || [ ! -f "$ORACLE" ]; then
  skip "photos: real ResNet-50 on real photographs" "no $SHARED"
  exit 0
fi

run classify --weights "$W" --data "$D" --json --predictions "$TMP/p.tsv"
[ $code -eq 0 ] && ok "photos: exit code" || not_ok "photos: exit code" "exit $code: $(cat "$TMP/err")"
for want in '"n_expected": 500,' '"n_used": 500,' '"n_failed": 0,' '"top1_correct": 454,' '"top5_correct": 493,' \
  '"top1": 0.908,' '"top5": 0.986,'; do
  has "photos: $want" "$want" "$TMP/out"
done

# Same names in the same order, same top-1 class, five logits within 3e-4.
awk -F'\t' 'NR == FNR { if (FNR > 1) { name[FNR] = $1; top[FNR] = $3; val[FNR] = $4 } n = FNR; next }
  FNR > 1 {
    rows++
    if ($1 != name[FNR] || $5 != "ok") { print "row " FNR ": " $1 " " $5; bad++; next }
    split($3, a, ","); split(top[FNR], b, ",")
    if (a[1] != b[1]) { print $1 ": class " a[1] ", oracle " b[1]; bad++ }
    split($4, x, ","); split(val[FNR], y, ",")
    for (i = 1; i <= 5; i++) {
      d = x[i] - y[i]; if (d < 0) d = -d
      if (!(d < 3e-4)) { print $1 ": logit " i " is " x[i] ", oracle " y[i]; bad++ }
      if (d > worst) worst = d
    }
  }
  END { printf "%d rows, %d bad, worst %g\n", rows, bad, worst; exit !(rows == 500 && n == 501 && bad == 0) }' \
  "$ORACLE" "$TMP/p.tsv" >"$TMP/compare"
if [ $? -eq 0 ]; then ok "photos: every prediction as PyTorch's"; else
  not_ok "photos: every prediction as PyTorch's" "$(head -5 "$TMP/compare"; tail -1 "$TMP/compare")"
fi

# A subset is the same computation: the first ten rows, other batch and threads.
run classify --weights "$W" --data "$D" --limit 10 --batch 3 --threads 1 --predictions "$TMP/q.tsv"
[ $code -eq 0 ] && ok "photos: --limit" || not_ok "photos: --limit" "exit $code: $(cat "$TMP/err")"
head -11 "$TMP/p.tsv" >"$TMP/p10.tsv"
same "photos: batch, threads and --limit change no prediction" "$TMP/p10.tsv" "$TMP/q.tsv"

# What is built in tells the strides and the preset; a wrong preset is visible.
run classify --weights "$W" --data "$D" --limit 10 --preset imagenet-bilinear --predictions "$TMP/r.tsv"
cmp -s "$TMP/q.tsv" "$TMP/r.tsv" && not_ok "photos: --preset counts" "same predictions" || ok "photos: --preset counts"

run convert "$W" "$TMP/clean.safetensors"
[ $code -eq 0 ] && ok "photos: convert" || not_ok "photos: convert" "exit $code: $(cat "$TMP/err")"
run classify --weights "$TMP/clean.safetensors" --data "$D" --limit 10 --predictions "$TMP/s.tsv"
same "photos: the converted checkpoint gives the same bits" "$TMP/q.tsv" "$TMP/s.tsv"
exit $failed
