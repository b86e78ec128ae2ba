/* SPDX-License-Identifier: MIT */
/* patch/pieces.c - see pieces.h.
 *
 * Which table a jump takes is not known, nor where one ends: a jump through a table arrives where the entries of any table say
 * whose address is mentioned by the code that belongs together. A table ends with the first entry that is not where an instruction
 * begins in that code, or in code that nobody calls. What is read too much makes places where nothing arrives, of which less is
 * known then; but a place that is missed makes more known than is true. */
#include "patch/pieces.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "patch/connect.h"
#include "patch/instruction.h"
#include "patch/items.h"
#include "patch/jump_tables.h"

/* Entries of tables that are read: so many by byte of code, and these. No compiler comes near it. */
#define ENTRIES_PER_BYTE 4u
#define ENTRIES_MORE (1u << 20)

/* An address that an instruction mentions. */
struct mention {
	uint32_t root, range;
	uint64_t address;
	bool indexed; /* ap_operand_is_indexed() */
};

struct search {
	Elf *elf;
	const struct ap_contents *contents;
	const struct ap_code_ranges *ranges;
	const struct ap_words *words;
	struct ap_pieces *pieces;
	struct ap_instruction instruction;
	uint32_t range;
	uint64_t *first_byte;  /* by range: how many bytes of code there are before it */
	unsigned char *starts; /* bits, by byte of code: an instruction begins there */
	struct mention *mentions;
	size_t mentions_n;
	uint64_t entries; /* of tables that may still be read */
	int error;
};

static uint64_t bit_of(const struct search *s, uint32_t range, uint64_t at)
{
	return s->first_byte[range] + (at - s->ranges->all[range].start);
}

static void mark_start(struct search *s, uint64_t at)
{
	const uint64_t bit = bit_of(s, s->range, at);

	s->starts[bit / 8] |= (unsigned char)(1u << bit % 8);
}

static bool is_start(const struct search *s, uint32_t range, uint64_t at)
{
	const uint64_t bit = bit_of(s, range, at);

	return s->starts[bit / 8] >> bit % 8 & 1;
}

static void add_piece(struct search *s, uint64_t at)
{
	struct ap_pieces *pieces = s->pieces;
	const struct ap_code_range *range = ap_code_range_of(s->ranges, at);
	struct ap_piece *piece = range ? ap_item_next((void **)&pieces->all, pieces->n,
						      sizeof(*pieces->all), &s->error)
				       : NULL;
	if (piece) {
		*piece = (struct ap_piece){at, range->end, (uint32_t)(range - s->ranges->all)};
		pieces->n++;
	}
}

static void add_jump(struct search *s, uint64_t to)
{
	struct ap_pieces *pieces = s->pieces;
	struct ap_code_jump *jump = ap_item_next((void **)&pieces->jumps, pieces->jumps_n,
						 sizeof(*pieces->jumps), &s->error);
	if (jump) {
		*jump = (struct ap_code_jump){s->range, to};
		pieces->jumps_n++;
	}
}

static void take_jump(struct search *s, uint64_t to)
{
	const struct ap_code_range *range = &s->ranges->all[s->range];

	add_piece(s, to);
	if (to < range->start || to >= range->end) {
		add_jump(s, to);
	}
}

static void take_pad(struct search *s, const struct ap_pad *pad)
{
	struct ap_pieces *pieces = s->pieces;
	struct ap_pad *to = ap_item_next((void **)&pieces->pads, pieces->pads_n,
					 sizeof(*pieces->pads), &s->error);
	if (to) {
		*to = *pad;
		pieces->pads_n++;
		take_jump(s, pad->pad);
	}
}

/* They are in order, and of this code. Return: false: its table is not understood. */
static bool find_pads(struct search *s, const struct ap_code_range *range)
{
	uint64_t from = range->start, most = range->end - range->start;
	struct ap_pads pads;
	struct ap_pad pad;

	if (!range->pads) {
		return true;
	}
	if (!ap_pads_begin(&pads, range->pads, range->pads_bytes, range->pads_at, range->start)) {
		return false;
	}
	while (ap_pads_next(&pads, &pad)) {
		if (pad.start < from || pad.end < pad.start || pad.end > range->end ||
		    most-- == 0) {
			return false;
		}
		from = pad.end;
		if (pad.pad) {
			take_pad(s, &pad);
		}
	}
	return true;
}

