/* SPDX-License-Identifier: MIT */
/* symbolize/symbolize.h - from addresses in modules to names, files and lines. Out of process, by libdw.
 *
 * Borrows the profile's modules; owns the names that it returns. Single-threaded. */
#ifndef AP_SYMBOLIZE_SYMBOLIZE_H
#define AP_SYMBOLIZE_SYMBOLIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

struct ap_symbolizer;

struct ap_symbolizer_options {
	const char *
		debug_dir; /* searched first for separate debug files (.build-id/ and by name); NULL: none */
	bool debuginfod; /* false: DEBUGINFOD_URLS is removed from our environment first */
};

/** A resolved function. Strings live as long as the symbolizer; NULL where unknown (name never is). */
struct ap_symbol {
	const char *name;	  /* demangled; "module+0x1234" or "0x1234" when unknown */
	const char *linkage_name; /* as in the symbol table; NULL when unknown */
	const char *module;	  /* file name without directories; "?" when unknown */
	const char *file;	  /* source file of the definition */
	int line;		  /* of the definition; 0 unknown */
	bool guessed;		  /* no symbol: the name is an address */
};

/** Why names of a module are missing or doubtful; `text` is one line, NULL when all is well. */
struct ap_module_note {
	const char *module; /* path */
	const char *text;
};

/** ap_symbolizer_new() - Return: a symbolizer, or NULL for want of memory. @modules are borrowed. */
struct ap_symbolizer *ap_symbolizer_new(const struct ap_profile_module *modules, size_t modules_n,
					const struct ap_symbolizer_options *options);
/** ap_symbolizer_free() - takes NULL; returns NULL. */
struct ap_symbolizer *ap_symbolizer_free(struct ap_symbolizer *symbolizer);
/**
 * ap_symbolize() - resolve the function that begins at @address
 * @module: index into the modules, or -1
 * @address: in the program (the module's bias is taken off here)
 * @ret: always filled; an unknown function gets a guessed name. An address inside a function is that function
 *
 * Results are cached: the same address is resolved once. A module whose file was deleted or replaced
 * (build-id differs, or inode and size where there is none) gives no names, and a note. */
void ap_symbolize(struct ap_symbolizer *symbolizer, int32_t module, uint64_t address,
		  struct ap_symbol *ret);
/** ap_symbolizer_notes() - notes on the modules opened so far, only those that have something to say. */
const struct ap_module_note *ap_symbolizer_notes(const struct ap_symbolizer *symbolizer,
						 size_t *ret_n);

/** ap_demangle() - C++ and Rust names through libiberty; returns new string or NULL if not mangled. */
char *ap_demangle(const char *linkage_name);

#endif
