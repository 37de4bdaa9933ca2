/* Linear heads. */
#include "eval/door/lab_int.h"
#include "eval/learn/keep.h"
#include "eval/learn/linhead.h"
#include "tensor/base/mem.h"

struct as_lab_head {
  as_lab *lab;
  as_linhead head;
};

static as_lab_head *new_head(as_lab *lab, as_lab_head **out) {
  as_lab_head *h = *out = as_lab_make(lab, sizeof *h);
  if (h) h->lab = lab;
  return h;
}

static int head_leave(as_lab_head *h, as_lab_head **out, as_status s) {
  as_lab *lab = h->lab;
  if (s != AS_OK) {
    as_lab_head_close(h);
    *out = NULL;
  }
  return as_lab_leave(lab, s);
}

int as_lab_head_own(as_lab_net *net, as_lab_head **out) {
  as_lab_head *h = new_head(net->lab, out);
  if (!h) return AS_LAB_ENV;
  as_err *err = as_lab_enter(net->lab);
  return head_leave(h, out, as_linhead_own(&h->head, &net->backbone, err));
}

int as_lab_head_read(as_lab *lab, as_lab_head **out, const char *path, size_t dim) {
  as_lab_head *h = new_head(lab, out);
  if (!h) return AS_LAB_ENV;
  as_err *err = as_lab_enter(lab);
  return head_leave(h, out, as_linhead_file(&h->head, path, dim, err));
}

int as_lab_head_fit(const as_lab_rows *rows, double c, as_lab_head **out, as_lab_fit *fit) {
  as_lab_head *h = new_head(rows->lab, out);
  if (!h) return AS_LAB_ENV;
  as_err *err = as_lab_enter(rows->lab);
  as_keep *keep = NULL;
  as_probe_result r = {0};
  as_status s = as_keep_create(&keep, NULL, &rows->lab->watch, err);
  const as_probe_opts o = {.c = c, .keep = keep};
  if (s == AS_OK) s = as_linhead_fit(&h->head, &rows->rows, &o, &r, err);
  as_keep_destroy(&keep, s == AS_OK);
  if (fit) *fit = (as_lab_fit){r.converged, r.loss, r.bound, r.iterations};
  return head_leave(h, out, s);
}

int as_lab_head_write(const as_lab_head *head, const char *path) {
  as_err *err = as_lab_enter(head->lab);
  return as_lab_leave(head->lab, as_linhead_write(&head->head, path, err));
}

void as_lab_head_close(as_lab_head *head) {
  if (!head) return;
  as_linhead_clear(&head->head);
  as_free(head);
}

size_t as_lab_head_outputs(const as_lab_head *head) {
  return head->head.n_out;
}
int as_lab_head_class(const as_lab_head *head, size_t output) {
  return head->head.class_of ? head->head.class_of[output] : (int)output;
}
const char *as_lab_head_class_name(const as_lab_head *head, size_t output) {
  return head->head.name ? head->head.name[output] : NULL;
}

int as_lab_head_logits(const as_lab_head *head, const float *x, size_t n, float *logits) {
  (void)as_lab_enter(head->lab);
  as_linhead_logits(&head->head, x, n, logits);
  return as_lab_leave(head->lab, AS_OK);
}
