/* SPDX-License-Identifier: MIT */
/* tests/support/sample_spools.c - see sample_spools.h. */
#include "tests/support/sample_spools.h"

#include <string.h>

#include "spool/filter.h"

#define MODULE 0x400000ull
#define MAIN (MODULE + 0x1000)
#define WORK (MODULE + 0x2000)
#define LEAF (MODULE + 0x3000)

struct ids {
	uint32_t functions[3], nodes[3];
};

/* main calls work calls leaf, in one module. */
static struct ap_builder *with_tables(struct ids *ids)
{
	static const uint64_t addresses[3] = {MAIN, WORK, LEAF};
	struct ap_builder *b = ap_builder_new();
	const uint32_t module = ap_builder_module(b, MODULE, MODULE + 0x10000, "/usr/bin/victim");
	uint32_t parent = AP_ID_ROOT;

	ap_builder_module_at(b, module)->build_id_bytes = 20;
	for (int i = 0; i < 3; i++) {
		ids->functions[i] = ap_builder_function(b, addresses[i], module + 1);
		ids->nodes[i] = parent = ap_builder_node(b, parent, ids->functions[i]);
	}
	return b;
}

static struct ap_builder *empty(void)
{
	return ap_builder_new();
}

static struct ap_builder *folded(void)
{
	struct ids ids;
	struct ap_builder *b = with_tables(&ids);
	const uint32_t thread = ap_builder_thread(b, 100, "main");
	const uint32_t shards[2] = {0, ap_builder_shard(b)};

	for (int i = 0; i < 2; i++) {
		ap_builder_leaf(b, shards[i], ids.nodes[2], 1000 + (uint64_t)i);
		ap_builder_call(b, shards[i], ids.nodes[1], 60000000, 59999000);
		ap_builder_call(b, shards[i], ids.nodes[0], 600000000, 540000000);
	}
	ap_builder_folded(b, thread, 12, 0);
	ap_builder_thread_at(b, thread)->state = AP_THREAD_ENDED;
	ap_builder_thread_at(b, thread)->end_ticks = AP_BUILDER_START + 2000000000;
	b->hdr->life = AP_LIFE_EXITING;
	b->hdr->end_kind = AP_END_EXIT;
	b->hdr->end_ticks = AP_BUILDER_START + 2000000000;
	ap_builder_text(b, &b->hdr->options_ignored, "heat: unknown key\nhz: not a number");
	ap_builder_text(b, &b->hdr->notes, "a note");
	return b;
}

static void call_in(struct ap_builder *b, uint32_t thread, uint64_t at)
{
	const uint64_t sp = AP_BUILDER_STACK;

	ap_builder_event(b, thread, AP_EVENT_ENTER, MAIN, at, sp);
	for (uint64_t i = 0; i < 20; i++) {
		ap_builder_event(b, thread, AP_EVENT_ENTER, WORK, at + 10 + 40 * i, sp - 64);
		ap_builder_event(b, thread, AP_EVENT_ENTER, LEAF, at + 20 + 40 * i, sp - 128);
		ap_builder_event(b, thread, AP_EVENT_EXIT, LEAF, at + 30 + 40 * i, sp - 128);
		ap_builder_event(b, thread, AP_EVENT_EXIT, WORK, at + 40 + 40 * i, sp - 64);
	}
	ap_builder_event(b, thread, AP_EVENT_EXIT, MAIN, at + 2000, sp);
}

static struct ap_builder *pending(void)
{
	struct ids ids;
	struct ap_builder *b = with_tables(&ids);

	for (uint32_t i = 0; i < 2; i++) {
		const uint32_t thread = ap_builder_thread(b, 100 + i, "worker");
		call_in(b, thread, AP_BUILDER_START + 1000 * i);
	}
	return b;
}

/* One of everything that happens to frames. */
static struct ap_builder *troubled(void)
{
	struct ids ids;
	struct ap_builder *b = with_tables(&ids);
	const uint32_t thread = ap_builder_thread(b, 100, "main");
	const uint64_t t = AP_BUILDER_START, sp = AP_BUILDER_STACK;
	const struct ap_frame frame = {
		.word = ap_event_make_word(MAIN, AP_EVENT_ENTER, 0, sp, 7),
		.start = t,
		.node = ids.nodes[0],
		.stack = (uint16_t)(sp >> 4),
		.flags = AP_FRAME_INHERITED,
	};

