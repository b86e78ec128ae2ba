/* SPDX-License-Identifier: MIT */
/* patch/instruction.c - see instruction.h. */
#include "patch/instruction.h"

void ap_instruction_begin(struct ap_instruction *i)
{
	ZydisDecoderInit(&i->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

bool ap_instruction_decode(struct ap_instruction *i, const struct ap_code_range *range,
			   uint64_t address)
{
	i->address = address;
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&i->decoder,
						   range->bytes + (address - range->start),
						   range->end - address, &i->what, i->operands));
}

bool ap_instruction_address(const struct ap_instruction *i, const ZydisDecodedOperand *operand,
			    uint64_t *ret)
{
	const bool relative = operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE
				      ? operand->imm.is_relative
				      : operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
						operand->mem.base == ZYDIS_REGISTER_RIP;
	return relative &&
	       ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&i->what, operand, i->address, ret));
}

bool ap_instruction_mentions(const struct ap_instruction *i, const ZydisDecodedOperand *o,
			     bool fixed, uint64_t *ret)
{
	if (ap_instruction_address(i, o, ret)) {
		return true;
	}
	if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		*ret = o->imm.value.u;
	} else if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
		*ret = (uint64_t)o->mem.disp.value;
	} else {
		return false;
	}
	return fixed;
}

bool ap_instruction_branches(const struct ap_instruction *i)
{
	return i->what.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE &&
	       i->what.mnemonic != ZYDIS_MNEMONIC_CALL;
}

bool ap_instruction_leaves(const struct ap_instruction *i)
{
	const ZydisMnemonic m = i->what.mnemonic;

	return m == ZYDIS_MNEMONIC_JMP || m == ZYDIS_MNEMONIC_RET || m == ZYDIS_MNEMONIC_UD2 ||
	       m == ZYDIS_MNEMONIC_HLT;
}

bool ap_instruction_fills(const struct ap_instruction *i)
{
	const ZydisMnemonic m = i->what.mnemonic;

	return m == ZYDIS_MNEMONIC_NOP || m == ZYDIS_MNEMONIC_XCHG || m == ZYDIS_MNEMONIC_INT3;
}

bool ap_instruction_jumps_to(const struct ap_instruction *i, uint64_t *ret)
{
	return ap_instruction_branches(i) && i->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	       ap_instruction_address(i, &i->operands[0], ret);
}

bool ap_instruction_jumps_anywhere(const struct ap_instruction *i, const struct ap_words *words)
{
	const struct ap_word *word = NULL;
	uint64_t to;

	if (i->what.mnemonic != ZYDIS_MNEMONIC_JMP || ap_instruction_jumps_to(i, &to)) {
		return false;
	}
	if (ap_instruction_address(i, &i->operands[0], &to)) {
		word = ap_word_at(words, to);
	}
	return !word || !word->constant;
}

unsigned ap_register_of(const ZydisDecodedOperand *o)
{
	if (o->type != ZYDIS_OPERAND_TYPE_REGISTER) {
		return AP_CODE_REGISTERS;
	}
	const ZydisRegister whole =
		ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, o->reg.value);
	return whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15
		       ? (unsigned)(whole - ZYDIS_REGISTER_RAX)
		       : AP_CODE_REGISTERS;
}

bool ap_operand_is_stack_pointer(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value == ZYDIS_REGISTER_RSP;
}

bool ap_operand_is_indexed(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_MEMORY && o->mem.base == ZYDIS_REGISTER_NONE &&
	       o->mem.index != ZYDIS_REGISTER_NONE && o->mem.scale == 8;
}

bool ap_operand_in_frame(const ZydisDecodedOperand *o, int64_t *ret)
{
	*ret = o->mem.disp.value;
	return o->type == ZYDIS_OPERAND_TYPE_MEMORY && o->mem.type == ZYDIS_MEMOP_TYPE_MEM &&
	       o->mem.base == ZYDIS_REGISTER_RSP && o->mem.index == ZYDIS_REGISTER_NONE;
}
