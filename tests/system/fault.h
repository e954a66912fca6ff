/* SPDX-License-Identifier: MIT */
/*
 * Failure injection: what test_fault.c and the npud it starts (npud_faulty, fault.c) share. The
 * file that NPU_FAULT names holds one struct fault, mapped by both.
 */
#ifndef NPUD_TESTS_FAULT_H
#define NPUD_TESTS_FAULT_H

#include <stdatomic.h>

struct fault {
	_Atomic long countdown; /* the n-th call from now on fails, once; 0: none does */
	_Atomic long n_hits;	/* calls that have failed */
	char last[64];		/* the name of the one that failed last */
};

#endif
