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

/* Recordings of what the device cannot do. */
static const struct {
	const char *device, *name;
} impossible[] = {
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

static bool is_recording(const char *folder, const char *name, const char *prefix)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s/fixture.json", folder, name);
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		if (harness_has_device(impossible[i].device) && !strcmp(name, impossible[i].name))
			return false;
	}
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

static const struct test_case cases[] = {
	HARNESS_CASE(own_recordings),
	HARNESS_CASE(streams_of_real_programs),
	HARNESS_CASE(recordings_in_slices),
	HARNESS_CASE(recordings_checked),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
