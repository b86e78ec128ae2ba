/* SPDX-License-Identifier: MIT */
/* exit_race PROCESSES THREADS - processes, one after the other, that exit() while their threads call without pause. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static volatile unsigned long sink;
static pthread_barrier_t barrier;

static APART void leaf(void)
{
	sink++;
}

static APART void at_exit(void)
{
	sink++;
}

static void *call_for_ever(void *unused)
{
	pthread_barrier_wait(&barrier);
	for (;;)
		leaf();
	return unused;
}

static void child(int threads)
{
	atexit(at_exit);
	pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
	for (int i = 0; i < threads; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, call_for_ever, NULL))
			abort();
	}
	pthread_barrier_wait(&barrier);
	exit(7);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const int processes = atoi(argv[1]), threads = atoi(argv[2]);
	int right = 0;
	for (int i = 0; i < processes; i++) {
		const pid_t pid = fork();
		int status = 0;
		if (pid == 0)
			child(threads);
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) == 7)
			right++;
	}
	printf("%d of %d ended as they should\n", right, processes);
	SAY_CALLS("main", 1);
	SAY_CALLS("child", processes);
	SAY_CALLS("at_exit", processes);
	return right == processes ? 0 : 1;
}
