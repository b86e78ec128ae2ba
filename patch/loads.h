/* SPDX-License-Identifier: MIT */
/* patch/loads.h - the functions that code names: where it is not known for which one a hook is called, it may be any of them. */
#ifndef AP_PATCH_LOADS_H
#define AP_PATCH_LOADS_H

#include "patch/instruction.h"

/** A function's address is named there, or in a table that is. */
struct ap_code_load {
	uint32_t range;
	uint64_t function; /* maybe of another module: words.h; 0: any, there were too many */
};

/** Words that an instruction may take. */
struct ap_load_table {
	uint64_t address;
	uint32_t words;
	bool indexed; /* ap_operand_is_indexed() */
};

/** Begun by setting its first fields; then range after range. Free loads, and the tables with ap_load_search_clear(). */
struct ap_load_search {
	const struct ap_contents *contents;
	const struct ap_code_ranges *ranges;
	const struct ap_words *words;
	uint64_t most; /* words that may still be read */
	struct ap_code_load *loads;
	size_t loads_n;
	size_t first; /* load of the range */
	struct ap_load_table *tables;
	size_t tables_n;
	int error; /* -ENOMEM, or -E2BIG: `most` */
};

/** ap_loads_take() - what an instruction in @range names. ap_loads_end() - it was the last one there. */
void ap_loads_take(struct ap_load_search *search, uint32_t range,
		   const struct ap_instruction *instruction);
void ap_loads_end(struct ap_load_search *search, uint32_t range);
void ap_load_search_clear(struct ap_load_search *search);

#endif
