/* What the files of the parts share. */
#ifndef AS_EVAL_REPORT_REPORT_PARTS_INT_H
#define AS_EVAL_REPORT_REPORT_PARTS_INT_H

#include "eval/report/report_int.h"

as_status as_part_resolved(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_tiers(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_neighbours(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_lottery(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_without(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_protocols(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_methods(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_method_sets(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_method_cells(as_sheet *sh, const as_sum *s, as_err *err);
as_status as_part_method_pairs(as_sheet *sh, const as_sum *s, as_err *err);
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
