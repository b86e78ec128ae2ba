// SPDX-License-Identifier: MIT
// tests/torture/chaos.cc - functions of the random program in C++: those that throw, catch and clean up.
#include <cstddef>

#include "chaos_cc.h"

extern "C" {

APART UNTRACED void chaos_throw(int level)
{
	throw chaos_thrown{level};
}

CHAOS_PLAIN(cc_plain)
CHAOS_TARGET(cc_target, sigsetjmp(here, 1))
CHAOS_CATCHER(cc_catcher, chaos_enter(walk, "cc_catcher"), "cc_catcher", (void)0)
CHAOS_CATCHER(cc_catcher_acts, chaos_enter(walk, "cc_catcher_acts"), "cc_catcher_acts",
	      chaos_act_within_catch(walk))
UNTRACED CHAOS_CATCHER(cc_quiet_catcher, chaos_enter_quiet(walk), "", (void)0)

	static APART CHAOS_PLAIN(cc_static)

		static inline __attribute__((always_inline)) void cc_inlined(chaos_walk *walk)
{
	chaos_enter(walk, "cc_inlined");
	chaos_act(walk);
	chaos_leave(walk, "cc_inlined");
}

void cc_inlines(chaos_walk *walk)
{
	chaos_enter(walk, "cc_inlines");
	while (chaos_turn(walk)) {
		cc_inlined(walk);
		cc_static(walk);
		cc_inlined(walk);
	}
	chaos_leave(walk, "cc_inlines");
}

#ifndef __clang__
// clang calls no exit hook while an exception unwinds, so nothing tells that cc_inlined is gone: docs/limits.md.
void cc_catcher_inlines(chaos_walk *walk)
{
	const int level = chaos_enter(walk, "cc_catcher_inlines");
	chaos_catches(walk);
	for (bool more = true; more;) {
		try {
			while (chaos_turn(walk)) {
				cc_inlined(walk);
				chaos_act(walk);
			}
			more = false;
		} catch (const chaos_thrown &thrown) {
			if (thrown.level != level)
				throw;
		}
	}
	chaos_leave(walk, "cc_catcher_inlines");
}
#endif

__attribute__((noreturn)) static APART void cc_never(chaos_walk *walk)
{
	chaos_enter(walk, "cc_never");
	chaos_away(walk);
}

void cc_calls_never(chaos_walk *walk)
{
	chaos_enter(walk, "cc_calls_never");
	while (chaos_turn(walk)) {
		chaos_act(walk);
		if (chaos_random(walk, 8) == 0)
			cc_never(walk);
	}
	chaos_leave(walk, "cc_calls_never");
}

void cc_direct(chaos_walk *walk)
{
	chaos_enter(walk, "cc_direct");
	while (chaos_turn(walk)) {
		chaos_act(walk);
		if (chaos_turn(walk))
			cc_direct(walk);
	}
	chaos_leave(walk, "cc_direct");
}

void cc_alloca(chaos_walk *walk)
{
	const int level = chaos_enter(walk, "cc_alloca");
	chaos_catches(walk);
	for (bool more = true; more;) {
		volatile char *room =
			static_cast<char *>(__builtin_alloca(1 + chaos_random(walk, 500)));
		room[0] = 1;
		try {
			while (chaos_turn(walk))
				chaos_act(walk);
			more = false;
		} catch (const chaos_thrown &thrown) {
			if (thrown.level != level)
				throw;
		}
	}
	chaos_leave(walk, "cc_alloca");
}

UNTRACED void cc_through(chaos_walk *walk)
{
	chaos_act(walk);
}

} // extern "C"

namespace
{

// Its destructor is a call of its own, on the way out or while an exception passes.
struct Guard {
	chaos_walk *walk;
	int level;
	UNTRACED Guard(chaos_walk *its_walk, int its_level) : walk(its_walk), level(its_level)
	{
	}
	APART ~Guard()
	{
		const int depth = chaos_enter_at(walk, "~Guard", level);
		chaos_leave_at(walk, depth);
	}
};

} // namespace

extern "C" {

void cc_guarded(chaos_walk *walk)
{
	const int level = chaos_enter(walk, "cc_guarded");
	{
		const Guard guard(walk, level);
		while (chaos_turn(walk))
			chaos_act(walk);
	}
	chaos_leave(walk, "cc_guarded");
}

chaos_fn *const chaos_cc_functions[] = {
	cc_plain,
	cc_target,
	cc_catcher,
	cc_inlines,
	cc_catcher_acts,
	cc_quiet_catcher,
	cc_static,
	cc_direct,
	cc_alloca,
	cc_calls_never,
	cc_through,
	cc_guarded,
#ifndef __clang__
	cc_catcher_inlines,
#endif
	NULL,
};

} // extern "C"
