/* Files that are no checkpoint, or one of another tool: by name, with what to do. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/text.h"
#include "weights/containers/state_int.h"

typedef struct foreign_kind {
  const char *magic;
  size_t at, n; /* where the magic stands, and its length */
  const char *what, *todo;
} foreign_kind;

#define UNPACK "unpack it and name the checkpoint in it"
#define FROM_KERAS \
  "load it in Keras and save its weights as .npz or .safetensors under torchvision's or timm's names"
#define OTHER_RUNTIME \
  "an exported graph holds no names of layers: take the training framework's checkpoint it was made from"
#define IMAGE "give it to --data; --weights takes a checkpoint"

static const foreign_kind kinds[] = {
    {"\x89HDF\r\n\x1a\n", 0, 8, "an HDF5 file (Keras weights)", FROM_KERAS},
    {"GGUF", 0, 4, "a GGUF file (llama.cpp)", "take the torch or safetensors files that it was made from"},
    {"TFL3", 4, 4, "a TFLite model", OTHER_RUNTIME},
    {"\x93NUMPY", 0, 6, "a .npy array, one without a name", "save named arrays with numpy.savez"},
    {"\x1f\x8b", 0, 2, "gzip-compressed", UNPACK},
    {"BZh", 0, 3, "bzip2-compressed", UNPACK},
    {"\xfd"
     "7zXZ",
     0, 5, "xz-compressed", UNPACK},
    {"\x28\xb5\x2f\xfd", 0, 4, "zstd-compressed", UNPACK},
    {"7z\xbc\xaf\x27\x1c", 0, 6, "a 7-Zip archive", UNPACK},
    {"Rar!", 0, 4, "a RAR archive", UNPACK},
    {"\xff\xd8\xff", 0, 3, "a JPEG image", IMAGE},
    {"\x89PNG", 0, 4, "a PNG image", IMAGE},
    {"GIF8", 0, 4, "a GIF image", "images are JPEG or PNG here, and go to --data"},
    {"WEBP", 8, 4, "a WebP image", "images are JPEG or PNG here, and go to --data"},
    {"II*\0", 0, 4, "a TIFF image", "images are JPEG or PNG here, and go to --data"},
    {"MM\0*", 0, 4, "a TIFF image", "images are JPEG or PNG here, and go to --data"},
    {"PAR1", 0, 4, "a Parquet table", "wanted weights, not data"},
    {"ARROW1", 0, 6, "an Arrow table", "wanted weights, not data"},
    {"SQLite format 3", 0, 15, "an SQLite database", "wanted weights, not data"},
    {"%PDF", 0, 4, "a PDF document", "wanted weights"},
    {"\x7f"
     "ELF",
     0, 4, "a program", "wanted weights"},
};

static const char reads[] = "wanted a checkpoint (torch, safetensors, npz, pickle, TensorFlow V2)";

static bool begins_nocase(const uint8_t *d, size_t n, const char *word) {
  const size_t k = strlen(word);
  if (n < k) return false;
  for (size_t i = 0; i < k; i++)
    if ((d[i] >= 'A' && d[i] <= 'Z' ? d[i] + 32 : d[i]) != (uint8_t)word[i]) return false;
  return true;
}

/* The first words of a text, one line of at most 90 characters; false where the bytes are no text. */
static bool first_words(const uint8_t *d, size_t n, char out[96]) {
  size_t k = 0;
  for (size_t i = 0; i < n && i < 256; i++)
    if (d[i] == 0 || (d[i] < 32 && !strchr("\t\n\r\f", d[i])) || d[i] == 127) return false;
  for (size_t i = 0; i < n && k < 90; i++) {
    const bool blank = strchr(" \t\n\r\f", d[i]) != NULL;
    if (blank && (k == 0 || out[k - 1] == ' ')) continue;
    out[k++] = blank ? ' ' : d[i] < 128 ? (char)d[i] : '?';
  }
  while (k > 0 && out[k - 1] == ' ') k--;
  out[k] = 0;
  return k > 0;
}

/* An ONNX ModelProto: field 1 (ir_version) of a few, then the producer's name (2), the graph (7) or the opsets (8). */
static bool is_onnx(const uint8_t *d, size_t n) {
  return n > 16 && d[0] == 0x08 && d[1] >= 1 && d[1] <= 30 &&
         ((d[2] == 0x12 && d[3] < 64 && d[4] >= 'A' && d[4] <= 'z') || d[2] == 0x3a || d[2] == 0x42);
}

/* A msgpack map whose first key is a short text: Flax. */
static bool is_msgpack(const uint8_t *d, size_t n) {
  return n > 4 && d[0] >= 0x81 && d[0] <= 0x8f && d[1] >= 0xa1 && d[1] <= 0xbf && d[2] >= 'a' && d[2] <= 'z';
}

static as_status refuse_text(const uint8_t *d, size_t n, const char *label, const char *words, as_err *err) {
  const char *what = "text", *todo = "";
  size_t p = 0;
  while (p < n && strchr(" \t\n\r", d[p])) p++;
  if (begins_nocase(d + p, n - p, "<!doctype html") || begins_nocase(d + p, n - p, "<html")) {
    what = "an HTML page";
    todo = " (a failed download?)";
  } else if (p < n && d[p] == '<') {
    what = "XML";
    todo = " (a failed download?)";
  } else if (p < n && (d[p] == '{' || d[p] == '[')) {
    what = "JSON";
  } else if (begins_nocase(d + p, n - p, "version https://git-lfs")) {
    what = "a git-lfs pointer, not the file itself";
    todo = " (git lfs pull fetches it)";
  }
  return as_fail(err, AS_E_INPUT, "%s: this is %s: \"%s\"%s; %s", label, what, words, todo, reads);
}

as_status as_foreign_named(const uint8_t *d, size_t n, const char *label, as_err *err) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const foreign_kind *k = &kinds[i];
    if (n >= k->at + k->n && memcmp(d + k->at, k->magic, k->n) == 0)
      return as_fail(err, AS_E_INPUT, "%s: this is %s: %s", label, k->what, k->todo);
  }
  if (is_onnx(d, n)) return as_fail(err, AS_E_INPUT, "%s: this is an ONNX model: %s", label, OTHER_RUNTIME);
  if (is_msgpack(d, n))
    return as_fail(err, AS_E_INPUT,
                   "%s: this is a msgpack file (Flax): save its parameters with safetensors.flax", label);
  return AS_OK;
}

as_status as_foreign_refuse(const uint8_t *d, size_t n, const char *label, as_err *err) {
  char words[96];
  as_status st = as_foreign_named(d, n, label, err);
  if (st != AS_OK) return st;
  if (first_words(d, n, words)) return refuse_text(d, n, label, words, err);
  return as_fail(err, AS_E_INPUT, "%s: first bytes %02x %02x %02x %02x are of no kind that is known; %s",
                 label, d[0], n > 1 ? d[1] : 0u, n > 2 ? d[2] : 0u, n > 3 ? d[3] : 0u, reads);
}

as_status as_foreign_tar(const uint8_t *d, const char *label, as_err *err) {
  char member[101];
  snprintf(member, sizeof member, "%.100s", (const char *)d);
  for (char *p = member; *p; p++)
    if ((unsigned char)*p < 32 || (unsigned char)*p > 126) *p = '?';
  return as_fail(err, AS_E_INPUT, "%s: this is a tar archive (its first member is \"%s\"): " UNPACK, label,
                 member);
}
