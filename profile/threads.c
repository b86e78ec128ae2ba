/* SPDX-License-Identifier: MIT */
/* profile/threads.c - thread records and the frames that their folds left open. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/reader.h"

static void add_retired(struct ap_reader *r)
{
	const struct ap_retired *retired = ap_retired_sums(&r->hdr);
	struct ap_fold_counts *c = &r->spool_counts;

	c->specials += retired->specials;
	c->unmatched_exits += retired->unmatched_exits;
	c->unclosed += retired->unclosed;
	c->resyncs += retired->resyncs;
	c->clamps += retired->clamps;
	c->inherited += retired->inherited;
}

/* Calls beyond the frame limit are counted by function: `beyond` comes from the shards. */
static void add_counts(struct ap_fold_counts *c, const struct ap_thread *t)
{
	c->specials += t->specials;
	c->unmatched_exits += t->unmatched_exits;
	c->unclosed += t->unclosed;
	c->resyncs += t->resyncs;
	c->clamps += t->clamps;
	c->inherited += t->inherited;
}

static void check_frames(struct ap_reader *r, struct ap_stack *stack)
{
	for (size_t i = 0; i < stack->frames_n; i++) {
		struct ap_frame *f = &stack->frames[i];
		if (f->node >= r->profile->nodes_n || !r->profile->nodes[f->node].used) {
			ap_reader_damage(r, AP_DAMAGE_FRAME);
			f->node = AP_ID_DEEPER;
		}
		r->open_inherited += (f->flags & AP_FRAME_INHERITED) != 0;
		r->open_parts += (f->flags & AP_FRAME_PART) != 0;
	}
}

int ap_reader_stack(struct ap_reader *r, ap_ref ref, uint32_t most, uint32_t depth,
		    struct ap_stack *ret)
{
	const uint32_t room = most < AP_MAX_FRAMES ? most : AP_MAX_FRAMES;
	const uint32_t n = depth < room ? depth : room;

	r->open_frames += n;
	r->open_beyond += depth - n;
	ret->beyond = depth;
	if (n == 0) {
		return 0;
	}
	if (n * sizeof(struct ap_frame) > r->in.budget) { /* before memory is taken for them */
		ap_reader_damage(r, AP_DAMAGE_FRAME);
		return 0;
	}
	struct ap_frame *frames = calloc(n, sizeof(*frames));
	if (!frames) {
		return -ENOMEM;
	}
	if (!ap_input_copy(&r->in, ref, 0, frames, n * sizeof(*frames))) {
		ap_reader_damage(r, AP_DAMAGE_FRAME);
		free(frames);
		return 0;
	}
	ret->frames = frames;
	ret->frames_n = ret->frames_room = n;
	ret->beyond = depth - n;
	check_frames(r, ret);
	return 0;
}

/* Those of the thread's own stack; those of the fiber that it is on come with the fibers. */
static int read_frames(struct ap_reader *r, struct ap_reader_thread *t)
{
	const struct ap_thread *record = &t->record;

	t->fold.fiber = record->fiber[AP_FOLD_GAP(record->fold)];
	if (t->fold.fiber == 0) {
		return ap_reader_stack(r, record->frames, record->frames_max,
				       AP_FOLD_DEPTH(record->fold), &t->fold.stack);
	}
	t->fold.own.virtual_ticks = record->own_virtual;
	t->fold.own.left_ticks = record->own_left;
	return ap_reader_stack(r, record->frames, record->frames_max, record->own_depth,
			       &t->fold.own);
}

static int take_thread(struct ap_reader *r, uint32_t id, const struct ap_thread *record)
{
	struct ap_reader_thread *t = &r->threads[r->profile->threads_n];
	struct ap_profile_thread *to = &r->profile->threads[r->profile->threads_n++];

	t->id = id;
	t->record = *record;
	t->fold.gap_ticks = record->gap_ticks[AP_FOLD_GAP(record->fold)];
	/* Event times are 48 bits wide: something near them must say which. */
	t->fold.last_ticks = record->last_ticks ? record->last_ticks : record->start_ticks;
	t->fold.alternate = (struct ap_altstack){record->alternate_start & 0x7ffffu,
						 record->alternate_units & 0xfffffu};
	t->fold.window = record->window;
	to->tid = record->tid;
	memcpy(to->name, record->name, sizeof(record->name));
	to->live = record->state == AP_THREAD_LIVE;
	to->cpu_ns = record->cpu_ns;
	add_counts(&r->spool_counts, record);
	return read_frames(r, t);
}

static int read_threads(struct ap_reader *r, struct ap_table *table)
{
	int e = 0;

	r->threads = calloc((size_t)table->count + 1, sizeof(*r->threads));
	r->profile->threads = calloc((size_t)table->count + 1, sizeof(*r->profile->threads));
	if (!r->threads || !r->profile->threads) {
		return -ENOMEM;
	}
	for (uint32_t id = ap_table_next(table, 0); id < table->count && e == 0;
	     id = ap_table_next(table, id + 1)) {
		struct ap_thread record;
		if (!ap_table_get(table, id, &record) || record.state > AP_THREAD_ENDED) {
			ap_reader_damage(r, AP_DAMAGE_THREAD);
		} else if (record.state != AP_THREAD_FREE && id + 1 != r->hdr.retiring >> 1) {
			e = take_thread(r, id, &record);
		}
	}
	return e;
}

int ap_reader_threads(struct ap_reader *r)
{
	struct ap_table table;
	int e = ap_table_open(&table, &r->in, &ap_table_threads, r->hdr.thread_blocks,
			      r->hdr.threads);

	if (table.clamped) {
		ap_reader_damage(r, AP_DAMAGE_COUNT);
	}
	if (e == 0) {
		add_retired(r);
		e = read_threads(r, &table);
	} else if (e == -EBADMSG) {
		ap_reader_fail(r->error,
			       "corrupt spool: the thread table lies outside of the file");
	}
	ap_table_close(&table);
	return e;
}
