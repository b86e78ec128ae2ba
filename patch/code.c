/* SPDX-License-Identifier: MIT */
/* patch/code.c - see code.h.
 *
 * What registers hold is followed along all jumps that are known (constant propagation: Kildall 1973): where ways meet, it is
 * known to be one of what it is on each of them. A jump through a table arrives at all targets of its code's tables; where that
 * leaves a piece that nothing reaches, at any piece of that range. Where a call that throws goes on, the range's table of pads
 * says. Then each piece is decoded once more, for what it says of hooks. */
#include "patch/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "patch/items.h"
#include "patch/state.h"

#define RDI 7
/* Instructions and arrivals of one module: so many by byte of code, and these, and never more than that. Compilers' code takes one
 * for three bytes. */
#define STEPS_PER_BYTE 4u
#define STEPS_MORE (1u << 20)
#define STEPS_MOST (1u << 27)

/* How a piece is arrived at. */
struct arrival {
	bool reached, queued;
	struct ap_code_state state; /* what is known on all ways there */
};

struct walk {
	const struct ap_code_module *module;
	const struct ap_code_ranges *ranges; /* its own */
	struct ap_code_facts *facts;
	struct ap_pieces pieces;
	struct ap_load_search loads;
	struct arrival *arrivals; /* by piece */
	bool *anywhere;		  /* by range: jumps through tables may arrive at any piece of it */
	size_t *queue;		  /* of pieces: as many as there are, in a ring */
	size_t queue_first, queue_n;
	/* Where we are. */
	struct ap_instruction instruction;
	struct ap_code_state state;
	uint32_t range;
	uint64_t steps; /* that may still be taken */
	int error;
};

static bool may_step(struct walk *w)
{
	if (w->steps == 0) {
		w->error = -E2BIG;
		return false;
	}
	w->steps--;
	return true;
}

static const struct ap_code_range *range_of(const struct walk *w, size_t piece)
{
	return &w->ranges->all[w->pieces.all[piece].range];
}

static void enqueue(struct walk *w, size_t piece)
{
	if (!w->arrivals[piece].queued) {
		w->arrivals[piece].queued = true;
		w->queue[(w->queue_first + w->queue_n++) % w->pieces.n] = piece;
	}
}

/* With what registers hold now. */
static void arrive(struct walk *w, size_t piece)
{
	struct arrival *arrival = &w->arrivals[piece];

	if (!may_step(w)) {
		return;
	}
	if (!arrival->reached) {
		arrival->reached = true;
		arrival->state = w->state;
		enqueue(w, piece);
	} else if (ap_code_state_meet(&arrival->state, &w->state, &w->facts->choices)) {
		enqueue(w, piece);
	}
}

/* Return: the number of pieces: there is none. */
static size_t piece_at(const struct walk *w, uint64_t at)
{
	const size_t piece = ap_piece_from(&w->pieces, at);

	return piece < w->pieces.n && w->pieces.all[piece].at == at ? piece : w->pieces.n;
}

static void arrive_at(struct walk *w, uint64_t at)
{
	const size_t piece = piece_at(w, at);

	if (piece < w->pieces.n) {
		arrive(w, piece);
	}
}

static void arrive_anywhere(struct walk *w, uint32_t range)
{
	const struct ap_code_range *in = &w->ranges->all[range];

	for (size_t i = ap_piece_from(&w->pieces, in->start + 1);
	     i < w->pieces.n && w->pieces.all[i].at < in->end; i++) {
		arrive(w, i);
	}
}

static void arrive_by_table(struct walk *w)
{
	const struct ap_piece_range *ranges = w->pieces.ranges;
	const struct ap_piece_range *here = &ranges[w->range];
	uint32_t range = w->range;

	for (size_t i = 0; i < here->targets_n && w->error == 0; i++) {
		arrive_at(w, w->pieces.targets[here->targets + i]);
	}
	do {
		if (w->anywhere[range]) {
			arrive_anywhere(w, range);
		}
		range = ranges[range].next;
	} while (range != w->range && may_step(w));
}

/* A call throws: what a function has to keep is as it was. */
static void arrive_at_pad(struct walk *w, const struct ap_code_range *range)
{
	const struct ap_pad *pad = ap_piece_pad(&w->pieces, w->range, w->instruction.address);
	const struct ap_code_stack before = w->state.stack;

	if (!pad) {
		return;
	}
	if (range->pushes) {
		ap_code_stack_lose(&w->state.stack);
	}
	arrive_at(w, pad->pad);
	w->state.stack = before;
}

/* Goes on behind the instruction. */
static void follow(struct walk *w, const struct ap_code_range *range)
{
	const struct ap_instruction *i = &w->instruction;
	uint64_t to;

	if (i->what.mnemonic == ZYDIS_MNEMONIC_CALL) {
		arrive_at_pad(w, range);
	}
	if (ap_instruction_jumps_to(i, &to)) {
		arrive_at(w, to);
	} else if (ap_instruction_jumps_anywhere(i, &w->module->words)) {
		arrive_by_table(w);
	}
}

