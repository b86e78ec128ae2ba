/* SPDX-License-Identifier: MIT */
/* fibers_jumped N - N coroutines that get their stacks from makecontext() and are from then on switched by sigsetjmp() and
 * siglongjmp() alone, in the middle of calls: a jump between stacks ends no call. */
#include <setjmp.h>
#include <stdlib.h>
#include <ucontext.h>

#include "victim.h"

#define STACK 16384
#define ROUNDS 20

struct coroutine {
	sigjmp_buf state;
	ucontext_t context;
	int rounds;
};

static sigjmp_buf home_state;
static ucontext_t home_context;
static struct coroutine *running;
static volatile unsigned long sink;

static UNTRACED APART void to_main(struct coroutine *self)
{
	if (!sigsetjmp(self->state, 0))
		siglongjmp(home_state, 1);
}

static UNTRACED APART void to_coroutine(struct coroutine *self)
{
	running = self;
	if (!sigsetjmp(home_state, 0))
		siglongjmp(self->state, 1);
}

static APART void leaf(void)
{
	sink++;
}

static APART void step(struct coroutine *self)
{
	leaf();
	to_main(self);
	leaf();
}

static APART void body(void)
{
	struct coroutine *self = running;
	if (!sigsetjmp(self->state, 0))
		swapcontext(&self->context, &home_context);
	while (self->rounds < ROUNDS) {
		self->rounds++;
		step(self);
	}
	for (;;)
		to_main(self);
}

static UNTRACED void make(struct coroutine *c, char *stack)
{
	getcontext(&c->context);
	c->context.uc_stack.ss_sp = stack;
	c->context.uc_stack.ss_size = STACK;
	makecontext(&c->context, body, 0);
	running = c;
	swapcontext(&home_context, &c->context);
}

static APART void in_main(void)
{
	sink++;
}

static APART void resume(struct coroutine *c)
{
	in_main();
	to_coroutine(c);
	in_main();
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 10;
	struct coroutine *all = calloc((size_t)n, sizeof(*all));
	char *stacks = malloc((size_t)n * STACK);
	for (int i = 0; i < n; i++)
		make(&all[i], stacks + (size_t)i * STACK);
	for (int k = 0; k < ROUNDS + 1; k++)
		for (int i = 0; i < n; i++)
			resume(&all[i * 7 % n]); /* n is not a multiple of 7 */
	SAY_CALLS("main", 1);
	SAY_CALLS("body", n);
	SAY_CALLS("step", n * ROUNDS);
	SAY_CALLS("leaf", 2 * n * ROUNDS);
	SAY_CALLS("resume", n * (ROUNDS + 1));
	SAY_CALLS("in_main", 2 * n * (ROUNDS + 1));
	printf("path main/resume/in_main %d\n", 2 * n * (ROUNDS + 1));
	printf("path body/step %d\n", n * ROUNDS);
	printf("path body/step/leaf %d\n", 2 * n * ROUNDS);
	return 0;
}
