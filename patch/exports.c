/* SPDX-License-Identifier: MIT */
/* patch/exports.c - see exports.h. */
#include "patch/exports.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "patch/items.h"

struct names {
	Elf *elf;
	Elf_Data *symbols;
	size_t strings; /* section */
	size_t n;
};

static void find_names(struct names *names)
{
	GElf_Shdr header;

	for (Elf_Scn *s = elf_nextscn(names->elf, NULL); s && !names->symbols;
	     s = elf_nextscn(names->elf, s)) {
		if (gelf_getshdr(s, &header) && header.sh_type == SHT_DYNSYM) {
			names->symbols = elf_getdata(s, NULL);
			names->strings = header.sh_link;
			names->n = names->symbols ? names->symbols->d_size / sizeof(Elf64_Sym) : 0;
		}
	}
}

static const char *name_at(const struct names *names, size_t i, GElf_Sym *ret)
{
	if (!names->symbols || i >= names->n || !gelf_getsym(names->symbols, (int)i, ret)) {
		return NULL;
	}
	return elf_strptr(names->elf, names->strings, ret->st_name);
}

static int by_function(const void *a, const void *b)
{
	const uint64_t *function = a;
	const struct ap_site *site = b;

	return (*function > site->function) - (*function < site->function);
}

/* @value: of a function of another module, or anything else. Each once. */
static int add_foreign(const struct names *names, bool *seen, uint64_t value, struct ap_sites *to)
{
	const uint64_t i = value & ~AP_WORD_FOREIGN;
	GElf_Sym symbol;
	int e = 0;

	const char *name = value & AP_WORD_FOREIGN && i && i < names->n && !seen[i]
				   ? name_at(names, i, &symbol)
				   : NULL;
	if (!name) {
		return 0;
	}
	seen[i] = true;
	char **more = ap_item_next((void **)&to->foreign, to->foreign_n, sizeof(*more), &e);
	if (!more) {
		return e;
	}
	*more = strdup(name);
	return to->foreign[to->foreign_n++] ? 0 : -ENOMEM;
}

/* Whether it is known that hooks are called for it or only that its address is there. */
static int find_foreign(const struct names *names, const struct ap_code_facts *facts,
			struct ap_sites *ret)
{
	bool *seen = calloc(names->n + 1, sizeof(*seen));
	int e = seen ? 0 : -ENOMEM;

	for (size_t i = 0; i < facts->loads_n && e == 0; i++) {
		e = add_foreign(names, seen, facts->loads[i].function, ret);
	}
	free(seen);
	return e;
}

int ap_exports_find_mentioned(Elf *elf, const struct ap_words *words, struct ap_sites *ret)
{
	struct names names = {.elf = elf};

	find_names(&names);
	bool *seen = calloc(names.n + 1, sizeof(*seen));
	int e = seen ? 0 : -ENOMEM;
	for (size_t i = 0; i < words->n && e == 0; i++) {
		e = add_foreign(&names, seen, words->all[i].value, ret);
	}
	free(seen);
	return e;
}

static int find_exports(const struct names *names, struct ap_sites *ret)
{
	GElf_Sym symbol;
	int e = 0;

	for (size_t i = 0; i < names->n; i++) {
		const char *name = name_at(names, i, &symbol);
		if (!name || symbol.st_shndx == SHN_UNDEF || !ret->n ||
		    !bsearch(&symbol.st_value, ret->sites, ret->n, sizeof(*ret->sites),
			     by_function)) {
			continue;
		}
		struct ap_site_export *more =
			ap_item_next((void **)&ret->exports, ret->exports_n, sizeof(*more), &e);
		if (!more) {
			return e;
		}
		*more = (struct ap_site_export){symbol.st_value, strdup(name)};
		ret->exports_n++;
		if (!more->name) {
			return -ENOMEM;
		}
	}
	return 0;
}

int ap_exports_find(Elf *elf, const struct ap_code_facts *facts, struct ap_sites *ret)
{
	struct names names = {.elf = elf};

	find_names(&names);
	const int e = find_foreign(&names, facts, ret);
	return e < 0 ? e : find_exports(&names, ret);
}
