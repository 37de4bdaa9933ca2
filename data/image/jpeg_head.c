/* Markers and headers (T.81 annex B).
 *
 * What is an error and what is a warning follows libjpeg (jdmarker.c, jdinput.c, jdapimin.c): an error is always
 * refused, a warning only in strict mode. */
#include <string.h>

#include "data/image/jpeg_int.h"
#include "data/image/jpeg_tables.h"

/* The parameters of a marker segment, without its length bytes. */
static as_status segment(as_jpeg *j, as_reader *r, as_err *err) {
  if (j->n - j->pos < 2) return as_jpeg_bad(j, err, "the file ends inside a marker segment");
  size_t len = as_be16(j->src + j->pos);
  if (len < 2) return as_jpeg_bad(j, err, "a marker segment of length %zu, at least 2 is needed", len);
  if (len > j->n - j->pos)
    return as_jpeg_bad(j, err, "a marker segment of %zu bytes, %zu are left", len, j->n - j->pos);
  *r = (as_reader){j->src + j->pos + 2, len - 2, 0};
  j->pos += len;
  return AS_OK;
}

static as_status read_dqt(as_jpeg *j, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  while (s == AS_OK && as_rd_left(&r) > 0) {
    const uint8_t *head = as_rd_take(&r, 1);
    int wide = *head >> 4 ? 2 : 1, id = *head & 15;
    const uint8_t *q = as_rd_take(&r, (size_t)64 * (size_t)wide);
    if (id > 3) return as_jpeg_bad(j, err, "quantisation table %d, at most 3 is legal", id);
    if (!q) return as_jpeg_bad(j, err, "a quantisation table segment ends too early");
    for (int i = 0; i < 64; i++) j->dqt[id][as_jpeg_natural[i]] = wide == 2 ? as_be16(q + 2 * i) : q[i];
    j->has_dqt[id] = true;
  }
  return s;
}

static as_status read_dht(as_jpeg *j, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  while (s == AS_OK && as_rd_left(&r) > 0) {
    const uint8_t *head = as_rd_take(&r, 17);
    if (!head) return as_jpeg_bad(j, err, "a Huffman table segment ends too early");
    int id = head[0] & 15, kind = head[0] >> 4;
    size_t count = 0;
    for (int i = 1; i <= 16; i++) count += head[i];
    const uint8_t *val = count <= 256 ? as_rd_take(&r, count) : NULL;
    if (!val)
      return as_jpeg_bad(j, err, "a Huffman table of %zu codes, %zu bytes are left", count, as_rd_left(&r));
    if (kind > 1 || id > 3) return as_jpeg_bad(j, err, "Huffman table class %d number %d", kind, id);
    j_dht *t = kind ? &j->ac[id] : &j->dc[id];
    memset(t, 0, sizeof *t);
    t->present = true;
    memcpy(t->bits + 1, head + 1, 16);
    memcpy(t->val, val, count);
  }
  return s;
}

static as_status read_dri(as_jpeg *j, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  if (s != AS_OK) return s;
  if (r.size != 2)
    return as_jpeg_bad(j, err, "a restart interval segment of %zu bytes, 2 are wanted", r.size);
  j->restart_interval = as_be16(r.data);
  return AS_OK;
}

/* APP0 "JFIF" and APP14 "Adobe" decide the colour space; everything else is passed over, EXIF and
 * its orientation too. */
static as_status read_app(as_jpeg *j, int marker, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  if (s != AS_OK) return s;
  if (marker == J_M_APP0 && r.size >= 14 && memcmp(r.data, "JFIF", 5) == 0) j->saw_jfif = true;
  if (marker == J_M_APP14 && r.size >= 12 && memcmp(r.data, "Adobe", 5) == 0) {
    j->saw_adobe = true;
    j->adobe_transform = r.data[11];
  }
  return AS_OK;
}

