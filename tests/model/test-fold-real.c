/* SPDX-License-Identifier: MIT */
/* tests/model/test-fold-real.c - the runtime's own fold, beside the model's, on the same chunks.
 *
 * A chunk of random events (nested, inlined, unwound, interrupted, with gaps; in any lap; with positions and times that
 * wrap) is folded by ap_fold() at once, and again in two goes that part at every position; AP_SEED=N replays one,
 * AP_SEEDS=N takes more. The model's fold tells the call paths, counts, times and open frames that both must come to. The runtime's
 * constructor has made a spool; nothing is recorded in it, so it is gone at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime.h"
#include "tests/model/machine.h"
#include "tests/support/ap_check.h"

#define SLOTS 64u
#define CHUNKS 100u
#define POSITIONS (1ull << 31)
#define TIMES (1ull << 48)
#define STACK_TOP 0x7fff0000u
#define FUNCTIONS 3u

/* --- chunks of events ------------------------------------------------------------------------------ */

/* A chunk somewhere in a ring's life: positions and times may wrap within it, and its slots held another lap. */
struct stream {
	struct ap_event events[SLOTS];
	uint64_t base;	/* sequence number of the first event */
	uint64_t start; /* full time of what was before */
	uint32_t lap;
};

struct generator {
	uint64_t random;
	uint64_t now;
	uint64_t last; /* full time of the last event */
	struct ap_event *events;
	uint32_t lap;
	uint32_t n;
	uint32_t depth;
	uint32_t functions[SLOTS];
	uint64_t stacks[SLOTS];
	uint32_t sites[SLOTS];
};

static uint32_t next(struct generator *g)
{
	g->random = g->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(g->random >> 33);
}

/* Where control is at this depth: the innermost call's own stack pointer. */
static uint64_t stack_at(const struct generator *g, uint32_t depth)
{
	return depth ? g->stacks[depth - 1] : STACK_TOP;
}

static void put(struct generator *g, uint64_t word, uint64_t stack_pointer)
{
	const uint32_t back =
		next(g) % 16 == 0 ? 48 : 0; /* a handler came between stamp and slot */
	g->last = g->now - back;
	g->events[g->n++] = (struct ap_event){word, ap_event_make_time(g->last, stack_pointer)};
	g->now += 16 * (1 + next(g) % 100);
}

static void put_enter(struct generator *g)
{
	const uint32_t function = next(g) % FUNCTIONS;
	const bool inlined = g->depth && next(g) % 4 == 0;
	const uint64_t stack = stack_at(g, g->depth) - (inlined ? 0 : 64);
	const uint32_t site = inlined ? g->sites[g->depth - 1] : g->n;
	g->functions[g->depth] = function;
	g->stacks[g->depth] = stack;
	g->sites[g->depth++] = site;
	put(g, ap_event_make_word(machine_address(function), AP_EVENT_ENTER, g->lap, stack, site),
	    stack);
}

/* Now and then of a function that is not the innermost, or not open at all. */
static void put_exit(struct generator *g)
{
	const uint32_t function =
		next(g) % 12 && g->depth ? g->functions[g->depth - 1] : next(g) % FUNCTIONS;
	const uint64_t stack = stack_at(g, g->depth);
	put(g, ap_event_make_word(machine_address(function), AP_EVENT_EXIT, g->lap, stack, g->n),
	    stack);
	if (g->depth)
		g->depth--;
}

static void put_unwind(struct generator *g)
{
	g->depth = g->depth ? next(g) % g->depth : 0;
	const uint64_t stack = stack_at(g, g->depth);
	while (g->depth > 1 && g->stacks[g->depth - 2] == stack)
		g->depth--; /* it was inlined: no target of a jump */
	put(g, ap_special_make_word(AP_SPECIAL_UNWIND, stack >> 4, g->lap), stack);
}

static void put_gap(struct generator *g)
{
	const uint64_t before = g->last + 48;
	g->now = g->now > before ? g->now : before;
	const uint64_t spent = g->now - g->last;
	g->events[g->n++] =
		(struct ap_event){ap_special_make_word(AP_SPECIAL_GAP, spent >> 4, g->lap),
				  ap_event_make_time(g->now, STACK_TOP)};
	g->last = g->now;
	g->now += 16;
}

