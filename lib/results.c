/* SPDX-License-Identifier: MIT */
/* Results of jobs from the completion socket to whoever asks; results.h has the idea. */
#include "results.h"

#include "clock.h"
#include "error.h"
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static struct libnpu_bucket *bucket_of(struct libnpu_results *results, uint64_t seqno)
{
	return &results->buckets[seqno % LIBNPU_RESULTS_BUCKETS];
}

static struct libnpu_entry *pending_find(struct libnpu_results *results, uint64_t seqno)
{
	struct libnpu_entry *entry = LIST_FIRST(bucket_of(results, seqno));

	while (entry && entry->result.seqno != seqno)
		entry = LIST_NEXT(entry, bucket);
	return entry;
}

/* Afterwards the entry is on no list. */
static void pending_remove(struct libnpu_results *results, struct libnpu_entry *entry)
{
	TAILQ_REMOVE(&results->pending, entry, order);
	LIST_REMOVE(entry, bucket);
	if (entry->is_over)
		results->n_kept--;
}

static void pending_drop_oldest_result(struct libnpu_results *results)
{
	struct libnpu_entry *entry = TAILQ_FIRST(&results->pending);

	while (entry && !entry->is_over)
		entry = TAILQ_NEXT(entry, order);
	if (!entry)
		return;
	pending_remove(results, entry);
	free(entry);
	results->lost_here++;
}

static struct libnpu_entry *queue_pop(struct libnpu_results *results)
{
	struct libnpu_entry *entry = TAILQ_FIRST(&results->queue);
	eventfd_t count;

	if (!entry)
		return NULL;
	TAILQ_REMOVE(&results->queue, entry, order);
	if (--results->n_queued == 0)
		eventfd_read(results->ready_fd, &count);
	return entry;
}

static void queue_push(struct libnpu_results *results, struct libnpu_entry *entry)
{
	if (results->n_queued == LIBNPU_RESULTS_MAX) {
		free(queue_pop(results));
		results->lost_here++;
	}
	TAILQ_INSERT_TAIL(&results->queue, entry, order);
	if (results->n_queued++ == 0)
		eventfd_write(results->ready_fd, 1);
}

static void result_fill(struct npu_result *result, const struct npu_completion *completion)
{
	*result = (struct npu_result){
		.seqno = result->seqno,
		.tag = result->tag,
		.job_id = completion->job_id,
		.outcome = (enum npu_outcome)completion->outcome,
		.fault_is_write = !!(completion->flags & NPU_FAULT_WRITE),
		.fault_iova = completion->fault_iova,
		.device_ns = completion->device_ns,
		.queued_ns = completion->queued_ns,
		.tasks_done = completion->tasks_done,
		.core_mask = completion->core_mask,
	};
	memcpy(result->detail, completion->detail, sizeof(result->detail));
	result->detail[sizeof(result->detail) - 1] = '\0';
}

/* npud dropped results. Which ones it doesn't say: any job in flight may be among them. */
static void results_note_loss(struct libnpu_results *results, uint64_t lost)
{
	struct libnpu_entry *entry;

	if (lost <= results->lost_by_daemon)
		return;
	results->lost_by_daemon = lost;
	for (entry = TAILQ_FIRST(&results->pending); entry; entry = TAILQ_NEXT(entry, order))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed had left the list */
		entry->is_lost = !entry->is_over;
}

static void results_store(struct libnpu_results *results, const struct npu_completion *completion)
{
	struct libnpu_entry *entry = pending_find(results, completion->seqno);

	/* Unknown: forgotten by npu_wait() after a loss. Known and over: npud repeats itself. */
	if (entry && !entry->is_over) {
		result_fill(&entry->result, completion);
		if (entry->is_queued) {
			pending_remove(results, entry);
			queue_push(results, entry);
		} else {
			entry->is_over = true;
			if (++results->n_kept > LIBNPU_RESULTS_MAX)
				pending_drop_oldest_result(results);
		}
	}
	results_note_loss(results, completion->lost);
}

