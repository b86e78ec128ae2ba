/* SPDX-License-Identifier: MIT */
/* loaders ROUNDS - eight threads load and unload the same three libraries and call into them while they are there.
 * What a thread has not folded when another unloads the code may get the names of what comes to its place: only
 * what is the program's own is counted by name. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "victim.h"

#define THREADS 8
#define CALLS 20

static int rounds;
static unsigned long failures;

static APART int back(int calls)
{
	return calls;
}

static APART void *load_and_unload(void *arg)
{
	static const char *const file[] = {"libalpha.so", "libbravo.so", "libplug.so"};
	static const char *const work[] = {"alpha_work", "bravo_work", "plug_work"};

	for (int i = 0; i < rounds; i++) {
		const size_t which = (size_t)(i + (int)(size_t)arg) % 3;
		void *handle = dlopen(file[which], RTLD_NOW);
		int (*function)(int) = handle ? (int (*)(int))dlsym(handle, work[which]) : NULL;
		if (!function || back(function(CALLS)) != CALLS || dlclose(handle))
			__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS];

	rounds = argc > 1 ? atoi(argv[1]) : 300; /* a multiple of 3 */
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, load_and_unload, (void *)i))
			return 1;
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("failures %lu\n", failures);
	SAY_CALLS("main", 1);
	SAY_CALLS("load_and_unload", THREADS);
	SAY_CALLS("back", THREADS * rounds);
	return 0;
}
