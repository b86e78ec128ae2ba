/* SPDX-License-Identifier: MIT */
/* runtime/arch/aarch64.h - see arch.h. */
#ifndef AP_RUNTIME_ARCH_AARCH64_H
#define AP_RUNTIME_ARCH_AARCH64_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/layout.h"

#define AP_ARCH_CLOCK AP_CLOCK_CNTVCT
#define AP_ARCH_VDSO_GETTIME "__kernel_clock_gettime"

static inline uint64_t ap_arch_ticks(void)
{
	uint64_t ticks;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
}

/* An exclusive pair is broken by any exception in between, so the loop is one step to a handler. */
static inline uint64_t ap_arch_reserve(uint64_t *cursor)
{
	return __atomic_fetch_add(cursor, 16, __ATOMIC_RELAXED);
}

static inline void ap_arch_settle(void)
{
	__asm__ volatile("dsb ish\n\tisb" : : : "memory");
}

static inline void ap_arch_count(uint64_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static inline bool ap_arch_count_down(int32_t *left)
{
	return __atomic_add_fetch(left, 1, __ATOMIC_RELAXED) < 0;
}

static inline uint64_t ap_arch_stack_pointer(void)
{
	uint64_t sp;
	__asm__("mov %0, sp" : "=r"(sp));
	return sp;
}

static inline void ap_arch_call_on_stack(void (*function)(void *), void *argument, void *top)
{
	register void *x0 __asm__("x0") = argument;
	register void (*x9)(void *) __asm__("x9") = function;
	register void *x10 __asm__("x10") = top;
	__asm__ volatile("mov x19, sp\n\tmov sp, x10\n\tblr x9\n\tmov sp, x19"
			 : "+r"(x0), "+r"(x9), "+r"(x10)
			 :
			 : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x11", "x12", "x13",
			   "x14", "x15", "x16", "x17", "x18", "x19", "x30", "memory", "cc");
}

static inline long ap_arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}

static inline bool ap_arch_clock_fixed(void)
{
	return true;
}

static inline uint64_t ap_arch_clock_hz(void)
{
	uint64_t hz;
	__asm__("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
}

/* glibc mangles sp with the pointer guard of a private symbol that is not readable from outside. */
static inline uint64_t ap_arch_jmpbuf_sp(const void *jmpbuf)
{
	(void)jmpbuf;
	return 0;
}

#endif
