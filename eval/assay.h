/* assay.h: the library for programs. Everything that the command line computes, with the same bits: backbones, data
 * sets, features, linear heads, k-NN, statistics of counts, finished records.
 *
 *   as_lab *lab;
 *   if (as_lab_open(&lab, NULL) != AS_LAB_OK) { puts(as_lab_error(lab)); ... }
 *
 * A lab is what a program works in: it holds the number of threads, who hears remarks, whether to stop, and the message
 * of the last call that failed. One thread uses a lab, and whatever was opened in it, at a time; several labs may be used
 * by several threads at once, and each gets the bits that it would get alone. The instruction set and the numerics
 * profile belong to the process: the first lab fixes them.
 *
 * Calls that can fail return AS_LAB_OK or another of the codes below, which are the exit codes of the command line, and
 * leave one line in as_lab_error: file, place, found, wanted. What an opening call gives is closed by the caller, before
 * the lab; closing takes NULL. On failure the pointer that was to be filled is NULL. Strings that calls return are
 * UTF-8, owned by the object, and live as long as it does.
 *
 * ABI: within one number of as_lab_abi() no call changes its arguments or its meaning, and none goes. Structs for
 * options begin with their size, so that later members are 0 for programs that do not know them. */
#ifndef ASSAY_H
#define ASSAY_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define AS_API __attribute__((visibility("default")))
#else
#define AS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
  AS_LAB_OK = 0,
  AS_LAB_USAGE = 2,   /* something impossible was asked for */
  AS_LAB_INPUT = 3,   /* a file is missing, damaged, foreign or does not fit */
  AS_LAB_ENV = 4,     /* input and output, memory, the CPU */
  AS_LAB_STOPPED = 75 /* as_lab_stop was called, or the `stop` of the options said so */
};

/* --- the lab ------------------------------------------------------------------------------------------------------ */

typedef struct as_lab as_lab;

typedef struct as_lab_options {
  size_t size; /* sizeof(as_lab_options) */
  int threads; /* 0 = as many as processors; never changes a result */
  const char *
      cpu; /* an instruction set to use at most, NULL = the best: "ref", "portable", "avx2", "avx512", "neon" */
  const char *profile; /* NULL = "f32-1"; "bf16-1" */
  void (*remark)(void *ctx,
                 const char *line); /* what the command line says on standard error; NULL = nobody hears it */
  void (*progress)(void *ctx, const char *what, size_t done, size_t total); /* between batches, or NULL */
  int (*stop)(void *ctx); /* asked between batches: not 0 = stop; or NULL */
  void *ctx;
} as_lab_options;

AS_API const char *as_lab_version(void); /* "0.1.0" */
AS_API int as_lab_abi(void);
/* options: NULL = all 0. *out is NULL only without memory: after any other failure it is a lab whose one use is
 * as_lab_error. AS_LAB_USAGE: unknown names, or another CPU or profile than an earlier lab's. */
AS_API int as_lab_open(as_lab **out, const as_lab_options *options);
AS_API void as_lab_close(as_lab *lab);
AS_API const char *as_lab_error(
    const as_lab *lab);                  /* of the last call that failed; "" = none has. NULL: no memory */
AS_API void as_lab_stop(as_lab *lab);    /* from any thread or signal handler: work under way returns */
AS_API const char *as_lab_cpu(void);     /* in use: "avx512" */
AS_API const char *as_lab_profile(void); /* in use: "f32-1" */

/* --- backbones ---------------------------------------------------------------------------------------------------- */

typedef struct as_lab_net as_lab_net;

typedef struct as_lab_net_options { /* NULL members: found in the checkpoint, as `assay inspect` tells */
  size_t size;
  const char *recipe, *arch, *preset; /* as --recipe, --arch, --preset */
} as_lab_net_options;

/* A checkpoint as published: PyTorch, safetensors, npz, TensorFlow. options may be NULL. */
AS_API int as_lab_net_open(as_lab *lab, as_lab_net **out, const char *path,
                           const as_lab_net_options *options);
AS_API void as_lab_net_close(as_lab_net *net);
AS_API size_t as_lab_net_dim(const as_lab_net *net);  /* floats per row of features */
AS_API size_t as_lab_net_side(const as_lab_net *net); /* pixels of the square input */
AS_API const char *as_lab_net_arch(const as_lab_net *net);
AS_API const char *as_lab_net_recipe(const as_lab_net *net);
AS_API const char *as_lab_net_preset(const as_lab_net *net);  /* the preprocessing, spelled out */
AS_API const char *as_lab_net_assumed(const as_lab_net *net); /* what the file could not tell, or "" */
AS_API const char *as_lab_net_sha256(const as_lab_net *net);  /* of the checkpoint's bytes */
/* An encoded image (JPEG, PNG, PPM) of n bytes through the preset and the network: features[as_lab_net_dim]. */
AS_API int as_lab_net_encoded(as_lab_net *net, const void *bytes, size_t n, float *features);
/* The same from pixels, rgb[height][width][3]. */
AS_API int as_lab_net_rgb(as_lab_net *net, const uint8_t *rgb, int width, int height, float *features);
/* Tensors that were prepared elsewhere: images[n][side][side][3], normalised, to features[n][dim]. */
AS_API int as_lab_net_tensor(as_lab_net *net, const float *images, size_t n, float *features);

/* --- data sets ---------------------------------------------------------------------------------------------------- */

typedef struct as_lab_images as_lab_images;

typedef struct as_lab_images_options { /* as the options of the same name on the command line */
  size_t size;
  const char *task, *classes, *labels, *real, *subset;
  int64_t limit, per_class_from, per_class_to; /* 0 = all */
} as_lab_images_options;

