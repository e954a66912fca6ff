/* SPDX-License-Identifier: MIT */
/*
 * Runs a program that was written for an NPU driver: the interposer (lib/drm) is preloaded into it
 * and turns the device nodes it opens into sessions of npud. Everything that takes files or a
 * daemon is done here, so that the interposer only reads its environment.
 */
#include "bench_daemon.h"
#include "cli.h"
#include "run_check.h"
#include "run_tree.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN_NOT_FOUND 127 /* as shells and env(1) say it */

struct run {
	const char *socket_path, *class_name, *nodes, *record;
	bool is_checking, is_spawning;
	char **program;
	char default_nodes[256];
	char library[PATH_MAX], record_path[PATH_MAX];
	struct run_tree tree;
	struct bench_daemon daemon;
	char notes[80]; /* file of --check, "" without */
};

static const char usage[] =
	"usage: npu-run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
	"Runs a program written for an NPU driver; each node that it opens is a session of npud.\n"
	"  --socket PATH    where npud listens\n"
	"  --class NAME     the class that the program is to be in\n"
	"  --uapi NAME      which drivers' nodes it finds: auto (all), rknpu, rocket\n"
	"  --nodes LIST     the same in detail: dri/card1=rknpu,accel/accel0=rocket,...\n"
	"  --spawn          start a private npud on the soft device for it\n"
	"  --record DIR     save what it submits, for npu-replay\n"
	"  --check          at the end, list the ioctls it used and what was unknown in them\n"
	"NPU_TRACE=FILE writes a line for each call, NPU_DEBUG=1 says why calls failed.\n";

/* ---- nodes ---- */

struct default_node {
	const char *name, *driver;
	bool is_yielding; /* to a node of the host's with that name */
};

/* The first is the device that has the board's name, where boards have it. */
static const struct default_node default_nodes[] = {
	{"dri/card1", "rknpu", false}, {"dri/renderD129", "rknpu", false},
	{"dri/card0", "rknpu", true},  {"dri/renderD128", "rknpu", true},
	{"rknpu", "rknpu", false},     {"accel/accel0", "rocket", false},
};

/* "dri/card1=rknpu", of `length`: a name that such nodes have, and a driver of ours. */
static bool is_entry(const char *entry, size_t length)
{
	static const struct {
		const char *format;
		unsigned min, max; /* of the number */
	} families[] = {
		{"dri/card%3u=%6[a-z]%n", 0, 63},
		{"dri/renderD%3u=%6[a-z]%n", 128, 191},
		{"accel/accel%3u=%6[a-z]%n", 0, 63},
	};
	if (length == 11 && strncmp(entry, "rknpu=rknpu", 11) == 0)
		return true;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		char driver[7];
		unsigned number;
		int end = 0;
		if (sscanf(entry, families[i].format, &number, driver, &end) == 2 &&
		    (size_t)end == length && number >= families[i].min && number <= families[i].max)
			return strcmp(driver, "rknpu") == 0 || strcmp(driver, "rocket") == 0;
	}
	return false;
}

static enum cli_status check_nodes(const char *nodes)
{
	while (*nodes) {
		size_t length = strcspn(nodes, ",");
		if (!is_entry(nodes, length))
			return cli_error(CLI_USAGE,
					 "--nodes: '%.*s' is not NAME=DRIVER, with a name like "
					 "dri/card1, dri/renderD129, accel/accel0, rknpu and a "
					 "driver rknpu or rocket",
					 (int)length, nodes);
		nodes += length + (nodes[length] == ',');
	}
	return CLI_OK;
}

