/* SPDX-License-Identifier: MIT */
/* runtime/fiber.c - stacks that the program changes between by itself: which there are, and on which one a thread is.
 *
 * makecontext() tells of a stack, or the program gives it a number. Each has an id and, in the spool, a record with the
 * calls that are open on it. A switch is an event; the fold changes the frames with it. Stacks are found by any
 * stack pointer on them: by the 64 KiB that their end lies in, going up. Records are never taken out of their
 * chains, so a look-up needs no lock. */
#include "runtime/runtime.h"
#include "runtime/sys.h"

#define BUCKETS_LOG2 14
#define GRANULE_SHIFT 16
#define LOCK_TRIES 1000

__thread uint32_t ap_fiber_now;

struct ap_fiber *ap_fiber_at(const struct ap_control *c, uint32_t id)
{
	const ap_ref *blocks = ap_at(c, c->header->fiber_blocks);
	struct ap_fiber *block = ap_at(c, blocks[id / AP_FIBERS_PER_BLOCK]);
	return block + id % AP_FIBERS_PER_BLOCK;
}

static struct ap_control *control(void)
{
	struct ap_control *c = ap_runtime.control;
	const bool on = c && __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) == AP_STATE_ON;
	return on && !__atomic_load_n(&c->ending, __ATOMIC_RELAXED) ? c : NULL;
}

/* Signals are blocked: the holder goes on as soon as it has a processor. */
static bool lock(struct ap_control *c)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!__atomic_exchange_n(&c->fiber_lock, 1, __ATOMIC_ACQUIRE))
			return true;
		ap_sys0(SYS_sched_yield);
	}
	return false;
}

static void unlock(struct ap_control *c)
{
	__atomic_store_n(&c->fiber_lock, 0, __ATOMIC_RELEASE);
}

static uint32_t *bucket(const struct ap_control *c, uint64_t hashed)
{
	const uint64_t mixed = hashed * 0x9e3779b97f4a7c15ull;
	return (uint32_t *)ap_at(c, c->fiber_buckets) + (mixed >> (64 - BUCKETS_LOG2));
}

static bool is_stack(const struct ap_fiber *f)
{
	const uint32_t state = __atomic_load_n(&f->state, __ATOMIC_ACQUIRE);
	return state == AP_FIBER_NEW || state == AP_FIBER_USED;
}

/* The first stack whose end is in one of the granules from that of @start on and that has a part of [start, end). */
static uint32_t overlapping(const struct ap_control *c, uint64_t start, uint64_t end)
{
	const uint64_t last = (end + c->fiber_bytes_most) >> GRANULE_SHIFT;
	for (uint64_t granule = start >> GRANULE_SHIFT; granule <= last; granule++) {
		uint32_t id = __atomic_load_n(bucket(c, granule), __ATOMIC_ACQUIRE);
		while (id) {
			const struct ap_fiber *f = ap_fiber_at(c, id);
			if (is_stack(f) && f->start < end && start < f->end)
				return id;
			id = f->next;
		}
	}
	return 0;
}

uint32_t ap_fiber_of_stack(uint64_t stack_pointer)
{
	const struct ap_control *c = control();
	if (!c || !__atomic_load_n(&c->header->fibers, __ATOMIC_ACQUIRE))
		return 0;
	return overlapping(c, stack_pointer, stack_pointer + 1);
}

static uint32_t of_key(const struct ap_control *c, uint64_t key)
{
	uint32_t id = __atomic_load_n(bucket(c, key), __ATOMIC_ACQUIRE);
	while (id &&
	       !(ap_fiber_at(c, id)->state == AP_FIBER_KEYED && ap_fiber_at(c, id)->start == key))
		id = ap_fiber_at(c, id)->next;
	return id;
}

/* --- records: under the lock -------------------------------------------------------------------------- */

static bool make_tables(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	if (!c->fiber_buckets)
		c->fiber_buckets = ap_space_alloc(c, sizeof(uint32_t) << BUCKETS_LOG2);
	if (!h->fiber_blocks)
		h->fiber_blocks = ap_space_alloc(c, AP_FIBER_BLOCKS * sizeof(ap_ref));
	return c->fiber_buckets && h->fiber_blocks;
}

/* A new record, in no chain yet. Return: its id, or 0. */
static uint32_t take_record(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	const uint32_t id = h->fibers ? h->fibers : 1;
	if (id >= AP_MAX_FIBERS)
		return 0;
	ap_ref *block = (ap_ref *)ap_at(c, h->fiber_blocks) + id / AP_FIBERS_PER_BLOCK;
	if (!*block)
		*block = ap_space_alloc(c, AP_FIBERS_PER_BLOCK * sizeof(struct ap_fiber));
	if (!*block)
		return 0;
	__atomic_store_n(&h->fibers, id + 1, __ATOMIC_RELEASE);
	return id;
}

