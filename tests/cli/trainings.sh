#!/bin/sh
# Trainings in a plan: run does them first, keeps each, goes on after a cut, and does none twice; the record says where
# a network comes from; --check and --estimate know them.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
mkdir "$A"
run demo --untrained --quick -o "$TMP/demo" -q
cp -r "$TMP/demo/world" "$A/world"
cat >"$A/p.plan" <<'END_PLAN'
[benchmark]
name = trained
[dataset train]
path = world/train
classes = world/classes.txt
role = train
[dataset val]
path = world/val
classes = world/classes.txt
[pretrain one]
method = simclr
arch = resnet18:blocks=1-1,base=4,stem=3x3s2
size = 16
batch = 16
epochs = 2
seed = 3
precision = float16
data = world:size=32,per-class=2
[pretrain two]
method = byol
arch = resnet18:blocks=1-1,base=4,stem=3x3s2
size = 16
batch = 16
epochs = 2
set = lr=0.001
data = world/train
limit = 40
[model a]
weights = pretrain:one
head = probe
[model b]
weights = pretrain:two
head = knn
END_PLAN
run run "$A/p.plan" --check
[ $code -eq 0 ] && grep -q "^pretrain one  *SimCLR, 32 images, 2 epochs, about [0-9]* s" "$TMP/out" && ok "trainings: --check says what they take" ||
  not_ok "trainings: --check says what they take" "exit $code: $(cat "$TMP/out" "$TMP/err")"
# a world of 160,000 pictures is drawn once, and takes longer than the training on 40 of them
sed 's|^data = .*|data = world:size=64,per-class=9999|; s/^seed = 3/limit = 40/' "$A/p.plan" >"$A/large.plan"
run run "$A/large.plan" --check
awk '/^pretrain one .* 40 images, .* about/ { one = $(NF - 1) } /^pretrain two .* about/ { two = $(NF - 1); seen = 1 } END { exit !(seen && one > 20 * (two + 1)) }' "$TMP/out" &&
  ok "trainings: a world is drawn once, and that takes time" || not_ok "trainings: a world is drawn once, and that takes time" "$(cat "$TMP/out" "$TMP/err")"
[ -e "$A/pretrained" ] && not_ok "trainings: --check leaves nothing" "$(ls "$A/pretrained")" || ok "trainings: --check leaves nothing"
for wait in 0.1 0.4; do
  "$ASSAY" run "$A/p.plan" -o "$A/out" -q >/dev/null 2>&1 &
  pid=$!
  sleep $wait
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
done
works "trainings: run does them first" run "$A/p.plan" -o "$A/out"
cp "$A/pretrained/one/checkpoint.safetensors" "$TMP/one.safetensors"
works "trainings: the same from the command line" pretrain --method simclr --arch resnet18:blocks=1-1,base=4,stem=3x3s2 --size 16 --batch 16 --epochs 2 --seed 3 --half --data world:size=32,per-class=2 -o "$A/alone" -q
same "trainings: the same bytes" "$A/alone/checkpoint.safetensors" "$TMP/one.safetensors"
has "trainings: the record says the method" '"method": "simclr"' "$A/out/record.json"
has "trainings: and the command" '"training": "assay pretrain --method byol' "$A/out/record.json"
has "trainings: and the weights' hash" "$(sha256sum "$TMP/one.safetensors" | cut -c1-64)" "$A/out/record.json"
run run "$A/p.plan" -o "$A/out"
grep -q "up to date" "$TMP/err" && ! grep -q "^assay: .*epoch" "$TMP/err" && ok "trainings: none twice" || not_ok "trainings: none twice" "$(cat "$TMP/err")"
run run "$A/p.plan" --check
grep -q "^pretrain two  *done" "$TMP/out" && ok "trainings: --check knows what is done" || not_ok "trainings: --check knows what is done" "$(cat "$TMP/out")"
works "trainings: the record is verified" verify "$A/out" -o "$TMP/v" -q
works "trainings: and the checkpoint" verify "$A/pretrained/two/checkpoint.safetensors" --data "$A/world/train" -q
# A checkpoint of the same command, made when a default was another.
LC_ALL=C sed 's/ temperature=0.1 / temperature=0.3 /' "$TMP/one.safetensors" >"$A/pretrained/one/checkpoint.safetensors"
run pretrain "$A/p.plan"
[ $code -eq 0 ] && grep -q "1 of 2 trainings are there already" "$TMP/err" && ok "trainings: one with another default is trained anew" ||
  not_ok "trainings: one with another default is trained anew" "exit $code: $(cat "$TMP/err")"
same "trainings: to the bytes of today's default" "$A/pretrained/one/checkpoint.safetensors" "$TMP/one.safetensors"
sed 's/lr=0.001/lr=0.002/' "$A/p.plan" >"$A/q.plan"
run pretrain "$A/q.plan"
[ $code -eq 0 ] && grep -q "1 of 2 trainings are there already" "$TMP/err" && ok "trainings: a changed section is trained anew" ||
  not_ok "trainings: a changed section is trained anew" "exit $code: $(cat "$TMP/err")"
refuses "trainings: a plan says everything itself" 2 "--seed is not for a plan" pretrain "$A/q.plan" --seed 3
refuses "trainings: --method is missing" 2 "--method is missing" pretrain --data world -o "$A/x"

# wrong LINE TEXT CODE MESSAGE: the plan with LINE replaced is refused
wrong() {
  sed "s|^$1\$|$2|" "$A/p.plan" >"$A/w.plan"
  refuses "trainings: $4" "$3" "$4" run "$A/w.plan" -o "$A/w"
}
wrong "weights = pretrain:one" "weights = pretrain:three" 3 "the plan has no [pretrain three]"
sed -i "s/^seed = 3/seed = 4/" "$A/p.plan"
wrong "method = byol" "method = byoll" 2 "byol"
wrong "method = byol" "" 3 "[pretrain two] has no method"
wrong "set = lr=0.001" "set = rate=1" 2 'has no parameter "rate"'
wrong "precision = float16" "precision = half" 3 "wanted float16 or float32"
exit $failed
