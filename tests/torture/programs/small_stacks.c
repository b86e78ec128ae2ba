/* SPDX-License-Identifier: MIT */
/* small_stacks N LEFT - N threads on stacks of PTHREAD_STACK_MIN bytes, with a guard page, that call themselves until LEFT
 * bytes of stack are left, and there call on and on: what records must need less than that. */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "victim.h"

#define AT_THE_END 2000

static volatile unsigned long sink;
static unsigned long descended, in_leaf;
static unsigned long left;

static APART void leaf(void)
{
	sink++;
}

/* The frames below this one lie at smaller addresses. */
static UNTRACED unsigned long left_above(const char *low)
{
	return (unsigned long)((const char *)__builtin_frame_address(0) - low);
}

static APART void descend(const char *low)
{
	__atomic_add_fetch(&descended, 1, __ATOMIC_RELAXED);
	if (left_above(low) > left + 128) {
		descend(low);
	} else {
		for (int i = 0; i < AT_THE_END; i++)
			leaf();
		__atomic_add_fetch(&in_leaf, AT_THE_END, __ATOMIC_RELAXED);
	}
	sink++;
}

static void *start(void *unused)
{
	pthread_attr_t attributes;
	void *low = NULL;
	size_t size = 0;
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &low, &size);
	pthread_attr_destroy(&attributes);
	descend(low);
	return unused;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const int n = atoi(argv[1]);
	pthread_attr_t attributes;
	left = strtoul(argv[2], NULL, 10);
	pthread_attr_init(&attributes);
	if (pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN)))
		return 3;
	for (int i = 0; i < n; i += 4) {
		pthread_t threads[4];
		for (int k = 0; k < 4; k++)
			if (pthread_create(&threads[k], &attributes, start, NULL))
				return 4;
		for (int k = 0; k < 4; k++)
			pthread_join(threads[k], NULL);
	}
	SAY_CALLS("start", n);
	SAY_CALLS("descend", descended);
	SAY_CALLS("leaf", in_leaf);
	return 0;
}
