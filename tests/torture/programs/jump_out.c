/* SPDX-License-Identifier: MIT */
/* jump_out raised|timed N - N times out of a handler by siglongjmp():
 *   raised: out of a handler for a signal that the program sends itself, ten calls deep: counts are exact
 *   timed:  out of a handler that a timer starts anywhere, in a hook or not; each jump makes one call of each level
 *           uncertain, and none of those after it */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "victim.h"

#define DEPTH 10
#define INTERVAL_NS 50000

static sigjmp_buf back;
static volatile int armed;
static volatile unsigned long jumps;
static volatile unsigned long begun_leaf, done_leaf, begun_middle, done_middle, handled;
static volatile unsigned long sink;

static APART void after(void)
{
	sink++;
}

static APART void in_handler(void)
{
	sink++;
}

static APART void on_raise(int number)
{
	(void)number;
	in_handler();
	siglongjmp(back, 1);
}

static APART void descend(int n)
{
	if (n == 1)
		raise(SIGUSR1);
	if (n > 0) /* always: the compiler need not know */
		descend(n - 1);
	sink++;
}

static APART void one_round(void)
{
	if (!sigsetjmp(back, 1))
		descend(DEPTH);
	after();
}

static int raised(unsigned long n)
{
	signal(SIGUSR1, on_raise);
	for (unsigned long i = 0; i < n; i++)
		one_round();
	SAY_CALLS("one_round", n);
	SAY_CALLS("descend", n * DEPTH);
	SAY_CALLS("on_raise", n);
	SAY_CALLS("in_handler", n);
	SAY_CALLS("after", n);
	return 0;
}

static APART void on_timer(int number)
{
	(void)number;
	handled++;
	in_handler();
	if (armed) {
		armed = 0;
		jumps++;
		siglongjmp(back, 1);
	}
}

static APART void leaf(void)
{
	done_leaf++;
}

static APART void middle(void)
{
	done_middle++;
	begun_leaf++;
	leaf();
	begun_leaf++;
	leaf();
}

static UNTRACED void start_timer(timer_t *timer, long interval)
{
	const struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
	const struct itimerspec often = {{0, interval}, {0, interval}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	if (sigaction(SIGALRM, &action, NULL) || timer_create(CLOCK_MONOTONIC, &event, timer) ||
	    timer_settime(*timer, 0, &often, NULL))
		abort();
}

static int timed(unsigned long n)
{
	timer_t timer;
	start_timer(&timer, INTERVAL_NS);
	sigsetjmp(back, 1);
	while (jumps < n) {
		armed = 1;
		begun_middle++;
		middle();
	}
	armed = 0;
	timer_delete(timer);
	for (int i = 0; i < 1000; i++)
		after();
	/* The last handler may come after timer_delete(), but not after this. */
	signal(SIGALRM, SIG_IGN);
	printf("between leaf %lu %lu\n", done_leaf, begun_leaf);
	printf("between middle %lu %lu\n", done_middle, begun_middle);
	SAY_CALLS("on_timer", handled);
	SAY_CALLS("in_handler", handled);
	SAY_CALLS("after", 1000);
	SAY_CALLS("timed", 1);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	return (argv[1][0] == 'r' ? raised : timed)(strtoul(argv[2], NULL, 10));
}
