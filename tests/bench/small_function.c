/* SPDX-License-Identifier: MIT */
/* tests/bench/small_function.c - what one call of a small instrumented function costs, by this process's own clock.
 *
 * Usage: small_function CALLS [THREADS]. Prints "ns_per_call X" (wall of the loop over its calls; with threads:
 * CPU time of the process over all calls) and "clock_ns Y", the cost of one time stamp as the hooks take it. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PLAIN __attribute__((no_instrument_function))

static long calls;

__attribute__((noinline)) int small(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3 + 1;
}

PLAIN static double clock_s(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

PLAIN static uint64_t stamp(void)
{
#if defined(__x86_64__)
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
	uint64_t ticks;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	return (uint64_t)clock_s(CLOCK_MONOTONIC);
#endif
}

PLAIN static double clock_cost_ns(void)
{
	const long n = 2000000;
	uint64_t sum = 0;
	const double start = clock_s(CLOCK_MONOTONIC);
	for (long i = 0; i < n; i++) {
		sum += stamp();
	}
	const double cost = (clock_s(CLOCK_MONOTONIC) - start) / (double)n * 1e9;
	return sum == 1 ? 0 : cost;
}

PLAIN static void *work(void *argument)
{
	int x = 1;
	for (long i = 0; i < calls; i++) {
		x = small(x);
	}
	*(int *)argument = x;
	return NULL;
}

PLAIN static double one_thread(void)
{
	int x;
	const double start = clock_s(CLOCK_MONOTONIC);
	work(&x);
	return clock_s(CLOCK_MONOTONIC) - start;
}

PLAIN static double many_threads(int n)
{
	pthread_t threads[256];
	int x[256];
	const double start = clock_s(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < n; i++) {
		pthread_create(&threads[i], NULL, work, &x[i]);
	}
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
	}
	return (clock_s(CLOCK_PROCESS_CPUTIME_ID) - start) / n;
}

PLAIN int main(int argc, char **argv)
{
	const int threads = argc > 2 ? atoi(argv[2]) : 1;
	calls = argc > 1 ? atol(argv[1]) : 1000000;
	small(1); /* the first call makes the ring: not what is measured */
	const double seconds = threads > 1 && threads <= 256 ? many_threads(threads) : one_thread();
	printf("ns_per_call %.3f\nclock_ns %.3f\n", seconds / (double)calls * 1e9, clock_cost_ns());
	return 0;
}
