/* The evaluation sets of the field by name: their published rules and counts. */
#ifndef AS_DATA_SETS_TASKS_H
#define AS_DATA_SETS_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum as_task_rule {
  AS_RULE_ONE, /* the one label */
  AS_RULE_ANY, /* any of the item's labels (ReaL, ImageNet-Hard); none: not scored */
  AS_RULE_MAX  /* many classes to one: the largest logit of each group (ObjectNet) */
} as_task_rule;

typedef struct as_task {
  const char *name;
  bool imagenet;      /* classes are the 1000 */
  const char *subset; /* built-in class list, or NULL */
  as_task_rule rule;
  int64_t images;     /* published count, 0 = not fixed */
  int64_t scored;     /* of these, the ones that have a label */
  int64_t present;    /* classes that have images */
  int64_t per_class;  /* images of each class, 0 = not the same */
  const char *preset; /* where the set asks for its own preprocessing, else NULL */
  const char *remark; /* one line: source of rule and counts */
} as_task;

/* NULL or "" is "folder". NULL when there is no such task. */
const as_task *as_task_find(const char *name);
/* All tasks; NULL-terminated names for messages and options. */
const as_task *as_task_list(size_t *n);
const char *const *as_task_names(void);

/* ImageNet-C: the 15 corruptions of the benchmark in their order, and AlexNet's error (fraction,
 * mean over the five severities) by which mCE divides. */
typedef struct as_corruption {
  const char *name;
  double alexnet_error;
} as_corruption;
enum { AS_CORRUPTIONS = 15, AS_SEVERITIES = 5 };
extern const as_corruption as_corruptions[AS_CORRUPTIONS];

/* Which corruption (index into as_corruptions) and severity 1..5 an item's name says:
 * ".../gaussian_noise/3/n01440764/x.JPEG". -1: none; AS_CORRUPTIONS: one of the four extra ones, which
 * are no part of the benchmark. */
int as_corruption_of(const char *name, int *severity);

#endif
