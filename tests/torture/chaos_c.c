/* SPDX-License-Identifier: MIT */
/* tests/torture/chaos_c.c - functions of the random program in C: without -fexceptions nothing runs while an exception
 * passes them. */
#include <alloca.h>
#include <stddef.h>

#include "chaos.h"

CHAOS_PLAIN(c_plain)
CHAOS_PLAIN(c_other)
CHAOS_TARGET(c_target, sigsetjmp(here, 1))
CHAOS_TARGET(c_target_bare, _setjmp(here))

static APART CHAOS_PLAIN(c_static)

	static inline void c_small(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_small");
	chaos_leave(walk, "c_small");
}

static inline __attribute__((always_inline)) void c_inlined(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_inlined");
	chaos_act(walk);
	chaos_leave(walk, "c_inlined");
}

static inline __attribute__((always_inline)) void c_inlined_twice(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_inlined_twice");
	c_inlined(walk);
	c_small(walk);
	chaos_leave(walk, "c_inlined_twice");
}

void c_inlines(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_inlines");
	while (chaos_turn(walk)) {
		c_small(walk);
		c_inlined(walk);
		c_static(walk);
	}
	chaos_leave(walk, "c_inlines");
}

/* What it inlines is gone when somebody jumps to it. */
void c_inlines_target(struct chaos_walk *walk)
{
	sigjmp_buf here;
	chaos_enter(walk, "c_inlines_target");
	(void)sigsetjmp(here, 0);
	chaos_aim(walk, &here);
	while (chaos_turn(walk)) {
		c_inlined(walk);
		chaos_act(walk);
		c_inlined_twice(walk);
		c_small(walk);
	}
	chaos_leave(walk, "c_inlines_target");
}

void c_alloca(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_alloca");
	while (chaos_turn(walk)) {
		volatile char *room = alloca(1 + chaos_random(walk, 3000));
		room[0] = 1;
		chaos_act(walk);
	}
	chaos_leave(walk, "c_alloca");
}

/* The buffer holds a stack pointer that its enter did not have. */
void c_alloca_target(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_alloca_target");
	volatile char *room = alloca(64 + chaos_random(walk, 2000));
	sigjmp_buf *here = alloca(sizeof *here);
	room[0] = 1;
	(void)sigsetjmp(*here, 1);
	chaos_aim(walk, here);
	while (chaos_turn(walk))
		chaos_act(walk);
	chaos_leave(walk, "c_alloca_target");
}

void c_large(struct chaos_walk *walk)
{
	volatile char room[20000];
	chaos_enter(walk, "c_large");
	room[chaos_random(walk, sizeof room)] = 1;
	while (chaos_turn(walk))
		chaos_act(walk);
	chaos_leave(walk, "c_large");
}

void c_direct(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_direct");
	while (chaos_turn(walk)) {
		if (chaos_random(walk, 3) == 0)
			chaos_act(walk);
		else if (chaos_turn(walk))
			c_direct(walk);
	}
	chaos_leave(walk, "c_direct");
}

void c_pong(struct chaos_walk *walk);
void c_ping(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_ping");
	while (chaos_turn(walk)) {
		chaos_act(walk);
		if (chaos_turn(walk))
			c_pong(walk);
	}
	chaos_leave(walk, "c_ping");
}

void c_pong(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_pong");
	while (chaos_turn(walk)) {
		chaos_act(walk);
		if (chaos_turn(walk))
			c_ping(walk);
	}
	chaos_leave(walk, "c_pong");
}

__attribute__((noreturn)) static APART void c_never(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_never");
	chaos_away(walk);
}

void c_calls_never(struct chaos_walk *walk)
{
	chaos_enter(walk, "c_calls_never");
	while (chaos_turn(walk)) {
		chaos_act(walk);
		if (chaos_random(walk, 8) == 0)
			c_never(walk);
	}
	chaos_leave(walk, "c_calls_never");
}

/* No hooks: its callees' caller is whoever called it. A true tail call at -O2. */
UNTRACED void c_through(struct chaos_walk *walk)
{
	chaos_act(walk);
}

UNTRACED void c_quiet_target(struct chaos_walk *walk)
{
	sigjmp_buf here;
	chaos_enter_quiet(walk);
	(void)sigsetjmp(here, 1);
	chaos_aim(walk, &here);
	while (chaos_turn(walk))
		chaos_act(walk);
	chaos_leave(walk, "");
}

void chaos_handler(int signal)
{
	struct chaos_walk *walk = chaos_self();
	(void)signal;
	chaos_enter_handler(walk, "chaos_handler");
	while (chaos_turn(walk))
		chaos_act(walk);
	chaos_leave(walk, "chaos_handler");
}

CHAOS_TARGET(chaos_fiber_main, sigsetjmp(here, 0))
CHAOS_TARGET(chaos_bottom, sigsetjmp(here, 1))

chaos_fn *const chaos_c_functions[] = {
	c_plain,	  c_other,	 c_target,  c_target_bare,   c_static, c_inlines,
	c_inlines_target, c_alloca,	 c_large,   c_alloca_target, c_direct, c_ping,
	c_pong,		  c_calls_never, c_through, c_quiet_target,  NULL,
};
