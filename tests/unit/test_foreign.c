/* Files that are no checkpoint: named, with what to do; and archives around one. */
#include <stdlib.h>

#include "tensor/base/file.h"
#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/containers/state.h"

/* A zip around one legacy file, as OBoW's release; around itself, too often. */
static void wrapped(as_test *t) {
  as_str inner = {0}, outer = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  mk_tensor x = mk_whole;
  mk_legacy_file(&inner, &x, "0", 6, 24);
  for (int depth = 1; depth <= 4; depth++) {
    const mk_member m = {.name = "folder/model.pth.tar", .data = inner.s, .size = inner.n};
    const mk_zip z = {.m = &m, .n = 1};
    mk_zip_write(&outer, &z);
    as_status st = as_state_open_bytes(&s, outer.s, outer.n, "x.zip", &err);
    CHECK_INT(t, st, depth <= 2 ? AS_OK : AS_E_INPUT);
    if (s) CHECK(t, as_state_find(s, "a") != NULL);
    as_state_close(&s);
    as_str_clear(&inner);
    inner = outer;
    outer = (as_str){0};
  }
  as_str_clear(&inner);
}

static void refused(as_test *t, const void *bytes, size_t n, const char *want) {
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  CHECK_INT(t, as_state_open_bytes(&s, bytes, n, "x.pth", &err), AS_E_INPUT);
  if (!strstr(err.msg, want) || !as_starts_with(err.msg, "x.pth"))
    as_test_fail(t, __FILE__, __LINE__, "message \"%s\" lacks \"%s\"", err.msg, want);
}

