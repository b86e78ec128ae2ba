/* SPDX-License-Identifier: MIT */
/* everywhere PLUGIN - functions in all the places where they can be: static, inlined, in a shared
 * library, in a library that is loaded later, in eight threads. Compiles as C and as C++. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "everywhere.h"
#include "victim.h"

#define THREADS 8

static volatile unsigned long sink;

static inline __attribute__((always_inline)) void inlined(void)
{
	sink++;
}

static APART void leaf(void)
{
	inlined();
	sink++;
}

static APART void outer(int n)
{
	for (int i = 0; i < n; i++)
		leaf();
}

static void *in_thread(void *number)
{
	for (long i = 0; i < 5000 + (long)number; i++)
		leaf();
	shared_work(100);
	return NULL;
}

static void in_threads(void)
{
	pthread_t threads[THREADS];
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, in_thread, (void *)i))
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	void *plugin = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW);
	void (*plugin_work)(int) = plugin ? (void (*)(int))dlsym(plugin, "plugin_work") : NULL;
	if (!plugin_work)
		return 3;
	for (int i = 0; i < 10; i++)
		outer(100);
	shared_work(300);
	plugin_work(200);
	in_threads();
	const unsigned long leaves = 10 * 100 + THREADS * 5000 + THREADS * (THREADS - 1) / 2;
	SAY_CALLS("main", 1);
	SAY_CALLS("outer", 10);
	SAY_CALLS("leaf", leaves);
	SAY_CALLS("inlined", leaves);
	SAY_CALLS("in_thread", THREADS);
	SAY_CALLS("in_threads", 1);
	SAY_CALLS("shared_work", 1 + THREADS);
	SAY_CALLS("shared_helper", 300 + THREADS * 100);
	SAY_CALLS("plugin_work", 1);
	SAY_CALLS("plugin_helper", 200);
	return 5;
}
