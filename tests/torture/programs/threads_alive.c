/* SPDX-License-Identifier: MIT */
/* threads_alive N - N threads alive at once, each of which calls; with few pending signals permitted, sigqueue() of the
 * program's own must still find its place. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "victim.h"

#define PENDING 900

static volatile unsigned long sink;
static pthread_barrier_t all_alive, may_end;

static APART void leaf(void)
{
	sink++;
}

static void *start(void *unused)
{
	leaf();
	pthread_barrier_wait(&all_alive);
	leaf();
	pthread_barrier_wait(&may_end);
	return unused;
}

static UNTRACED int queue_signals(void)
{
	const union sigval value = {.sival_int = 1};
	int queued = 0;
	while (queued < PENDING && sigqueue(getpid(), SIGRTMIN, value) == 0)
		queued++;
	return queued;
}

static UNTRACED int take_signals(const sigset_t *set)
{
	const struct timespec at_once = {0, 0};
	int taken = 0;
	while (sigtimedwait(set, NULL, &at_once) == SIGRTMIN)
		taken++;
	return taken;
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 100;
	const struct rlimit few = {1000, 1000};
	pthread_t *threads = calloc((size_t)n, sizeof(*threads));
	pthread_attr_t attributes;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	setrlimit(RLIMIT_SIGPENDING, &few);
	pthread_barrier_init(&all_alive, NULL, (unsigned)n + 1);
	pthread_barrier_init(&may_end, NULL, (unsigned)n + 1);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 32 << 10);
	for (int i = 0; i < n; i++) {
		if (pthread_create(&threads[i], &attributes, start, NULL)) {
			puts("the machine permits no more threads");
			return 77;
		}
	}
	pthread_barrier_wait(&all_alive);
	const int queued = queue_signals();
	const int taken = take_signals(&set);
	pthread_barrier_wait(&may_end);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	printf("queued %d taken %d\n", queued, taken);
	SAY_CALLS("start", n);
	SAY_CALLS("leaf", 2 * n);
	return queued == PENDING && taken == PENDING ? 0 : 1;
}
