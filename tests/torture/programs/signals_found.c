/* SPDX-License-Identifier: MIT */
/* signals_found - what exec left: 7 if it is what exec_pending.c had set, and nothing comes afterwards. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

static int timers(void)
{
	struct itimerval left;
	int n = 0;
	for (int i = ITIMER_REAL; i <= ITIMER_PROF; i++)
		n += getitimer(i, &left) || left.it_value.tv_sec || left.it_value.tv_usec;
	return n;
}

static void burn_ms(long ms)
{
	struct timespec t;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}

int main(void)
{
	sigset_t blocked, pending;
	struct sigaction action;
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	sigpending(&pending);
	for (int s = 1; s <= 64; s++) {
		if (s == 32 || s == 33)
			continue;
		sigaction(s, NULL, &action);
		if (sigismember(&blocked, s) != (s == SIGUSR1 || s == SIGWINCH) ||
		    sigismember(&pending, s) != (s == SIGUSR1) ||
		    action.sa_handler != (s == SIGHUP ? SIG_IGN : SIG_DFL)) {
			printf("signal %d is not as it was\n", s);
			return 1;
		}
	}
	if (timers())
		return 2;
	burn_ms(5);
	return 7;
}
