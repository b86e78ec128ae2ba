/* SPDX-License-Identifier: MIT */
/* runtime/elf.c - names of functions in the file of a loaded object. Nothing in the file is trusted. */
#include <elf.h>
#include <link.h>

#include "runtime/runtime.h"

static bool inside(uint64_t offset, uint64_t size, uint64_t bytes)
{
	return offset <= bytes && size <= bytes - offset;
}

/* Section @i. */
static bool section_at(const struct ap_elf *elf, const ElfW(Ehdr) * header, uint64_t i,
		       ElfW(Shdr) * ret)
{
	if (i >= header->e_shnum ||
	    !inside(header->e_shoff, (i + 1) * sizeof *ret, elf->file_bytes))
		return false;
	__builtin_memcpy(ret, elf->file + header->e_shoff + i * sizeof *ret, sizeof *ret);
	return true;
}

static bool take_symbols(struct ap_elf *elf, const ElfW(Ehdr) * header, const ElfW(Shdr) * symbols)
{
	ElfW(Shdr) strings;
	if (!section_at(elf, header, symbols->sh_link, &strings) ||
	    !inside(symbols->sh_offset, symbols->sh_size, elf->file_bytes) ||
	    !inside(strings.sh_offset, strings.sh_size, elf->file_bytes) || strings.sh_size == 0 ||
	    elf->file[strings.sh_offset + strings.sh_size - 1] != 0)
		return false;
	elf->symbols = elf->file + symbols->sh_offset;
	elf->symbols_n = symbols->sh_size / sizeof(ElfW(Sym));
	elf->names = elf->file + strings.sh_offset;
	elf->names_bytes = strings.sh_size;
	return true;
}

/* All names where the file has them; else those that other objects see. */
bool ap_elf_symbols(struct ap_elf *elf)
{
	ElfW(Ehdr) header;
	ElfW(Shdr) section;
	bool found = false;
	if (elf->file_bytes < sizeof header)
		return false;
	__builtin_memcpy(&header, elf->file, sizeof header);
	if (header.e_ident[0] != 0x7f || header.e_ident[1] != 'E' ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof section)
		return false;
	for (uint64_t i = 0; section_at(elf, &header, i, &section); i++) {
		if (section.sh_type == SHT_SYMTAB && take_symbols(elf, &header, &section))
			return true;
		if (section.sh_type == SHT_DYNSYM && !found)
			found = take_symbols(elf, &header, &section);
	}
	return found;
}

const char *ap_elf_function(const struct ap_elf *elf, uint64_t i, uint64_t *ret_value)
{
	ElfW(Sym) symbol;
	__builtin_memcpy(&symbol, elf->symbols + i * sizeof symbol, sizeof symbol);
	const unsigned type = ELF64_ST_TYPE(symbol.st_info);
	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF ||
	    symbol.st_name >= elf->names_bytes)
		return NULL;
	*ret_value = symbol.st_value;
	return elf->names + symbol.st_name;
}
