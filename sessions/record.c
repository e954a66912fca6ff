/* SPDX-License-Identifier: MIT */
/* A short list, looked through: strikes are rare, and who has none is not on it. */
#include "sessions/record.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void records_init(struct records *records)
{
	list_init(&records->list);
	records->n = 0;
}

static void remove_record(struct records *records, struct record *record)
{
	list_del(&record->link);
	records->n--;
	free(record);
}

void records_deinit(struct records *records)
{
	struct record *record, *next;

	list_for_each_safe (record, next, &records->list, link)
		remove_record(records, record);
}

struct record *records_find(const struct records *records, uid_t uid, const char *cgroup)
{
	struct record *record;

	list_for_each (record, &records->list, link) {
		if (record->uid == uid && strcmp(record->cgroup, cgroup) == 0)
			return record;
	}
	return NULL;
}

/* The one with the fewest strikes, of those the oldest. */
static struct record *find_pettiest(struct records *records)
{
	struct record *record, *pettiest = NULL;

	list_for_each (record, &records->list, link) {
		if (!pettiest || record->strikes < pettiest->strikes)
			pettiest = record;
	}
	return pettiest;
}

static int add_record(struct records *records, const struct identity *identity,
		      struct record **ret_record)
{
	struct record *record = calloc(1, sizeof(*record));

	if (!record)
		return -ENOMEM;
	if (records->n == RECORDS_MAX)
		remove_record(records, find_pettiest(records));
	record->uid = identity->uid;
	snprintf(record->cgroup, sizeof(record->cgroup), "%s", identity->cgroup);
	list_add_tail(&records->list, &record->link);
	records->n++;
	*ret_record = record;
	return 0;
}

static uint64_t pause_ns(const struct quarantine *quarantine, unsigned n_pauses)
{
	uint64_t ns = quarantine->pause_ns;

	for (unsigned i = 1; i < n_pauses && ns < quarantine->pause_max_ns; i++)
		ns *= 2;
	return ns < quarantine->pause_max_ns ? ns : quarantine->pause_max_ns;
}

int records_strike(struct records *records, const struct identity *identity,
		   const struct quarantine *quarantine, uint64_t now_ns, struct record **ret_record)
{
	struct record *record = records_find(records, identity->uid, identity->cgroup);
	uint64_t until_ns;

	if (!record && add_record(records, identity, &record) < 0)
		return -ENOMEM;
	list_del(&record->link);
	list_add_tail(&records->list, &record->link);
	record->strikes += record->strikes < STRIKES_MAX;
	record->clean_from_ns = now_ns;
	if (record->strikes >= quarantine->suspend_after) {
		until_ns = now_ns +
			   pause_ns(quarantine, record->strikes - quarantine->suspend_after + 1);
		if (until_ns > record->held_until_ns)
			record->held_until_ns = until_ns;
		record->clean_from_ns = record->held_until_ns;
	}
	record->is_closed = record->strikes >= quarantine->close_after;
	*ret_record = record;
	return 0;
}

void records_pardon(struct records *records, struct record *record)
{
	remove_record(records, record);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t records_decay(struct records *records, uint64_t now_ns)
{
	uint64_t next_ns = CLOCK_NEVER;
	struct record *record, *next;

	list_for_each_safe (record, next, &records->list, link) {
		while (record->strikes && now_ns >= record->clean_from_ns &&
		       now_ns - record->clean_from_ns >= RECORD_DECAY_NS) {
			record->strikes--;
			record->clean_from_ns += RECORD_DECAY_NS;
		}
		if (!record->strikes) {
			remove_record(records, record);
			continue;
		}
		next_ns = min_u64(next_ns, record->clean_from_ns + RECORD_DECAY_NS);
		if (record->held_until_ns > now_ns)
			next_ns = min_u64(next_ns, record->held_until_ns);
	}
	return next_ns;
}

enum standing record_standing(const struct record *record, const struct quarantine *quarantine,
			      uint64_t now_ns)
{
	if (!record)
		return STANDING_GOOD;
	if (record->held_until_ns > now_ns)
		return record->is_closed ? STANDING_CLOSED : STANDING_SUSPENDED;
	return record->strikes >= quarantine->slow_after ? STANDING_SLOW : STANDING_GOOD;
}

uint64_t record_until_ns(const struct record *record, const struct quarantine *quarantine,
			 uint64_t now_ns)
{
	switch (record_standing(record, quarantine, now_ns)) {
	case STANDING_CLOSED:
	case STANDING_SUSPENDED:
		return record->held_until_ns;
	case STANDING_SLOW:
		return record->clean_from_ns +
		       (record->strikes - quarantine->slow_after + 1) * RECORD_DECAY_NS;
	default:
		return 0;
	}
}

const char *standing_name(enum standing standing)
{
	static const char *const names[] = {
		[STANDING_GOOD] = "good",
		[STANDING_SLOW] = "slow",
		[STANDING_SUSPENDED] = "suspended",
		[STANDING_CLOSED] = "closed",
	};

	return names[standing];
}
