#!/bin/sh
# k-NN on small feature files written here: answers, options, what is refused.
. "${ASSAY_TESTS:-tests}/cli/common.inc"

# npy FILE ROWS COLUMNS <numbers: 0, 1 or h (a half)
npy() {
  printf "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" "$2" "$3" >"$TMP/head"
  pad=$((117 - $(wc -c <"$TMP/head")))
  {
    printf '\223NUMPY\001\000\166\000'
    cat "$TMP/head"
    printf "%${pad}s\n" ''
    while read -r line; do
      for v in $line; do
        case $v in 0) printf '\000\000\000\000' ;; 1) printf '\000\000\200\077' ;; h) printf '\000\000\000\077' ;; esac
      done
    done
  } >"$1"
}
# tsv FILE LABEL... : a row per label
tsv() {
  file=$1 i=0
  shift
  printf 'row\tname\tlabel\tstatus\n' >"$file"
  for label; do
    printf '%d\t%d.jpg\t%s\tok\n' $i $i "$label" >>"$file"
    i=$((i + 1))
  done
}
correct5() { sed -n 's/.*"top5_correct": \([0-9]*\),/\1/p' "$TMP/out"; }

# one training row for each of six classes; the queries lie near two of them
npy "$TMP/train.npy" 6 6 <<X
1 0 0 0 0 0
0 1 0 0 0 0
0 0 1 0 0 0
0 0 0 1 0 0
0 0 0 0 1 0
0 0 0 0 0 1
X
tsv "$TMP/train.tsv" 0 1 2 3 4 5
npy "$TMP/test.npy" 4 6 <<X
1 h 0 0 0 0
1 h 0 0 0 0
0 1 h 0 0 0
0 1 h 0 0 0
X
tsv "$TMP/test.tsv" 0 1 2 4
for k in 1:1 2:3 6:4; do
  works "knn: k ${k%:*}" knn --train "$TMP/train.npy" --test "$TMP/test.npy" -k "${k%:*}" --json -q
  [ "$(correct5)" = "${k#*:}" ] && ok "knn: ${k%:*} neighbours, as many answers" || not_ok "knn: ${k%:*} neighbours, as many answers" "$(correct5), wanted ${k#*:}"
done
works "knn: predictions" knn --train "$TMP/train.npy" --test "$TMP/test.npy" -k 2 --predictions "$TMP/p.tsv" -q
[ "$(sed -n 2p "$TMP/p.tsv" | cut -f3)" = 0,1 ] && ok "knn: no class without a vote among them" || not_ok "knn: no class without a vote among them" "$(sed -n 2p "$TMP/p.tsv")"

# what is in force is said; votes beyond float32 keep their order
works "knn: defaults" knn --train "$TMP/train.npy" --test "$TMP/test.npy" -q
has "knn: defaults are said" "k-NN, k 20, T 0.07" "$TMP/out"
works "knn: cold votes" knn --train "$TMP/train.npy" --test "$TMP/test.npy" -k 2 --temperature 0.005 --predictions "$TMP/p.tsv" -q
[ "$(sed -n 4p "$TMP/p.tsv" | cut -f3)" = 1,2 ] && ok "knn: cold votes keep their order" || not_ok "knn: cold votes keep their order" "$(sed -n 4p "$TMP/p.tsv")"
# rows of the training file among the questions, whatever they are called
pair() { # what JSON says: rows in train, of the same name, with another label
  sed -n 's/^    "rows": \(.*\),/\1/p; s/^    "same_name": \(.*\),/\1/p; s/^    "other_label": \([0-9]*\),*/\1/p' "$TMP/out" | tr '\n' ' '
}
npy "$TMP/some.npy" 4 6 <<X
0 1 0 0 0 0
1 h 0 0 0 0
0 0 0 0 0 1
0 0 0 0 0 1
X
tsv "$TMP/some.tsv" 1 0 5 4
works "knn: questions from the lesson" knn --train "$TMP/train.npy" --test "$TMP/some.npy" --json
[ "$(pair)" = "3 0 1 " ] && ok "knn: shared rows are counted" || not_ok "knn: shared rows are counted" "$(pair)"
has "knn: shared rows are named" "3 of 4 test rows are training rows too (0.jpg is 1.jpg), some with another label" "$TMP/err"
has "knn: repeated rows" "1 of 4 test rows repeat another one" "$TMP/err"
works "knn: none shared" knn --train "$TMP/train.npy" --test "$TMP/test.npy" --json
[ "$(pair)" = "0 0 0 " ] && ! grep -q "training rows" "$TMP/err" && ok "knn: nothing is said of other rows" || not_ok "knn: nothing is said of other rows" "$(pair) $(cat "$TMP/err")"
works "knn: text says it" knn --train "$TMP/train.npy" --test "$TMP/train.npy" -k 1 -q
has "knn: beside the accuracy" "6 of these rows are training rows too" "$TMP/out"

