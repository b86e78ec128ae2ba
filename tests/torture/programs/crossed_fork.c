/* SPDX-License-Identifier: MIT */
/* crossed_fork N CALLS - children of _Fork(), in which a second thread calls before the one that forked; then both at one
 * time. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static volatile unsigned long sink;
static volatile int called;
static int calls;

static APART void work(void)
{
	sink++;
}

static APART void in_child(void)
{
	__atomic_fetch_add(&sink, 1, __ATOMIC_RELAXED);
}

static UNTRACED void *in_thread(void *unused)
{
	in_child();
	called = 1;
	for (int i = 1; i < calls; i++)
		in_child();
	return unused;
}

static UNTRACED void child(pid_t parent)
{
	char text[80];
	pthread_t thread;
	if (pthread_create(&thread, NULL, in_thread, NULL))
		_exit(2);
	while (!called)
		usleep(100);
	for (int i = 0; i < calls; i++)
		in_child();
	pthread_join(thread, NULL);
	const int n = snprintf(text, sizeof text, "process %d %d in_child %d\n", (int)getpid(),
			       (int)parent, 2 * calls);
	_exit(write(STDOUT_FILENO, text, (size_t)n) == n ? 3 : 4);
}

int main(int argc, char **argv)
{
	int good = 0;
	if (argc < 3)
		return 2;
	const int n = atoi(argv[1]);
	calls = atoi(argv[2]);
	for (int i = 0; i < 1000; i++)
		work();
	for (int i = 0; i < n; i++) {
		const pid_t parent = getpid(), pid = _Fork();
		int status = -1;
		if (pid == 0)
			child(parent);
		waitpid(pid, &status, 0);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 3;
	}
	SAY_CALLS("work", 1000);
	return good == n ? 0 : 1;
}
