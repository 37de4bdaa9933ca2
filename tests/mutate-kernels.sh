#!/bin/sh
# Breaks the kernels one line at a time and sees that test_kernels notices: a harness that cannot fail
# proves nothing. Works on a copy; prints one line per mutation; exit 1 if one went unnoticed.
# Usage: tests/mutate-kernels.sh [work folder]      (an x86-64 CPU with AVX-512, a few minutes)
set -u
work=${1:-$(mktemp -d)}
mkdir -p "$work" && cp -r Makefile tensor tests "$work" && cd "$work" || exit 4
missed=0 count=0
build() { make -s -j2 CFLAGS=-O1 BUILD=b ROOMS='tensor/base tensor' b/t/test_kernels >build.log 2>&1; }
# try FILE 's/from/to/' : the change must alter the file, build, and make the test fail
try() {
  count=$((count + 1))
  cp "$1" saved
  sed "$2" saved >"$1"
  if cmp -s saved "$1"; then
    echo "MISSED  $1: $2 changes nothing"
    missed=$((missed + 1))
  elif ! build; then
    echo "MISSED  $1: $2 does not build"
    missed=$((missed + 1))
  elif b/t/test_kernels >test.log 2>&1; then
    echo "MISSED  $1: $2"
    missed=$((missed + 1))
  else
    echo "caught  $1: $2  ($(grep -m1 -o 'test_kernels.c:[0-9]*: .*' test.log | cut -c1-70))"
  fi
  cp saved "$1"
}
build && b/t/test_kernels >test.log 2>&1 || { cat build.log test.log; exit 4; }

g5=tensor/kern/avx512/gemm_avx512.c g2=tensor/kern/avx2/gemm_avx2.c
rows=tensor/kern/wide/rows_wide.h wino=tensor/kern/wide/wino_wide.h
# tails: one column too many, one too few, a plain store where a masked one belongs
try $g5 's/n >= 16 ? 0xffff : (1u << n) - 1)/n >= 15 ? 0xffff : (1u << n) - 1)/'
try $g5 's/(1u << (n - 16)) - 1 : 0/(1u << (n - 17)) - 1 : 0/'
try $g5 's/if (WIDE \&\& n == 32)/if (WIDE \&\& n >= 31)/'
try $g5 's/_mm512_maskz_loadu_ps(ml, r + i \* ldr)/_mm512_loadu_ps(r + i * ldr)/'
try $g2 's/if (g->n >= col + 16)/if (g->n >= col + 15)/'
# indices and bounds of the chain
try $g5 's/for (; k >= 4; k -= 4)/for (; k >= 3; k -= 4)/'
try $g5 's/for (; k > 0; k--)/for (; k > 1; k--)/'
try $g5 's/#define ADDR7 p6\[lda + at\]/#define ADDR7 p6[lda + at + (at == 3)]/'
try $g5 's/g->b + g->b_off\[s\]/g->b + g->b_off[0]/'
try $g2 's/p3 = p0 + 3 \* lda/p3 = p0 + 2 * lda/'
# order, rounding, signs
try $g5 's/_mm512_add_ps(l##i, zero)/l##i/'
try $g5 's/l##i = _mm512_fmadd_ps(av, bl, l##i)/l##i = _mm512_add_ps(_mm512_mul_ps(av, bl), l##i)/'
try $g5 's/_mm512_max_ps(zero, l##i)/_mm512_max_ps(l##i, zero)/'
try $rows 's/if (i < n) v16_storen(out + i, n - i, v16_add/if (i < n) v16_store(out + i, v16_add/'
try $rows 's/v16_keepn(e, rest, v16_set1(0.0f))/e/'
try $rows 's/AS_WIDE_WINDOW(maxwin, FIRST, v16_maxnan, SAME)/AS_WIDE_WINDOW(maxwin, FIRST, v16_max, SAME)/'
try $rows 's/const v16 d = v16_keepn(v16_sub(v16_loadn(in + whole, rest), mean), rest, v16_set1(0.0f));/const v16 d = v16_sub(v16_loadn(in + whole, rest), mean);/'
try tensor/kern/avx2/lanes_avx2.h 's/_mm256_srai_epi32(i, 1)/_mm256_srai_epi32(i, 0)/'
try tensor/kern/avx2/lanes_avx2.h 's/maskstore_ps(p + 8, first_n(n, 8), x.h)/storeu_ps(p + 8, x.h)/'
try $wino 's/x >= w->x1) return/x > w->x1) return/'
try $wino 's/v16_add(v16_add(m0, s), s2)/v16_add(m0, v16_add(s, s2))/'
try $wino 's/if (x < w->w)/if (x <= w->w)/'
try tensor/kern/avx2/pack_avx2.c 's/for (size_t j = n; j < AS_NR; j++)/for (size_t j = n + 1; j < AS_NR; j++)/'
try tensor/kern/portable/softfma.h 's/== 0x10000000 || exponent < 1023 - 126/== 0x20000000 || exponent < 1023 - 126/'
try tensor/kern/portable/softfma.h 's/ || exponent < 1023 - 126//'
echo "$count mutations, $missed missed"
[ "$missed" = 0 ]
