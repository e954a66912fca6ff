/* SPDX-License-Identifier: MIT */
/*
 * One loop in plain C, compiled also for what newer CPUs offer, chosen when it is called. All
 * clones give the same bits: nothing here contracts or reorders floating-point operations.
 */
#ifndef NPUD_DEVICE_SOFT_CLONES_H
#define NPUD_DEVICE_SOFT_CLONES_H

/* Of the function NAME_body, the loop itself. */
#define SOFT_CLONE_BODY static inline __attribute__((always_inline)) void

/*
 * SOFT_CLONES(linkage, name, parameters, arguments) defines the function `name` out of name_body,
 * both lists in parentheses.
 */
#if defined(__x86_64__)
#include <stdbool.h>

/* AVX2, FMA and conversions of fp16, which every CPU with AVX2 has. */
static inline bool soft_has_f16c(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#define SOFT_AVX2   __attribute__((target("avx2")))
#define SOFT_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl")))
#define SOFT_CLONES(linkage, name, parameters, arguments)                                          \
	SOFT_AVX512 static void name##_avx512 parameters                                           \
	{                                                                                          \
		name##_body arguments;                                                             \
	}                                                                                          \
	SOFT_AVX2 static void name##_avx2 parameters                                               \
	{                                                                                          \
		name##_body arguments;                                                             \
	}                                                                                          \
	linkage void name parameters                                                               \
	{                                                                                          \
		if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&    \
		    __builtin_cpu_supports("avx512bw"))                                            \
			name##_avx512 arguments;                                                   \
		else if (__builtin_cpu_supports("avx2"))                                           \
			name##_avx2 arguments;                                                     \
		else                                                                               \
			name##_body arguments;                                                     \
	}
#else
#define SOFT_CLONES(linkage, name, parameters, arguments)                                          \
	linkage void name parameters                                                               \
	{                                                                                          \
		name##_body arguments;                                                             \
	}
#endif

#endif
