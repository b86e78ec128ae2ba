/* SPDX-License-Identifier: MIT */
/* symbolize/elf_symbols.h - the functions in a module's symbol tables, sorted by address. */
#ifndef AP_SYMBOLIZE_ELF_SYMBOLS_H
#define AP_SYMBOLIZE_ELF_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#include <elfutils/libdwfl.h>

/** Where a module's code is, in its file's addresses: what is outside is no function. */
struct ap_elf_code {
	uint64_t low, high;
};

struct ap_elf_symbol {
	uint64_t address;
	uint64_t size;	  /* 0 unknown */
	const char *name; /* borrowed from the ELF file */
	uint32_t rank;	  /* of those at one address the least is the best name */
};

/** Zeroed is empty. */
struct ap_elf_symbols {
	struct ap_elf_symbol *all; /* by address, then best first */
	size_t n;
};

/**
 * ap_elf_symbols_read() - fill @symbols from whichever tables @module has
 *
 * libdwfl chooses: .symtab of the file, else of its separate debug file, else .dynsym and .gnu_debugdata.
 *
 * Return: 0 (also when there are none) or -ENOMEM. */
int ap_elf_symbols_read(struct ap_elf_symbols *symbols, Dwfl_Module *module,
			struct ap_elf_code code);
/**
 * ap_elf_symbols_find() - the symbols of the function that begins at @address, else of the one around it
 * @ret_n: number of aliases, all at one address
 *
 * Return: the best of them, or NULL. */
const struct ap_elf_symbol *ap_elf_symbols_find(const struct ap_elf_symbols *symbols,
						uint64_t address, size_t *ret_n);
/** ap_elf_symbols_clear() - release; @symbols is empty afterwards. */
void ap_elf_symbols_clear(struct ap_elf_symbols *symbols);

#endif
