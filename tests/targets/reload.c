/* SPDX-License-Identifier: MIT */
/* reload FIRST SECOND [FACTOR [THREAD]] - load, call, unload: the first library, then the second, then the first again. With a
 * fourth argument another thread makes the calls, and does not get to fold them before the code is gone. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "victim.h"

static struct {
	void (*function)(void);
	int n;
} order;
static pthread_barrier_t given, done;

static UNTRACED void call(void)
{
	for (int i = 0; i < order.n; i++)
		order.function();
}

static UNTRACED void *caller(void *unused)
{
	for (;;) {
		pthread_barrier_wait(&given);
		if (!order.function)
			return unused;
		call();
		pthread_barrier_wait(&done);
	}
}

static UNTRACED void have_called(void)
{
	pthread_barrier_wait(&given);
	if (order.function)
		pthread_barrier_wait(&done);
}

/* Calls NAME of a library. Return: its address. */
static void *use(const char *path, const char *name, int n, void (*how)(void))
{
	void *library = dlopen(path, RTLD_NOW);
	void *symbol = library ? dlsym(library, name) : NULL;
	if (!symbol)
		abort();
	order.function = (void (*)(void))symbol;
	order.n = n;
	how();
	if (dlclose(library))
		abort();
	return symbol;
}

int main(int argc, char **argv)
{
	void (*const how)(void) = argc > 4 ? have_called : call;
	const int factor = argc > 3 ? atoi(argv[3]) : 1;
	pthread_t thread;
	if (argc < 3)
		return 2;
	if (argc > 4) {
		pthread_barrier_init(&given, NULL, 2);
		pthread_barrier_init(&done, NULL, 2);
		pthread_create(&thread, NULL, caller, NULL);
	}
	void *first = use(argv[1], "alpha", 1000 * factor, how);
	void *second = use(argv[2], "bravo", 2000 * factor, how);
	void *again = use(argv[1], "alpha", 4000 * factor, how);
	printf("same address: %d %d\n", first == second, first == again);
	if (argc > 4) {
		order.function = NULL;
		have_called();
		pthread_join(thread, NULL);
	}
	SAY_CALLS("alpha", 5000ul * (unsigned)factor);
	SAY_CALLS("bravo", 2000ul * (unsigned)factor);
	SAY_CALLS("use", 3);
	return 0;
}
