// SPDX-License-Identifier: MIT
// tests/torture/chaos_so.cc - functions of the random program in a shared object of their own.
#include <cstddef>

#include "chaos_cc.h"

extern "C" {

static CHAOS_PLAIN(so_plain) static CHAOS_TARGET(
	so_target, sigsetjmp(here, 0)) static CHAOS_CATCHER(so_catcher,
							    chaos_enter(walk, "so_catcher"),
							    "so_catcher", (void)0) UNTRACED
	static CHAOS_CATCHER(so_quiet_catcher, chaos_enter_quiet(walk), "", (void)0)

		static inline void so_inlinable(chaos_walk *walk)
{
	chaos_enter(walk, "so_inlinable");
	chaos_act(walk);
	chaos_leave(walk, "so_inlinable");
}

static void so_inlines(chaos_walk *walk)
{
	chaos_enter(walk, "so_inlines");
	while (chaos_turn(walk))
		so_inlinable(walk);
	chaos_leave(walk, "so_inlines");
}

UNTRACED static void so_through(chaos_walk *walk)
{
	chaos_act(walk);
}

chaos_fn *const chaos_so_functions[] = {
	so_plain, so_target, so_catcher, so_quiet_catcher, so_inlines, so_through, NULL,
};

} // extern "C"
