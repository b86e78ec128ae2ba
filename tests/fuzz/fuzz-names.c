/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz-names.c - libFuzzer target: no file whatever makes the search for names read what is not there. */
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ap_elf elf = {.file = (const char *)data, .file_bytes = size};
	char name[64];

	if (!ap_elf_symbols(&elf))
		return 0;
	for (uint64_t i = 0; i < elf.symbols_n; i++) {
		uint64_t value;
		const char *symbol = ap_elf_function(&elf, i, &value);
		if (!symbol)
			continue;
		ap_patterns_match("*a*b,c?d*", symbol);
		if (ap_pattern_qualified(symbol, name, sizeof(name)) &&
		    strlen(name) >= sizeof(name))
			abort();
	}
	return 0;
}
