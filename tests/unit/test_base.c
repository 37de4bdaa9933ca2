/* tensor/base: status lines, checked sizes, memory, views, hashes, CPU mask, RNG, files, threads. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/cpu.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/hash/crc32_int.h"
#include "tensor/base/hash/hash_kernels.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/hash/sha256_int.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/view.h"
#include "tests/harness.h"

static void status_lines(as_test *t) {
  as_err e = {AS_OK, ""};
  CHECK_STATUS(t, as_fail(&e, AS_E_INPUT, "tensor %s\n\x1b[31m", "a"), AS_E_INPUT);
  CHECK_STR(t, e.msg, "tensor a??[31m");
  CHECK_STATUS(t, as_fail_in(&e, "file %d", 7), AS_E_INPUT);
  CHECK_STR(t, e.msg, "file 7: tensor a??[31m");
  char big[3000];
  memset(big, 'x', sizeof big - 1);
  big[sizeof big - 1] = '\0';
  as_fail(&e, AS_E_ENV, "%s", big);
  CHECK_INT(t, strlen(e.msg), sizeof e.msg - 1);
  as_fail_in(&e, "%s", big);
  CHECK(t, strlen(e.msg) < sizeof e.msg);
  as_fail(&e, AS_E_ENV, "again %s", e.msg); /* an argument may be the old message */
  CHECK(t, strncmp(e.msg, "again xxx", 9) == 0);
  CHECK_STATUS(t, as_fail(NULL, AS_E_ENV, "x"), AS_E_ENV);
}

static void checked_sizes(as_test *t) {
  size_t s = 5;
  int64_t i = 5;
  CHECK(t, !as_mul_size(SIZE_MAX / 2 + 1, 2, &s) && s == 5);
  CHECK(t, as_mul_size(SIZE_MAX / 2, 2, &s) && s == SIZE_MAX - 1);
  CHECK(t, as_mul_size(0, SIZE_MAX, &s) && s == 0);
  CHECK(t, !as_add_size(SIZE_MAX, 1, &s));
  CHECK(t, !as_mul_i64(INT64_MAX / 2 + 1, 2, &i) && i == 5);
  CHECK(t, !as_mul_i64(-1, 1, &i) && !as_add_i64(INT64_MAX, 1, &i));
  size_t n = 1;
  const int64_t wrap[2] = {2, INT64_MAX}, zero[3] = {INT64_MAX, INT64_MAX, 0}, neg[1] = {-1};
  const int64_t large[3] = {INT64_MAX, INT64_MAX, 2};
  CHECK(t, as_shape_numel(wrap, 2, &n) && n == (size_t)INT64_MAX * 2);
  CHECK(t, !as_shape_numel(large, 3, &n));
  CHECK(t, as_shape_numel(zero, 3, &n) && n == 0);
  CHECK(t, !as_shape_numel(neg, 1, &n));
  CHECK(t, as_shape_numel(NULL, 0, &n) && n == 1);
}

static void memory(as_test *t) {
  as_err e;
  void *p = as_alloc(0, 8, &e);
  CHECK(t, p && (uintptr_t)p % AS_ALIGN == 0);
  as_free(p);
  CHECK(t, !as_alloc(SIZE_MAX, 2, &e) && e.status == AS_E_ENV);
  CHECK(t, !as_alloc(SIZE_MAX - 64, 1, &e));
  as_mem_fail_after(2);
  p = as_alloc(1, 1, &e);
  CHECK(t, p && !as_alloc(1, 1, &e) && !as_alloc(1, 1, &e));
  as_mem_fail_after(0);
  as_free(p);
  void *g = NULL;
  size_t cap = 0;
  CHECK_OK(t, as_grow(&g, &cap, 3, 4, &e), e);
  memcpy(g, "abcdefghijkl", 12);
  CHECK_OK(t, as_grow(&g, &cap, 1000, 4, &e), e);
  CHECK(t, cap >= 1000 && memcmp(g, "abcdefghijkl", 12) == 0);
  as_mem_fail_after(1);
  size_t before = cap;
  CHECK_STATUS(t, as_grow(&g, &cap, 100000, 4, &e), AS_E_ENV);
  as_mem_fail_after(0);
  CHECK(t, cap == before && memcmp(g, "abcdefghijkl", 12) == 0);
  as_free(g);
  as_arena a = {NULL, 0, 0, false};
  CHECK(t, !as_arena_take(&a, 3, 4) && !as_arena_take(&a, 1, 100) && a.used == 164);
  a.base = as_alloc(a.used, 1, &e);
  a.size = a.used;
  a.used = 0;
  CHECK(t, as_arena_take(&a, 3, 4) == a.base && as_arena_take(&a, 1, 100) == a.base + 64);
  CHECK(t, !as_arena_take(&a, 1, 1) && a.overflow);
  as_free(a.base);
}

