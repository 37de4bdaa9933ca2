#!/bin/sh
# assay table: published accuracies in, every format out; the study's claim on the testbed's table.
. "${ASSAY_TESTS:-tests}/cli/common.inc"

printf 'model,val,sketch\na,70,20\nb,71,19\nc,72,25\n' >"$TMP/wide.csv"
run table "$TMP/wide.csv"
[ $code -eq 0 ] && ok "table: a wide table" || not_ok "table: a wide table" "exit $code: $(head -c 300 "$TMP/err")"
has "table: says whose metric it is" "assay's own definition" "$TMP/out"
has "table: reports duplicates" "Duplicates: 0" "$TMP/out"
run table "$TMP/wide.csv" --json
[ $code -eq 0 ] && ok "table: JSON" || not_ok "table: JSON" "exit $code"
has "table: JSON has its schema" '"schema": "assay.table/1"' "$TMP/out"
for s in txt csv json html md tex; do
  run table "$TMP/wide.csv" -o "$TMP/t.$s"
  [ $code -eq 0 ] && [ -s "$TMP/t.$s" ] && [ ! -s "$TMP/out" ] && ok "table: -o .$s" || not_ok "table: -o .$s" "exit $code"
done
run table "$TMP/t.csv" --format csv
[ $code -eq 0 ] && ok "table: reads its own CSV" || not_ok "table: reads its own CSV" "exit $code: $(head -c 300 "$TMP/err")"
cp "$TMP/out" "$TMP/u.csv"
run table "$TMP/u.csv" --format csv
same "table: and writes the same" "$TMP/out" "$TMP/u.csv"

# one part alone, in any format
run table "$TMP/wide.csv" --part agreement --format csv
[ $code -eq 0 ] && [ "$(sed -n 2p "$TMP/out")" = "val,1,0.3333333333333333" ] && ok "table: a part as CSV" ||
  not_ok "table: a part as CSV" "exit $code: $(head -c 300 "$TMP/out")"
for f in text markdown latex json; do
  run table "$TMP/wide.csv" --part subsets --format $f
  [ $code -eq 0 ] && grep -q "val + sketch" "$TMP/out" && ok "table: a part as $f" || not_ok "table: a part as $f" "exit $code"
done
refuses "table: unknown part" 2 "--part: found 'pear', wanted one of cells" table "$TMP/wide.csv" --part pear
refuses "table: a part that needs images" 2 "these results have nothing for it" table "$TMP/wide.csv" --part pairs
refuses "table: all parts in one CSV" 2 "a CSV file holds one part" table "$TMP/wide.csv" --part all --format csv

# the charts as files
run table "$TMP/wide.csv" --figures "$TMP/figures"
[ $code -eq 0 ] && grep -q "figures: 7 figures, each as .svg and .csv" "$TMP/err" &&
  [ "$(ls "$TMP/figures" | tr '\n' ' ')" = "against-sketch.csv against-sketch.svg change.csv change.svg mean-ranks.csv mean-ranks.svg ranks.csv ranks.svg robustness.csv robustness.svg summaries.csv summaries.svg unified.csv unified.svg " ] &&
  ok "table: figures" || not_ok "table: figures" "exit $code: $(ls "$TMP/figures" | tr '\n' ' ') $(head -c 300 "$TMP/err")"
has "table: the numbers of a figure" "a,val,3," "$TMP/figures/ranks.csv"
printf 'kept\n' >"$TMP/figures/unified.csv"
refuses "table: figures over a foreign file" 2 "unified.csv: found a file that is no figure" table "$TMP/wide.csv" --figures "$TMP/figures"
[ "$(cat "$TMP/figures/unified.csv")" = kept ] && ok "table: which stays" || not_ok "table: which stays" "it was written over"
refuses "table: unknown set" 2 "did you mean 'sketch'" table "$TMP/wide.csv" --sets skech
refuses "table: empty set name" 2 "--sets: found an empty name" table "$TMP/wide.csv" --sets sketch,
refuses "table: unknown suffix" 2 "-o: found" table "$TMP/wide.csv" -o "$TMP/t.pdf"
refuses "table: missing file" 3 "nowhere.csv" table "$TMP/nowhere.csv"
printf 'model,val\na,seventy\n' >"$TMP/bad.csv"
refuses "table: not a number" 3 "line 2: column val: found 'seventy'" table "$TMP/bad.csv"
printf 'name,val\na,70\n' >"$TMP/bad.csv"
refuses "table: foreign file" 3 "without a column 'model'" table "$TMP/bad.csv"

