/* SPDX-License-Identifier: MIT */
/* shim - a library to preload whose malloc and free stand between the program and libc, and look up libc's at the first
 * call, however early that is. It says how many calls came: the profiler of a program makes none. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "victim.h"

static unsigned long taken, given;

void *malloc(size_t bytes)
{
	static void *(*next)(size_t);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "malloc");
	__atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
	return next(bytes);
}

void free(void *memory)
{
	static void (*next)(void *);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "free");
	__atomic_fetch_add(&given, memory != NULL, __ATOMIC_RELAXED);
	next(memory);
}

/* Before the program prints anything: the buffer of stdout is not among them. */
UNTRACED void shim_say(void);
void shim_say(void)
{
	char text[96];
	const int n = snprintf(text, sizeof(text), "shim: %lu taken, %lu given\n", taken, given);

	(void)!write(1, text, (size_t)n);
}