static as_status read_frame(as_jpeg *j, int marker, as_err *err) {
  if (marker > J_M_SOF2) {
    const char *what = marker >= 0xc9 ? "arithmetic-coded" : marker == 0xc3 ? "lossless" : "hierarchical";
    return as_jpeg_bad(j, err, "%s JPEG (SOF%d); baseline and progressive Huffman-coded files are read", what,
                       marker - J_M_SOF0);
  }
  as_reader r;
  as_status s = segment(j, &r, err);
  if (s != AS_OK) return s;
  const uint8_t *f = as_rd_take(&r, 6);
  if (j->saw_frame) return as_jpeg_bad(j, err, "a second frame header");
  if (!f) return as_jpeg_bad(j, err, "a frame header that ends too early");
  j->saw_frame = true;
  j->progressive = marker == J_M_SOF2;
  j->h = as_be16(f + 1);
  j->w = as_be16(f + 3);
  j->ncomp = f[5];
  if (f[0] != 8) return as_jpeg_bad(j, err, "%d bits per sample, 8 are read", f[0]);
  if (j->w == 0 || j->h == 0 || j->ncomp == 0)
    return as_jpeg_bad(j, err, "an empty image, %d x %d, %d components", j->w, j->h, j->ncomp);
  if (as_rd_left(&r) != (size_t)j->ncomp * 3)
    return as_jpeg_bad(j, err, "a frame header of the wrong length");
  if (j->ncomp == 2 || j->ncomp > 4)
    return as_jpeg_bad(j, err, "%d components; 1, 3 and 4 are read", j->ncomp);
  if (j->w > AS_JPEG_MAX_SIDE || j->h > AS_JPEG_MAX_SIDE || (int64_t)j->w * j->h > AS_JPEG_MAX_PIXELS)
    return as_jpeg_bad(j, err, "%d x %d pixels, the limit is %d a side and %lld in all", j->w, j->h,
                       AS_JPEG_MAX_SIDE, (long long)AS_JPEG_MAX_PIXELS);
  j->hmax = j->vmax = 1;
  for (int i = 0; i < j->ncomp; i++) {
    const uint8_t *c = as_rd_take(&r, 3);
    j_comp *k = &j->comp[i];
    k->id = c[0];
    k->h = c[1] >> 4;
    k->v = c[1] & 15;
    k->tq = c[2];
    if (k->h < 1 || k->h > 4 || k->v < 1 || k->v > 4)
      return as_jpeg_bad(j, err, "sampling factors %d x %d, 1 to 4 are legal", k->h, k->v);
    if (k->h > j->hmax) j->hmax = k->h;
    if (k->v > j->vmax) j->vmax = k->v;
  }
  int mcus_w = (j->w + 8 * j->hmax - 1) / (8 * j->hmax), mcus_h = (j->h + 8 * j->vmax - 1) / (8 * j->vmax);
  for (int i = 0; i < j->ncomp; i++) {
    j_comp *k = &j->comp[i];
    k->w = (j->w * k->h + j->hmax - 1) / j->hmax;
    k->rows = (j->h * k->v + j->vmax - 1) / j->vmax;
    k->blocks_w = (k->w + 7) / 8;
    k->blocks_h = (k->rows + 7) / 8;
    k->padded_w = mcus_w * k->h + 1;
    k->padded_h = mcus_h * k->v;
    memset(k->coef_bits, -1, sizeof k->coef_bits);
  }
  return as_jpeg_up_plan(j, err);
}

/* What libjpeg's default_decompress_parms guesses. */
static void choose_colour(as_jpeg *j) {
  const j_comp *c = j->comp;
  if (j->ncomp == 1) {
    j->colour = J_GRAY;
  } else if (j->ncomp == 4) {
    j->colour = !j->saw_adobe || j->adobe_transform == 0 ? J_CMYK : J_YCCK;
  } else if (j->saw_jfif) {
    j->colour = J_YCC;
  } else if (j->saw_adobe) {
    j->colour = j->adobe_transform == 0 ? J_RGB : J_YCC;
  } else {
    j->colour = c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B' ? J_RGB : J_YCC;
  }
}

