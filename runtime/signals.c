/* SPDX-License-Identifier: MIT */
/* runtime/signals.c - signals and identity of the calling thread, by system calls. */
#include <signal.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"

/** ap_signals_block() - block everything that can be blocked. Return: the mask to restore. */
uint64_t ap_signals_block(void)
{
	const uint64_t all = ~0ull;
	uint64_t old = 0;
	ap_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof old);
	return old;
}

void ap_signals_restore(uint64_t mask)
{
	ap_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
}

uint32_t ap_gettid(void)
{
	return (uint32_t)ap_sys0(SYS_gettid);
}

uint32_t ap_getpid(void)
{
	return (uint32_t)ap_sys0(SYS_getpid);
}