	ap_builder_frame(b, thread, &frame);
	ap_builder_thread_at(b, thread)->inherited = 1;
	ap_builder_event(b, thread, AP_EVENT_ENTER, WORK, t + 100, sp - 64);
	ap_builder_event(b, thread, AP_EVENT_ENTER, WORK, t + 150, sp - 128);
	ap_builder_event(b, thread, AP_EVENT_ENTER, LEAF, t + 160, sp - 192);
	ap_builder_special(b, thread, AP_SPECIAL_GAP, 3, t + 200);
	ap_builder_slot(b, thread);
	ap_builder_event(b, thread, AP_EVENT_EXIT, MODULE + 0x9000, t + 210, sp - 64);
	ap_builder_special(b, thread, AP_SPECIAL_UNWIND, (sp - 64) >> 4, t + 300);
	ap_builder_event(b, thread, AP_EVENT_ENTER, MODULE + 0x5000, t + 350, sp - 64);
	ap_builder_event(b, thread, AP_EVENT_ENTER, LEAF, t + 360, sp - 32);
	ap_builder_special(b, thread, AP_SPECIAL_CATCH, sp >> 4, t + 400);
	ap_builder_event(b, thread, AP_EVENT_ENTER, 0x700000, t + 500, sp - 64);
	ap_builder_event(b, thread, AP_EVENT_ENTER, LEAF, t + 450, sp - 96);
	return b;
}

/* A thread on a fiber with another one parked, and switches that are pending. */
static struct ap_builder *fibers(void)
{
	struct ids ids;
	struct ap_builder *b = with_tables(&ids);
	const uint32_t thread = ap_builder_thread(b, 100, "main");
	const uint32_t here = ap_builder_fiber(b), there = ap_builder_fiber(b);
	const uint64_t t = AP_BUILDER_START, sp = AP_BUILDER_STACK;
	const struct ap_frame frame = {
		.word = ap_event_make_word(WORK, AP_EVENT_ENTER, 0, sp, 7),
		.start = t,
		.node = ids.nodes[1],
		.stack = (uint16_t)(sp >> 4),
	};
	struct ap_thread *record = ap_builder_thread_at(b, thread);

	ap_builder_frame(b, thread,
			 &frame); /* its own, and by this the depth of the fiber that it is on */
	ap_builder_fiber_frame(b, here, &frame);
	ap_builder_fiber_frame(b, there, &frame);
	record->own_depth = 1;
	record->own_virtual = t + 50;
	record->fiber[0] = here;
	ap_builder_fiber_at(b, there)->virtual_ticks = t + 60;
	ap_builder_folded(b, thread, 3, 0);
	ap_builder_event(b, thread, AP_EVENT_ENTER, LEAF, t + 100, sp - 64);
	ap_builder_special(b, thread, AP_SPECIAL_FIBER, there, t + 110);
	ap_builder_event(b, thread, AP_EVENT_EXIT, WORK, t + 120, sp);
	ap_builder_special(b, thread, AP_SPECIAL_FIBER_END, here, t + 130);
	ap_builder_special(b, thread, AP_SPECIAL_FIBER, 0, t + 140);
	ap_builder_event(b, thread, AP_EVENT_EXIT, WORK, t + 150, sp);
	ap_builder_special(b, thread, AP_SPECIAL_FIBER, there + 1, t + 160);
	ap_builder_event(b, thread, AP_EVENT_ENTER, MAIN, t + 170, sp);
	return b;
}

static struct ap_builder *degraded(void)
{
	struct ids ids;
	struct ap_builder *b = with_tables(&ids);
	const uint32_t thread = ap_builder_thread(b, 100, "main");
	const uint32_t deep = ap_builder_node(b, AP_ID_DEEPER, ids.functions[1]);
	struct ap_function_stat *f = ap_builder_function_stat(b, 0, ids.functions[0]);
	struct ap_node_stat *n = ap_builder_node_stat(b, 0, ids.nodes[0]);

	n->calls = 10;
	n->total_ticks = n->outer_ticks = n->self_ticks = 10000;
	n->min = n->max = 1000;
	ap_builder_count_coarse(b, &f->total_rows, ap_hist_index(&b->hist, 1000), 10);
	f->beyond = 3;
	ap_builder_leaf(b, 0, deep, 500);
	ap_builder_folded(b, thread, 28, 2);
	b->hdr->degraded = AP_DEGRADED_COARSE_HIST | AP_DEGRADED_PATHS_JOINED;
	b->hdr->dropped[AP_DROP_NO_MEMORY] = 7;
	b->hdr->retired[0].threads = 1;
	b->hdr->retired[0].attempted = b->hdr->retired[0].specials = 4;
	b->hdr->clock_kind = AP_CLOCK_TSC;
	b->hdr->flags = AP_SPOOL_FROZEN | AP_SPOOL_SIGNALS_OPEN;
	b->hdr->inert_reason = 12;
	b->hdr->clock_last = (struct ap_clock_pair){AP_BUILDER_START + 1005000000,
						    AP_BUILDER_START + 1000000000};
	return b;
}

