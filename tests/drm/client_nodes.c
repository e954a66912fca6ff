/* SPDX-License-Identifier: MIT */
/* Descriptors and files: what a program may do with a device node besides using the NPU. */
#include "client.h"

#include "lib/drm/uapi/drm.h"
#include "lib/drm/uapi/rknpu.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define CARD	   "/dev/dri/card1"
#define ACTION	   0xC0086440u
#define MEM_CREATE 0xC0306442u
#define MEM_MAP	   0xC0106443u

static const char *own_program;

static bool is_npu(int fd)
{
	struct rknpu_action action = {.flags = RKNPU_GET_HW_VERSION};

	return ioctl(fd, ACTION, &action) == 0 && action.value == 0x46495245;
}

static int open_node(void)
{
	int fd = open(CARD, O_RDWR);

	CHECK(fd >= 0);
	return fd;
}

static int create(int fd, uint64_t size)
{
	struct rknpu_mem_create request = {.size = size};

	CHECK_EQ(ioctl(fd, MEM_CREATE, &request), 0);
	return (int)request.handle;
}

static uint64_t offset_of(int fd, int handle)
{
	struct rknpu_mem_map map = {.handle = (uint32_t)handle};

	CHECK_EQ(ioctl(fd, MEM_MAP, &map), 0);
	return map.offset;
}

static void require_exit(pid_t pid)
{
	int status;

	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* ---- what a node looks like ---- */

static void require_node(const struct stat *status, unsigned minor_number)
{
	CHECK(S_ISCHR(status->st_mode));
	CHECK_EQ(status->st_size, 0);
	CHECK_EQ(major(status->st_rdev), 226);
	CHECK_EQ(minor(status->st_rdev), minor_number);
}

static void nodes_are_character_devices(void)
{
	int fd = open_node();
	char link[64], target[64] = "";
	struct stat status;
	struct statx extended;

	CHECK_EQ(fstat(fd, &status), 0);
	require_node(&status, 1);
	CHECK_EQ(stat(CARD, &status), 0);
	require_node(&status, 1);
	CHECK_EQ(lstat("/dev/dri/../dri//./renderD129", &status), 0);
	require_node(&status, 129);
	CHECK_EQ(fstatat(fd, "", &status, AT_EMPTY_PATH), 0);
	require_node(&status, 1);
	CHECK_EQ(statx(AT_FDCWD, CARD, 0, STATX_ALL, &extended), 0);
	CHECK_EQ(extended.stx_rdev_major, 226);
	CHECK_EQ(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &extended), 0);
	CHECK(S_ISCHR(extended.stx_mode));
	CHECK_EQ(access(CARD, R_OK | W_OK), 0);
	CHECK_EQ(faccessat(AT_FDCWD, CARD, F_OK, 0), 0);
	CHECK_FAILS(access("/dev/dri/card9", F_OK), ENOENT);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	CHECK(readlink(link, target, sizeof(target) - 1) > 0);
	CHECK(strcmp(target, CARD) == 0);
	CHECK_FAILS(open("/dev/dri/card9", O_RDWR), ENOENT);
	CHECK_FAILS(open(CARD, O_RDONLY | O_DIRECTORY), ENOTDIR);
}

/* A vfork() child, which shares this process's memory, goes elsewhere. */
static void child_leaves(void)
{
	pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (pid == 0) {
		if (chdir("/tmp") < 0)
			_exit(1);
		_exit(0);
	}
	require_exit(pid);
}