# columns that are no sets
printf ',model,val,params,v2\n0,a,70,25.5,60\n1,b,71,5.7,59\n' >"$TMP/odd.csv"
run table "$TMP/odd.csv"
[ $code -eq 0 ] && grep -q "2 models, 2 sets" "$TMP/out" && ok "table: columns that are no sets" ||
  not_ok "table: columns that are no sets" "exit $code: $(head -c 300 "$TMP/out")"
has "table: names what it leaves out" "odd.csv: columns left out: column 1 (no name), params" "$TMP/out"
printf 'model;val;v2\na;70,5;60\nb;71;59,5\n' >"$TMP/semi.csv"
run table "$TMP/semi.csv" --format csv
has "table: semicolons and decimal commas" "a,val,ok,50000,50000,0,35250,,0.705000" "$TMP/out"

# methods with seeds as units: t = 10 / (sqrt 2 * 1) with 2 degrees; one of b's two seeds is above both of a's on v2
printf 'model,val,v2\na-s0,70,50\na-s1,72,50\nb-s0,60,55\nb-s1,62,40\nuntrained,5,5\n' >"$TMP/seeds.csv"
run table "$TMP/seeds.csv" --part method-pairs --format csv
row=$(grep '^val,a,b,' "$TMP/out" | awk -F, '{ printf "%.4f %.5f %s %.6f %.6f %.4f %s", $4, $7, $8, $9, $10, $11, $12 }')
[ "$row" = "0.1000 7.07107 2 0.019419 0.019419 0.3333 yes" ] && ok "table: a pair of methods" || not_ok "table: a pair of methods" "$row"
run table "$TMP/seeds.csv" --part method-sets --format csv
[ "$(grep '^v2,' "$TMP/out" | cut -d, -f8-)" = "0.5,0.5" ] && ok "table: the base's winner, elsewhere" ||
  not_ok "table: the base's winner, elsewhere" "$(cat "$TMP/out")"
for f in text markdown html json latex; do
  run table "$TMP/seeds.csv" --format $f --width 200
  [ $code -eq 0 ] && grep -q "with seeds as units (2 methods of 2 seeds)" "$TMP/out" && ok "table: methods in $f" ||
    not_ok "table: methods in $f" "exit $code"
done

# a model that is first everywhere: said in words, without a list of noughts
printf 'model,val,v2,sketch\na,70,60,20\nb,61,50,19\n' >"$TMP/clear.csv"
run table "$TMP/clear.csv" --width 1000
has "table: nothing else crowns another" "Nothing else that was tried crowns another, either: sets drawn again, any subset" "$TMP/out"
# the lottery: b is first in a draw without val, (2/3)^3 of them, and without val
printf 'model,val,v2,sketch\na,59,50,50\nb,50,52,53\n' >"$TMP/draws.csv"
run table "$TMP/draws.csv" --part lottery --format csv
grep -q '^sets drawn again,27,0.296296' "$TMP/out" && grep -q '^one set left out,3,0.3333333.*,b$' "$TMP/out" && ok "table: sets drawn again" ||
  not_ok "table: sets drawn again" "$(cat "$TMP/out")"
for f in text markdown json latex; do
  run table "$TMP/draws.csv" --format $f --width 300
  [ $code -eq 0 ] && grep -q "without val, b is" "$TMP/out" && ok "table: what would change it, in $f" ||
    not_ok "table: what would change it, in $f" "exit $code"
done

# tiers: in every format, and the same from the CSV that was written
run table "$TMP/wide.csv"
has "table: says which ranks are real" "neighbouring pairs by the mean" "$TMP/out"
run table "$TMP/t.csv"
cp "$TMP/out" "$TMP/t.txt"
run table "$TMP/u.csv"
same "table: decides the same from its own CSV" "$TMP/out" "$TMP/t.txt"
has "table: tiers in CSV" ",rank,tier,top1_step," "$TMP/u.csv"
for f in markdown latex html; do
  run table "$TMP/wide.csv" --format $f
  grep -q "neighbouring pairs by the mean" "$TMP/out" && grep -q "tier" "$TMP/out" && ok "table: tiers in $f" ||
    not_ok "table: tiers in $f" "exit $code"
