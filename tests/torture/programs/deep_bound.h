/* SPDX-License-Identifier: MIT */
/* deep_bound.h - what the library offers to deep_bound.c. */
#ifndef AP_TORTURE_DEEP_BOUND_H
#define AP_TORTURE_DEEP_BOUND_H

#include <setjmp.h>
#include <stddef.h>

typedef void (*jump_fn)(jmp_buf);

struct deep_bound {
	void (*free_block)(void *block);
	void *(*new_block)(size_t bytes);
	void (*call_back)(void (*function)(void *), void *argument);
	jump_fn jump;
	unsigned long (*sum)(void);
};

#endif
