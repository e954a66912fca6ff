/* SPDX-License-Identifier: MIT */
/*
 * npud as libnpu sees it, answering by hand: a thread that serves one session. What it does with a
 * job is written in the job's tag; jobs that are held end, newest first, at the next BO_SYNC.
 */
#ifndef TEST_FAKE_NPUD_H
#define TEST_FAKE_NPUD_H

#include "npu_protocol.h"

#include <pthread.h>
#include <stdbool.h>

enum fake_tag {
	FAKE_OK = 0, /* ends well, completion after the reply */
	FAKE_EARLY,  /* completion before the reply */
	FAKE_HOLD,   /* until the next BO_SYNC */
	FAKE_REFUSE, /* EAGAIN, retry after 42 ns */
	FAKE_WRONG_SERIAL,
	FAKE_WRONG_LENGTH,
	FAKE_SURPRISE_FD, /* a descriptor nobody asked for */
	FAKE_NO_FD,	  /* no fence where one was asked for */
	FAKE_DIE,	  /* hangs up instead of answering */
	FAKE_LOSE,	  /* accepted; its completion never comes */
	FAKE_LOST_ONE,	  /* ends well and says that one was lost */
	FAKE_BAD_PACKET,  /* its completion is cut short */
	FAKE_FAULT,	  /* page fault */
};

#define FAKE_HELD_MAX 8192

struct fake_npud {
	char directory[32], path[64];
	pthread_t thread;
	int listener, socket, completions;
	uint32_t version; /* to answer HELLO with; 0: refuse */
	bool has_tasks_in_bo, has_scheduling;
	int memory; /* of the last BO */
	uint32_t next_handle;
	struct npu_submit held[FAKE_HELD_MAX];
	int held_fences[FAKE_HELD_MAX]; /* write ends, or -1 */
	unsigned n_held;
	/* What arrived; to be read after fake_npud_stop(). */
	struct npu_hello hello;
	struct npu_submit last_submit;
	size_t last_submit_bytes;  /* with what follows it */
	struct npu_task last_task; /* of that job */
	unsigned n_bos_open;
};

/* Starts it on a socket in a directory of its own. `version`: see above. */
struct fake_npud *fake_npud_start(uint32_t version);
/* Waits until the client has gone, and frees. Call fake_npud_join() first to look at fields. */
void fake_npud_stop(struct fake_npud *fake);
void fake_npud_join(struct fake_npud *fake);

#endif
