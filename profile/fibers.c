/* SPDX-License-Identifier: MIT */
/* profile/fibers.c - stacks that are no thread's own, and the calls that the folds left open there. */
#include <errno.h>
#include <stdlib.h>

#include "profile/reader.h"

/* The thread says how deep the stack is on which it stands; whose record says the same comes too late. */
static int take_held(struct ap_reader *r, struct ap_table *table, struct ap_fold *fold,
		     uint32_t depth)
{
	struct ap_fiber record = {0};

	if (fold->fiber >= r->fibers_n || r->fibers[fold->fiber].held ||
	    !ap_table_get(table, fold->fiber, &record)) {
		fold->fiber = AP_FIBER_LOST;
		record = (struct ap_fiber){0};
	} else {
		r->fibers[fold->fiber].held = true;
	}
	return ap_reader_stack(r, record.frames, record.frames_max, depth, &fold->stack);
}

static int take_parked(struct ap_reader *r, struct ap_table *table, uint32_t id)
{
	struct ap_reader_fiber *fiber = &r->fibers[id];
	struct ap_fiber record;

	if (fiber->held) {
		return 0;
	}
	if (!ap_table_get(table, id, &record)) {
		ap_reader_damage(r, AP_DAMAGE_THREAD);
		return 0;
	}
	fiber->stack.virtual_ticks = record.virtual_ticks;
	fiber->stack.left_ticks = record.left_ticks;
	fiber->stack.thin = record.thin != 0;
	return ap_reader_stack(r, record.frames, record.frames_max, record.depth, &fiber->stack);
}

static int read_fibers(struct ap_reader *r, struct ap_table *table)
{
	int e = 0;

	r->fibers = calloc((size_t)table->count + 1, sizeof(*r->fibers));
	if (!r->fibers) {
		return -ENOMEM;
	}
	r->fibers_n = table->count;
	for (size_t i = 0; i < r->profile->threads_n && e == 0; i++) {
		struct ap_reader_thread *t = &r->threads[i];
		if (t->fold.fiber) {
			e = take_held(r, table, &t->fold, AP_FOLD_DEPTH(t->record.fold));
		}
	}
	for (uint32_t id = ap_table_next(table, 1); id < table->count && e == 0;
	     id = ap_table_next(table, id + 1)) {
		e = take_parked(r, table, id);
	}
	return e;
}

int ap_reader_fibers(struct ap_reader *r)
{
	struct ap_table table;
	int e = ap_table_open(&table, &r->in, &ap_table_fibers, r->hdr.fiber_blocks, r->hdr.fibers);

	if (table.clamped) {
		ap_reader_damage(r, AP_DAMAGE_COUNT);
	}
	if (e == 0) {
		e = read_fibers(r, &table);
	} else if (e == -EBADMSG) {
		ap_reader_fail(r->error, "corrupt spool: the fiber table lies outside of the file");
	}
	ap_table_close(&table);
	return e;
}
