/* SPDX-License-Identifier: MIT */
/* hostile_names - seven functions whose names the test replaces, in the symbol table, by some that are meant to act on
 * whoever reads them; each has room for 64 bytes. */
#include "victim.h"

static volatile unsigned long sink;

#define NAMED(name)                                                                                \
	static APART void name(void)                                                               \
	{                                                                                          \
		sink++;                                                                            \
	}

NAMED(to_script_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)
NAMED(to_escape_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)
NAMED(to_formula_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)
NAMED(to_lines_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)
NAMED(to_quotes_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)
NAMED(to_bidi_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)
NAMED(to_invalid_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)

int main(void)
{
	static void (*const all[])(void) = {
		to_script_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,
		to_escape_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,
		to_formula_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,
		to_lines_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,
		to_quotes_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,
		to_bidi_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,
		to_invalid_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (unsigned k = 0; k < 100 + i; k++)
			all[i]();
	return 0;
}
