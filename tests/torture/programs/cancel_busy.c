/* SPDX-License-Identifier: MIT */
/* cancel_busy N - N threads, one after the other, cancelled asynchronously at any instruction of calls without pause: also
 * in the hooks and when they are slow. The count of one call each is uncertain. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "victim.h"

static unsigned long before, inside;
static volatile unsigned long sink;
static sem_t ready;

static APART void leaf(void)
{
	inside++;
}

static APART void after(void)
{
	sink++;
}

static void *start(void *unused)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sem_post(&ready);
	for (;;) {
		before++;
		leaf();
	}
	return unused;
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 1;
	sem_init(&ready, 0, 0);
	for (int i = 0; i < n; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, start, NULL))
			abort();
		sem_wait(&ready);
		const unsigned long long until = now_ns() + 100000ull * (unsigned)(i % 32);
		while (now_ns() < until)
			;
		pthread_cancel(thread);
		pthread_join(thread, NULL);
		after();
	}
	printf("between leaf %lu %lu\n", inside, before);
	SAY_CALLS("after", n);
	SAY_CALLS("start", n);
	return 0;
}