static void walk_piece(struct walk *w, size_t p)
{
	const struct ap_piece *piece = &w->pieces.all[p];
	const struct ap_code_range *range = range_of(w, p);
	uint64_t at = piece->at;

	w->range = piece->range;
	w->state = w->arrivals[p].state;
	while (at < piece->end && may_step(w) &&
	       ap_instruction_decode(&w->instruction, range, at)) {
		ap_code_state_step(&w->state, &w->instruction, w->ranges, &w->module->words);
		follow(w, range);
		if (ap_instruction_leaves(&w->instruction)) {
			return;
		}
		at += w->instruction.what.length;
	}
	if (at == piece->end && at < range->end) {
		arrive(w, p + 1);
	}
}

static void settle(struct walk *w)
{
	while (w->queue_n && w->error == 0) {
		const size_t piece = w->queue[w->queue_first];
		w->queue_first = (w->queue_first + 1) % w->pieces.n;
		w->queue_n--;
		w->arrivals[piece].queued = false;
		walk_piece(w, piece);
	}
}

static bool is_filler(struct walk *w, size_t p)
{
	const struct ap_piece *piece = &w->pieces.all[p];

	for (uint64_t at = piece->at;
	     at < piece->end && ap_instruction_decode(&w->instruction, range_of(w, p), at);
	     at += w->instruction.what.length) {
		const ZydisMnemonic m = w->instruction.what.mnemonic;
		if (m == ZYDIS_MNEMONIC_UD2 || m == ZYDIS_MNEMONIC_INT3) {
			return true;
		}
		if (!ap_instruction_fills(&w->instruction)) {
			return false;
		}
	}
	return true;
}

/* A piece that nothing is known to reach, in code with jumps through tables: there is a table that was not found. Return: was
 * anything changed? */
static bool doubt(struct walk *w)
{
	bool any = false;

	for (size_t i = 0; i < w->pieces.n; i++) {
		const uint32_t range = w->pieces.all[i].range;
		if (!w->arrivals[i].reached && w->pieces.ranges[range].jumps &&
		    !w->anywhere[range] && !is_filler(w, i)) {
			w->anywhere[range] = any = true;
		}
	}
	for (size_t i = 0; any && i < w->pieces.n; i++) {
		if (w->arrivals[i].reached && w->pieces.ranges[w->pieces.all[i].range].jumps) {
			enqueue(w, i);
		}
	}
	return any;
}

/* What nobody is seen to call, nor to jump to, is called in a way that is not known here. */
static void enter(struct walk *w, bool called)
{
	for (uint32_t i = 0; i < w->ranges->n; i++) {
		const size_t piece = piece_at(w, w->ranges->all[i].start);
		if (piece < w->pieces.n && !w->arrivals[piece].reached &&
		    w->pieces.ranges[i].called == called) {
			ap_code_state_enter(&w->state);
			arrive(w, piece);
		}
	}
}

static void settle_all(struct walk *w)
{
	enter(w, true);
	settle(w);
	enter(w, false);
	do {
		settle(w);
	} while (doubt(w));
}

/* @ret_slot: it is a slot, else a stub. @ret_usual: as calls name it, relative to them. */
static const struct ap_hook_way *way_of(const struct walk *w, const ZydisDecodedOperand *o,
					bool *ret_slot, bool *ret_usual)
{
	const struct ap_hook_ways *ways = &w->module->ways;
	uint64_t to;

	if (!ap_instruction_mentions(&w->instruction, o, w->module->contents.fixed, &to)) {
		return NULL;
	}
	const struct ap_hook_way *slot = ap_hook_way_at(ways->slots, ways->slots_n, to);
	*ret_slot = slot != NULL;
	*ret_usual = ap_instruction_address(&w->instruction, o, &to) &&
		     (o->type == ZYDIS_OPERAND_TYPE_MEMORY) == *ret_slot;
	return slot ? slot : ap_hook_way_at(ways->stubs, ways->stubs_n, to);
}

static const struct ap_hook_way *called(const struct walk *w, bool *ret_slot, bool *ret_usual)
{
	const struct ap_instruction *i = &w->instruction;
	const struct ap_hook_way *way = NULL;

	for (unsigned k = 0; k < i->what.operand_count_visible && !way; k++) {
		way = way_of(w, &i->operands[k], ret_slot, ret_usual);
	}
	return way;
}

/* Return: false: a hook that is reached in another way than these is called on behalf of nobody knows whom. */
static bool kind_of(const struct ap_instruction *i, bool slot, enum ap_site_kind *ret)
{
	const bool call = i->what.mnemonic == ZYDIS_MNEMONIC_CALL;

	*ret = call ? (slot ? AP_SITE_CALL_SLOT : AP_SITE_CALL)
		    : (slot ? AP_SITE_JUMP_SLOT : AP_SITE_JUMP);
	return (call || i->what.mnemonic == ZYDIS_MNEMONIC_JMP) && i->what.length == (slot ? 6 : 5);
}

