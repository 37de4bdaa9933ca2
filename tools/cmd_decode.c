/* decode and preprocess: one image, to look at or to compare with another program. */
#include "data/image/image.h"
#include "data/image/preset.h"
#include "eval/features/npy.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/say.h"

static void say_damage(const as_args *a, const as_image_info *info) {
  if (info->warnings)
    as_note("%s: %u warning%s, such as: %s", a->operand[0], info->warnings, info->warnings == 1 ? "" : "s",
            info->detail);
}

/* Row by row, so that the image is never whole in memory when its format allows that. */
static as_status write_ppm(as_image_rows *rows, as_image_info *info, as_out *o, as_err *err) {
  const size_t bytes = (size_t)info->w * 3;
  uint8_t *row = as_alloc(bytes, 1, err);
  as_status s = row ? as_image_rows_window(rows, 0, 0, info->w, info->h, err) : AS_E_ENV;
  as_out_printf(o, "P6\n%d %d\n255\n", info->w, info->h);
  for (int y = 0; s == AS_OK && y < info->h; y++) {
    s = as_image_rows_next(rows, 3, row, err);
    if (s == AS_OK) as_out_write(o, row, bytes);
  }
  as_free(row);
  return s == AS_OK ? as_image_rows_finish(rows, info, err) : s;
}

as_status as_cmd_decode(const as_args *a, as_err *err) {
  static const char *const suffixes[] = {".ppm", NULL};
  as_file f = {0};
  as_image_rows *rows = NULL;
  as_image_info info;
  as_out o;
  as_status s = as_cli_suffix(OPT_OUTPUT, a->text[OPT_OUTPUT], suffixes, err);
  if (s == AS_OK) s = as_file_open(&f, a->operand[0], err);
  if (s != AS_OK) return s;
  s = as_image_rows_open(&rows, f.data, f.size, a->set[OPT_LENIENT], &info, err);
  if (s != AS_OK) as_fail_in(err, "%s", a->operand[0]);
  if (s == AS_OK && (s = as_out_open(&o, a->text[OPT_OUTPUT], err)) == AS_OK) {
    s = write_ppm(rows, &info, &o, err);
    if (s != AS_OK) {
      as_fail_in(err, "%s", a->operand[0]);
      as_out_abort(&o);
    } else if ((s = as_out_commit(&o, err)) == AS_OK) {
      say_damage(a, &info);
    }
  }
  as_image_rows_close(&rows);
  as_file_close(&f);
  return s;
}

as_status as_cmd_preprocess(const as_args *a, as_err *err) {
  static const char *const suffixes[] = {".npy", NULL};
  as_file f = {0};
  as_preset p;
  as_image_info info;
  char text[256];
  as_status s = as_cli_suffix(OPT_OUTPUT, a->text[OPT_OUTPUT], suffixes, err);
  if (s == AS_OK) s = as_preset_parse(&p, a->text[OPT_PRESET], err);
  if (s == AS_OK) s = as_file_open(&f, a->operand[0], err);
  if (s != AS_OK) return s;
  size_t side = (size_t)p.crop, plane = side * side;
  float *hwc = as_alloc(plane * 3, sizeof *hwc, err), *chw = as_alloc(plane * 3, sizeof *chw, err);
  s = hwc && chw ? AS_OK : AS_E_ENV;
  if (s == AS_OK && (s = as_preset_load(&p, f.data, f.size, a->set[OPT_LENIENT], hwc, &info, err)) != AS_OK)
    as_fail_in(err, "%s", a->operand[0]);
  if (s == AS_OK) {
    for (size_t i = 0; i < plane; i++)
      for (size_t c = 0; c < 3; c++) chw[c * plane + i] = hwc[i * 3 + c];
    const int64_t shape[3] = {3, p.crop, p.crop};
    s = as_npy_write_f32(a->text[OPT_OUTPUT], chw, shape, 3, err);
  }
  if (s == AS_OK) {
    say_damage(a, &info);
    as_note("preset %s", as_preset_text(&p, text, sizeof text));
  }
  as_free(hwc);
  as_free(chw);
  as_file_close(&f);
  return s;
}
