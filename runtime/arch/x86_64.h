/* SPDX-License-Identifier: MIT */
/* runtime/arch/x86_64.h - see arch.h. */
#ifndef AP_RUNTIME_ARCH_X86_64_H
#define AP_RUNTIME_ARCH_X86_64_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "spool/layout.h"

#define AP_ARCH_CLOCK AP_CLOCK_TSC
#define AP_ARCH_VDSO_GETTIME "__vdso_clock_gettime"

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

/* What comes before is done: the counter may be read while thousands of instructions before it are still under way. */
static inline void ap_arch_settle(void)
{
	__asm__ volatile("lfence" : : : "memory");
}

#ifndef AP_TEST_LOSSY
#define AP_ARCH_EVENT_TIME
/* The counter comes in two halves of 32 bits: they are put in place without being put together first. */
static inline uint64_t ap_arch_event_time(uint64_t stack_pointer)
{
	uint64_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return high << 48 >> 16 | stack_pointer >> 4 << 48 | low;
}
#endif

#define AP_ARCH_LIBC_THREAD
/* glibc's descriptor begins as the ABI has it, with its own address, and has it again (nptl: tcbhead_t.self). */
static inline bool ap_arch_libc_thread(void)
{
	uint64_t self, pointer;
	__asm__("movq %%fs:0, %0\n\tmovq %%fs:16, %1" : "=&r"(pointer), "=r"(self));
	return self && self == pointer;
}

static inline uint64_t ap_arch_reserve(uint64_t *cursor)
{
	uint64_t old = 16;
	__asm__ volatile("xaddq %0, %1" : "+r"(old), "+m"(*cursor) : : "memory", "cc");
	return old;
}

/* One more, as far as handlers of this thread can tell. */
static inline void ap_arch_count(uint64_t *counter)
{
	__asm__ volatile("addq $1, %0" : "+m"(*counter) : : "cc");
}

/* The same, of a number below 0: is it still? */
static inline bool ap_arch_count_down(int32_t *left)
{
	bool below;
	__asm__ volatile("addl $1, %0" : "+m"(*left), "=@ccs"(below) : : "cc");
	return below;
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

static inline uint64_t ap_arch_context_sp(const ucontext_t *context)
{
	return (uint64_t)context->uc_mcontext.gregs[REG_RSP];
}

/* Seven registers: the six of arguments, and al, which a variadic function reads. */
#define AP_ARCH_BEFORE(name, observer)                                                             \
	__asm__(".text\n\t.globl " #name "\n\t.type " #name ",@function\n" #name ":\n\t"           \
		".cfi_startproc\n\tendbr64\n\t"                                                    \
		"pushq %rdi\n\tpushq %rsi\n\tpushq %rdx\n\tpushq %rcx\n\t"                         \
		"pushq %r8\n\tpushq %r9\n\tpushq %rax\n\t.cfi_adjust_cfa_offset 56\n\t"            \
		"call " #observer "\n\tmovq %rax, %r11\n\t"                                        \
		"popq %rax\n\tpopq %r9\n\tpopq %r8\n\t"                                            \
		"popq %rcx\n\tpopq %rdx\n\tpopq %rsi\n\tpopq %rdi\n\t"                             \
		".cfi_adjust_cfa_offset -56\n\tjmp *%r11\n\t.cfi_endproc\n\t"                      \
		".size " #name ",.-" #name)

/* A shadow stack would not let a function return to where we say. */
static inline bool ap_arch_shadow_stack(void)
{
	uint64_t ssp = 0;
	__asm__ volatile("rdsspq %0" : "+r"(ssp)); /* does nothing on machines without */
	return ssp != 0;
}

/* makecontext() puts the address of __start_context on top of the new stack, and the address of its copy of uc_link in
 * rbx (glibc: sysdeps/unix/sysv/linux/x86_64/makecontext.c). */
extern char ap_arch_returned[] __attribute__((visibility("hidden")));
#define AP_ARCH_RETURNED(handler)                                                                  \
	__asm__(".text\n\t.hidden ap_arch_returned\n\t.globl ap_arch_returned\n\t"                 \
		".type ap_arch_returned,@function\n\t.cfi_startproc\n\t.cfi_undefined "            \
		"rip\n\tnop\n"                                                                     \
		"ap_arch_returned:\n\t"                                                            \
		"movq (%rbx), %rdi\n\tcall " #handler "\n\tjmp *%rax\n\t"                          \
		".cfi_endproc\n\t.size ap_arch_returned,.-ap_arch_returned")

static inline bool ap_arch_at_return(const ucontext_t *context, uint64_t start, uint64_t end,
				     void **next)
{
	const uint64_t sp = ap_arch_context_sp(context);
	const uint64_t link = (uint64_t)context->uc_mcontext.gregs[REG_RBX];
	if (ap_arch_shadow_stack() || sp < start || sp > end - 16 || sp % 8 || link < start ||
	    link > end - 8 || link % 8 || *(ucontext_t *const *)link != context->uc_link)
		return false;
	if (*next && *next != *(void **)sp)
		return false;
	*next = *(void **)sp;
	*(void **)sp = ap_arch_returned;
	return true;
}

#endif
