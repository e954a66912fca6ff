/* SPDX-License-Identifier: MIT */
/* Any bytes as a workload of npu-sim, or as a recording of npud's, which becomes one. */
#include "tools/sim/workload.h"

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_workload workload;
	struct sim_error error;
	char path[32];
	int fd = memfd_create("workload", MFD_CLOEXEC);

	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (sim_workload_load(path, &workload, &error) == 0) {
		assert(workload.n_scenarios > 0);
		sim_workload_deinit(&workload);
	} else {
		assert(error.text[0] != '\0');
	}
	close(fd);
	return 0;
}