/* Gaps stand where slow paths put them: behind an event whose stamp is newer than all before. */
static void fill(struct stream *stream, uint64_t seed)
{
	struct ap_event *events = stream->events;
	struct generator g = {.random = seed, .events = events};
	/* Half of all streams see their times wrap, and half their positions, somewhere in the middle. */
	stream->lap = 1 + next(&g) % 3;
	stream->base = next(&g) % 2 ? (1 + next(&g) % 5) * POSITIONS - next(&g) % SLOTS
				    : next(&g) * (uint64_t)SLOTS;
	stream->start = next(&g) % 2 ? (1 + next(&g) % 5) * TIMES - next(&g) % (SLOTS * 800)
				     : (1u << 20) + (uint64_t)next(&g) * next(&g);
	g.now = stream->start + 64;
	g.lap = stream->lap;
	uint64_t newest = 0;

	while (g.n < SLOTS) {
		const uint32_t r = next(&g) % 32;
		const uint64_t last = g.last;
		const bool in_order = g.n > 0 && last > newest;
		newest = last > newest ? last : newest;
		if (r == 0 && in_order && ap_event_kind(events[g.n - 1].word) != AP_EVENT_SPECIAL)
			put_gap(&g);
		else if (r == 1)
			put_unwind(&g);
		else if (r % 2 && g.depth < 6)
			put_enter(&g);
		else
			put_exit(&g);
	}
}

/* --- the two folds --------------------------------------------------------------------------------- */

struct sums {
	uint64_t calls, total, outer, self;
};

/* What a fold came to, by path: functions from the root, four bits each. */
#define PATHS 512
struct result {
	uint64_t keys[PATHS];
	struct sums sums[PATHS];
	uint32_t paths;
	struct ap_thread thread;
	uint64_t open[SLOTS]; /* starts and child times of open frames */
	uint64_t open_children[SLOTS];
	uint32_t open_functions[SLOTS];
};

static struct sums *path(struct result *r, uint64_t key)
{
	for (uint32_t i = 0; i < r->paths; i++) {
		if (r->keys[i] == key)
			return &r->sums[i];
	}
	ck_assert_uint_lt(r->paths, PATHS);
	r->keys[r->paths] = key;
	memset(&r->sums[r->paths], 0, sizeof r->sums[0]);
	return &r->sums[r->paths++];
}

static void add(struct sums *sums, const struct ap_node_stat *stat)
{
	sums->calls += stat->leaf_calls + stat->calls;
	sums->total += stat->leaf_ticks + stat->total_ticks;
	sums->outer += stat->leaf_ticks + stat->outer_ticks;
	sums->self += stat->leaf_ticks + stat->self_ticks;
}

static uint32_t function_of(uint64_t address)
{
	return (uint32_t)(address - machine_address(0)) / 0x40;
}

static void keep_frames(struct result *r, const struct ap_frame *frames)
{
	for (uint32_t i = 0; i < AP_FOLD_DEPTH(r->thread.fold); i++) {
		r->open[i] = frames[i].start;
		r->open_children[i] = frames[i].child_ticks;
		r->open_functions[i] = function_of(ap_event_address(frames[i].word));
	}
}

static struct ap_shard *the_shard(struct ap_control *c)
{
	return ap_at(c, c->header->shard_refs[0]);
}

static uint64_t real_key(const struct ap_control *c, uint32_t node)
{
	const struct ap_node *n = ap_node_at(c, node);
	return node < AP_ID_FIRST ? 0 : real_key(c, n->parent) << 4 | (function_of(n->address) + 1);
}

static void forget_counters(struct ap_control *c)
{
	for (uint32_t i = AP_ID_FIRST; i < c->header->nodes; i++) {
		struct ap_node_stat *stat = ap_shard_node_stat(c, the_shard(c), i);
		memset(stat, 0, offsetof(struct ap_node_stat, leaf_rows));
		memset(&stat->calls, 0, sizeof *stat - offsetof(struct ap_node_stat, calls));
	}
}

/* What is not written yet are events of the lap before. */
static void age_slots(struct ap_event *events, uint32_t from, uint32_t lap)
{
	for (uint32_t i = from; i < SLOTS; i++) {
		events[i].word &= ~AP_EVENT_LAP_MASK;
		events[i].word |= (uint64_t)(lap % 3 + 1) << AP_EVENT_LAP_SHIFT;
	}
}

