/* SPDX-License-Identifier: MIT */
/*
 * Packed files unpack to any size, so memory follows what has really been read, up to what is
 * needed.
 */
#include "replay_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK_BYTES (1u << 20)

int replay_fail(struct replay_error *error, int result, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return result;
}

static int open_file(const char *folder, const char *name, int *ret_fd)
{
	char path[4096];
	struct stat status;
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	/* O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	*ret_fd = fd;
	return 0;
}

/* Number of bytes, or -ENOMEM, -EIO. */
static ssize_t read_all(gzFile file, size_t size, char **data)
{
	size_t done = 0, capacity = 0;
	while (done < size) {
		size_t chunk = size - done < CHUNK_BYTES ? size - done : CHUNK_BYTES;
		if (done + chunk > capacity) {
			capacity = capacity * 2 > done + chunk ? capacity * 2 : done + chunk;
			char *larger = realloc(*data, capacity);
			if (!larger)
				return -ENOMEM;
			*data = larger;
		}
		int n = gzread(file, *data + done, (unsigned)chunk);
		if (n < 0)
			return -EIO;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int replay_file_read(const char *folder, const char *name, size_t size, void **ret_data,
		     struct replay_error *error)
{
	int fd = -1;
	char *data = NULL;
	int result = open_file(folder, name, &fd);
	if (result < 0)
		return replay_fail(error, result, "%s: %s", name, strerror(-result));
	gzFile file = gzdopen(fd, "rb");
	if (!file) {
		close(fd);
		return replay_fail(error, -ENOMEM, "%s: out of memory", name);
	}
	ssize_t n = read_all(file, size, &data);
	gzclose(file);
	if (n >= 0 && (size_t)n == size) {
		*ret_data = data;
		return 0;
	}
	free(data);
	if (n < 0)
		return replay_fail(error, (int)n, "%s: %s", name, strerror((int)-n));
	return replay_fail(error, -EINVAL, "%s: ends after %zd of %zu bytes", name, n, size);
}
