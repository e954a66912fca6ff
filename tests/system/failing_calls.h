/* SPDX-License-Identifier: MIT */
/*
 * Failure injection: what test_failures.c and the npud it starts (npud_failing, failing_calls.c)
 * share. The file that NPU_FAULT names holds one struct fault, mapped by both.
 */
#ifndef NPUD_TESTS_FAILING_CALLS_H
#define NPUD_TESTS_FAILING_CALLS_H

#include <stdatomic.h>

struct fault {
	_Atomic long countdown; /* the n-th call from now on fails, once; 0: none does */
	_Atomic long n_hits;	/* calls that have failed */
	char last[64];		/* the name of the one that failed last */
};

#endif
