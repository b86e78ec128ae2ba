/* SPDX-License-Identifier: MIT */
/* interrupts THREADS MS [jump] - calls without pause, while a timer interrupts them with a handler
 * that calls, too. With "jump" the handler now and then leaves by siglongjmp, out of whatever it
 * interrupted. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "victim.h"

#define MOST_THREADS 16
#define INTERVAL_NS 100000

static unsigned long handled, jumped;
static atomic_int stop;
static volatile int may_jump, armed;
static sigjmp_buf back;
static volatile unsigned long sink;

static APART void in_handler(void)
{
	sink++;
}

static void handler(int number)
{
	(void)number;
	for (int i = 0; i < 3; i++)
		in_handler();
	if (__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED) % 8 == 0 && may_jump && armed) {
		jumped++;
		siglongjmp(back, 1);
	}
}

static APART void leaf(void)
{
	sink++;
}

static APART void middle(void)
{
	leaf();
	leaf();
}

static void *worker(void *ret_rounds)
{
	unsigned long rounds = 0;
	while (!atomic_load(&stop)) {
		middle();
		rounds++;
	}
	*(unsigned long *)ret_rounds = rounds;
	return NULL;
}

/* What an interrupted round did is not known: only complete ones count, and the test asks for "at
 * least". */
static unsigned long jumping_worker(unsigned long long until)
{
	static volatile unsigned long rounds;
	sigsetjmp(back, 1);
	armed = 1;
	while (now_ns() < until) {
		middle();
		rounds++;
	}
	armed = 0;
	return rounds;
}

static timer_t start_timer(void)
{
	const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	const struct itimerspec often = {{0, INTERVAL_NS}, {0, INTERVAL_NS}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	timer_t timer;

	if (sigaction(SIGALRM, &action, NULL) || timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &often, NULL))
		abort();
	return timer;
}

/* With all threads blocking it, the signal comes no more. */
static void block(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
	unsigned long rounds[MOST_THREADS] = {0}, all = 0;
	pthread_t threads[MOST_THREADS];

	if (argc < 3)
		return 2;
	const int n = atoi(argv[1]) < MOST_THREADS ? atoi(argv[1]) : MOST_THREADS;
	const unsigned long long until = now_ns() + strtoull(argv[2], NULL, 10) * 1000000;
	may_jump = argc > 3;
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, worker, &rounds[i]))
			return 3;
	const timer_t timer = start_timer();
	if (may_jump) {
		all = jumping_worker(until);
	} else {
		while (now_ns() < until)
			middle(), all++;
	}
	timer_delete(timer);
	block();
	atomic_store(&stop, 1);
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		all += rounds[i];
	}
	printf("%s middle %lu\n", may_jump ? "least" : "calls", all);
	printf("%s leaf %lu\n", may_jump ? "least" : "calls", 2 * all);
	SAY_CALLS("handler", handled);
	SAY_CALLS("in_handler", 3 * handled);
	printf("jumped %lu\n", jumped);
	return handled > 100 ? 0 : 1;
}