static enum cli_status choose_nodes(struct run *run, const char *uapi)
{
	size_t n = 0;
	if (strcmp(uapi, "auto") != 0 && strcmp(uapi, "rknpu") != 0 && strcmp(uapi, "rocket") != 0)
		return cli_error(CLI_USAGE, "--uapi: '%s' is none of auto, rknpu, rocket", uapi);
	for (size_t i = 0; i < sizeof(default_nodes) / sizeof(default_nodes[0]); i++) {
		const struct default_node *node = &default_nodes[i];
		char path[64];
		snprintf(path, sizeof(path), "/dev/%s", node->name);
		if (strcmp(uapi, "auto") != 0 && strcmp(uapi, node->driver) != 0)
			continue;
		if (node->is_yielding && access(path, F_OK) == 0)
			continue;
		n += (size_t)snprintf(run->default_nodes + n, sizeof(run->default_nodes) - n,
				      "%s%s=%s", n ? "," : "", node->name, node->driver);
	}
	if (!run->nodes)
		run->nodes = run->default_nodes;
	return check_nodes(run->nodes);
}

/* ---- command line ---- */

static enum cli_status parse(int argc, char **argv, struct run *run)
{
	enum {
		OPTION_SOCKET = 256,
		OPTION_CLASS,
		OPTION_UAPI,
		OPTION_NODES,
		OPTION_SPAWN,
		OPTION_CHECK,
		OPTION_RECORD
	};
	static const struct option options[] = {
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"class", required_argument, NULL, OPTION_CLASS},
		{"uapi", required_argument, NULL, OPTION_UAPI},
		{"nodes", required_argument, NULL, OPTION_NODES},
		{"spawn", no_argument, NULL, OPTION_SPAWN},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"record", required_argument, NULL, OPTION_RECORD},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *uapi = "auto";
	for (int c; (c = getopt_long(argc, argv, "+hV", options, NULL)) != -1;) {
		switch (c) {
		case OPTION_SOCKET:
			run->socket_path = optarg;
			break;
		case OPTION_CLASS:
			run->class_name = optarg;
			break;
		case OPTION_UAPI:
			uapi = optarg;
			break;
		case OPTION_NODES:
			run->nodes = optarg;
			break;
		case OPTION_SPAWN:
			run->is_spawning = true;
			break;
		case OPTION_CHECK:
			run->is_checking = true;
			break;
		case OPTION_RECORD:
			run->record = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(CLI_OK);
		case 'V':
			puts("npu-run " NPUD_VERSION);
			exit(CLI_OK);
		default:
			fputs("Try 'npu-run --help'.\n", stderr);
			return CLI_USAGE;
		}
	}
	run->program = argv + optind;
	if (!*run->program) {
		cli_error(CLI_USAGE, "no program named; try 'npu-run --help'");
		return CLI_USAGE;
	}
	if (run->is_spawning && run->socket_path)
		return cli_error(CLI_USAGE, "--spawn starts an npud of its own: no --socket then");
	return choose_nodes(run, uapi);
}

/* ---- the library ---- */