static void look_for_hook(struct walk *w, const struct ap_code_range *range)
{
	const struct ap_instruction *i = &w->instruction;
	bool slot = false, usual = false;
	const struct ap_hook_way *way = called(w, &slot, &usual);
	struct ap_code_hook *hook = way ? ap_item_next((void **)&w->facts->hooks, w->facts->hooks_n,
						       sizeof(*hook), &w->error)
					: NULL;

	if (!hook) {
		return;
	}
	*hook = (struct ap_code_hook){
		.range = w->range, .site.exit = way->exit, .value = AP_VALUE_UNKNOWN};
	w->facts->hooks_n++;
	if (kind_of(i, slot, &hook->site.kind) && usual) {
		hook->site.at = i->address;
		hook->value = w->state.registers[RDI];
		hook->argument = ap_value_address(w->ranges, hook->value);
		memcpy(hook->site.bytes, range->bytes + (i->address - range->start),
		       i->what.length);
	}
}

/* All is known by now that will be. Where jumps may arrive anywhere, they may do so between here and where a register was set: it
 * is to be set in the same piece. */
static void begin_look(struct walk *w, size_t p)
{
	w->range = w->pieces.all[p].range;
	w->state = w->arrivals[p].state;
	if (!w->arrivals[p].reached) {
		ap_code_state_enter(&w->state);
		ap_code_stack_lose(&w->state.stack);
	} else if (w->anywhere[w->range]) {
		ap_code_state_forget(&w->state);
	}
}

static void look_at(struct walk *w, size_t p)
{
	const struct ap_piece *piece = &w->pieces.all[p];
	const struct ap_code_range *range = range_of(w, p);

	begin_look(w, p);
	for (uint64_t at = piece->at;
	     at < piece->end && ap_instruction_decode(&w->instruction, range, at);
	     at += w->instruction.what.length) {
		look_for_hook(w, range);
		ap_loads_take(&w->loads, w->range, &w->instruction);
		ap_code_state_step(&w->state, &w->instruction, w->ranges, &w->module->words);
		if (ap_instruction_leaves(&w->instruction)) {
			return;
		}
	}
}

static void look_at_all(struct walk *w)
{
	for (size_t i = 0; i < w->pieces.n && w->error == 0; i++) {
		look_at(w, i);
		if (i + 1 == w->pieces.n || w->pieces.all[i + 1].range != w->range) {
			ap_loads_end(&w->loads, w->range);
		}
		w->error = w->error ? w->error : w->loads.error;
	}
}

static void walk_all(struct walk *w)
{
	w->arrivals = calloc(w->pieces.n, sizeof(*w->arrivals));
	w->anywhere = calloc(w->ranges->n + 1, sizeof(*w->anywhere));
	w->queue = calloc(w->pieces.n, sizeof(*w->queue));
	if (!w->arrivals || !w->anywhere || !w->queue) {
		w->error = -ENOMEM;
	} else {
		settle_all(w);
		look_at_all(w);
	}
	free(w->arrivals);
	free(w->anywhere);
	free(w->queue);
}

static uint64_t steps_of(const struct ap_code_ranges *ranges)
{
	const uint64_t most = STEPS_MOST;
	const uint64_t steps = ap_code_ranges_bytes(ranges) * STEPS_PER_BYTE + STEPS_MORE;

	return steps < most ? steps : most;
}

int ap_code_read(const struct ap_code_module *module, struct ap_code_facts *ret)
{
	struct walk w = {
		.module = module,
		.ranges = &module->ranges,
		.facts = ret,
		.loads = {.contents = &module->contents,
			  .ranges = &module->ranges,
			  .words = &module->words,
			  .most = steps_of(&module->ranges)},
		.steps = steps_of(&module->ranges),
	};

	*ret = (struct ap_code_facts){0};
	ap_instruction_begin(&w.instruction);
	w.error =
		ap_pieces_find(module->elf, &module->contents, w.ranges, &module->words, &w.pieces);
	ret->undecoded = w.pieces.undecoded;
	if (w.error == 0 && w.pieces.n) {
		walk_all(&w);
	}
	ret->loads = w.loads.loads; /* its own from now on, and the jumps */
	ret->loads_n = w.loads.loads_n;
	w.loads.loads = NULL;
	ret->jumps = w.pieces.jumps;
	ret->jumps_n = w.pieces.jumps_n;
	w.pieces.jumps = NULL;
	ap_load_search_clear(&w.loads);
	ap_pieces_clear(&w.pieces);
	return w.error;
}

void ap_code_clear(struct ap_code_facts *facts)
{
	free(facts->loads);
	free(facts->jumps);
	free(facts->hooks);
	free(facts->choices.all);
	*facts = (struct ap_code_facts){0};
}
