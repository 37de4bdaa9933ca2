#!/bin/sh
# The house plan as a test. Fails on an #include that leaves the table of rooms below, on a file base name
# that occurs twice, on OpenMP pragmas outside tensor/base/par.c, and on a private header (*_int.h) used from
# another folder.
bad=0

# A folder, and the folders that its files may include from; its own is understood. A name that ends in a slash
# stands for all folders below it. Only what stands higher up in the table may be included from, so that there is no
# circle of rooms. Folders that are not in the table may not hold C files.
table='
tensor/base
tensor/base/hash       tensor/base
tensor/base/math       tensor/base tensor/base/hash
tensor/base/pack       tensor/base tensor/base/hash
tensor/kern            tensor/base
tensor/kern/ref        tensor/kern
tensor/kern/portable   tensor/kern tensor/kern/ref
tensor/kern/wide       tensor/kern
tensor/kern/avx2       tensor/kern tensor/kern/ref tensor/kern/wide
tensor/kern/avx512     tensor/kern tensor/kern/ref tensor/kern/wide
tensor/kern/neon       tensor/kern tensor/kern/wide
tensor                 tensor/kern tensor/kern/ref tensor/base/
tensor/train           tensor tensor/kern tensor/base/
nn                     tensor tensor/kern tensor/base/
nn/train               nn tensor tensor/kern tensor/train tensor/base/
models                 nn nn/train tensor tensor/kern tensor/train tensor/base/
models/ssl             models nn nn/train tensor tensor/kern tensor/train tensor/base/
weights/pickle         tensor/base/
weights/containers     weights/pickle tensor/base/
weights/recipe         weights/containers tensor/base/
weights                weights/ tensor/base/
data/image             tensor/base/
data/archive           tensor/base/
data/sets              data/image data/archive tensor/base/
data/augment           data/image tensor/base/
data/world             data/image tensor/base/
eval/stats             tensor/base/
eval/report            eval/stats tensor/base/
eval/features          models nn tensor tensor/base/ weights/ data/
eval/learn             eval/features eval/stats tensor tensor/kern tensor/base/ weights/ data/
eval/pretrain          eval/learn eval/features eval/report models models/ssl nn/train tensor tensor/train tensor/base/ weights/ data/
eval/run               eval/ models nn tensor tensor/base/ weights/ data/
eval
eval/door              eval eval/features eval/learn eval/run eval/stats models tensor tensor/base/ weights/ data/
tools                  eval/ models/ nn/ tensor/ weights/ data/
'
files=$(find tensor nn models weights data eval tools tests -name '*.[ch]' | sort)
defs="
$(find tensor nn models weights data eval tools -name '*.def')" # included, too
# shellcheck disable=SC2086
grep -Hn '^[ 	]*#[ 	]*include[ 	]*"' $files | awk -v table="$table" -v files="$files$defs" '
  function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
  function tests(dir) { return dir == "tests" || dir ~ /^tests\// }
  # Is the folder named in the list, or below a name that ends in a slash?
  function within(dir, list,   n, w, i) {
    n = split(list, w, " ")
    for (i = 1; i <= n; i++)
      if (w[i] == dir || (w[i] ~ /\/$/ && index(dir "/", w[i]) == 1)) return 1
    return 0
  }
  function say(text) { print text; bad = 1 }
  BEGIN {
    n = split(table, line, "\n")
    for (i = 1; i <= n; i++) {
      if (split(line[i], word, " ") == 0) continue
      place[word[1]] = ++rows
      may[word[1]] = substr(line[i], length(word[1]) + 1)
      gsub(/  +/, " ", may[word[1]])
    }
    n = split(files, file, "\n")
    for (i = 1; i <= n; i++) {
      there[file[i]] = 1
      dir = folder(file[i])
      if (!tests(dir) && !(dir in place)) say(file[i] ": the folder " dir " is not in the table of rooms")
    }
  }
  {
    match($0, /^[^:]*/)
    f = substr($0, 1, RLENGTH)
    sub(/^[^"]*"/, "")
    sub(/".*/, "")
    dir = folder(f)
    to = folder($0)
    if (!($0 in there)) say(f ": includes \"" $0 "\", which does not exist")
    if (tests(dir)) { if (to == "tests" || tests(to) || to in place) next; say(f ": includes \"" $0 "\", which is in no room"); next }
    if (dir == to || !(dir in place)) next
    if (!within(to, may[dir])) say(f ": includes \"" $0 "\": " dir " may include from:" (may[dir] ? may[dir] : " nothing"))
    else if (place[to] > place[dir]) say(f ": includes \"" $0 "\": " to " stands below " dir " in the table of rooms")
    if ($0 ~ /_int\.h$/) say(f ": includes \"" $0 "\", which is private to " to)
  }
  END { exit bad }' || bad=1
for name in $(for f in $files; do basename "$f"; done | sort | uniq -d); do
  echo "$name: this file name occurs more than once"
  bad=1
done
pragmas=$(grep -l '#pragma omp' $files | grep -v '^tensor/base/par.c$')
if [ -n "$pragmas" ]; then
  echo "OpenMP pragmas outside tensor/base/par.c: $pragmas"
  bad=1
fi
[ $bad -eq 0 ] && echo "layers: ok"
exit $bad
