/* SPDX-License-Identifier: MIT */
/*
 * libnpu: the client side of npud.
 *
 *   struct npu_session *npu;
 *   npu_open(NULL, &npu);                              connect
 *   npu_bo_create(npu, 4096, 0, &bo);                  memory the NPU can see; bo.map to write it
 *   npu_submit(npu, &job, &seqno, NULL);               queue register-command streams
 *   npu_wait(npu, seqno, 5000000000ll, &result);       result.outcome == NPU_OUTCOME_OK
 *   npu_close(npu);
 *
 * All functions return 0 or a negative errno value; npu_last_error() then has the sentence. Every
 * function may be called from several threads on one session, except npu_close(). A session does
 * not survive fork(): the child must open its own.
 *
 * Common errors: -ECONNRESET (npud is gone, or closed the session), -EPROTO (it answered what was
 * not asked; the session is over), -ENOMEM, -EINVAL (an argument;
 * the sentence names it and its range), -ENOENT (no such handle), -EDQUOT (a quota is full; the
 * sentence names it), -EAGAIN (the job queue is full; npu_retry_after_ns() says for how long),
 * -ETIME (the deadline cannot be met; npu_missed_ns() says by how much).
 */
#ifndef NPU_H
#define NPU_H

#include "npu_protocol.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct npu_session;

/* ---- session ---- */

struct npu_open_args {
	const char *socket_path; /* NULL: $NPU_SOCKET, $XDG_RUNTIME_DIR/npud.sock,
				    /run/npud/npud.sock */
	const char *class_name;	 /* NULL: as the policy says */
};

/*
 * Connects and agrees on version and features. `args` may be NULL. -ENOENT or -ECONNREFUSED: no
 * daemon; -EPROTO: versions don't meet; -EPERM: the class may not be asked for; -EDQUOT.
 */
int npu_open(const struct npu_open_args *args, struct npu_session **ret_session);
/*
 * Closes everything but the mappings of BOs that are still open; queued jobs are cancelled. Takes
 * NULL, returns NULL.
 */
struct npu_session *npu_close(struct npu_session *session);

/*
 * After -ECONNRESET: connects again, to the same path and with the same class, and tries for
 * `timeout_ns` (negative: for ever) while no daemon answers. 0 also when the session is not over.
 *
 * It is a new session: jobs of the old one are lost, their results with them, and so are its
 * buffers. Close those first (on a lost session npu_bo_close() only unmaps; its error may be
 * ignored), then make them anew and submit again. -EBUSY while one is open. Not while another
 * thread uses the session. Sequence numbers begin anew, and npu_completion_fd() is another one.
 */
int npu_reconnect(struct npu_session *session, int64_t timeout_ns);

/* What the daemon said at connect: device, cores, limits. Valid while the session lives. */
const struct npu_hello_reply *npu_query(const struct npu_session *session);

/* The last error of the calling thread, as one sentence without a newline. Never NULL. */
const char *npu_last_error(void);
/* After -EAGAIN in the calling thread: how long to wait before trying again. */
uint64_t npu_retry_after_ns(void);
/* After -ETIME in the calling thread: how much later the deadline would have to be; 0: unknown. */
uint64_t npu_missed_ns(void);

/* ---- buffer objects ---- */

struct npu_bo {
	uint32_t handle; /* 0: none */
	uint32_t iova;	 /* where the NPU sees it */
	uint64_t size;	 /* bytes, whole pages */
	void *map;	 /* where this process sees it; zeros at birth */
};

/* Creates and maps `size` bytes. `flags`: 0, or NPU_BO_UNCACHED for what is never to be synced. */
int npu_bo_create(struct npu_session *session, uint64_t size, uint32_t flags,
		  struct npu_bo *ret_bo);
/* At a fixed IOVA (page-aligned, not 0). -EEXIST when a part of the range is taken. */
int npu_bo_create_at(struct npu_session *session, uint64_t size, uint32_t iova,
		     struct npu_bo *ret_bo);
/* Unmaps and closes. Jobs in flight that name it keep the memory until they end. */
int npu_bo_close(struct npu_session *session, struct npu_bo *bo);
/* Hands [offset, offset+size) to the NPU or back; needed on devices that are not coherent. */
int npu_bo_sync(struct npu_session *session, const struct npu_bo *bo, uint64_t offset,
		uint64_t size, enum npu_sync_direction direction);
