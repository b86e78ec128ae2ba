/* SPDX-License-Identifier: MIT */
/* patch/hook_slots.c - see hook_slots.h. */
#include "patch/hook_slots.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "patch/instruction.h"

/* Return: false: more than there can be. */
static bool add(struct ap_hook_way *ways, size_t *n, uint64_t address, bool exit)
{
	if (*n == AP_HOOK_WAYS) {
		return false;
	}
	ways[(*n)++] = (struct ap_hook_way){address, exit};
	return true;
}

const struct ap_hook_way *ap_hook_way_at(const struct ap_hook_way *ways, size_t n, uint64_t address)
{
	for (size_t i = 0; i < n; i++) {
		if (ways[i].address == address) {
			return &ways[i];
		}
	}
	return NULL;
}

static int hook_of(const char *name)
{
	return !name					       ? -1
	       : strcmp(name, "__cyg_profile_func_enter") == 0 ? 0
	       : strcmp(name, "__cyg_profile_func_exit") == 0  ? 1
							       : -1;
}

/* Relocations of words that calls go through; others that name a hook take its address for something else: whoever has that
 * may call it. */
static bool is_slot(uint64_t type)
{
	return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
}

static int read_relocations(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			    struct ap_hook_ways *ways)
{
	Elf_Data *data = elf_getdata(section, NULL);
	Elf_Scn *symbols = elf_getscn(elf, header->sh_link);
	Elf_Data *symbol_data = symbols ? elf_getdata(symbols, NULL) : NULL;
	GElf_Shdr symbol_header;
	GElf_Rela rela;
	GElf_Sym symbol;

	if (!data || !symbol_data || !gelf_getshdr(symbols, &symbol_header)) {
		return 0;
	}
	for (int i = 0; gelf_getrela(data, i, &rela); i++) {
		if (!gelf_getsym(symbol_data, (int)GELF_R_SYM(rela.r_info), &symbol)) {
			continue;
		}
		const int hook = hook_of(elf_strptr(elf, symbol_header.sh_link, symbol.st_name));
		if (hook >= 0 && (!is_slot(GELF_R_TYPE(rela.r_info)) ||
				  !add(ways->slots, &ways->slots_n, rela.r_offset, hook == 1))) {
			return -ENOTSUP;
		}
	}
	return 0;
}

/* Where a stub may be entered: at each of its instructions. */
struct entries {
	uint64_t at[4];
	size_t n;
};

static bool add_stub(struct ap_hook_ways *ways, const struct entries *entries, bool exit)
{
	bool fits = true;

	for (size_t i = 0; i < entries->n; i++) {
		fits &= add(ways->stubs, &ways->stubs_n, entries->at[i], exit);
	}
	return fits;
}

/* The slot that an operand of it says. */
static const struct ap_hook_way *mentioned(const struct ap_hook_ways *ways,
					   const struct ap_instruction *i)
{
	const struct ap_hook_way *way = NULL;
	uint64_t slot;

	for (unsigned k = 0; k < i->what.operand_count_visible && !way; k++) {
		if (ap_instruction_address(i, &i->operands[k], &slot)) {
			way = ap_hook_way_at(ways->slots, ways->slots_n, slot);
		}
	}
	return way;
}

/* A stub is a jump through the slot, behind nothing that does anything to it. */
static int read_stubs(const struct ap_section *section, struct ap_hook_ways *ways)
{
	const struct ap_code_range code = {
		.start = section->start, .end = section->end, .bytes = section->bytes};
	struct ap_instruction i;
	struct entries entries = {.n = 0};

	ap_instruction_begin(&i);
	for (uint64_t at = code.start; at < code.end; at += i.what.length) {
		if (!ap_instruction_decode(&i, &code, at)) {
			return -ENOTSUP;
		}
		if (entries.n < sizeof(entries.at) / sizeof(entries.at[0])) {
			entries.at[entries.n++] = at;
		}
		const struct ap_hook_way *way = mentioned(ways, &i);
		if (way && (i.what.mnemonic != ZYDIS_MNEMONIC_JMP ||
			    !add_stub(ways, &entries, way->exit))) {
			return -ENOTSUP; /* it may be called in ways that are not known */
		}
		if (ap_instruction_leaves(&i) || i.what.mnemonic == ZYDIS_MNEMONIC_NOP ||
		    i.what.mnemonic == ZYDIS_MNEMONIC_INT3) {
			entries.n = 0;
		}
	}
	return 0;
}

int ap_hook_ways_find(Elf *elf, const struct ap_contents *contents, struct ap_hook_ways *ret)
{
	GElf_Shdr header;
	int e = 0;

	*ret = (struct ap_hook_ways){0};
	for (Elf_Scn *s = elf_nextscn(elf, NULL); s && e == 0; s = elf_nextscn(elf, s)) {
		if (gelf_getshdr(s, &header) && header.sh_type == SHT_RELA &&
		    header.sh_flags & SHF_ALLOC) {
			e = read_relocations(elf, s, &header, ret);
		}
	}
	for (size_t i = 0; ret->slots_n && i < contents->n && e == 0; i++) {
		if (contents->all[i].kind == AP_SECTION_STUBS) {
			e = read_stubs(&contents->all[i], ret);
		}
	}
	return e;
}
