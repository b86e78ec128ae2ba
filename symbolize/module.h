/* SPDX-License-Identifier: MIT */
/* symbolize/module.h - one module's file, opened once it is asked for: who it is, its symbols, its lines. */
#ifndef AP_SYMBOLIZE_MODULE_H
#define AP_SYMBOLIZE_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"
#include "symbolize/debug_files.h"
#include "symbolize/dwarf_lines.h"
#include "symbolize/elf_symbols.h"
#include "symbolize/strings.h"

/** Zeroed is not opened yet. */
struct ap_elf_module {
	bool opened;
	Dwfl *dwfl; /* NULL: no names */
	Dwfl_Module *module;
	struct ap_elf_code code;
	struct ap_elf_symbols symbols;
	bool dwarf_tried;
	Dwarf_Addr dwarf_bias;
	struct ap_dwarf_lines *lines; /* NULL: no lines */
	const char *name;	      /* file name without directories */
	const char *note;	      /* why names are missing or doubtful; NULL: all is well */
	bool no_lines_note;	      /* it only says that there is no debug information */
};

/**
 * ap_elf_module_open() - open the file that @from names, if it still is the one that was loaded
 * @module: zeroed
 * @files: borrowed until ap_elf_module_close()
 * @strings: takes the texts
 *
 * Whatever is wrong is in module->note afterwards, and nothing wrong is answered. */
void ap_elf_module_open(struct ap_elf_module *module, const struct ap_profile_module *from,
			const struct ap_debug_files *files, struct ap_strings *strings);
/** ap_elf_module_lines() - the index of its DWARF, made at the first call; NULL where there is none. */
struct ap_dwarf_lines *ap_elf_module_lines(struct ap_elf_module *module,
					   struct ap_strings *strings);
/** ap_elf_module_note_unknown() - a function of it was asked for that no symbol names: say why. */
void ap_elf_module_note_unknown(struct ap_elf_module *module);
/** ap_elf_module_note_damage() - a function's lines were not found: say so where the DWARF is damaged. */
void ap_elf_module_note_damage(struct ap_elf_module *module, struct ap_strings *strings);
/** ap_elf_module_close() - release; @module is zeroed afterwards. */
void ap_elf_module_close(struct ap_elf_module *module);

#endif
