/* SPDX-License-Identifier: MIT */
/* tests/support/oracle_modules.c - module maps and symbol tables, for ap-compare only.
 *
 * Written apart from symbolize/, so that a wrong bias or a wrong name there is seen here. */
#include "tests/support/oracle_modules.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <libiberty/demangle.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/call_tree.h"

static int by_address(const void *a, const void *b)
{
	const struct oracle_symbol *x = a, *y = b;
	if (x->address != y->address) {
		return x->address < y->address ? -1 : 1;
	}
	return x->rank != y->rank ? x->rank - y->rank : strcmp(x->name, y->name);
}

static void add_symbols(struct oracle_module *module, Elf *elf, Elf_Scn *section,
			const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	const size_t n = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
	for (size_t i = 0; data && i < n; i++) {
		GElf_Sym symbol;
		if (!gelf_getsym(data, (int)i, &symbol) ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) {
			continue;
		}
		const int bind = GELF_ST_BIND(symbol.st_info);
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
		module->symbols = must_realloc(module->symbols,
					       (module->symbols_n + 1) * sizeof(*module->symbols));
		module->symbols[module->symbols_n++] = (struct oracle_symbol){
			.address = symbol.st_value,
			.rank = bind == STB_GLOBAL ? 0
				: bind == STB_WEAK ? 1
						   : 2,
			.name = strdup(name ? name : ""),
		};
	}
}

static void read_sections(struct oracle_module *module, Elf *elf)
{
	Elf_Scn *section = NULL;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM)) {
			add_symbols(module, elf, section, &header);
		}
	}
	qsort(module->symbols, module->symbols_n, sizeof(*module->symbols), by_address);
}

static void read_segments(struct oracle_module *module, Elf *elf)
{
	size_t n = 0;
	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr header;
		if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_LOAD) {
			continue;
		}
		module->segments = must_realloc(
			module->segments, (module->segments_n + 1) * sizeof(*module->segments));
		uint64_t *segment = module->segments[module->segments_n++];
		segment[0] = header.p_offset;
		segment[1] = header.p_filesz;
		segment[2] = header.p_vaddr;
	}
}

static size_t module_of_path(struct oracle_modules *modules, const char *path)
{
	for (size_t i = 0; i < modules->modules_n; i++) {
		if (strcmp(modules->modules[i].path, path) == 0) {
			return i;
		}
	}
	modules->modules = must_realloc(modules->modules,
					(modules->modules_n + 1) * sizeof(*modules->modules));
	struct oracle_module *module = &modules->modules[modules->modules_n];
	*module = (struct oracle_module){.path = strdup(path)};
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf = fd >= 0 ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
	if (elf && elf_kind(elf) == ELF_K_ELF) {
		read_segments(module, elf);
		read_sections(module, elf);
	}
	if (elf) {
		elf_end(elf);
	}
	if (fd >= 0) {
		close(fd);
	}
	return modules->modules_n++;
}

/* The copies repeat each other; what they may not do is contradict each other. */
static int add_mapping(struct oracle_modules *modules, const struct oracle_mapping *new)
{
	for (size_t i = 0; i < modules->mappings_n; i++) {
		const struct oracle_mapping *old = &modules->mappings[i];
		if (old->start == new->start && old->module == new->module &&
		    old->offset == new->offset) {
			return 0;
		}
		if (new->start < old->end && old->start < new->end) {
			fprintf(stderr, "ap-compare: two modules at 0x%" PRIx64 "\n", new->start);
			return -1;
		}
	}
	modules->mappings = must_realloc(modules->mappings,
					 (modules->mappings_n + 1) * sizeof(*modules->mappings));
	modules->mappings[modules->mappings_n++] = *new;
	return 0;
}

int oracle_modules_read(struct oracle_modules *modules, const char *maps)
{
	char line[PATH_MAX + 256], permissions[8], path[PATH_MAX];
	FILE *in = fopen(maps, "re");
	int result = 0;

	*modules = (struct oracle_modules){0};
	elf_version(EV_CURRENT);
	if (!in) {
		fprintf(stderr, "ap-compare: cannot read '%s': %s\n", maps, strerror(errno));
		return -1;
	}
	while (result == 0 && fgets(line, sizeof(line), in)) {
		struct oracle_mapping m;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %4095[^\n]",
			   &m.start, &m.end, permissions, &m.offset, path) == 5 &&
		    path[0] == '/' && permissions[2] == 'x') {
			m.module = module_of_path(modules, path);
			result = add_mapping(modules, &m);
		}
	}
	fclose(in);
	return result;
}

void oracle_modules_clear(struct oracle_modules *modules)
{
	for (size_t i = 0; i < modules->modules_n; i++) {
		struct oracle_module *module = &modules->modules[i];
		for (size_t s = 0; s < module->symbols_n; s++) {
			free(module->symbols[s].name);
		}
		free(module->symbols);
		free(module->segments);
		free(module->path);
	}
	free(modules->modules);
	free(modules->mappings);
	*modules = (struct oracle_modules){0};
}

static uint64_t address_in_file(const struct oracle_module *module, uint64_t offset)
{
	for (size_t i = 0; i < module->segments_n; i++) {
		const uint64_t *segment = module->segments[i];
		if (offset >= segment[0] && offset - segment[0] < segment[1]) {
			return offset - segment[0] + segment[2];
		}
	}
	return offset;
}

static size_t first_symbol_at(const struct oracle_module *module, uint64_t address)
{
	size_t low = 0, high = module->symbols_n;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (module->symbols[middle].address < address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

const char *oracle_module_name(const struct oracle_module *module)
{
	return strrchr(module->path, '/') + 1;
}

struct oracle_place oracle_place_of(const struct oracle_modules *modules, uint64_t address)
{
	for (size_t i = 0; i < modules->mappings_n; i++) {
		const struct oracle_mapping *m = &modules->mappings[i];
		if (address < m->start || address >= m->end) {
			continue;
		}
		const struct oracle_module *module = &modules->modules[m->module];
		const uint64_t offset = address_in_file(module, address - m->start + m->offset);
		const size_t s = first_symbol_at(module, offset);
		const bool exact = s < module->symbols_n && module->symbols[s].address == offset;
		return (struct oracle_place){oracle_module_name(module), offset,
					     exact ? module->symbols[s].name : NULL, module};
	}
	return (struct oracle_place){"?", address, NULL, NULL};
}

char *oracle_demangle(const char *symbol)
{
	char *plain = cplus_demangle(symbol, DMGL_PARAMS | DMGL_ANSI);
	return plain ? plain : strdup(symbol);
}

bool oracle_place_is_called(const struct oracle_place *place, const char *name)
{
	if (!place->from) {
		return false;
	}
	const struct oracle_module *module = place->from;
	for (size_t s = first_symbol_at(module, place->offset);
	     s < module->symbols_n && module->symbols[s].address == place->offset; s++) {
		char *plain = oracle_demangle(module->symbols[s].name);
		const bool same =
			strcmp(plain, name) == 0 || strcmp(module->symbols[s].name, name) == 0;
		free(plain);
		if (same) {
			return true;
		}
	}
	return false;
}
