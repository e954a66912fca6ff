/* SPDX-License-Identifier: MIT */
/*
 * npu-run --record (NPU_RUN_RECORD=FOLDER): what a session submits, in the format that npu-replay
 * reads: its buffers, what changed in them since the submit before, the submit's own members, and
 * as checks what the NPU changed. The first session of a run gets the folder, others one beside
 * it ("FOLDER-2").
 *
 *   record_begin() -> a stream for the ABI's own members -> record_end() -> job -> record_outputs()
 */
#ifndef NPU_DRM_RECORD_H
#define NPU_DRM_RECORD_H

#include <stdio.h>

struct drm_file;
struct record;

/*
 * Before a submit; the file's lock is held. NULL: nothing is recorded, or there is no memory. Else
 * a stream inside the JSON object of the submit: members are to be printed with a comma in front.
 */
FILE *record_begin(struct drm_file *file);
/* The members are complete; writes it all out. The lock is held. */
void record_end(struct drm_file *file, FILE *stream);
/*
 * After a submit that was waited for: what changed is what the NPU wrote. Once for each submit,
 * further calls do nothing. The lock is held.
 */
void record_outputs(struct drm_file *file);

/* Takes NULL, returns NULL. */
struct record *record_free(struct record *record);

#endif
