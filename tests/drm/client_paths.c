/* SPDX-License-Identifier: MIT */
/*
 * Names of nodes, and the many calls that take one. Run where /dev is the test's own: some of
 * these calls would change the machine's if they reached it. There, the host has a /dev/dri/card0,
 * a file /dev/dri/file, and a link /dev/dri/link to it.
 */
#include "client.h"

#include "lib/drm/uapi/drm.h"
#include "lib/drm/uapi/rknpu.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#define CARD   "/dev/dri/card1"
#define NEW    "/dev/dri/new"
#define FILE_  "/dev/dri/file" /* of the host */
#define ACTION 0xC0086440u

static const char *own_program;

static bool is_npu(int fd)
{
	struct rknpu_action action = {.flags = RKNPU_GET_HW_VERSION};

	return ioctl(fd, ACTION, &action) == 0 && action.value == 0x46495245;
}

/* By fopen(); errno says why not. */
static bool opens(const char *name, const char *mode)
{
	FILE *stream = fopen(name, mode);

	return stream && fclose(stream) == 0;
}

/* ---- changes: the test compares /dev before and after ---- */

static void changes_are_pretended(void)
{
	const struct timespec now[2] = {{1, 0}, {1, 0}};
	const struct timeval times[2] = {{1, 0}, {1, 0}};
	const struct utimbuf both = {1, 1};
	int folder = open("/dev/dri", O_RDONLY | O_DIRECTORY);

	CHECK_EQ(mkdir(NEW, 0755), 0);
	CHECK_EQ(mkdirat(folder, "new", 0755), 0);
	CHECK_EQ(mknod(NEW, S_IFCHR | 0600, makedev(1, 3)), 0);
	CHECK_EQ(mknodat(folder, "new", S_IFCHR | 0600, makedev(1, 3)), 0);
	CHECK_EQ(chmod("/dev/dri", 0700), 0);
	CHECK_EQ(chmod(FILE_, 0700), 0);
	CHECK_EQ(fchmodat(folder, "file", 0700, 0), 0);
	CHECK_EQ(chown("/dev/accel/", 1, 1), 0);
	CHECK_EQ(lchown("/dev/dri/link", 1, 1), 0);
	CHECK_EQ(fchownat(folder, "file", 1, 1, 0), 0);
	CHECK_EQ(unlink(FILE_), 0);
	CHECK_EQ(unlink("/dev/rknpu"), 0);
	CHECK_EQ(unlinkat(folder, "card0", 0), 0);
	CHECK_EQ(remove("/dev/dri/link"), 0);
	CHECK_EQ(rmdir("/dev/accel"), 0);
	CHECK_EQ(truncate(FILE_, 1), 0);
	CHECK_EQ(truncate64(FILE_, 1), 0);
	CHECK_EQ(utime(FILE_, &both), 0);
	CHECK_EQ(utimes(FILE_, times), 0);
	CHECK_EQ(lutimes("/dev/dri/link", times), 0);
	CHECK_EQ(futimesat(folder, "file", times), 0);
	CHECK_EQ(utimensat(folder, "file", now, 0), 0);
	CHECK_EQ(setxattr(FILE_, "trusted.a", "b", 1, 0), 0);
	CHECK_EQ(lsetxattr(FILE_, "trusted.a", "b", 1, 0), 0);
	CHECK_EQ(removexattr(FILE_, "trusted.a"), 0);
	CHECK_EQ(lremovexattr(FILE_, "trusted.a"), 0);
	CHECK_EQ(chdir("/dev"), 0);
	CHECK_EQ(unlink("dri/file"), 0);
	CHECK_FAILS(access(NEW, F_OK), ENOENT);
}

