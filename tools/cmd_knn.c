/* knn: each test row takes its class from the training rows that are nearest to it. */
#include <stdio.h>

#include "tools/cmd.h"
#include "tools/progress.h"
#include "tools/scoring.h"

as_status as_cmd_knn(const as_args *a, as_err *err) {
  as_feature_set train = {0}, test = {0};
  as_tally t = {0};
  const as_knn_opts o = {.k = (int)as_arg_int(a, OPT_K, 0),
                         .temperature = as_arg_real(a, OPT_TEMPERATURE, 0),
                         .watch = as_tool_watch()};
  char method[96], text[64];
  snprintf(method, sizeof method, "k-NN, %s", as_knn_text(o, text));
  as_status s = as_scoring_read(&train, &test, &t.pair, a, err);
  if (s == AS_OK) s = as_scoring(a, &train, &test, NULL, &o, &t, err);
  if (s == AS_OK) s = as_scoring_print(a, method, NULL, &t, err);
  as_feature_set_clear(&train);
  as_feature_set_clear(&test);
  return s;
}
