/* SPDX-License-Identifier: MIT */
/* autoprof/autoprof.h - for programs that want to tell their profiler more than their functions do.
 *
 * Nothing is linked: the functions look for libautoprof.so among the loaded libraries once, and do nothing where
 * it is not preloaded. C89 and later, C++. Any thread; not in signal handlers. errno is kept. */
#ifndef AUTOPROF_AUTOPROF_H
#define AUTOPROF_AUTOPROF_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the library offers; later versions add to its end. */
struct autoprof_api_v1 {
	size_t size; /* bytes that the loaded library knows of */
	void (*fiber_switch)(uint64_t fiber);
	void (*fiber_end)(uint64_t fiber);
};

#define AUTOPROF_FUNCTION __attribute__((unused, no_instrument_function)) static

AUTOPROF_FUNCTION const struct autoprof_api_v1 *autoprof_api(void)
{
	static const struct autoprof_api_v1 *found;
	static int looked;
	if (!__atomic_load_n(&looked, __ATOMIC_ACQUIRE)) {
		found = (const struct autoprof_api_v1 *)dlsym((void *)0 /* RTLD_DEFAULT */,
							      "autoprof_api_v1");
		__atomic_store_n(&looked, 1, __ATOMIC_RELEASE);
	}
	return found;
}

/**
 * autoprof_fiber_switch() - the calling thread is about to go on on another stack
 * @fiber: any number that is this fiber's alone as long as it lives, such as the address of its control block;
 *         0: the thread's own stack
 *
 * For fibers, coroutines and green threads that change stacks by themselves; those of makecontext() and
 * swapcontext() are known without it. To be called right before the switch, by the thread that switches; the
 * fiber may have run on another thread before. Calls that are open on a stack stand still until it goes on: the
 * time of others is not theirs. */
AUTOPROF_FUNCTION void autoprof_fiber_switch(uint64_t fiber)
{
	const struct autoprof_api_v1 *api = autoprof_api();
	if (api)
		api->fiber_switch(fiber);
}

/**
 * autoprof_fiber_end() - this fiber will not go on: its number may mean another one from now on
 *
 * Calls that are open on it end at the time at which it was left. Not for the fiber that runs. */
AUTOPROF_FUNCTION void autoprof_fiber_end(uint64_t fiber)
{
	const struct autoprof_api_v1 *api = autoprof_api();
	if (api)
		api->fiber_end(fiber);
}

#undef AUTOPROF_FUNCTION

#ifdef __cplusplus
}
#endif

#endif
