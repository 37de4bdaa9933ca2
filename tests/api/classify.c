/* One photograph: the class of the best output and its logit.     classify WEIGHTS HEAD IMAGE */
#include <assay.h>
#include <stdio.h>
#include <stdlib.h>

static char bytes[1 << 24];

int main(int argc, char **argv) {
  as_lab *lab;
  as_lab_net *net = NULL;
  as_lab_head *head = NULL;
  if (argc != 4 || as_lab_open(&lab, NULL) != AS_LAB_OK) return 2;
  FILE *f = fopen(argv[3], "rb");
  size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
  if (as_lab_net_open(lab, &net, argv[1], NULL) || as_lab_head_read(lab, &head, argv[2], as_lab_net_dim(net)))
    goto out;
  float *x = malloc(as_lab_net_dim(net) * sizeof *x), *y = malloc(as_lab_head_outputs(head) * sizeof *y);
  if (as_lab_net_encoded(net, bytes, n, x) == AS_LAB_OK && as_lab_head_logits(head, x, 1, y) == AS_LAB_OK) {
    size_t best = 0;
    for (size_t i = 1; i < as_lab_head_outputs(head); i++)
      if (y[i] > y[best]) best = i;
    printf("%s %.6g\n", as_lab_head_class_name(head, best), y[best]);
  }
  free(x), free(y);
out:
  if (*as_lab_error(lab)) fprintf(stderr, "%s\n", as_lab_error(lab));
  as_lab_head_close(head);
  as_lab_net_close(net);
  as_lab_close(lab);
  if (f) fclose(f);
  return 0;
}