/* Fold the first @part events, then all: as if a fold had been cut short there, or had come to where a hook has reserved
 * and not yet stored, and were resumed. */
static void fold_real(const struct stream *stream, uint32_t part, struct result *r)
{
	struct ap_control *c = ap_runtime.control;
	static ap_ref chunk_ref, frames_ref;
	chunk_ref = chunk_ref ? chunk_ref : ap_chunk_new(c, SLOTS, 0);
	frames_ref = frames_ref ? frames_ref : ap_space_alloc(c, SLOTS * sizeof(struct ap_frame));
	struct ap_chunk *chunk = ap_at(c, chunk_ref);
	const uint64_t first = (uint64_t)(chunk + 1);

	chunk->lap_base = AP_CHUNK_LAP_BASE(stream->lap, stream->base);
	forget_counters(c);
	memset(r, 0, sizeof *r);
	r->thread.fold = AP_FOLD(0, 0, stream->base);
	r->thread.last_ticks = stream->start;
	r->thread.first_chunk = r->thread.last_chunk = chunk_ref;
	r->thread.frames = frames_ref;
	r->thread.frames_max = SLOTS;
	const uint32_t parts[] = {part, SLOTS};
	for (int i = 0; i < 2; i++) {
		memcpy(chunk + 1, stream->events, sizeof stream->events);
		age_slots((struct ap_event *)(chunk + 1), parts[i], stream->lap);
		r->thread.cursor = first + (part % 2 ? parts[i] : SLOTS) * sizeof(struct ap_event);
		ap_fold(c, the_shard(c), &r->thread, AP_TEAR_NONE);
		ck_assert_uint_eq(AP_FOLD_POSITION(r->thread.fold),
				  AP_FOLD_POSITION(stream->base + parts[i]));
	}
	for (uint32_t i = AP_ID_FIRST; i < c->header->nodes; i++) {
		const struct ap_node_stat *stat = ap_shard_node_stat(c, the_shard(c), i);
		if (stat->calls || stat->leaf_calls)
			add(path(r, real_key(c, i)), stat);
	}
	keep_frames(r, ap_at(c, frames_ref));
}

static uint64_t model_key(const struct machine_spool *s, uint32_t node)
{
	const struct ap_node *n = &s->nodes[node];
	return node < AP_ID_FIRST ? 0
				  : model_key(s, n->parent) << 4 | (function_of(n->address) + 1);
}

static void fold_model(const struct stream *stream, struct result *r)
{
	static struct machine_spool spool;
	static const struct machine_config config = {.slots = SLOTS};
	struct machine machine;
	machine_start(&machine, &config, NULL, &spool, 0);
	struct ap_chunk *chunk = (struct ap_chunk *)spool.heap;

	chunk->slots = SLOTS;
	chunk->lap_base = AP_CHUNK_LAP_BASE(stream->lap, stream->base);
	memcpy(chunk + 1, stream->events, sizeof stream->events);
	spool.header.alloc_next = sizeof *chunk + sizeof stream->events;
	spool.thread.fold = AP_FOLD(0, 0, stream->base);
	spool.thread.last_ticks = stream->start;
	spool.thread.first_chunk = spool.thread.last_chunk = machine_ref(&spool, chunk);
	spool.thread.cursor = machine_chunk_end(chunk);
	machine_fold(&machine, &spool, false);
	memset(r, 0, sizeof *r);
	for (uint32_t i = AP_ID_FIRST; i < spool.header.nodes; i++)
		add(path(r, model_key(&spool, i)), &spool.stats[i]);
	r->thread = spool.thread;
	keep_frames(r, spool.frames);
}

/* --- comparison ------------------------------------------------------------------------------------ */

