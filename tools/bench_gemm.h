/* bench --gemm. */
#ifndef AS_TOOLS_BENCH_GEMM_H
#define AS_TOOLS_BENCH_GEMM_H

#include "tools/cli.h"

as_status as_bench_gemm(const as_args *args, as_err *err);

#endif
