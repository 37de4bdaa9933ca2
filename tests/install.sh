#!/bin/sh
# What packagers do: install below DESTDIR, take it away again, make a source archive, build that without git in another
# folder. BUILD names a finished build of this very commit; ends with "N passed, N failed".
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
check() { # NAME COMMAND...
  name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok install: $name"
  else
    failed=$((failed + 1))
    echo "not ok install: $name: $(tail -n 5 "$work/log")"
  fi
}
files() { (cd "$work/root" && find . ! -type d | sed 's|^\./||' | sort); }
# The list in tools/README.md is what packagers read.
documented() { sed -n '/^```installed/,/^```/p' tools/README.md | grep -v '^```' | sort; }
listed() { # the miniatures are one line there
  files | sed 's|^usr/share/assay/miniature/.*|usr/share/assay/miniature/*.safetensors|' | sort -u >"$work/found"
  documented | grep -vxF "$([ -d weights/miniature ] || echo 'usr/share/assay/miniature/*.safetensors')" >"$work/wanted"
  diff "$work/wanted" "$work/found"
}
nothing() { [ -z "$(files)" ]; }
installs() { make -s BUILD="$BUILD" DESTDIR="$work/root" PREFIX=/usr "$@"; }
cross() { # texts of a cross build come from a binary of this machine
  make -n BUILD="$work/cross" CC=aarch64-linux-gnu-gcc OMP= install >"$work/steps" 2>&1 || return 1
  grep -q "^$work/cross/host/assay info --man" "$work/steps" && ! grep -q "^$work/cross/assay " "$work/steps"
}
archive() {
  make -s BUILD="$work/dist" dist && (cd "$work/dist" && sha256sum -c ./*.sha256) &&
    (cd "$work" && tar xzf dist/assay-*.tar.gz && mv assay-*/ unpacked)
}
twin() { # the same bytes from another folder, without git
  (cd "$work/unpacked" && make -s BUILD=build) && cmp "$work/unpacked/build/assay" "$BUILD/assay"
}
manual() { mandoc -T lint -W warning "$work/root/usr/share/man/man1/assay.1"; }

check "make install" installs install
check "exactly the files that tools/README.md lists" listed
if command -v mandoc >/dev/null; then check "mandoc has nothing to say" manual; fi
suite=$(CC=${CC:-cc} sh tests/api/run.sh "$work/root/usr")
echo "$suite" | sed '$d'
passed=$((passed + $(echo "$suite" | grep -c '^ok '))) failed=$((failed + $(echo "$suite" | grep -c '^not ok ')))
check "make uninstall" installs uninstall
check "nothing is left" nothing
if command -v aarch64-linux-gnu-gcc >/dev/null; then check "a cross build runs nothing of its own" cross; fi
if [ -e .git ] && git diff --quiet HEAD; then
  check "make dist" archive
  check "the archive's binary is the clone's, byte for byte" twin
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
