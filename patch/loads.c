/* SPDX-License-Identifier: MIT */
/* patch/loads.c - see loads.h. */
#include "patch/loads.h"

#include <errno.h>
#include <stdlib.h>

#include "patch/items.h"
#include "patch/jump_tables.h"
#include "patch/state.h"

#define MOST_CASES 1024u

static void add_load(struct ap_load_search *s, uint32_t range, uint64_t function)
{
	struct ap_code_load *load =
		ap_item_next((void **)&s->loads, s->loads_n, sizeof(*s->loads), &s->error);

	if (load) {
		*load = (struct ap_code_load){range, function};
		s->loads_n++;
	}
}

/* Return: false: it is none. */
static bool take_value(struct ap_load_search *s, uint32_t range, uint32_t value)
{
	if (value != AP_VALUE_ANY && !ap_value_is_function(value)) {
		return false;
	}
	add_load(s, range, ap_value_address(s->ranges, value));
	return true;
}

static bool take_word(struct ap_load_search *s, uint32_t range, uint64_t address)
{
	struct ap_word word;

	if (s->most-- == 0) {
		s->error = -E2BIG;
	}
	return s->error == 0 && ap_word_read(s->words, s->contents, address, &word) &&
	       take_value(s, range, ap_value_of_word(s->ranges, &word));
}

static void read_table(struct ap_load_search *s, uint32_t range, const struct ap_load_table *table)
{
	uint64_t at = table->address;
	uint32_t n = 0;

	if (table->indexed) {
		at -= 8 * AP_TABLE_BIAS;
		for (unsigned k = 0; k < 2 * AP_TABLE_BIAS; k++, at += 8) {
			take_word(s, range, at);
		}
	}
	while (n < table->words && take_word(s, range, at + 8ull * n)) {
		n++;
	}
	if (n == MOST_CASES) {
		add_load(s, range, 0);
	}
}

/* Of a place outside of code: the word there, or any behind it where something is added to the address. */
static void add_table(struct ap_load_search *s, const struct ap_instruction *i,
		      const ZydisDecodedOperand *o, uint64_t address)
{
	const bool plain =
		o->type == ZYDIS_OPERAND_TYPE_MEMORY && i->what.mnemonic != ZYDIS_MNEMONIC_LEA &&
		o->mem.index == ZYDIS_REGISTER_NONE &&
		(o->mem.base == ZYDIS_REGISTER_NONE || o->mem.base == ZYDIS_REGISTER_RIP);
	struct ap_load_table *table =
		ap_item_next((void **)&s->tables, s->tables_n, sizeof(*s->tables), &s->error);

	if (table) {
		*table = (struct ap_load_table){
			.address = address,
			.words = plain ? (o->size + 63u) / 64u : MOST_CASES,
			.indexed = ap_operand_is_indexed(o),
		};
		s->tables_n++;
	}
}

void ap_loads_take(struct ap_load_search *s, uint32_t range, const struct ap_instruction *i)
{
	uint64_t address;

	if (i->what.mnemonic == ZYDIS_MNEMONIC_CALL || ap_instruction_branches(i)) {
		return; /* goes there */
	}
	for (unsigned k = 0; k < i->what.operand_count_visible; k++) {
		const ZydisDecodedOperand *o = &i->operands[k];
		if (!ap_instruction_mentions(i, o, s->contents->fixed, &address)) {
			continue;
		}
		if (ap_code_range_of(s->ranges, address)) {
			(void)take_value(s, range, ap_value_at(s->ranges, address));
		} else if (ap_operand_is_indexed(o) || ap_contents_section(s->contents, address)) {
			add_table(s, i, o, address);
		}
	}
}

/* The one that says more comes first. */
static int by_address(const void *a, const void *b)
{
	const struct ap_load_table *x = a, *y = b;

	if (x->address != y->address) {
		return x->address < y->address ? -1 : 1;
	}
	if (x->words != y->words) {
		return x->words > y->words ? -1 : 1;
	}
	return y->indexed - x->indexed;
}

static int by_function(const void *a, const void *b)
{
	const struct ap_code_load *x = a, *y = b;

	return (x->function > y->function) - (x->function < y->function);
}

static void keep_each_once(struct ap_load_search *s)
{
	size_t n = s->first;

	if (s->loads_n > n) {
		qsort(s->loads + n, s->loads_n - n, sizeof(*s->loads), by_function);
	}
	for (size_t i = n; i < s->loads_n; i++) {
		if (n == s->first || s->loads[n - 1].function != s->loads[i].function) {
			s->loads[n++] = s->loads[i];
		}
	}
	s->loads_n = s->first = n;
}

void ap_loads_end(struct ap_load_search *s, uint32_t range)
{
	if (s->tables_n) {
		qsort(s->tables, s->tables_n, sizeof(*s->tables), by_address);
	}
	for (size_t i = 0; i < s->tables_n && s->error == 0; i++) {
		if (i == 0 || s->tables[i - 1].address != s->tables[i].address) {
			read_table(s, range, &s->tables[i]);
		}
	}
	s->tables_n = 0;
	keep_each_once(s);
}

void ap_load_search_clear(struct ap_load_search *s)
{
	free(s->loads);
	free(s->tables);
	s->loads = NULL;
	s->tables = NULL;
}
