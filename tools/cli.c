/* SPDX-License-Identifier: MIT */
/*
 * One form of message and one meaning of each exit status, for every tool.
 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum cli_status cli_error(enum cli_status status, const char *format, ...)
{
	char message[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	for (char *p = message; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, message);
	return status;
}

enum cli_status cli_error_npu(int error, const char *what)
{
	enum cli_status status = CLI_FAILED;
	if (error == -EPERM || error == -EACCES || error == -EDQUOT)
		status = CLI_REFUSED;
	else if (error == -ECONNRESET)
		status = CLI_NO_DAEMON;
	return cli_error(status, "%s: %s", what, npu_last_error());
}

enum cli_status cli_connect(const char *socket_path, struct npu_session **ret_session)
{
	return cli_connect_as(socket_path, NULL, ret_session);
}

/* -ENOENT is also what a daemon says that is there: of a class that is not. */
static bool is_class_unknown(const struct npu_open_args *args)
{
	const struct npu_open_args plain = {.socket_path = args->socket_path};
	struct npu_session *session;
	if (!args->class_name || npu_open(&plain, &session) < 0)
		return false;
	npu_close(session);
	return true;
}

enum cli_status cli_connect_as(const char *socket_path, const char *class_name,
			       struct npu_session **ret_session)
{
	const struct npu_open_args args = {.socket_path = socket_path, .class_name = class_name};
	char words[512];
	int error = npu_open(&args, ret_session);
	snprintf(words, sizeof(words), "%s", npu_last_error());
	if (error == -ENOENT && is_class_unknown(&args))
		error = -EPERM;
	switch (error) {
	case 0:
		return CLI_OK;
	case -ENOENT:
	case -ECONNREFUSED:
		return cli_error(CLI_NO_DAEMON,
				 "cannot reach npud: %s; start it with `npud` (or `systemctl start "
				 "npud`), or name its socket with --socket or $NPU_SOCKET",
				 words);
	case -EPERM:
	case -EACCES:
	case -EDQUOT:
		return cli_error(CLI_REFUSED, "npud refuses the connection: %s", words);
	default:
		return cli_error(CLI_NO_DAEMON, "cannot reach npud: %s", words);
	}
}

/* Beside `own`, the path of this program. */
static bool find_beside(const char *own, const char *name, char *ret_path, size_t size)
{
	const char *slash = strrchr(own, '/');
	if (!slash)
		return false;
	int n = snprintf(ret_path, size, "%.*s/%s", (int)(slash - own), own, name);
	return n > 0 && (size_t)n < size && access(ret_path, X_OK) == 0;
}

void cli_find_program(const char *name, char *ret_path, size_t size)
{
	char own[4096];
	/* As it was called first: that may be a link in a folder full of such links. */
	if (find_beside(program_invocation_name, name, ret_path, size))
		return;
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	own[length > 0 ? length : 0] = '\0';
	if (!find_beside(own, name, ret_path, size))
		snprintf(ret_path, size, "%s", name);
}

int cli_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	char *end;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

const char *cli_format_bytes(uint64_t bytes, char *buffer, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	unsigned unit = 0;
	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(buffer, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return buffer;
}

const char *cli_format_ns(uint64_t time_ns, char *buffer, size_t size)
{
	static const struct {
		double unit_ns;
		int decimals;
		const char *name;
	} units[] = {{1, 0, "ns"}, {1e3, 1, "us"}, {1e6, 2, "ms"}, {1e9, 2, "s"}};
	double value_ns = (double)time_ns;
	unsigned i = 0;
	while (i < 3 && value_ns >= units[i + 1].unit_ns)
		i++;
	snprintf(buffer, size, "%.*f %s", units[i].decimals, value_ns / units[i].unit_ns,
		 units[i].name);
	return buffer;
}
