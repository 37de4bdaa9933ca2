#!/bin/sh
# --sandbox changes no byte and writes where it may; the manual page and the completions are well formed.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
# A leak checker stops and inspects its own process at the end, which a sandbox does not allow.
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
export ASAN_OPTIONS
A=$TMP/a
run demo --untrained -o "$A" --quick -q
[ $code -eq 0 ] || not_ok "sandbox: demo" "exit $code"
run selftest --sandbox
if [ $code -eq 4 ] && grep -q "cannot filter system calls" "$TMP/err"; then
  skip "sandbox" "this system cannot filter system calls"
else
  [ $code -eq 0 ] && ok "sandbox: selftest" || not_ok "sandbox: selftest" "exit $code: $(cat "$TMP/err")"
  works "sandbox: demo" demo --untrained -o "$TMP/b" --quick -q --sandbox
  (cd "$A" && find world weights -type f -exec cksum {} +) | sort >"$TMP/a.sum"
  (cd "$TMP/b" && find world weights -type f -exec cksum {} +) | sort >"$TMP/b.sum"
  same "sandbox: the demo draws the same" "$TMP/a.sum" "$TMP/b.sum"
  run run "$A/demo.plan" -o "$TMP/open" -q
  run run "$A/demo.plan" -o "$TMP/shut" -q --sandbox --threads 2
  [ $code -eq 0 ] && diff -r -x record.json -x report.html "$TMP/open" "$TMP/shut" >"$TMP/diff" && ok "sandbox: a run leaves the same bytes" ||
    not_ok "sandbox: a run leaves the same bytes" "exit $code: $(head -c 300 "$TMP/err" "$TMP/diff")"
  works "sandbox: verify" verify "$TMP/shut" --sandbox -q
  works "sandbox: report" report "$TMP/shut" -o "$TMP/r.html" --sandbox
  works "sandbox: features" features --weights "$A/weights/vit-a.safetensors" --data "$A/world/val" --limit 8 -o "$TMP/f.npy" --trace "$TMP/t.tsv" --sandbox -q
  "$ASSAY" features --weights "$A/weights/vit-a.safetensors" --data "$A/world/val" --limit 8 -o "$TMP/g.npy" -q
  same "sandbox: the same features" "$TMP/f.npy" "$TMP/g.npy"
  works "sandbox: convert" convert "$A/weights/vit-a.safetensors" "$TMP/c.safetensors" --sandbox
  works "sandbox: decode to a device" decode "$(ls "$A"/world/val/*/*.jpg | head -1)" -o /dev/null --sandbox
  # A cache elsewhere is a place of its own; the folder of the result is made.
  works "sandbox: cache" run "$A/demo.plan" -o "$TMP/new/deep" --cache "$TMP/cache" -q --sandbox
fi

run info --man
{ [ $code -eq 0 ] && grep -q '^\.TH ASSAY 1' "$TMP/out" && grep -q 'sandbox' "$TMP/out"; } && ok "manual: page" || not_ok "manual: page" "exit $code"
missing=
for c in demo run classify features knn probe init inspect convert decode preprocess table report merge compare verify doctor info selftest bench; do
  grep -q "^\.SS \"assay $c" "$TMP/out" || missing="$missing $c"
done
[ -z "$missing" ] && ok "manual: every command" || not_ok "manual: every command" "missing:$missing"
if command -v groff >/dev/null 2>&1; then
  warned=$(groff -man -Tutf8 -ww -z "$TMP/out" 2>&1)
  [ -z "$warned" ] && ok "manual: groff takes it" || not_ok "manual: groff takes it" "$(echo "$warned" | head -3)"
fi
run info --completion bash
if command -v bash >/dev/null 2>&1; then
  cp "$TMP/out" "$TMP/complete.bash"
  got=$(bash -c '. "$1"; COMP_WORDS=(assay cl) COMP_CWORD=1; _assay; echo "${COMPREPLY[*]}"
    COMP_WORDS=(assay classify --we) COMP_CWORD=2; _assay; echo "${COMPREPLY[*]}"
    COMP_WORDS=(assay bench --net vit) COMP_CWORD=3; _assay; echo "${COMPREPLY[*]}"
    COMP_WORDS=(assay classify --data x) COMP_CWORD=3; _assay; echo "[${COMPREPLY[*]}]"' bash "$TMP/complete.bash" 2>&1)
  want='classify
--weights
vits16 vitb16
[]'
  [ "$got" = "$want" ] && ok "completion: bash" || not_ok "completion: bash" "$got"
else
  skip "completion: bash" "no bash"
fi
run info --completion zsh
[ $code -eq 0 ] && ok "completion: zsh" || not_ok "completion: zsh" "exit $code"
if command -v zsh >/dev/null 2>&1; then
  zsh -n "$TMP/out" 2>"$TMP/err" && ok "completion: zsh reads it" || not_ok "completion: zsh reads it" "$(cat "$TMP/err")"
fi
run info --completion fish
names=$(sed -n "s/^complete -c assay -n __fish_use_subcommand -a \\([a-z]*\\) .*/\\1/p" "$TMP/out" | sort | tr '\n' ' ')
case $names in *"bench "*classify*verify*) ok "completion: fish" ;; *) not_ok "completion: fish" "$names" ;; esac
if command -v fish >/dev/null 2>&1; then
  fish --no-execute "$TMP/out" 2>"$TMP/err" && ok "completion: fish reads it" || not_ok "completion: fish reads it" "$(cat "$TMP/err")"
fi
refuses "completion: another shell" 2 "wanted one of bash, zsh, fish" info --completion tcsh
exit $failed
