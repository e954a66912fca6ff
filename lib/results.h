/* SPDX-License-Identifier: MIT */
/*
 * Results of jobs: who waits for what, and where results stay until somebody asks.
 *
 *   entry: in flight --+--> over, kept for npu_wait()          (at most LIBNPU_RESULTS_MAX)
 *                      +--> queue for npu_completion_next()    (at most LIBNPU_RESULTS_MAX)
 *
 * An entry is owned by this module from libnpu_results_expect() on, and found by its number anew
 * after every wait: no pointer to one outlives the lock.
 *
 * Waiting needs no thread of our own. One waiter, the leader, polls the completion socket for all;
 * the others sleep until it stores something or leaves. Whoever holds the lock may empty the
 * socket; if it takes what a polling leader waits for, it wakes the leader through `wake_fd`.
 */
#ifndef LIBNPU_RESULTS_H
#define LIBNPU_RESULTS_H

#include "npu.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#define LIBNPU_RESULTS_MAX     4096u /* unread results of each kind; the oldest go first */
#define LIBNPU_RESULTS_BUCKETS 1024u

struct libnpu_entry {
	TAILQ_ENTRY(libnpu_entry) order; /* on: pending by seqno, or queue by arrival */
	LIST_ENTRY(libnpu_entry) bucket; /* while pending */
	bool is_queued;			 /* for npu_completion_next(), not for npu_wait() */
	bool is_over;			 /* the result is there */
	bool is_lost;			 /* npud dropped results while this one was in flight */
	struct npu_result result;	 /* seqno and tag from the start */
};

TAILQ_HEAD(libnpu_entries, libnpu_entry);
LIST_HEAD(libnpu_bucket, libnpu_entry);

struct libnpu_results {
	int socket;	      /* npud sends struct npu_completion here */
	int ready_fd;	      /* eventfd: the queue is not empty */
	int wake_fd;	      /* eventfd: the leader should look again */
	int epoll_fd;	      /* readable when `socket` or `ready_fd` is: npu_completion_fd() */
	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t changed;
	bool has_leader;
	int end_error; /* what the end of the socket means: -ECONNRESET, unless we know more */
	int broken;    /* 0, or why nothing more will come */
	uint64_t last_seqno;
	uint64_t lost_by_daemon, lost_here;
	struct libnpu_entries pending; /* in flight or kept, by seqno */
	struct libnpu_bucket buckets[LIBNPU_RESULTS_BUCKETS];
	unsigned n_kept;
	struct libnpu_entries queue;
	unsigned n_queued;
};

/*
 * Takes `socket` over, also on failure. After a failure the results can be asked, wait for nothing,
 * and are to be deinitialised all the same.
 */
int libnpu_results_init(struct libnpu_results *results, int socket);
void libnpu_results_deinit(struct libnpu_results *results);

/* A new job's number; for jobs whose result nobody wants from here. */
uint64_t libnpu_results_number(struct libnpu_results *results);
/*
 * The same for a job whose completion will come. To be called before the job is sent. Also reads
 * what has arrived, so that no more can wait unread at npud than there are jobs in flight.
 */
int libnpu_results_expect(struct libnpu_results *results, uint64_t tag, bool is_queued,
			  uint64_t *ret_seqno);
/* The job was not accepted after all. */
void libnpu_results_forget(struct libnpu_results *results, uint64_t seqno);
/* The session is over: every waiter returns `error` once what has arrived is read. */
void libnpu_results_break(struct libnpu_results *results, int error);

#endif