done
printf 'model,val,x_c_cifar10,y_cifar10_r18\na,90,80.02,80.5\nb,80,80.01,70.5\n' >"$TMP/words.csv"
run table "$TMP/words.csv" --format csv
has "table: a size by a word of the name" "a,y_cifar10_r18,ok,10000,10000,0,8050," "$TMP/out"
has "table: not of corrupted images" "a,x_c_cifar10,ok,,,,,," "$TMP/out"
has "table: the step of a rounded accuracy" ",1,0.01,1000,top-1," "$TMP/out"

# 40,000 rows in seconds: what compares every model with every other would take minutes
awk 'BEGIN { print "model,val,v2,r,sketch,a"; s = 1
  for (i = 0; i < 40000; i++) { printf "m%d", i; for (k = 0; k < 5; k++) { s = (s * 69069 + 1) % 4294967296
    printf ",%.3f", 20 * k % 50 + s / 4294967296 * 50 } print "" } }' >"$TMP/large.csv"
(ulimit -t 30; "$ASSAY" table "$TMP/large.csv" --top 2 >"$TMP/out" 2>"$TMP/err" </dev/null)
[ $? -eq 0 ] && grep -q "40000 rows read" "$TMP/out" && ok "table: 40,000 rows" ||
  not_ok "table: 40,000 rows" "$(head -c 300 "$TMP/err")"

P=$SHARED/published
if [ -f "$P/imagenet_testbed_top1.csv" ]; then
  run table "$P/imagenet_testbed_top1.csv" --base val --width 140 \
    --sets imagenetv2-matched-frequency,imagenet-r,imagenet-sketch
  row=$(grep '^resnet50_swav ' "$TMP/out" | tr -s ' ')
  case $row in
    *" 62.35 -0.7 "*" 30.21 -5.6 "*" 18.93 -4.6 "*) ok "table: SwAV's effective robustness" ;;
    *) not_ok "table: SwAV's effective robustness" "$row" ;;
  esac
  run table "$P"/results-*.csv --top 3
  [ $code -eq 0 ] && grep -q "Translation curve" "$TMP/out" && grep -q "3 of 1557 models" "$TMP/out" &&
    ok "table: timm's eight files" || not_ok "table: timm's eight files" "exit $code: $(head -c 300 "$TMP/err")"
  run table "$P"/results-*.csv --part resolved --format csv
  [ "$(grep '^imagenet,' "$TMP/out")" = "imagenet,1555,6,27,10,1209790,993133,6,1379,0,0,counts" ] &&
    [ "$(grep '^sketch,' "$TMP/out" | cut -d, -f9-11)" = "703,1,675" ] &&
    ok "table: timm's neighbours" || not_ok "table: timm's neighbours" "$(head -c 600 "$TMP/out")"
else
  skip "table: timm's neighbours" "no published tables"
  skip "table: SwAV's effective robustness" "no published tables"
  skip "table: timm's eight files" "no published tables"
fi
S=${SHARED%/data}/reference/ssl-small-tables.csv
if [ -f "$S" ]; then
  run table "$S" --width 400
  grep -q "without lightly_in1k_r50_linear_100ep, BYOL is" "$TMP/out" && ok "table: a set decides" || not_ok "table: a set decides" "$(head -c 900 "$TMP/out")"
  has "table: small studies share the first place" "first in 46.0, 44.9, 5.5 % of the 2047 subsets" "$TMP/out"
  run table "$S" --part agreement --format csv
  tau=$(awk -F, 'NR == 1 { for (i = 2; i <= NF; i++) if ($i == "lightly_in1k_r50_linear_100ep") c = i }
    $1 == "solo_cifar10_r18_1000ep" { printf "%.3f", $c }' "$TMP/out")
  [ "$tau" = -0.905 ] && ok "table: Kendall's tau-b of CIFAR-10 and ImageNet" ||
    not_ok "table: Kendall's tau-b of CIFAR-10 and ImageNet" "$tau"
else
  skip "table: small studies" "no published tables"
fi
exit $failed
