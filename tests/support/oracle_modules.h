/* SPDX-License-Identifier: MIT */
/* tests/support/oracle_modules.h - from addresses of a finished process to modules, offsets and names. */
#ifndef AP_TESTS_SUPPORT_ORACLE_MODULES_H
#define AP_TESTS_SUPPORT_ORACLE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oracle_symbol {
	uint64_t address; /* in the file */
	int rank;	  /* global before weak before local */
	char *name;	  /* as in the symbol table */
};

struct oracle_module {
	char *path;
	struct oracle_symbol *symbols; /* functions, by address and rank */
	size_t symbols_n;
	uint64_t (*segments)[3]; /* offset, bytes, address of each PT_LOAD */
	size_t segments_n;
};

/** An executable mapping of a file. */
struct oracle_mapping {
	uint64_t start, end, offset;
	size_t module;
};

struct oracle_modules {
	struct oracle_module *modules;
	size_t modules_n;
	struct oracle_mapping *mappings;
	size_t mappings_n;
};

/** oracle_modules_read() - from @maps, copies of /proc/PID/maps one after the other.
 * Return: 0, or -1 after a message: unreadable, or two files at the same address. */
int oracle_modules_read(struct oracle_modules *modules, const char *maps);
void oracle_modules_clear(struct oracle_modules *modules);

/** oracle_module_name() - file name without directories. */
const char *oracle_module_name(const struct oracle_module *module);

/** What an address is. */
struct oracle_place {
	const char *module; /* file name without directories; "?" unknown */
	uint64_t offset;    /* address in the module's file, as its symbol table counts */
	const char *symbol; /* mangled; NULL when no symbol begins there */
	const struct oracle_module *from; /* NULL unknown */
};
struct oracle_place oracle_place_of(const struct oracle_modules *modules, uint64_t address);

/** oracle_place_is_called() - is @name, mangled or demangled, one of the place's symbols? */
bool oracle_place_is_called(const struct oracle_place *place, const char *name);

/** oracle_demangle() - returns new: the demangled name, or a copy. */
char *oracle_demangle(const char *symbol);

#endif
