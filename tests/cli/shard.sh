#!/bin/sh
# A run in parts: merged, they are byte for byte what one run leaves; what does not belong together is named.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "shard: demo" || not_ok "shard: demo" "exit $code: $(tail -3 "$TMP/err")"
P=$A/demo.plan
# one image is damaged: it fails in its shard, too
victim=$(ls "$A"/world/sketch/*/*.jpg | sed -n 9p)
head -c 300 "$victim" >"$TMP/cut" && cat "$TMP/cut" >"$victim"
run run "$P" -o "$TMP/whole" -q --threads 2
[ $code -eq 3 ] && ok "shard: undivided" || not_ok "shard: undivided" "exit $code: $(cat "$TMP/err")"
for i in 0 1 2; do
  run run "$P" --shard $i/3 -o "$TMP/s$i" -q --threads $((i + 1)) --batch $((i + 3))
  case $code in
    0) ;;
    3) grep -q "images failed" "$TMP/err" || not_ok "shard: part $i" "$(cat "$TMP/err")" ;;
    *) not_ok "shard: part $i" "exit $code: $(cat "$TMP/err")" ;;
  esac
done
run merge "$TMP/s2" "$TMP/s0" "$TMP/s1" -o "$TMP/merged" -q --threads 2
[ $code -eq 3 ] && grep -q "images failed in" "$TMP/err" && ok "shard: merge counts the failed image" ||
  not_ok "shard: merge counts the failed image" "exit $code: $(cat "$TMP/err")"
if diff -r "$TMP/whole" "$TMP/merged" >"$TMP/diff" 2>&1; then ok "shard: merged, the same bytes"; else
  not_ok "shard: merged, the same bytes" "$(head -c 300 "$TMP/diff")"
fi
# the plan, its data and its parts, moved together; merged from the root
mkdir "$TMP/far" && cp -r "$A" "$TMP/far/a" && cp -r "$TMP/s0" "$TMP/s1" "$TMP/s2" "$TMP/far/" && mv "$A" "$TMP/hidden"
(cd / && "$ASSAY" merge "$TMP/far/s1" "$TMP/far/s2" "$TMP/far/s0" -o "$TMP/far/merged" -q >/dev/null 2>"$TMP/err")
diff -r -x place.json "$TMP/whole" "$TMP/far/merged" >"$TMP/diff" 2>&1 && ok "shard: moved, the same bytes" || not_ok "shard: moved, the same bytes" "$(head -c 300 "$TMP/err" "$TMP/diff")"
mv "$TMP/hidden" "$A"
# which part a task of an array is; s0 is part 0 of 3, and says so to any other
told() { # NAME TEXT SHARD VARIABLE=VALUE...
  name=$1 text=$2 shard=$3
  shift 3
  env "$@" "$ASSAY" run "$P" --shard "$shard" -o "$TMP/s0" -q >/dev/null 2>"$TMP/err"
  code=$?
  [ $code -eq 2 ] && grep -qF -- "$text" "$TMP/err" && ok "shard: $name" || not_ok "shard: $name" "exit $code: $(cat "$TMP/err")"
}
told "auto: Slurm" "s0: found part 0/3, wanted another folder for 2/4 (-o)" auto SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=4
told "auto: SGE" "for 1/3 (-o)" auto SGE_TASK_ID=2 SGE_TASK_FIRST=1 SGE_TASK_LAST=3 SGE_TASK_STEPSIZE=1
told "auto: LSF" "for 4/5 (-o)" auto LSB_JOBINDEX=5 LSB_JOBINDEX_END=5 LSB_JOBINDEX_STEP=1
told "auto/N: a task of Slurm alone" "for 6/8 (-o)" auto/8 SLURM_ARRAY_TASK_ID=6 SLURM_ARRAY_TASK_MIN=6 SLURM_ARRAY_TASK_MAX=6 SLURM_ARRAY_TASK_COUNT=1
told "auto/N: SGE" "for 7/8 (-o)" auto/8 SGE_TASK_ID=8
told "auto/N: PBS" "for 1/3 (-o)" auto/3 PBS_ARRAY_INDEX=1
told "auto/N: Torque" "for 2/3 (-o)" auto/3 PBS_ARRAYID=2
told "auto/N: Kubernetes" "for 1/3 (-o)" auto/3 JOB_COMPLETION_INDEX=1
told "auto: no number of tasks" "Kubernetes does not say how many tasks there are" auto JOB_COMPLETION_INDEX=1
told "auto: an array with gaps" "which has gaps" auto SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_COUNT=2
told "auto: two engines" "found SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX" auto/3 SLURM_ARRAY_TASK_ID=1 JOB_COMPLETION_INDEX=1
told "auto: no array" "found no task of an array" auto SGE_TASK_ID=undefined LSB_JOBINDEX=0
told "auto/N: beyond N" "found PBS_ARRAY_INDEX=3, wanted 0 to 2 for auto/3" auto/3 PBS_ARRAY_INDEX=3
told "auto/N: no number" "found 'x', wanted a whole number" auto/3 PBS_ARRAY_INDEX=x
told "auto/N: nonsense" "wanted auto/N" auto/0 PBS_ARRAY_INDEX=0
[ -e "$TMP/s0/shard.json" ] && ok "shard: another part leaves a folder alone" || not_ok "shard: another part leaves a folder alone" "shard.json is gone"
# parts do not train: all of them would train the same
printf '[pretrain t]\nmethod = simclr\ndata = world:seed=0,size=32,per-class=2\n[dataset val]\npath = %s/world/val\n[model t]\nweights = pretrain:t\n' "$A" >"$TMP/t.plan"
refuses "shard: a plan that is not trained yet" 3 "found no checkpoint of [pretrain t]; wanted it before the parts start: assay pretrain" run "$TMP/t.plan" --shard 0/2
# what a run takes, and the jobs for it; damaged images stop none of them, and are warned of
S=$A/small.plan
printf '[dataset train]\npath = world/train\nclasses = world/classes.txt\nrole = train\n[dataset val]\npath = world/val\nclasses = world/classes.txt\n[model vit-a]\nweights = weights/vit-a.safetensors\nhead = probe\n' >"$S"
run run "$S" -o "$TMP/small" -q
mkdir "$TMP/asked"
works "shard: --estimate" run "$S" --estimate -o "$TMP/asked"
has "shard: --estimate counts the end of the run" ", statistics and files " "$TMP/out"
[ -z "$(ls -A "$TMP/asked")" ] && ok "shard: --estimate leaves nothing" || not_ok "shard: --estimate leaves nothing" "$(ls -A "$TMP/asked")"
works "shard: --estimate on machines" run "$S" --estimate --tasks 4 --json
has "shard: --estimate says core-hours" '"core_seconds": ' "$TMP/out"
awk -F'[:,]' '/"ending_seconds"/ { found = $2 > 0 } END { exit !found }' "$TMP/out" && ok "shard: --estimate has measured the end" ||
  not_ok "shard: --estimate has measured the end" "$(grep ending "$TMP/out")"
refuses "shard: --tasks without --estimate" 2 "--tasks is for --estimate here" run "$S" --tasks 4
works "shard: --check warns of the damaged image that run counts as failed" run "$P" --check -q
grep -q "^WARNING  sketch: .*: 1 of [0-9]* images looked at cannot be read" "$TMP/out" && has "shard: and finds no problem" "no problem found" "$TMP/out" ||
  not_ok "shard: --check warns of a damaged image" "$(grep WARNING "$TMP/out")"
works "shard: so does --estimate" run "$P" --estimate -q
works "shard: and slurm writes its jobs" slurm "$P" -o "$TMP/damaged" -q
sed 's/world.sketch/world\/nowhere/' "$P" >"$A/lost.plan"
refuses "shard: slurm refuses what --check refuses" 3 "world/nowhere" slurm "$A/lost.plan" -o "$TMP/none"
(cd "$TMP" && "$ASSAY" slurm "$S" --tasks 3 --threads 2 -o jobs -q >"$TMP/out" 2>"$TMP/err")
"$ASSAY" info >"$TMP/info"
cpus=2
grep -q "without OpenMP" "$TMP/info" && cpus=1 # of the two that --threads names
for line in '#SBATCH --array=0-2' "#SBATCH --cpus-per-task=$cpus" '--shard auto/3 -o "$dir/part-$part-of-3"' "plan='$S'"; do
  grep -qF -- "$line" "$TMP/jobs/part.sh" || not_ok "shard: slurm, part.sh" "no '$line': $(cat "$TMP/err")"
done
sh -n "$TMP/jobs/part.sh" && sh -n "$TMP/jobs/merge.sh" && sh -n "$TMP/jobs/submit.sh" && [ ! -e "$TMP/jobs/train.sh" ] &&
  ok "shard: slurm writes sh" || not_ok "shard: slurm writes sh" "$(ls "$TMP/jobs") $(cat "$TMP/err")"
# the engine is played by hand: every part, then the merge
for i in 2 0 1; do SLURM_ARRAY_TASK_ID=$i sh "$TMP/jobs/part.sh" >>"$TMP/log" 2>&1 || not_ok "shard: part.sh $i" "$(tail -3 "$TMP/log")"; done
(cd "$TMP" && sh jobs/merge.sh >"$TMP/out" 2>"$TMP/err")
code=$?
diff -r -x place.json "$TMP/small" "$TMP/jobs/out" >"$TMP/diff" 2>&1 && [ $code -eq 0 ] && ok "shard: the jobs leave the same bytes" ||
  not_ok "shard: the jobs leave the same bytes" "exit $code: $(head -c 300 "$TMP/diff" "$TMP/err")"
# a shard that was killed goes on
"$ASSAY" run "$P" --shard 0/3 -o "$TMP/k0" -q >/dev/null 2>&1 &
pid=$!
while kill -0 $pid 2>/dev/null && ! ls "$TMP/k0/rows/"*.rows >/dev/null 2>&1; do :; done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
refuses "shard: an unfinished part" 3 "k0: found no shard.json" merge "$TMP/k0" "$TMP/s1" "$TMP/s2" -o "$TMP/m"
run run "$P" --shard 0/3 -o "$TMP/k0" -q
diff -r "$TMP/s0/rows" "$TMP/k0/rows" >"$TMP/diff" && ok "shard: killed, resumed, the same rows" || not_ok "shard: killed, resumed, the same rows" "$(head -c 200 "$TMP/diff")"
refuses "shard: missing ones are named" 3 "missing: shards 0/3, 2/3" merge "$TMP/s1" -o "$TMP/m"
refuses "shard: double ones are named" 3 "shard 1/3 is given twice: $TMP/s1/shard.json and $TMP/s1/shard.json" merge "$TMP/s0" "$TMP/s1" "$TMP/s1" "$TMP/s2" -o "$TMP/m"
cp -r "$TMP/s1" "$TMP/t1"
sed 's/"shards": 3/"shards": 4/' "$TMP/s1/shard.json" >"$TMP/t1/shard.json"
refuses "shard: of another division" 3 "t1/shard.json: found a shard of 4" merge "$TMP/s0" "$TMP/t1" "$TMP/s2" -o "$TMP/m"
sed 's/"weights_sha256": "./"weights_sha256": "x/' "$TMP/s1/shard.json" >"$TMP/t1/shard.json"
refuses "shard: of other weights" 3 "t1/shard.json: models resnet-a: found weights_sha256 x" merge "$TMP/s0" "$TMP/t1" "$TMP/s2" -o "$TMP/m"
cp "$TMP/s1/shard.json" "$TMP/t1/shard.json"
f=$(ls "$TMP/t1/rows/"*.rows | head -1)
size=$(wc -c <"$f")
head -c $((size - 5)) "$f" >"$TMP/cut" && cp "$TMP/cut" "$f"
refuses "shard: rows cut short" 3 "$(basename "$f"): found" merge "$TMP/s0" "$TMP/t1" "$TMP/s2" -o "$TMP/m"
cp "$TMP/cut" "$victim"
refuses "shard: images changed since" 3 "wanted all: weights, images or plan have changed" merge "$TMP/s0" "$TMP/s1" "$TMP/s2" -o "$TMP/m"
refuses "shard: a folder that is none" 3 "found no shard.json" merge "$A" -o "$TMP/m"
exit $failed
