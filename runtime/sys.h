/* SPDX-License-Identifier: MIT */
/* runtime/sys.h - system calls without libc: errno is never touched, nothing is interposed by us or
 * by others, nothing is a cancellation point.
 *
 * Return: the kernel's value; -errno on failure. Any thread; signal-safe; no allocation. */
#ifndef AP_RUNTIME_SYS_H
#define AP_RUNTIME_SYS_H

#include <dlfcn.h>
#include <sys/syscall.h>

#include "runtime/arch/arch.h"

#define ap_sys0(n) ap_arch_syscall((n), 0, 0, 0, 0, 0, 0)
#define ap_sys1(n, a) ap_arch_syscall((n), (long)(a), 0, 0, 0, 0, 0)
#define ap_sys2(n, a, b) ap_arch_syscall((n), (long)(a), (long)(b), 0, 0, 0, 0)
#define ap_sys3(n, a, b, c) ap_arch_syscall((n), (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define ap_sys4(n, a, b, c, d)                                                                     \
	ap_arch_syscall((n), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define ap_sys6(n, a, b, c, d, e, f)                                                               \
	ap_arch_syscall((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* What only glibc has is referenced weakly, here and in start.c. Strong references would keep a program of another libc, a
 * child of one that is profiled, from starting at all; as it is, the runtime looks once and is inert there. */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

#endif
