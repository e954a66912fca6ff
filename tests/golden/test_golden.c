/* SPDX-License-Identifier: MIT */
/*
 * Replays what real programs submitted through a real daemon and compares with what they expect.
 * NPU_GOLDEN has our own recordings, NPU_FIXTURES those of others, where there are any.
 */
#include "daemon.h"
#include "harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 1024

static struct command_result result;

static void replay(const struct daemon *daemon, const char *folder, const char *name)
{
	char path[PATH_BYTES];
	const char *argv[] = {"npu-replay", "--socket", daemon->socket, path, NULL};

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	command_run("NPU_REPLAY", argv, &result);
	if (result.status != 0)
		harness_fail(__FILE__, __LINE__, "%s: exit status %d: %s", name, result.status,
			     result.output);
}

/* Recordings of what the device cannot do. */
static const struct {
	const char *device, *name;
} impossible[] = {
	/* each submit finds registers as after a reset, where the driver is emulated */
	{"rknpu", "k_simple_conv"},
	/* tasks that only pool never end */
	{"rocket", "k_pool_avg"},
	{"rocket", "k_pool_globalavg"},
	{"rocket", "k_pool_max"},
	{"rocket", "k_pool_min"},
	{"rocket", "k_pool_pcchain"},
	/* no cores start together */
	{"rocket", "matmul_fp16_fp16"},
	{"rocket", "matmul_int8_gang"},
	{"rocket", "mc_elem"},
};

static bool is_recording(const char *folder, const char *name, const char *prefix)
{
	char path[PATH_BYTES];

	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		if (harness_has_device(impossible[i].device) && !strcmp(name, impossible[i].name))
			return false;
	}
	snprintf(path, sizeof(path), "%s/%s/fixture.json", folder, name);
	return strncmp(name, prefix, strlen(prefix)) == 0 && access(path, R_OK) == 0;
}

/* All recordings of a folder whose names begin so; how many there were. */
static unsigned replay_all(const char *folder, const char *prefix, const char *config)
{
	const struct daemon_options options = {.config = config};
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct daemon daemon;
	unsigned n = 0;

	if (!dir)
		return 0;
	daemon_start(&options, &daemon);
	while ((entry = readdir(dir))) {
		if (!is_recording(folder, entry->d_name, prefix))
			continue;
		replay(&daemon, folder, entry->d_name);
		n++;
	}
	closedir(dir);
	daemon_stop(&daemon);
	return n;
}

static void own_recordings(void)
{
	REQUIRE(replay_all(getenv("NPU_GOLDEN"), "", NULL) > 0);
}

static void streams_of_real_programs(void)
{
	if (replay_all(getenv("NPU_FIXTURES"), "", NULL) == 0)
		harness_skip("no recordings in %s", getenv("NPU_FIXTURES"));
}

/* Of jobs that never become known each piece is a slice: cut wherever that is legal. */
#define CUT_EVERYWHERE                                                                             \
	"{\"predict\": {\"known_after\": 4096}, \"classes\": {\"default\": {\"sliceable\": "       \
	"true}}}"

static void recordings_in_slices(void)
{
	REQUIRE(replay_all(getenv("NPU_GOLDEN"), "", CUT_EVERYWHERE) > 0);
	replay_all(getenv("NPU_FIXTURES"), "", CUT_EVERYWHERE);
}

/* Whatever real programs do is proven harmless, and their copies compute the same. */
static void recordings_checked(void)
{
	static const char config[] = "{\"classes\": {\"default\": {\"validate\": true}}}";

	REQUIRE(replay_all(getenv("NPU_GOLDEN"), "", config) > 0);
	replay_all(getenv("NPU_FIXTURES"), "", config);
}

/* The sum of hardware reference 9.6, of which the second operand is in no buffer. */
static const uint64_t stray_stream[] = {
	0x1001000001e5400c, 0x1001480000024010, 0x100100070007403c, 0x1001000000004030,
	0x1001108202c04070, 0x200100000000500c, 0x2001000000005010, 0x2001000700075014,
	0x2001400000085034, 0x1001000108004020, 0x2001000104005018, 0x2001000250005038,
	0x2001000178495044, 0x0081000000180008,
};
static const char stray_fixture[] =
	"{\"format\": 1, \"name\": \"stray\", \"origin\": \"\", \"abi\": \"rocket\", \"checks\": "
	"[],"
	" \"submits\": [{\"data\": \"stream\", \"buffers\": ["
	"{\"handle\": 1, \"iova\": 65536, \"size\": 4096, \"flags\": 0}],"
	" \"writes\": [{\"handle\": 1, \"offset\": 0, \"length\": 112, \"from\": 0}],"
	" \"jobs\": [{\"in\": [], \"out\": [1], \"tasks\": ["
	"{\"regcmd_iova\": 65536, \"regcmd_count\": 14}]}]}]}";

static void write_file(const char *name, const void *bytes, size_t size)
{
	char path[108];
	FILE *file;

	harness_path(name, path);
	file = fopen(path, "we");
	REQUIRE(file);
	REQUIRE(fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

/* Whoever replays a recording that strays is told which register led there. */
static void a_stray_address(void)
{
	struct daemon daemon;
	const char *argv[] = {"npu-replay", "--socket", daemon.socket, harness_dir(), NULL};

	harness_needs_soft("kernel drivers do not tell of page faults");
	write_file("fixture.json", stray_fixture, strlen(stray_fixture));
	write_file("stream", stray_stream, sizeof(stray_stream));
	daemon_start(NULL, &daemon);
	command_run("NPU_REPLAY", argv, &result);
	daemon_stop(&daemon);
	REQUIRE(result.status == 1);
	REQUIRE(strstr(result.output, "page_fault: read at 0x00025000: "
				      "task 0: DPU_RDMA RDMA_EW_BASE_ADDR: 0x25000, "));
}

static const struct test_case cases[] = {
	HARNESS_CASE(own_recordings),		HARNESS_CASE(a_stray_address),
	HARNESS_CASE(streams_of_real_programs), HARNESS_CASE(recordings_in_slices),
	HARNESS_CASE(recordings_checked),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
