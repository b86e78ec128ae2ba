/* SPDX-License-Identifier: MIT */
/* patch/state.c - see state.h. */
#include "patch/state.h"

/* A function may change rax, rcx, rdx, rsi, rdi, r8 to r11. */
#define LOST_BY_CALLS 0x0fc7u

uint32_t ap_value_at(const struct ap_code_ranges *ranges, uint64_t address)
{
	const struct ap_code_range *range = ap_code_range_of(ranges, address);
	return range && range->start == address ? AP_VALUE_RANGE + (uint32_t)(range - ranges->all)
						: AP_VALUE_UNKNOWN;
}

uint32_t ap_value_of_word(const struct ap_code_ranges *ranges, const struct ap_word *word)
{
	if (word->value == AP_WORD_FOREIGN) {
		return AP_VALUE_ANY;
	}
	return word->value & AP_WORD_FOREIGN ? AP_VALUE_FOREIGN | (uint32_t)word->value
					     : ap_value_at(ranges, word->value);
}

uint64_t ap_value_address(const struct ap_code_ranges *ranges, uint32_t value)
{
	if (!ap_value_is_function(value)) {
		return 0;
	}
	return value & AP_VALUE_FOREIGN ? AP_WORD_FOREIGN | (value & ~AP_VALUE_FOREIGN)
					: ranges->all[value - AP_VALUE_RANGE].start;
}

static void set_all(struct ap_code_state *state, uint32_t value)
{
	for (unsigned k = 0; k < AP_CODE_REGISTERS; k++) {
		state->registers[k] = value;
	}
}

void ap_code_state_enter(struct ap_code_state *state)
{
	state->stack = (struct ap_code_stack){0};
	set_all(state, AP_VALUE_ANY);
}

void ap_code_state_forget(struct ap_code_state *state)
{
	ap_code_stack_lose(&state->stack);
	set_all(state, AP_VALUE_UNKNOWN);
}

bool ap_code_state_meet(struct ap_code_state *state, const struct ap_code_state *other,
			struct ap_choices *choices)
{
	bool less = ap_code_stack_meet(&state->stack, &other->stack, choices);

	for (unsigned k = 0; k < AP_CODE_REGISTERS; k++) {
		const uint32_t before = state->registers[k];
		state->registers[k] = ap_value_meet(choices, before, other->registers[k]);
		less |= state->registers[k] != before;
	}
	return less;
}

static uint32_t operand_value(const struct ap_code_state *state, const ZydisDecodedOperand *o)
{
	const unsigned i = ap_register_of(o);

	return i < AP_CODE_REGISTERS ? state->registers[i] : AP_VALUE_UNKNOWN;
}

/* What the instruction writes to its first operand. */
static uint32_t result_of(const struct ap_code_state *state, const struct ap_instruction *i,
			  const struct ap_code_ranges *ranges, const struct ap_words *words)
{
	const ZydisDecodedOperand *from = &i->operands[1];
	uint64_t address;
	int64_t offset;

	if (i->what.mnemonic == ZYDIS_MNEMONIC_POP) {
		return ap_code_stack_get(&state->stack, 0);
	}
	if (i->what.mnemonic == ZYDIS_MNEMONIC_LEA && ap_instruction_address(i, from, &address)) {
		return ap_value_at(ranges, address);
	}
	if (i->what.mnemonic != ZYDIS_MNEMONIC_MOV) {
		return AP_VALUE_UNKNOWN;
	}
	if (from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && i->operands[0].size >= 32) {
		return ap_value_at(ranges, from->imm.value.u);
	}
	if (i->operands[0].size != 64) {
		return AP_VALUE_UNKNOWN;
	}
	if (ap_operand_in_frame(from, &offset)) {
		return ap_code_stack_get(&state->stack, offset);
	}
	if (from->type == ZYDIS_OPERAND_TYPE_MEMORY && ap_instruction_address(i, from, &address)) {
		const struct ap_word *word = ap_word_at(words, address);
		return word && word->constant ? ap_value_of_word(ranges, word) : AP_VALUE_UNKNOWN;
	}
	return operand_value(state, from);
}

