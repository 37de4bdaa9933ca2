/* What the files of the parts share. */
#ifndef AS_EVAL_REPORT_REPORT_PARTS_INT_H
#define AS_EVAL_REPORT_REPORT_PARTS_INT_H

#include "eval/report/report_int.h"

/* How the pairs that differ on the base fare on another set. */
typedef struct as_fate {
  size_t tested, differ;             /* on this set */
  size_t base, kept, open, reversed; /* of the pairs that differ on the base and were tested here */
} as_fate;
as_fate as_fate_count(const as_pair_tests *p, size_t base, size_t set);

as_status as_part_published(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_top5(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_calibration(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_reliability(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_classes(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_corruptions(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_probes(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_gaps(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_failures(as_sheet *sh, const as_sum *s, as_err *err);

#endif
