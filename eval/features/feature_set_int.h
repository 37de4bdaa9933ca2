/* Within feature_set.c and feature_pair.c. */
#ifndef AS_EVAL_FEATURES_FEATURE_SET_INT_H
#define AS_EVAL_FEATURES_FEATURE_SET_INT_H

#include "eval/features/feature_set.h"

/* Numbers the rows of one set, or of two (b may be NULL), over the union of their label texts, bytewise; these are the
 * names of the classes. AS_E_ENV. */
as_status as_feature_set_join_texts(as_feature_set *a, as_feature_set *b, as_err *err);

#endif
