/* SPDX-License-Identifier: MIT */
/* processor - how long an addition takes that waits for the one before: one cycle on a processor of one's own, up to two
 * where another virtual machine uses the other half of the core. */
#include <stdio.h>
#include <time.h>

#define ADDITIONS 100000000ul

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
	unsigned long sum = 1;
	const double start = now_ns();
	for (unsigned long i = 0; i < ADDITIONS; i++) {
		sum += i;
		__asm__ volatile("" : "+r"(sum));
	}
	printf("addition_ns %.3f\n", (now_ns() - start) / (double)ADDITIONS);
	return 0;
}