/* Relative names begin at the folder that the program is in. */
static void relative_paths(void)
{
	char cwd[PATH_MAX];
	struct stat status;
	DIR *folder;
	int n = 0;

	CHECK_EQ(chdir("/"), 0);
	CHECK(is_npu(open("dev/dri/card1", O_RDWR)));
	CHECK_FAILS(open("card1", O_RDWR), ENOENT);
	CHECK_EQ(chdir("/dev/dri"), 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/dev/dri") == 0);
	child_leaves();
	CHECK(is_npu(open("card1", O_RDWR)));
	CHECK(is_npu(open("./../dri/renderD129", O_RDWR)));
	CHECK_EQ(stat("card1", &status), 0);
	require_node(&status, 1);
	folder = opendir(".");
	CHECK(folder);
	while (readdir(folder))
		n++;
	CHECK_EQ(n, 6);
	closedir(folder);
	CHECK_EQ(mknod("card7", S_IFCHR | 0600, makedev(226, 7)), 0);
	CHECK_FAILS(access("card7", F_OK), ENOENT);
	/* From there, the host is where it was. */
	CHECK(open("../../etc/passwd", O_RDONLY) >= 0);
	CHECK_EQ(chdir(".."), 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/dev") == 0);
	CHECK(open("null", O_RDWR) >= 0);
	CHECK(is_npu(open("dri/card1", O_RDWR)));
}

int __xstat(int version, const char *name, struct stat *status);
int __lxstat(int version, const char *name, struct stat *status);
int __fxstat(int version, int fd, struct stat *status);
int __fxstat64(int version, int fd, struct stat64 *status);
int __xmknod(int version, const char *name, mode_t mode, dev_t *device);
int __open_2(const char *name, int flags);
int __open64_2(const char *name, int flags);
int __openat_2(int folder, const char *name, int flags);

/*
 * libc offers some of these to old programs alone; looked up, they are found. Those programs have
 * times of 32 bits.
 */
#ifndef NPU_TEST_TIME64
static void old_entry_points(void)
{
	typedef int xstat_function(int, const char *, struct stat *);
	typedef int fxstat_function(int, int, struct stat *);
	typedef int xmknod_function(int, const char *, mode_t, dev_t *);
	typedef int open_2_function(const char *, int);
#ifdef __i386__
	const int version = 3;
#else
	const int version = 1;
#endif
	xstat_function *xstat = (xstat_function *)dlsym(RTLD_DEFAULT, "__xstat");
	xstat_function *lxstat = (xstat_function *)dlsym(RTLD_DEFAULT, "__lxstat");
	fxstat_function *fxstat = (fxstat_function *)dlsym(RTLD_DEFAULT, "__fxstat");
	xmknod_function *xmknod = (xmknod_function *)dlsym(RTLD_DEFAULT, "__xmknod");
	static const char *const openers[] = {"__open_2", "__open64_2"};
	struct stat status;
	dev_t device = makedev(226, 7);

	CHECK(xstat && lxstat && fxstat && xmknod);
	CHECK_EQ(xstat(version, CARD, &status), 0);
	require_node(&status, 1);
	CHECK_EQ(lxstat(version, CARD, &status), 0);
	require_node(&status, 1);
	CHECK_EQ(fxstat(version, open_node(), &status), 0);
	require_node(&status, 1);
	CHECK_EQ(xmknod(version, "/dev/dri/card7", S_IFCHR | 0600, &device), 0);
	CHECK_FAILS(stat("/dev/dri/card7", &status), ENOENT);
	for (size_t i = 0; i < 2; i++) {
		open_2_function *opener = (open_2_function *)dlsym(RTLD_DEFAULT, openers[i]);

		CHECK(opener && is_npu(opener(CARD, O_RDWR)));
	}
}

#endif

static void all_ways_to_open(void)
{
	int folder = open("/dev/dri", O_RDONLY | O_DIRECTORY);
	FILE *stream = fopen(CARD, "r+e");

	CHECK(folder >= 0);
	CHECK(is_npu(openat(folder, "card1", O_RDWR)));
	CHECK(is_npu(openat(AT_FDCWD, CARD, O_RDWR)));
	CHECK(is_npu(openat64(folder, "../dri/card1", O_RDWR)));
	CHECK(is_npu(open64("//dev/dri/card1", O_RDWR)));
	CHECK(is_npu((int)syscall(SYS_openat, AT_FDCWD, CARD, O_RDWR, 0)));
	CHECK(stream && is_npu(fileno(stream)));
	CHECK_EQ(fclose(stream), 0);
}

static void folders_list_nodes(void)
{
	static const char *const names[] = {"card0", "card1", "renderD128", "renderD129"};
	DIR *folder = opendir("/dev/dri");
	const struct dirent *entry;
	struct dirent **entries;
	char text[64] = "";
	unsigned n = 0;
	glob_t found;
	FILE *uevent;

	CHECK(folder);
	while ((entry = readdir(folder)) != NULL)
		for (size_t i = 0; i < 4; i++)
			if (strcmp(entry->d_name, names[i]) == 0) {
				CHECK_EQ(entry->d_type, DT_CHR);
				n++;
			}
	CHECK_EQ(n, 4);
	closedir(folder);
	CHECK_EQ(scandir("/dev/dri", &entries, NULL, alphasort), 6);
	CHECK_EQ(glob("/dev/dri/card*", 0, NULL, &found), 0);
	CHECK(found.gl_pathc >= 2);
	CHECK(strcmp(found.gl_pathv[1], CARD) == 0);
	CHECK(realpath("/sys/class/drm/card1", NULL) != NULL);
	CHECK(strcmp(realpath("/sys/dev/char/226:1", NULL),
		     "/sys/devices/platform/fdab0000.npu/drm/card1") == 0);
	/* Each driver has a device of its own. */
	uevent = fopen("/sys/class/drm/card1/device/uevent", "re");
	CHECK(uevent && fgets(text, sizeof(text), uevent));
	CHECK(strcmp(text, "DRIVER=RKNPU\n") == 0);
}

static void board_is_recognised(void)
{
	char text[256] = "";
	FILE *stream = fopen("/proc/device-tree/compatible", "r");
	int fd = open("/proc/device-tree/compatible", O_RDONLY);

	CHECK(stream && fread(text, 1, sizeof(text) - 1, stream) > 10);
	CHECK(memmem(text, sizeof(text), "rockchip,rk3588", 15));
	CHECK(fd >= 0 && read(fd, text, sizeof(text)) > 10);
}

/* libdrm does this as root where there are no nodes. */
static void host_is_not_touched(void)
{
	struct stat status;

	CHECK_EQ(mkdir("/dev/dri", 0755), 0);
	CHECK_EQ(mknod("/dev/dri/card5", S_IFCHR | 0666, makedev(226, 5)), 0);
	CHECK_EQ(chmod("/dev/dri/card1", 0666), 0);
	CHECK_EQ(chown("/dev/dri", 0, 0), 0);
	CHECK_EQ(unlink("/dev/dri/card1"), 0);
	CHECK_EQ(stat(CARD, &status), 0);
	CHECK_FAILS(stat("/dev/dri/card5", &status), ENOENT);
}

/* ---- descriptors ---- */

static void duplicates_live_on(void)
{
	int fd = open_node(), handle = create(fd, 4096), copies[5];
	uint64_t offset = offset_of(fd, handle);

	copies[0] = dup(fd);
	copies[1] = dup2(fd, 300);
	copies[2] = dup3(fd, 301, O_CLOEXEC);
	copies[3] = fcntl(fd, F_DUPFD, 310);
	copies[4] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	for (int i = 0; i < 5; i++) {
		CHECK(copies[i] >= 0);
		CHECK_EQ(offset_of(copies[i], handle), offset);
	}
	CHECK_EQ(fcntl(copies[2], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(close(fd), 0);
	CHECK_FAILS(ioctl(fd, ACTION, NULL), EBADF);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(close(copies[i]), 0);
		CHECK_EQ(offset_of(copies[4], handle), offset);
	}
	CHECK_EQ(dup2(STDOUT_FILENO, copies[4]), copies[4]);
	CHECK(!is_npu(copies[4]));
}

/* As DRM drivers without events have it: nothing ever comes. */
static void nodes_have_no_events(void)
{
	struct timespec at_once = {0};
	struct timeval no_time = {0};
	int fd = open_node(), misc = open("/dev/rknpu", O_RDWR), pipes[2];
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};
	struct pollfd polled[] = {{.events = POLLIN, .fd = -1}, {fd, POLLIN | POLLOUT, POLLERR}};
	fd_set reads, writes;

	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK_EQ(poll(polled, 2, 0), 0);
	CHECK_EQ(polled[1].revents, 0);
	polled[0].fd = pipes[0];
	CHECK_EQ(poll(polled, 2, -1), 1);
	CHECK_EQ(polled[0].revents, POLLIN);
	CHECK_EQ(polled[1].revents, 0);
	CHECK_EQ(polled[1].fd, fd);
	CHECK_EQ(ppoll(polled + 1, 1, &at_once, NULL), 0);
#ifdef SYS_poll
	CHECK_EQ(syscall(SYS_poll, polled, 2, 0), 1);
	CHECK_EQ(polled[0].revents, POLLIN);
#endif
	FD_ZERO(&reads);
	FD_ZERO(&writes);
	FD_SET(fd, &reads);
	FD_SET(pipes[0], &reads);
	FD_SET(fd, &writes);
	CHECK_EQ(select(fd + pipes[0] + 1, &reads, &writes, NULL, &no_time), 1);
	CHECK(FD_ISSET(pipes[0], &reads) && !FD_ISSET(fd, &reads) && !FD_ISSET(fd, &writes));
	FD_SET(fd, &reads);
	CHECK_EQ(pselect(fd + pipes[0] + 1, &reads, NULL, NULL, &at_once, NULL), 1);
	CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_EQ(epoll_wait(epoll_fd, &event, 1, 0), 0);
	CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, &event), 0);
	/* The misc driver has no poll. */
	polled[1].fd = misc;
	CHECK_EQ(poll(polled + 1, 1, 0), 1);
	CHECK_FAILS(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, misc, &event), EPERM);
}

