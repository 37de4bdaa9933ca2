#!/bin/sh
# ImageNet-C through a plan: mCE by AlexNet's errors and the plain mean error, both named; a set that lacks a
# corruption has no mCE. The images are the demo's, in the folders of the benchmark.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "corrupt: demo" || not_ok "corrupt: demo" "exit $code: $(tail -3 "$TMP/err")"
# the drawn classes get wnids
i=0
mkdir "$A/train"
for d in "$A"/world/train/*; do
  i=$((i + 1))
  wnid=$(printf 'n%08d' "$(echo 1440764 1443537 1484850 1491361 1494475 1496331 1498041 1514668 1514859 1518878 1530575 1531178 1532829 1534433 1537544 1558993 | cut -d' ' -f$i)")
  cp -r "$d" "$A/train/$wnid"
  echo "$wnid $(basename "$d")"
done >"$TMP/names"
set -- $(head -4 "$TMP/names")
n=0
for c in gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog brightness contrast elastic_transform pixelate jpeg_compression; do
  for s in 1 2 3 4 5; do
    n=$((n + 1))
    mkdir -p "$A/c/$c/$s/$1" "$A/c/$c/$s/$3"
    # a different pair of images for each, so that the errors differ
    ln -s "$(ls "$A/world/val/$2/"*.jpg | sed -n $((n % 6 + 1))p)" "$A/c/$c/$s/$1/x.jpg"
    ln -s "$(ls "$A/world/val/$4/"*.jpg | sed -n $((n / 6 % 6 + 1))p)" "$A/c/$c/$s/$3/y.jpg"
  done
done
preset=$(sed -n 's/.*"preset": "\(.*\)",/\1/p' "$A/record.json" | head -1)
cat >"$A/c.plan" <<END
[dataset c]
task = imagenet-c
path = c
preset = $preset
[dataset train]
path = train
role = train
[model vit]
weights = weights/vit-a.safetensors
head = knn
END
run run "$A/c.plan" -q
[ $code -eq 0 ] && ok "corrupt: run" || not_ok "corrupt: run" "exit $code: $(cat "$TMP/err")"
# by hand from the per-image table
awk -F'\t' 'BEGIN {
    split("gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog brightness contrast elastic_transform pixelate jpeg_compression", name, " ")
    split(".886428 .894468 .922640 .819880 .826268 .785948 .798360 .866816 .826572 .819324 .564592 .853204 .646056 .717840 .606500", alex, " ")
  }
  FNR > 1 { split($1, p, "/"); split($3, t, ","); n[p[1]]++; wrong[p[1]] += t[1] != $2 }
  END {
    for (i = 1; i <= 15; i++) { e = wrong[name[i]] / n[name[i]]; mce += e / alex[i] / 15; mean += e / 15 }
    printf "%.9f %.9f\n", mce, mean
  }' "$A/c.out/cells/vit--c.tsv" >"$TMP/want"
got=$(awk '/"mce":/ { m = $2 + 0 } /"mean_corruption_error":/ { e = $2 + 0 } END { printf "%.9f %.9f\n", m, e }' "$A/c.out/record.json")
[ "$got" = "$(cat "$TMP/want")" ] && ok "corrupt: mCE and mean error" || not_ok "corrupt: mCE and mean error" "$got, wanted $(cat "$TMP/want")"
[ "$(grep -c '"glass_blur": \[' "$A/c.out/record.json")" -eq 1 ] && ok "corrupt: the errors behind it" || not_ok "corrupt: the errors behind it" "no glass_blur"
grep -A3 '"dataset": "c"' "$A/c.out/record.json" | grep -q '"preset"' && not_ok "corrupt: the model's preset is not said again" "preset in the cell" ||
  ok "corrupt: the model's preset is not said again"
run report "$A/c.out" --format csv
same "corrupt: the record reads back" "$TMP/out" "$A/c.out/table.csv"
# AlexNet chose among 1,000 classes, these neighbours among 16
grep -q '"mce_comparable": false' "$A/c.out/record.json" && ok "corrupt: the mCE is not comparable" || not_ok "corrupt: the mCE is not comparable" "$(grep mce "$A/c.out/record.json")"
tr -s ' \n' ' ' <"$A/c.out/table.txt" | grep -q "the mCE of models that chose among fewer is no figure" && ok "corrupt: the table says so" || not_ok "corrupt: the table says so" "$(grep -A9 Corruptions "$A/c.out/table.txt")"
rm -r "$A/c/fog"
run run "$A/c.plan" -q -o "$TMP/part"
[ $code -eq 0 ] && grep -q '"mce": null' "$TMP/part/record.json" && grep -q '"mean_corruption_error": null' "$TMP/part/record.json" &&
  ok "corrupt: no mCE without fog" || not_ok "corrupt: no mCE without fog" "exit $code: $(cat "$TMP/err") $(grep mce "$TMP/part/record.json")"
sed "s/^preset = .*/&,std=0.5/" "$A/c.plan" >"$A/d.plan"
run run "$A/d.plan" -q
[ $code -eq 0 ] && grep -q '"preset": ".*std=0.5' "$A/d.out/record.json" && ok "corrupt: a set's own preset is recorded" ||
  not_ok "corrupt: a set's own preset is recorded" "exit $code: $(cat "$TMP/err")"
exit $failed
