#!/bin/sh
# The house plan as a test. Fails on an #include that leaves the table of rooms below, on a file base name
# that occurs twice, on OpenMP pragmas outside tensor/base/par.c, and on a private header (*_int.h) used from
# another folder.
bad=0

# A folder, and the folders that its files may include from; its own is understood. A name that ends in a slash
# stands for all folders below it. Folders that are not in the table may not hold C files.
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
eval/learn             eval/features eval/stats tensor tensor/base/ weights/ data/
eval/run               eval/ models nn tensor tensor/base/ weights/ data/
tools                  eval/ models nn tensor tensor/kern tensor/base/ weights/ data/
'
allowed() { # folder -> the right side of its line; fails where there is none
  echo "$table" | awk -v f="$1" '$1 == f { $1 = ""; print; found = 1 } END { exit !found }'
}
# FOLDER LIST: is the folder named in the list, or below a name that ends in a slash?
within() {
  for w in $2; do
    case $w in
      */) case $1/ in "$w"*) return 0 ;; esac ;;
      *) [ "$1" = "$w" ] && return 0 ;;
    esac
  done
  return 1
}

files=$(find tensor nn models weights data eval tools tests -name '*.[ch]' | sort)
for f in $files; do
  folder=$(dirname "$f")
  case $folder in
    tests | tests/*) may="tests/ tools/ eval/ models/ nn/ tensor/ weights/ data/" ;;
    *) may=$(allowed "$folder") || { echo "$f: the folder $folder is not in the table of rooms"; bad=1; continue; } ;;
  esac
  for inc in $(sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$f"); do
    to=$(dirname "$inc")
    [ "$to" = "$folder" ] || within "$to" "$may" || {
      echo "$f: includes \"$inc\": $folder may include from:${may:- nothing}"
      bad=1
    }
    case $inc in
      *_int.h)
        case $folder in
          "$to" | tests | tests/*) ;;
          *) echo "$f: includes \"$inc\", which is private to $to"; bad=1 ;;
        esac
        ;;
    esac
    [ -f "$inc" ] || { echo "$f: includes \"$inc\", which does not exist"; bad=1; }
  done
done
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
