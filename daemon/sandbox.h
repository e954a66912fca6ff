/* SPDX-License-Identifier: MIT */
/*
 * What the process may still do once it serves strangers. Three steps, in this order:
 *
 *   sandbox_become_user()        root becomes npud's own user, before anything is opened
 *   sandbox_drop_capabilities()  all but CAP_SYS_PTRACE; no new privileges; before any thread
 *   sandbox_enter()              the system call filter, on all threads, when start-up is over
 *
 * The ring's own restrictions, which a system call filter cannot see, are set in base/loop_uring.c.
 * docs/security.md says what each of them stops.
 */
#ifndef NPUD_DAEMON_SANDBOX_H
#define NPUD_DAEMON_SANDBOX_H

#include <stdbool.h>

/*
 * What happens at a system call that is not on the list: nothing, a line in the kernel's log, the
 * end of the process.
 */
enum sandbox_mode { SANDBOX_OFF, SANDBOX_LOG, SANDBOX_KILL };

/* "off", "log", "kill"; -EINVAL. */
int sandbox_mode_parse(const char *name, enum sandbox_mode *ret_mode);

/*
 * Becomes `name`, with its groups, and keeps the capability that clients' identities are read with.
 * Does nothing when it is that user already. -ENOENT: no such user; -EPERM: not root.
 */
int sandbox_become_user(const char *name);

/* Capabilities and no_new_privs; a process without capabilities loses none. -errno. */
int sandbox_drop_capabilities(void);

/* False in a build with a sanitizer, whose run-time library makes system calls of its own. */
bool sandbox_has_filter(void);
/*
 * Installs the filter; where there is none it only says so in the log. -errno, -ENOSYS and -EINVAL
 * from kernels without seccomp.
 */
int sandbox_enter(enum sandbox_mode mode);

#endif
