#!/bin/sh
# The course (tests/course): every command of its text prints what the text says, in a folder with the course's own files;
# every number of the prose was printed by then; the functions to read exist and have 30 to 100 lines together; the worked
# answers are right, the stubs are not, and each single answer that is changed is found out; a chapter fits two pages.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
BUILD=${BUILD:-build}
C=${ASSAY_TESTS:-tests}/course
CHECK=$BUILD/course-check
case $CHECK in /*) ;; *) CHECK=$PWD/$CHECK ;; esac
mkdir "$TMP/bin" "$TMP/w" && cp "$ASSAY" "$TMP/bin/assay"
cp "$C"/*.tar.gz "$C/boat.jpg" "$C"/*.plan "$C/paper.csv" "$TMP/w"
: >"$TMP/seen"

# text CHAPTER-FILE: its commands, its numbers
text() {
  name=${1##*/} name=${name%.md}
  rm -rf "$TMP/c" && mkdir "$TMP/c"
  awk -v dir="$TMP/c" -f "$C/text.awk" "$1" >"$TMP/numbers"
  n=1
  while [ -e "$TMP/c/$n.sh" ]; do
    want=$(sed -n 's/.*# exit code \([0-9]*\).*/\1/p' "$TMP/c/$n.sh")
    (cd "$TMP/w" && PATH=$TMP/bin:$PATH sh "$TMP/c/$n.sh") >"$TMP/got" 2>"$TMP/said" </dev/null
    code=$?
    cat "$TMP/said" >>"$TMP/got"
    cat "$TMP/c/$n.sh" "$TMP/c/$n.out" >>"$TMP/seen"
    if [ $code -ne "${want:-0}" ]; then
      not_ok "course: $name, command $n" "exit code $code, wanted ${want:-0}: $(head -c 300 "$TMP/got")"
    elif why=$(awk -f "$C/same.awk" "$TMP/c/$n.out" "$TMP/got"); then
      ok "course: $name, command $n"
    else
      not_ok "course: $name, command $n" "$(head -n 1 "$TMP/c/$n.sh"): $why"
    fi
    n=$((n + 1))
  done
  [ $n -gt 1 ] || not_ok "course: $name" "no commands"
  why=$(awk 'NR == FNR { t = $0
      while (match(t, /[0-9]+(\.[0-9]+)?/)) { v = substr(t, RSTART, RLENGTH); said[v] = 1; all[++n] = v + 0; t = substr(t, RSTART + RLENGTH) }
      next }
    { d = index($1, ".") ? length($1) - index($1, ".") : 0; found = $1 in said
      for (i = 1; i <= n && !found; i++) found = d && sprintf("%." d "f", all[i]) == $1
      if (!found) print $1 }' "$TMP/seen" "$TMP/numbers" | tr '\n' ' ')
  [ -z "$why" ] && ok "course: $name, numbers" || not_ok "course: $name, numbers" "printed by no command: $why"
}

# "- `FILE`: `NAME`, `NAME`: why" under "## Read"
reading() {
  lines=0 why=
  sed -n '/^## Read/,/^## Ex/p' "$1" | grep '^- `' | sed 's/^- `\([^`]*\)`: \(.*`\):.*/\1 \2/; s/[`,]//g' >"$TMP/read"
  while read -r file names; do
    for function in $names; do
      n=$([ -f "${ASSAY_TESTS:-tests}/../$file" ] && awk -f "${ASSAY_TESTS:-tests}/house/functions.awk" "${ASSAY_TESTS:-tests}/../$file" |
        awk -F'\t' -v f="$function" '$3 == f { print $4; exit }')
      [ -n "$n" ] && lines=$((lines + n)) || why="$why $file has no $function;"
    done
  done <"$TMP/read"
  { [ $lines -ge 30 ] && [ $lines -le 100 ]; } || why="$why $lines lines, wanted 30 to 100"
  [ -z "$why" ] && ok "course: $name, source" || not_ok "course: $name, source" "$why"
}

# checks NAME CODE CHAPTER FILE
checks() {
  "$CHECK" "$3" "$4" "$C/hashes" >"$TMP/out" 2>&1
  [ $? -eq "$2" ] && ok "$1" || not_ok "$1" "$(tr '\n' ' ' <"$TMP/out")"
}

for f in "$C"/[01][0-9]-*.md; do
  text "$f"
  reading "$f"
  number=${name%%-*} chapter=${name%%-*}
  chapter=${chapter#0}
  [ "$(wc -l <"$f")" -le 120 ] && ok "course: $name, two pages" || not_ok "course: $name, two pages" "$(wc -l <"$f") lines"
  checks "course: $name, worked answers" 0 "$chapter" "$C/worked/$number.txt"
  checks "course: $name, stubs" 1 "$chapter" "$C/stubs/$number.txt"
  asked=$(sed -n '/^## Exercises/,$s/^- \([a-z]\)\. .*/\1/p' "$f" | tr '\n' ' ')
  worked=$(sed -n 's/^\([a-z]\) = .*/\1/p' "$C/worked/$number.txt" | tr '\n' ' ')
  stubs=$(sed -n 's/^\([a-z]\) = ?$/\1/p' "$C/stubs/$number.txt" | tr '\n' ' ')
  hashed=$(sed -n "s/^$chapter\.\([a-z]\) .*/\1/p" "$C/hashes" | tr '\n' ' ')
  set -- $asked
  if [ "$asked" = "$worked" ] && [ "$asked" = "$stubs" ] && [ "$asked" = "$hashed" ] && [ $# -ge 3 ] && [ $# -le 5 ]; then
    ok "course: $name, exercises"
  else
    not_ok "course: $name, exercises" "asked $asked, worked $worked, stubs $stubs, hashes $hashed"
  fi
  for e in $worked; do # a number three units off in its last place, a word with another letter
    awk -v e="$e" '$1 == e { v = $3; d = index(v, ".") ? length(v) - index(v, ".") : 0
      $3 = v ~ /^-?[0-9.]+$/ ? sprintf("%." d "f", v + 3 / 10 ^ d) : v "x" } { print }' "$C/worked/$number.txt" >"$TMP/wrong.txt"
    checks "course: $name, a wrong $e" 1 "$chapter" "$TMP/wrong.txt"
  done
done
size=$(cat "$C"/*.tar.gz "$C/boat.jpg" | wc -c)
[ "$size" -le 100000 ] && ok "course: its files are small" || not_ok "course: its files are small" "$size bytes"
exit $failed