static as_status read_scan_header(as_jpeg *j, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  if (s != AS_OK) return s;
  if (!j->saw_frame) return as_jpeg_bad(j, err, "a scan before the frame header");
  const uint8_t *p = r.data;
  int n = r.size > 0 ? p[0] : 0;
  if (n < 1 || n > 4 || r.size != (size_t)n * 2 + 4)
    return as_jpeg_bad(j, err, "a scan header of the wrong length");
  if (++j->scans > AS_JPEG_MAX_SCANS) return as_jpeg_bad(j, err, "more than %d scans", AS_JPEG_MAX_SCANS);
  const j_comp *taken[4] = {NULL, NULL, NULL, NULL};
  j->nscan = n;
  for (int i = 0; i < n; i++) {
    int id = p[1 + 2 * i], at = 0;
    /* libjpeg's rule: the component with this id whose own slot is still free. */
    while (at < j->ncomp && (j->comp[at].id != id || taken[at])) at++;
    bool twice = false;
    for (int k = 0; at < j->ncomp && k < i; k++) twice = twice || j->scan[k] == &j->comp[at];
    if (at == j->ncomp || twice)
      return as_jpeg_bad(
          j, err, "a scan names component %d, which the frame does not have or the scan has already", id);
    j_comp *c = &j->comp[at];
    taken[i] = j->scan[i] = c;
    c->dc_table = p[2 + 2 * i] >> 4;
    c->ac_table = p[2 + 2 * i] & 15;
  }
  p += 1 + 2 * n;
  j->ss = p[0];
  j->se = p[1];
  j->ah = p[2] >> 4;
  j->al = p[2] & 15;
  j->next_restart = 0;
  if (j->scans == 1) {
    j->multi_scan = j->progressive || n < j->ncomp;
    choose_colour(j);
  }
  int blocks = 0;
  for (int i = 0; i < n; i++) blocks += j->scan[i]->h * j->scan[i]->v;
  if (n > 1 && blocks > 10) return as_jpeg_bad(j, err, "%d blocks in an MCU, at most 10 are legal", blocks);
  for (int i = 0; i < n; i++) {
    j_comp *c = j->scan[i];
    if (c->has_quant) continue;
    if (c->tq > 3 || !j->has_dqt[c->tq])
      return as_jpeg_bad(j, err, "component %d uses quantisation table %d, which is not defined", c->id,
                         c->tq);
    for (int k = 0; k < 64; k++) {
      const int q = j->dqt[c->tq][k];
      c->quant[k] = (uint16_t)q;
      c->quant[64 + k] = (uint16_t)(q == 0 ? 32768 : 16383 / q);
    }
    c->has_quant = true;
  }
  return AS_OK;
}

/* Markers up to the next scan or the end of the image. */
as_status as_jpeg_read_markers(as_jpeg *j, int *found, as_err *err) {
  for (;;) {
    int m = 0;
    as_status s = as_jpeg_next_marker(j, &m, err);
    if (s != AS_OK) return s;
    if (m == J_M_SOS || m == J_M_EOI) {
      *found = m;
      return m == J_M_SOS ? read_scan_header(j, err) : AS_OK;
    }
    as_reader skipped;
    if (m == J_M_SOI)
      s = as_jpeg_bad(j, err, "a second start-of-image marker");
    else if (m == J_M_DHT)
      s = read_dht(j, err);
    else if (m == J_M_DQT)
      s = read_dqt(j, err);
    else if (m == J_M_DRI)
      s = read_dri(j, err);
    else if (m == J_M_DAC || m == J_M_DNL || m == J_M_COM)
      s = segment(j, &skipped, err);
    else if (m == J_M_JPG)
      s = as_jpeg_bad(j, err, "marker 0x%02x is reserved", (unsigned)m);
    else if (m >= J_M_SOF0 && m <= J_M_SOF15)
      s = read_frame(j, m, err);
    else if (m >= J_M_APP0 && m <= J_M_APP15)
      s = read_app(j, m, err);
    else if (m != J_M_TEM && (m < J_M_RST0 || m > J_M_RST7))
      s = as_jpeg_bad(j, err, "marker 0x%02x is not known", (unsigned)m);
    if (s != AS_OK) return s;
  }
}
