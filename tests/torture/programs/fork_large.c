/* SPDX-License-Identifier: MIT */
/* fork_large MIB N - a process with much memory in use, and a thread that calls without a pause, forks N times: fork() is
 * never started over and over again. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busy.h"

static APART void one(int n)
{
	int status = -1;
	const pid_t pid = fork();
	if (pid == 0)
		_exit(n % 100);
	if (waitpid(pid, &status, 0) != pid || status != (n % 100) << 8)
		abort();
}

int main(int argc, char **argv)
{
	pthread_t thread;
	if (argc < 3)
		return 2;
	const size_t bytes = strtoul(argv[1], NULL, 10) << 20;
	const int n = atoi(argv[2]);
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || pthread_create(&thread, NULL, busy, NULL))
		return 2;
	memset(memory, 1, bytes);
	for (int i = 0; i < n; i++)
		one(i);
	stop = 1;
	pthread_join(thread, NULL);
	SAY_CALLS("main", 1);
	SAY_CALLS("one", n);
	SAY_CALLS("leaf", calls);
	return 0;
}
