/* SPDX-License-Identifier: MIT */
/* handler_stays N - a handler that never returns: whatever it interrupted, the rest of the program is inside it, N deep (each
 * next signal interrupts the calls of the handler before), and the innermost one ends the process. */
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "victim.h"

#define CALLS 100000
#define INTERVAL_NS 200000

static volatile unsigned long before, inside;
static volatile unsigned long sink;
static int deepest, depth;

static APART void after(void)
{
	sink++;
}

static APART void leaf(void)
{
	inside++;
}

static UNTRACED void call_for_ever(void)
{
	for (;;) {
		before++;
		leaf();
	}
}

static UNTRACED void let_interrupt(int number)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Its own signal is blocked until it has counted itself. */
static APART void handler(int number)
{
	if (++depth < deepest) {
		let_interrupt(number);
		call_for_ever();
	}
	for (int i = 0; i < CALLS; i++)
		after();
	printf("between leaf %lu %lu\n", inside, before);
	SAY_CALLS("handler", deepest);
	SAY_CALLS("after", CALLS);
	exit(5);
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = handler};
	const struct itimerspec often = {{0, INTERVAL_NS}, {0, INTERVAL_NS}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	timer_t timer;
	deepest = argc > 1 ? atoi(argv[1]) : 1;
	if (sigaction(SIGALRM, &action, NULL) || timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &often, NULL))
		return 2;
	call_for_ever();
	return 0;
}
