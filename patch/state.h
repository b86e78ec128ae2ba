/* SPDX-License-Identifier: MIT */
/* patch/state.h - what registers and the stack frame hold between two instructions, as far as that is known. */
#ifndef AP_PATCH_STATE_H
#define AP_PATCH_STATE_H

#include "patch/choices.h"
#include "patch/instruction.h"
#include "patch/ranges.h"
#include "patch/stack.h"
#include "patch/words.h"

struct ap_code_state {
	uint32_t registers[AP_CODE_REGISTERS]; /* values (choices.h) */
	struct ap_code_stack stack;
};

/** ap_value_is_function() - one of another module's is one, too; a choice of several is not. */
static inline bool ap_value_is_function(uint32_t value)
{
	return value >= AP_VALUE_RANGE && value >> 30 != 1;
}

/** ap_value_address() - of a function: its address, or AP_WORD_FOREIGN and more (words.h); of anything else 0. */
uint64_t ap_value_address(const struct ap_code_ranges *ranges, uint32_t value);
/** ap_value_at() - of the function that begins at @address; else not known. ap_value_of_word() - of what is there then. */
uint32_t ap_value_at(const struct ap_code_ranges *ranges, uint64_t address);
uint32_t ap_value_of_word(const struct ap_code_ranges *ranges, const struct ap_word *word);
/** ap_code_state_enter() - where code is entered in a way that is not followed: registers hold what the caller had in them. */
void ap_code_state_enter(struct ap_code_state *state);
/** ap_code_state_forget() - nothing is known. */
void ap_code_state_forget(struct ap_code_state *state);
/** ap_code_state_meet() - @state becomes what is known where it is either this or @other. Return: is that less than before? */
bool ap_code_state_meet(struct ap_code_state *state, const struct ap_code_state *other,
			struct ap_choices *choices);
/** ap_code_state_step() - do what @i does. */
void ap_code_state_step(struct ap_code_state *state, const struct ap_instruction *i,
			const struct ap_code_ranges *ranges, const struct ap_words *words);

#endif
