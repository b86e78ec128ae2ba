/* SPDX-License-Identifier: MIT */
/* fibers random|link|set|open|again|mixed N - N fibers by makecontext() on stacks of 8 KiB, which call and switch, to each other
 * or to main, in the middle of calls, in an order that is random and the same in every run:
 *   random: each makes 10 rounds, then goes back to main for ever
 *   link:   they end by returning, to uc_link    set: they end by setcontext()
 *   open:   they are never finished              again: the stack of each is used for three fibers, one after the other,
 *                                                       the second of which is given up unfinished
 *   mixed:  one fiber in four of each kind but the last, and main calls and jumps in between
 * There are four kinds of fiber, with functions of their own; each kind's tree must hold its own calls only. */
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "victim.h"

#define STACK 8192
#define ROUNDS 10
#define LEAVES 3
#define KINDS 4

struct fiber {
	ucontext_t context;
	char *stack;
	int kind, rounds, ended;
	char end; /* how it ends: l, s, o */
};

static ucontext_t home;
static struct fiber *fibers, *running;
static int count_of_fibers;
static unsigned long bodies[KINDS], steps[KINDS], leaves[KINDS];
static unsigned long in_mains;
static unsigned long state = 88172645463325252ul;

static UNTRACED unsigned long next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 8;
}

static UNTRACED struct fiber *any_alive(void)
{
	for (int i = 0; i < 64; i++) {
		struct fiber *f = &fibers[next() % (unsigned)count_of_fibers];
		if (!f->ended && f->rounds < ROUNDS)
			return f;
	}
	return NULL;
}

/* To another fiber, or home. */
static UNTRACED void switch_away(void)
{
	struct fiber *self = running, *other = next() % 4 ? any_alive() : NULL;
	if (other == self)
		return;
	running = other;
	swapcontext(&self->context, other ? &other->context : &home);
}

static UNTRACED void end_here(struct fiber *self)
{
	self->ended = 1;
	running = NULL;
	if (self->end == 's')
		setcontext(&home);
	while (self->end == 'o')
		swapcontext(&self->context, &home);
}

#define KIND(color, number)                                                                        \
	static APART void leaf_##color(void)                                                       \
	{                                                                                          \
		leaves[number]++;                                                                  \
		if (next() % 8 == 0)                                                               \
			switch_away();                                                             \
	}                                                                                          \
	static APART void step_##color(void)                                                       \
	{                                                                                          \
		steps[number]++;                                                                   \
		for (int i = 0; i < LEAVES; i++)                                                   \
			leaf_##color();                                                            \
		switch_away();                                                                     \
		leaf_##color();                                                                    \
	}                                                                                          \
	static APART void body_##color(void)                                                       \
	{                                                                                          \
		struct fiber *self = running;                                                      \
		bodies[number]++;                                                                  \
		while (self->rounds < ROUNDS) {                                                    \
			self->rounds++;                                                            \
			step_##color();                                                            \
		}                                                                                  \
		end_here(self);                                                                    \
	}

KIND(red, 0)
KIND(green, 1)
KIND(blue, 2)
KIND(black, 3)

static void (*const body[KINDS])(void) = {body_red, body_green, body_blue, body_black};

static APART void in_main(void)
{
	in_mains++;
}

static UNTRACED void make(struct fiber *f, int kind, char end)
{
	f->kind = kind;
	f->end = end;
	f->rounds = f->ended = 0;
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = STACK;
	f->context.uc_link = &home;
	makecontext(&f->context, body[kind], 0);
}

/* Until a random choice finds none that is unfinished; then those that are left, in order. */
static APART void run_all(int switches)
{
	for (int i = 0; i < switches; i++) {
		struct fiber *f = any_alive();
		if (!f)
			break;
		running = f;
		swapcontext(&home, &f->context);
		running = NULL;
		in_main();
	}
}

static APART void finish_all(void)
{
	for (int i = 0; i < count_of_fibers; i++) {
		while (!fibers[i].ended) {
			running = &fibers[i];
			swapcontext(&home, &fibers[i].context);
		}
	}
}

static UNTRACED void make_all(int turn, const char *ends)
{
	for (int i = 0; i < count_of_fibers; i++)
		make(&fibers[i], (i + turn) % KINDS, ends[(size_t)i / KINDS % strlen(ends)]);
}

static UNTRACED void say(void)
{
	static const char *const colors[KINDS] = {"red", "green", "blue", "black"};
	for (int i = 0; i < KINDS; i++) {
		printf("calls body_%s %lu\n", colors[i], bodies[i]);
		printf("calls step_%s %lu\n", colors[i], steps[i]);
		printf("calls leaf_%s %lu\n", colors[i], leaves[i]);
		printf("path body_%s/step_%s %lu\n", colors[i], colors[i], steps[i]);
		printf("path body_%s/step_%s/leaf_%s %lu\n", colors[i], colors[i], colors[i],
		       leaves[i]);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const char how = argv[1][0];
	count_of_fibers = atoi(argv[2]);
	fibers = calloc((size_t)count_of_fibers, sizeof(*fibers));
	char *stacks = malloc((size_t)count_of_fibers * STACK);
	for (int i = 0; i < count_of_fibers; i++)
		fibers[i].stack = stacks + (size_t)i * STACK;
	make_all(0, how == 'r' || how == 'o' ? "o" : how == 'm' ? "lso" : how == 's' ? "s" : "l");
	run_all(count_of_fibers * 2);
	if (how != 'o')
		finish_all();
	if (how == 'a') {
		make_all(1, "s"); /* these are given up */
		run_all(count_of_fibers);
		make_all(2, "l");
		run_all(count_of_fibers);
		finish_all();
	}
	SAY_CALLS("main", 1);
	SAY_CALLS("in_main", in_mains);
	printf("path main/run_all/in_main %lu\n", in_mains);
	say();
	return 0;
}
