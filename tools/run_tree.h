/* SPDX-License-Identifier: MIT */
/*
 * npu-run: the files that a program finds beside the device nodes. They are real files in a
 * temporary folder; the interposer leads the program there (NPU_RUN_ROOT).
 */
#ifndef NPU_TOOLS_RUN_TREE_H
#define NPU_TOOLS_RUN_TREE_H

#include "scratch.h"

struct run_tree {
	struct scratch folder;
};

/*
 * Makes the folder for these nodes ("dri/card1=rknpu,..."); everybody may read it. -errno; to be
 * deinitialised even then.
 */
int run_tree_init(struct run_tree *tree, const char *nodes);
/* Removes it; while processes of the program go on, the next npu-run after them does. */
void run_tree_deinit(struct run_tree *tree);

#endif
