/* SPDX-License-Identifier: MIT */
/* fibers MODE [N] - stacks that the program changes between by itself. Every function on a fiber calls `step` before
 * and after it lets others go on, so that a mix-up of stacks shows in the paths of `step`.
 *
 *  random   N fibers that go to each other at random, and end through uc_link
 *  threads  the same; four threads take fibers from a pool, whichever is free
 *  set      each goes on by setcontext, and the last returns that way
 *  again    one stack, used by a new context before the old one has ended, N times
 *  jump     made by makecontext, changed between by siglongjmp
 *  named    stacks changed by code of our own, told by autoprof_fiber_switch
 *  asleep   N fibers are left in the middle, and the process is killed */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <autoprof/autoprof.h>

#include "victim.h"

#define MOST 1000
#define STACK (64 * 1024)
#define ROUNDS 20
#define PLAIN __attribute__((no_instrument_function))

struct fiber {
	ucontext_t context;
	sigjmp_buf point;
	char *stack;
	int number;
	int rounds; /* left */
	int begun;
	int done;
	pthread_mutex_t on_it; /* held by the thread that runs it */
};

static struct fiber fibers[MOST];
static ucontext_t scheduler;
static int fibers_n = 100, current, living;
static unsigned seed = 1;
static volatile unsigned long sink;
static __thread ucontext_t of_thread;
static __thread struct fiber *running;

static PLAIN unsigned at_random(void)
{
	return __atomic_add_fetch(&seed, 2654435761u, __ATOMIC_RELAXED) * 2246822519u >> 8;
}

static APART void step(void)
{
	sink++;
}

static PLAIN struct fiber *another(void)
{
	int i = (int)(at_random() % (unsigned)fibers_n);
	while (fibers[i].done)
		i = (i + 1) % fibers_n;
	return &fibers[i];
}

static APART void let_go(struct fiber *self)
{
	struct fiber *next = another();
	if (next == self)
		return;
	current = next->number;
	swapcontext(&self->context, &next->context);
}

static APART void even(struct fiber *f, void (*pass)(struct fiber *));
static APART void odd(struct fiber *f, void (*pass)(struct fiber *))
{
	step();
	pass(f);
	if (--f->rounds > 0)
		even(f, pass);
	step();
}

static APART void even(struct fiber *f, void (*pass)(struct fiber *))
{
	step();
	pass(f);
	if (--f->rounds > 0)
		odd(f, pass);
	step();
}

static PLAIN void make(struct fiber *f, void (*function)(void), ucontext_t *link)
{
	if (!f->stack)
		f->stack = malloc(STACK);
	f->number = (int)(f - fibers);
	f->rounds = ROUNDS;
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = STACK;
	f->context.uc_link = link;
	makecontext(&f->context, function, 1, f->number);
}

static APART void life(int number)
{
	even(&fibers[number], let_go);
	fibers[number].done = 1;
	living--;
}

static APART void at_random_all(void)
{
	for (int i = 0; i < fibers_n; i++)
		make(&fibers[i], (void (*)(void))life, &scheduler);
	living = fibers_n;
	while (living) {
		struct fiber *next = another();
		current = next->number;
		swapcontext(&scheduler, &next->context);
	}
	SAY_CALLS("life", fibers_n);
	SAY_CALLS("step", 2 * ROUNDS * fibers_n);
	SAY_CALLS("let_go", ROUNDS * fibers_n);
	SAY_CALLS("even", (ROUNDS + 1) / 2 * fibers_n);
	SAY_CALLS("odd", ROUNDS / 2 * fibers_n);
}

/* --- threads ----------------------------------------------------------------------------------------- */

/* Of the thread that runs us now. The compiler must not know that it stays the same, for it does not. */
static PLAIN APART ucontext_t *here(void)
{
	ucontext_t *at = &of_thread;
	__asm__ volatile("" : "+r"(at));
	return at;
}

static APART void threads_life(int number)
{
	for (int i = 0; i < ROUNDS; i++) {
		step();
		swapcontext(&fibers[number].context, here());
		step();
	}
	fibers[number].done = 1;
	setcontext(here());
}

static void *worker(void *unused)
{
	(void)unused;
	for (int left = 1; left;) {
		left = 0;
		for (int k = 0; k < fibers_n; k++) {
			struct fiber *f = &fibers[(at_random() >> 4) % (unsigned)fibers_n];
			if (pthread_mutex_trylock(&f->on_it))
				continue;
			running = f;
			if (!f->done)
				swapcontext(&of_thread, &f->context);
			pthread_mutex_unlock(&running->on_it);
		}
		for (int k = 0; k < fibers_n; k++)
			left += !__atomic_load_n(&fibers[k].done, __ATOMIC_RELAXED);
	}
	return NULL;
}

static APART void on_threads(void)
{
	pthread_t threads[4];
	for (int i = 0; i < fibers_n; i++) {
		make(&fibers[i], (void (*)(void))threads_life, NULL);
		pthread_mutex_init(&fibers[i].on_it, NULL);
	}
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, worker, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	SAY_CALLS("threads_life", fibers_n);
	SAY_CALLS("step", 2 * ROUNDS * fibers_n);
	SAY_CALLS("worker", 4);
}

/* --- setcontext, the same stack again, siglongjmp ------------------------------------------------------- */