/* 1: got one; 0: nothing there now; -errno: there will be none any more. */
static int results_receive(struct libnpu_results *results, struct npu_completion *completion)
{
	ssize_t n;

	do
		n = recv(results->socket, completion, sizeof(*completion),
			 MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : results->end_error;
	if (n == 0)
		return results->end_error;
	if (n != sizeof(*completion) || completion->outcome == NPU_OUTCOME_PENDING ||
	    completion->outcome >= NPU_OUTCOME_COUNT)
		return -EPROTO;
	return 1;
}

/* Stores everything that has arrived. `is_leader`: the caller was the one who polled. */
static void results_drain(struct libnpu_results *results, bool is_leader)
{
	struct npu_completion completion;
	bool has_news = false;
	int r = results->broken;

	while (r == 0) {
		r = results_receive(results, &completion);
		if (r == 0)
			break;
		has_news = true;
		if (r < 0) {
			results->broken = r;
			break;
		}
		results_store(results, &completion);
		r = 0;
	}
	if (!has_news)
		return;
	pthread_cond_broadcast(&results->changed);
	if (results->has_leader && !is_leader)
		eventfd_write(results->wake_fd, 1);
}

/* Polls for all waiters. Called with the lock held and no leader; returns with the lock held. */
static void results_lead(struct libnpu_results *results, uint64_t deadline_ns)
{
	struct pollfd fds[] = {{.fd = results->socket, .events = POLLIN},
			       {.fd = results->wake_fd, .events = POLLIN}};
	eventfd_t count;

	results->has_leader = true;
	pthread_mutex_unlock(&results->lock);
	libnpu_clock_poll(fds, 2, deadline_ns);
	pthread_mutex_lock(&results->lock);
	results->has_leader = false;
	if (fds[1].revents)
		eventfd_read(results->wake_fd, &count);
	results_drain(results, true);
	/* This thread may be satisfied now; then another one has to lead. */
	pthread_cond_broadcast(&results->changed);
}

static void results_follow(struct libnpu_results *results, uint64_t deadline_ns)
{
	struct timespec until = libnpu_clock_timespec(deadline_ns);

	if (deadline_ns == UINT64_MAX)
		pthread_cond_wait(&results->changed, &results->lock);
	else
		pthread_cond_timedwait(&results->changed, &results->lock, &until);
}

/* 0: `ret_result` is filled and the entry gone; -EAGAIN: wait; else why there is none. */
static int results_take(struct libnpu_results *results, uint64_t seqno,
			struct npu_result *ret_result)
{
	struct libnpu_entry *entry = pending_find(results, seqno);
	int r = -EAGAIN;

	if (!entry || entry->is_queued)
		return libnpu_error(-ENOENT, "no job %llu is waited for here",
				    (unsigned long long)seqno);
	if (entry->is_over) {
		*ret_result = entry->result;
		r = 0;
	} else if (entry->is_lost) {
		r = libnpu_error(-EOVERFLOW, "the result of job %llu may have been dropped unread",
				 (unsigned long long)seqno);
	} else if (results->broken) {
		return libnpu_error(results->broken, "npud is gone, job %llu with it",
				    (unsigned long long)seqno);
	}
	if (r != -EAGAIN) {
		pending_remove(results, entry);
		free(entry);
	}
	return r;
}

static int results_wait(struct libnpu_results *results, uint64_t seqno, uint64_t deadline_ns,
			struct npu_result *ret_result)
{
	bool is_late = false;
	int r;

	for (;;) {
		r = results_take(results, seqno, ret_result);
		if (r != -EAGAIN)
			return r;
		if (is_late)
			return libnpu_error(-ETIMEDOUT, "job %llu is not over yet",
					    (unsigned long long)seqno);
		is_late = libnpu_clock_is_past(deadline_ns);
		if (is_late)
			results_drain(results, false);
		else if (results->has_leader)
			results_follow(results, deadline_ns);
		else
			results_lead(results, deadline_ns);
	}
}

int npu_wait(struct npu_session *session, uint64_t seqno, int64_t timeout_ns,
	     struct npu_result *ret_result)
{
	struct libnpu_results *results = &session->results;
	uint64_t deadline_ns = libnpu_clock_deadline(timeout_ns);
	int r;

	pthread_mutex_lock(&results->lock);
	r = results_wait(results, seqno, deadline_ns, ret_result);
	pthread_mutex_unlock(&results->lock);
	return r;
}

int npu_wait_tag(struct npu_session *session, uint64_t tag, int64_t timeout_ns,
		 struct npu_result *ret_result)
{
	struct libnpu_results *results = &session->results;
	uint64_t deadline_ns = libnpu_clock_deadline(timeout_ns);
	struct libnpu_entry *entry;
	int r;

	pthread_mutex_lock(&results->lock);
	entry = TAILQ_FIRST(&results->pending);
	while (entry && (entry->is_queued || entry->result.tag != tag))
		entry = TAILQ_NEXT(entry, order);
	if (entry)
		r = results_wait(results, entry->result.seqno, deadline_ns, ret_result);
	else
		r = libnpu_error(-ENOENT, "no job with tag %llu is waited for here",
				 (unsigned long long)tag);
	pthread_mutex_unlock(&results->lock);
	return r;
}

int npu_completion_fd(const struct npu_session *session)
{
	return session->results.epoll_fd;
}

int npu_completion_next(struct npu_session *session, struct npu_result *ret_result)
{
	struct libnpu_results *results = &session->results;
	struct libnpu_entry *entry;
	int r = 0;

	pthread_mutex_lock(&results->lock);
	if (results->n_queued == 0)
		results_drain(results, false);
	entry = queue_pop(results);
	if (entry)
		*ret_result = entry->result;
	else if (results->broken)
		r = libnpu_error(results->broken, "npud is gone");
	else
		r = libnpu_error(-EAGAIN, "no result is there yet");
	pthread_mutex_unlock(&results->lock);
	free(entry);
	return r;
}

uint64_t npu_completions_lost(const struct npu_session *session)
{
	struct libnpu_results *results = (struct libnpu_results *)&session->results;
	uint64_t lost;

	pthread_mutex_lock(&results->lock);
	lost = results->lost_by_daemon + results->lost_here;
	pthread_mutex_unlock(&results->lock);
	return lost;
}

uint64_t libnpu_results_number(struct libnpu_results *results)
{
	uint64_t seqno;

	pthread_mutex_lock(&results->lock);
	seqno = ++results->last_seqno;
	pthread_mutex_unlock(&results->lock);
	return seqno;
}

int libnpu_results_expect(struct libnpu_results *results, uint64_t tag, bool is_queued,
			  uint64_t *ret_seqno)
{
	struct libnpu_entry *entry = calloc(1, sizeof(*entry));
	int r;

	if (!entry)
		return libnpu_error(-ENOMEM, "out of memory");
	entry->is_queued = is_queued;
	entry->result.tag = tag;
	pthread_mutex_lock(&results->lock);
	results_drain(results, false);
	r = results->broken;
	if (r == 0) {
		entry->result.seqno = *ret_seqno = ++results->last_seqno;
		TAILQ_INSERT_TAIL(&results->pending, entry, order);
		LIST_INSERT_HEAD(bucket_of(results, *ret_seqno), entry, bucket);
	}
	pthread_mutex_unlock(&results->lock);
	if (r == 0)
		return 0;
	free(entry);
	return libnpu_error(r, "the session with npud is over: %s", strerror(-r));
}

void libnpu_results_forget(struct libnpu_results *results, uint64_t seqno)
{
	struct libnpu_entry *entry;

	pthread_mutex_lock(&results->lock);
	entry = pending_find(results, seqno);
	if (entry) {
		pending_remove(results, entry);
		free(entry);
		pthread_cond_broadcast(&results->changed); /* npu_wait_tag() may wait for it */
		if (results->has_leader)
			eventfd_write(results->wake_fd, 1);
	}
	pthread_mutex_unlock(&results->lock);
}

void libnpu_results_break(struct libnpu_results *results, int error)
{
	pthread_mutex_lock(&results->lock);
	results->end_error = error;
	pthread_mutex_unlock(&results->lock);
	/* What has arrived can still be read; behind it comes the end of file. */
	shutdown(results->socket, SHUT_RDWR);
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int results_open_fds(struct libnpu_results *results)
{
	int r;

	results->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	results->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	results->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (results->ready_fd < 0 || results->wake_fd < 0 || results->epoll_fd < 0)
		return -errno;
	r = watch(results->epoll_fd, results->socket);
	return r < 0 ? r : watch(results->epoll_fd, results->ready_fd);
}

static void results_init_memory(struct libnpu_results *results, int socket)
{
	pthread_condattr_t attributes;

	*results = (struct libnpu_results){
		.socket = socket, .ready_fd = -1, .wake_fd = -1, .epoll_fd = -1};
	results->end_error = -ECONNRESET;
	TAILQ_INIT(&results->pending);
	TAILQ_INIT(&results->queue);
	pthread_mutex_init(&results->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&results->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

int libnpu_results_init(struct libnpu_results *results, int socket)
{
	int r;

	results_init_memory(results, socket);
	r = results_open_fds(results);
	if (r < 0) {
		libnpu_results_deinit(results);
		results_init_memory(results, -1);
	}
	return r;
}

static void entries_free(struct libnpu_entries *entries)
{
	struct libnpu_entry *entry;

	while ((entry = TAILQ_FIRST(entries))) {
		TAILQ_REMOVE(entries, entry, order);
		free(entry);
	}
}

void libnpu_results_deinit(struct libnpu_results *results)
{
	int fds[] = {results->socket, results->ready_fd, results->wake_fd, results->epoll_fd};

	for (unsigned i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	entries_free(&results->pending);
	entries_free(&results->queue);
	pthread_cond_destroy(&results->changed);
	pthread_mutex_destroy(&results->lock);
}
