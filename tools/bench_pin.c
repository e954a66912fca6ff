/* SPDX-License-Identifier: MIT */
/*
 * Benches of two processes put them on CPUs of their own, or chance would decide for minutes who
 * shares a CPU with whom, which weighs more than all that is measured.
 */
#include "bench.h"

void bench_pin(const cpu_set_t *allowed, bool to_last)
{
	cpu_set_t chosen;
	int cpu = to_last ? CPU_SETSIZE - 1 : 0;
	CPU_ZERO(&chosen);
	while (!CPU_ISSET(cpu, allowed))
		cpu += to_last ? -1 : 1;
	CPU_SET(cpu, &chosen);
	(void)sched_setaffinity(0, sizeof(chosen), &chosen);
}
