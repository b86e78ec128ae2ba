/* SPDX-License-Identifier: MIT */
/* tests/torture/chaos.h - what the functions of the random program see of its engine.
 *
 * The engine is not instrumented. It decides from a seed what happens next, and keeps the truth: a stack of the open
 * calls and a tree of call paths, in plain memory that no jump can harm. A function says when it has entered and when
 * it is about to leave; whoever jumps or throws first shortens the stack to the frame where control will go on. */
#ifndef AP_TORTURE_CHAOS_H
#define AP_TORTURE_CHAOS_H

#include <setjmp.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UNTRACED __attribute__((no_instrument_function))
#define APART __attribute__((noinline))

struct chaos_walk;
typedef void chaos_fn(struct chaos_walk *walk);

/** chaos_self() - the calling thread's walk: for handlers. */
struct chaos_walk *chaos_self(void);
/** chaos_enter() - a call begins. Return: its level. */
int chaos_enter(struct chaos_walk *walk, const char *name);
/** chaos_enter_quiet() - a frame of a function without hooks: can be a target, is no call. */
int chaos_enter_quiet(struct chaos_walk *walk);
/** chaos_enter_handler() - as chaos_enter(); no exception may pass this frame. */
int chaos_enter_handler(struct chaos_walk *walk, const char *name);
/** chaos_enter_at() - a destructor runs on behalf of the frame at @level, perhaps while others are being unwound. */
int chaos_enter_at(struct chaos_walk *walk, const char *name, int level);
void chaos_leave(struct chaos_walk *walk, const char *name);
void chaos_leave_at(struct chaos_walk *walk, int depth);
/** chaos_turn() - shall the innermost call do one more thing? */
bool chaos_turn(struct chaos_walk *walk);
/** chaos_act() - do a random thing: call, jump, throw, raise, switch. May not come back. */
void chaos_act(struct chaos_walk *walk);
/** chaos_act_within_catch() - the same; nothing that an exception in flight does not survive. */
void chaos_act_within_catch(struct chaos_walk *walk);
/** chaos_aim() - the innermost frame may be jumped to by @buffer, until it leaves. */
void chaos_aim(struct chaos_walk *walk, sigjmp_buf *buffer);
/** chaos_catches() - the innermost frame catches. */
void chaos_catches(struct chaos_walk *walk);
/** chaos_away() - jump or throw to a random frame: there is always one to jump to. */
void chaos_away(struct chaos_walk *walk) __attribute__((noreturn));
unsigned chaos_random(struct chaos_walk *walk, unsigned below);

/** chaos_throw() - C++: to the catcher at @level. */
void chaos_throw(int level) __attribute__((noreturn));

/* What can be called at random; ends with NULL. */
extern chaos_fn *const chaos_cc_functions[], *const chaos_c_functions[],
						     *const chaos_so_functions[];
void chaos_handler(int signal);
void chaos_fiber_main(struct chaos_walk *walk);
void chaos_bottom(struct chaos_walk *walk);

#ifdef __cplusplus
}

struct chaos_thrown {
	int level;
};
#endif

/* The simplest function. */
#define CHAOS_PLAIN(name)                                                                          \
	void name(struct chaos_walk *walk)                                                         \
	{                                                                                          \
		chaos_enter(walk, #name);                                                          \
		while (chaos_turn(walk))                                                           \
			chaos_act(walk);                                                           \
		chaos_leave(walk, #name);                                                          \
	}

/* One that can be jumped to. */
#define CHAOS_TARGET(name, set)                                                                    \
	void name(struct chaos_walk *walk)                                                         \
	{                                                                                          \
		sigjmp_buf here;                                                                   \
		chaos_enter(walk, #name);                                                          \
		(void)set;                                                                         \
		chaos_aim(walk, &here);                                                            \
		while (chaos_turn(walk))                                                           \
			chaos_act(walk);                                                           \
		chaos_leave(walk, #name);                                                          \
	}

#endif