static APART void set_life(int number)
{
	step();
	if (number + 1 < fibers_n)
		setcontext(&fibers[number + 1].context);
	setcontext(&scheduler);
}

static APART void by_setcontext(void)
{
	volatile int back = 0;
	for (int i = 0; i < fibers_n; i++)
		make(&fibers[i], (void (*)(void))set_life, NULL);
	getcontext(&scheduler);
	if (!back) {
		back = 1;
		setcontext(&fibers[0].context);
	}
	step();
	SAY_CALLS("set_life", fibers_n);
	SAY_CALLS("step", fibers_n + 1);
}

static APART void again_life(int number)
{
	step();
	swapcontext(&fibers[number].context, &scheduler);
	step(); /* never */
}

static APART void again(void)
{
	for (int i = 0; i < fibers_n; i++) {
		make(&fibers[0], (void (*)(void))again_life, NULL);
		swapcontext(&scheduler, &fibers[0].context);
	}
	SAY_CALLS("again_life", fibers_n);
	SAY_CALLS("step", fibers_n);
}

static sigjmp_buf scheduler_point;

static APART void pass_by_jump(struct fiber *self)
{
	if (!sigsetjmp(self->point, 0))
		siglongjmp(scheduler_point, 1);
}

static APART void jump_life(int number)
{
	fibers[number].begun = 1;
	pass_by_jump(&fibers[number]);
	even(&fibers[number], pass_by_jump);
	fibers[number].done = 1;
	siglongjmp(scheduler_point, 1);
}

static APART void by_jumps(void)
{
	static volatile int left;
	for (int i = 0; i < fibers_n; i++)
		make(&fibers[i], (void (*)(void))jump_life, NULL);
	do {
		struct fiber *volatile f = another();
		if (!sigsetjmp(scheduler_point, 0)) {
			if (!f->begun)
				setcontext(&f->context);
			siglongjmp(f->point, 1);
		}
		left = 0;
		for (int k = 0; k < fibers_n; k++)
			left += !fibers[k].done;
	} while (left);
	SAY_CALLS("jump_life", fibers_n);
	SAY_CALLS("step", 2 * ROUNDS * fibers_n);
	SAY_CALLS("pass_by_jump", (ROUNDS + 1) * fibers_n);
}

/* --- fibers of our own ---------------------------------------------------------------------------------- */

#if defined(__x86_64__)
PLAIN void change_stack(void **save, void *to);
__asm__(".text\nchange_stack:\n\t"
	"pushq %rbp\n\tpushq %rbx\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"
	"movq %rsp, (%rdi)\n\tmovq %rsi, %rsp\n\t"
	"popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbx\n\tpopq %rbp\n\tret\n"
	"named_begin:\n\tmovq %r12, %rdi\n\tcall *%r13\n\thlt\n");
extern char named_begin[] __attribute__((visibility("hidden")));

static void *stacks[MOST], *of_scheduler;

static APART void pass_named(struct fiber *self)
{
	autoprof_fiber_switch(0);
	change_stack(&stacks[self->number], of_scheduler);
}

static APART void named_life(struct fiber *self)
{
	even(self, pass_named);
	self->done = 1;
	autoprof_fiber_switch(0);
	change_stack(&stacks[self->number], of_scheduler);
}

static PLAIN void make_named(struct fiber *f)
{
	void **top = (void **)((char *)malloc(STACK) + STACK) - 8;
	f->number = (int)(f - fibers);
	f->rounds = ROUNDS;
	memset(top, 0, 64);
	top[2] = (void *)named_life; /* r13 */
	top[3] = f;		     /* r12 */
	top[6] = named_begin;
	stacks[f->number] = top;
}

static APART void named(void)
{
	for (int i = 0; i < fibers_n; i++)
		make_named(&fibers[i]);
	for (living = fibers_n; living;) {
		struct fiber *f = another();
		autoprof_fiber_switch((uintptr_t)f);
		change_stack(&of_scheduler, stacks[f->number]);
		if (f->done) {
			autoprof_fiber_end((uintptr_t)f);
			living--;
		}
	}
	SAY_CALLS("named_life", fibers_n);
	SAY_CALLS("step", 2 * ROUNDS * fibers_n);
	SAY_CALLS("pass_named", ROUNDS * fibers_n);
}
#else
static void named(void)
{
}
#endif

/* --- left in the middle ---------------------------------------------------------------------------------- */

static APART void asleep_life(int number)
{
	step();
	swapcontext(&fibers[number].context, &scheduler);
}

static APART void asleep(void)
{
	for (int i = 0; i < fibers_n; i++) {
		make(&fibers[i], (void (*)(void))asleep_life, &scheduler);
		swapcontext(&scheduler, &fibers[i].context);
	}
	SAY_CALLS("asleep_life", fibers_n);
	SAY_CALLS("step", fibers_n);
	fflush(stdout);
	raise(SIGKILL);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{"random", at_random_all}, {"threads", on_threads}, {"set", by_setcontext},
	{"again", again},	   {"jump", by_jumps},	    {"named", named},
	{"asleep", asleep},
};

int main(int argc, char **argv)
{
	fibers_n = argc > 2 ? atoi(argv[2]) : fibers_n;
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		if (argc > 1 && strcmp(argv[1], modes[i].name) == 0)
			modes[i].run();
	}
	SAY_CALLS("main", 1);
	return 0;
}