/* Stopped by a delay and twice from outside; what is open on two stacks ends. */
static struct ap_builder *paused(void)
{
	struct ids ids;
	struct ap_builder *b = with_tables(&ids);
	const uint32_t thread = ap_builder_thread(b, 100, "main");
	const uint32_t there = ap_builder_fiber(b);
	const uint64_t t = AP_BUILDER_START, sp = AP_BUILDER_STACK;
	const struct ap_pause pauses[] = {{t, t + 100}, {t + 200, t + 300}, {t + 1000, UINT64_MAX}};

	memcpy(b->hdr->pauses, pauses, sizeof(pauses));
	b->hdr->pauses_n = 3;
	ap_builder_shard_at(b, 0)->while_stopped = 3;
	ap_builder_folded(b, thread, 3, 0);
	ap_builder_event(b, thread, AP_EVENT_ENTER, MAIN, t + 50, sp);
	ap_builder_event(b, thread, AP_EVENT_ENTER, WORK, t + 110, sp - 64);
	ap_builder_special(b, thread, AP_SPECIAL_FIBER, there, t + 120);
	ap_builder_event(b, thread, AP_EVENT_ENTER, LEAF, t + 130, sp);
	ap_builder_event(b, thread, AP_EVENT_EXIT, LEAF, t + 250, sp);
	ap_builder_special(b, thread, AP_SPECIAL_FIBER, 0, t + 310);
	ap_builder_event(b, thread, AP_EVENT_EXIT, WORK, t + 320, sp - 64);
	ap_builder_event(b, thread, AP_EVENT_ENTER, LEAF, t + 330, sp - 64);
	b->hdr->end_ticks = t + 2000;
	return b;
}

/* Every list has a pattern that was found and one that was not; main is outside, LEAF is left out. */
static struct ap_builder *filtered(void)
{
	struct ids ids;
	struct ap_builder *b = with_tables(&ids);
	const uint32_t thread = ap_builder_thread(b, 100, "main");
	const uint64_t t = AP_BUILDER_START, sp = AP_BUILDER_STACK;
	static const char *const names[AP_FILTER_LISTS] = {"work,nowhere", "leaf,none",
							   "victim,lib*"};
	struct ap_module *module = ap_builder_module_at(b, 0);

	b->hdr->filters = AP_FILTER_ON | AP_FILTER_ROOTS | AP_FILTER_BY_NAME;
	b->hdr->filter_depth = 2;
	for (int list = 0; list < AP_FILTER_LISTS; list++) {
		ap_builder_text(b, &b->hdr->filter_names[list], names[list]);
		b->hdr->filter_missed[list] = 2;
	}
	module->matches = ap_builder_alloc(b, 2 * sizeof(uint64_t));
	module->matches_n = 2;
	uint64_t *matches = ap_builder_at(b, module->matches);
	matches[0] = AP_FILTER_MATCH(WORK, AP_FILTER_IS_ROOT);
	matches[1] = AP_FILTER_MATCH(LEAF, AP_FILTER_IS_NOTRACE);
	ap_builder_event(b, thread, AP_EVENT_ENTER, MAIN, t, sp);
	ap_builder_event(b, thread, AP_EVENT_ENTER, WORK, t + 10, sp - 64);
	ap_builder_event(b, thread, AP_EVENT_ENTER, LEAF, t + 20, sp - 128);
	ap_builder_event(b, thread, AP_EVENT_ENTER, MAIN, t + 30, sp - 192);
	ap_builder_event(b, thread, AP_EVENT_EXIT, MAIN, t + 40, sp - 192);
	ap_builder_event(b, thread, AP_EVENT_EXIT, LEAF, t + 50, sp - 128);
	ap_builder_event(b, thread, AP_EVENT_EXIT, WORK, t + 60, sp - 64);
	ap_builder_event(b, thread, AP_EVENT_EXIT, MAIN, t + 100, sp);
	return b;
}

const struct ap_sample_spool ap_sample_spools[] = {
	{"empty", empty},	{"folded", folded}, {"pending", pending},   {"troubled", troubled},
	{"degraded", degraded}, {"fibers", fibers}, {"filtered", filtered}, {"paused", paused},
};
const size_t ap_sample_spools_n = sizeof(ap_sample_spools) / sizeof(*ap_sample_spools);
