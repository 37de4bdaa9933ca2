#!/bin/sh
# Breaks the kernels one line at a time and sees that test_kernels, test_kernels_train or test_bf16 notices: a harness
# that cannot fail proves nothing. Works on a copy; prints one line per mutation; exit 1 if one went unnoticed.
# Usage: tests/mutate-kernels.sh [work folder]      (an x86-64 CPU with AVX-512, a few minutes)
set -u
work=${1:-$(mktemp -d)}
mkdir -p "$work" && cp -r Makefile tensor tests "$work" && cd "$work" || exit 4
missed=0 count=0
test=test_kernels
build() { make -s -j2 CFLAGS=-O1 BUILD=b ROOMS='tensor/base tensor' "b/t/$test" >build.log 2>&1; }
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
  elif timeout 300 "b/t/$test" >test.log 2>&1; then # one that never ends is noticed, too
    echo "MISSED  $1: $2"
    missed=$((missed + 1))
  else
    echo "caught  $1: $2  ($(grep -m1 -o '[a-z_]*[0-9]*\.[ch]:[0-9]*: .*' test.log | cut -c1-70))"
  fi
  cp saved "$1"
}
for test in test_bf16 test_kernels_train test_kernels; do
  build && "b/t/$test" >test.log 2>&1 || { cat build.log test.log; exit 4; }
done