/* A record in the chain of @hashed: one whose stack is gone, or a new one. */
static uint32_t record_for(struct ap_control *c, uint64_t hashed, uint64_t start, uint64_t end,
			   enum ap_fiber_state state)
{
	uint32_t *first = bucket(c, hashed);
	uint32_t id = *first;
	while (id && ap_fiber_at(c, id)->state != AP_FIBER_FREE)
		id = ap_fiber_at(c, id)->next;
	const bool used = id != 0;
	if (!id)
		id = take_record(c);
	if (!id)
		return 0;
	struct ap_fiber *f = ap_fiber_at(c, id);
	f->start = start;
	f->end = end;
	__atomic_store_n(&f->state, state, __ATOMIC_RELEASE);
	if (!used) {
		f->next = *first;
		__atomic_store_n(first, id, __ATOMIC_RELEASE);
	}
	return id;
}

/* What is open there will not go on. Who tells so may have recorded nothing yet: then this is its first event. */
static void record_end(const struct ap_control *c, uint32_t id)
{
	const struct ap_fiber *f = ap_fiber_at(c, id);
	if (ap_self->thread || f->depth || f->thread)
		ap_record(ap_special_make_word(AP_SPECIAL_FIBER_END, id, 0),
			  ap_ticks() & AP_EVENT_TIME_MASK);
}

/* A stack is used for something else now. */
static void end_all_in(struct ap_control *c, uint64_t start, uint64_t end)
{
	uint32_t id;
	while ((id = overlapping(c, start, end))) {
		record_end(c, id);
		__atomic_store_n(&ap_fiber_at(c, id)->state, AP_FIBER_FREE, __ATOMIC_RELEASE);
	}
}

static void register_stack(struct ap_control *c, uint64_t start, uint64_t end)
{
	if (!make_tables(c))
		return;
	end_all_in(c, start, end);
	if (end - start > c->fiber_bytes_most)
		__atomic_store_n(&c->fiber_bytes_most, end - start, __ATOMIC_RELEASE);
	record_for(c, (end - 1) >> GRANULE_SHIFT, start, end, AP_FIBER_NEW);
}

void ap_fiber_made(uint64_t start, uint64_t bytes)
{
	struct ap_control *c = control();
	if (!c || !bytes || start + bytes < start)
		return;
	const uint64_t mask = ap_signals_block();
	if (lock(c)) {
		register_stack(c, start, start + bytes);
		unlock(c);
	}
	ap_signals_restore(mask);
}

/* --- switches ------------------------------------------------------------------------------------------- */

/* Another thread may go on on the stack that we leave: it must find the calls that are open there. */
static void settle(const struct ap_control *c)
{
	if (__atomic_load_n(&c->header->threads, __ATOMIC_RELAXED) < 2)
		return;
	ap_flush_patiently();
}

void ap_fiber_switch(uint32_t id)
{
	const struct ap_control *c = control();
	if (!c || id == ap_fiber_now)
		return;
	ap_fiber_now = id;
	ap_record_special(AP_SPECIAL_FIBER, id);
	settle(c);
}

bool ap_fiber_first_time(uint32_t id)
{
	const struct ap_control *c = control();
	uint32_t fresh = AP_FIBER_NEW;
	return c && id &&
	       __atomic_compare_exchange_n(&ap_fiber_at(c, id)->state, &fresh, AP_FIBER_USED, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static uint32_t make_keyed(struct ap_control *c, uint64_t key)
{
	uint32_t id = 0;
	const uint64_t mask = ap_signals_block();
	if (lock(c)) {
		if (make_tables(c))
			id = of_key(c, key);
		if (!id && c->fiber_buckets && c->header->fiber_blocks)
			id = record_for(c, key, key, 0, AP_FIBER_KEYED);
		unlock(c);
	}
	ap_signals_restore(mask);
	return id;
}

void ap_fiber_switch_to_key(uint64_t key)
{
	struct ap_control *c = control();
	uint32_t id = 0;
	if (!c)
		return;
	if (key && c->fiber_buckets)
		id = of_key(c, key);
	if (key && !id)
		id = make_keyed(c, key);
	ap_fiber_switch(id);
}

void ap_fiber_end_key(uint64_t key)
{
	struct ap_control *c = control();
	const uint32_t id = c && key && c->fiber_buckets ? of_key(c, key) : 0;
	if (!id || id == ap_fiber_now)
		return;
	record_end(c, id);
	settle(c);
	__atomic_store_n(&ap_fiber_at(c, id)->state, AP_FIBER_FREE, __ATOMIC_RELEASE);
}
