/* SPDX-License-Identifier: MIT */
/* The two data files of the digits example, little endian, written by train.c. */
#ifndef DIGITS_FORMAT_H
#define DIGITS_FORMAT_H

#include <stdint.h>

#define DIGITS_PIXELS  784 /* 28 x 28, row by row, 0 white to 255 black */
#define DIGITS_HIDDEN  64
#define DIGITS_CLASSES 10

/*
 * weights.bin: a classifier in integers. Pixels are halved to 0 ... 127; then
 *   hidden[j] = clamp((sum of pixels[i] * hidden_weights[j][i] + hidden_bias[j]) >> shift, 0, 127)
 *   score[c] = sum of hidden[j] * class_weights[c][j] + class_bias[c]
 * and the digit is the one with the highest score.
 */
struct digits_weights {
	char magic[8]; /* "DIGITSW1" */
	uint32_t shift;
	int32_t hidden_bias[DIGITS_HIDDEN];
	int32_t class_bias[DIGITS_CLASSES];
	int8_t hidden_weights[DIGITS_HIDDEN][DIGITS_PIXELS];
	int8_t class_weights[DIGITS_CLASSES][DIGITS_HIDDEN];
};

/* images.bin: this header, then `count` of struct digits_image. */
struct digits_images {
	char magic[8]; /* "DIGITSI1" */
	uint32_t count;
};

struct digits_image {
	uint8_t label;
	uint8_t pixels[DIGITS_PIXELS];
};

#endif