g5=tensor/kern/avx512/gemm_avx512.c g2=tensor/kern/avx2/gemm_avx2.c
rows=tensor/kern/wide/rows_wide.h wino=tensor/kern/wide/wino_wide.h
# tails: one column too many, one too few, a plain store where a masked one belongs
try $g5 's/n >= 16 ? 0xffff : (1u << n) - 1)/n >= 15 ? 0xffff : (1u << n) - 1)/'
try $g5 's/(1u << (n - 16)) - 1 : 0/(1u << (n - 17)) - 1 : 0/'
try $g5 's/if (WIDE \&\& n == 32)/if (WIDE \&\& n >= 31)/'
try $g5 's/_mm512_maskz_loadu_ps(ml, r + i \* ldr)/_mm512_loadu_ps(r + i * ldr)/'
try $g2 's/if (g->n >= col + 16)/if (g->n >= col + 15)/'
# indices and bounds of the chain
try $g5 's/for (; k >= 2; k -= 2)/for (; k >= 1; k -= 2)/'
try $g5 's/for (; k > 0; k--)/for (; k > 1; k--)/'
try $g5 's/#define ADDR7 p6\[lda + at\]/#define ADDR7 p6[lda + at + (at == 1)]/'
try $g5 's/g->b + g->b_off\[s\]/g->b + g->b_off[0]/'
try tensor/kern/avx512/pair_avx512.c 's/if (k) STEP(0)/if (k > 1) STEP(0)/'
try tensor/kern/avx512/pair_avx512.c 's/y = x + g->k \* AS_NR/y = x + AS_NR/'
try $g2 's/a3 = a2 + lda/a3 = a1 + lda/'
try $g2 's/(size_t)i < g->k - whole/(size_t)i + 1 < g->k - whole/'
try $g2 's/i += 8, b += 8 \* AS_NR/i += 8, b += 7 * AS_NR/'
try $g2 's/STEP(6) STEP(7)/STEP(6) STEP(6)/'
# order, rounding, signs
try $g5 's/_mm512_add_ps(l##i, zero)/l##i/'
try $g5 's/__asm__("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b))/acc = _mm512_add_ps(_mm512_mul_ps(a, b), acc)/'
try $g5 's/_mm512_max_ps(zero, l##i)/_mm512_max_ps(l##i, zero)/'
try $rows 's/if (i < n) v16_storen(out + i, n - i, v16_add/if (i < n) v16_store(out + i, v16_add/'
try $rows 's/v16_keepn(e, c - i, v16_set1(0.0f))/e/'
try $rows 's/v16_set1(-66.0f)/v16_set1(-166.0f)/'
try $rows 's/a1 = v16_min(a1, x), b1/b1/'
try $rows 's/e.a), e.b), e.c), e.d)/e.b), e.a), e.c), e.d)/'
try $rows 's/AS_WIDE_WINDOW(maxwin, FIRST, v16_maxnan, SAME)/AS_WIDE_WINDOW(maxwin, FIRST, v16_max, SAME)/'
try $rows 's/const v16 d = v16_keepn(v16_sub(v16_loadn(in + whole, rest), mean), rest, v16_set1(0.0f));/const v16 d = v16_sub(v16_loadn(in + whole, rest), mean);/'
try tensor/kern/avx2/lanes_avx2.h 's/_mm256_srai_epi32(i, 1)/_mm256_srai_epi32(i, 0)/'
try tensor/kern/avx2/lanes_avx2.h 's/maskstore_ps(p + 8, first_n(n, 8), x.h)/storeu_ps(p + 8, x.h)/'
try $wino 's/x >= w->x1) return/x > w->x1) return/'
try $wino 's/v16_add(v16_add(m0, s), s2)/v16_add(m0, v16_add(s, s2))/'
try $wino 's/if (x < w->w)/if (x <= w->w)/'
try tensor/kern/avx2/pack_avx2.c 's/for (size_t j = n; j < AS_NR; j++)/for (size_t j = n + 1; j < AS_NR; j++)/'
try tensor/kern/softfma.h 's/== 0x10000000 || exponent < 1023 - 126/== 0x20000000 || exponent < 1023 - 126/'
try tensor/kern/softfma.h 's/ || exponent < 1023 - 126//'
# training, and the sums in double: tails, fused steps, what is left out
test=test_kernels_train tr=tensor/kern/wide/train_wide.h gt=tensor/kern/wide/gemmt_wide.h dg=tensor/kern/wide/dgemm_wide.h
try $dg 's/i + r < m - 1 ? i + r : m - 1/i + r < m - 2 ? i + r : m - 1/'
try $dg 's/define AT(n) (to\[n \/ DPER_ROW\] + n % DPER_ROW \* DLANES)/define AT(n) (to[n \/ DPER_ROW] + n % 1 * DLANES)/'
try $dg 's/for (size_t l = 0; l < k; l++)/for (size_t l = 0; l + 1 < k; l++)/'
try $tr 's/return v16_fma(d, d, acc);/return v16_add(v16_mul(d, d), acc);/'
try $tr 's/j + 64 <= c; j += 64/j + 63 <= c; j += 64/'
try $tr 's/v16_fma(xh, gamma, beta)/v16_add(v16_mul(xh, gamma), beta)/'
try $tr 's/^    v16_put(dy, n, g);//'
try $tr 's/v16_fma(v16_neg(xh), meanx, v16_sub(g, meang))/v16_fma(xh, meanx, v16_sub(g, meang))/'
try $tr 's/  if (RELU) g = wide_zeroed/  if (0) g = wide_zeroed/'
try $tr 's/} else if (RELU) {/} else if (0) {/'
try $tr 's/g = wide_zeroed(v16_fma(xh, c->gamma, c->beta), g);/g = wide_zeroed(v16_add(v16_mul(xh, c->gamma), c->beta), g);/'
try $tr 's/v16_fma(v, pdf, cdf)/v16_add(v16_mul(v, pdf), cdf)/'
try $tr 's/if (i < (n)) STEP(i, (n)-i)/if (i + 1 < (n)) STEP(i, (n)-i)/'
try $tr 's/norm < 1e-12f ? 1e-12f : norm/norm/'
try $tr 's/v16_keepn(v16_sub(v16_get(a->x + (i), k), mean), k, zero)/v16_sub(v16_get(a->x + (i), k), mean)/'
try $tr 's/a->nesterov ? v16_fma(mu, b, d) : b/b/'
try $tr 's/v16_mul(v16_mul(c2, g), g)/v16_mul(c2, v16_mul(g, g))/'
try $tr 's/v16_fma(vm, v16_get(t + (i), k), v16_mul(vc, v16_get(o + (i), k)))/v16_fma(vc, v16_get(o + (i), k), v16_mul(vm, v16_get(t + (i), k)))/'
try $gt 's/b += g->ldb/b += AS_NR/'
try tensor/kern/avx512/gemmt_avx512.c 's/b += ldb/b += AS_NR/'
try tensor/kern/avx512/gemmt_avx512.c 's/a += lda, /a += NEAR, /'
try $gt 's/if (R > 3) v16_store(c + 3 \* AS_NR, x3)/if (R > 4) v16_store(c + 3 * AS_NR, x3)/'
# bf16: order within a pair, flushing, rounding, tails
test=test_bf16 w16=tensor/kern/wide/gemm16_wide.h r5=tensor/kern/avx512/bf16_avx512.c r2=tensor/kern/avx2/bf16_avx2.c
try $w16 's/l = v16_fma(xe, ble, v16_fma(xo, blo, l))/l = v16_fma(xo, blo, v16_fma(xe, ble, l))/'
try $w16 's/csr | FLUSH | ZERO_DENORMALS/csr | FLUSH/'
try $w16 's/csr | FLUSH | ZERO_DENORMALS/csr | ZERO_DENORMALS/'
try $w16 's/    _mm_setcsr(csr);//'
try $w16 's/i + 1 < g->m ? 1 : 0/1/'
try $r5 's/set1_epi32(0x00800000)), hi/set1_epi32(0x00400000)), hi/'
try $r5 's/_mm512_set1_epi32(0x7fff)), _mm512_and/_mm512_set1_epi32(0x8000)), _mm512_and/'
try $r5 's/n - i < 16 ? (1u << (n - i)) - 1/n - i < 15 ? (1u << (n - i)) - 1/'
try $r5 's/i + 32 <= n/i + 31 <= n/'
try $r2 's/r = _mm256_blendv_epi8(r, _mm256_and/r = _mm256_blendv_epi8(hi, _mm256_and/'
try $r2 's/, 0xd8)/, 0xe4)/'
try tensor/kern/ref/bf16_ref.h 's/0x1.ffffffp-127/0x1p-126/g'
try tensor/kern/ref/bf16_ref.h 's/as_bf16_zero_denormal(acc);/acc;/'
try tensor/kern/ref/bf16_ref.c 's/odd = 2; odd-- > 0;/odd = 0; odd < 2; odd++/'
echo "$count mutations, $missed missed"
[ "$missed" = 0 ]