static void making_fails(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/dri/socket"};
	int folder = open("/dev/dri", O_RDONLY | O_DIRECTORY);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char template[] = "/dev/dri/fooXXXXXX";

	CHECK_FAILS(rename("/dev/dri", "/dev/other"), EROFS);
	CHECK_FAILS(rename("/dev/zero", NEW), EROFS);
	CHECK_FAILS(renameat(folder, "file", folder, "new"), EROFS);
	CHECK_FAILS(renameat2(folder, "card0", AT_FDCWD, "/dev/other", 0), EROFS);
	CHECK_FAILS(link(FILE_, "/dev/other"), EROFS);
	CHECK_FAILS(linkat(AT_FDCWD, "/dev/zero", folder, "new", 0), EROFS);
	CHECK_FAILS(symlink("/dev/zero", NEW), EROFS);
	CHECK_FAILS(symlinkat("/dev/zero", folder, "new"), EROFS);
	CHECK_FAILS(mkfifo(NEW, 0600), EROFS);
	CHECK_FAILS(mkfifoat(folder, "new", 0600), EROFS);
	CHECK_FAILS(mknod(NEW, S_IFREG | 0600, 0), EROFS);
	CHECK_FAILS(creat(NEW, 0600), EROFS);
	CHECK_FAILS(creat64(FILE_, 0600), EROFS);
	CHECK_FAILS(open(NEW, O_CREAT | O_RDWR, 0600), EROFS);
	CHECK_FAILS(open(FILE_, O_RDWR | O_TRUNC), EROFS);
	CHECK_FAILS(open("/dev/dri", O_TMPFILE | O_RDWR, 0600), EROFS);
	CHECK_FAILS(openat(folder, "new", O_CREAT | O_WRONLY, 0600), EROFS);
	CHECK_FAILS(bind(fd, (struct sockaddr *)&address, sizeof(address)), EROFS);
	CHECK_FAILS(mkstemp(template), EROFS);
	CHECK(!mkdtemp(template) && errno == EROFS);
	CHECK(!opens(NEW, "w") && errno == EROFS);
	CHECK(!fopen64(NEW, "a+") && errno == EROFS);
	CHECK(!freopen(NEW, "w", stdin) && errno == EROFS);
	/* A name that is none of the file system's. */
	CHECK_EQ(chdir("/dev/dri"), 0);
	CHECK_FAILS(open("new", O_CREAT | O_WRONLY, 0600), EROFS);
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "npu-run-test-%d", getpid());
	address.sun_path[0] = '\0';
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void changes_by_number(void)
{
	const long dri = open("/dev/dri", O_RDONLY | O_DIRECTORY), here = AT_FDCWD;
	struct open_how how = {.flags = O_CREAT | O_RDWR, .mode = 0600};
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/dri/socket"};
	long fd = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK_EQ(syscall(SYS_mkdirat, dri, "new", 0755), 0);
	CHECK_EQ(syscall(SYS_mknodat, dri, "new", S_IFCHR | 0600, 0x103), 0);
	CHECK_EQ(syscall(SYS_fchmodat, here, FILE_, 0700), 0);
	CHECK_EQ(syscall(452 /* fchmodat2 */, here, "/dev/dri", 0700, 0), 0);
	CHECK_EQ(syscall(SYS_fchownat, dri, "file", 1, 1, 0), 0);
	CHECK_EQ(syscall(SYS_unlinkat, dri, "file", 0), 0);
	CHECK_EQ(syscall(SYS_truncate, FILE_, 0), 0);
	CHECK_EQ(syscall(SYS_setxattr, FILE_, "trusted.a", "b", 1, 0), 0);
	CHECK_EQ(syscall(SYS_utimensat, dri, "file", NULL, 0), 0);
	CHECK_FAILS(syscall(SYS_symlinkat, "/dev/zero", dri, "new"), EROFS);
	CHECK_FAILS(syscall(SYS_linkat, here, "/dev/zero", dri, "new", 0), EROFS);
	CHECK_FAILS(syscall(SYS_renameat2, dri, "file", here, "/dev/other", 0), EROFS);
	CHECK_FAILS(syscall(SYS_openat2, dri, "new", &how, sizeof(how)), EROFS);
	CHECK_FAILS(syscall(SYS_openat, dri, "new", O_CREAT | O_WRONLY, 0600), EROFS);
	CHECK_FAILS(syscall(SYS_mknodat, dri, "new", S_IFIFO | 0600, 0), EROFS);
	CHECK_FAILS(syscall(SYS_bind, fd, &address, sizeof(address)), EROFS);
#ifdef SYS_mkdir
	CHECK_EQ(syscall(SYS_mkdir, NEW, 0755), 0);
	CHECK_EQ(syscall(SYS_mknod, NEW, S_IFCHR | 0600, 0x103), 0);
	CHECK_EQ(syscall(SYS_chmod, FILE_, 0700), 0);
	CHECK_EQ(syscall(SYS_chown, FILE_, 1, 1), 0);
	CHECK_EQ(syscall(SYS_lchown, FILE_, 1, 1), 0);
	CHECK_EQ(syscall(SYS_unlink, FILE_), 0);
	CHECK_EQ(syscall(SYS_rmdir, "/dev/accel"), 0);
	CHECK_EQ(syscall(SYS_utime, FILE_, NULL), 0);
	CHECK_FAILS(syscall(SYS_rename, FILE_, NEW), EROFS);
	CHECK_FAILS(syscall(SYS_renameat, dri, "file", dri, "new"), EROFS);
	CHECK_FAILS(syscall(SYS_link, FILE_, "/dev/other"), EROFS);
	CHECK_FAILS(syscall(SYS_symlink, "/dev/zero", NEW), EROFS);
	CHECK_FAILS(syscall(SYS_creat, NEW, 0600), EROFS);
#endif
	/* What is not ours goes where it went. */
	CHECK_EQ(syscall(SYS_mkdirat, here, "a", 0755), 0);
	CHECK_EQ(syscall(SYS_unlinkat, here, "a", AT_REMOVEDIR), 0);
	CHECK_FAILS(syscall(SYS_unlinkat, here, "a", 0), ENOENT);
}

