/* SPDX-License-Identifier: MIT */
/* symbolize/dwarf_lines.h - where a function is defined: file and line, from DWARF. */
#ifndef AP_SYMBOLIZE_DWARF_LINES_H
#define AP_SYMBOLIZE_DWARF_LINES_H

#include <elfutils/libdw.h>

struct ap_dwarf_lines;

/** A function as DWARF describes it. Strings are borrowed from the Dwarf handle; NULL where not given. */
struct ap_dwarf_function {
	const char *linkage_name; /* only of a function whose DIE begins at the address */
	const char *file;	  /* as DWARF names it; may be relative to @directory */
	const char *directory;	  /* where the compiler ran */
	int line;
};

/**
 * ap_dwarf_lines_new() - index the units of @dwarf by address; reads their headers only
 * @dwarf: borrowed
 * @low, @high: where code is; descriptions of code that the linker dropped lie outside
 *
 * Return: the index, or NULL for want of memory. */
struct ap_dwarf_lines *ap_dwarf_lines_new(Dwarf *dwarf, Dwarf_Addr low, Dwarf_Addr high);
/** ap_dwarf_lines_free() - takes NULL. Return: NULL. */
struct ap_dwarf_lines *ap_dwarf_lines_free(struct ap_dwarf_lines *lines);
/**
 * ap_dwarf_lines_find() - the function that begins at @address
 * @ret: always filled
 *
 * A unit is read when a function of it is asked for, once. */
void ap_dwarf_lines_find(struct ap_dwarf_lines *lines, Dwarf_Addr address,
			 struct ap_dwarf_function *ret);
/** ap_dwarf_lines_damage() - what was found to be wrong with the DWARF so far; NULL: nothing. */
const char *ap_dwarf_lines_damage(const struct ap_dwarf_lines *lines);

#endif
