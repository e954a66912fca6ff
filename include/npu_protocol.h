/* SPDX-License-Identifier: MIT */
/*
 * npud's wire protocol: every byte layout and every limit, and the only place that has them.
 *
 * Transport: a SOCK_SEQPACKET Unix socket; one connection is one session. One message is one
 * packet: a struct npu_header and the body that its `op` names, little endian as the machine is.
 * The client sends requests; npud answers each with one reply, in order. Descriptors travel as
 * SCM_RIGHTS with the message that names them (marked "fd" below). What ends the session: empty
 * messages, more than NPU_MESSAGE_FDS descriptors in a message, and, after an answer with EBADMSG,
 * messages that are too long or whose header's length or kind is not the packet's.
 *
 * The first request is NPU_OP_HELLO. Its reply brings a second socket, on which npud sends one
 * struct npu_completion per job that asked for it; nothing can be written there.
 *
 * Replies are to be read before the next request whose reply brings a descriptor: that is answered
 * with EAGAIN while earlier replies lie unread.
 *
 * Fields named `reserved` and unknown flag bits must be 0: that is how they can get a meaning
 * later.
 */
#ifndef NPU_PROTOCOL_H
#define NPU_PROTOCOL_H

#include <stdint.h>

#define NPU_PROTOCOL_VERSION 1

/* Limits of the protocol itself; a policy file's quotas are lower. */
#define NPU_MESSAGE_MAX	     65536u /* bytes of one message, header included */
#define NPU_MESSAGE_FDS	     4u
#define NPU_JOB_TASKS_MAX    65535u
#define NPU_JOB_BOS_MAX	     1024u
#define NPU_JOB_FENCES_MAX   4u
#define NPU_JOB_RANGES	     3u
#define NPU_TASK_REGCMDS_MAX 131072u /* PC_DATA_AMOUNT is 16 bits wide and counts pairs */
#define NPU_BO_BYTES_MAX     (1ull << 31)
#define NPU_NAME_MAX	     32u

enum npu_op {
	NPU_OP_HELLO = 1,
	/* buffer objects */
	NPU_OP_BO_CREATE = 16,
	NPU_OP_BO_CLOSE,
	NPU_OP_BO_SYNC,
	NPU_OP_BO_EXPORT,
	NPU_OP_BO_IMPORT,
	NPU_OP_BO_FENCE,
	/* jobs */
	NPU_OP_SUBMIT = 32,
	NPU_OP_CANCEL,
	/* questions and administration */
	NPU_OP_STATS = 48,
	NPU_OP_POLICY_SHOW,
	NPU_OP_POLICY_RELOAD,
	NPU_OP_KILL,
	NPU_OP_RESET,
	NPU_OP_PARDON,
	NPU_OP_INCIDENTS,
	NPU_OP_DRAIN = 64,
	/* recordings */
	NPU_OP_TRACE_START = 96,
	NPU_OP_TRACE_STOP,
};

enum npu_kind {
	NPU_KIND_REQUEST = 0,
	NPU_KIND_REPLY = 1, /* the op's reply body */
	NPU_KIND_ERROR = 2, /* struct npu_error */
};

struct npu_header {
	uint32_t length; /* of the whole message, this header included */
	uint16_t op;	 /* enum npu_op */
	uint16_t kind;	 /* enum npu_kind */
	uint64_t serial; /* chosen by the client, returned in the reply */
};

/* What is wrong with a request. The session goes on. */
struct npu_error {
	int32_t error; /* an errno value: EINVAL, ENOENT, EDQUOT, EAGAIN, ... */
	uint32_t reserved;
	uint64_t value;		  /* what was sent, where it is a number */
	uint64_t min, max;	  /* the allowed range; both 0 where there is none */
	uint64_t retry_after_ns;  /* EAGAIN: how long to wait */
	char field[NPU_NAME_MAX]; /* the field, or the quota that is full */
	char message[384];	  /* the whole thing in a sentence */
};

/* ---- NPU_OP_HELLO ---- */

