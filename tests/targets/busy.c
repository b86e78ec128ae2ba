/* SPDX-License-Identifier: MIT */
/* busy nested|recursive|threads - functions that last, and are measured by CLOCK_MONOTONIC from both sides of a call.
 *
 * Inside, a function reads the clock first and last; around it, its caller does just before and just after the call. Any
 * profiler's reading lies between the two, whenever the thread loses the processor. Prints "time NAME CALLS TOTAL_LEAST
 * TOTAL_MOST SELF_LEAST SELF_MOST", in ns; a total counts the outermost call of a recursion only. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

#define THREADS 4
#define DEEPEST 30

/* Sums over all calls: of the calls themselves, of the outermost ones, and of all that they called. */
struct span {
	unsigned long long all, outermost, below;
};

struct measured {
	void (*function)(int level);
	unsigned long calls;
	struct span inside, around;
};

static void outer(int level);
static void middle(int level);
static void inner(int level);
static void down(int level);

static struct measured outer_m = {.function = outer}, middle_m = {.function = middle};
static struct measured inner_m = {.function = inner}, down_m = {.function = down};

/* What the running function has called, measured from both sides. */
static __thread struct below {
	unsigned long long inside, around;
} below;

static UNTRACED void spin_us(unsigned us)
{
	const unsigned long long until = now_ns() + us * 1000ull;
	while (now_ns() < until)
		;
}

static inline UNTRACED void add(unsigned long long *sum, unsigned long long ns)
{
	__atomic_add_fetch(sum, ns, __ATOMIC_RELAXED);
}

static UNTRACED APART void call(struct measured *m, int level)
{
	const unsigned long long before = now_ns();
	m->function(level);
	const unsigned long long took = now_ns() - before;
	add(&m->around.all, took);
	add(&m->around.outermost, level ? 0 : took);
	below.around += took;
}

struct mark {
	unsigned long long begin;
	struct below outside;
};

static inline UNTRACED struct mark begin(void)
{
	const struct mark mark = {now_ns(), below};
	below = (struct below){0, 0};
	return mark;
}

static inline UNTRACED void end(struct measured *m, int level, const struct mark *mark)
{
	const unsigned long long took = now_ns() - mark->begin;
	__atomic_add_fetch(&m->calls, 1, __ATOMIC_RELAXED);
	add(&m->inside.all, took);
	add(&m->inside.outermost, level ? 0 : took);
	add(&m->inside.below, below.inside);
	add(&m->around.below, below.around);
	below = mark->outside;
	below.inside += took;
}

static APART void inner(int level)
{
	const struct mark mark = begin();
	spin_us(100);
	end(&inner_m, level, &mark);
}

static APART void middle(int level)
{
	const struct mark mark = begin();
	spin_us(200);
	call(&inner_m, 0);
	call(&inner_m, 0);
	end(&middle_m, level, &mark);
}

static APART void outer(int level)
{
	const struct mark mark = begin();
	call(&middle_m, 0);
	spin_us(300);
	call(&middle_m, 0);
	end(&outer_m, level, &mark);
}

static APART void down(int level)
{
	const struct mark mark = begin();
	spin_us(50);
	if (level < DEEPEST)
		call(&down_m, level + 1);
	end(&down_m, level, &mark);
}

static void *in_thread(void *unused)
{
	for (int i = 0; i < 40; i++)
		call(&outer_m, 0);
	return unused;
}

static void say(const char *name, const struct measured *m)
{
	if (m->calls)
		printf("time %s %lu %llu %llu %llu %llu\n", name, m->calls, m->inside.outermost,
		       m->around.outermost, m->inside.all - m->around.below,
		       m->around.all - m->inside.below);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	const char *how = argc > 1 ? argv[1] : "";

	for (int i = 0; strcmp(how, "nested") == 0 && i < 200; i++)
		call(&outer_m, 0);
	for (int i = 0; strcmp(how, "recursive") == 0 && i < 100; i++)
		call(&down_m, 0);
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
