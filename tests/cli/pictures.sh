#!/bin/sh
# The images of a page: small, the same bytes with any threads, left out on request; changed, moved or gone ones are
# said in words.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
images() { tr '"' '\n' <"$1" | grep -c '^data:image/jpeg;base64,'; }
run demo --untrained -o "$A" --quick -q
page=$A/report.html
[ $code -eq 0 ] && [ "$(images "$page")" -ge 100 ] && ok "pictures: the demo's page has images" ||
  not_ok "pictures: the demo's page has images" "exit $code, $(images "$page") images"
[ "$(wc -c <"$page")" -le 1500000 ] && ok "pictures: at most 1.5 MB" || not_ok "pictures: at most 1.5 MB" "$(wc -c <"$page")"
"$ASSAY" report "$A" -o "$TMP/one.html" --threads 1 -q
"$ASSAY" report "$A" -o "$TMP/four.html" --threads 4 -q
same "pictures: the same bytes with any threads" "$TMP/one.html" "$TMP/four.html"
tr '"' '\n' <"$page" | grep '^data:image' >"$TMP/run.b64"
tr '"' '\n' <"$TMP/one.html" | grep '^data:image' >"$TMP/report.b64"
same "pictures: report finds the run's images" "$TMP/run.b64" "$TMP/report.b64"
"$ASSAY" report "$A" -o "$TMP/none.html" --no-images -q
[ "$(images "$TMP/none.html")" -eq 0 ] && grep -q 'What is taken for what' "$TMP/none.html" && ok "pictures: --no-images" ||
  not_ok "pictures: --no-images" "$(images "$TMP/none.html") images"
run run "$A/demo.plan" -o "$TMP/bare" --no-images -q
[ $code -eq 0 ] && [ "$(images "$TMP/bare/report.html")" -eq 0 ] && grep -q '"no_images": true' "$TMP/bare/record.json" &&
  ok "pictures: a run without images" || not_ok "pictures: a run without images" "exit $code: $(head -c 300 "$TMP/err")"
works "pictures: which is verified as such" verify "$TMP/bare" -q
# one image is another now, one is gone, one set is
set -- "$A"/world/v2/*/*.jpg
for f in "$@"; do cp "$A/world/overview.jpg" "$f"; done
for f in "$A"/world/sketch/*/*.jpg; do echo "no image" >"$f"; done
mv "$A/world/rendition" "$TMP/away"
run report "$A" -o "$TMP/less.html"
[ $code -eq 0 ] && grep -q 'changed or not readable' "$TMP/less.html" && grep -q 'are not where they lay' "$TMP/less.html" &&
  [ "$(images "$TMP/less.html")" -ge 30 ] && ok "pictures: changed and gone" ||
  not_ok "pictures: changed and gone" "exit $code, $(images "$TMP/less.html") images: $(head -c 300 "$TMP/err")"
has "pictures: it is said where they were looked for" "without images of rendition" "$TMP/err"
mkdir "$TMP/root" && mv "$TMP/away" "$TMP/root/rendition"
run report "$A" -o "$TMP/found.html" --root "$A/world/rendition=$TMP/root/rendition"
[ $code -eq 0 ] && [ "$(images "$TMP/found.html")" -gt "$(images "$TMP/less.html")" ] && ok "pictures: --root finds them" ||
  not_ok "pictures: --root finds them" "exit $code: $(head -c 300 "$TMP/err")"
# all is gone: the page still comes
mkdir "$TMP/alone" && cp -r "$A/record.json" "$A/cells" "$A/prints" "$TMP/alone" && rm -rf "$A"
run report "$TMP/alone" -o "$TMP/alone.html"
[ $code -eq 0 ] && [ "$(images "$TMP/alone.html")" -eq 0 ] && grep -q 'are not where they lay' "$TMP/alone.html" &&
  ok "pictures: a record alone" || not_ok "pictures: a record alone" "exit $code: $(head -c 300 "$TMP/err")"
exit $failed
