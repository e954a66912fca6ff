/* SPDX-License-Identifier: MIT */
/*
 * A completion that was not waited for is a job signalled twice, or one that never was.
 */
#include "ledger.h"
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ledger ledger_for(struct client *client, struct ledger_totals *totals, int witness)
{
	return (struct ledger){.client = client, .totals = totals, .witness = witness};
}

static struct ledger_entry *find(struct ledger *ledger, uint64_t seqno)
{
	for (unsigned i = 0; i < LEDGER_JOBS_MAX; i++)
		if (ledger->entries[i].seqno == seqno)
			return &ledger->entries[i];
	return NULL;
}

static void count(uint64_t *total)
{
	__atomic_fetch_add(total, 1, __ATOMIC_RELAXED);
}

/* Where the witness has not read for a while, it does without this one. */
static void send_to_witness(struct ledger *ledger, int fence)
{
	char byte = 0, control[CMSG_SPACE(sizeof(fence))] = {0};
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	if (ledger->witness < 0)
		return;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fence));
	memcpy(CMSG_DATA(cmsg), &fence, sizeof(fence));
	(void)sendmsg(ledger->witness, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The next completion, whosever it is. Its outcome as a set. */
static unsigned settle_one(struct ledger *ledger)
{
	struct npu_completion completion;
	struct ledger_entry *entry;

	client_completion(ledger->client, &completion);
	entry = completion.seqno ? find(ledger, completion.seqno) : NULL;
	if (!entry)
		harness_fail(__FILE__, __LINE__, "job %llu was signalled, but is not running",
			     (unsigned long long)completion.seqno);
	REQUIRE(completion.outcome > 0 && completion.outcome < NPU_OUTCOME_COUNT);
	if (!(entry->outcomes >> completion.outcome & 1))
		harness_fail(__FILE__, __LINE__, "job %llu ended with %u, which is none of %#x: %s",
			     (unsigned long long)completion.seqno, completion.outcome,
			     entry->outcomes, completion.detail);
	REQUIRE_EQ(fence_wait(entry->fence), completion.outcome);
	close(entry->fence);
	*entry = (struct ledger_entry){0};
	count(&ledger->totals->n_signalled);
	return 1u << completion.outcome;
}

int ledger_try_submit(struct ledger *ledger, const struct job_request *job, unsigned outcomes,
		      int *ret_fence)
{
	struct ledger_entry *entry;
	struct message reply;
	int fence, error;

	while (!(entry = find(ledger, 0)))
		settle_one(ledger);
	error = client_try_submit(ledger->client, job, &fence, &reply);
	if (error) {
		count(&ledger->totals->n_refused);
		return error;
	}
	count(&ledger->totals->n_accepted);
	send_to_witness(ledger, fence);
	outcomes |= harness_driver_misbehaves() ? OUTCOME_UNRUN : 0;
	*entry = (struct ledger_entry){ledger->client->seqno, fence, outcomes};
	if (ret_fence)
		*ret_fence = fence;
	return 0;
}

static int submit_patiently(struct ledger *ledger, const struct job_request *job, unsigned outcomes,
			    int *ret_fence)
{
	int error;

	do {
		error = ledger_try_submit(ledger, job, outcomes, ret_fence);
	} while ((error == ENOMEM || error == EBUSY) && harness_driver_misbehaves());
	return error;
}

void ledger_require_refused(struct ledger *ledger, const struct job_request *job, int error)
{
	REQUIRE_EQ(submit_patiently(ledger, job, 0, NULL), error);
}

void ledger_submit(struct ledger *ledger, const struct job_request *job, unsigned outcomes,
		   int *ret_fence)
{
	int error = submit_patiently(ledger, job, outcomes, ret_fence);

	if (error)
		harness_fail(__FILE__, __LINE__, "an honest job was refused: %s", strerror(error));
}

static bool is_settled(const struct ledger *ledger)
{
	for (unsigned i = 0; i < LEDGER_JOBS_MAX; i++)
		if (ledger->entries[i].seqno)
			return false;
	return true;
}

unsigned ledger_settle(struct ledger *ledger)
{
	unsigned outcomes = 0;

	while (!is_settled(ledger))
		outcomes |= settle_one(ledger);
	REQUIRE(!fence_is_signalled(ledger->client->completions));
	return outcomes;
}

unsigned witness_check(int witness)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	unsigned n = 0;

	for (;;) {
		struct iovec iov = {.iov_base = &byte, .iov_len = 1};
		struct msghdr message = {.msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = control,
					 .msg_controllen = sizeof(control)};
		struct cmsghdr *cmsg;
		int fence;

		if (recvmsg(witness, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
			return n;
		cmsg = CMSG_FIRSTHDR(&message);
		REQUIRE(cmsg != NULL);
		memcpy(&fence, CMSG_DATA(cmsg), sizeof(fence));
		REQUIRE(fence_wait(fence) != NPU_OUTCOME_PENDING);
		close(fence);
		n++;
	}
}
