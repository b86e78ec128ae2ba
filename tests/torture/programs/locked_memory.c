/* SPDX-License-Identifier: MIT */
/* locked_memory future|all CALLS - mlockall(), what it returns, and a life after it: threads, deep calls, allocations. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define THREADS 4

static volatile unsigned long sink;
static int calls;

static APART void leaf(void)
{
	sink++;
}

static APART int descend(int n) // NOLINT(misc-no-recursion)
{
	leaf();
	return n ? descend(n - 1) + 1 : 0;
}

static APART void *work(void *unused)
{
	for (int i = 0; i < calls; i++)
		leaf();
	return unused;
}

static UNTRACED int allocations(void)
{
	int got = 0;
	for (size_t bytes = 1 << 10; bytes <= 8 << 20; bytes *= 2) {
		void *block = malloc(bytes);
		got += block != NULL;
		free(block ? memset(block, 1, bytes) : NULL);
	}
	return got;
}

/* Return: threads that could be made. */
static UNTRACED int threads(void)
{
	pthread_t ids[THREADS];
	int n = 0;
	while (n < THREADS && pthread_create(&ids[n], NULL, work, NULL) == 0)
		n++;
	for (int i = 0; i < n; i++)
		pthread_join(ids[i], NULL);
	return n;
}

int main(int argc, char **argv)
{
	int status = -1;
	if (argc < 3)
		return 2;
	calls = atoi(argv[2]);
	work(NULL);
	const int result = mlockall(argv[1][0] == 'f' ? MCL_FUTURE : MCL_CURRENT | MCL_FUTURE);
	printf("mlockall %d: %s\n", result, strerror(result ? errno : 0));
	printf("allocations %d\n", allocations());
	const int made = threads(), deep = descend(1000);
	printf("threads %d, deep %d\n", made, deep);
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0)
		_exit(descend(50));
	waitpid(pid, &status, 0);
	printf("child %d, munlockall %d\n", status >> 8, munlockall());
	SAY_CALLS("main", 1);
	SAY_CALLS("descend", deep + 1 + 51);
	SAY_CALLS("work", made + 1);
	SAY_CALLS("leaf", (made + 1) * calls + deep + 1 + 51);
	return 0;
}
