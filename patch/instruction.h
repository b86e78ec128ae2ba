/* SPDX-License-Identifier: MIT */
/* patch/instruction.h - one instruction of x86-64, decoded. */
#ifndef AP_PATCH_INSTRUCTION_H
#define AP_PATCH_INSTRUCTION_H

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stdint.h>

#include "patch/ranges.h"
#include "patch/words.h"

#define AP_CODE_REGISTERS 16u

struct ap_instruction {
	uint64_t address;
	ZydisDecodedInstruction what;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecoder decoder;
};

void ap_instruction_begin(struct ap_instruction *i);
/** ap_instruction_decode() - the one at @address in @range. Return: false: there is none. */
bool ap_instruction_decode(struct ap_instruction *instruction, const struct ap_code_range *range,
			   uint64_t address);
/** ap_instruction_address() - what an operand says relative to the instruction. Return: false: it is none of that kind. */
bool ap_instruction_address(const struct ap_instruction *instruction,
			    const ZydisDecodedOperand *operand, uint64_t *ret);
/** ap_instruction_mentions() - the same, or where the module is always at the same place (@fixed) any number that may be an address:
 * an immediate, or what is added to registers. */
bool ap_instruction_mentions(const struct ap_instruction *instruction,
			     const ZydisDecodedOperand *operand, bool fixed, uint64_t *ret);
/** ap_instruction_branches() - a jump, taken or not. ap_instruction_leaves() - what is behind it is not reached from here. */
bool ap_instruction_branches(const struct ap_instruction *instruction);
bool ap_instruction_leaves(const struct ap_instruction *instruction);
/** ap_instruction_fills() - what compilers and the linker put between functions and loops. */
bool ap_instruction_fills(const struct ap_instruction *instruction);
/** ap_instruction_jumps_to() - a jump to an address that it says itself. ap_instruction_jumps_anywhere() - through a register, a
 * table, or a word that may change; what the loader has filled for good leads out of the module, or to a function. */
bool ap_instruction_jumps_to(const struct ap_instruction *instruction, uint64_t *ret);
bool ap_instruction_jumps_anywhere(const struct ap_instruction *instruction,
				   const struct ap_words *words);
/** ap_register_of() - 0 to 15, of any part of a general register; AP_CODE_REGISTERS: the operand is none. */
unsigned ap_register_of(const ZydisDecodedOperand *o);
bool ap_operand_is_stack_pointer(const ZydisDecodedOperand *operand);
/** ap_operand_is_indexed() - of a word in a table: what is added to a register may be where the table would begin, if it had entries
 * for small numbers, too. */
bool ap_operand_is_indexed(const ZydisDecodedOperand *operand);
/** ap_operand_in_frame() - a place in the stack frame? @ret: from the stack pointer. */
bool ap_operand_in_frame(const ZydisDecodedOperand *operand, int64_t *ret);
static inline bool ap_operand_is_written(const ZydisDecodedOperand *operand)
{
	return operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
}

#endif