static void looked_up_names_are_ours(void)
{
	static const char *const names[] = {
		"open",	      "openat64",  "creat",	"fopen",      "freopen",
		"stat",	      "lstat64",   "statx",	"access",     "readlink",
		"realpath",   "opendir",   "readdir64", "glob",	      "nftw",
		"mkdir",      "mknod",	   "mkfifo",	"rename",     "renameat",
		"link",	      "symlinkat", "unlink",	"rmdir",      "truncate",
		"chown",      "fchownat",  "utimensat", "setxattr",   "bind",
		"mkstemp",    "mkdtemp",   "__open_2",	"__openat_2", "__open64_2",
		"__xstat",    "__lxstat",  "__fxstat",	"__xstat64",  "__xmknod",
		"__xmknodat", "eaccess",   "faccessat", "getcwd",     "canonicalize_file_name"};
	void *libc = dlopen("libc.so.6", RTLD_LAZY);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *address = dlsym(libc, names[i]);

		if (!address || address != dlsym(RTLD_DEFAULT, names[i]))
			fprintf(stderr, "%s\n", names[i]);
		CHECK(address && address == dlsym(RTLD_DEFAULT, names[i]));
	}
	CHECK(dlsym(libc, "strlen") && !dlsym(libc, "no_such_function"));
}

/* ---- other roads to a node ---- */

