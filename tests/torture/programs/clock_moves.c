/* SPDX-License-Identifier: MIT */
/* clock_moves - is stopped for two seconds in a call, and moves between processors as fast as it can: no time may come
 * out negative, and the stop is time like any other. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define MOVES 2000
#define STOP_S 2

static volatile unsigned long sink;

static APART void step(void)
{
	sink++;
}

static APART void moved(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	step();
}

/* The child, a raw one, waits until we are stopped, and wakes us two seconds later. */
static APART void stopped(void)
{
	const pid_t self = getpid();
	const pid_t child = fork();

	if (child == 0) {
		usleep(100000);
		kill(self, SIGSTOP);
		sleep(STOP_S);
		kill(self, SIGCONT);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

int main(void)
{
	cpu_set_t all;
	int cpus[CPU_SETSIZE], n = 0;

	sched_getaffinity(0, sizeof(all), &all);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			cpus[n++] = i;
	for (int i = 0; i < MOVES; i++)
		moved(cpus[i % n]);
	stopped();
	SAY_CALLS("main", 1);
	SAY_CALLS("moved", MOVES);
	SAY_CALLS("step", MOVES);
	SAY_CALLS("stopped", 1);
	return 0;
}
