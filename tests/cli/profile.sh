#!/bin/sh
# Numerics profiles: chosen by name, recorded everywhere, never mixed.
. "${ASSAY_TESTS:-tests}/cli/common.inc"

refuses "profile: unknown name" 2 "profile 'bf16-9' is not known" selftest --profile bf16-9
for profile in f32-1 bf16-1; do
  works "profile: selftest $profile" selftest --profile $profile --threads 2 --batch 3
  has "profile: selftest says $profile" "profile     $profile" "$TMP/out"
  for cpu in ref avx2 avx512 avx512bf16; do
    ASSAY_CPU=$cpu "$ASSAY" selftest --profile $profile >"$TMP/out" 2>"$TMP/err"
    case $? in
      0) ok "profile: $profile on $cpu" ;;
      4) skip "profile: $profile on $cpu" "$(head -1 "$TMP/err")" ;;
      *) not_ok "profile: $profile on $cpu" "$(head -1 "$TMP/err")" ;;
    esac
  done
done
# the mask reaches every room: with ref no other variant of any kernel is in use, with all features each op has one
for cpu in ref ''; do
  ASSAY_CPU=$cpu "$ASSAY" info --kernels >"$TMP/out" 2>&1
  used=$(awk '/^kernel /{go = 1; next} go && /in use$/{print $1, $2}' "$TMP/out")
  ops=$(awk '/^kernel /{go = 1; next} go{print $1}' "$TMP/out" | sort -u | wc -l)
  what="profile: info --kernels, ASSAY_CPU='$cpu'"
  [ "$(echo "$used" | cut -d' ' -f1 | sort -u | wc -l)" -eq "$ops" ] && [ "$(echo "$used" | wc -l)" -eq "$ops" ] &&
    for op in gemm sha256 crc32 jpeg resize; do echo "$used" | grep -q "^$op " || ops=; done && [ -n "$ops" ] &&
    { [ -z "$cpu" ] || [ -z "$(echo "$used" | grep -v ' ref$')" ]; } && ok "$what" || not_ok "$what" "$used"
done
run info --profile bf16-1
has "profile: info tells which is in use" "bf16-1 (in use)" "$TMP/out"
works "profile: bench" bench --net vits16 --seconds 0.1 --batch 1 --profile bf16-1

run demo --untrained -o "$TMP/demo" --quick -q
[ $code -eq 0 ] && ok "profile: demo" || not_ok "profile: demo" "exit $code: $(tail -3 "$TMP/err")"
cat >"$TMP/p.plan" <<'END'
[benchmark]
name = small
[dataset val]
path = demo/world/val
classes = demo/world/classes.txt
[dataset train]
path = demo/world/train
classes = demo/world/classes.txt
role = train
[model resnet]
weights = demo/weights/resnet-a.safetensors
head = probe
c = 0.1
END
works "profile: a run with bf16-1" run "$TMP/p.plan" -o "$TMP/half" -q --profile bf16-1
works "profile: a run with the default" run "$TMP/p.plan" -o "$TMP/full" -q
[ "$(grep -c '"profile": "bf16-1"' "$TMP/half/record.json")" -ge 2 ] && ok "profile: in the record and its cells" ||
  not_ok "profile: in the record and its cells" "$(grep profile "$TMP/half/record.json")"
print() { grep -m1 features_sha256 "$1/record.json"; }
[ "$(print "$TMP/half")" != "$(print "$TMP/full")" ] && ok "profile: other features" || not_ok "profile: other features" "the same"

# a record is verified with its own profile
works "profile: verify takes it from the record" verify "$TMP/half" -o "$TMP/v" -q --threads 1 --batch 5
refuses "profile: verify with another one" 2 "was made with bf16-1" verify "$TMP/half" -o "$TMP/v2" --profile f32-1
works "profile: verify with the same one" verify "$TMP/full" -o "$TMP/v3" -q --profile f32-1
sed 's/"profile": "bf16-1"/"profile": "bf16-9"/' "$TMP/half/record.json" >"$TMP/x" && mkdir "$TMP/odd" && mv "$TMP/x" "$TMP/odd/record.json"
run verify "$TMP/odd" -o "$TMP/v4" # says first that the record was changed
[ $code -eq 2 ] && ok "profile: verify of a record from a later build" || not_ok "profile: verify of a record from a later build" "exit $code"
has "profile: verify of a record from a later build says so" "profile 'bf16-9' is not known" "$TMP/err"

# a run cut off under one profile does not go on under another with its rows
"$ASSAY" run "$TMP/p.plan" -o "$TMP/mixed" -q --profile bf16-1 --threads 1 >/dev/null 2>&1 &
pid=$!
while kill -0 $pid 2>/dev/null && ! ls "$TMP/mixed/work/"*.rows >/dev/null 2>&1; do :; done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
works "profile: the folder of a cut run, another profile" run "$TMP/p.plan" -o "$TMP/mixed" -q
same "profile: no row of the other one is taken" "$TMP/mixed/table.csv" "$TMP/full/table.csv"
[ "$(print "$TMP/mixed")" = "$(print "$TMP/full")" ] && ok "profile: features of the second run" || not_ok "profile: features of the second run" "$(print "$TMP/mixed")"

"$ASSAY" features --weights "$TMP/demo/weights/resnet-a.safetensors" --data "$TMP/demo/world/train" --classes "$TMP/demo/world/classes.txt" -o "$TMP/t.safetensors" -q --profile bf16-1 >/dev/null
grep -aqE '"assay.profile": ?"bf16-1"' "$TMP/t.safetensors" && ok "profile: in a file of features" ||
  not_ok "profile: in a file of features" "$(head -c 200 "$TMP/t.safetensors" | tr -cd ' -~')"
"$ASSAY" features --weights "$TMP/demo/weights/resnet-a.safetensors" --data "$TMP/demo/world/train" --classes "$TMP/demo/world/classes.txt" -o "$TMP/t.npy" -q --profile bf16-1 >/dev/null
"$ASSAY" probe --train "$TMP/t.npy" -o "$TMP/head.safetensors" -q >/dev/null
works "profile: classify prints it" classify --weights "$TMP/demo/weights/resnet-a.safetensors" --data "$TMP/demo/world/val" --classes "$TMP/demo/world/classes.txt" --head "$TMP/head.safetensors" --json --profile bf16-1 -q
has "profile: in the cell" '"profile": "bf16-1"' "$TMP/out"
exit $failed
