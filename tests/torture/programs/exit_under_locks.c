/* SPDX-License-Identifier: MIT */
/* exit_under_locks - exit() in a handler of SIGTERM, while other threads hold or take and give locks of libc: that of a stream,
 * for ever; malloc's; the loader's; that of the list of exit handlers; and a mutex of their own, for ever. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "victim.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t ready;
static FILE *stream;
static volatile unsigned long sink;

static APART void work(void)
{
	sink++;
}

static UNTRACED void *hold_locks(void *unused)
{
	flockfile(stream);
	pthread_mutex_lock(&mutex);
	pthread_barrier_wait(&ready);
	for (;;)
		pause();
	return unused;
}

static UNTRACED void *take_memory(void *unused)
{
	pthread_barrier_wait(&ready);
	for (;;)
		free(malloc(100 + (size_t)(rand() % 100000)));
	return unused;
}

static UNTRACED void *load(void *unused)
{
	pthread_barrier_wait(&ready);
	for (;;) {
		void *library = dlopen("libm.so.6", RTLD_NOW);
		if (library)
			dlclose(library);
	}
	return unused;
}

static UNTRACED void *write_much(void *unused)
{
	FILE *null = fopen("/dev/null", "w");
	pthread_barrier_wait(&ready);
	while (null)
		fprintf(null, "%d\n", rand());
	return unused;
}

static void at_the_end(void)
{
	work();
}

static void handler(int number)
{
	work();
	exit(number);
}

int main(void)
{
	static void *(*const bodies[])(void *) = {hold_locks, take_memory, take_memory, load,
						  write_much};
	const unsigned n = sizeof bodies / sizeof bodies[0];
	pthread_t thread;

	stream = fopen("/dev/null", "w");
	atexit(at_the_end);
	signal(SIGTERM, handler);
	pthread_barrier_init(&ready, NULL, n + 1);
	for (unsigned i = 0; i < n; i++)
		if (pthread_create(&thread, NULL, bodies[i], NULL) != 0)
			return 2;
	pthread_barrier_wait(&ready);
	for (int i = 0; i < 1000; i++)
		work();
	SAY_CALLS("main", 1);
	SAY_CALLS("handler", 1);
	SAY_CALLS("at_the_end", 1);
	SAY_CALLS("work", 1000 + 1 + 1);
	fflush(stdout);
	kill(getpid(), SIGTERM);
	for (;;)
		pause();
}
