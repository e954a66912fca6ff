/* SPDX-License-Identifier: MIT */
/*
 * How long a job will run, learnt from how long those like it ran.
 *
 * Jobs are alike when they have the same signature (a hash of the shape of their register streams,
 * made by their owner) and run on as many cores. Of each such kind the last `window` times per
 * piece are kept. Memory is fixed: past `n_kinds` kinds the one least recently used is forgotten.
 * Nothing is allocated after predict_new(). Times are device time, in ns.
 *
 * The clock of the device may change (devfreq, thermal throttling): kinds are learnt per clock, and
 * a kind that is new at the present clock takes what is known at another one, stretched where that
 * was faster. How much of a job the clock matters to is not known; this errs towards too long.
 */
#ifndef NPUD_SCHEDULER_PREDICT_H
#define NPUD_SCHEDULER_PREDICT_H

#include "base/histogram.h"

#include <stdbool.h>
#include <stdint.h>

/* Of the policy file's `predict`. */
struct predict_config {
	unsigned window;      /* window 32: samples kept per kind */
	unsigned known_after; /* known_after 3: samples until a kind is trusted */
	uint64_t default_ns;  /* default_ms 20: a whole job of which nothing is known */
	unsigned n_kinds;     /* 1024 */
};

/* Per piece, a job's part between two legal cuts. */
struct prediction {
	bool is_known; /* known_after samples or more, at this width */
	unsigned n_samples;
	uint64_t p10_ns, mean_ns, p90_ns;
};

struct predict_stats {
	unsigned n_kinds;
	uint64_t n_forgotten;	/* kinds */
	struct histogram error; /* |measured - mean| / mean of known kinds, in millionths */
};

struct predict;

/* -ENOMEM. */
int predict_new(const struct predict_config *config, struct predict **ret_predict);
/*
 * Takes the configuration over with what was learnt, as far as that still has room: the latest
 * samples of the kinds used last. *predict is another object then. -ENOMEM: nothing has changed.
 */
int predict_configure(struct predict **predict, const struct predict_config *config);
/* Takes NULL, returns NULL. */
struct predict *predict_free(struct predict *predict);

/* The clock from now on, in Hz; 0, as at first: not known. */
void predict_set_clock(struct predict *predict, uint64_t clock_hz);
/* `n_pieces` of a job with that signature took share_ns on `width` cores. Signature 0: ignored. */
void predict_observe(struct predict *predict, uint64_t signature, unsigned width, unsigned n_pieces,
		     uint64_t share_ns);
/*
 * Cold start: an unknown kind takes what the same job took at another clock, then what it took at
 * another width, else default_ns for all of its n_pieces. Signature 0 is never known.
 */
void predict_get(struct predict *predict, uint64_t signature, unsigned width, unsigned n_pieces,
		 struct prediction *ret_prediction);
/* What took time_ns at one clock may take so long at another: never less. 0 Hz: not known. */
uint64_t predict_stretch(uint64_t time_ns, uint64_t from_hz, uint64_t to_hz);
const struct predict_stats *predict_get_stats(const struct predict *predict);

#endif