/* The library of that file name: in a build folder beside tools/, else where it is installed. */
static bool find_library_file(const char *name, char *ret_path, size_t size)
{
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	own[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(own, '/');
	if (slash)
		*slash = '\0';
	int length = snprintf(ret_path, size, "%s/../lib/drm/%s", own, name);
	if (length > 0 && (size_t)length < size && access(ret_path, R_OK) == 0)
		return true;
	length = snprintf(ret_path, size, NPU_RUN_LIBRARIES "/%s", name);
	return length > 0 && (size_t)length < size && access(ret_path, R_OK) == 0;
}

/* The program as execvp() would find it; "" when it would not. */
static void find_program(const char *name, char *ret_path, size_t size)
{
	const char *path = getenv("PATH");
	snprintf(ret_path, size, "%s", name);
	if (strchr(name, '/'))
		return;
	for (path = path ? path : "/usr/bin:/bin"; *path;) {
		size_t n = strcspn(path, ":");
		snprintf(ret_path, size, "%.*s/%s", (int)n, path, name);
		if (access(ret_path, X_OK) == 0)
			return;
		path += n + (path[n] == ':');
	}
	*ret_path = '\0';
}

/* Whether an ELF file is run without a dynamic linker; both widths have e_phoff of their own. */
static bool elf_is_static(int fd, const unsigned char *ident)
{
	const bool is_wide = ident[EI_CLASS] == ELFCLASS64;
	Elf64_Ehdr wide;
	Elf32_Ehdr narrow;
	uint64_t at;
	unsigned n, step;
	if (is_wide ? pread(fd, &wide, sizeof(wide), 0) != sizeof(wide)
		    : pread(fd, &narrow, sizeof(narrow), 0) != sizeof(narrow))
		return false;
	at = is_wide ? wide.e_phoff : narrow.e_phoff;
	n = is_wide ? wide.e_phnum : narrow.e_phnum;
	step = is_wide ? wide.e_phentsize : narrow.e_phentsize;
	for (unsigned i = 0; i < n; i++) {
		uint32_t type;
		if (pread(fd, &type, sizeof(type), (off_t)(at + (uint64_t)i * step)) !=
		    sizeof(type))
			return false;
		if (type == PT_INTERP)
			return false;
	}
	return true;
}

/* The library for the program's width; says so where the interposer cannot get into it. */
static enum cli_status find_library(struct run *run)
{
	const char *library = "libnpu-drm.so";
	unsigned char ident[EI_NIDENT];
	char path[PATH_MAX];
	find_program(run->program[0], path, sizeof(path));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && pread(fd, ident, sizeof(ident), 0) == sizeof(ident) &&
	    memcmp(ident, ELFMAG, SELFMAG) == 0) {
		if (elf_is_static(fd, ident))
			cli_error(CLI_OK,
				  "%s is statically linked, so that nothing can be put between it "
				  "and the kernel: it finds the machine's own nodes, not npud's; "
				  "link it dynamically",
				  path);
		if (sizeof(void *) == 8 && ident[EI_CLASS] == ELFCLASS32)
			library = "libnpu-drm-32.so";
	}
	if (fd >= 0)
		close(fd);
	if (find_library_file(library, run->library, sizeof(run->library)))
		return CLI_OK;
	return cli_error(CLI_FAILED, "%s: %s; is npud installed whole?", run->library,
			 strerror(errno));
}

/* ---- running ---- */

static void put_preload(const struct run *run)
{
	const char *others = getenv("LD_PRELOAD");
	char *value;
	if (asprintf(&value, "%s%s%s", run->library, others && *others ? ":" : "",
		     others ? others : "") < 0)
		_exit(CLI_FAILED);
	setenv("LD_PRELOAD", value, 1);
	free(value);
}

/*
 * A program's AddressSanitizer refuses to run behind another library, and has no reason to: each
 * hands calls on to the other. What the user says of it counts more.
 */
static void put_sanitizer_options(void)
{
	const char *options = getenv("ASAN_OPTIONS");
	char *value;
	if (asprintf(&value, "verify_asan_link_order=0%s%s", options ? ":" : "",
		     options ? options : "") < 0)
		_exit(CLI_FAILED);
	setenv("ASAN_OPTIONS", value, 1);
	free(value);
}

static void put_environment(const struct run *run)
{
	char socket[PATH_MAX];
	put_preload(run);
	put_sanitizer_options();
	setenv("NPU_RUN_NODES", run->nodes, 1);
	setenv("NPU_RUN_ROOT", run->tree.folder.path, 1);
	if (run->class_name)
		setenv("NPU_RUN_CLASS", run->class_name, 1);
	if (run->is_spawning)
		setenv("NPU_SOCKET", run->daemon.socket, 1);
	else if (run->socket_path && realpath(run->socket_path, socket))
		setenv("NPU_SOCKET", socket, 1); /* the program may go elsewhere */
	if (run->is_checking)
		setenv("NPU_RUN_CHECK", run->notes, 1);
	if (run->record)
		setenv("NPU_RUN_RECORD", run->record, 1);
}

static const int forwarded[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT};
static pid_t program_pid; /* for the handler below */

static void forward(int number)
{
	int saved = errno;
	if (program_pid > 0)
		kill(program_pid, number);
	errno = saved;
}

