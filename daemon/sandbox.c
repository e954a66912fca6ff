/* SPDX-License-Identifier: MIT */
/*
 * The filter is a list of what the daemon does while it runs, by purpose. Whoever takes the daemon
 * over finds no way to start a program, trace another, reach the network, or map code.
 */
#include "daemon/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/dma-buf.h>
#include <linux/sockios.h>
#include <linux/sync_file.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEPT_CAPABILITY CAP_SYS_PTRACE

/* Their run-time libraries trace the process at its end, and start threads. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_BUSY_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
	__has_feature(memory_sanitizer)
#define HAS_BUSY_SANITIZER 1
#endif
#endif
#ifndef HAS_BUSY_SANITIZER
#define HAS_BUSY_SANITIZER 0
#endif

int sandbox_mode_parse(const char *name, enum sandbox_mode *ret_mode)
{
	static const char *const names[] = {
		[SANDBOX_OFF] = "off", [SANDBOX_LOG] = "log", [SANDBOX_KILL] = "kill"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret_mode = (enum sandbox_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- user and capabilities ---- */

int sandbox_become_user(const char *name)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return errno ? -errno : -ENOENT;
	if (entry->pw_uid == geteuid())
		return 0;
	/* The capability sets would be emptied with the change of user. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(name, entry->pw_gid) < 0 ||
	    setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
		return -errno;
	return 0;
}

/* Of this thread, by the kernel's own interface: two words of 32 capabilities each. */
static int read_capabilities(struct __user_cap_data_struct ret_sets[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &header, ret_sets) < 0 ? -errno : 0;
}

static int write_capabilities(const struct __user_cap_data_struct sets[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

/* Nothing that is executed gets them back; needs CAP_SETPCAP, without which there are few anyway.
 */
static void drop_bounding_set(void)
{
	for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
	     capability++)
		if (capability != KEPT_CAPABILITY)
			(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

int sandbox_drop_capabilities(void)
{
	struct __user_cap_data_struct sets[2] = {0};
	const uint32_t kept = 1u << KEPT_CAPABILITY;
	int r;

	_Static_assert(KEPT_CAPABILITY < 32, "it is in the first word");
	r = read_capabilities(sets);
	if (r < 0)
		return r;
	/* A change of user has left it permitted only, and the next step needs one of them. */
	sets[0].effective = sets[0].permitted;
	r = write_capabilities(sets);
	if (r < 0)
		return r;
	drop_bounding_set();
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	sets[0].permitted &= kept;
	sets[0].effective = sets[0].permitted;
	sets[0].inheritable = 0;
	sets[1] = (struct __user_cap_data_struct){0};
	r = write_capabilities(sets);
	if (r < 0)
		return r;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* ---- system calls ---- */

static const int allowed[] = {
	/* the loop */
	SCMP_SYS(io_uring_enter), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_create1), SCMP_SYS(timerfd_settime), SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	/* clients: their sockets, what they pass, who they are */
	SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(shutdown), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	/* BOs, fences, documents */
	SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(pipe2),
	SCMP_SYS(fchmod), SCMP_SYS(eventfd2), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(msync), SCMP_SYS(mincore), SCMP_SYS(fcntl),
	/* files: the policy again, /proc, the log, sockets removed at the end */
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(pread64),
	SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(getdents64), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
	SCMP_SYS(fstatfs), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(dup),
	/* memory, threads, time, signals, the end */
	SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(restart_syscall), SCMP_SYS(getpid),
	SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
	SCMP_SYS(getrlimit), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(membarrier),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(exit), SCMP_SYS(exit_group)};

/* Of these, some uses only: an argument of each has to be as said. */
static const struct {
	int call;
	struct scmp_arg_cmp argument;
} allowed_if[] = {
	/* To the service manager and the directory of users: connections go nowhere else. */
	{SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_UNIX, 0}},
	{SCMP_SYS(socketpair), {0, SCMP_CMP_EQ, AF_UNIX, 0}},
	{SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, SIOCOUTQ, 0}},
	{SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, SYNC_IOC_FILE_INFO, 0}},
	{SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, 0}},
	{SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, FIONBIO, 0}},
	/* A kernel driver's node: all calls of DRM have the first type, the vendor's own the other.
	 */
	{SCMP_SYS(ioctl), {1, SCMP_CMP_MASKED_EQ, 0xff00, 'd' << 8}},
	{SCMP_SYS(ioctl), {1, SCMP_CMP_MASKED_EQ, 0xff00, 'r' << 8}},
	/* isatty(3) */
	{SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TCGETS, 0}},
	/* Memory that cannot be executed. */
	{SCMP_SYS(mmap), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	{SCMP_SYS(mprotect), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	/* Names of threads, as debuggers show them. */
	{SCMP_SYS(prctl), {0, SCMP_CMP_EQ, PR_SET_NAME, 0}},
	/* A core that starts while the filter is put up. */
	{SCMP_SYS(prctl), {0, SCMP_CMP_EQ, PR_SET_TIMERSLACK, 0}},
};

static int add_rules(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	for (size_t i = 0; r == 0 && i < sizeof(allowed_if) / sizeof(allowed_if[0]); i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed_if[i].call, 1,
					   &allowed_if[i].argument);
	/* abort(3): a signal to itself. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return r;
}

static int load_filter(uint32_t action)
{
	scmp_filter_ctx filter = seccomp_init(action);
	int r;

	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A binary tree: the list is long and every system call goes through it. */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_rules(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

/* Lookups of users load their code on first use, which is too late once the filter is there. */
static void load_name_services(void)
{
	(void)getpwnam("");
	(void)getgrnam("");
}

bool sandbox_has_filter(void)
{
	return !HAS_BUSY_SANITIZER;
}

int sandbox_enter(enum sandbox_mode mode)
{
	int r;

	if (mode == SANDBOX_OFF || !sandbox_has_filter()) {
		log_info("sandbox filter=off reason=\"%s\"",
			 mode == SANDBOX_OFF ? "--sandbox off" : "built with a sanitizer");
		return 0;
	}
	load_name_services();
	r = load_filter(mode == SANDBOX_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_LOG);
	if (r == 0)
		log_info("sandbox filter=%s", mode == SANDBOX_KILL ? "kill" : "log");
	return r;
}
