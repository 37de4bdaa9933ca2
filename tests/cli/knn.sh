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
for bad in "-k 0" "-k -1" "-k x" "--temperature 0" "--temperature 0.001" "--temperature nan"; do
  # shellcheck disable=SC2086
  refuses "knn: refuses $bad" 2 "wanted" knn --train "$TMP/train.npy" --test "$TMP/test.npy" $bad
done
exit $failed
