/* Statistics of counts, and finished runs. */
#include "eval/door/lab_int.h"
#include "eval/run/record_read.h"
#include "eval/stats/metrics.h"
#include "eval/stats/results.h"
#include "eval/stats/stats.h"
#include "eval/stats/stats_order.h"
#include "tensor/base/mem.h"

struct as_lab_record {
  as_lab *lab;
  as_results results;
};

void as_lab_wilson(int64_t k, int64_t n, double confidence, double *low, double *high) {
  as_wilson(k, n, confidence, low, high);
}

double as_lab_mcnemar(int64_t b, int64_t c) {
  as_mcnemar m;
  as_mcnemar_counts(b + c, b, c, 0.95, &m);
  return m.p_exact;
}

int as_lab_holm(as_lab *lab, const double *p, size_t n, double *adjusted) {
  as_err *err = as_lab_enter(lab);
  return as_lab_leave(lab, as_holm(p, n, adjusted, err));
}

double as_lab_kendall(const double *x, const double *y, size_t n) {
  return as_kendall_tau_b(x, y, n);
}

int as_lab_record_open(as_lab *lab, as_lab_record **out, const char *path) {
  as_lab_record *record = *out = as_lab_make(lab, sizeof *record);
  if (!record) return AS_LAB_ENV;
  record->lab = lab;
  as_err *err = as_lab_enter(lab);
  as_status s = as_records_read(&record->results, &path, 1, err);
  if (s != AS_OK) {
    as_lab_record_close(record);
    *out = NULL;
  }
  return as_lab_leave(lab, s);
}

void as_lab_record_close(as_lab_record *record) {
  if (!record) return;
  as_results_clear(&record->results);
  as_free(record);
}

size_t as_lab_record_models(const as_lab_record *record) {
  return record->results.n_models;
}
size_t as_lab_record_sets(const as_lab_record *record) {
  return record->results.n_sets;
}
const char *as_lab_record_model(const as_lab_record *record, size_t m) {
  return record->results.models[m].name;
}
const char *as_lab_record_set(const as_lab_record *record, size_t s) {
  return record->results.sets[s].name;
}

int as_lab_record_cell(const as_lab_record *record, size_t m, size_t s, as_lab_cell *cell) {
  const as_results *r = &record->results;
  const as_cell *c = as_results_cell(r, m, s);
  as_err *err = as_lab_enter(record->lab);
  *cell = (as_lab_cell){0};
  if (!c->present)
    return as_lab_leave(record->lab, as_fail(err, AS_E_INPUT, "%s on %s: %s", r->models[m].name,
                                             r->sets[s].name, c->why ? c->why : "not measured"));
  *cell = (as_lab_cell){c->n_expected,   c->n_used, c->n_failed, c->top1_correct,
                        c->top5_correct, c->top1,   c->top1_lo,  c->top1_hi};
  return as_lab_leave(record->lab, AS_OK);
}