static void check_same(struct result *real, struct result *model, const char *where)
{
	for (uint32_t i = 0; i < real->paths; i++)
		path(model, real->keys[i]); /* one that the model has not is all 0 there */
	for (uint32_t i = 0; i < model->paths; i++) {
		const struct sums *a = path(real, model->keys[i]), *b = &model->sums[i];
		ck_assert_msg(a->calls == b->calls, "%s: calls", where);
		ck_assert_msg(a->total == b->total, "%s: total", where);
		ck_assert_msg(a->outer == b->outer, "%s: outer", where);
		ck_assert_msg(a->self == b->self, "%s: self", where);
	}
	const struct ap_thread *s = &real->thread, *t = &model->thread;
	ck_assert_msg(AP_FOLD_DEPTH(s->fold) == AP_FOLD_DEPTH(t->fold), "%s: depth", where);
	ck_assert_msg(AP_FOLD_POSITION(s->fold) == AP_FOLD_POSITION(t->fold), "%s: position",
		      where);
	ck_assert_msg(s->gap_ticks[AP_FOLD_GAP(s->fold)] == t->gap_ticks[AP_FOLD_GAP(t->fold)],
		      "%s: gaps", where);
	ck_assert_msg(s->specials == t->specials, "%s: specials", where);
	ck_assert_msg(s->unmatched_exits == t->unmatched_exits, "%s: unmatched", where);
	ck_assert_msg(s->unclosed == t->unclosed, "%s: unclosed", where);
	for (uint32_t i = 0; i < AP_FOLD_DEPTH(s->fold); i++) {
		ck_assert_msg(real->open[i] == model->open[i], "%s: start of a frame", where);
		ck_assert_msg(real->open_children[i] == model->open_children[i], "%s: children",
			      where);
		ck_assert_msg(real->open_functions[i] == model->open_functions[i], "%s: frames",
			      where);
	}
}

START_TEST(both_folds_agree_wherever_the_real_one_is_resumed)
{
	static struct stream stream;
	static struct result real, model;
	ck_assert_msg(ap_runtime.control && ap_runtime.control->base, "the runtime is not on");
	const char *only = getenv("AP_SEED"), *most = getenv("AP_SEEDS");
	const uint64_t from = only ? strtoull(only, NULL, 0) : 1;
	const uint64_t to = only ? from : most ? strtoull(most, NULL, 0) : CHUNKS;
	for (uint64_t seed = from; seed <= to; seed++) {
		fill(&stream, seed);
		fold_model(&stream, &model);
		for (uint32_t part = 0; part <= SLOTS; part++) {
			char where[64];
			snprintf(where, sizeof where, "seed %u, resumed at %u", (unsigned)seed,
				 part);
			fold_real(&stream, part, &real);
			check_same(&real, &model, where);
		}
	}
}
END_TEST

START_TEST(a_hole_stops_the_fold_until_it_is_filled_or_given_up)
{
	static struct stream stream;
	struct ap_control *c = ap_runtime.control;
	static struct result r;
	fill(&stream, 7);
	const uint64_t base = stream.base;
	for (uint32_t hole = 0; hole < SLOTS; hole++) {
		fold_real(&stream, 0, &r);
		struct ap_chunk *chunk = ap_at(c, r.thread.first_chunk);
		struct ap_event *slot = (struct ap_event *)(chunk + 1) + hole;
		const uint64_t word = slot->word;
		slot->word = 0;
		r.thread.fold = AP_FOLD(0, 0, base);
		ap_fold(c, the_shard(c), &r.thread, AP_TEAR_NONE);
		ck_assert_uint_eq(AP_FOLD_POSITION(r.thread.fold - base), hole);
		ap_fold(c, the_shard(c), &r.thread,
			AP_TEAR_OLD); /* the last chunk's holes are young */
		ck_assert_uint_eq(AP_FOLD_POSITION(r.thread.fold - base), hole);
		ck_assert_uint_eq(r.thread.torn, 0);
		slot->word = hole % 2 ? word : 0;
		ap_fold(c, the_shard(c), &r.thread, AP_TEAR_ALL);
		ck_assert_uint_eq(AP_FOLD_POSITION(r.thread.fold - base), SLOTS);
		ck_assert_uint_eq(r.thread.torn, hole % 2 ? 0 : 1);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fold-real");
	TCase *tc = tcase_create("fold-real");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, both_folds_agree_wherever_the_real_one_is_resumed);
	tcase_add_test(tc, a_hole_stops_the_fold_until_it_is_filled_or_given_up);
	suite_add_tcase(suite, tc);
	setenv("CK_FORK", "no", 1); /* the runtime would begin anew in a child */
	return ap_check_main(suite);
}
