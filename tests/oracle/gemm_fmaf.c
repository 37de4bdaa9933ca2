/* gemm_fmaf CPU THREADS <IN >OUT: the products of gemm_fmaf.py, as the library computes them with the kernels CPU.
 *
 * IN: m, n, k as little-endian uint32, then A [m, k] and B [n, k] as float32; until its end.
 * OUT: of each, [m, n] three times: as_gemm_nt, the 1x1 convolution of inference, that of training. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/conv.h"
#include "tensor/linear.h"
#include "tensor/runtime.h"
#include "tensor/train/conv_train.h"

static bool read_floats(float *x, size_t n) {
  return fread(x, sizeof *x, n, stdin) == n;
}

static bool run_case(const uint32_t size[3]) {
  const size_t m = size[0], n = size[1], k = size[2];
  const as_conv_shape s = {
      .h = 1, .w = (int)m, .c_in = (int)k, .c_out = (int)n, .kh = 1, .kw = 1, .stride = 1};
  float *a = as_alloc(m * k, sizeof *a, NULL), *b = as_alloc(n * k, sizeof *b, NULL);
  float *c = as_calloc(m * n, sizeof *c, NULL);
  if (!a || !b || !c || !read_floats(a, m * k) || !read_floats(b, n * k)) return false;

  void *pack = as_alloc(as_gemm_scratch(n, k), 1, NULL);
  if (!pack) return false;
  as_gemm_nt(&(as_product){m, n, k, a, k, b, k, c, n}, pack);
  bool good = fwrite(c, sizeof *c, m * n, stdout) == m * n;
  as_free(pack);

  as_conv *conv = NULL;
  const as_tensor in = {a, 1, 1, (int)m, (int)k, k}, out = {c, 1, 1, (int)m, (int)n, n};
  if (as_conv_create(&conv, &s, b, NULL, NULL, NULL) != AS_OK) return false;
  const as_team team = {as_par_threads(), as_alloc(as_conv_scratch(conv, 1, as_par_threads()), 1, NULL)};
  as_conv_run(conv, &(as_conv_args){&in, NULL, AS_ACT_NONE, &out}, &team);
  good = fwrite(c, sizeof *c, m * n, stdout) == m * n && good;
  as_free(team.scratch);
  as_conv_destroy(&conv);

  as_conv_train *train = NULL;
  const as_map from = as_map_matrix(a, m, k), to = as_map_matrix(c, m, n);
  if (as_conv_train_create(&train, &s, m, NULL) != AS_OK) return false;
  as_conv_train_pack(train, b, NULL, false);
  as_conv_train_forward(train, &from, &to);
  good = fwrite(c, sizeof *c, m * n, stdout) == m * n && good;
  as_conv_train_destroy(&train);
  as_free(a), as_free(b), as_free(c);
  return good;
}

int main(int argc, char **argv) {
  as_err err = {AS_OK, ""};
  uint32_t size[3];
  if (argc != 3) return 2;
  if (as_init(&(as_init_opts){argv[1], atoi(argv[2]), NULL}, &err) != AS_OK) {
    (void)fprintf(stderr, "%s\n", err.msg);
    return 4;
  }
  while (fread(size, sizeof *size, 3, stdin) == 3)
    if (!run_case(size)) return 1;
  return 0;
}