#define NPU_FEATURE_FENCES	(1ull << 0) /* fence descriptors, in and out */
#define NPU_FEATURE_COMPLETIONS (1ull << 1) /* completion events */
#define NPU_FEATURE_FIXED_IOVA	(1ull << 2)
#define NPU_FEATURE_GANGS	(1ull << 3) /* jobs on several cores at once */
#define NPU_FEATURE_TASKS_IN_BO (1ull << 4)
#define NPU_FEATURE_SCHEDULING                                                                     \
	(1ull << 5) /* NPU_SUBMIT_SLICEABLE and what is below it; deadline, priority, late, widths \
		     */
#define NPU_FEATURE_UNCACHED (1ull << 6) /* NPU_BO_UNCACHED */
#define NPU_FEATURE_ORDER    (1ull << 7) /* n_writes, n_reads, NPU_OP_BO_FENCE */

struct npu_hello {
	uint32_t version_min, version_max; /* protocol versions that the client speaks */
	uint64_t features;		   /* NPU_FEATURE_* that it knows */
	char class_name[NPU_NAME_MAX]; /* the class it would like; "" leaves that to the policy */
};

/* fd = a SOCK_SEQPACKET socket that completions come from. */
struct npu_hello_reply {
	uint32_t version; /* the one to be used */
	uint32_t n_cores;
	uint64_t features; /* known to both */
	uint64_t session_id;
	uint64_t gang_masks; /* bit m: core mask m may be asked for as a gang */
	uint64_t bo_bytes_max;
	uint32_t jobs_max, bos_max; /* quotas of this session */
	uint32_t runs_streams;	    /* 0: tasks only take time (the `timing` device) */
	uint32_t reserved;
	char device[NPU_NAME_MAX];
	char class_name[NPU_NAME_MAX];
	char daemon_version[NPU_NAME_MAX];
};

/* ---- buffer objects ---- */

#define NPU_BO_FIXED_IOVA (1u << 0) /* at `iova`; otherwise npud chooses and `iova` must be 0 */
/* Needs no NPU_OP_BO_SYNC, on no device; where caches cost syncs, it is slower for the CPU. */
#define NPU_BO_UNCACHED (1u << 1)
/* In st_mode of such memory's descriptor, where npud made it: who imports it gets it so too. */
#define NPU_BO_UNCACHED_MODE 01000

struct npu_bo_create {
	uint64_t size; /* bytes, rounded up to pages */
	uint32_t flags;
	uint32_t iova;
};

/* Also the reply to NPU_OP_BO_IMPORT. fd = the memory, to mmap (BO_CREATE only). */
struct npu_bo_reply {
	uint64_t size;
	uint32_t handle;
	uint32_t iova;
};

struct npu_bo_close {
	uint32_t handle;
	uint32_t reserved;
};

enum npu_sync_direction {
	NPU_SYNC_TO_DEVICE = 1,	  /* the CPU has written, the NPU will read */
	NPU_SYNC_FROM_DEVICE = 2, /* the NPU has written, the CPU will read */
	NPU_SYNC_BOTH = 3,
};

struct npu_bo_sync {
	uint32_t handle;
	uint32_t direction;
	uint64_t offset, size; /* bytes */
};

#define NPU_EXPORT_READ_ONLY (1u << 0)

/* Reply: header only, fd = the memory. */
struct npu_bo_export {
	uint32_t handle;
	uint32_t flags;
};

/* fd = the memory. Reply: struct npu_bo_reply. */
struct npu_bo_import {
	uint32_t flags; /* NPU_BO_FIXED_IOVA */
	uint32_t iova;
};

/*
 * Reply: header only, fd = a fence for the jobs that write this memory (n_writes), of whichever
 * session, up to now: signalled when they are over, with the outcome of the write that ended last.
 */
struct npu_bo_fence {
	uint32_t handle;
	uint32_t reserved;
};

/* ---- jobs ---- */

