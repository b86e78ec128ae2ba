/* SPDX-License-Identifier: MIT */
/* fibers_moved THREADS N - N fibers that are resumed by whichever of the threads is free, so most of them on another one than
 * they began on; they switch in the middle of calls. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#include "victim.h"

#define STACK 16384
#define ROUNDS 20
#define LEAVES 5
#define MOST_THREADS 16

struct fiber {
	ucontext_t context;
	ucontext_t *resumer; /* whoever runs it now */
	char *stack;
	int ended;
	struct fiber *next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fiber *first, **last = &first;
static int unfinished;
static volatile unsigned long sink;

static UNTRACED void put(struct fiber *f)
{
	pthread_mutex_lock(&mutex);
	f->next = NULL;
	*last = f;
	last = &f->next;
	pthread_mutex_unlock(&mutex);
}

static UNTRACED struct fiber *get(void)
{
	pthread_mutex_lock(&mutex);
	struct fiber *f = first;
	if (f) {
		first = f->next;
		if (!first)
			last = &first;
	}
	pthread_mutex_unlock(&mutex);
	return f;
}

static UNTRACED void yield(struct fiber *self)
{
	swapcontext(&self->context, self->resumer);
}

static APART void leaf(void)
{
	sink++;
}

static APART void step(struct fiber *self)
{
	for (int i = 0; i < LEAVES; i++)
		leaf();
	yield(self);
	leaf();
}

/* makecontext() passes ints. */
static APART void body(unsigned high, unsigned low)
{
	struct fiber *self = (struct fiber *)((uintptr_t)high << 32 | low);
	for (int i = 0; i < ROUNDS; i++)
		step(self);
	self->ended = 1;
	yield(self);
}

static APART void resume(struct fiber *f)
{
	ucontext_t here;
	f->resumer = &here; /* cppcheck-suppress autoVariables */
	swapcontext(&here, &f->context);
}

static void *work(void *unused)
{
	while (__atomic_load_n(&unfinished, __ATOMIC_ACQUIRE)) {
		struct fiber *f = get();
		if (!f) {
			sched_yield();
			continue;
		}
		resume(f);
		if (f->ended)
			__atomic_sub_fetch(&unfinished, 1, __ATOMIC_RELEASE);
		else
			put(f);
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[MOST_THREADS];
	if (argc < 3)
		return 2;
	const int n_threads = atoi(argv[1]), n = atoi(argv[2]);
	struct fiber *fibers = calloc((size_t)n, sizeof(*fibers));
	char *stacks = malloc((size_t)n * STACK);
	unfinished = n;
	for (int i = 0; i < n; i++) {
		struct fiber *f = &fibers[i];
		getcontext(&f->context);
		f->context.uc_stack.ss_sp = stacks + (size_t)i * STACK;
		f->context.uc_stack.ss_size = STACK;
		makecontext(&f->context, (void (*)(void))body, 2, (unsigned)((uintptr_t)f >> 32),
			    (unsigned)(uintptr_t)f);
		put(f);
	}
	for (int i = 0; i < n_threads; i++)
		if (pthread_create(&threads[i], NULL, work, NULL))
			abort();
	for (int i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	SAY_CALLS("work", n_threads);
	SAY_CALLS("resume", n * (ROUNDS + 1));
	SAY_CALLS("body", n);
	SAY_CALLS("step", n * ROUNDS);
	SAY_CALLS("leaf", n * ROUNDS * (LEAVES + 1));
	printf("path work/resume %d\n", n * (ROUNDS + 1));
	printf("path body/step %d\n", n * ROUNDS);
	printf("path body/step/leaf %d\n", n * ROUNDS * (LEAVES + 1));
	return 0;
}
