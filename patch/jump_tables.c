/* SPDX-License-Identifier: MIT */
/* patch/jump_tables.c - see jump_tables.h. */
#include "patch/jump_tables.h"

#include <string.h>

static bool relative_at(const struct ap_jump_table *table, uint64_t at, uint64_t *ret)
{
	size_t bytes;
	int32_t four;
	const unsigned char *entry = ap_contents_at(table->contents, at, &bytes);

	if (!entry || bytes < sizeof(four)) {
		return false;
	}
	memcpy(&four, entry, sizeof(four));
	*ret = table->address + (uint64_t)(int64_t)four;
	return true;
}

bool ap_jump_table_next(struct ap_jump_table *table, uint64_t *ret)
{
	const uint64_t at = table->next;
	struct ap_word word;

	table->next += table->absolute ? 8 : 4;
	if (!table->absolute) {
		return relative_at(table, at, ret);
	}
	if (!ap_word_read(table->words, table->contents, at, &word)) {
		return false;
	}
	*ret = word.value;
	return true;
}
