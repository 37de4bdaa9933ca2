#!/bin/sh
# tests/check-house.sh and tests/count-lines.sh on a small house with one fault of each kind, and without.
. "${ASSAY_TESTS:-tests}/cli/common.inc"
TESTS=$(cd "${ASSAY_TESTS:-tests}" && pwd)
H=$TMP/house
CC=${CC:-cc}
if ! command -v nm >/dev/null 2>&1 || ! command -v "${CC%% *}" >/dev/null 2>&1; then
  skip "house" "no nm or no C compiler"
  exit 0
fi

# fresh: a house of two rooms that keeps every rule
fresh() {
  rm -rf "$H"
  mkdir -p "$H/nn" "$H/tensor" "$H/build" || exit 1
  cp "$TESTS/../.clang-format" "$H/"
  printf '# Rules\n\n1. One.\n2. Two.\n' >"$H/tensor/NUMERICS.md"
  printf '/* A number. */\n#ifndef A_H\n#define A_H\nint as_a(int x);\n#endif\n' >"$H/tensor/a.h"
  printf '/* See a.h and rule 2. */\n#include "tensor/a.h"\n\nint as_a(int x) {\n  return x + 1;\n}\n' >"$H/tensor/a.c"
  printf '#include "tensor/a.h"\n\nint main(void) {\n  return as_a(1);\n}\n' >"$H/nn/b.c"
}
# check RULE: compiles the house and runs the rule; output in $TMP/out, status in $code
check() {
  (
    cd "$H" && for c in */*.c; do
      mkdir -p "build/o/$(dirname "$c")"
      $CC -c -I. "$c" -o "build/o/${c%.c}.o" || exit 1
    done
    rm -f build/libassay.a
    ar rcs build/libassay.a build/o/tensor/*.o
    BUILD=build sh "$TESTS/check-house.sh" "$@"
  ) >"$TMP/out" 2>"$TMP/err"
  code=$?
}
# finds NAME RULE TEXT: the rule is broken and says so
finds() {
  check "$2"
  if [ $code -eq 1 ] && grep -qF -- "$3" "$TMP/out"; then
    ok "house: $1"
  else
    not_ok "house: $1" "status $code: $(cat "$TMP/out" "$TMP/err" | head -c 300)"
  fi
  fresh
}
# repeat N: that many lines
repeat() { awk -v n="$1" -v line="$2" 'BEGIN { while (n-- > 0) print line }'; }

fresh
check
[ $code -eq 0 ] && ok "house: one that keeps the rules" || not_ok "house: one that keeps the rules" "$(cat "$TMP/out" "$TMP/err")"
check nonsense
[ $code -eq 2 ] && ok "house: a rule that does not exist" || not_ok "house: a rule that does not exist" "status $code"

printf 'int as_b(int x);\nint as_a(int x);\nint as_b(int x) {\n  return as_a(x);\n}\n' >"$H/nn/c.c"
printf 'int as_b(int x);\nint as_a(int x);\nint as_a(int x) {\n  return x ? as_b(x - 1) : 0;\n}\n' >"$H/tensor/a.c"
finds "two folders that call each other" calls "call circle of 2 files in different folders"
for p in c:d d:e e:c; do
  printf 'int as_%s(int x);\nint as_%s(int x);\nint as_%s(int x) {\n  return x ? as_%s(x - 1) : 0;\n}\n' "${p#*:}" "${p%:*}" "${p%:*}" "${p#*:}" >"$H/nn/${p%:*}.c"
done
finds "three files of one folder that call in a ring" calls "call circle of 3 files:"
printf '#include "nn/f.h"\n' >"$H/tensor/e.h"
printf '#include "tensor/e.h"\n' >"$H/nn/f.h"
finds "headers of two folders that include each other" includes "include circle of 2 files in different folders"
printf 'int stray(void);\nint stray(void) {\n  return 1;\n}\n' >"$H/tensor/c.c"
finds "a symbol without as_" symbols "exports stray"
repeat 501 "" >"$H/nn/c.h"
finds "a file of 501 lines" sizes "nn/c.h: 501 lines, wanted at most 500"
{ echo "int as_a(int x) {"; repeat 80 "  x++;"; printf '  return x;\n}\n'; } >"$H/tensor/a.c"
finds "a function of 83 lines" sizes "tensor/a.c:1: as_a has 83 lines"
{ printf '/* Long because it is a test. */\n'; echo "int as_a(int x) {"; repeat 80 "  x++;"; printf '  return x;\n}\n'; } >"$H/tensor/a.c"
check sizes
[ $code -eq 0 ] && ok "house: a function that says why it is long" || not_ok "house: a function that says why it is long" "$(cat "$TMP/out")"
fresh
printf 'int as_n(int a, int b, int c, int d, int e,\n         int f, int g, int h, int (*i)(int, int));\n' >"$H/nn/n.h"
finds "a function with nine parameters" sizes "nn/n.h: as_n has 9 parameters, wanted at most 8"
printf 'typedef struct as_x {\n  int a;\n} as_x;\n' >"$H/nn/x.h"
printf 'typedef enum as_x { AS_ONE } as_x;\n' >"$H/tensor/x.h"
finds "two types of one name" types "as_x names 2 types"
for p in c d e; do printf 'static int put(int x) {\n  return x;\n}\n\nint as_%s(void);\nint as_%s(void) {\n  return put(1);\n}\n' $p $p >"$H/nn/$p.c"; done
finds "three helpers of one name" names "put names 3 functions"
printf 'int as_c(void);\nint as_c(void) {\n  return 1;\n}\n' >"$H/nn/c.c"
finds "an export that nobody uses" exports "nn/c.c: as_c is used in no other file"
printf '/* See rule 3. */\n' >"$H/nn/c.h"
finds "a rule that does not exist" citations "nn/c.h:1: cites rule 3"
printf '/* See nn/gone.h. */\n' >"$H/nn/c.h"
finds "a comment that names a file that does not exist" citations "nn/c.h:1: names nn/gone.h"
printf '# Room\n\nRead gone.c first.\n' >"$H/nn/README.md"
finds "a README that names a file that does not exist" citations "nn/README.md:3: names gone.c"
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
  printf 'int as_a( int x );\n' >"$H/tensor/a.h"
  finds "another format" format "tensor/a.h: clang-format would change"
else
  skip "house: another format" "no clang-format 14"
fi

# Two lines of code in the header; a comment at the end of a line does not count, one of its own does; strings are no comments.
printf '/* One\n   two. */\n\nint b; /* three */\nconst char *u = "/* no */"; // four\n' >"$H/nn/b.h"
printf '/* Generated by a script. */\nint c;\n' >"$H/nn/c_data.c"
(cd "$H" && sh "$TESTS/count-lines.sh") >"$TMP/out" 2>"$TMP/err"
grep -qE '^nn +2 +6 +2 ' "$TMP/out" && grep -qE '^source, all +4 +14 +4 ' "$TMP/out" && ok "house: lines are counted" ||
  not_ok "house: lines are counted" "$(cat "$TMP/out" "$TMP/err")"
exit $failed
