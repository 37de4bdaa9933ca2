/* A training in words, and what it takes to run it. The command line, a section of a plan and the metadata of a
 * checkpoint say the same words, and the same words give the same checkpoint, byte for byte. */
#ifndef AS_EVAL_PRETRAIN_TRAINING_H
#define AS_EVAL_PRETRAIN_TRAINING_H

#include "eval/pretrain/pretrain.h"
#include "tensor/base/text.h"
#include "weights/containers/state.h"

/* The miniature's network: what is trained where nothing is said. */
#define AS_TRAINING_ARCH "resnet18:blocks=1-1-1,base=16,stem=3x3s2"

/* How often the images are seen where nothing is said: enough for the best method to pass the probe's labels alone on the
 * drawn world, which it does not with half of them (weights/miniature/README.md says how that was seen). */
#define AS_TRAINING_EPOCHS 32

/* Texts are borrowed. */
typedef struct as_training {
  const char *method; /* of as_ssl_methods */
  const char *arch;   /* NULL: the miniature's network */
  const char *preset; /* of evaluation; NULL: five quarters of the views' side, down to whole patches */
  const char *values; /* "NAME=VALUE,..." of hyper-parameters; NULL: none but the defaults */
  int64_t size;       /* side of the views in pixels; 0: 32 */
  int64_t batch;      /* images of a step; 0: 128 */
  int64_t epochs;     /* 0: AS_TRAINING_EPOCHS */
  int64_t seed;       /* of weights, order and views */
  bool half;          /* the checkpoint holds float16 */
  bool lenient;       /* images that cannot be read are left out and counted */
  as_dataset_opts
      data; /* its path may also be a drawn world: "world[:seed=S,size=PIXELS,classes=N,per-class=N]" */
  const char *data_said,
      *command;       /* what the metadata say of them; NULL: it is put together from the above */
  const char *images; /* SHA-256 that the list of images must have; NULL: any */
} as_training;

/* Ready to run: opts for as_pretrain, but for folder, monitor and watch. */
typedef struct as_training_open {
  as_pretrain_opts opts;
  as_dataset *data;
  as_str said, command;
  char *values;
} as_training_open;

/* Appends what the metadata say of the images and the command, without opening anything (command NULL: not wanted). */
as_status as_training_words(const as_training *t, as_str *said, as_str *command, as_err *err);

/* Does the checkpoint at path say that it came from this command, with the values that its hyper-parameters have now? A
 * default may have changed since. Its images are not looked at. */
bool as_training_is_done(const char *path, const as_training *t, const char *command);

/* Would it start? AS_E_USAGE: not with these words; AS_E_INPUT: its images are not there. Draws and trains nothing. */
as_status as_training_try(const as_training *t, as_err *err);

/* Images of a training without drawing them, and its epochs; seconds: about how long, from a small training of the same
 * method on made pictures, which takes a second or a few; drawing: about how long its world takes before that, from a few of
 * its pictures, 0 where none is drawn. AS_E_USAGE, AS_E_INPUT as as_training_start. */
typedef struct as_training_cost {
  size_t images, epochs;
  const char *title; /* of the method */
  double seconds, drawing;
} as_training_cost;
as_status as_training_estimate(as_training_cost *cost, const as_training *t, as_err *err);

/* Opens the images and puts the command together. A drawn world is drawn into `world_dir`, once: a world of the same
 * words that is there already serves. AS_E_USAGE: an unknown method or parameter, words of a world that are none;
 * AS_E_INPUT: images that are not there. Close it in failure, too. */
as_status as_training_start(as_training_open *o, const as_training *t, const char *world_dir, as_err *err);
void as_training_close(as_training_open *o);

/* Is this path a drawn world's? */
bool as_training_is_world(const char *path);
/* Is the world of these words drawn in world_dir? */
bool as_training_is_drawn(const char *world_dir, const char *words);

/* The training that the metadata of a checkpoint tell; its texts point into *owned, which is released with as_free.
 * data.path is NULL where the images were not drawn: whoever asks must say where they are. AS_E_INPUT: the file does
 * not say how it was trained. */
as_status as_training_of_checkpoint(as_training *t, char **owned, const as_state *checkpoint, as_err *err);

/* Removes what a training leaves in its folder, a world drawn into DIR/world among it, and the folder if nothing else
 * is in it. */
void as_training_remove(const char *dir);

#endif
