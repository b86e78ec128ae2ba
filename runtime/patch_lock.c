/* SPDX-License-Identifier: MIT */
/* runtime/patch_lock.c - the lock of patching. Who has it only writes some bytes of code, with signals blocked: no handler finds it held
 * by its own thread. */
#include <time.h>

#include "runtime/patch.h"
#include "runtime/sys.h"

#define ABANDONED_NS 1000000000ull
#define YIELDS 100
#define STEP_NS 50000

static uint32_t lock; /* thread that holds it */
static uint64_t locked_ticks;

/* A vfork child that died in here is not waited for. */
static bool is_abandoned(uint32_t owner)
{
	return ap_ticks() - __atomic_load_n(&locked_ticks, __ATOMIC_RELAXED) >
		       ap_ticks_of_ns(ABANDONED_NS) &&
	       !ap_task_runs(owner);
}

bool ap_patch_lock_is_held(void)
{
	return __atomic_load_n(&lock, __ATOMIC_RELAXED) != 0;
}

bool ap_patch_lock_try(void)
{
	uint32_t before = __atomic_load_n(&lock, __ATOMIC_RELAXED);
	if (before && !is_abandoned(before))
		return false;
	if (!__atomic_compare_exchange_n(&lock, &before, ap_gettid(), false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&locked_ticks, ap_ticks(), __ATOMIC_RELAXED);
	return true;
}

void ap_patch_unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

void ap_patch_nap(void)
{
	const struct timespec step = {0, STEP_NS};
	ap_sys2(SYS_nanosleep, &step, 0);
}

/* One of a lower priority needs the processor to be done. */
uint64_t ap_patch_lock_wait(void)
{
	const uint64_t mask = ap_signals_block();
	for (int i = 0; !ap_patch_lock_try(); i++) {
		if (i < YIELDS)
			ap_sys0(SYS_sched_yield);
		else
			ap_patch_nap();
	}
	return mask;
}

void ap_patch_unlock_all(uint64_t mask)
{
	ap_patch_unlock();
	ap_signals_restore(mask);
}