static void views(as_test *t) {
  as_err e;
  /* Published binary16 values: 1, smallest subnormal, largest finite, infinity. */
  CHECK(t,
        as_f16_to_f32(0x3c00) == 1.0f && as_f16_to_f32(1) == 0x1p-24f && as_f16_to_f32(0x7bff) == 65504.0f);
  CHECK(t, isinf(as_f16_to_f32(0xfc00)) && isnan(as_f16_to_f32(0x7c01)));
  for (uint32_t h = 0; h < 65536; h++) { /* every half and bfloat16 survives the round trip */
    float f = as_f16_to_f32((uint16_t)h), b = as_bf16_to_f32((uint16_t)h);
    if (!isnan(f) && as_f32_to_f16(f) != h) as_test_fail(t, __FILE__, __LINE__, "half %04x", h);
    if (isnan(f) && !isnan(as_f16_to_f32(as_f32_to_f16(f))))
      as_test_fail(t, __FILE__, __LINE__, "half %04x", h);
    if (!isnan(b) && as_f32_to_bf16(b) != h) as_test_fail(t, __FILE__, __LINE__, "bfloat %04x", h);
  }
  for (uint32_t h = 0; h < 0x7bff; h++) { /* a midpoint goes to the even neighbour, just above it upwards */
    float lo = as_f16_to_f32((uint16_t)h), hi = as_f16_to_f32((uint16_t)(h + 1)), mid = (lo + hi) / 2;
    CHECK_INT(t, as_f32_to_f16(mid), h + (h & 1));
    CHECK_INT(t, as_f32_to_f16(as_bits_f32(as_f32_bits(mid) + 1)), h + 1);
    CHECK_INT(t, as_f32_to_f16(as_bits_f32(as_f32_bits(mid) - 1)), h);
  }
  CHECK_INT(t, as_f32_to_f16(65520.0f), 0x7c00);
  CHECK_INT(t, as_f32_to_f16(65519.0f), 0x7bff);

  /* A transposed, unaligned, big-endian int16 [2, 3] and a float32 with a NaN. */
  uint8_t raw[1 + 12] = {9, 0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 255, 250};
  as_view v = {raw + 1, 12, AS_I16, true, 2, {2, 3}, {1, 2}};
  float out[6];
  size_t bad;
  CHECK_OK(t, as_view_to_f32(&v, out, &bad, &e), e);
  const float want[6] = {1, 2, 3, 4, 5, -6};
  CHECK(t, memcmp(out, want, sizeof want) == 0 && bad == 0);
  uint8_t f32[8] = {0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f};
  as_view w = {f32, 8, AS_F32, false, 1, {2}, {1}};
  CHECK_OK(t, as_view_to_f32(&w, out, &bad, &e), e);
  CHECK(t, out[0] == 1.0f && isnan(out[1]) && bad == 1);
  w.dtype = AS_C64;
  w.shape[0] = 1;
  CHECK_STATUS(t, as_view_to_f32(&w, out, &bad, &e), AS_E_INPUT);
  char text[64];
  CHECK_STR(t, as_shape_text(v.shape, 2, text, sizeof text), "[2, 3]");
  CHECK_STR(t, as_shape_text(v.shape, 2, text, 4), "[2,");
  CHECK(t, !as_view_is_contiguous(&v));
  as_view_set_contiguous(&v);
  CHECK(t, as_view_is_contiguous(&v) && v.stride[0] == 3);
  as_view_set_order(&v, true);
  CHECK(t, v.stride[0] == 1 && v.stride[1] == 2);
  /* nothing in it, but lengths whose product does not fit; and more than fits */
  as_view none = {f32, 0, AS_F32, false, 3, {0, INT64_MAX / 2, 4}, {1, 1, 1}};
  CHECK(t, as_view_is_contiguous(&none));
  as_view_set_contiguous(&none);
  CHECK(t, none.stride[0] == 0 && none.stride[2] == 0);
  as_view_set_order(&none, true);
  CHECK(t, none.stride[2] == 0);
  none.shape[0] = 2;
  as_view_set_contiguous(&none);
  CHECK(t, none.stride[2] == 1 && none.stride[1] == 4 && none.stride[0] == 0);
}

