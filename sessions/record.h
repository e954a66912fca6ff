/* SPDX-License-Identifier: MIT */
/*
 * Records: what an identity (uid and cgroup) has done to the NPU. Each hang and each page fault is
 * a strike; strikes outlive the sessions that caused them, and one goes for every minute without
 * another.
 *
 *   GOOD -> SLOW (one core, no gangs) -> SUSPENDED (jobs wait) -> CLOSED (the session ends)
 *
 * The thresholds are the policy's. Each pause is twice as long as the one before; when it is over,
 * what is left of the strikes still slows. Pure but for memory: time is passed in.
 */
#ifndef NPUD_SESSIONS_RECORD_H
#define NPUD_SESSIONS_RECORD_H

#include "base/list.h"
#include "sessions/class.h"

#include <stdbool.h>
#include <stdint.h>

/* Identities that are remembered; past that the one with the fewest strikes goes. */
#define RECORDS_MAX 1024
/* Time without a strike after which one is forgotten. */
#define RECORD_DECAY_NS 60000000000ull
/* Strikes are not counted beyond that. */
#define STRIKES_MAX 1000

enum standing { STANDING_GOOD, STANDING_SLOW, STANDING_SUSPENDED, STANDING_CLOSED };

struct record {
	uid_t uid;
	char cgroup[MATCH_TEXT_MAX];
	unsigned strikes;
	bool is_closed;		/* the present pause is for a closed session */
	uint64_t clean_from_ns; /* good conduct counts from here: the last strike or its pause */
	uint64_t held_until_ns; /* end of the last pause; 0: there was none */
	struct list link;
};

struct records {
	struct list list; /* the one with the latest strike last */
	unsigned n;
};

void records_init(struct records *records);
void records_deinit(struct records *records);

/* NULL while there is none. */
struct record *records_find(const struct records *records, uid_t uid, const char *cgroup);
/* One more strike. -ENOMEM: it is not written down. */
int records_strike(struct records *records, const struct identity *identity,
		   const struct quarantine *quarantine, uint64_t now_ns,
		   struct record **ret_record);
/* All is forgiven. */
void records_pardon(struct records *records, struct record *record);
/*
 * Forgets the strikes whose time has come. Returns when something changes next, of these and of
 * pauses; CLOCK_NEVER when all are forgotten.
 */
uint64_t records_decay(struct records *records, uint64_t now_ns);

/* `record` NULL: good. */
enum standing record_standing(const struct record *record, const struct quarantine *quarantine,
			      uint64_t now_ns);
/* Until when the standing lasts, if nothing more happens; 0 for a good one. */
uint64_t record_until_ns(const struct record *record, const struct quarantine *quarantine,
			 uint64_t now_ns);
/* "good", "slow", "suspended", "closed". */
const char *standing_name(enum standing standing);

#endif
