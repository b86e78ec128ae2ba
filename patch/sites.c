/* SPDX-License-Identifier: MIT */
/* patch/sites.c - see sites.h. */
#include "patch/sites.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <unistd.h>

#include "patch/code.h"
#include "patch/exports.h"
#include "patch/gaps.h"
#include "patch/owners.h"

/* A hook that the loader is asked for is called somewhere: where none of its calls was seen, the others may be half of all. */
static bool are_all_seen(const struct ap_code_facts *facts, const struct ap_hook_ways *ways)
{
	bool wanted[2] = {false, false}, seen[2] = {false, false};

	for (size_t i = 0; i < ways->slots_n; i++) {
		wanted[ways->slots[i].exit] = true;
	}
	for (size_t i = 0; i < facts->hooks_n; i++) {
		seen[facts->hooks[i].site.exit] = true;
	}
	return (seen[0] || !wanted[0]) && (seen[1] || !wanted[1]);
}

/* Where code cannot be read, hooks of any function may be. */
static int find_in(struct ap_code_module *m, struct ap_sites *ret)
{
	struct ap_code_facts facts;
	int e = ap_code_read(m, &facts);

	if (e == 0 && (!are_all_seen(&facts, &m->ways) ||
		       ap_gaps_reach_hooks(&m->contents, &m->ranges, &m->ways))) {
		facts.undecoded++;
	}
	if (e == 0 && facts.undecoded) {
		e = -ENOTSUP;
	}
	e = e < 0 ? e : ap_owners_find(&facts, &m->ranges, ret);
	e = e < 0 ? e : ap_exports_find(m->elf, &facts, ret);
	ap_code_clear(&facts);
	return e;
}

/* All that it refers to may be functions that it calls hooks for. */
static int find_names(const struct ap_code_module *m, struct ap_sites *ret)
{
	ap_sites_clear(ret);
	const int e = ap_exports_find_mentioned(m->elf, &m->words, ret);

	ret->names_only = e == 0;
	return e;
}

static int find(struct ap_code_module *m, bool names_only, struct ap_sites *ret)
{
	int e = ap_contents_find(m->elf, &m->contents);
	e = e < 0 ? e : ap_words_find(m->elf, &m->contents, &m->words);
	if (e < 0) {
		return e;
	}
	const int ways = ap_hook_ways_find(m->elf, &m->contents, &m->ways);
	if (ways == 0 && !m->ways.slots_n) {
		return 0;
	}
	if (ways == 0 && !names_only) {
		e = ap_code_ranges_find(m->elf, &m->contents, &m->ranges);
		e = e < 0 ? e : find_in(m, ret);
		if (e == 0) {
			return 0;
		}
	}
	return find_names(m, ret);
}

static int check_machine(Elf *elf)
{
	GElf_Ehdr header;

	if (!elf || !gelf_getehdr(elf, &header)) {
		return -EBADMSG;
	}
	return header.e_machine == EM_X86_64 && header.e_ident[EI_CLASS] == ELFCLASS64 ? 0
										       : -ENOTSUP;
}

static int find_in_file(const char *path, bool names_only, struct ap_sites *ret)
{
	struct ap_code_module m = {0};

	*ret = (struct ap_sites){0};
	elf_version(EV_CURRENT);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		return -errno;
	}
	m.elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	int e = check_machine(m.elf);
	e = e < 0 ? e : find(&m, names_only, ret);
	ap_code_ranges_clear(&m.ranges);
	ap_words_clear(&m.words);
	ap_contents_clear(&m.contents);
	elf_end(m.elf);
	close(fd);
	if (e < 0) {
		ap_sites_clear(ret);
	}
	return e;
}

int ap_sites_find(const char *path, struct ap_sites *ret)
{
	return find_in_file(path, false, ret);
}

int ap_sites_find_names(const char *path, struct ap_sites *ret)
{
	return find_in_file(path, true, ret);
}

void ap_sites_clear(struct ap_sites *sites)
{
	free(sites->sites);
	for (size_t i = 0; i < sites->foreign_n; i++) {
		free(sites->foreign[i]);
	}
	for (size_t i = 0; i < sites->exports_n; i++) {
		free(sites->exports[i].name);
	}
	free(sites->foreign);
	free(sites->exports);
	*sites = (struct ap_sites){0};
}
