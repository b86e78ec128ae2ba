/* SPDX-License-Identifier: MIT */
/* thread_churn MAKERS N - as many threads make N threads each, one after the other, detached; at most 64 are alive. The
 * memory of the process is bounded: it says so itself. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

#define ALIVE 64
#define MOST_GROWTH_KB (16 << 10)

static sem_t places;
static volatile unsigned long sink;
static unsigned long ended;
static int each;

static APART void leaf(void)
{
	sink++;
}

static APART void work(void)
{
	leaf();
	leaf();
}

static void *live_shortly(void *unused)
{
	work();
	__atomic_add_fetch(&ended, 1, __ATOMIC_RELEASE);
	sem_post(&places);
	return unused;
}

static void *make(void *unused)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 64 << 10);
	for (int i = 0; i < each; i++) {
		pthread_t thread;
		sem_wait(&places);
		while (pthread_create(&thread, &attributes, live_shortly, NULL))
			;
	}
	return unused;
}

static UNTRACED long resident_kb(void)
{
	char line[256];
	long kb = 0;
	FILE *file = fopen("/proc/self/status", "r");
	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = atol(line + 6);
	if (file)
		fclose(file);
	return kb;
}

static UNTRACED void run(int makers)
{
	pthread_t threads[ALIVE];
	const unsigned long goal = ended + (unsigned long)makers * (unsigned)each;
	for (int i = 0; i < makers; i++)
		if (pthread_create(&threads[i], NULL, make, NULL))
			abort();
	for (int i = 0; i < makers; i++)
		pthread_join(threads[i], NULL);
	while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) < goal)
		sched_yield();
	for (int i = 0; i < ALIVE; i++) /* the last ones have left their places */
		sem_wait(&places);
	for (int i = 0; i < ALIVE; i++)
		sem_post(&places);
}

int main(int argc, char **argv)
{
	if (argc < 3 || atoi(argv[1]) > ALIVE)
		return 2;
	const int makers = atoi(argv[1]);
	const int n = atoi(argv[2]);
	sem_init(&places, 0, ALIVE);
	each = 2000 / makers;
	run(makers);
	const unsigned long warm = (unsigned long)each * (unsigned)makers;
	const long before = resident_kb();
	each = n;
	run(makers);
	const long growth = resident_kb() - before;
	if (growth > MOST_GROWTH_KB)
		printf("memory grew by %ld KB\n", growth);
	const unsigned long all = warm + (unsigned long)n * (unsigned)makers;
	SAY_CALLS("make", 2 * makers);
	SAY_CALLS("live_shortly", all);
	SAY_CALLS("work", all);
	SAY_CALLS("leaf", 2 * all);
	return 0;
}
