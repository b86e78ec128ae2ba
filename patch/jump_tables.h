/* SPDX-License-Identifier: MIT */
/* patch/jump_tables.h - what a table of jumps says, entry by entry. */
#ifndef AP_PATCH_JUMP_TABLES_H
#define AP_PATCH_JUMP_TABLES_H

#include "patch/contents.h"
#include "patch/words.h"

/* Where code adds an index to a number, the table may begin so many entries before or behind that (ap_operand_is_indexed()). */
#define AP_TABLE_BIAS 128u

/** Entries of a table that may be at an address: 4 bytes each, relative to it, or 8, absolute. Where it ends, their reader has
 * to tell. */
struct ap_jump_table {
	const struct ap_contents *contents;
	const struct ap_words *words;
	uint64_t address, next;
	bool absolute;
};

/** ap_jump_table_next() - @table: begun by setting its fields. Return: is there one more? */
bool ap_jump_table_next(struct ap_jump_table *table, uint64_t *ret);

#endif