static void hashes(as_test *t) {
  char hex[65];
  as_sha256_of("abc", 3, hex); /* FIPS 180-4 examples */
  CHECK_STR(t, hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  as_sha256_of("", 0, hex);
  CHECK_STR(t, hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  as_sha256 s;
  as_sha256_init(&s);
  for (int i = 0; i < 1000000; i += 500) { /* a million 'a', in pieces that straddle blocks */
    char a[500];
    memset(a, 'a', sizeof a);
    as_sha256_update(&s, a, 137);
    as_sha256_update(&s, a, 363);
  }
  as_sha256_hex(&s, hex);
  CHECK_STR(t, hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  /* Long runs may take another path than single blocks: both must agree at every length. */
  static uint8_t run[1000];
  for (size_t i = 0; i < sizeof run; i++) run[i] = (uint8_t)(i * 7 + i / 64);
  for (size_t n = 0; n <= sizeof run; n += 9) {
    char other[65];
    as_sha256_of(run, n, hex);
    as_sha256_init(&s);
    for (size_t i = 0; i < n; i++) as_sha256_update(&s, run + i, 1);
    as_sha256_hex(&s, other);
    CHECK_STR(t, hex, other);
  }
  CHECK_INT(t, as_crc32(0, "123456789", 9), 0xCBF43926);
  char buf[100];
  memset(buf, 7, sizeof buf);
  for (size_t cut = 0; cut <= sizeof buf; cut++)
    CHECK_INT(t, as_crc32(as_crc32(0, buf, cut), buf + cut, sizeof buf - cut), as_crc32(0, buf, sizeof buf));
  /* Against the definition, bit by bit, around every boundary of the fast part. */
  for (size_t n = 0; n < 400; n++) {
    const uint8_t *p = run + n % 13;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
      crc ^= p[i];
      for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    CHECK_INT(t, as_crc32(0, p, n), ~crc);
  }
}

/* The mask only removes, reaches the rooms below tensor/ as well, and a refused level changes nothing. */
static void cpu_mask(as_test *t) {
  static const char *const levels[] = {"ref", "portable", "neon", "avx2", "avx512", "avx512bf16"};
  as_err e;
  char words[64];
  CHECK_OK(t, as_cpu_limit(NULL, &e), e);
  const unsigned all = as_cpu_detected();
  for (unsigned bit = 1; bit < 1u << 30; bit <<= 1)
    if (bit != AS_CPU_PORTABLE) CHECK_INT(t, as_cpu_has(bit), (all & bit) != 0);
  CHECK(t, !as_cpu_has(AS_CPU_PORTABLE) || !as_cpu_has(AS_CPU_FMA));
  for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
    if (as_cpu_limit(levels[l], &e) != AS_OK) {
      CHECK_INT(t, e.status, AS_E_ENV);
      continue;
    }
    CHECK_STR(t, as_cpu_level(), levels[l]);
    for (unsigned bit = 1; bit < 1u << 30; bit <<= 1) CHECK(t, !as_cpu_has(bit) || all & bit);
  }
  CHECK_OK(t, as_cpu_limit("ref", &e), e);
  CHECK_STATUS(t, as_cpu_limit("z80", &e), AS_E_USAGE);
  CHECK_STR(t, as_cpu_level(), "ref");
  CHECK(t, as_cpu_has(0));
  for (unsigned bit = 1; bit < 1u << 30; bit <<= 1) CHECK(t, !as_cpu_has(bit));
  CHECK(t, as_sha256_blocks_chosen() == as_sha256_blocks_ref && as_crc32_fold_chosen() == NULL);
  const as_kernel_info *rows;
  const size_t n = as_hash_kernels(&rows);
  for (size_t i = 0; i < n; i++)
    CHECK_INT(t, as_kernel_in_use(rows, n, i), strcmp(rows[i].variant, "ref") == 0);
  hashes(t); /* the plain code */
#if AS_HAVE_X86
  if (all & AS_CPU_BMI) { /* where the SHA extensions are, nobody else asks for it */
    uint32_t one[8] = {1, 2, 3}, two[8] = {1, 2, 3}, three[8] = {1, 2, 3}, k[64];
    uint8_t bytes[20 * 64];
    for (size_t i = 0; i < 64; i++) k[i] = (uint32_t)(i * 2654435761u);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 89);
    as_sha256_blocks_ref(one, bytes, 20, k);
    as_sha256_blocks_bmi(two, bytes, 20, k);
    CHECK(t, memcmp(one, two, sizeof one) == 0);
    if (all & AS_CPU_AVX2) as_sha256_blocks_avx2(three, bytes, 20, k); /* two times eight blocks, then four */
    CHECK(t, !(all & AS_CPU_AVX2) || memcmp(one, three, sizeof one) == 0);
  }
#endif
  CHECK_OK(t, as_cpu_limit(NULL, &e), e);
  CHECK_INT(t, as_sha256_blocks_chosen() != as_sha256_blocks_ref,
            as_cpu_has(AS_SHA256_X86_NEEDS) || as_cpu_has(AS_SHA256_BMI_NEEDS));
  CHECK_INT(t, as_crc32_fold_chosen() != NULL, as_cpu_has(AS_CRC32_X86_NEEDS));
  CHECK_STR(t, as_cpu_words(0, words), "-");
  CHECK_STR(t, as_cpu_words(AS_CPU_AVX2 | AS_CPU_BMI, words), "avx2+fma+bmi+bmi2");
  CHECK(t, strlen(as_cpu_words(~0u, words)) < sizeof words);
}

/* splitmix64 seeded with a key is the fixed-key sequence: first outputs for state 1234567 (Rosetta
 * Code, "Pseudo-random numbers/Splitmix64"). */
static void rng(as_test *t) {
  as_rng r = {1234567};
  CHECK(t, as_rng_bits(r, 0) == UINT64_C(6457827717110365317));
  CHECK(t, as_rng_bits(r, 1) == UINT64_C(3203168211198807973));
  CHECK(t, as_rng_bits(r, 2) == UINT64_C(9817491932198370423));
  r = as_rng_make(1, as_rng_stream("conv1.weight"));
  double sum = 0, sq = 0, u = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    double z = as_rng_normal(r, i);
    sum += z;
    sq += z * z;
    u += as_rng_uniform(r, i);
    CHECK(t, as_rng_below(r, i, 7) < 7);
  }
  CHECK_NEAR(t, sum / 20000, 0, 0.03);
  CHECK_NEAR(t, sq / 20000, 1, 0.04);
  CHECK_NEAR(t, u / 20000, 0.5, 0.01);
  uint32_t p[100];
  bool seen[100] = {false};
  as_rng_permutation(r, p, 100);
  int fixed = 0;
  for (uint32_t i = 0; i < 100; i++) {
    seen[p[i]] = true;
    fixed += p[i] == i;
  }
  for (int i = 0; i < 100; i++) CHECK(t, seen[i]);
  CHECK(t, fixed < 10);
}

