/* SPDX-License-Identifier: MIT */
/*
 * From strikes to consequences, for the session that struck and for those that its identity opens
 * afterwards; those beside it go on as they were. The queue of a session carries them
 * (scheduler_hold_queue()), so that a submit has nothing to look up; a closed session goes at the
 * end of the turn, when nobody is in the middle of its jobs any more.
 */
#include "base/clock.h"
#include "base/log.h"
#include "sessions/error.h"
#include "sessions/job.h"
#include "sessions/sessions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct quarantine *rules(const struct sessions *sessions)
{
	return &sessions->policy->quarantine;
}

static struct record *find_identity(const struct session *session)
{
	return records_find(&session->owner->records, session->identity.uid,
			    session->identity.cgroup);
}

const struct record *quarantine_record(const struct session *session)
{
	return session->has_record ? find_identity(session) : NULL;
}

static void apply_to_session(struct session *session)
{
	const struct record *record = quarantine_record(session);
	struct sessions *sessions = session->owner;
	uint64_t now_ns = loop_now_ns(sessions->loop);
	enum standing standing = record_standing(record, rules(sessions), now_ns);
	bool is_held = standing == STANDING_SUSPENDED || standing == STANDING_CLOSED;

	session->has_record = record != NULL;
	if (session->tenant)
		scheduler_hold_queue(sessions->scheduler, &session->queue,
				     record && is_held ? record->held_until_ns : 0,
				     standing != STANDING_GOOD);
}

void quarantine_apply(struct sessions *sessions)
{
	uint64_t next_ns = records_decay(&sessions->records, loop_now_ns(sessions->loop));
	struct session *session;

	list_for_each (session, &sessions->list, link)
		apply_to_session(session);
	loop_timer_arm(&sessions->record_timer, next_ns);
	sessions_kick(sessions);
}

static void quarantine_timer_expired(struct loop_timer *timer)
{
	quarantine_apply(container_of(timer, struct sessions, record_timer));
}

static void quarantine_close_run(struct loop_work *work)
{
	struct sessions *sessions = container_of(work, struct sessions, close_work);
	struct session *session, *next;

	/* Closing ends jobs, which may be further strikes: they queue this work again. */
	list_for_each_safe (session, next, &sessions->list, link) {
		if (!session->must_close)
			continue;
		session->must_close = false;
		session_close(session, "quarantine: too many hangs and page faults", true);
	}
}

void quarantine_init(struct sessions *sessions)
{
	records_init(&sessions->records);
	loop_timer_init(&sessions->record_timer, sessions->loop, quarantine_timer_expired);
	loop_work_init(&sessions->close_work, sessions->loop, quarantine_close_run);
}

void quarantine_deinit(struct sessions *sessions)
{
	loop_timer_arm(&sessions->record_timer, CLOCK_NEVER);
	loop_work_cancel(&sessions->close_work);
	records_deinit(&sessions->records);
}

/* Seconds from now, for people. */
static double seconds_until(const struct sessions *sessions, uint64_t until_ns)
{
	uint64_t now_ns = loop_now_ns(sessions->loop);

	return until_ns > now_ns ? (double)(until_ns - now_ns) / NS_PER_S : 0;
}

/* What the standing means for the client, in the few words that a completion has room for. */
static void describe(const struct sessions *sessions, const struct record *record, char *ret_text,
		     size_t size)
{
	const struct quarantine *quarantine = rules(sessions);
	uint64_t now_ns = loop_now_ns(sessions->loop);
	double left_s = seconds_until(sessions, record_until_ns(record, quarantine, now_ns));

	switch (record_standing(record, quarantine, now_ns)) {
	case STANDING_GOOD:
		snprintf(ret_text, size, "strike %u", record->strikes);
		break;
	case STANDING_SLOW:
		snprintf(ret_text, size, "strike %u: slowed for %.0f s", record->strikes, left_s);
		break;
	case STANDING_SUSPENDED:
		snprintf(ret_text, size, "strike %u: suspended for %.3g s", record->strikes,
			 left_s);
		break;
	case STANDING_CLOSED:
		snprintf(ret_text, size, "strike %u: closed for %.3g s", record->strikes, left_s);
		break;
	}
}

static void add_to_detail(struct job *job, const struct record *record)
{
	size_t used = strlen(job->detail);
	char text[64];

	describe(job->session->owner, record, text, sizeof(text));
	snprintf(job->detail + used, sizeof(job->detail) - used, "%s%s", used ? "; " : "", text);
}

const struct record *quarantine_strike(struct job *job)
{
	struct session *session = job->session;
	struct sessions *sessions = session->owner;
	struct record *record;

	records_decay(&sessions->records, loop_now_ns(sessions->loop));
	if (records_strike(&sessions->records, &session->identity, rules(sessions),
			   loop_now_ns(sessions->loop), &record) < 0) {
		log_error("strike_lost session=%" PRIu64 " error=\"out of memory\"", session->id);
		return NULL;
	}
	add_to_detail(job, record);
	session->has_record = true;
	if (record->is_closed && session->state == SESSION_ACTIVE) {
		session->must_close = true;
		loop_work_queue(&sessions->close_work);
	}
	quarantine_apply(sessions);
	return record;
}

int quarantine_admit(struct session *session, struct npu_error *error)
{
	struct sessions *sessions = session->owner;
	const struct record *record;
	uint64_t now_ns = loop_now_ns(sessions->loop);

	records_decay(&sessions->records, now_ns);
	record = find_identity(session);
	/* An administrator gets in to pardon; jobs of that session wait all the same. */
	if (session->is_admin ||
	    record_standing(record, rules(sessions), now_ns) != STANDING_CLOSED)
		return 0;
	error_set(error, EACCES, "quarantine",
		  "uid %u hung the NPU or reached for foreign memory %u times; come back in %.3f s",
		  session->identity.uid, record->strikes,
		  seconds_until(sessions, record->held_until_ns));
	error->retry_after_ns = record->held_until_ns - now_ns;
	return -EACCES;
}

void quarantine_join(struct session *session)
{
	session->has_record = true;
	apply_to_session(session);
}

int quarantine_check(const struct session *session, unsigned n_cores, struct npu_error *error)
{
	const struct sessions *sessions = session->owner;
	uint64_t now_ns = loop_now_ns(sessions->loop), until_ns = session->queue.held_until_ns;
	const struct record *record;

	if (until_ns <= now_ns && (!session->queue.is_slow || n_cores < 2))
		return 0;
	record = quarantine_record(session);
	if (!record)
		return 0;
	if (until_ns > now_ns) {
		error_set(error, EAGAIN, "quarantine",
			  "jobs are refused for another %.3f s after %u strikes (hangs and page "
			  "faults); see `npuctl pardon`",
			  seconds_until(sessions, until_ns), record->strikes);
	} else {
		until_ns = record_until_ns(record, rules(sessions), now_ns);
		error_set(error, EAGAIN, "quarantine",
			  "no gangs for another %.0f s after %u strikes (hangs and page faults): "
			  "ask for one core, or wait",
			  seconds_until(sessions, until_ns), record->strikes);
	}
	error->retry_after_ns = until_ns > now_ns ? until_ns - now_ns : 1;
	return -EAGAIN;
}

int quarantine_pardon(struct sessions *sessions, uid_t uid, const char *cgroup)
{
	struct record *record = records_find(&sessions->records, uid, cgroup);

	if (!record)
		return -ENOENT;
	records_pardon(&sessions->records, record);
	quarantine_apply(sessions);
	return 0;
}
