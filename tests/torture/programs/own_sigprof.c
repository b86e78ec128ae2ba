/* SPDX-License-Identifier: MIT */
/* own_sigprof - a program that profiles itself: SIGPROF from setitimer(), SIGVTALRM too, each counted by a handler that
 * calls. The ticks must fit the processor time; their timers and handlers must still be there at the end. */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "victim.h"

#define INTERVAL_US 10000
#define BURN_NS 400000000ull

static unsigned long ticks[2];
static volatile unsigned long sink;

static APART void count(int which)
{
	ticks[which]++;
}

static APART void on_prof(int number)
{
	(void)number;
	count(0);
}

static APART void on_virtual(int number)
{
	(void)number;
	count(1);
}

static APART void leaf(void)
{
	sink++;
}

static UNTRACED unsigned long long cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec;
}

int main(void)
{
	const struct itimerval often = {{0, INTERVAL_US}, {0, INTERVAL_US}}, never = {0};
	const struct sigaction prof = {.sa_handler = on_prof, .sa_flags = SA_RESTART};
	const struct sigaction virtual = {.sa_handler = on_virtual, .sa_flags = SA_RESTART};
	struct sigaction old;
	struct itimerval left;
	unsigned long calls = 0;
	sigaction(SIGPROF, &prof, &old);
	printf("SIGPROF was %s\n", old.sa_handler == SIG_DFL ? "free" : "taken");
	sigaction(SIGVTALRM, &virtual, &old);
	printf("SIGVTALRM was %s\n", old.sa_handler == SIG_DFL ? "free" : "taken");
	setitimer(ITIMER_PROF, &often, NULL);
	setitimer(ITIMER_VIRTUAL, &often, NULL);
	const unsigned long long begin = cpu_ns();
	while (cpu_ns() < begin + BURN_NS)
		leaf(), calls++;
	setitimer(ITIMER_VIRTUAL, &never, NULL);
	setitimer(ITIMER_PROF, &never, &left);
	sigaction(SIGPROF, NULL, &old);
	printf("timer %s, handler %s\n", left.it_interval.tv_usec == INTERVAL_US ? "ours" : "lost",
	       old.sa_handler == on_prof ? "ours" : "lost");
	/* 40 of them; where the machine is busy, the kernel makes one of two. */
	printf("ticks %s\n", ticks[0] >= 10 && ticks[0] <= 50 ? "as they should be" : "wrong");
	SAY_CALLS("leaf", calls);
	SAY_CALLS("on_prof", ticks[0]);
	SAY_CALLS("on_virtual", ticks[1]);
	SAY_CALLS("count", ticks[0] + ticks[1]);
	return 0;
}