static void require_node(const char *name)
{
	struct stat status;

	CHECK_EQ(stat(name, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	CHECK_EQ(major(status.st_rdev), 226);
	CHECK_EQ(minor(status.st_rdev), 1);
}

static void links_lead_to_nodes(void)
{
	struct statx extended;
	struct stat status;
	FILE *stream;
	int fd;

	CHECK_EQ(symlink(CARD, "node"), 0);
	CHECK_EQ(symlink("node", "again"), 0);
	CHECK_EQ(symlink("/dev/dri/card9", "nothing"), 0);
	require_node("again");
	CHECK_EQ(statx(AT_FDCWD, "node", 0, STATX_ALL, &extended), 0);
	CHECK(S_ISCHR(extended.stx_mode));
	CHECK_EQ(lstat("node", &status), 0);
	CHECK(S_ISLNK(status.st_mode));
	CHECK_EQ(access("node", R_OK | W_OK), 0);
	fd = open("again", O_RDWR);
	CHECK(is_npu(fd));
	stream = fopen("node", "r+");
	CHECK(stream && is_npu(fileno(stream)));
	CHECK(strcmp(realpath("again", NULL), CARD) == 0);
	CHECK(is_npu(open("node", O_RDWR | O_CREAT, 0600)));
	stream = fopen("again", "w+");
	CHECK(stream && is_npu(fileno(stream)));
	CHECK_FAILS(open("nothing", O_RDWR), ENOENT);
	CHECK_FAILS(open("nothing", O_RDWR | O_CREAT, 0600), EROFS);
	CHECK(!opens("nothing", "w") && errno == EROFS);
	CHECK_FAILS(open("node", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK(opens("other", "w"));
	CHECK_EQ(symlink("other", "to_other"), 0);
	CHECK(open("to_other", O_RDWR | O_CREAT, 0600) >= 0);
	CHECK_FAILS(open("node", O_RDWR | O_NOFOLLOW), ELOOP);
	CHECK_FAILS(stat("nothing", &status), ENOENT);
}

static void more_ways_to_open(void)
{
	struct open_how how = {.flags = O_RDWR};
	FILE *stream = freopen(CARD, "r+", fopen("/dev/null", "r"));
	struct rknpu_mem_create request = {.size = 4096};
	posix_spawn_file_actions_t actions;
	char *const argv[] = {(char *)own_program, "inherited", NULL};
	int status;
	pid_t pid;

	CHECK(stream && is_npu(fileno(stream)));
	CHECK_EQ(ioctl(fileno(stream), 0xC0306442u, &request), 0);
	stream = freopen("/dev/null", "r", stream);
	CHECK(stream && !is_npu(fileno(stream)));
	CHECK(strcmp(canonicalize_file_name("/dev//dri/../dri/card1"), CARD) == 0);
	CHECK(is_npu((int)syscall(SYS_openat2, AT_FDCWD, CARD, &how, sizeof(how))));
	CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, CARD, R_OK, 0), 0);
	for (int i = 0; i < 2; i++) {
		posix_spawn_file_actions_init(&actions);
		CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 100, CARD, O_RDWR, 0), 0);
		CHECK_EQ(posix_spawn(&pid, own_program, &actions, NULL, argv, environ), 0);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
		posix_spawn_file_actions_destroy(&actions);
	}
}

/* Not a case of its own: descriptor 100 came from the parent. */
static void inherited(void)
{
	if (fcntl(100, F_GETFD) >= 0)
		CHECK(is_npu(100));
}

ssize_t __readlinkat_chk(int folder, const char *name, char *buffer, size_t size, size_t room);

static void names_of_descriptors(void)
{
	int fd = open(CARD, O_RDWR), folder = open("/dev/dri", O_RDONLY | O_DIRECTORY);
	char name[64], target[64] = "";
	struct stat status;
	int again;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	require_node(name);
	CHECK_EQ(lstat(name, &status), 0);
	CHECK(S_ISLNK(status.st_mode));
	CHECK(strcmp(realpath(name, NULL), CARD) == 0);
	again = open(name, O_RDWR);
	CHECK(is_npu(again));
	CHECK_EQ(fstat(again, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)getpid(), fd);
	require_node(name);
	snprintf(name, sizeof(name), "/dev/fd/%d", folder);
	CHECK_EQ(readlink(name, target, sizeof(target)), 8);
	CHECK(strcmp(target, "/dev/dri") == 0);
	CHECK_EQ(readlink(name, target, 4), 4);
	CHECK(strcmp(realpath(name, NULL), "/dev/dri") == 0);
	CHECK_EQ(chdir("/dev/accel"), 0);
	CHECK_EQ(readlink("/proc/self/cwd", target, sizeof(target)), 10);
	CHECK(strncmp(target, "/dev/accel", 10) == 0);
	CHECK(strcmp(get_current_dir_name(), "/dev/accel") == 0);
	CHECK_EQ(__readlinkat_chk(AT_FDCWD, name, target, 8, sizeof(target)), 8);
	CHECK(strncmp(target, "/dev/dri", 8) == 0);
}

