#!/bin/sh
# Follows README.md as a newcomer would: in a fresh clone, with nothing but what the README itself installs, every
# command as shown. Ends with "N passed, N failed, N skipped", the counts of `make test` among them.
#
#   sh tests/readme.sh [FOLDER]      FOLDER: where the clone goes (default: a temporary one, removed at the end)
#
# In README.md, a block ```sh holds commands, one a line; a line may end in a backslash, and a comment with "exit code N"
# says what to expect instead of 0. A block "```sh data" needs data that is not part of the project and is not run; any
# other block holds no command. Each line of a block ```text must have been printed by then. Commands in the running
# text (`assay ...`, `make ...`) are run after all blocks, unless a word in capitals stands for something in them.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
LC_ALL=C.UTF-8
export LC_ALL
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
clone=${1:-$work/assay}
if [ -e "$here/.git" ]; then
  git clone -q "$here" "$clone" || exit 1
else
  cp -r "$here" "$clone" && rm -rf "$clone/build" || exit 1
fi
mkdir -p "$work/home" || exit 1
HOME=$work/home
PATH=$HOME/.local/bin:$PATH
export HOME PATH
unset ASSAY ASSAY_TESTS BUILD MAKEFLAGS
passed=0 failed=0 skipped=0

# "run COMMAND", "data COMMAND", "text LINE" or "stray LINE" for each line that matters, then the inline commands.
awk '
  /^```/ && !inside { inside = 1; kind = substr($0, 4); next }
  /^```/ { inside = 0; next }
  inside && kind ~ /^sh/ {
    line = line $0
    if (sub(/\\$/, "", line)) next
    if (line ~ /[^ ]/) print (kind == "sh" ? "run " : "data ") line
    line = ""
    next
  }
  inside && kind == "text" { if ($0 ~ /[^ ]/) print "text " $0; next }
  inside && /^(\$ )?(assay|make|cc) / { print "stray " $0; next }
  inside { next }
  /^    (\$ )?(assay|make|cc) / { print "stray " $0 }
  { prose = prose " " $0 }
  END {
    while (match(prose, /`(assay|make) [^`]*`/)) {
      command = substr(prose, RSTART + 1, RLENGTH - 2)
      prose = substr(prose, RSTART + RLENGTH)
      if (!((" " command) in seen) && command !~ /[A-Z][A-Z]|\.\.\./ && command !~ /^make check-bits$/) print "inline " command
      seen[" " command] = 1
    }
  }' "$clone/README.md" >"$work/list"
grep '^inline ' "$work/list" | while read -r _ command; do
  grep -qF "run $command" "$work/list" || echo "run $command"
done >"$work/inline"
cat "$work/inline" >>"$work/list"
: >"$work/seen"

not_ok() {
  failed=$((failed + 1))
  echo "not ok readme: $1: $2"
}
while read -r kind command; do
  case $kind in
    run)
      want=$(echo "$command" | sed -n 's/.*#.*exit code \([0-9]*\).*/\1/p')
      start=$(date +%s)
      (cd "$clone" && sh -c "$command") >"$work/out" 2>"$work/err" </dev/null
      code=$?
      cat "$work/out" >>"$work/seen"
      counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$work/out" | tail -n 1)
      if [ -n "$counts" ]; then
        # shellcheck disable=SC2046
        set -- $(echo "$counts" | tr -dc '0-9 ')
        passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + ${3:-0}))
        grep '^FAIL\|^not ok' "$work/out"
      fi
      if [ $code -eq "${want:-0}" ]; then
        passed=$((passed + 1))
        echo "ok readme: $command ($(($(date +%s) - start)) s)"
      else
        not_ok "$command" "exit code $code, wanted ${want:-0}: $(tail -n 5 "$work/err")"
      fi
      ;;
    text)
      if grep -qxF -- "$command" "$work/seen"; then passed=$((passed + 1)); else not_ok "prints" "$command"; fi
      ;;
    data)
      skipped=$((skipped + 1))
      echo "skip readme: $command"
      ;;
    stray) not_ok "a command outside a block of commands" "$command" ;;
  esac
done <"$work/list"
for linked in $(grep -oE '\]\([^)#]*' "$clone/README.md" | sed 's/^](//' | grep -v '^http' | sort -u); do
  if [ -e "$clone/$linked" ]; then passed=$((passed + 1)); else not_ok "links to" "$linked"; fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
