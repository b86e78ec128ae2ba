/* SPDX-License-Identifier: MIT */
/* fork_torture THREADS FORKS - threads allocate and call while the first one forks: whatever a lock was held for, the
 * children allocate, call, start a thread now and then, and end. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define MOST_THREADS 64

static volatile unsigned long sink;
static volatile int stop;

static APART void churn(size_t bytes)
{
	void *block = malloc(bytes);
	if (block)
		memset(block, 1, 1);
	block = realloc(block, bytes * 2);
	free(block);
}

static APART void in_child(void)
{
	sink++;
	free(malloc(100));
}

static APART void *start(void *counter)
{
	unsigned long *calls = counter;
	while (!stop)
		churn((size_t)(*calls)++ % 5000 + 1);
	return NULL;
}

static APART void *in_childs_thread(void *unused)
{
	for (int i = 0; i < 100; i++)
		in_child();
	return unused;
}

static APART void child(int n)
{
	pthread_t thread;
	for (int i = 0; i < 100; i++)
		in_child();
	if (n % 8)
		return;
	if (pthread_create(&thread, NULL, in_childs_thread, NULL) || pthread_join(thread, NULL))
		_exit(9);
}

int main(int argc, char **argv)
{
	static pthread_t ids[MOST_THREADS];
	static unsigned long calls[MOST_THREADS][8];
	unsigned long sum = 0, children = 0;
	int bad = 0;
	if (argc < 3)
		return 2;
	const int threads = atoi(argv[1]), forks = atoi(argv[2]);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, start, calls[i]))
			abort();
	for (int i = 0; i < forks; i++) {
		int status = -1;
		const pid_t pid = fork();
		if (pid == 0) {
			child(i);
			_exit(i % 100);
		}
		bad += waitpid(pid, &status, 0) != pid || status != (i % 100) << 8;
		children += i % 8 ? 100 : 200;
	}
	stop = 1;
	for (int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		sum += calls[i][0];
	}
	SAY_CALLS("churn", sum);
	printf("children %lu, bad %d\n", children, bad);
	return bad ? 1 : 0;
}
