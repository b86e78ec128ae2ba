/* SPDX-License-Identifier: MIT */
/* patch/words.c - see words.h. */
#include "patch/words.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "patch/items.h"

/* The module whose words are looked for. */
struct search {
	Elf *elf;
	const struct ap_contents *contents;
	struct ap_words *words;
	bool executable; /* names are looked up here first: elsewhere one may mean another module's function of the same name */
};

static int add(const struct search *s, uint64_t address, uint64_t value)
{
	const struct ap_section *section = ap_contents_section(s->contents, address);
	struct ap_words *words = s->words;
	int e = 0;

	if (words->n >= s->contents->bytes / 8) {
		return -EBADMSG; /* more than there is room for */
	}
	struct ap_word *word =
		ap_item_next((void **)&words->all, words->n, sizeof(*words->all), &e);
	if (word) {
		*word = (struct ap_word){address, section && section->kind == AP_SECTION_GOT,
					 value};
		words->n++;
	}
	return e;
}

static bool is_executable(Elf *elf, const struct ap_contents *contents)
{
	GElf_Shdr header;
	GElf_Dyn entry;

	for (Elf_Scn *s = elf_nextscn(elf, NULL); s; s = elf_nextscn(elf, s)) {
		Elf_Data *data = gelf_getshdr(s, &header) && header.sh_type == SHT_DYNAMIC
					 ? elf_getdata(s, NULL)
					 : NULL;
		for (int i = 0; data && gelf_getdyn(data, i, &entry); i++) {
			if (entry.d_tag == DT_FLAGS_1 && entry.d_un.d_val & DF_1_PIE) {
				return true;
			}
		}
	}
	return contents->fixed;
}

static uint64_t value_of_symbol(const struct search *s, Elf_Data *symbols, const GElf_Rela *rela)
{
	GElf_Sym symbol;

	if (!symbols || !gelf_getsym(symbols, (int)GELF_R_SYM(rela->r_info), &symbol)) {
		return AP_WORD_FOREIGN;
	}
	if (!s->executable || symbol.st_shndx == SHN_UNDEF) {
		return AP_WORD_FOREIGN | GELF_R_SYM(rela->r_info);
	}
	if (GELF_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC) {
		return AP_WORD_FOREIGN;
	}
	const bool adds = GELF_R_TYPE(rela->r_info) == R_X86_64_64;
	return symbol.st_value + (adds ? (uint64_t)rela->r_addend : 0);
}

/* Other relocations are of no functions. */
static int add_relocation(const struct search *s, Elf_Data *symbols, const GElf_Rela *rela)
{
	switch (GELF_R_TYPE(rela->r_info)) {
	case R_X86_64_RELATIVE:
		return add(s, rela->r_offset, (uint64_t)rela->r_addend);
	case R_X86_64_IRELATIVE:
		return add(s, rela->r_offset, AP_WORD_FOREIGN);
	case R_X86_64_64:
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
		return add(s, rela->r_offset, value_of_symbol(s, symbols, rela));
	default:
		return 0;
	}
}

static int read_relocations(const struct search *s, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	Elf_Scn *symbols = header->sh_link ? elf_getscn(s->elf, header->sh_link) : NULL;
	Elf_Data *symbol_data = symbols ? elf_getdata(symbols, NULL) : NULL;
	GElf_Rela rela;
	int e = 0;

	for (int i = 0; data && e == 0 && gelf_getrela(data, i, &rela); i++) {
		e = add_relocation(s, symbol_data, &rela);
	}
	return e;
}

/* To what the file has there the loader adds the module's place. */
static int add_relative(const struct search *s, uint64_t address)
{
	uint64_t value;
	size_t bytes;
	const unsigned char *at = ap_contents_at(s->contents, address, &bytes);

	if (!at || bytes < sizeof(value)) {
		return 0;
	}
	memcpy(&value, at, sizeof(value));
	return add(s, address, value & ~AP_WORD_FOREIGN);
}

/* DT_RELR: an address, or 63 bits for the words behind the last one. */
static int read_packed(const struct search *s, Elf_Scn *section)
{
	const Elf_Data *data = elf_getdata(section, NULL);
	uint64_t entry, at = 0;
	int e = 0;

	for (size_t i = 0; data && data->d_buf && e == 0 && i + 8 <= data->d_size; i += 8) {
		memcpy(&entry, (const char *)data->d_buf + i, sizeof(entry));
		if (!(entry & 1)) {
			e = entry < at ? -EBADMSG : add_relative(s, entry);
			at = entry + 8;
			continue;
		}
		for (unsigned k = 1; k < 64 && e == 0; k++, at += 8) {
			e = entry >> k & 1 ? add_relative(s, at) : 0;
		}
	}
	return e;
}

static int by_address(const void *a, const void *b)
{
	const struct ap_word *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

/* What the linker leaves of its own relocations (--emit-relocs) is not loaded. */
int ap_words_find(Elf *elf, const struct ap_contents *contents, struct ap_words *ret)
{
	const struct search s = {elf, contents, ret, is_executable(elf, contents)};
	GElf_Shdr header;
	int e = 0;

	*ret = (struct ap_words){0};
	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn && e == 0; scn = elf_nextscn(elf, scn)) {
		if (!gelf_getshdr(scn, &header) || !(header.sh_flags & SHF_ALLOC)) {
			continue;
		}
		if (header.sh_type == SHT_RELA) {
			e = read_relocations(&s, scn, &header);
		} else if (header.sh_type == SHT_RELR) {
			e = read_packed(&s, scn);
		}
	}
	if (ret->n) {
		qsort(ret->all, ret->n, sizeof(*ret->all), by_address);
	}
	return e;
}

void ap_words_clear(struct ap_words *words)
{
	free(words->all);
	*words = (struct ap_words){0};
}

const struct ap_word *ap_word_at(const struct ap_words *words, uint64_t address)
{
	const struct ap_word key = {.address = address};

	return words->n ? bsearch(&key, words->all, words->n, sizeof(key), by_address) : NULL;
}

bool ap_word_read(const struct ap_words *words, const struct ap_contents *contents,
		  uint64_t address, struct ap_word *ret)
{
	const struct ap_word *word = ap_word_at(words, address);
	size_t bytes;

	if (word) {
		*ret = *word;
		return true;
	}
	const unsigned char *at =
		contents->fixed ? ap_contents_at(contents, address, &bytes) : NULL;
	if (!at || bytes < 8) {
		return false;
	}
	*ret = (struct ap_word){.address = address};
	memcpy(&ret->value, at, 8);
	ret->value &= ~AP_WORD_FOREIGN;
	return true;
}