#define NPU_SUBMIT_FENCE      (1u << 0) /* answer with a fence descriptor */
#define NPU_SUBMIT_COMPLETION (1u << 1) /* send a struct npu_completion at the end */
#define NPU_SUBMIT_CHAINED    (1u << 2) /* the streams chain themselves (tail's BASE_ADDRESS) */
#define NPU_SUBMIT_TASKS_IN_BO                                                                     \
	(1u << 3) /* the tasks are in BO `tasks_handle` at `tasks_offset`                          \
		   */

#define NPU_SUBMIT_SLICEABLE                                                                       \
	(1u << 4) /* others may have the cores between two of its tasks; the streams must stay as  \
		   * they are until it ends */

/* Results of the session's jobs that say so come in the order of their submits. */
#define NPU_SUBMIT_IN_ORDER (1u << 5)
/* It writes what it reads: npud must not run it again where a reset took it along. */
#define NPU_SUBMIT_NO_REPEAT (1u << 6)
/* The fences are there for the order alone: it runs although a job that it waited for failed. */
#define NPU_SUBMIT_ORDER_ONLY (1u << 7)

struct npu_task {
	uint32_t regcmd_iova;  /* 16-byte aligned */
	uint32_t regcmd_count; /* 64-bit entries, tail included: 1 ... NPU_TASK_REGCMDS_MAX */
	uint32_t int_mask;     /* interrupt bits that end the task: 0x300 (DPU), 0xc00 (PPU) */
	uint32_t reserved;
};

/* Tasks [start, start + count) of the job. */
struct npu_range {
	uint32_t start, count;
};

#define NPU_DEADLINE_MAX_NS 10000000000000ll /* under three hours */
#define NPU_PRIORITY_MAX    1000	     /* and -NPU_PRIORITY_MAX */

/* What becomes of a job that cannot meet its deadline. */
enum npu_late {
	NPU_LATE_AS_CLASS = 0, /* as the policy says: dropped, if it says nothing */
	NPU_LATE_DROP,	       /* refused at submit with ETIME, or ends as NPU_OUTCOME_LATE */
	NPU_LATE_DEMOTE,       /* goes on as a job without a deadline */
	NPU_LATE_RUN,	       /* runs late, in the order of deadlines */
	NPU_LATE_COUNT,
};

/*
 * Followed by n_tasks struct npu_task (unless NPU_SUBMIT_TASKS_IN_BO), then n_bos handles
 * (uint32_t), then for each bit w in `widths`, lowest first, w struct npu_range. fds = n_fences
 * fences to wait for: npud's own, or sync_files.
 *
 * Of the handles the first n_writes name memory that the job writes, the next n_reads what it
 * reads, for the sake of order: it starts after all jobs that were submitted before and write such
 * memory, also through BOs of other sessions that share it, however those end. The others only have
 * to stay.
 */
struct npu_submit {
	uint64_t seqno; /* chosen by the client, returned in completion and reply */
	uint64_t tag;	/* the client's own, for nobody but the client */
	uint32_t flags;
	/* 0: any one core. One bit: that core. More: a gang, all of them at once. */
	uint32_t core_mask;
	uint32_t n_tasks, n_bos, n_fences;
	/* One range per core, lowest core first; 0: one range of all tasks. */
	uint32_t n_ranges;
	struct npu_range ranges[NPU_JOB_RANGES];
	uint32_t tasks_handle;
	uint32_t n_writes;
	uint64_t tasks_offset;
	uint64_t timeout_ns;  /* device time the job may take; 0: as the policy says */
	uint64_t duration_ns; /* `timing` device: how long it takes, UINT64_MAX for ever; else 0 */
	/* From now on, in ns; 0: as the class says. Up to NPU_DEADLINE_MAX_NS. */
	int64_t deadline_ns;
	/* Among the jobs of this session that wait: higher goes first. */
	int32_t priority;
	uint32_t late;	 /* enum npu_late */
	uint32_t widths; /* bit w: it may run on w cores instead; its ranges follow the handles */
	uint32_t n_reads;
	uint64_t reserved;
};

/* fd = the fence, if it was asked for. */
struct npu_submit_reply {
	uint64_t seqno;
	uint64_t job_id; /* npud's own number, as in logs and statistics */
};