static void wrong_names(void)
{
	static const char *const names[] = {CARD "/", CARD "/.", "/dev/rknpu/"};
	struct stat status;

	CHECK_FAILS(open(CARD, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK(!opens(CARD, "wx") && errno == EEXIST);
	CHECK(is_npu(open(CARD, O_RDWR | O_CREAT, 0600)));
	for (int i = 0; i < 3; i++) {
		CHECK_FAILS(open(names[i], O_RDWR), ENOTDIR);
		CHECK_FAILS(stat(names[i], &status), ENOTDIR);
		CHECK_FAILS(access(names[i], F_OK), ENOTDIR);
		CHECK_FAILS(readlink(names[i], (char *)&status, sizeof(status)), ENOTDIR);
		CHECK(!opendir(names[i]) && errno == ENOTDIR);
	}
	CHECK_EQ(stat("/dev/dri/", &status), 0);
	CHECK_EQ(lstat("/sys/class/drm/card1", &status), 0);
	CHECK(S_ISLNK(status.st_mode));
	CHECK_EQ(lstat("/sys/class/drm/card1/", &status), 0);
	CHECK(S_ISDIR(status.st_mode));
}

/* ---- listing ---- */

static unsigned count(DIR *folder, const char *name, int type)
{
	const struct dirent *entry;
	unsigned n = 0;

	while ((entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, name) == 0) {
			CHECK_EQ(entry->d_type, type);
			n++;
		}
	rewinddir(folder);
	return n;
}

/* The host has a /dev/dri, and no /dev/accel and /dev/rknpu. */
static void dev_lists_nodes(void)
{
	static const char *const patterns[] = {"/dev/rknpu*", "/dev/acc*", "/dev/*/accel0",
					       "/dev/d*/card1"};
	static const char *const found_names[] = {"/dev/rknpu", "/dev/accel", "/dev/accel/accel0",
						  CARD};
	DIR *folder = opendir("/dev");
	glob_t found;

	CHECK(folder);
	CHECK_EQ(count(folder, "null", DT_CHR), 1);
	CHECK_EQ(count(folder, "dri", DT_DIR), 1);
	CHECK_EQ(count(folder, "accel", DT_DIR), 1);
	CHECK_EQ(count(folder, "rknpu", DT_CHR), 1);
	CHECK(is_npu(openat(dirfd(folder), "dri/card1", O_RDWR)));
	closedir(folder);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(glob(patterns[i], 0, NULL, &found), 0);
		CHECK_EQ(found.gl_pathc, 1);
		CHECK(strcmp(found.gl_pathv[0], found_names[i]) == 0);
		globfree(&found);
	}
	CHECK_EQ(chdir("/dev"), 0);
	folder = opendir(".");
	CHECK_EQ(count(folder, "rknpu", DT_CHR), 1);
	closedir(folder);
}

/* Nodes of the host's that are not replaced are the host's: this one is a /dev/null. */
static void host_node_stays(void)
{
	DIR *folder = opendir("/dev/dri");
	struct stat status;

	CHECK_EQ(stat("/dev/dri/card0", &status), 0);
	CHECK_EQ(status.st_rdev, makedev(1, 3));
	CHECK_EQ(fstatat(dirfd(folder), "card0", &status, 0), 0);
	CHECK_EQ(status.st_rdev, makedev(1, 3));
	CHECK_EQ(write(open("/dev/dri/card0", O_WRONLY), "x", 1), 1);
	CHECK_EQ(count(folder, "card0", DT_UNKNOWN), 1);
	CHECK_EQ(count(folder, "card1", DT_CHR), 1);
	closedir(folder);
}

/* What is shown may be seen by all, and changed by nobody else. */
static void another_user(void)
{
	const char *root = getenv("NPU_RUN_ROOT");
	char path[PATH_MAX];
	DIR *folder;

	if (setuid(65534) < 0)
		return;
	folder = opendir("/dev/accel");
	CHECK(folder && count(folder, "accel0", DT_CHR) == 1);
	closedir(folder);
	CHECK(realpath("/sys/class/drm/card1", NULL));
	CHECK(opens("/sys/class/drm/card1/device/uevent", "r"));
	CHECK(!opens("/sys/class/drm/card1/device/uevent", "r+") && errno == EACCES);
	snprintf(path, sizeof(path), "%s/new", root);
	CHECK_FAILS(mkdir(path, 0700), EACCES);
	snprintf(path, sizeof(path), "%s/dev/dri/new", root);
	CHECK_FAILS(mkdir(path, 0700), EACCES);
	snprintf(path, sizeof(path), "%s/scratch.lock", root);
	CHECK_FAILS(open(path, O_RDONLY), EACCES);
}

/* As some programs do to become a daemon: what says that the shown files are in use stays. */
static void everything_is_closed(void)
{
	const struct dirent *entry;
	unsigned n_locks = 0;
	DIR *folder;

	for (int i = 3; i < 1024; i++)
		close(i);
	closefrom(3);
	folder = opendir("/proc/self/fd");
	CHECK(folder);
	while ((entry = readdir(folder)) != NULL) {
		char target[64] = "";

		if (readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1) > 0)
			n_locks += strstr(target, "/scratch.lock") != NULL;
	}
	closedir(folder);
	CHECK_EQ(n_locks, 1);
	CHECK_EQ(access(CARD, F_OK), 0);
}

