/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without a fuzzer: replays files, and the files of folders, so that a corpus is a
 * regression test with any compiler.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fail(const char *path)
{
	fprintf(stderr, "fuzz: %s: %s\n", path, strerror(errno));
	return -1;
}

/* The buffer is exactly as long as the file, so that a sanitizer sees any step beyond it. */
static int replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "re");
	uint8_t *data = malloc(size ? size : 1);
	int r = -1;

	if (!file || !data || fread(data, 1, size, file) != size) {
		fail(path);
	} else {
		LLVMFuzzerTestOneInput(data, size);
		r = 1;
	}
	free(data);
	if (file)
		fclose(file);
	return r;
}

static int replay(const char *path);

static int replay_folder(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int n = 0;

	if (!directory)
		return fail(path);
	while (n >= 0 && (entry = readdir(directory))) {
		char name[4096];
		int r;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		r = replay(name);
		n = r < 0 ? r : n + r;
	}
	closedir(directory);
	return n;
}

/* How many inputs were run, or -1 after a line that says why. */
static int replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail(path);
	return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int n = replay(argv[i]);

		if (n < 0)
			return 1;
		total += n;
	}
	if (total == 0) {
		fprintf(stderr, "usage: %s FILE|FOLDER...   (nothing to replay)\n", argv[0]);
		return 2;
	}
	printf("%d inputs replayed\n", total);
	return 0;
}
