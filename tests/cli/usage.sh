#!/bin/sh
# What was typed wrongly: exit 2, one line, the nearest valid name.
. "${ASSAY_TESTS:-tests}/cli/common.inc"

run
[ $code -eq 2 ] && grep -q '^usage: assay' "$TMP/err" && ok "usage: no command" || not_ok "usage: no command" "exit $code"
works "usage: -h" -h
has "usage: -h lists the commands" "classify" "$TMP/out"
works "usage: --version" --version
has "usage: --version names the build" "assay 0." "$TMP/out"
for c in demo run classify features slurm knn probe init inspect convert decode preprocess compare verify report table info selftest bench; do
  run $c -h
  if [ $code -eq 0 ] && grep -q "^usage: assay $c" "$TMP/out" && [ ! -s "$TMP/err" ]; then
    ok "usage: $c -h"
  else
    not_ok "usage: $c -h" "exit $code"
  fi
done
works "usage: help classify" help classify

refuses "usage: unknown command, near" 2 "did you mean 'classify'?" clasify
refuses "usage: unknown command, far" 2 "unknown command 'zzzzzz'" zzzzzz
refuses "usage: letters that changed places" 2 "unknown command 'rnu'; did you mean 'run'?" rnu
refuses "usage: unknown first option, near" 2 "did you mean '--version'?" --versoin
refuses "usage: an option before the command" 2 "found '--quiet', wanted a command first" --quiet info
refuses "usage: help on an unknown command" 2 "unknown command" help zzzzzz
refuses "usage: unknown option, near" 2 "did you mean --weights?" classify --weight x --data y
refuses "usage: unknown option, far" 2 "unknown option --zzzzzz" classify --zzzzzz
refuses "usage: unknown letter" 2 "unknown option -z" info -z
refuses "usage: letters of an option that changed places" 2 "unknown option --wieghts; did you mean --weights?" classify --wieghts x
refuses "usage: one dash for two" 2 "unknown option -weights; did you mean --weights?" classify -weights x
refuses "usage: an option of another command" 2 "is not for 'info'" info --weights x
refuses "usage: value missing" 2 "--weights wants a value" classify --weights
refuses "usage: value empty" 2 "found an empty value" classify --weights= --data d
refuses "usage: required option missing" 2 "--data PATH is missing" classify --weights w
refuses "usage: flag with a value" 2 "--json takes no value" info --json=1
refuses "usage: given twice" 2 "--batch is given twice" bench --batch 1 --batch 2
refuses "usage: trailing garbage" 2 "--batch: found '8x'" bench --batch 8x
refuses "usage: zero" 2 "--batch: found '0', wanted a whole number from 1" bench --batch 0
refuses "usage: negative" 2 "--threads: found '-1'" bench --threads -1
refuses "usage: too large" 2 "--batch: found '99999'" bench --batch 99999
refuses "usage: beyond 64 bits" 2 "--seed: found '99999999999999999999'" init --arch vit_demo -o x.safetensors --seed 99999999999999999999
refuses "usage: real with garbage" 2 "--seconds: found '1s'" bench --seconds 1s
refuses "usage: real not finite" 2 "--seconds: found 'nan'" bench --seconds nan
refuses "usage: real out of range" 2 "--c: found C '-1'" probe --train a.npy --test b.npy --c -1
refuses "usage: choice, near" 2 "did you mean 'resnet50'?" bench --net resnet5
refuses "usage: choice, far" 2 "wanted one of resnet50, vits16, vitb16" bench --net lenet
refuses "usage: range backwards" 2 "wanted A:B" classify --weights w --data d --per-class 5:5
refuses "usage: range with garbage" 2 "--per-class: found '0:4x'" classify --weights w --data d --per-class 0:4x
refuses "usage: shard out of range" 2 "wanted I/N" classify --weights w --data d --shard 4/4
refuses "usage: one operand too many" 2 "found 'b'" inspect a b
refuses "usage: operand missing" 2 "found 0 operands" inspect
refuses "usage: operands on a command without" 2 "found 'x'" info x
refuses "usage: suffix of features" 2 "wanted a name that ends in .npy or .safetensors" features --weights w --data d -o f.txt
refuses "usage: suffix of pixels" 2 "found 'd.npy', wanted a name that ends in .ppm" decode x.jpg -o d.npy
refuses "usage: suffix of a tensor" 2 "found 'd.ppm', wanted a name that ends in .npy" preprocess x.jpg --preset simclr -o d.ppm
refuses "usage: suffix of predictions" 2 "found 'p.csv', wanted a name that ends in .tsv or .txt" classify --weights w --data d --predictions p.csv
refuses "usage: suffix of a trace" 2 "found 't.json', wanted a name that ends in .tsv or .txt" classify --weights w --data d --trace t.json
refuses "usage: suffix of a head" 2 "wanted a name that ends in .safetensors" probe --train a.npy --test b.npy -o h.npy
refuses "usage: suffix of weights" 2 "wanted a name that ends in .safetensors" init --arch vit_demo -o w.pth
refuses "usage: suffix of a report" 2 "wanted a name that ends in .txt, .csv, .json, .html, .md or .tex" report x -o r.doc
printf 'model,a,b\nx,50,40\ny,60,30\nz,55,35\n' >"$TMP/t.csv"
for f in md:markdown tex:latex txt:text; do
  run table "$TMP/t.csv" --format ${f%:*} && cp "$TMP/out" "$TMP/one"
  run table "$TMP/t.csv" --format ${f#*:}
  [ $code -eq 0 ] && cmp -s "$TMP/one" "$TMP/out" && [ -s "$TMP/one" ] && ok "usage: --format ${f%:*}" || not_ok "usage: --format ${f%:*}" "$(cat "$TMP/err")"
done
refuses "usage: a protocol, near" 2 "did you mean 'swav'?" probe --train a.npy --test b.npy --protocol swva
refuses "usage: a part of the report, near" 2 "did you mean 'pairs'?" table "$TMP/t.csv" --part piars
refuses "usage: a key of a preset, near" 2 "did you mean 'filter'?" preprocess x.jpg --preset resize=256,fliter=bilinear -o "$TMP/x.npy"
refuses "usage: one operand of two" 2 "found 1 operand, wanted: assay compare A B" compare a
refuses "usage: a bound in plain digits" 2 "wanted a number from 0.01 to 600" bench --seconds 0
refuses "usage: a table in the place of a record" 3 "t.csv: this is no record of a run" report "$TMP/t.csv"
refuses "usage: a pattern that matches nothing" 3 "no file matches this pattern" classify --weights w --data "$TMP/*.gif"
refuses "usage: unknown architecture" 2 "vit_demo" init --arch vit_dem0 -o "$TMP/w.safetensors"
refuses "usage: impossible architecture value" 2 "patch" init --arch vit_demo:patch=-3 -o "$TMP/w.safetensors"
refuses "usage: unknown preset" 2 "imagenet-bilinear" preprocess x.jpg --preset imagenet-bilinaer -o "$TMP/x.npy"

ASSAY_CPU=avx9999 "$ASSAY" info >"$TMP/out" 2>"$TMP/err"
code=$?
[ $code -eq 2 ] && ok "usage: ASSAY_CPU that does not exist" || not_ok "usage: ASSAY_CPU that does not exist" "exit $code"
OMP_NUM_THREADS=two "$ASSAY" info >"$TMP/out" 2>"$TMP/err"
code=$?
[ $code -eq 2 ] && ok "usage: OMP_NUM_THREADS that is no number" || not_ok "usage: OMP_NUM_THREADS that is no number" "exit $code"

# tools/CLI.md names every command and every option, and no other
contract=${ASSAY_TESTS:-tests}/../tools/CLI.md
run info --completion bash
sed -n 's/^    COMPREPLY=(\$(compgen -W "\([^"]*\) help .*/\1/p' "$TMP/out" | tr ' ' '\n' | sort -u >"$TMP/commands"
grep -o '^| `assay [a-z]*' "$contract" | sed 's/.* //' | sort -u | diff "$TMP/commands" - >"$TMP/diff" && [ -s "$TMP/commands" ] &&
  ok "usage: CLI.md has every command" || not_ok "usage: CLI.md has every command" "$(cat "$TMP/diff")"
sed -n 's/.*names="\([^"]*\)".*/\1/p' "$TMP/out" | tr ' ' '\n' | grep '^--' | sort -u >"$TMP/options"
grep -oE '(^|[^-a-z])--[a-z][a-z-]*' "$contract" | sed 's/^[^-]*//' | grep -vxE -e '--(name|version)' | sort -u | diff "$TMP/options" - >"$TMP/diff" &&
  [ -s "$TMP/options" ] && ok "usage: CLI.md has every option" || not_ok "usage: CLI.md has every option" "$(cat "$TMP/diff")"

# results that cannot be written are an error; a reader that goes away is none
if [ -w /dev/full ]; then
  "$ASSAY" info >/dev/full 2>"$TMP/err"
  code=$?
  [ $code -eq 4 ] && ok "usage: full disk under standard output" || not_ok "usage: full disk under standard output" "exit $code"
else
  skip "usage: full disk under standard output" "no /dev/full"
fi
exit $failed
