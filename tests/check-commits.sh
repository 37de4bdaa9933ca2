#!/bin/sh
# Commit messages, from the commit that brought this file on: a subject of at most 72 characters and a body that says
# why.
cd "$(dirname "$0")/.." || exit 1
first=$(git log --diff-filter=A --format=%H -- tests/check-commits.sh 2>/dev/null | tail -n 1)
[ -n "$first" ] || { echo "commits: skip: no history here"; exit 0; }
bad=0
for c in $(git rev-list "$first^..HEAD"); do
  subject=$(git log -1 --format=%s "$c")
  [ ${#subject} -le 72 ] || { echo "$c: the subject has ${#subject} characters, wanted at most 72: $subject"; bad=1; }
  [ -n "$(git log -1 --format=%b "$c" | tr -d ' \n')" ] || { echo "$c: no body that says why: $subject"; bad=1; }
done
[ $bad -eq 0 ] && echo "commits: ok"
exit $bad
