/* SPDX-License-Identifier: MIT */
/* patch/stack.c - see stack.h. */
#include "patch/stack.h"

#include <string.h>

#define FRAME_MOST (1ll << 30)

static void remove_slot(struct ap_code_stack *stack, uint32_t i)
{
	stack->slots_n--;
	memmove(&stack->slots[i], &stack->slots[i + 1],
		(stack->slots_n - i) * sizeof(stack->slots[0]));
}

void ap_code_stack_kill(struct ap_code_stack *stack, int64_t offset, int64_t bytes)
{
	const int64_t from = stack->pointer + offset;

	for (uint32_t i = stack->slots_n; i-- > 0;) {
		if (stack->slots[i].offset + 8 > from && stack->slots[i].offset < from + bytes) {
			remove_slot(stack, i);
		}
	}
}

void ap_code_stack_put(struct ap_code_stack *stack, int64_t offset, uint32_t value)
{
	const int64_t at = stack->pointer + offset;

	ap_code_stack_kill(stack, offset, 8);
	if (stack->lost || value == AP_VALUE_UNKNOWN || at > FRAME_MOST || at < -FRAME_MOST) {
		return;
	}
	if (stack->slots_n == AP_STACK_SLOTS) {
		remove_slot(stack, 0);
	}
	stack->slots[stack->slots_n].offset = (int32_t)at;
	stack->slots[stack->slots_n++].value = value;
}

/* What is at @offset of the frame. */
static uint32_t value_at(const struct ap_code_stack *stack, int64_t offset)
{
	for (uint32_t i = 0; i < stack->slots_n; i++) {
		if (stack->slots[i].offset == offset) {
			return stack->slots[i].value;
		}
	}
	return AP_VALUE_UNKNOWN;
}

uint32_t ap_code_stack_get(const struct ap_code_stack *stack, int64_t offset)
{
	return value_at(stack, stack->pointer + offset);
}

void ap_code_stack_move(struct ap_code_stack *stack, int64_t by)
{
	const int64_t to = stack->pointer + by;

	if (to > FRAME_MOST || to < -FRAME_MOST) {
		ap_code_stack_lose(stack);
		return;
	}
	stack->pointer = to;
	for (uint32_t i = stack->slots_n; i-- > 0;) {
		if (stack->slots[i].offset < to) {
			remove_slot(stack, i);
		}
	}
}

void ap_code_stack_lose(struct ap_code_stack *stack)
{
	*stack = (struct ap_code_stack){.lost = true};
}

bool ap_code_stack_meet(struct ap_code_stack *stack, const struct ap_code_stack *other,
			struct ap_choices *choices)
{
	bool less = false;

	if (stack->lost) {
		return false;
	}
	if (other->lost || other->pointer != stack->pointer) {
		ap_code_stack_lose(stack);
		return true;
	}
	for (uint32_t i = stack->slots_n; i-- > 0;) {
		const uint32_t before = stack->slots[i].value;
		const uint32_t both =
			ap_value_meet(choices, before, value_at(other, stack->slots[i].offset));
		less |= both != before;
		stack->slots[i].value = both;
		if (both == AP_VALUE_UNKNOWN) {
			remove_slot(stack, i);
		}
	}
	return less;
}
