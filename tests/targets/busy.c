/* SPDX-License-Identifier: MIT */
/* busy nested|recursive|threads - functions that last, and measure themselves by CLOCK_MONOTONIC.
 *
 * Prints "time NAME CALLS TOTAL_NS SELF_NS": what each function measured of itself, with
 * and without what it called. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

#define THREADS 4

struct measured {
	unsigned long calls;
	unsigned long long total, self;
};

static struct measured outer_m, middle_m, inner_m, down_m;
static __thread unsigned long long below; /* time of what the running function has called */

static UNTRACED void spin_us(unsigned us)
{
	const unsigned long long until = now_ns() + us * 1000ull;
	while (now_ns() < until)
		;
}

/* Around a body: what it took, with and without those below it. */
struct mark {
	unsigned long long begin, outside;
};

static inline UNTRACED struct mark begin(void)
{
	const struct mark mark = {now_ns(), below};
	below = 0;
	return mark;
}

static inline UNTRACED void end(struct measured *m, const struct mark *mark, int outermost)
{
	const unsigned long long took = now_ns() - mark->begin;
	__atomic_add_fetch(&m->calls, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&m->self, took - below, __ATOMIC_RELAXED);
	if (outermost)
		__atomic_add_fetch(&m->total, took, __ATOMIC_RELAXED);
	below = mark->outside + took;
}

static APART void inner(void)
{
	const struct mark mark = begin();
	spin_us(100);
	end(&inner_m, &mark, 1);
}

static APART void middle(void)
{
	const struct mark mark = begin();
	spin_us(200);
	inner();
	inner();
	end(&middle_m, &mark, 1);
}

static APART void outer(void)
{
	const struct mark mark = begin();
	middle();
	spin_us(300);
	middle();
	end(&outer_m, &mark, 1);
}

static APART void down(int n, int outermost)
{
	const struct mark mark = begin();
	spin_us(50);
	if (n)
		down(n - 1, 0);
	end(&down_m, &mark, outermost);
}

static void *in_thread(void *unused)
{
	for (int i = 0; i < 40; i++)
		outer();
	return unused;
}

static void say(const char *name, const struct measured *m)
{
	if (m->calls)
		printf("time %s %lu %llu %llu\n", name, m->calls, m->total, m->self);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	const char *how = argc > 1 ? argv[1] : "";

	for (int i = 0; strcmp(how, "nested") == 0 && i < 200; i++)
		outer();
	for (int i = 0; strcmp(how, "recursive") == 0 && i < 100; i++)
		down(30, 1);
	for (int i = 0; strcmp(how, "threads") == 0 && i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, in_thread, NULL))
			return 3;
	for (int i = 0; strcmp(how, "threads") == 0 && i < THREADS; i++)
		pthread_join(threads[i], NULL);
	say("outer", &outer_m);
	say("middle", &middle_m);
	say("inner", &inner_m);
	say("down", &down_m);
	return 0;
}