# classes in another order: by name where both files have names, else said
ctsv() { # FILE LABEL:CLASS...
  tsv "$@"
  awk -F'\t' 'BEGIN { OFS = FS } NR == 1 { print "row", "name", "label", "class", "status"; next }
    { split($3, a, ":"); print $1, $2, a[1], a[2], $4 }' "$file" >"$TMP/t" && mv "$TMP/t" "$file"
}
top1() { sed -n 's/.*"top1_correct": \([0-9]*\),/\1/p' "$TMP/out"; }
ctsv "$TMP/train.tsv" 0:ape 1:bee 2:cat 3:dog 4:elk 5:fox
ctsv "$TMP/test.tsv" 5:ape 5:ape 4:bee 3:cow
works "knn: another order" knn --train "$TMP/train.npy" --test "$TMP/test.npy" -k 1 --json --predictions "$TMP/p.tsv"
[ "$(top1)" = 3 ] && ok "knn: classes by name" || not_ok "knn: classes by name" "$(top1) of 4 right"
has "knn: classes by name, in JSON" '"renumbered_by_name": true' "$TMP/out"
has "knn: classes by name are said" "classes are matched by name" "$TMP/err"
has "knn: a class nobody taught" "1 of 4 test rows are of classes that no training row has" "$TMP/err"
[ "$(sed -n 2p "$TMP/p.tsv" | cut -f2,3)" = "0	0" ] && ok "knn: labels in the answers' numbers" || not_ok "knn: labels in the answers' numbers" "$(sed -n 2p "$TMP/p.tsv")"
tsv "$TMP/test.tsv" ape ape bee bee
works "knn: names beside numbers" knn --train "$TMP/train.npy" --test "$TMP/test.npy" -k 1 --json -q
[ "$(top1)" = 4 ] && ok "knn: names beside numbers match" || not_ok "knn: names beside numbers match" "$(top1) of 4 right"
ctsv "$TMP/test.tsv" 0:ape 1:ape 2:cat 3:dog # two numbers of one name: names say nothing
works "knn: names of two classes" knn --train "$TMP/train.npy" --test "$TMP/test.npy" -k 1 --json -q
has "knn: then numbers count" '"renumbered_by_name": false' "$TMP/out"
ctsv "$TMP/test.tsv" 0:ape 0:bee 2:cat 3:dog
refuses "knn: a class with two names" 3 "found class 0 named bee, which was ape before" knn --train "$TMP/train.npy" --test "$TMP/test.npy"
folders() { # FILE LABEL:FOLDER... : as files of before, without a column for classes
  ctsv "$@"
  awk -F'\t' 'BEGIN { OFS = FS } NR == 1 { print "row", "name", "label", "status"; next } { print $1, $4 "/" $2, $3, $5 }' "$file" >"$TMP/t" && mv "$TMP/t" "$file"
}
folders "$TMP/train.tsv" 0:a 1:b 2:c 3:d 4:e 5:f
folders "$TMP/test.tsv" 1:a 1:a 0:b 0:b
works "knn: folders of another order" knn --train "$TMP/train.npy" --test "$TMP/test.npy" --json
has "knn: their numbers are doubted" "images in folder a have label 0 in one and 1 in the other" "$TMP/err"
has "knn: doubted in JSON" '"class_order": "images in folder a' "$TMP/out"
tsv "$TMP/train.tsv" 0 1 2 3 4 5
tsv "$TMP/test.tsv" 0 1 2 4

for bad in "-k 0" "-k -1" "-k x" "--temperature 0" "--temperature 0.001" "--temperature nan"; do
  # shellcheck disable=SC2086
  refuses "knn: refuses $bad" 2 "wanted" knn --train "$TMP/train.npy" --test "$TMP/test.npy" -q $bad
done
exit $failed
