#!/bin/sh
# A run that is repeated: nothing that is finished is lost, only what is new is computed, one run at a time works in a
# folder, and what it ends with is what a run from nothing ends with.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
A=$TMP/a
run demo --untrained -o "$A" --quick
[ $code -eq 0 ] && ok "again: demo" || not_ok "again: demo" "exit $code: $(tail -3 "$TMP/err")"
mv "$A/record.json" "$TMP/demo.record"
P=$A/p.plan
sed '/^\[dataset sketch\]/,/^$/d; /^\[model vit-a-knn\]/,$d' "$A/demo.plan" >"$P"
O=$TMP/o
# fresh NAME: what a run of the plan from nothing leaves is what the folder holds
fresh() {
  rm -rf "$TMP/f"
  "$ASSAY" run "$P" -o "$TMP/f" -q >/dev/null 2>&1
  if diff -r "$TMP/f" "$O" >"$TMP/diff" 2>&1; then ok "$1"; else not_ok "$1" "$(head -c 300 "$TMP/diff")"; fi
}
# said NAME TEXT: the run ended with 0 and a remark has this text
said() {
  if [ $code -eq 0 ] && grep -qF -- "$2" "$TMP/err"; then ok "$1"; else not_ok "$1" "exit $code, no '$2': $(head -c 400 "$TMP/err")"; fi
}
run run "$P" -o "$O"
said "again: feature rows are kept, and the limit is said" "feature rows for the next run (at most 4295.0 MB)"
touch "$TMP/stamp"
run run "$P" -o "$O"
said "again: the same command" "is up to date"
grep -q "^resnet-a" "$TMP/out" && ok "again: shows the table" || not_ok "again: shows the table" "$(head -c 200 "$TMP/out")"
[ -z "$(find "$O" -type f -newer "$TMP/stamp")" ] && ok "again: writes nothing" || not_ok "again: writes nothing" "$(find "$O" -type f -newer "$TMP/stamp")"
fresh "again: as from nothing"
run run "$P" -o "$O" --threads 1 --batch 3
said "again: other threads and batches change nothing" "is up to date"

# a note, a remark: no cell is computed
sed 's/^note = resnet_demo/note = another note/; s/^name = demo/name = demo/' "$P" >"$TMP/p" && cp "$TMP/p" "$P"
run run "$P" -o "$O"
said "again: a changed note" "resnet-a: 4 of 4 cells taken over"
grep -q "rows taken over\|up to date" "$TMP/err" && not_ok "again: no row is looked at" "$(cat "$TMP/err")" || ok "again: no row is looked at"
has "again: the note is in the record" "another note" "$O/record.json"
fresh "again: with another note as from nothing"
sed 's/^remark = .*/remark = A sentence that is new./' "$P" >"$TMP/p" && cp "$TMP/p" "$P"
run run "$P" -o "$O"
has "again: another remark" "A sentence that is new." "$O/table.txt"
fresh "again: with another remark as from nothing"

# one more set, one more model: the others are taken over
printf '[dataset sketch]\ntask = folder\npath = world/sketch\nclasses = world/classes.txt\n' >>"$P"
run run "$P" -o "$O"
said "again: one more set" "vit-a: 4 of 5 cells taken over"
fresh "again: with one more set as from nothing"
printf '[model knn]\nweights = weights/vit-a.safetensors\nhead = knn\n' >>"$P"
run run "$P" -o "$O"
said "again: one more model" "vit-a: 5 of 5 cells taken over"
said "again: its rows are those of the same weights" "knn on val: 96 of 96 feature rows taken over"
fresh "again: with one more model as from nothing"
sed '/^\[model knn\]/,$d' "$P" >"$TMP/p" && cp "$TMP/p" "$P"
run run "$P" -o "$O"
fresh "again: one model less as from nothing"

