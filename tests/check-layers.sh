#!/bin/sh
# Fails on any #include that leaves the table of rooms, on a file base name that stands twice, on
# OpenMP pragmas outside tensor/base/par.c, and on a private header used from another folder.
bad=0
allowed() { # room -> rooms it may include
  case $1 in
    tensor/base) echo "tensor/base" ;;
    tensor) echo "tensor tensor/base" ;;
    nn) echo "nn tensor tensor/base" ;;
    models) echo "models nn tensor tensor/base" ;;
    weights) echo "weights tensor/base" ;;
    data) echo "data tensor/base" ;;
    eval) echo "eval models nn tensor tensor/base weights data" ;;
    tools) echo "tools eval models nn tensor tensor/base weights data" ;;
    tests) echo "tests tools eval models nn tensor tensor/base weights data" ;;
    *) echo "" ;;
  esac
}
room_of() {
  case $1 in
    tensor/base/*) echo tensor/base ;;
    */*) echo "${1%%/*}" ;;
    *) echo "?" ;;
  esac
}
files=$(find tensor nn models weights data eval tools tests -name '*.[ch]' | sort)
for f in $files; do
  room=$(room_of "$f")
  may=$(allowed "$room")
  for inc in $(sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$f"); do
    to=$(room_of "$inc")
    case " $may " in
      *" $to "*) ;;
      *)
        echo "$f: includes \"$inc\": room $room may include: $may"
        bad=1
        ;;
    esac
    case $inc in
      *_int.h)
        if [ "$(dirname "$inc")" != "$(dirname "$f")" ] && [ "$room" != tests ]; then
          echo "$f: includes \"$inc\", which is private to $(dirname "$inc")"
          bad=1
        fi
        ;;
    esac
    [ -f "$inc" ] || {
      echo "$f: includes \"$inc\", which is no file"
      bad=1
    }
  done
done
for name in $(for f in $files; do basename "$f"; done | sort | uniq -d); do
  echo "$name: this file name stands more than once"
  bad=1
done
pragmas=$(grep -l '#pragma omp' $files | grep -v '^tensor/base/par.c$')
if [ -n "$pragmas" ]; then
  echo "OpenMP pragmas outside tensor/base/par.c: $pragmas"
  bad=1
fi
[ $bad -eq 0 ] && echo "layers: ok"
exit $bad