/* How a job ended. */
enum npu_outcome {
	NPU_OUTCOME_PENDING = 0, /* not yet; on a fence whose daemon died: never */
	NPU_OUTCOME_OK = 1,
	NPU_OUTCOME_HANG,	  /* exceeded its budget; the core was reset */
	NPU_OUTCOME_PAGE_FAULT,	  /* reached for `iova`, which its session has not mapped */
	NPU_OUTCOME_BAD_STREAM,	  /* the device cannot run that stream; `detail` says why */
	NPU_OUTCOME_CANCELLED,	  /* by its owner, by the owner's death, by an administrator */
	NPU_OUTCOME_LATE,	  /* its deadline could not be met */
	NPU_OUTCOME_DEPENDENCY,	  /* a fence it waited for failed */
	NPU_OUTCOME_DEVICE_RESET, /* innocent, but may not be repeated */
	NPU_OUTCOME_DEVICE_LOST,  /* no core is left, or npud is going down */
	NPU_OUTCOME_COUNT
};

/* Initialiser of an array of NPU_OUTCOME_COUNT strings, as shown to people and in statistics. */
#define NPU_OUTCOME_NAMES                                                                          \
	{                                                                                          \
		"pending", "ok", "hang", "page_fault", "bad_stream", "cancelled", "late",          \
			"dependency", "device_reset", "device_lost"                                \
	}

#define NPU_FAULT_WRITE (1u << 0) /* the access that faulted was a write */

/* One packet on the completion socket. */
struct npu_completion {
	uint64_t seqno, tag, job_id;
	uint32_t outcome;    /* enum npu_outcome */
	uint32_t flags;	     /* NPU_FAULT_* */
	uint64_t fault_iova; /* NPU_OUTCOME_PAGE_FAULT */
	uint64_t device_ns;  /* device time it took */
	uint64_t queued_ns;  /* from submit to start */
	uint32_t tasks_done;
	uint32_t core_mask; /* where it ran */
	uint64_t lost;	    /* completions dropped so far in this session: nobody read them */
	char detail[128];
};

/*
 * A fence descriptor is the read end of a pipe that carries nothing. Once the job has ended it is
 * readable to select() and read(), which finds the end, and has POLLHUP, not POLLIN, for poll() and
 * epoll, for every holder and for good; then st_mode & 07777 of fstat() is the outcome. Still
 * NPU_OUTCOME_PENDING there means that npud died.
 */
#define NPU_FENCE_MODE_MASK 07777

/* By its owner, of a job that is blocked or ready; EBUSY once it runs, ENOENT when unknown. */
struct npu_cancel {
	uint64_t seqno;
};

/* ---- questions and administration ---- */

/*
 * Reply to NPU_OP_STATS, _POLICY_SHOW, _INCIDENTS and _TRACE_STOP: fd = JSON text of `size` bytes.
 */
struct npu_document_reply {
	uint64_t size;
};

/* NPU_OP_POLICY_RELOAD, NPU_OP_TRACE_START: no body, reply header only. */

/*
 * From now on no session and no job is taken (ESHUTDOWN); what waits and runs goes on. No body.
 * Reply: how much there still was, when asked; asked again, how much there is left.
 */
struct npu_drain_reply {
	uint32_t n_jobs;    /* that wait or run and can end */
	uint32_t n_blocked; /* that wait for a fence which may never come */
};

struct npu_kill {
	uint64_t session_id;
};

struct npu_reset {
	uint32_t core;
	uint32_t reserved;
};

#define NPU_CGROUP_MAX 256

/* Forgives the identity of a session, or the one named by uid and cgroup. */
struct npu_pardon {
	uint64_t session_id; /* 0: by uid and cgroup */
	uint32_t uid;
	uint32_t reserved;
	char cgroup[NPU_CGROUP_MAX]; /* "" where the kernel tells none */
};

/* Reply: struct npu_document_reply. */
struct npu_incidents {
	uint64_t id; /* 0: the list of all */
};

#endif