# what is not as the record has it is not taken over
sed '3s/[0-9]/9/' "$O/cells/vit-a--val.tsv" >"$TMP/t" && cp "$TMP/t" "$O/cells/vit-a--val.tsv"
run run "$P" -o "$O"
said "again: a changed cell is computed again" "vit-a: 4 of 5 cells taken over"
fresh "again: it is mended"
run run "$P" -o "$O" --force
{ [ $code -eq 0 ] && ! grep -q "taken over" "$TMP/err"; } && ok "again: --force takes nothing over" || not_ok "again: --force takes nothing over" "$(cat "$TMP/err")"
fresh "again: forced as from nothing"
run run "$P" -o "$O" --force --keep 100k
said "again: a limit for rows" "are over this limit and not kept"
[ "$(cat "$O"/rows/* | wc -c)" -le 102400 ] && ok "again: the limit holds" || not_ok "again: the limit holds" "$(cat "$O"/rows/* | wc -c)"
run run "$P" -o "$O" --keep 0
[ ! -e "$O/rows" ] && ok "again: no rows" || not_ok "again: no rows" "$(ls "$O/rows")"
refuses "again: a limit that is none" 2 "wanted a number of bytes" run "$P" -o "$O" --keep many

# another benchmark does not replace this one by a slip of -o
sed 's/^\[model .*-a\]/&x/; s/-a\]x/-z]/' "$P" >"$A/other.plan"
cp "$O/record.json" "$TMP/before"
refuses "again: another benchmark" 2 "which has no model and set in common with demo" run "$A/other.plan" -o "$O"
same "again: it is left alone" "$TMP/before" "$O/record.json"

# one at a time: the second names the first; a lock dies with its holder
wait_for() { # FILE with something in it, while process $pid lives: the holder writes its name once it has the lock
  while kill -0 $pid 2>/dev/null && [ ! -s "$1" ]; do :; done
}
"$ASSAY" run "$P" -o "$O" --force -q >/dev/null 2>&1 &
pid=$!
wait_for "$O/lock"
kill -STOP $pid
refuses "again: a second run is told who works there" 4 "process $pid on " run "$P" -o "$O"
refuses "again: likewise with another plan" 4 "process $pid on " run "$A/other.plan" -o "$O"
same "again: the finished run stands meanwhile" "$TMP/before" "$O/record.json"
works "again: and is whole" verify "$O" --files
kill -9 $pid
wait $pid 2>/dev/null
run run "$P" -o "$O"
[ $code -eq 0 ] && ok "again: after the holder was killed" || not_ok "again: after the holder was killed" "exit $code: $(cat "$TMP/err")"
[ ! -e "$O/lock" ] && ok "again: no lock is left" || not_ok "again: no lock is left" "$(cat "$O/lock")"
rm -rf "$O/rows"
fresh_rows() { rm -rf "$TMP/f"; "$ASSAY" run "$P" -o "$TMP/f" -q >/dev/null 2>&1; diff -r -x rows "$TMP/f" "$O"; }
fresh_rows >"$TMP/diff" 2>&1 && ok "again: as from nothing, once more" || not_ok "again: as from nothing, once more" "$(head -c 300 "$TMP/diff")"

# two plans into one folder at once: one of them is there at the end, whole
rm -rf "$O"
"$ASSAY" run "$P" -o "$O" -q >/dev/null 2>"$TMP/err1" &
one=$!
"$ASSAY" run "$A/other.plan" -o "$O" -q >/dev/null 2>"$TMP/err2" &
two=$!
wait $one; c1=$?
wait $two; c2=$?
case $c1$c2 in
  04 | 40 | 02 | 20) ok "again: two plans at once, one wins" ;;
  *) not_ok "again: two plans at once, one wins" "exit $c1 and $c2: $(cat "$TMP/err1" "$TMP/err2")" ;;
esac
works "again: its folder is whole" verify "$O" --files

# a process that was killed between finishing and moving its files: readers see the new run, the next run moves them
rm -rf "$O" "$TMP/new"
"$ASSAY" run "$P" -o "$O" -q >/dev/null 2>&1
sed 's/another note/a third note/' "$P" >"$TMP/p" && cp "$TMP/p" "$P"
"$ASSAY" run "$P" -o "$TMP/new" -q >/dev/null 2>&1
mkdir -p "$O/work/cells"
for f in table.txt report.html record.json cells/vit-a--val.tsv; do cp "$TMP/new/$f" "$O/work/$f"; done
cp "$TMP/new/table.csv" "$O/table.csv" # this one was moved
works "again: half moved is whole" verify "$O" --files
run report "$O" --format csv
same "again: report reads the new run" "$TMP/out" "$TMP/new/table.csv"
run run "$P" -o "$O" -q
[ $code -eq 0 ] && diff -r "$TMP/new" "$O" >"$TMP/diff" && ok "again: the next run moves the rest" || not_ok "again: the next run moves the rest" "exit $code: $(head -c 300 "$TMP/err" "$TMP/diff")"
exit $failed
