/* Configurations of the two families, and their one-line form NAME[:key=value,...]. */
#ifndef AS_MODELS_ARCH_H
#define AS_MODELS_ARCH_H

#include "tensor/base/status.h"
#include "tensor/base/text.h"

enum { AS_MAX_STAGES = 8 };

typedef enum as_family { AS_FAMILY_RESNET, AS_FAMILY_VIT } as_family;

typedef enum as_block { AS_BLOCK_BASIC, AS_BLOCK_BOTTLENECK } as_block;
typedef enum as_stem { AS_STEM_7X7, AS_STEM_DEEP, AS_STEM_3X3, AS_STEM_3X3S2 } as_stem;
typedef enum as_down { AS_DOWN_CONV, AS_DOWN_AVG } as_down;
typedef enum as_stride_at { AS_STRIDE_V1_5, AS_STRIDE_V1 } as_stride_at;
typedef enum as_padding { AS_PAD_TORCH, AS_PAD_SAME, AS_PAD_SAME_POOL } as_padding;

typedef struct as_stages {
  int n;
  int blocks[AS_MAX_STAGES];
} as_stages;

typedef struct as_resnet_cfg {
  int block, stem, down, stride, pad; /* the enums above */
  as_stages stages;
  int base, width, inner;
  int sk;   /* selective kernels (nn/skmix.h), with down=avg at stride 1, too */
  int size; /* own input size in pixels */
  double eps;
} as_resnet_cfg;

typedef enum as_ffn { AS_FFN_GELU, AS_FFN_SWIGLU } as_ffn;
typedef enum as_resize_rule { AS_RESIZE_NONE, AS_RESIZE_SCALE, AS_RESIZE_EXACT } as_resize_rule;
typedef enum as_vit_norm { AS_NORM_FINAL, AS_NORM_FC, AS_NORM_NONE } as_vit_norm;
typedef enum as_vit_features {
  AS_FEATURES_CLS,
  AS_FEATURES_MEAN,
  AS_FEATURES_CLS4,
  AS_FEATURES_CLS_MEAN,
  AS_FEATURES_CLS_MEAN_INTERLEAVED,
  AS_FEATURES_CLS4_MEAN
} as_vit_features;

typedef struct as_vit_cfg {
  int patch, dim, depth, heads, mlp;
  int ffn, resize, norm, features; /* the enums above */
  int cls, poscls, reg, ls, qkvbias, posgrid;
  int size;
  double eps;
} as_vit_cfg;

typedef struct as_arch {
  as_family family;
  const char *name; /* borrowed, static */
  as_resnet_cfg resnet;
  as_vit_cfg vit;
} as_arch;

/* Parses and checks each value's range; what must hold between keys is the family's business.
 * AS_E_USAGE naming the nearest valid name or key. */
as_status as_arch_parse(as_arch *out, const char *text, as_err *err);
/* Every key spelled out; parsing the result gives the same configuration. */
void as_arch_print(const as_arch *a, as_str *out);
/* Known names, NULL-terminated. */
const char *const *as_arch_names(void);

/* The same architectures under the names of timm and torchvision; as_arch_parse takes them, with or without timm's tag
 * ("vit_small_patch14_dinov2.lvd142m"). */
typedef struct as_arch_alias {
  const char *name, *arch;
  int size; /* of the images that it was made for */
} as_arch_alias;
const as_arch_alias *as_arch_alias_at(size_t i); /* NULL behind the last */

#endif