/* push, pop, and additions. Return: false: it does something else to the stack pointer, or nothing. */
static bool moves_pointer(struct ap_code_state *state, const struct ap_instruction *i)
{
	const ZydisDecodedOperand *o = i->operands;
	const ZydisMnemonic m = i->what.mnemonic;

	if (m == ZYDIS_MNEMONIC_PUSH && o[0].size == 64) {
		ap_code_stack_move(&state->stack, -8);
		ap_code_stack_put(&state->stack, 0, operand_value(state, &o[0]));
		return true;
	}
	if (m == ZYDIS_MNEMONIC_POP && o[0].size == 64 &&
	    o[0].type == ZYDIS_OPERAND_TYPE_REGISTER && !ap_operand_is_stack_pointer(&o[0])) {
		ap_code_stack_move(&state->stack, 8);
		return true;
	}
	if ((m == ZYDIS_MNEMONIC_SUB || m == ZYDIS_MNEMONIC_ADD) &&
	    ap_operand_is_stack_pointer(&o[0]) && o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		const int64_t by = o[1].imm.value.s;
		ap_code_stack_move(&state->stack, m == ZYDIS_MNEMONIC_SUB ? -by : by);
		return true;
	}
	if (m == ZYDIS_MNEMONIC_LEA && ap_operand_is_stack_pointer(&o[0]) &&
	    o[1].mem.base == ZYDIS_REGISTER_RSP && o[1].mem.index == ZYDIS_REGISTER_NONE) {
		ap_code_stack_move(&state->stack, o[1].mem.disp.value);
		return true;
	}
	return m == ZYDIS_MNEMONIC_CALL || m == ZYDIS_MNEMONIC_RET;
}

/* What is written into the frame; when it is the value of a register, and nothing else, that is known. */
static void write_frame(struct ap_code_state *state, const struct ap_instruction *i)
{
	int64_t offset;

	for (unsigned k = 0; k < i->what.operand_count; k++) {
		const ZydisDecodedOperand *o = &i->operands[k];
		if (!ap_operand_is_written(o) || !ap_operand_in_frame(o, &offset)) {
			continue;
		}
		ap_code_stack_kill(&state->stack, offset, o->size / 8);
		if (i->what.mnemonic == ZYDIS_MNEMONIC_MOV && k == 0 && o->size == 64 &&
		    i->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER) {
			ap_code_stack_put(&state->stack, offset,
					  operand_value(state, &i->operands[1]));
		}
	}
}

static bool writes_pointer(const struct ap_instruction *i)
{
	for (unsigned k = 0; k < i->what.operand_count; k++) {
		if (ap_operand_is_stack_pointer(&i->operands[k]) &&
		    ap_operand_is_written(&i->operands[k])) {
			return true;
		}
	}
	return false;
}

static void step_stack(struct ap_code_state *state, const struct ap_instruction *i)
{
	if (moves_pointer(state, i)) {
		return;
	}
	if (writes_pointer(i)) {
		ap_code_stack_lose(&state->stack);
	} else {
		write_frame(state, i);
	}
}

static void forget_after_call(struct ap_code_state *state)
{
	for (unsigned k = 0; k < AP_CODE_REGISTERS; k++) {
		if (LOST_BY_CALLS >> k & 1) {
			state->registers[k] = AP_VALUE_UNKNOWN;
		}
	}
}

void ap_code_state_step(struct ap_code_state *state, const struct ap_instruction *i,
			const struct ap_code_ranges *ranges, const struct ap_words *words)
{
	const uint32_t result = result_of(state, i, ranges, words);

	step_stack(state, i); /* of what registers hold before it */
	for (unsigned k = 0; k < i->what.operand_count; k++) {
		const unsigned to = ap_register_of(&i->operands[k]);
		if (to < AP_CODE_REGISTERS && ap_operand_is_written(&i->operands[k])) {
			state->registers[to] = k == 0 ? result : AP_VALUE_UNKNOWN;
		}
	}
	if (i->what.mnemonic == ZYDIS_MNEMONIC_CALL) {
		forget_after_call(state);
	}
}
