/* SPDX-License-Identifier: MIT */
/* symbolize/symbolize.c - see symbolize.h: the answers, each made once, and the modules behind them.
 *
 * Names come from the symbol tables: they are there without -g, and they are what the linker kept. DWARF
 * adds file and line, and helps to choose between aliases: it describes the one in the source. */
#include "symbolize/symbolize.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/module.h"

/* Longer names are cut: nobody reads them, and a damaged string table may hold one as long as the file. */
#define NAME_LIMIT (4u << 10)

struct answer {
	uint64_t address;
	int32_t module;
	bool used;
	struct ap_symbol symbol;
};

struct ap_symbolizer {
	const struct ap_profile_module *modules;
	size_t modules_n;
	struct ap_elf_module *opened; /* by module; zeroed until asked for */
	struct ap_module_note *notes; /* room for each module */
	struct ap_debug_files debug_files;
	struct ap_strings strings;
	struct answer *answers; /* hash table, a power of 2, at most half full */
	size_t answers_n;
	size_t answers_size;
	unsigned unknown_n; /* functions in no module, numbered as they are asked for */
};

/* --- The cache of answers. --- */

static struct answer *find_slot(struct answer *answers, size_t size, int32_t module,
				uint64_t address)
{
	const uint64_t hash =
		(address + (uint64_t)module * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
	size_t i = (hash >> 32) & (size - 1);

	while (answers[i].used && (answers[i].address != address || answers[i].module != module)) {
		i = (i + 1) & (size - 1);
	}
	return &answers[i];
}

static bool grow_answers(struct ap_symbolizer *symbolizer)
{
	const size_t size = symbolizer->answers_size == 0 ? 1024 : symbolizer->answers_size * 2;
	struct answer *bigger = calloc(size, sizeof(*bigger));

	if (bigger == NULL) {
		return false;
	}
	for (size_t i = 0; i < symbolizer->answers_size; i++) {
		const struct answer *old = &symbolizer->answers[i];

		if (old->used) {
			*find_slot(bigger, size, old->module, old->address) = *old;
		}
	}
	free(symbolizer->answers);
	symbolizer->answers = bigger;
	symbolizer->answers_size = size;
	return true;
}

/* --- Answering. --- */

/* The versions of a symbol (name@VERSION) are no part of its name. */
static const char *readable_name(struct ap_strings *strings, const char *linkage_name)
{
	const size_t n = strcspn(linkage_name, "@");
	const char *plain = ap_strings_copy(strings, linkage_name, n > 0 ? n : SIZE_MAX);
	char *demangled = plain == NULL ? NULL : ap_demangle(plain);
	const char *name =
		demangled == NULL ? plain : ap_strings_copy(strings, demangled, NAME_LIMIT);

	free(demangled);
	return name;
}

static void set_name(struct ap_strings *strings, const char *linkage_name, struct ap_symbol *ret)
{
	ret->linkage_name = ap_strings_copy(strings, linkage_name, NAME_LIMIT);
	ret->name = ret->linkage_name == NULL ? NULL : readable_name(strings, ret->linkage_name);
}

static void set_guess(struct ap_strings *strings, const char *module, uint64_t address,
		      struct ap_symbol *ret)
{
	ret->guessed = true;
	ret->name =
		ap_strings_format(strings, "%s+0x%" PRIx64, module == NULL ? "?" : module, address);
}

/* Not by its address: reports are passed on, and it would tell where the program's memory is. */
static void set_number(struct ap_symbolizer *symbolizer, struct ap_symbol *ret)
{
	ret->guessed = true;
	ret->name =
		ap_strings_format(&symbolizer->strings, "(unknown %u)", ++symbolizer->unknown_n);
}

static void set_source(struct ap_strings *strings, const struct ap_dwarf_function *function,
		       struct ap_symbol *ret)
{
	const char *directory = function->directory;

	if (function->file == NULL) {
		return;
	}
	ret->file = function->file[0] == '/' || directory == NULL || directory[0] == '\0'
			    ? ap_strings_copy(strings, function->file, NAME_LIMIT)
			    : ap_strings_format(strings, "%s/%s", directory, function->file);
	ret->line = ret->file == NULL ? 0 : function->line;
}

/* The one that DWARF describes, but not an inner name (__GI_write) for what has an outer one (write). */
static const struct ap_elf_symbol *choose_alias(const struct ap_elf_symbol *aliases, size_t n,
						const char *described)
{
	const size_t underscores = strspn(aliases[0].name, "_");

	for (size_t i = 0; described != NULL && i < n; i++) {
		if (strcmp(aliases[i].name, described) == 0 &&
		    strspn(described, "_") <= underscores) {
			return &aliases[i];
		}
	}
	return &aliases[0];
}

static void resolve_in(struct ap_symbolizer *symbolizer, struct ap_elf_module *module,
		       uint64_t address, struct ap_symbol *ret)
{
	struct ap_strings *strings = &symbolizer->strings;
	struct ap_dwarf_lines *lines = ap_elf_module_lines(module, strings);
	struct ap_dwarf_function function = {.line = 0};
	size_t n;
	const struct ap_elf_symbol *symbol = ap_elf_symbols_find(&module->symbols, address, &n);
	const uint64_t start = symbol == NULL ? address : symbol->address;

	if (lines != NULL) {
		ap_dwarf_lines_find(lines, start - module->dwarf_bias, &function);
	}
	set_source(strings, &function, ret);
	if (ret->file == NULL) {
		ap_elf_module_note_damage(module, strings);
	}
	if (symbol != NULL) {
		set_name(strings, choose_alias(symbol, n, function.linkage_name)->name, ret);
	} else if (function.linkage_name != NULL) {
		set_name(strings, function.linkage_name, ret);
	} else {
		set_guess(strings, module->name, address, ret);
		ap_elf_module_note_unknown(module);
	}
}

/* Modules that were unloaded and loaded again are one file: read it once. */
static size_t first_of_file(const struct ap_symbolizer *symbolizer, size_t index)
{
	const struct ap_profile_module *module = &symbolizer->modules[index];

	for (size_t i = 0; i < index && module->path != NULL; i++) {
		const struct ap_profile_module *other = &symbolizer->modules[i];

		if (other->path != NULL && other->inode == module->inode &&
		    other->device == module->device && other->file_bytes == module->file_bytes &&
		    other->build_id_bytes == module->build_id_bytes &&
		    memcmp(other->build_id, module->build_id, sizeof(module->build_id)) == 0 &&
		    strcmp(other->path, module->path) == 0) {
			return i;
		}
	}
	return index;
}

static void resolve(struct ap_symbolizer *symbolizer, int32_t index, uint64_t address,
		    struct ap_symbol *ret)
{
	struct ap_strings *strings = &symbolizer->strings;

	*ret = (struct ap_symbol){.module = "?"};
	if (index < 0 || (size_t)index >= symbolizer->modules_n) {
		set_number(symbolizer, ret);
	} else {
		const size_t first = first_of_file(symbolizer, (size_t)index);
		struct ap_elf_module *module = &symbolizer->opened[first];

		if (!module->opened) {
			ap_elf_module_open(module, &symbolizer->modules[first],
					   &symbolizer->debug_files, strings);
		}
		ret->module = module->name == NULL ? "?" : module->name;
		resolve_in(symbolizer, module, address - symbolizer->modules[index].bias, ret);
	}
	if (ret->name == NULL) {
		*ret = (struct ap_symbol){
			.name = "(no memory for its name)", .module = "?", .guessed = true};
	}
}

/* --- The public face. --- */

struct ap_symbolizer *ap_symbolizer_new(const struct ap_profile_module *modules, size_t modules_n,
					const struct ap_symbolizer_options *options)
{
	struct ap_symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (symbolizer == NULL) {
		return NULL;
	}
	if (options == NULL || !options->debuginfod) {
		/* libdw would ask the network by itself, and wait for it. */
		unsetenv("DEBUGINFOD_URLS");
	}
	symbolizer->modules = modules;
	symbolizer->modules_n = modules_n;
	symbolizer->opened = calloc(modules_n + 1, sizeof(*symbolizer->opened));
	symbolizer->notes = calloc(modules_n + 1, sizeof(*symbolizer->notes));
	if (symbolizer->opened == NULL || symbolizer->notes == NULL || !grow_answers(symbolizer)) {
		return ap_symbolizer_free(symbolizer);
	}
	ap_debug_files_init(&symbolizer->debug_files, options == NULL ? NULL : options->debug_dir,
			    options != NULL && options->debuginfod);
	return symbolizer;
}

struct ap_symbolizer *ap_symbolizer_free(struct ap_symbolizer *symbolizer)
{
	if (symbolizer == NULL) {
		return NULL;
	}
	for (size_t i = 0; symbolizer->opened != NULL && i < symbolizer->modules_n; i++) {
		ap_elf_module_close(&symbolizer->opened[i]);
	}
	ap_debug_files_finish(&symbolizer->debug_files);
	ap_strings_clear(&symbolizer->strings);
	free(symbolizer->opened);
	free(symbolizer->notes);
	free(symbolizer->answers);
	free(symbolizer);
	return NULL;
}

void ap_symbolize(struct ap_symbolizer *symbolizer, int32_t module, uint64_t address,
		  struct ap_symbol *ret)
{
	struct answer *slot =
		find_slot(symbolizer->answers, symbolizer->answers_size, module, address);

	if (slot->used) {
		*ret = slot->symbol;
		return;
	}
	resolve(symbolizer, module, address, ret);
	if (symbolizer->answers_n * 2 >= symbolizer->answers_size) {
		if (!grow_answers(symbolizer)) {
			return; /* answered, not remembered: one slot always stays free */
		}
		slot = find_slot(symbolizer->answers, symbolizer->answers_size, module, address);
	}
	*slot = (struct answer){.address = address, .module = module, .used = true, .symbol = *ret};
	symbolizer->answers_n++;
}

const struct ap_module_note *ap_symbolizer_notes(const struct ap_symbolizer *symbolizer,
						 size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < symbolizer->modules_n; i++) {
		if (symbolizer->opened[i].note != NULL) {
			symbolizer->notes[n++] =
				(struct ap_module_note){.module = symbolizer->modules[i].path,
							.text = symbolizer->opened[i].note};
		}
	}
	*ret_n = n;
	return symbolizer->notes;
}