/* A descriptor to pass to another process. `flags`: NPU_EXPORT_READ_ONLY. The caller closes it. */
int npu_bo_export(struct npu_session *session, const struct npu_bo *bo, uint32_t flags,
		  int *ret_fd);
/* Takes memory that can't shrink (an exported BO, a sealed memfd). `fd` stays the caller's. */
int npu_bo_import(struct npu_session *session, int fd, struct npu_bo *ret_bo);
/*
 * A fence (see below), the caller's, of the jobs submitted up to now, by whichever session, that
 * write this memory (npu_job's n_writes): signalled when they are over, with the outcome of the
 * write that ended last; at once where there are none. -EDQUOT: there are, and the session has all
 * the fences that its quota allows.
 */
int npu_bo_fence(struct npu_session *session, const struct npu_bo *bo, int *ret_fence);

/* ---- jobs ---- */

/* Zero it, then fill in what is wanted; the arrays are copied by npu_submit(). */
struct npu_job {
	const struct npu_task *tasks;
	uint32_t n_tasks;
	const uint32_t *bos; /* handles the job reads or writes: they stay alive until it ends */
	uint32_t n_bos;
	/*
	 * Of them the first n_writes are of memory that it writes, the next n_reads of what it
	 * reads: it starts after the jobs before it that write such memory, also those of other
	 * sessions that share it, however they end.
	 */
	uint32_t n_writes, n_reads;
	const int *fences; /* descriptors to wait for; stay the caller's */
	uint32_t n_fences;
	uint32_t core_mask; /* 0: any one core; one bit: that core; more: a gang */
	struct npu_range ranges[NPU_JOB_RANGES]; /* gangs: one per core, lowest core first */
	uint32_t n_ranges;
	/*
	 * NPU_SUBMIT_CHAINED, _COMPLETION, and:
	 * _SLICEABLE: others may have the cores between two tasks, where the streams allow it;
	 * they must not be changed before the job has ended.
	 * _IN_ORDER: results of such jobs of a session come in the order of their submits.
	 * _NO_REPEAT: it writes what it reads, so it fails rather than be run a second time.
	 * _ORDER_ONLY: it runs although a job whose fence it waited for failed.
	 */
	uint32_t flags;
	uint64_t tag;
	uint64_t timeout_ns;  /* device time; 0: as the policy says */
	uint64_t duration_ns; /* `timing` device only; on all cores it asks for */
	/*
	 * When it must be over, from now on in ns; 0: as its class says. Kept to in classes of kind
	 * rt under the policy `deadline`: what cannot be on time is refused with -ETIME, and
	 * npu_missed_ns() says by how much; `late` (enum npu_late) asks for something else.
	 */
	int64_t deadline_ns;
	uint32_t late;
	int32_t priority; /* among this session's jobs that wait: higher goes first */
	/*
	 * Bit w: it may run on w cores as well, fewer than it asks for, each with a range of
	 * `tasks` of its own: those of the lowest w first.
	 */
	uint32_t widths;
	const struct npu_range *width_ranges;
};

struct npu_result {
	uint64_t seqno, tag, job_id;
	enum npu_outcome outcome;
	int fault_is_write;
	uint64_t fault_iova;
	uint64_t device_ns, queued_ns;
	uint32_t tasks_done, core_mask;
	char detail[128];
};

/*
 * Queues a job and returns at once.
 *
 * ret_fence: where to put a fence descriptor (the caller closes it), or NULL for none. Without a
 * fence and without NPU_SUBMIT_COMPLETION the result is kept for npu_wait(). With
 * NPU_SUBMIT_COMPLETION it goes to npu_completion_next(). ret_seqno may be NULL.
 */
int npu_submit(struct npu_session *session, const struct npu_job *job, uint64_t *ret_seqno,
	       int *ret_fence);
