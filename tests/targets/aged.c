/* SPDX-License-Identifier: MIT */
/* aged THREADS CALLS MS - each thread calls leaf() CALLS times, then is busy for MS milliseconds in one call.
 * Says, beside the calls, the shortest and the longest time that the calls of busy() can have taken in all. */
#include <pthread.h>
#include <stdlib.h>

#include "victim.h"

#define MOST 16

static volatile unsigned long sink;
static int calls, ms;

struct times {
	unsigned long long inside, around;
};

static APART void leaf(void)
{
	sink++;
}

static APART void busy(struct times *times)
{
	const unsigned long long begin = now_ns();
	while (now_ns() - begin < ms * 1000000ull)
		;
	times->inside = now_ns() - begin;
}

static APART void *work(void *argument)
{
	struct times *times = argument;
	for (int i = 0; i < calls / 2; i++)
		leaf();
	const unsigned long long begin = now_ns();
	busy(times);
	times->around = now_ns() - begin;
	for (int i = calls / 2; i < calls; i++)
		leaf();
	return NULL;
}

int main(int argc, char **argv)
{
	static struct times times[MOST];
	pthread_t threads[MOST];
	struct times all = {0, 0};
	const int n = argc > 3 ? atoi(argv[1]) : 0;
	if (n < 1 || n > MOST)
		return 2;
	calls = atoi(argv[2]);
	ms = atoi(argv[3]);
	for (int i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, work, &times[i]);
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		all.inside += times[i].inside;
		all.around += times[i].around;
	}
	SAY_CALLS("main", 1);
	SAY_CALLS("work", n);
	SAY_CALLS("busy", n);
	SAY_CALLS("leaf", n * calls);
	printf("busy_ns %llu %llu\n", all.inside, all.around);
	return 0;
}