static struct ap_piece_range *starting_at(const struct search *s, uint64_t address)
{
	const struct ap_code_range *range = ap_code_range_of(s->ranges, address);

	return range && range->start == address ? &s->pieces->ranges[range - s->ranges->all] : NULL;
}

/* @function: that may not be an entry of a table of jumps. */
static void mark_called(struct search *s, uint64_t address, bool function)
{
	struct ap_piece_range *range = starting_at(s, address);

	if (range) {
		range->called = true;
		range->function |= function;
	}
}

static void note_mention(struct search *s, const ZydisDecodedOperand *o)
{
	const bool indexed = ap_operand_is_indexed(o);
	uint64_t address;

	if (!ap_instruction_mentions(&s->instruction, o, s->contents->fixed, &address) ||
	    (!indexed && !ap_contents_section(s->contents, address))) {
		return;
	}
	mark_called(s, address, true);
	struct mention *to =
		ap_item_next((void **)&s->mentions, s->mentions_n, sizeof(*to), &s->error);
	if (to) {
		*to = (struct mention){.range = s->range, .address = address, .indexed = indexed};
		s->mentions_n++;
	}
}

static void take_instruction(struct search *s, const struct ap_code_range *range)
{
	const struct ap_instruction *i = &s->instruction;
	const uint64_t behind = i->address + i->what.length;
	uint64_t to;

	mark_start(s, i->address);
	s->pieces->ranges[s->range].jumps |= ap_instruction_jumps_anywhere(i, s->words);
	if (ap_instruction_jumps_to(i, &to)) {
		take_jump(s, to);
	} else {
		for (unsigned k = 0; k < i->what.operand_count_visible; k++) {
			note_mention(s, &i->operands[k]);
		}
	}
	if (ap_instruction_leaves(i) && behind < range->end) {
		add_piece(s, behind);
	}
}

/* Return: false: it is not all instructions. */
static bool read_range(struct search *s, const struct ap_code_range *range)
{
	add_piece(s, range->start);
	s->pieces->ranges[s->range].pads = s->pieces->pads_n;
	if (!find_pads(s, range)) {
		return false;
	}
	for (uint64_t at = range->start; at < range->end; at += s->instruction.what.length) {
		if (!ap_instruction_decode(&s->instruction, range, at)) {
			return false;
		}
		take_instruction(s, range);
	}
	return true;
}

static void mark_exports(struct search *s)
{
	GElf_Shdr header;
	GElf_Sym symbol;

	for (Elf_Scn *scn = elf_nextscn(s->elf, NULL); scn; scn = elf_nextscn(s->elf, scn)) {
		Elf_Data *data = gelf_getshdr(scn, &header) && header.sh_type == SHT_DYNSYM
					 ? elf_getdata(scn, NULL)
					 : NULL;
		for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
			mark_called(s, symbol.st_value, true);
		}
		if (data) {
			return; /* there is only one */
		}
	}
}

/* Where no relocation tells of it, any number may be an address. */
static void mark_called_by(struct search *s, const struct ap_section *section)
{
	const size_t n = (size_t)(section->end - section->start);
	uint32_t four;
	uint64_t eight;

	for (size_t at = 0; at + 4 <= n; at += 4) {
		memcpy(&four, section->bytes + at, 4);
		mark_called(s, four, false);
		if (at + 8 <= n) {
			memcpy(&eight, section->bytes + at, 8);
			mark_called(s, eight, false);
		}
	}
}

