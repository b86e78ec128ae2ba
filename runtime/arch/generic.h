/* SPDX-License-Identifier: MIT */
/* runtime/arch/generic.h - see arch.h: any 64-bit machine, slower, without a stack of the fold's own. */
#ifndef AP_RUNTIME_ARCH_GENERIC_H
#define AP_RUNTIME_ARCH_GENERIC_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "spool/layout.h"

#define AP_ARCH_CLOCK AP_CLOCK_MONOTONIC
#define AP_ARCH_VDSO_GETTIME "__vdso_clock_gettime"

static inline uint64_t ap_arch_ticks(void)
{
	extern uint64_t ap_ticks_monotonic(void);
	return ap_ticks_monotonic();
}

static inline uint64_t ap_arch_reserve(uint64_t *cursor)
{
	return __atomic_fetch_add(cursor, 16, __ATOMIC_RELAXED);
}

static inline void ap_arch_count(uint64_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static inline uint64_t ap_arch_stack_pointer(void)
{
	return (uint64_t)__builtin_frame_address(0);
}

static inline void ap_arch_call_on_stack(void (*function)(void *), void *argument, void *top)
{
	(void)top;
	function(argument);
}

static inline long ap_arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	const int saved = errno;
	long result = syscall(n, a, b, c, d, e, f);
	if (result == -1)
		result = -errno;
	errno = saved;
	return result;
}

static inline bool ap_arch_clock_fixed(void)
{
	return false;
}

static inline uint64_t ap_arch_clock_hz(void)
{
	return 0;
}

static inline uint64_t ap_arch_jmpbuf_sp(const void *jmpbuf)
{
	(void)jmpbuf;
	return 0;
}

#endif
