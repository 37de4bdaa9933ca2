#include "tensor/kern/kernels.h"

#include <string.h>

as_kernels as_k = {
#define AS_FIELD(op) as_k_##op##_ref,
    AS_OPS(AS_FIELD)
#undef AS_FIELD
        AS_MR,
    false,
};

#define AS_KERNEL(op, variant, needs) {#op, #variant, needs, (as_fn_any *)as_k_##op##_##variant},
static const as_kernel_info table[] = {
#include "tensor/kern/kernels.def"
};
#undef AS_KERNEL
enum { TABLE_SIZE = sizeof table / sizeof *table };

size_t as_tensor_kernels(const as_kernel_info **rows) {
  *rows = table;
  return TABLE_SIZE;
}

static as_fn_any *kernel_for(const char *op) {
  size_t i = 0;
  while (strcmp(table[i].op, op) != 0 || !as_kernel_in_use(table, TABLE_SIZE, i)) i++;
  return table[i].fn; /* ref needs nothing: there is always one */
}

void as_kernels_choose(void) {
#define AS_CHOOSE(op) as_k.op = (as_fn_##op *)kernel_for(#op);
  AS_OPS(AS_CHOOSE)
#undef AS_CHOOSE
  as_k.rows = AS_MR;
  as_k.pairs = false;
#if AS_HAVE_X86
  as_k.pairs = as_k.pair == as_k_pair_avx512;
  if (as_k.gemm == as_k_gemm_avx2) as_k.rows = 12; /* two runs of 6 */
#endif
}

void as_kernels_probe(void) {
#if AS_HAVE_X86
  if (as_cpu_detected() & AS_CPU_BF16 && !as_bf16_agrees(as_k_gemm16_avx512bf16)) as_cpu_refute(AS_CPU_BF16);
#endif
}