#define B(text) text, sizeof(text) - 1
static void by_magic(as_test *t) {
  static const struct {
    const char *bytes;
    size_t n;
    const char *want;
  } files[] = {{B("\x89HDF\r\n\x1a\n rest of it"), "HDF5"},
               {B("GGUF\3\0\0\0"), "GGUF"},
               {B("\x20\0\0\0TFL3 and a flatbuffer"), "TFLite"},
               {B("\x08\x07\x12\x07pytorch\x1a\x05"
                  "2.1.0 graph"),
                "ONNX"},
               {B("\x81\xa6params\x82"), "msgpack"},
               {B("\x93NUMPY\1\0"), ".npy"},
               {B("\x1f\x8b\x08 gzip"), "gzip-compressed: unpack it"},
               {B("BZh91AY"), "bzip2"},
               {B("\xfd"
                  "7zXZ\0"),
                "xz-compressed"},
               {B("\x28\xb5\x2f\xfd...."), "zstd"},
               {B("7z\xbc\xaf\x27\x1c.."), "7-Zip"},
               {B("Rar!\x1a\7"), "RAR"},
               {B("\xff\xd8\xff\xe0 a photo"), "JPEG"},
               {B("\x89PNG\r\n\x1a\n"), "PNG"},
               {B("GIF89a...."), "GIF"},
               {B("RIFF....WEBPVP8 "), "WebP"},
               {B("II*\0...."), "TIFF"},
               {B("PAR1...."), "Parquet"},
               {B("\x7f"
                  "ELF...."),
                "a program"},
               {B("\1\2\3\4\5"), "first bytes 01 02 03 04"},
               {B("PK\x03\x04 and then nothing"), "end record"},
               {B(""), "empty"}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    refused(t, files[i].bytes, files[i].n, files[i].want);
}

/* Text is quoted: what the server said stands in it. */
static void texts(as_test *t) {
  static const char *const files[][2] = {
      {"404: Not Found", "this is text: \"404: Not Found\""},
      {"Hello, world", "text: \"Hello, world\""},
      {"<!DOCTYPE html><html>", "HTML page: \"<!DOCTYPE html><html>\" (a failed download?)"},
      {"  <HTML><title>Sign in</title>", "HTML page"},
      {"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>",
       "XML: \"<?xml version=\"1.0\"?> <Error><Code>AccessDenied"},
      {"<Error>NoSuchKey</Error>", "XML"},
      {"{\"error\": \"Repository not found\"}", "JSON: \"{\"error\": \"Repository not found\"}\""},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a",
       "git-lfs pointer, not the file itself: \"version"},
      {"Access to model X is restricted.\n", "Access to model X is restricted."},
      {"a\x1b[31m", "first bytes 61 1b"}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    refused(t, files[i][0], strlen(files[i][0]), files[i][1]);
}

/* A tar around a checkpoint, a TorchScript archive, a Keras archive, a module pickled whole. */
static void around(as_test *t) {
  as_str file = {0}, p = {0};
  char tar[1024] = "weights/model.pth";
  memcpy(tar + 257, "ustar", 6);
  refused(t, tar, sizeof tar, "tar archive (its first member is \"weights/model.pth\"): unpack it");
  mk_pickle_one(&p, &mk_whole);
  const mk_member script[3] = {{.name = "m/data.pkl", .data = p.s, .size = p.n},
                               {.name = "m/code/m.py", .data = "x", .size = 1},
                               {.name = "m/constants.pkl", .data = ".", .size = 1}};
  mk_zip_write(&file, &(mk_zip){.m = script, .n = 3});
  refused(t, file.s, file.n,
          "TorchScript archive, a program that would have to be run: save its weights alone");
  as_str_clear(&file);
  const mk_member keras[2] = {{.name = "config.json", .data = "{}", .size = 2},
                              {.name = "model.weights.h5", .data = "\x89HDF", .size = 4}};
  mk_zip_write(&file, &(mk_zip){.m = keras, .n = 2});
  refused(t, file.s, file.n, "Keras archive");
  as_str_clear(&file);
  as_str_clear(&p);
}

/* object.__reduce_ex__(2) of a torch.nn.Module: NEWOBJ and a state with _parameters and _modules. */
static void put_module(as_str *p) {
  as_str_put(p, "ctorchvision.models.resnet\nResNet\n)\x81}(");
  mk_text(p, "_parameters");
  as_str_put(p, "}");
  mk_text(p, "w");
  mk_tensor_put(p, &mk_whole);
  as_str_put(p, "s");
  mk_text(p, "_modules");
  as_str_put(p, "}ub");
}

static void modules(as_test *t) {
  as_str file = {0}, p = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  as_str_put(&p, "\x80\x02");
  put_module(&p);
  as_str_put(&p, ".");
  mk_torch(&file, &p, mk_six, 24, NULL, 0);
  refused(t, file.s, file.n, "a whole pickled module (torchvision.models.resnet.ResNet)");
  as_str_clear(&file);
  as_str_clear(&p);
  as_str_put(&p, "\x80\x02}("); /* beside a tensor: the tensor is there, the module's are not */
  mk_text(&p, "model");
  put_module(&p);
  mk_text(&p, "a");
  mk_tensor_put(&p, &mk_whole);
  as_str_put(&p, "u.");
  mk_torch(&file, &p, mk_six, 24, NULL, 0);
  CHECK_OK(t, as_state_open_bytes(&s, file.s, file.n, "x.pth", &err), err);
  if (s) {
    CHECK_INT(t, as_state_count(s), 1);
    CHECK(t, as_starts_with(as_state_trouble(s), "model is a whole pickled module"));
  }
  as_state_close(&s);
  as_str_clear(&file);
  as_str_clear(&p);
  as_str_put(&p,
             "\x80\x02"
             "ctorch.distributed.checkpoint.metadata\nMetadata\n)\x81}");
  mk_text(&p, "state_dict_metadata");
  as_str_put(&p, "}sb.");
  refused(t, p.s, p.n, "distributed checkpoint");
  as_str_clear(&p);
}

/* By path: missing, a folder without an index, one of shards of a distributed checkpoint. */
static void paths(as_test *t) {
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  char dir[512], path[600];
  CHECK_INT(t, as_state_open(&s, "/nonexistent/x.pth", &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "/nonexistent/x.pth") != NULL);
  CHECK_INT(t, as_state_open(&s, as_test_tmp(), &err), AS_E_INPUT);
  snprintf(dir, sizeof dir, "%s/dcp", as_test_tmp());
  CHECK_OK(t, as_make_dirs(dir, &err), err);
  snprintf(path, sizeof path, "%s/__0_0.distcp", dir);
  CHECK_OK(t, as_file_write(path, "x", 1, &err), err);
  CHECK_INT(t, as_state_open(&s, dir, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "dcp_to_torch") != NULL);
  CHECK_INT(t, as_state_open(&s, path, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "dcp_to_torch") != NULL);
  snprintf(dir, sizeof dir, "%s/saved", as_test_tmp());
  CHECK_OK(t, as_make_dirs(dir, &err), err);
  snprintf(path, sizeof path, "%s/saved_model.pb", dir);
  CHECK_OK(t, as_file_write(path, "x", 1, &err), err);
  CHECK_INT(t, as_state_open(&s, dir, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "variables/variables.index") != NULL);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"foreign by magic", by_magic}, {"foreign texts", texts},
                                  {"foreign archives", around},   {"foreign modules", modules},
                                  {"foreign paths", paths},       {"foreign zip in zip", wrapped}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
