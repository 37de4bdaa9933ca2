/* libFuzzer target: published tables from any bytes, through every way to write them down. The first byte
 * chooses how the file is named, so that all three kinds of table are reached.
 * An input that the reader takes must come out as text, CSV, JSON and HTML, and its CSV must be read again. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/report/report.h"
#include "eval/report/table_out.h"
#include "tensor/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void put_file(const char *path, const void *p, size_t n) {
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0) abort();
}

static as_status read_table(as_table *t, const char *path) {
  as_err err = {AS_OK, ""};
  as_status s = as_table_read(t, &(as_table_opts){.files = &path, .n_files = 1}, &err);
  if (s != AS_OK && s != AS_E_INPUT && s != AS_E_USAGE)
    abort(); /* content is never the environment's fault */
  if (s != AS_OK && (!err.msg[0] || strchr(err.msg, '\n'))) abort();
  return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  static char paths[2][64];
  if (n == 0) return 0;
  snprintf(paths[0], sizeof paths[0], "/tmp/fuzz-table-%ld-%s.csv", (long)getpid(),
           *p & 1 ? "imagenet" : "x");
  snprintf(paths[1], sizeof paths[1], "/tmp/fuzz-table-%ld-again.csv", (long)getpid());
  put_file(paths[0], p + 1, n - 1);
  as_table t, again;
  if (read_table(&t, paths[0]) == AS_OK) {
    as_err err;
    as_str text = {0}, csv = {0}, json = {0}, html = {0};
    as_json_doc *doc = NULL;
    as_report_opts o = {.width = 40 + *p % 100, .ascii = *p & 2};
    if (as_table_text(&text, &t, &o, 0, &err) != AS_OK || as_table_json(&json, &t, &o, &err) != AS_OK ||
        as_report_csv(&csv, &t.r, &o, &err) != AS_OK || as_report_html(&html, &t.r, &o, "x", &err) != AS_OK)
      abort();
    if (as_json_parse(&doc, as_str_c(&json), json.n, &err) != AS_OK || !as_is_utf8(as_str_c(&html), html.n))
      abort();
    put_file(paths[1], as_str_c(&csv), csv.n);
    if (read_table(&again, paths[1]) != AS_OK || again.r.n_models != t.r.n_models) abort();
    as_table_clear(&again);
    as_json_free(&doc);
    as_str_clear(&text);
    as_str_clear(&csv);
    as_str_clear(&json);
    as_str_clear(&html);
    as_table_clear(&t);
  }
  remove(paths[0]);
  remove(paths[1]);
  return 0;
}
