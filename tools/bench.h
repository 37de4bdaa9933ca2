/* Parts of the bench command. */
#ifndef AS_TOOLS_BENCH_H
#define AS_TOOLS_BENCH_H

#include "tensor/base/status.h"
#include "tools/cli.h"

/* GFLOP/s of float32 multiply-adds that the threads of the moment reach with operands in the first cache. */
double as_bench_peak(void);
as_status as_bench_gemm(const as_args *args, as_err *err);

#endif
