/* What data sets also come as, and is not read here: by name, with what to do. */
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/text.h"

#define UNPACK "; unpack it and name the folder"
#define EXPORT "; export its images to class folders"

static const struct {
  const char *suffix;
  const char *magic; /* the first bytes; NULL: known by its suffix alone */
  size_t n, at;      /* of the magic, and where it is */
  const char *what;
} kinds[] = {
    {".xz",
     "\xfd"
     "7zXZ",
     6, 0, "xz compression" UNPACK},
    {".bz2", "BZh", 3, 0, "bzip2 compression" UNPACK},
    {".zst", "\x28\xb5\x2f\xfd", 4, 0, "Zstandard compression" UNPACK},
    {".lz4", "\x04\x22\x4d\x18", 4, 0, "LZ4 compression" UNPACK},
    {".Z", "\x1f\x9d", 2, 0, "compress(1) compression" UNPACK},
    {".7z", "7z\xbc\xaf\x27\x1c", 6, 0, "a 7-Zip archive" UNPACK},
    {".rar", "Rar!\x1a\x07", 6, 0, "a RAR archive" UNPACK},
    {".parquet", "PAR1", 4, 0, "a Parquet file (Hugging Face datasets)" EXPORT},
    {".arrow", "ARROW1", 6, 0, "an Arrow file (Hugging Face datasets)" EXPORT},
    {".mdb", "\xde\xc0\xef\xbe", 4, 16, "an LMDB database" EXPORT},
    {".h5", "\x89HDF\r\n\x1a\n", 8, 0, "an HDF5 file" EXPORT},
    {".hdf5", NULL, 0, 0, "an HDF5 file" EXPORT},
    {".tfrecord", NULL, 0, 0, "a TFRecord file" EXPORT},
    {".beton", NULL, 0, 0, "an FFCV file" EXPORT},
    {".rec", NULL, 0, 0, "a RecordIO file (MXNet)" EXPORT},
    {".npy", "\x93NUMPY", 6, 0, "a NumPy array" EXPORT},
    {".npz", NULL, 0, 0, "NumPy arrays" EXPORT},
    {".mat", "MATLAB 5.0", 10, 0, "a MATLAB file" EXPORT},
    {".pkl", "\x80\x02}q", 4, 0,
     "a Python pickle (CIFAR's Python version?); take the binary version of the set"},
    {".html", "<!DOCTYPE", 9, 0,
     "a web page, not data; the download asked for a login, or its address has changed"},
    {".htm", "<html", 5, 0,
     "a web page, not data; the download asked for a login, or its address has changed"},
    {".xml", "<?xml", 5, 0, "an XML text, not data; often it is the server's reason not to send the file"},
    {"", "version https://git-lfs", 23, 0, "a pointer of Git LFS, not the data; git lfs pull fetches it"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *as_source_advice(const char *name) {
  const char *dot = strrchr(name, '.');
  if (strstr(name, "cifar-10-batches-py/") || strstr(name, "cifar-100-python/"))
    return "Python's version of CIFAR; take the binary one (cifar-10-binary.tar.gz, cifar-100-binary.tar.gz)";
  for (size_t i = 0; dot && i < KINDS; i++) {
    if (*kinds[i].suffix && as_same_letters(dot, kinds[i].suffix)) return kinds[i].what;
  }
  return NULL;
}

as_status as_source_no_image(const char *path, as_err *err) {
  return strpbrk(path, "*?[") ? as_fail(err, AS_E_INPUT, "%s: no file matches this pattern", path)
                              : as_fail(err, AS_E_INPUT, "%s: no such image", path);
}

as_status as_source_refuse(const char *path, const uint8_t *p, size_t n, as_err *err) {
  for (size_t i = 0; i < KINDS; i++) {
    bool is = kinds[i].magic
                  ? n >= kinds[i].at + kinds[i].n && memcmp(p + kinds[i].at, kinds[i].magic, kinds[i].n) == 0
                  : as_ends_with(path, kinds[i].suffix);
    if (is) return as_fail(err, AS_E_INPUT, "%s: found %s", path, kinds[i].what);
  }
  return AS_OK;
}
