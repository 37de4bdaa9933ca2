#!/bin/sh
# make course: lists the chapters, with how many exercises are right so far. make course CHAPTER=4: checks tests/course/mine/04.txt.
# The reader's folder, tests/course/mine, is made from the inputs and the stubs when it is not there; nothing in it is
# ever replaced.
#
#   sh tests/course/course.sh [CHAPTER]
#   sh tests/course/course.sh hashes      writes tests/course/hashes from the worked answers
BUILD=${BUILD:-build}
here=$(dirname "$0")
case $1 in
  hashes)
    for f in "$here"/worked/*.txt; do
      n=${f##*/} n=${n%.txt}
      "$BUILD/course-check" "${n#0}" "$f" || exit 1
    done >"$here/hashes"
    exit 0
    ;;
  '' | [1-9] | 1[01]) ;;
  *) echo "course: found chapter '$1', wanted 1 to 11" >&2; exit 2 ;;
esac
mkdir -p "$here/mine" || exit 4
for f in "$here"/*.tar.gz "$here/boat.jpg" "$here"/*.plan "$here/paper.csv" "$here"/stubs/*.txt; do
  [ -e "$here/mine/${f##*/}" ] || cp "$f" "$here/mine" || exit 4
done
if [ -n "$1" ]; then
  n=$(printf %02d "$1")
  echo "chapter $1, your answers in $here/mine/$n.txt:"
  "$BUILD/course-check" "$1" "$here/mine/$n.txt" "$here/hashes"
  exit
fi
for f in "$here"/[01][0-9]-*.md; do
  n=${f##*/} n=${n%%-*}
  so_far=$("$BUILD/course-check" "${n#0}" "$here/mine/$n.txt" "$here/hashes" | tail -n 1)
  printf '%-44s %s\n' "$(sed -n '1s/^# *//p' "$f")" "${f#"$here/"}:$so_far"
done
echo "Read in $here. Work in $here/mine, where the images and the files for your answers are:"
echo "  cd $here/mine && PATH=\$(cd ../../../$BUILD && pwd):\$PATH"
echo "make course CHAPTER=1 checks what you wrote into 01.txt."
