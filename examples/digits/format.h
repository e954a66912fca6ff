/* SPDX-License-Identifier: MIT */
/* The two data files of the digits example, little endian, written by train.c. */
#ifndef DIGITS_FORMAT_H
#define DIGITS_FORMAT_H

#include <stdint.h>

#define DIGITS_SIDE	28 /* of an image */
#define DIGITS_PIXELS	784
#define DIGITS_CLASSES	10
#define DIGITS_LAYERS	3
#define DIGITS_CHANNELS 16 /* outputs of a layer, at most */

/*
 * The network: convolution 5x5 (28x28x1 to 24x24x8), maxima of 2x2, convolution 3x3 (12x12x8 to
 * 10x10x16), maxima of 2x2, fully connected (5x5x16 to 10). Convolutions end with ReLU.
 */
#define DIGITS_SIDE_0	 5 /* of the kernels of each layer */
#define DIGITS_KERNELS_0 8
#define DIGITS_SIDE_1	 3
#define DIGITS_KERNELS_1 16
#define DIGITS_SIDE_2	 5

/*
 * From a sum to 8 bits, as struct npu_conv2d_quantization says; all zero points are 0:
 *   value = (sum + bias) * scale / 2^14, at least 0 in the convolutions
 *   result = value * out_scale / 2^out_shift
 */
struct digits_quantization {
	uint32_t out_scale, out_shift;
	int32_t bias[DIGITS_CHANNELS];
	uint32_t scale[DIGITS_CHANNELS];
};

#define DIGITS_SCALE_SHIFT 14

/* weights.bin. Pixels are halved to 0 ... 127; the digit is the one with the highest result. */
struct digits_weights {
	char magic[8]; /* "DIGITSW2" */
	struct digits_quantization quantizations[DIGITS_LAYERS];
	int8_t weights_0[DIGITS_KERNELS_0][DIGITS_SIDE_0][DIGITS_SIDE_0][1];
	int8_t weights_1[DIGITS_KERNELS_1][DIGITS_SIDE_1][DIGITS_SIDE_1][DIGITS_KERNELS_0];
	int8_t weights_2[DIGITS_CLASSES][DIGITS_SIDE_2][DIGITS_SIDE_2][DIGITS_KERNELS_1];
};

/* images.bin: this header, then `count` of struct digits_image. */
struct digits_images {
	char magic[8]; /* "DIGITSI1" */
	uint32_t count;
};

struct digits_image {
	uint8_t label;
	uint8_t pixels[DIGITS_PIXELS]; /* row by row, 0 white to 255 black */
};

#endif
