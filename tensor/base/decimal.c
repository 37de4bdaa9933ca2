/* The shortest decimal of a double: of 1, 2, .. digits the first whose nearest decimal (halves to even) reads back as the
 * same number. `try_lengths` does just that, with printf and strtod. What comes before it finds the same digits with a few
 * products of integers, and knows when it cannot: Loitsch's idea (Printing floating-point numbers quickly and accurately
 * with integers, PLDI 2010), but for the goal, which is not any shortest decimal but that of printf.
 *
 * v = m 2^e is scaled to W = v 10^s, 17 digits before the point. 10^s is held to 128 bits; it is exact for s from 0 to 55, as
 * 5^55 < 2^128, and else good to some units of the last bit. The nearest decimal of n digits is W rounded to a multiple
 * of 10^(17 - n), and it reads back as v if it is nearer to W than half a step between doubles, which is 2^(e - 1) 10^s.
 * Both are comparisons of integers; where two sides are nearer to each other than W is known, lengths are tried.
 *
 * Decimals of 15 digits are farther apart than normal doubles, so that no two of them read as the same one: where 15 digits do,
 * they less their zeros at the end are the shortest. 17 always do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/text.h"

enum {
  DIGITS = 17, /* of W before its point */
  DOUBT =
      8192, /* units of the last bit of W that it may be wrong by: 10^-292 is some 8 squares and 8 products of
                   1/10, whose error of one unit each of them doubles */
  EXACT = 55
};

typedef struct wide {
  uint64_t hi, lo;
} wide;

static wide multiply64(uint64_t a, uint64_t b) {
  const uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
  const uint64_t low = al * bl, left = ah * bl + (low >> 32), right = al * bh + (uint32_t)left;
  return (wide){ah * bh + (left >> 32) + (right >> 32), right << 32 | (uint32_t)low};
}

static wide plus(wide a, uint64_t b) {
  return (wide){a.hi + (a.lo + b < b), a.lo + b};
}

static bool less(wide a, wide b) {
  return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo);
}

static wide minus(wide a, wide b) {
  return (wide){a.hi - b.hi - (a.lo < b.lo), a.lo - b.lo};
}

static wide distance(wide a, wide b) {
  return less(a, b) ? minus(b, a) : minus(a, b);
}

static wide half_of(wide a) {
  return (wide){a.hi >> 1, a.hi << 63 | a.lo >> 1};
}

/* x 2^e, x with its first bit set. */
typedef struct scaled {
  wide x;
  int e;
} scaled;

static scaled multiply_scaled(scaled a, scaled b) {
  const wide high = multiply64(a.x.hi, b.x.hi), one = multiply64(a.x.hi, b.x.lo),
             two = multiply64(a.x.lo, b.x.hi);
  const wide low = multiply64(a.x.lo, b.x.lo);
  wide middle = plus(plus((wide){0, one.lo}, two.lo), low.hi);
  wide x = plus(plus(plus(high, one.hi), two.hi), middle.hi);
  int e = a.e + b.e + 128;
  if (!(x.hi >> 63)) {
    x = (wide){x.hi << 1 | x.lo >> 63, x.lo << 1 | middle.lo >> 63};
    e--;
  }
  return (scaled){x, e};
}

static scaled power_of_ten(int s) {
  scaled r = {{UINT64_C(1) << 63, 0}, -127};
  scaled p = s < 0 ? (scaled){{UINT64_C(0xcccccccccccccccc), UINT64_C(0xcccccccccccccccc)}, -131}
                   : (scaled){{UINT64_C(0xa000000000000000), 0}, -124};
  for (int left = s < 0 ? -s : s;;) {
    if (left & 1) r = multiply_scaled(r, p);
    if (!(left >>= 1)) return r;
    p = multiply_scaled(p, p);
  }
}

/* W, and what is asked of it. Its unit, one of the 17th digit, is 2^(64 + shift). */
typedef struct scaled_value {
  wide w, step; /* step: half of one between doubles, from v up */
  uint64_t unit;
  uint64_t doubt;
  bool more;      /* W is exact but for a part of its last bit, which is lost */
  bool narrow;    /* v is a power of two: the step down is half of that */
  uint64_t whole; /* of W */
} scaled_value;

static scaled_value scale_value(uint64_t m, int e, int exponent) {
  const int s = DIGITS - 1 - exponent;
  const scaled p = power_of_ten(s);
  const wide high = multiply64(m << 11, p.x.hi), low = multiply64(m << 11, p.x.lo);
  const int shift = -(e - 11 + p.e) - 128; /* the product is w 2^64 + low.lo */
  scaled_value v = {.w = plus(high, low.hi), .unit = UINT64_C(1) << shift};
  v.step = (wide){p.x.hi >> 54, p.x.hi << 10 | p.x.lo >> 54};
  v.doubt = s >= 0 && s <= EXACT ? 0 : DOUBT;
  v.more = low.lo != 0;
  v.narrow = m == UINT64_C(1) << 52 && e > 1 - 1075;
  v.whole = v.w.hi >> shift;
  return v;
}

