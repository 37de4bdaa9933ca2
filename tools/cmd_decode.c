/* decode and preprocess: one image, to look at or to compare with another program. */
#include "data/image/image.h"
#include "data/image/preset.h"
#include "eval/features/npy.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/say.h"

static as_status load_image(as_image *im, const as_args *a, as_err *err) {
  as_file f = {0};
  as_image_info info = {0};
  as_status s = as_file_open(&f, a->operand[0], err);
  if (s != AS_OK) return s;
  s = as_image_decode(im, f.data, f.size, a->set[OPT_LENIENT], &info, err);
  if (s != AS_OK)
    as_fail_in(err, "%s", a->operand[0]);
  else if (info.warnings)
    as_note("%s: %u warning%s, such as: %s", a->operand[0], info.warnings, info.warnings == 1 ? "" : "s",
            info.detail);
  as_file_close(&f);
  return s;
}

as_status as_cmd_decode(const as_args *a, as_err *err) {
  static const char *const suffixes[] = {".ppm", NULL};
  as_image im = {0};
  as_out o;
  as_status s = as_cli_suffix(OPT_OUTPUT, a->text[OPT_OUTPUT], suffixes, err);
  if (s == AS_OK) s = load_image(&im, a, err);
  if (s == AS_OK && (s = as_out_open(&o, a->text[OPT_OUTPUT], err)) == AS_OK) {
    as_out_printf(&o, "P6\n%d %d\n255\n", im.w, im.h);
    as_out_write(&o, im.rgb, (size_t)im.w * (size_t)im.h * 3);
    s = as_out_commit(&o, err);
  }
  as_image_clear(&im);
  return s;
}

as_status as_cmd_preprocess(const as_args *a, as_err *err) {
  static const char *const suffixes[] = {".npy", NULL};
  as_image im = {0};
  as_preset p;
  as_status s = as_cli_suffix(OPT_OUTPUT, a->text[OPT_OUTPUT], suffixes, err);
  if (s == AS_OK) s = as_preset_parse(&p, a->text[OPT_PRESET], err);
  if (s != AS_OK) return s;
  size_t side = (size_t)p.crop, plane = side * side;
  float *hwc = as_alloc(plane * 3, sizeof *hwc, err), *chw = as_alloc(plane * 3, sizeof *chw, err);
  s = hwc && chw ? load_image(&im, a, err) : AS_E_ENV;
  if (s == AS_OK && (s = as_preset_tensor(&p, &im, hwc, err)) != AS_OK) as_fail_in(err, "%s", a->operand[0]);
  if (s == AS_OK) {
    for (size_t i = 0; i < plane; i++)
      for (size_t c = 0; c < 3; c++) chw[c * plane + i] = hwc[i * 3 + c];
    const int64_t shape[3] = {3, p.crop, p.crop};
    s = as_npy_write_f32(a->text[OPT_OUTPUT], chw, shape, 3, err);
  }
  if (s == AS_OK) {
    char text[256];
    as_note("preset %s", as_preset_text(&p, text, sizeof text));
  }
  as_free(hwc);
  as_free(chw);
  as_image_clear(&im);
  return s;
}
