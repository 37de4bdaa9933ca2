#!/bin/sh
# A write error is an error: full devices under every output, a full disk under a run at several moments.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "full: demo" || not_ok "full: demo" "exit $code: $(tail -3 "$TMP/err")"
W=$A/weights/vit-a.safetensors
I=$(ls "$A"/world/val/*/*.jpg | head -1)
if [ -c /dev/full ] && [ -w /dev/full ]; then
  for f in text csv json html markdown latex; do
    refuses "full: report as $f" 4 "/dev/full: cannot write" report "$A" --format $f -o /dev/full
  done
  refuses "full: decode" 4 "/dev/full: cannot write" decode "$I" -o /dev/full
  "$ASSAY" report "$A" >/dev/full 2>"$TMP/err"
  code=$?
  [ $code -eq 4 ] && ok "full: standard output" || not_ok "full: standard output" "exit $code: $(cat "$TMP/err")"
  "$ASSAY" run "$A/demo.plan" -o "$TMP/o" -q >/dev/full 2>"$TMP/err"
  code=$?
  [ $code -eq 4 ] && [ -s "$TMP/o/record.json" ] && ok "full: standard output of a run" || not_ok "full: standard output of a run" "exit $code"
  [ -c /dev/full ] && ok "full: a device stays one" || not_ok "full: a device stays one" "/dev/full is a file now"
else
  skip "full: devices" "no /dev/full"
fi
mkdir "$TMP/m"
if mount -t tmpfs -o size=40k none "$TMP/m" 2>/dev/null; then
  trap 'umount "$TMP/m"; rm -rf "$TMP"' EXIT
  bad=
  for size in 40 120 200 280 360 440; do
    mount -o remount,size=${size}k "$TMP/m"
    run run "$A/demo.plan" -o "$TMP/m/o" -q
    [ $code -eq 0 ] && break
    [ $code -eq 4 ] && grep -q "No space left on device" "$TMP/err" || bad="$bad size $size: exit $code $(head -c 200 "$TMP/err")"
    [ -e "$TMP/m/o/record.json" ] && bad="$bad size $size: a record"
  done
  [ -z "$bad" ] && ok "full: a run says that the disk is full" || not_ok "full: a run says that the disk is full" "$bad"
  mount -o remount,size=64m "$TMP/m"
  run run "$A/demo.plan" -o "$TMP/m/o" -q
  "$ASSAY" run "$A/demo.plan" -o "$TMP/p" -q >/dev/null 2>&1
  [ $code -eq 0 ] && diff -r -x place.json "$TMP/p" "$TMP/m/o" >"$TMP/diff" && ok "full: with room again, the same bytes" ||
    not_ok "full: with room again, the same bytes" "exit $code: $(head -c 300 "$TMP/err" "$TMP/diff")"
else
  skip "full: a full disk" "cannot mount a tmpfs"
fi
exit $failed
