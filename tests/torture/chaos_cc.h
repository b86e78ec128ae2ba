/* SPDX-License-Identifier: MIT */
/* tests/torture/chaos_cc.h - C++ shapes of functions, for the program and for its shared object. */
#ifndef AP_TORTURE_CHAOS_CC_H
#define AP_TORTURE_CHAOS_CC_H

#include "chaos.h"

/* Catches what is meant for it; what is not is thrown on. */
#define CHAOS_CATCHER(name, enter, leave_name, in_catch)                                           \
	void name(chaos_walk *walk)                                                                \
	{                                                                                          \
		const int level = enter;                                                           \
		chaos_catches(walk);                                                               \
		for (bool more = true; more;) {                                                    \
			try {                                                                      \
				while (chaos_turn(walk))                                           \
					chaos_act(walk);                                           \
				more = false;                                                      \
			} catch (const chaos_thrown &thrown) {                                     \
				if (thrown.level != level)                                         \
					throw;                                                     \
				in_catch;                                                          \
			}                                                                          \
		}                                                                                  \
		chaos_leave(walk, leave_name);                                                     \
	}

#endif