static void files(as_test *t) {
  as_err e;
  char path[512], sub[256];
  snprintf(path, sizeof path, "%s/a/b/c.txt", as_test_tmp());
  snprintf(sub, sizeof sub, "%s/a/b", as_test_tmp());
  CHECK_OK(t, as_make_dirs(sub, &e), e);
  CHECK_OK(t, as_make_dirs(sub, &e), e);
  CHECK_OK(t, as_file_write(path, "hello", 5, &e), e);
  as_file f;
  CHECK_OK(t, as_file_open(&f, path, &e), e);
  CHECK(t, f.size == 5 && memcmp(f.data, "hello", 5) == 0);
  as_file_release(&f, f.data + 1, f.size - 1); /* and is there again */
  CHECK(t, f.size == 5 && memcmp(f.data, "hello", 5) == 0);
  as_file_close(&f);
  CHECK_STATUS(t, as_file_open(&f, sub, &e), AS_E_INPUT);
  CHECK_STATUS(t, as_file_open(&f, "/nowhere/x", &e), AS_E_INPUT);
  CHECK(t, strstr(e.msg, "/nowhere/x: ") != NULL);
  as_out o; /* an aborted or failed write leaves the old file and no temporary */
  CHECK_OK(t, as_out_open(&o, path, &e), e);
  as_out_printf(&o, "new %d", 1);
  as_out_abort(&o);
  CHECK_OK(t, as_out_open(&o, path, &e), e);
  as_out_write(&o, "x", 1);
  o.error = 28;
  CHECK_STATUS(t, as_out_commit(&o, &e), AS_E_ENV);
  as_names names;
  CHECK_OK(t, as_dir_list(&names, sub, &e), e);
  CHECK(t, names.n == 1 && strcmp(names.name[0], "c.txt") == 0);
  as_names_clear(&names);
  CHECK_INT(t, as_path_size(path), 5);
  /* Temporaries of processes that are gone are swept, those of living ones and other names are not. */
  const char *const left[] = {"c.txt.tmp2147483647", "c.txt.tmp1", "c.txt.tmp", "c.txt.tmp12x"};
  for (int i = 0; i < 4; i++) {
    char *p = as_path_join(sub, left[i], &e);
    CHECK_OK(t, as_file_write(p, "", 0, &e), e);
    as_free(p);
  }
  as_out_sweep(sub);
  as_out_sweep("/nowhere");
  CHECK_OK(t, as_dir_list(&names, sub, &e), e);
  CHECK_INT(t, names.n, 4);
  for (size_t i = 0; i < names.n; i++) CHECK(t, strcmp(names.name[i], left[0]) != 0);
  as_names_clear(&names);
  CHECK_STATUS(t, as_out_open(&o, "/nowhere/x", &e), AS_E_ENV);
  char *j = as_path_join("a/", "b", &e), *k = as_path_join("a", "/b", &e), *d = as_path_dir("x/y/z", &e);
  CHECK_STR(t, j, "a/b");
  CHECK_STR(t, k, "/b");
  CHECK_STR(t, d, "x/y");
  CHECK_STR(t, as_path_base("x/y"), "y");
  as_free(j), as_free(k), as_free(d);
  snprintf(path, sizeof path, "%s/empty", sub);
  CHECK_OK(t, as_file_write(path, "", 0, &e), e);
  CHECK_OK(t, as_file_open(&f, path, &e), e);
  CHECK(t, f.size == 0 && f.data);
  as_file_close(&f);
}

typedef struct counts {
  int hit[1000];
  int worker_max;
} counts;

static void count_chunk(void *ctx, size_t chunk, int worker) {
  counts *c = ctx;
  c->hit[chunk]++;
  if (worker < 0 || worker >= as_par_threads()) c->hit[chunk] = -100;
}

static void parallel(as_test *t) {
  for (int n = 1; n <= 7; n += 3) {
    counts c = {{0}, 0};
    as_par_set_threads(n);
    CHECK_INT(t, as_par_threads(), as_par_has_openmp() ? n : 1);
    as_par_for(1000, count_chunk, &c);
    for (int i = 0; i < 1000; i++) CHECK_INT(t, c.hit[i], 1);
  }
  as_par_set_threads(0);
  CHECK(t, as_par_threads() >= 1);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"status lines", status_lines},
      {"checked sizes", checked_sizes},
      {"memory", memory},
      {"views and half floats", views},
      {"hashes", hashes},
      {"cpu: detection and mask", cpu_mask},
      {"rng", rng},
      {"files", files},
      {"parallel loops", parallel},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
