/* SPDX-License-Identifier: MIT */
/* symbolize/elf_symbols.c - see elf_symbols.h. The table is read and sorted once a module. */
#include "symbolize/elf_symbols.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* More than any program has; a table that claims more is damaged. */
#define SYMBOLS_LIMIT (1u << 24)
/* How many addresses back a function may begin that is around the one asked for. Labels of hand-written
 * assembly lie between; functions do not nest. */
#define GROUPS_BACK 8

static bool is_function(const GElf_Sym *symbol, GElf_Word section, const char *name)
{
	const int type = GELF_ST_TYPE(symbol->st_info);

	if (section == SHN_UNDEF || section == SHN_ABS || name[0] == '\0') {
		return false;
	}
	if (type == STT_NOTYPE) {
		/* $x, $d: marks of the assembler. __start_, __stop_: edges of a section. */
		return name[0] != '$' && strncmp(name, "__start_", 8) != 0 &&
		       strncmp(name, "__stop_", 7) != 0;
	}
	return type == STT_FUNC || type == STT_GNU_IFUNC;
}

/* An IFUNC symbol has the address of its resolver, which is the function that runs there. */
static uint32_t kind_of(int type)
{
	return type == STT_FUNC ? 0 : type == STT_GNU_IFUNC ? 1 : 2;
}

/* A function before a label; the name that people write before the implementation's own with underscores;
 * then the one that other files can see; then the short one. */
static uint32_t rank_of(const GElf_Sym *symbol, const char *name)
{
	const bool mangled = name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
	const size_t underscores = mangled ? 0 : strspn(name, "_");
	const int binding = GELF_ST_BIND(symbol->st_info);
	const size_t length = strnlen(name, 0x3ff);
	uint32_t rank = kind_of(GELF_ST_TYPE(symbol->st_info));

	rank = rank << 2 | (underscores > 3 ? 3 : (uint32_t)underscores);
	rank = rank << 2 | (binding == STB_LOCAL ? 2 : binding == STB_WEAK);
	return rank << 10 | (uint32_t)length;
}

static int compare(const void *a, const void *b)
{
	const struct ap_elf_symbol *x = a, *y = b;

	if (x->address != y->address) {
		return x->address < y->address ? -1 : 1;
	}
	if (x->rank != y->rank) {
		return x->rank < y->rank ? -1 : 1;
	}
	return strcmp(x->name, y->name);
}

static int append(struct ap_elf_symbols *symbols, size_t *room, const struct ap_elf_symbol *symbol)
{
	if (symbols->n == *room) {
		const size_t more = *room == 0 ? 1024 : *room * 2;
		struct ap_elf_symbol *all = reallocarray(symbols->all, more, sizeof(*all));

		if (all == NULL) {
			return -ENOMEM;
		}
		symbols->all = all;
		*room = more;
	}
	symbols->all[symbols->n++] = *symbol;
	return 0;
}

int ap_elf_symbols_read(struct ap_elf_symbols *symbols, Dwfl_Module *module,
			struct ap_elf_code code)
{
	const int n = dwfl_module_getsymtab(module);
	size_t room = 0;

	for (int i = 1; i < n && symbols->n < SYMBOLS_LIMIT; i++) {
		GElf_Sym raw;
		GElf_Addr address;
		GElf_Word section;
		const char *name =
			dwfl_module_getsym_info(module, i, &raw, &address, &section, NULL, NULL);

		if (name == NULL || !is_function(&raw, section, name) || address < code.low ||
		    address >= code.high) {
			continue;
		}
		const struct ap_elf_symbol symbol = {.address = address,
						     .size = raw.st_size,
						     .name = name,
						     .rank = rank_of(&raw, name)};
		if (append(symbols, &room, &symbol) < 0) {
			ap_elf_symbols_clear(symbols);
			return -ENOMEM;
		}
	}
	if (symbols->n > 0) {
		qsort(symbols->all, symbols->n, sizeof(*symbols->all), compare);
	}
	return 0;
}

/* Index of the first symbol above @address. */
static size_t upper_bound(const struct ap_elf_symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (symbols->all[middle].address <= address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

const struct ap_elf_symbol *ap_elf_symbols_find(const struct ap_elf_symbols *symbols,
						uint64_t address, size_t *ret_n)
{
	size_t end = upper_bound(symbols, address);

	for (int groups = 0; end > 0 && groups < GROUPS_BACK; groups++) {
		size_t first = end;
		bool around = false;

		do {
			first--;
			around |= address - symbols->all[first].address < symbols->all[first].size;
		} while (first > 0 &&
			 symbols->all[first - 1].address == symbols->all[first].address);
		if (around || symbols->all[first].address == address) {
			*ret_n = end - first;
			return &symbols->all[first];
		}
		end = first;
	}
	return NULL;
}

void ap_elf_symbols_clear(struct ap_elf_symbols *symbols)
{
	free(symbols->all);
	*symbols = (struct ap_elf_symbols){.all = NULL};
}
