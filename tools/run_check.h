/* SPDX-License-Identifier: MIT */
/* npu-run --check: from the interposer's notes to a list of what a program uses. */
#ifndef NPU_TOOLS_RUN_CHECK_H
#define NPU_TOOLS_RUN_CHECK_H

#include <stdio.h>

/*
 * Reads notes, one a line ("ioctl NAME SIZE", "flags NAME FIELD BITS", "longer NAME SIZE",
 * "unknown REQUEST"), and prints each once with how often it came. -errno.
 */
int run_check_print(FILE *notes, FILE *output);

#endif
