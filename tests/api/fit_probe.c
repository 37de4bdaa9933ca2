/* Features of a folder to OUT.npy, a probe on them to OUT.safetensors.     fit_probe WEIGHTS DATA CLASSES OUT */
#include <assay.h>
#include <stdio.h>

int main(int argc, char **argv) {
  as_lab *lab;
  as_lab_net *net = NULL;
  as_lab_images *images = NULL;
  as_lab_rows *rows = NULL;
  as_lab_head *head = NULL;
  as_lab_fit fit = {0};
  char name[4096];
  if (argc != 5 || as_lab_open(&lab, &(as_lab_options){.size = sizeof(as_lab_options), .threads = 2}))
    return 2;
  const as_lab_images_options o = {.size = sizeof o, .classes = argv[3]};
  int bad = as_lab_net_open(lab, &net, argv[1], NULL) || as_lab_images_open(lab, &images, argv[2], &o) ||
            as_lab_rows_compute(net, images, &rows);
  snprintf(name, sizeof name, "%s.npy", argv[4]);
  bad = bad || as_lab_rows_write(rows, name) || as_lab_head_fit(rows, 1, &head, &fit);
  snprintf(name, sizeof name, "%s.safetensors", argv[4]);
  bad = bad || as_lab_head_write(head, name);
  if (bad) fprintf(stderr, "%s\n", as_lab_error(lab));
  printf("%zu rows, converged %d, loss %.6g\n", rows ? as_lab_rows_count(rows) : 0, fit.converged, fit.loss);
  as_lab_head_close(head);
  as_lab_rows_close(rows);
  as_lab_images_close(images);
  as_lab_net_close(net);
  as_lab_close(lab);
  return bad;
}