/* Numbers are reused by files that this library does not see being opened. */
static void reused_numbers_are_not_ours(void)
{
	FILE *stream = fopen(CARD, "r+");
	int fd = fileno(stream), other;
	struct stat status;

	CHECK(is_npu(fd));
	fclose(stream);
	other = open("/etc/passwd", O_RDONLY);
	CHECK_EQ(other, fd);
	CHECK(!is_npu(other));
	CHECK_EQ(fstat(other, &status), 0);
	CHECK(S_ISREG(status.st_mode));
	close(other);
	fd = open_node();
	CHECK_EQ(syscall(SYS_close, fd), 0);
	CHECK_FAILS(ioctl(fd, ACTION, NULL), EBADF);
}

static void closing_everything_spares_the_library(void)
{
	int fd = open_node();

	for (int i = 3; i < 256; i++)
		if (i != fd)
			close(i);
	CHECK(create(fd, 4096) > 0);
	CHECK_EQ(close_range((unsigned)fd + 1, ~0u, 0), 0);
	CHECK(create(fd, 4096) > 0);
	closefrom(3);
	CHECK_FAILS(fcntl(fd, F_GETFD), EBADF);
	CHECK(is_npu(open_node()));
}

static void fork_gives_own_session(void)
{
	int fd = open_node(), handle = create(fd, 4096);
	unsigned char *map = mmap64(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				    (off64_t)offset_of(fd, handle));
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		struct rknpu_mem_map unknown = {.handle = (uint32_t)handle};

		CHECK(is_npu(fd));
		CHECK_FAILS(ioctl(fd, MEM_MAP, &unknown), ENOENT);
		CHECK_EQ(create(fd, 8192), 1);
		map[0] = 77;
		_exit(0);
	}
	require_exit(pid);
	CHECK_EQ(map[0], 77);
	CHECK_EQ(create(fd, 4096), handle + 1);
	/* vfork() children share this process's memory: nothing may change in it. */
	for (int i = 0; i < 10; i++) {
		char *const argv[] = {"true", NULL};
		posix_spawn_file_actions_t actions;

		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addclose(&actions, fd);
		CHECK_EQ(posix_spawnp(&pid, "true", &actions, NULL, argv, environ), 0);
		require_exit(pid);
	}
	pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	if (pid == 0) {
		close(fd);
		_exit(0);
	}
	require_exit(pid);
	CHECK_EQ(create(fd, 4096), handle + 2);
}

