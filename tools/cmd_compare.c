/* compare: where two outputs of this program differ, said with names instead of byte offsets. */
#include <stdio.h>
#include <string.h>

#include "eval/features/npy.h"
#include "eval/report/report.h"
#include "eval/run/record_read.h"
#include "tensor/base/bytes.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/differ.h"
#include "tools/say.h"

/* Line by line; the first field names the line (a layer, an image). */
static void compare_lines(as_diff *d, const as_file *a, const as_file *b) {
  const char *p = (const char *)a->data, *q = (const char *)b->data;
  const char *pe = p + a->size, *qe = q + b->size;
  for (size_t line = 1; p < pe || q < qe; line++) {
    const char *pn = p < pe ? memchr(p, '\n', (size_t)(pe - p)) : NULL;
    const char *qn = q < qe ? memchr(q, '\n', (size_t)(qe - q)) : NULL;
    size_t np = (size_t)((pn ? pn : pe) - p), nq = (size_t)((qn ? qn : qe) - q);
    if (np != nq || memcmp(p, q, np) != 0) {
      char where[96], ta[256], tb[256];
      size_t field = 0;
      while (field < np && p[field] != '\t') field++;
      snprintf(where, sizeof where, "line %zu (%.*s)", line, (int)(field < 64 ? field : 64), p);
      snprintf(ta, sizeof ta, "%.*s", (int)(np < 255 ? np : 255), p);
      snprintf(tb, sizeof tb, "%.*s", (int)(nq < 255 ? nq : 255), q);
      as_diff_add(d, where, p < pe ? ta : "absent", q < qe ? tb : "absent");
    }
    p = pn ? pn + 1 : pe;
    q = qn ? qn + 1 : qe;
  }
}

static as_status compare_npy(as_diff *d, const char *pa, const char *pb, as_err *err) {
  as_npy a = {0}, b = {0};
  char ta[96], tb[96], where[64];
  as_status s = as_npy_open(&a, pa, err);
  if (s == AS_OK) s = as_npy_open(&b, pb, err);
  if (s == AS_OK && strcmp(as_shape_text(a.view.shape, a.view.rank, ta, sizeof ta),
                           as_shape_text(b.view.shape, b.view.rank, tb, sizeof tb)) != 0) {
    as_diff_add(d, "shape", ta, tb);
  } else if (s == AS_OK) {
    size_t n = 0;
    as_shape_numel(a.view.shape, a.view.rank, &n);
    float *x = as_alloc(n, sizeof *x, err), *y = as_alloc(n, sizeof *y, err);
    s = x && y ? as_view_to_f32(&a.view, x, NULL, err) : AS_E_ENV;
    if (s == AS_OK) s = as_view_to_f32(&b.view, y, NULL, err);
    size_t row = a.view.rank > 0 && a.view.shape[0] > 0 ? n / (size_t)a.view.shape[0] : 1;
    for (size_t i = 0; s == AS_OK && i < n; i++)
      if (as_f32_bits(x[i]) != as_f32_bits(y[i]) && (x[i] == x[i] || y[i] == y[i])) {
        snprintf(where, sizeof where, "row %zu, column %zu", i / row, i % row);
        snprintf(ta, sizeof ta, "%.9g", (double)x[i]);
        snprintf(tb, sizeof tb, "%.9g", (double)y[i]);
        as_diff_add(d, where, ta, tb);
      }
    as_free(x);
    as_free(y);
  }
  as_npy_close(&a);
  as_npy_close(&b);
  return s;
}

static bool is_record(const as_json_doc *doc) {
  const char *schema = doc ? as_rec_text(as_json_root(doc), "schema") : NULL;
  return schema && strcmp(schema, "assay.record/1") == 0;
}

/* Two records: who is better on the images that both have seen. What cannot be paired is said. */
static void put_paired(as_str *out, as_jsonw *w, const as_args *a, const char *pa, const char *pb) {
  as_results r = {0};
  as_report_opts o = as_tool_report_opts(a);
  as_err why = {0};
  size_t n_first = 0, rows = 0;
  as_status s = as_records_read_two(&r, pa, pb, &n_first, &why);
  if (w) as_jsonw_key(w, "paired");
  if (s == AS_OK) {
    s = as_report_paired(out, w, &r, n_first, &o, &rows, &why);
  } else if (w) {
    as_jsonw_null(w);
  }
  if (s != AS_OK && !w) as_str_printf(out, "not paired: %s\n", why.msg);
  if (s == AS_OK && rows == 0 && !w)
    as_str_put(out, "not paired: the records share no set with images on both sides\n");
  as_results_clear(&r);
}

as_status as_cmd_compare(const as_args *a, as_err *err) {
  char *pa = as_rec_path(a->operand[0], AS_REC_RUN, err), *pb = as_rec_path(a->operand[1], AS_REC_RUN, err);
  as_file fa = {0}, fb = {0};
  as_json_doc *ja = NULL, *jb = NULL;
  as_diff d = {0};
  as_status s = pa && pb ? as_file_open(&fa, pa, err) : AS_E_ENV;
  if (s == AS_OK) s = as_file_open(&fb, pb, err);
  if (s == AS_OK) {
    if (fa.size > 6 && memcmp(fa.data, "\x93NUMPY", 6) == 0) {
      s = compare_npy(&d, pa, pb, err);
    } else if (as_ends_with(pa, ".json") && as_ends_with(pb, ".json")) {
      if ((s = as_json_parse(&ja, (const char *)fa.data, fa.size, err)) != AS_OK) as_fail_in(err, "%s", pa);
      if (s == AS_OK && (s = as_json_parse(&jb, (const char *)fb.data, fb.size, err)) != AS_OK)
        as_fail_in(err, "%s", pb);
      if (s == AS_OK) as_diff_json(&d, as_json_root(ja), as_json_root(jb));
    } else {
      compare_lines(&d, &fa, &fb);
    }
  }
  if (s == AS_OK) {
    as_str out = {0};
    if (a->set[OPT_JSON]) {
      as_jsonw w;
      as_jsonw_init(&w, &out, false);
      as_jsonw_object(&w);
      as_jsonw_key(&w, "same"), as_jsonw_bool(&w, d.n == 0);
      as_jsonw_key(&w, "differences"), as_jsonw_u64(&w, d.n);
      as_jsonw_key(&w, "first"), as_jsonw_str(&w, as_str_c(&d.lines));
      if (is_record(ja) && is_record(jb)) put_paired(&out, &w, a, pa, pb);
      as_jsonw_end(&w);
      as_str_putc(&out, '\n');
    } else {
      if (d.n && is_record(ja) && is_record(jb)) {
        put_paired(&out, NULL, a, pa, pb);
        as_str_put(&out, "\nWhere the records differ:\n");
      }
      as_str_put(&out, as_str_c(&d.lines));
      if (d.n > AS_DIFF_SHOWN) as_str_printf(&out, "and %zu more\n", d.n - AS_DIFF_SHOWN);
      if (d.n == 0) as_str_put(&out, "the same\n");
    }
    if ((s = as_str_status(&out, err)) == AS_OK) as_print(&out);
    as_str_clear(&out);
  }
  if (s == AS_OK && d.n)
    s = as_fail(err, AS_E_CHECK, "%zu difference%s between %s and %s", d.n, d.n > 1 ? "s" : "", pa, pb);
  as_str_clear(&d.lines);
  as_json_free(&ja);
  as_json_free(&jb);
  as_file_close(&fa);
  as_file_close(&fb);
  as_free(pa);
  as_free(pb);
  return s;
}
