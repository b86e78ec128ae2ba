/* SPDX-License-Identifier: MIT */
/* main_leaves N - main ends by pthread_exit() in nested calls; N threads that outlive it end one by one, and the process
 * with the last one, as if by exit(0). */
#include <pthread.h>
#include <stdlib.h>

#include "victim.h"

#define ROUNDS 5000

static volatile unsigned long sink;
static pthread_t threads[64];

static APART void leaf(void)
{
	sink++;
}

static APART void at_exit(void)
{
	leaf();
}

/* Each waits for the one before. */
static void *start(void *before)
{
	pthread_join(*(pthread_t *)before, NULL);
	for (int i = 0; i < ROUNDS; i++)
		leaf();
	return NULL;
}

static APART void leave(int n)
{
	if (n == 0)
		pthread_exit(NULL);
	if (n > 0) /* always: the compiler need not know */
		leave(n - 1);
	sink++;
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 1;
	if (n >= 64)
		return 2;
	atexit(at_exit);
	threads[0] = pthread_self();
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i + 1], NULL, start, &threads[i]))
			abort();
	SAY_CALLS("main", 1);
	SAY_CALLS("leave", 6);
	SAY_CALLS("start", n);
	SAY_CALLS("leaf", ROUNDS * n + 1);
	SAY_CALLS("at_exit", 1);
	leave(5);
	return 3;
}
