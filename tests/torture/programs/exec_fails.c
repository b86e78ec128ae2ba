/* SPDX-License-Identifier: MIT */
/* exec_fails alone|threads N - exec of a program that is not there, N times, before anything has been called; then calls.
 * threads: others begin to call while exec fails. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "victim.h"

#define THREADS 4
#define CALLS 1000
#define MOST_GROWTH_KB (100ul << 10)

static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

static UNTRACED void *call(void *unused)
{
	for (int i = 0; i < CALLS; i++)
		leaf();
	return unused;
}

static UNTRACED unsigned long address_space_kb(void)
{
	unsigned long kb = 0;
	char line[128];
	FILE *file = fopen("/proc/self/status", "r");
	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, "VmSize:", 7) == 0)
			kb = strtoul(line + 7, NULL, 10);
	if (file)
		fclose(file);
	return kb;
}

static UNTRACED void fail(void)
{
	if (execl("/nowhere/at/all", "all", (char *)NULL) != -1)
		abort();
}

static UNTRACED int alone(int n)
{
	const unsigned long before = address_space_kb();
	for (int i = 0; i < n; i++)
		fail();
	call(NULL);
	SAY_CALLS("leaf", CALLS);
	return address_space_kb() > before + MOST_GROWTH_KB;
}

static UNTRACED int among_threads(int n)
{
	pthread_t threads[THREADS];
	for (int k = 0; k < THREADS; k++)
		if (pthread_create(&threads[k], NULL, call, NULL))
			abort();
	for (int i = 0; i < n; i++)
		fail();
	for (int k = 0; k < THREADS; k++)
		pthread_join(threads[k], NULL);
	return 0;
}

UNTRACED int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const int n = atoi(argv[2]);
	return argv[1][0] == 'a' ? alone(n) : among_threads(n);
}
