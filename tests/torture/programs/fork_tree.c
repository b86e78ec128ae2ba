/* SPDX-License-Identifier: MIT */
/* fork_tree DEPTH WIDTH CALLS - every process forks WIDTH children, down to DEPTH, all at once. Each calls before, between
 * and after, and says so: "process PID PARENT NAME N". */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static volatile unsigned long sink;
static int width, calls;

static APART void work(void)
{
	sink++;
}

static APART void rest(void)
{
	sink++;
}

static UNTRACED void repeat(void (*function)(void), int n)
{
	for (int i = 0; i < n; i++)
		function();
}

/* In one write: the lines of many processes must not mix. */
static UNTRACED void say(int parent, int works, int rests)
{
	char text[160];
	const int n = snprintf(text, sizeof text, "process %d %d work %d\nprocess %d %d rest %d\n",
			       (int)getpid(), parent, works, (int)getpid(), parent, rests);
	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		_exit(9);
}

/* Return: how many of the processes below failed. */
static APART int live(int depth, int parent)
{
	int forks = 0, failed = 0, status;
	repeat(work, calls + depth);
	for (int i = 0; depth > 0 && i < width; i++) {
		const pid_t me = getpid(), pid = fork();
		if (pid == 0)
			exit(live(depth - 1, (int)me) ? 1 : 0);
		forks += pid > 0;
		rest();
	}
	while (wait(&status) > 0)
		failed += status != 0;
	repeat(work, calls);
	say(parent, 2 * calls + depth, forks);
	return failed + (depth > 0 ? width - forks : 0);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	width = atoi(argv[2]);
	calls = atoi(argv[3]);
	SAY_CALLS("main", 1);
	fflush(stdout);
	return live(atoi(argv[1]), (int)getppid()) ? 1 : 0;
}
