/* SPDX-License-Identifier: MIT */
/* patch/stack.h - functions whose addresses a piece of code keeps in its stack frame, as far as it is told by the stack pointer. */
#ifndef AP_PATCH_STACK_H
#define AP_PATCH_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "patch/choices.h"

#define AP_STACK_SLOTS 20u

/** Offsets are from where the stack pointer was when the function was entered. */
struct ap_code_stack {
	int64_t pointer; /* where it is */
	bool lost;	 /* that is not known any more, and nothing is kept */
	uint32_t slots_n;
	struct {
		int32_t offset;
		uint32_t value;
	} slots[AP_STACK_SLOTS];
};

/** ap_code_stack_put() - 8 bytes at @offset from the stack pointer now hold @value; the oldest slot gives way. */
void ap_code_stack_put(struct ap_code_stack *stack, int64_t offset, uint32_t value);
/** ap_code_stack_get() - Return: the value that they hold. */
uint32_t ap_code_stack_get(const struct ap_code_stack *stack, int64_t offset);
/** ap_code_stack_kill() - @bytes there hold something else. */
void ap_code_stack_kill(struct ap_code_stack *stack, int64_t offset, int64_t bytes);
/** ap_code_stack_move() - the stack pointer moves by @by; what is below it is no more. */
void ap_code_stack_move(struct ap_code_stack *stack, int64_t by);
void ap_code_stack_lose(struct ap_code_stack *stack);
/** ap_code_stack_meet() - as ap_code_state_meet() (state.h). */
bool ap_code_stack_meet(struct ap_code_stack *stack, const struct ap_code_stack *other,
			struct ap_choices *choices);

#endif