static void mark_called_from_elsewhere(struct search *s)
{
	for (size_t i = 0; i < s->words->n; i++) {
		mark_called(s, s->words->all[i].value, false);
	}
	for (size_t i = 0; s->contents->fixed && i < s->contents->n; i++) {
		if (s->contents->all[i].kind != AP_SECTION_FUNCTIONS) {
			mark_called_by(s, &s->contents->all[i]);
		}
	}
	mark_exports(s);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* A table that is mentioned often is read often. */
static void keep_each_once(struct ap_pieces *pieces, size_t first)
{
	size_t n = first;

	if (pieces->targets_n > first) {
		qsort(pieces->targets + first, pieces->targets_n - first, sizeof(*pieces->targets),
		      by_value);
	}
	for (size_t i = first; i < pieces->targets_n; i++) {
		if (n == first || pieces->targets[n - 1] != pieces->targets[i]) {
			pieces->targets[n++] = pieces->targets[i];
		}
	}
	pieces->targets_n = n;
}

static bool is_target(const struct search *s, uint64_t to)
{
	const struct ap_piece_range *all = s->pieces->ranges;
	const struct ap_code_range *range = ap_code_range_of(s->ranges, to);

	if (!range) {
		return false;
	}
	const uint32_t i = (uint32_t)(range - s->ranges->all);
	return (all[i].root == all[s->range].root || !all[i].function) && is_start(s, i, to);
}

/* Cases that never come may say the end of a function. */
static bool is_end(const struct search *s, uint64_t to)
{
	const struct ap_code_range *range = ap_code_range_of(s->ranges, to - 1);

	return range && range->end == to;
}

static void take_target(struct search *s, uint64_t to)
{
	struct ap_pieces *pieces = s->pieces;
	uint64_t *target = ap_item_next((void **)&pieces->targets, pieces->targets_n,
					sizeof(*pieces->targets), &s->error);
	if (target) {
		*target = to;
		pieces->targets_n++;
		take_jump(s, to);
	}
}

static bool next_entry(struct search *s, struct ap_jump_table *table, uint64_t *ret)
{
	if (s->entries-- == 0) {
		s->error = -E2BIG;
	}
	return s->error == 0 && ap_jump_table_next(table, ret);
}

static struct ap_jump_table table_at(const struct search *s, uint64_t address, bool absolute)
{
	return (struct ap_jump_table){.contents = s->contents,
				      .words = s->words,
				      .address = address,
				      .next = address,
				      .absolute = absolute};
}

static void take_table(struct search *s, uint64_t address, bool absolute)
{
	struct ap_jump_table table = table_at(s, address, absolute);
	uint64_t to;

	while (next_entry(s, &table, &to)) {
		if (is_target(s, to)) {
			take_target(s, to);
		} else if (!is_end(s, to)) {
			return;
		}
	}
}

/* Whatever is around it, and what is behind that. */
static void take_table_around(struct search *s, uint64_t address)
{
	const uint64_t end = address + 8 * AP_TABLE_BIAS;
	struct ap_jump_table table = table_at(s, address - 8 * AP_TABLE_BIAS, true);
	uint64_t to;

	while (table.next != end && s->error == 0) {
		if (next_entry(s, &table, &to) && is_target(s, to)) {
			take_target(s, to);
		}
	}
	take_table(s, end, true);
}

/* A place that the code may jump to later. */
static void take_label(struct search *s, uint64_t address)
{
	if (is_target(s, address) && !starting_at(s, address)) {
		take_target(s, address);
	}
}

static void take_mention(struct search *s, const struct mention *mention)
{
	s->range = mention->range;
	if (ap_code_range_of(s->ranges, mention->address)) {
		take_label(s, mention->address);
	} else if (mention->indexed) {
		take_table_around(s, mention->address);
	} else {
		take_table(s, mention->address, true);
		take_table(s, mention->address, false);
	}
}

static int by_root(const void *a, const void *b)
{
	const struct mention *x = a, *y = b;

	if (x->root != y->root) {
		return x->root < y->root ? -1 : 1;
	}
	if (x->range != y->range) {
		return x->range < y->range ? -1 : 1;
	}
	if (x->address != y->address) {
		return x->address < y->address ? -1 : 1;
	}
	return y->indexed - x->indexed;
}

/* Of code with jumps through tables, each once in a range. */
static void sort_mentions(struct search *s)
{
	struct mention *all = s->mentions;
	size_t n = 0;

	for (size_t i = 0; i < s->mentions_n; i++) {
		if (s->pieces->ranges[all[i].range].jumps) {
			all[n] = all[i];
			all[n].root = s->pieces->ranges[all[n].range].root;
			n++;
		}
	}
	s->mentions_n = n;
	if (n) {
		qsort(all, n, sizeof(*all), by_root);
	}
	n = 0;
	for (size_t i = 0; i < s->mentions_n; i++) {
		if (n == 0 || all[n - 1].range != all[i].range ||
		    all[n - 1].address != all[i].address) {
			all[n++] = all[i];
		}
	}
	s->mentions_n = n;
}

static void find_targets(struct search *s)
{
	struct ap_pieces *pieces = s->pieces;

	sort_mentions(s);
	for (size_t i = 0; i < s->mentions_n && s->error == 0;) {
		const size_t first = pieces->targets_n;
		const uint32_t root = s->mentions[i].root;
		for (; i < s->mentions_n && s->mentions[i].root == root && s->error == 0; i++) {
			take_mention(s, &s->mentions[i]);
		}
		keep_each_once(pieces, first);
		pieces->ranges[root].targets = first;
		pieces->ranges[root].targets_n = pieces->targets_n - first;
	}
	for (size_t i = 0; i < s->ranges->n; i++) {
		pieces->ranges[i].targets = pieces->ranges[pieces->ranges[i].root].targets;
		pieces->ranges[i].targets_n = pieces->ranges[pieces->ranges[i].root].targets_n;
	}
}

static int by_place(const void *a, const void *b)
{
	const struct ap_piece *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* Each once, and none inside of an instruction. */
static void sort_pieces(struct search *s)
{
	struct ap_piece *all = s->pieces->all;
	size_t n = 0;

	if (s->pieces->n) {
		qsort(all, s->pieces->n, sizeof(*all), by_place);
	}
	for (size_t i = 0; i < s->pieces->n; i++) {
		if ((n && all[n - 1].at == all[i].at) || !is_start(s, all[i].range, all[i].at)) {
			continue;
		}
		if (n && all[n - 1].range == all[i].range) {
			all[n - 1].end = all[i].at;
		}
		all[n++] = all[i];
	}
	s->pieces->n = n;
}

static int make_tables(struct search *s)
{
	const size_t n = s->ranges->n;
	uint64_t bytes = 0;

	s->pieces->ranges = calloc(n + 1, sizeof(*s->pieces->ranges));
	s->first_byte = calloc(n + 1, sizeof(*s->first_byte));
	for (size_t i = 0; s->first_byte && i < n; i++) {
		s->first_byte[i] = bytes;
		bytes += s->ranges->all[i].end - s->ranges->all[i].start;
	}
	s->starts = calloc(bytes / 8 + 1, 1);
	s->entries = bytes * ENTRIES_PER_BYTE + ENTRIES_MORE;
	return s->pieces->ranges && s->first_byte && s->starts ? 0 : -ENOMEM;
}

static void search(struct search *s)
{
	mark_called_from_elsewhere(s);
	for (s->range = 0; s->range < s->ranges->n && s->error == 0; s->range++) {
		s->pieces->undecoded += !read_range(s, &s->ranges->all[s->range]);
	}
	s->pieces->ranges[s->ranges->n].pads = s->pieces->pads_n;
	if (s->pieces->undecoded) {
		s->pieces->n = 0;
		return;
	}
	if (s->error == 0) {
		ap_pieces_connect(s->pieces, s->ranges);
		find_targets(s);
	}
	if (s->error == 0) {
		sort_pieces(s);
	}
}

int ap_pieces_find(Elf *elf, const struct ap_contents *contents,
		   const struct ap_code_ranges *ranges, const struct ap_words *words,
		   struct ap_pieces *ret)
{
	struct search s = {
		.elf = elf, .contents = contents, .ranges = ranges, .words = words, .pieces = ret};

	*ret = (struct ap_pieces){0};
	ap_instruction_begin(&s.instruction);
	s.error = make_tables(&s);
	if (s.error == 0) {
		search(&s);
	}
	free(s.mentions);
	free(s.first_byte);
	free(s.starts);
	return s.error;
}

void ap_pieces_clear(struct ap_pieces *pieces)
{
	free(pieces->all);
	free(pieces->ranges);
	free(pieces->targets);
	free(pieces->pads);
	free(pieces->jumps);
	*pieces = (struct ap_pieces){0};
}

size_t ap_piece_from(const struct ap_pieces *pieces, uint64_t at)
{
	size_t from = 0, to = pieces->n;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;
		if (pieces->all[middle].at < at) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return from;
}

const struct ap_pad *ap_piece_pad(const struct ap_pieces *pieces, uint32_t range, uint64_t at)
{
	size_t from = pieces->ranges[range].pads, to = pieces->ranges[range + 1].pads;
	const size_t first = from;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;
		if (pieces->pads[middle].start <= at) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return from > first && at < pieces->pads[from - 1].end ? &pieces->pads[from - 1] : NULL;
}
