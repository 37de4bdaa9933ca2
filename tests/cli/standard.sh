#!/bin/sh
# Below C11 a build stops and says why, whichever file comes first.
. "${ASSAY_TESTS:-tests}/cli/common.inc"

root=$(dirname "${ASSAY_TESTS:-tests}")
command -v "${CC:-cc}" >/dev/null || { skip "standard: c99" "no compiler"; exit $failed; }
for file in tensor/base/status.c tools/main.c models/model.c; do
  (cd "$root" && ${CC:-cc} -std=c99 -fsyntax-only -I. $file) >"$TMP/out" 2>&1
  code=$?
  [ $code -ne 0 ] && [ "$(grep -c 'error: .*assay is C11: build with -std=c11 or later' "$TMP/out")" -eq 1 ] &&
    ok "standard: c99, $file" || not_ok "standard: c99, $file" "exit $code: $(head -3 "$TMP/out")"
done
exit $failed
