/* SPDX-License-Identifier: MIT */
/* runtime/arch/x86_64.h - see arch.h. */
#ifndef AP_RUNTIME_ARCH_X86_64_H
#define AP_RUNTIME_ARCH_X86_64_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

#include "spool/layout.h"

#define AP_ARCH_CLOCK AP_CLOCK_TSC

#ifdef AP_TEST_LOSSY
extern uint64_t ap_test_ticks_ahead; /* of a clock that has run for long: runtime/clock.c */
#else
#define ap_test_ticks_ahead 0u
#endif

static inline uint64_t ap_arch_ticks(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return ((uint64_t)high << 32 | low) + ap_test_ticks_ahead;
}

static inline uint64_t ap_arch_reserve(uint64_t *cursor)
{
	uint64_t old = 16;
	__asm__ volatile("xaddq %0, %1" : "+r"(old), "+m"(*cursor) : : "memory", "cc");
	return old;
}

static inline uint64_t ap_arch_stack_pointer(void)
{
	uint64_t sp;
	__asm__("movq %%rsp, %0" : "=r"(sp));
	return sp;
}

static inline void ap_arch_call_on_stack(void (*function)(void *), void *argument, void *top)
{
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %[top], %%rsp\n\t"
			 "call *%[function]\n\t"
			 "movq %%rbx, %%rsp"
			 : "+D"(argument), [function] "+a"(function), [top] "+c"(top)
			 :
			 : "rbx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
}

static inline long ap_arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* CPUID 80000007H EDX bit 8: the TSC runs at one rate in all power states. */
static inline bool ap_arch_clock_fixed(void)
{
	uint32_t a, b, c, d;
	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8) != 0;
}

/* Leaf 15H: crystal * ratio. Hypervisors tell kHz in leaf 40000010H (VMware's convention, used by KVM too). */
static inline uint64_t ap_arch_clock_hz(void)
{
	uint32_t a, b, c, d;
	if (__get_cpuid(0x15, &a, &b, &c, &d) && a && b && c)
		return (uint64_t)c * b / a;
	__cpuid(1, a, b, c, d);
	if (!(c & 1u << 31))
		return 0;
	__cpuid(0x40000000, a, b, c, d);
	if (a < 0x40000010)
		return 0;
	__cpuid(0x40000010, a, b, c, d);
	return (uint64_t)a * 1000;
}

/* glibc keeps rsp in word 6 of the buffer, rotated by 17 and xored with the thread's pointer guard
 * (sysdeps/x86_64/jmpbuf-offsets.h, pointer_guard.h: PTR_DEMANGLE). */
static inline uint64_t ap_arch_jmpbuf_sp(const void *jmpbuf)
{
	uint64_t sp = ((const uint64_t *)jmpbuf)[6];
	__asm__("rorq $17, %0\n\txorq %%fs:0x30, %0" : "+r"(sp) : : "cc");
	return sp;
}

#endif