typedef enum verdict { READS_BACK, IS_ANOTHER, UNKNOWN } verdict;

/* *d: W in units of `ten`, which is 10^(17 - n), rounded. Does that read back as v? */
static verdict round_to(const scaled_value *v, uint64_t ten, uint64_t *d) {
  const uint64_t below = v->whole / ten;
  const wide unit = multiply64(v->unit, ten), floor = multiply64(v->unit, below * ten); /* in units of 2^64 */
  const wide rest = minus(v->w, (wide){floor.lo, 0}), half = half_of((wide){unit.lo, 0});
  const wide off = distance(rest, half);
  const bool middle = off.hi == 0 && off.lo <= v->doubt;
  if (middle && v->doubt) return UNKNOWN;
  const bool up = middle ? v->more || below % 2 == 1 : less(half, rest);
  *d = below + up;
  const wide error = up ? minus((wide){unit.lo, 0}, rest) : rest;
  const wide most = v->narrow && !up ? half_of(v->step) : v->step, close = distance(error, most);
  if (close.hi == 0 && close.lo <= v->doubt + 2) return UNKNOWN;
  return less(error, most) ? READS_BACK : IS_ANOTHER;
}

/* d has n digits, of which the first counts 10^exponent, and its last is not 0; as %.*g prints it with n. */
static void put_digits(char *out, uint64_t d, int n, int exponent) {
  char digit[24] = "";
  for (int i = n; i-- > 0; d /= 10) digit[i] = (char)('0' + d % 10);
  if (exponent < -4 || exponent >= n) {
    *out++ = digit[0];
    const size_t more = n > 1 ? (size_t)n - 1 : 0;
    if (more) *out++ = '.';
    memcpy(out, digit + 1, more);
    out += more;
    const int e = abs(exponent);
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    if (e >= 100) *out++ = (char)('0' + e / 100);
    *out++ = (char)('0' + e / 10 % 10);
    *out++ = (char)('0' + e % 10);
    *out = '\0';
    return;
  }
  if (exponent < 0) {
    *out++ = '0';
    *out++ = '.';
    for (int i = -1; i > exponent; i--) *out++ = '0';
    memcpy(out, digit, (size_t)n);
    out[n] = '\0';
    return;
  }
  const int before = exponent + 1;
  memcpy(out, digit, (size_t)before);
  out += before;
  if (n > before) *out++ = '.';
  memcpy(out, digit + before, (size_t)(n - before));
  out[n - before] = '\0';
}

/* False: nothing was written. */
static bool put_shortest(double v, char *out) {
  const uint64_t bits = as_f64_bits(v), m = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
  const int biased = (int)(bits >> 52 & 2047), e = biased - 1075;
  if (biased == 0 || biased == 2047) return false; /* subnormal, 0 or not finite */
  const int log2 = e + 52; /* log10(2) is 0.30103, 1233 / 4096 0.301025: off by one at most */
  int exponent = log2 >= 0 ? log2 * 1233 / 4096 : -((-log2 * 1233 + 4095) / 4096);
  const uint64_t least = UINT64_C(10000000000000000);
  scaled_value w = scale_value(m, e, exponent);
  while (w.whole >= 10 * least) w = scale_value(m, e, ++exponent);
  while (w.whole < least) w = scale_value(m, e, --exponent);
  uint64_t d = 0, ten = 100;
  verdict is = UNKNOWN;
  int n = DIGITS - 2;
  for (; n <= DIGITS; n++, ten /= 10)
    if ((is = round_to(&w, ten, &d)) != IS_ANOTHER) break;
  if (is != READS_BACK) return false;
  while (d % 10 == 0) d /= 10, n--;
  uint64_t high = 1; /* rounded up to one digit more? */
  for (int i = 0; i < n; i++) high *= 10;
  if (d >= high) n++, exponent++;
  if (bits >> 63) *out++ = '-';
  put_digits(out, d, n, exponent);
  return true;
}

static void try_lengths(double v, char buf[32]) {
  for (int digits = 1; digits <= DIGITS; digits++) {
    snprintf(buf, 32, "%.*g", digits, v);
    if (strtod(buf, NULL) == v) return;
  }
}

void as_f64_text(double v, char buf[32]) {
  if (!put_shortest(v, buf)) try_lengths(v, buf);
}
