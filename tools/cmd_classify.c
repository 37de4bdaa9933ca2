#include <string.h>

#include "eval/learn/linhead.h"
#include "eval/learn/score.h"
#include "tensor/base/file.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/say.h"

as_status as_cmd_classify(const as_args *a, as_err *err) {
  as_dataset *ds = NULL;
  as_backbone b = {0};
  as_linhead head = {0};
  as_features f = {0};
  as_scores sc = {0};
  const char *given = as_arg_text(a, OPT_HEAD, "own");
  as_dataset_opts d = as_tool_dataset_opts(a);
  /* Whether the head fits is known before the images are run. */
  as_status s = as_dataset_open(&ds, &d, err);
  if (s == AS_OK) s = as_tool_backbone(&b, a, err);
  if (s == AS_OK)
    s = strcmp(given, "own") == 0 ? as_linhead_own(&head, &b, err)
                                  : as_linhead_file(&head, given, (size_t)as_model_embed_dim(b.model), err);
  if (s == AS_OK && as_dataset_classes(ds) != 0 && as_dataset_classes(ds) != head.classes)
    s = as_fail(
        err, AS_E_INPUT,
        "%s: the head (%s) knows %zu classes, %s has %zu; wanted the same list: --classes or another --head",
        a->text[OPT_WEIGHTS], head.source, head.classes, a->text[OPT_DATA], as_dataset_classes(ds));
  if (s == AS_OK) s = as_tool_features(&f, &b, ds, a, err);
  as_voter v = {.head = &head};
  if (s == AS_OK) s = as_score(&sc, ds, &f, NULL, &v, NULL, err);
  if (s == AS_OK && a->set[OPT_PREDICTIONS])
    s = as_scores_write(&sc, ds, &f, NULL, a->text[OPT_PREDICTIONS], err);
  if (s == AS_OK)
    s = as_tool_print_cell(a, as_path_base(a->text[OPT_WEIGHTS]), as_path_base(a->text[OPT_DATA]), &sc.cell,
                           err);
  for (size_t i = 0; s == AS_OK && i < f.n; i++)
    if (f.failed[i]) as_note("%s: %s", as_dataset_item(ds, i).name, f.why[i] ? f.why[i] : "failed");
  if (s == AS_OK) s = as_tool_failed(a, f.n_failed, f.n, err);
  as_scores_clear(&sc);
  as_features_clear(&f);
  as_linhead_clear(&head);
  as_backbone_clear(&b);
  as_dataset_close(&ds);
  return s;
}