/* A folder, an archive, an image, a list "@list.txt": as --data. Reads no image. options may be NULL. */
AS_API int as_lab_images_open(as_lab *lab, as_lab_images **out, const char *path,
                              const as_lab_images_options *options);
AS_API void as_lab_images_close(as_lab_images *images);
AS_API size_t as_lab_images_count(const as_lab_images *images);
AS_API size_t as_lab_images_classes(const as_lab_images *images); /* 0 = without labels */
AS_API const char *as_lab_images_name(const as_lab_images *images, size_t i);
AS_API int as_lab_images_label(const as_lab_images *images, size_t i); /* -1 = none */
AS_API const char *as_lab_images_class(const as_lab_images *images, size_t c);

/* --- features ----------------------------------------------------------------------------------------------------- */

typedef struct as_lab_rows as_lab_rows;

/* The features of every image. An unreadable one keeps its row, of NaN: as_lab_rows_why says why. The images stay open
 * as long as the rows. */
AS_API int as_lab_rows_compute(as_lab_net *net, as_lab_images *images, as_lab_rows **out);
/* Rows from elsewhere, copied: x[n][d]; label[n] below `classes`, negative = none, or NULL = no labels. */
AS_API int as_lab_rows_copy(as_lab *lab, as_lab_rows **out, const float *x, const int *label, size_t n,
                            size_t d, size_t classes);
/* F.npy or F.safetensors with F.tsv beside it, as `assay features` writes them. */
AS_API int as_lab_rows_read(as_lab *lab, as_lab_rows **out, const char *path);
/* Such a pair of files, of computed rows; AS_LAB_USAGE for others. */
AS_API int as_lab_rows_write(const as_lab_rows *rows, const char *path);
AS_API void as_lab_rows_close(as_lab_rows *rows);
AS_API size_t as_lab_rows_count(const as_lab_rows *rows);
AS_API size_t as_lab_rows_dim(const as_lab_rows *rows);
AS_API const float *as_lab_rows_data(const as_lab_rows *rows); /* [count][dim] */
AS_API int as_lab_rows_label(const as_lab_rows *rows, size_t i);
AS_API const char *as_lab_rows_why(const as_lab_rows *rows, size_t i); /* NULL = the row is good */

/* --- heads and neighbours ----------------------------------------------------------------------------------------- */

typedef struct as_lab_head as_lab_head;

typedef struct as_lab_fit { /* how a fit ended */
  int converged;            /* proved: the loss is within 3e-7 of its minimum, relative */
  double loss, bound;       /* sum of losses and penalty; part of it by which it may lie above the minimum */
  int iterations;
} as_lab_fit;

/* The checkpoint's own classifier. */
AS_API int as_lab_head_own(as_lab_net *net, as_lab_head **out);
/* A file with weight and bias for features of `dim` floats: what `assay probe -o`, as_lab_head_write or PyTorch wrote. */
AS_API int as_lab_head_read(as_lab *lab, as_lab_head **out, const char *path, size_t dim);
/* Multinomial logistic regression with scikit-learn's C. fit may be NULL. */
AS_API int as_lab_head_fit(const as_lab_rows *rows, double c, as_lab_head **out, as_lab_fit *fit);
AS_API int as_lab_head_write(const as_lab_head *head, const char *path);
AS_API void as_lab_head_close(as_lab_head *head);
AS_API size_t as_lab_head_outputs(const as_lab_head *head);
AS_API int as_lab_head_class(const as_lab_head *head,
                             size_t output); /* the class that an output stands for */
AS_API const char *as_lab_head_class_name(const as_lab_head *head,
                                          size_t output); /* NULL = known by number alone */
/* x[n][dim] to logits[n][outputs]. */
AS_API int as_lab_head_logits(const as_lab_head *head, const float *x, size_t n, float *logits);
/* Weighted k-NN: top[count of query][5] classes, the nearest first, -1 past the last one that has a vote. k 0 = 20,
 * temperature 0 = 0.07. */
AS_API int as_lab_rows_knn(const as_lab_rows *train, const as_lab_rows *query, int k, double temperature,
                           int *top);

/* --- statistics of counts ----------------------------------------------------------------------------------------- */

/* Wilson's interval of k right among n. */
AS_API void as_lab_wilson(int64_t k, int64_t n, double confidence, double *low, double *high);
/* McNemar's exact p: b images that only the first model has right, c only the second. */
AS_API double as_lab_mcnemar(int64_t b, int64_t c);
/* Holm's adjusted p values, in the order of p[n]. */
AS_API int as_lab_holm(as_lab *lab, const double *p, size_t n, double *adjusted);
AS_API double as_lab_kendall(const double *x, const double *y, size_t n); /* tau-b */

/* --- finished runs ------------------------------------------------------------------------------------------------ */

typedef struct as_lab_record as_lab_record;

typedef struct as_lab_cell { /* a model on a set */
  int64_t n_expected, n_used, n_failed, top1_correct, top5_correct;
  double top1, top1_low, top1_high; /* fractions, with the 95 % interval */
} as_lab_cell;

/* What `assay run -o` left at `path`. */
AS_API int as_lab_record_open(as_lab *lab, as_lab_record **out, const char *path);
AS_API void as_lab_record_close(as_lab_record *record);
AS_API size_t as_lab_record_models(const as_lab_record *record);
AS_API size_t as_lab_record_sets(const as_lab_record *record);
AS_API const char *as_lab_record_model(const as_lab_record *record, size_t m);
AS_API const char *as_lab_record_set(const as_lab_record *record, size_t s);
/* AS_LAB_INPUT: model m was not measured on set s, and why. */
AS_API int as_lab_record_cell(const as_lab_record *record, size_t m, size_t s, as_lab_cell *cell);

#ifdef __cplusplus
}
#endif
#endif