static void inherited(void);

static void exec_keeps_the_descriptor(void)
{
	int fd = open_node();
	pid_t pid;

	create(fd, 4096);
	CHECK_EQ(dup2(fd, 100), 100);
	pid = fork();
	if (pid == 0) {
		execl(own_program, own_program, "inherited", (char *)NULL);
		_exit(1);
	}
	require_exit(pid);
}

/* Not a case of its own: descriptor 100 came by exec(). */
static void inherited(void)
{
	struct stat status;

	if (fcntl(100, F_GETFD) < 0)
		return;
	CHECK_EQ(fstat(100, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	CHECK(is_npu(100));
	CHECK_EQ(create(100, 4096), 1);
}

static void socket_carries_the_descriptor(void)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	int sockets[2], fd = open_node(), received;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	CHECK_EQ(sendmsg(sockets[0], &message, 0), 1);
	CHECK_EQ(recvmsg(sockets[1], &message, 0), 1);
	cmsg = CMSG_FIRSTHDR(&message);
	CHECK(cmsg);
	memcpy(&received, CMSG_DATA(cmsg), sizeof(received));
	CHECK(is_npu(received));
	create(fd, 4096);
	CHECK_EQ(create(received, 4096), 2);
}

/* ---- other roads to the same calls ---- */

static void raw_system_calls(void)
{
	struct rknpu_action action = {.flags = RKNPU_GET_HW_VERSION};
	int fd = (int)syscall(SYS_openat, AT_FDCWD, CARD, O_RDWR), copy;
	uint64_t offset = offset_of(fd, create(fd, 4096));
	unsigned char *map;

	CHECK_EQ(syscall(SYS_ioctl, fd, ACTION, &action), 0);
	CHECK_EQ(action.value, 0x46495245);
#ifdef SYS_mmap2
	map = (void *)syscall(SYS_mmap2, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			      (long)(offset >> 12));
#else
	map = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
#endif
	CHECK(map != MAP_FAILED);
	map[4095] = 1;
	copy = (int)syscall(SYS_dup, fd);
	CHECK(is_npu(copy));
	CHECK_EQ(syscall(SYS_close, fd), 0);
	CHECK_EQ(offset_of(copy, 1), offset);
	CHECK_FAILS(syscall(SYS_close, 12345), EBADF);
	CHECK_EQ(syscall(SYS_getpid), getpid());
}

/* As ctypes does it: by name, in a handle of libc's. */
static void looked_up_in_libc(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY);
	int (*open_function)(const char *, int, ...) =
		(int (*)(const char *, int, ...))dlsym(libc, "open");
	int (*ioctl_function)(int, unsigned long, ...) =
		(int (*)(int, unsigned long, ...))dlsym(libc, "ioctl");
	void *(*mmap_function)(void *, size_t, int, int, int, off64_t) =
		(void *(*)(void *, size_t, int, int, int, off64_t))dlsym(libc, "mmap64");
	int (*close_function)(int) = (int (*)(int))dlsym(libc, "close");
	struct rknpu_action action = {.flags = RKNPU_GET_HW_VERSION};
	int fd = open_function(CARD, O_RDWR);

	CHECK(libc && dlsym(libc, "strlen") && !dlsym(libc, "no_such_function"));
	CHECK_EQ(ioctl_function(fd, ACTION, &action), 0);
	CHECK(mmap_function(NULL, 4096, PROT_READ, MAP_SHARED, fd,
			    (off64_t)offset_of(fd, create(fd, 4096))) != MAP_FAILED);
	CHECK_EQ(close_function(fd), 0);
	CHECK(dlsym(RTLD_NEXT, "open") != NULL);
}

static const struct client_case cases[] = {
	CLIENT_CASE(nodes_are_character_devices),
	CLIENT_CASE(relative_paths),
#ifndef NPU_TEST_TIME64
	CLIENT_CASE(old_entry_points),
#endif
	CLIENT_CASE(all_ways_to_open),
	CLIENT_CASE(folders_list_nodes),
	CLIENT_CASE(board_is_recognised),
	CLIENT_CASE(host_is_not_touched),
	CLIENT_CASE(duplicates_live_on),
	CLIENT_CASE(nodes_have_no_events),
	CLIENT_CASE(reused_numbers_are_not_ours),
	CLIENT_CASE(closing_everything_spares_the_library),
	CLIENT_CASE(fork_gives_own_session),
	CLIENT_CASE(exec_keeps_the_descriptor),
	CLIENT_CASE(inherited),
	CLIENT_CASE(socket_carries_the_descriptor),
	CLIENT_CASE(raw_system_calls),
	CLIENT_CASE(looked_up_in_libc),
};

int main(int argc, char **argv)
{
	own_program = argv[0];
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