/* The terminal's signals reach the program by themselves; others are handed on. */
static void set_signals(void)
{
	struct sigaction action = {.sa_handler = forward, .sa_flags = SA_RESTART};
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaction(forwarded[i], &action, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
}

static void become_program(const struct run *run, const sigset_t *mask)
{
	put_environment(run);
	scratch_lend(&run->tree.folder);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(run->program[0], run->program);
	cli_error(CLI_FAILED, "%s: %s", run->program[0], strerror(errno));
	_exit(errno == ENOENT ? RUN_NOT_FOUND : RUN_NOT_FOUND - 1);
}

/* Runs it to its end; its exit status, or 128 + signal. */
static int run_program(const struct run *run)
{
	sigset_t all, mask;
	int status;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	program_pid = fork();
	if (program_pid == 0)
		become_program(run, &mask);
	if (program_pid < 0) {
		int error = errno;
		sigprocmask(SIG_SETMASK, &mask, NULL);
		return cli_error(CLI_FAILED, "cannot start a process: %s", strerror(error));
	}
	set_signals();
	sigprocmask(SIG_SETMASK, &mask, NULL);
	while (waitpid(program_pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- around it ---- */

static enum cli_status reach_daemon(struct run *run)
{
	/*
	 * There is nobody to protect from it: as much memory as it has addresses, and hangs as
	 * often as it likes.
	 */
	static const char policy[] =
		"{\"version\": 1, \"quota\": {\"bos_per_session\": 65536,"
		" \"bytes_per_session\": 4294967296, \"sessions_per_uid\": 65536},"
		" \"watchdog\": {\"slow_after\": 0, \"suspend_after\": 0, \"close_after\": 0}}";
	struct npu_session *session;
	enum cli_status status;
	if (run->is_spawning) {
		const struct bench_daemon_args args = {.device = "soft", .policy = policy};
		status = bench_daemon_start(&args, &run->daemon);
		if (status != CLI_OK)
			return status;
	}
	status = cli_connect_as(run->is_spawning ? run->daemon.socket : run->socket_path,
				run->class_name, &session);
	if (status == CLI_OK)
		npu_close(session);
	return status;
}

static void print_check(const struct run *run)
{
	FILE *notes = fopen(run->notes, "re");
	if (notes) {
		run_check_print(notes, stderr);
		fclose(notes);
	}
}

/* Makes the folder for --record; its path must not depend on where the program goes. */
static enum cli_status prepare_record(struct run *run)
{
	char writes[PATH_MAX];
	if (!run->record)
		return CLI_OK;
	if ((mkdir(run->record, 0777) < 0 && errno != EEXIST) ||
	    !realpath(run->record, run->record_path))
		return cli_error(CLI_FAILED, "--record: %s: %s", run->record, strerror(errno));
	int n = snprintf(writes, sizeof(writes), "%s/writes", run->record_path);
	if (n < 0 || (size_t)n >= sizeof(writes) || access(writes, F_OK) == 0)
		return cli_error(CLI_FAILED, "--record: %s holds a recording already", run->record);
	run->record = run->record_path;
	return CLI_OK;
}

static int run_all(struct run *run)
{
	int status = find_library(run);
	if (status == CLI_OK)
		status = prepare_record(run);
	if (status == CLI_OK)
		status = reach_daemon(run);
	if (status != CLI_OK)
		return status;
	int result = run_tree_init(&run->tree, run->nodes);
	if (result < 0)
		return cli_error(CLI_FAILED,
				 "cannot make the files shown to the program, in $XDG_RUNTIME_DIR "
				 "or /tmp: %s; one of them must be writable",
				 strerror(-result));
	snprintf(run->notes, sizeof(run->notes), "%s/check", run->tree.folder.path);
	status = run_program(run);
	if (run->is_checking)
		print_check(run);
	return status;
}

int main(int argc, char **argv)
{
	struct run run = {0};
	int status = parse(argc, argv, &run);
	if (status == CLI_OK)
		status = run_all(&run);
	run_tree_deinit(&run.tree);
	bench_daemon_stop(&run.daemon);
	return status;
}