/*
 * Waits for a job submitted without fence and NPU_SUBMIT_COMPLETION. timeout_ns: relative; negative
 * for ever. -ETIMEDOUT: not yet over, wait again; -ENOENT: no such job, or its result was taken
 * already. Whether the job succeeded is in ret_result->outcome. Results that nobody waits for are
 * kept for the last 4096 such jobs.
 *
 * -EOVERFLOW: npud had to drop results of this session while this job was in flight, and its own
 * may be among them; the job is forgotten here. npu_submit() reads what has arrived, so this takes
 * some hundred jobs in flight and nobody who reads.
 */
int npu_wait(struct npu_session *session, uint64_t seqno, int64_t timeout_ns,
	     struct npu_result *ret_result);
/* The same by the job's tag: the oldest one in flight or unread that carries it. */
int npu_wait_tag(struct npu_session *session, uint64_t tag, int64_t timeout_ns,
		 struct npu_result *ret_result);
/* Takes a job back that has not started. -EBUSY: it runs; -ENOENT: unknown or over. */
int npu_cancel(struct npu_session *session, uint64_t seqno);

/* "ok", "hang", "page_fault", ... */
const char *npu_outcome_name(enum npu_outcome outcome);

/* ---- completion queue: results of jobs with NPU_SUBMIT_COMPLETION ---- */

/* For poll, epoll, select, io_uring: readable while there may be results. Owned by the session. */
int npu_completion_fd(const struct npu_session *session);
/* The next result, without blocking; -EAGAIN when there is none. The last 4096 unread ones wait. */
int npu_completion_next(struct npu_session *session, struct npu_result *ret_result);
/* How many results were dropped, oldest first, because nobody asked for them. */
uint64_t npu_completions_lost(const struct npu_session *session);

/* ---- fences ---- */

/*
 * A fence that is signalled has POLLHUP, not POLLIN, for poll and epoll (EPOLLHUP); for select it
 * is readable.
 */

/*
 * Waits for a fence descriptor of npud's. timeout_ns as in npu_wait(). -EBADF: not such a fence;
 * -ETIMEDOUT: not signalled yet; -ECONNRESET: npud died before the job ended.
 */
int npu_fence_wait(int fence, int64_t timeout_ns, enum npu_outcome *ret_outcome);

/* ---- questions and administration ---- */

/*
 * The statistics document as JSON text; the caller frees it. Everybody sees their own session and
 * the cores; root, the daemon's user and its admin group see all.
 */
int npu_stats(struct npu_session *session, char **ret_json);
/* The effective policy with every default, as JSON text; the caller frees it. */
int npu_policy_show(struct npu_session *session, char **ret_json);

/* The following need root, the daemon's user or its admin group; else -EPERM. */

/* Reads the policy file again. -EINVAL: it is bad and the old one stays; the sentence says why. */
int npu_policy_reload(struct npu_session *session);
/* Ends a session; what it runs is stopped by resetting its cores. -ENOENT. */
int npu_kill(struct npu_session *session, uint64_t session_id);
/*
 * Takes no more sessions and jobs, for good: what is in flight goes on. Asked again it tells how
 * many jobs can still end, and how many wait for fences. npud itself goes on until it is stopped.
 */
int npu_drain(struct npu_session *session, struct npu_drain_reply *ret_reply);
/* Resets a core; what runs there fails with `cancelled`. -EINVAL (no such core), -EIO. */
int npu_reset_core(struct npu_session *session, uint32_t core);
/*
 * Forgives the hangs and page faults that the identity behind a session has on record, or that of a
 * user and cgroup ("" where the kernel tells none). -ENOENT: nothing is on record.
 */
int npu_pardon(struct npu_session *session, uint64_t session_id);
int npu_pardon_identity(struct npu_session *session, uint32_t uid, const char *cgroup);
/* What npud wrote down of a hang or fault; 0: the list of all of them. JSON, to be freed. */
int npu_incidents(struct npu_session *session, uint64_t id, char **ret_json);
/* Begins to record the jobs that end, the last 16384 of them. -EALREADY: that is on. */
int npu_trace_start(struct npu_session *session);
/*
 * Ends the recording: Chrome trace-event JSON, which the caller frees. -ENOENT: there is none. The
 * recording stays when this fails.
 */
int npu_trace_stop(struct npu_session *session, char **ret_json);

#ifdef __cplusplus
}
#endif

#endif