static unsigned n_nodes;

static int visit(const char *name, const struct stat *status, int type, struct FTW *place)
{
	if (strcmp(name, CARD) == 0) {
		CHECK(S_ISCHR(status->st_mode));
		CHECK_EQ(type, FTW_F);
		CHECK_EQ(place->level, 1);
		CHECK(strcmp(name + place->base, "card1") == 0);
		n_nodes++;
	}
	return 0;
}

static int visit_plainly(const char *name, const struct stat *status, int type)
{
	if (strcmp(name, CARD) == 0 && type == FTW_F && S_ISCHR(status->st_mode))
		n_nodes++;
	return 0;
}

static void trees_are_walked(void)
{
	CHECK_EQ(nftw("/dev/dri", visit, 4, FTW_PHYS), 0);
	CHECK_EQ(n_nodes, 1);
	CHECK_EQ(ftw("/dev/dri", visit_plainly, 4), 0);
	CHECK_EQ(n_nodes, 2);
}

static const struct client_case cases[] = {
	CLIENT_CASE(changes_are_pretended),
	CLIENT_CASE(making_fails),
	CLIENT_CASE(changes_by_number),
	CLIENT_CASE(looked_up_names_are_ours),
	CLIENT_CASE(links_lead_to_nodes),
	CLIENT_CASE(more_ways_to_open),
	CLIENT_CASE(inherited),
	CLIENT_CASE(names_of_descriptors),
	CLIENT_CASE(wrong_names),
	CLIENT_CASE(dev_lists_nodes),
	CLIENT_CASE(host_node_stays),
	CLIENT_CASE(another_user),
	CLIENT_CASE(everything_is_closed),
	CLIENT_CASE(trees_are_walked),
};

int main(int argc, char **argv)
{
	own_program = argv[0];
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
