/* SPDX-License-Identifier: MIT */
/* key_destructors N - N threads, 16 at a time, whose thread-specific data is set again by its own destructor, so that it
 * runs in all rounds (PTHREAD_DESTRUCTOR_ITERATIONS), calling functions and allocating: also after the last destructor
 * of any other library. */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "victim.h"

#define AT_A_TIME 16

static pthread_key_t key;
static int destructions;
static volatile unsigned long sink;

static APART void in_destructor(void)
{
	sink++;
}

static APART void destroy(void *value)
{
	free(value);
	in_destructor();
	__atomic_add_fetch(&destructions, 1, __ATOMIC_RELAXED);
	pthread_setspecific(key, malloc(64)); /* the last one leaks: that is the point */
}

static APART void work(void)
{
	sink++;
}

static void *start(void *unused)
{
	pthread_setspecific(key, malloc(64));
	work();
	return unused;
}

int main(int argc, char **argv)
{
	const int n = (argc > 1 ? atoi(argv[1]) : 16) / AT_A_TIME * AT_A_TIME;
	pthread_key_create(&key, destroy);
	for (int i = 0; i < n; i += AT_A_TIME) {
		pthread_t threads[AT_A_TIME];
		for (int k = 0; k < AT_A_TIME; k++)
			if (pthread_create(&threads[k], NULL, start, NULL))
				abort();
		for (int k = 0; k < AT_A_TIME; k++)
			pthread_join(threads[k], NULL);
	}
	SAY_CALLS("start", n);
	SAY_CALLS("work", n);
	SAY_CALLS("destroy", PTHREAD_DESTRUCTOR_ITERATIONS * n);
	SAY_CALLS("in_destructor", PTHREAD_DESTRUCTOR_ITERATIONS * n);
	return destructions == PTHREAD_DESTRUCTOR_ITERATIONS * n ? 0 : 1;
}
