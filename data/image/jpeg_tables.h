/* The example tables of the JPEG standard (ITU-T T.81 annex K), which most files use. */
#ifndef AS_DATA_IMAGE_JPEG_TABLES_H
#define AS_DATA_IMAGE_JPEG_TABLES_H

#include <stdint.h>

/* [0] luminance, [1] chrominance. Quantisation in natural order; Huffman: number of codes of each
 * length 1..16, then the values. */
extern const uint8_t as_jpeg_std_quant[2][64];
extern const uint8_t as_jpeg_std_dc_bits[2][16], as_jpeg_std_dc_val[2][12];
extern const uint8_t as_jpeg_std_ac_bits[2][16], as_jpeg_std_ac_val[2][162];

/* Zigzag position to natural index; positions past 63 (runs in damaged data) give 63, as in libjpeg.
 * as_jpeg_natural_after[k] = as_jpeg_natural[k - 1], and 64 for what an end-of-block entry reaches. */
extern const uint8_t as_jpeg_natural[80];
extern const uint8_t as_jpeg_natural_after[160];

#endif
