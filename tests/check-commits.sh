#!/bin/sh
# Commit messages after the commit named here, the last one before the rule: a subject of at most 72 characters and a body
# that says why.
since=650dd470bd2a
cd "$(dirname "$0")/.." || exit 1
git rev-parse -q --verify "$since^{commit}" >/dev/null 2>&1 || { echo "commits: skip: no history here"; exit 0; }
bad=0
for c in $(git rev-list "$since..HEAD"); do
  subject=$(git log -1 --format=%s "$c")
  [ ${#subject} -le 72 ] || { echo "$c: the subject has ${#subject} characters, wanted at most 72: $subject"; bad=1; }
  [ -n "$(git log -1 --format=%b "$c" | tr -d ' \n')" ] || { echo "$c: no body that says why: $subject"; bad=1; }
done
[ $bad -eq 0 ] && echo "commits: ok"
exit $bad
