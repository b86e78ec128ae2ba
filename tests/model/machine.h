/* SPDX-License-Identifier: MIT */
/* tests/model/machine.h - the recording algorithm, one store at a time: hook, slow path, ring and fold.
 *
 * A machine is one thread of one process. It works on the true structures of the spool format, and calls
 * its observer after every store that another could see: the observer may run a whole signal handler
 * there, jump out for good, or stop the world. Nothing here knows what the program "really" did. */
#ifndef AP_TESTS_MODEL_MACHINE_H
#define AP_TESTS_MODEL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/event.h"
#include "spool/layout.h"

#define MACHINE_NODES 256u
#define MACHINE_FRAMES 64u
#define MACHINE_TID 7u
#define MACHINE_CHUNKS_MOST 64u
#define MACHINE_FUNCTIONS 6u

/* Ways to get it wrong. The algorithm is the machine without any; each must be caught by the checks. */
enum machine_flaw {
	/* the hook makes its slot valid before the time is in it */
	FLAW_WORD0_FIRST = 1u << 0,
	/* recycling renames the slots while the cursor still says "full" */
	FLAW_LAP_BEFORE_CURSOR = 1u << 1,
	/* the reader takes base + reserved for what was attempted */
	FLAW_NO_MAX_RULE = 1u << 2,
	/* a chunk is used again with a slot of it still open */
	FLAW_RECYCLE_WITH_HOLE = 1u << 3,
	/* the fold stores its position when it stops */
	FLAW_POSITION_PER_BATCH = 1u << 4,
	/* the hook asks only whether its slot is below the end */
	FLAW_UPPER_END_ONLY = 1u << 5,
	/* a gap is its value, whatever was recorded since its stamp */
	FLAW_GAP_FROM_STAMP = 1u << 6,
	/* the fold believes stamps older than the event before */
	FLAW_TIME_STEPS_BACK = 1u << 7,
	/* a forked child keeps the parent's spool mapped */
	FLAW_SPOOL_AFTER_FORK = 1u << 8,
	/* hooks may reserve while a slow path is at work */
	FLAW_RING_NOT_CLOSED = 1u << 9,
	/* the slow path does not ask whether its event has a slot */
	FLAW_SLOT_FORGOTTEN = 1u << 10,
	/* a chunk is appended before the cursor points into it */
	FLAW_LAST_BEFORE_CURSOR = 1u << 11,
	/* the fold adds a gap where the sum stands */
	FLAW_GAP_IN_PLACE = 1u << 12,
	/* the fold skips a hole when it first sees it */
	FLAW_TORN_AT_ONCE = 1u << 13,
	/* a nested event is dropped but keeps its slot */
	FLAW_NOT_GIVEN_BACK = 1u << 14,
	/* an enter's position moves before its frame is written */
	FLAW_FOLD_BEFORE_FRAME = 1u << 15,
	/* the hook takes an older chunk's end, a newer one's size */
	FLAW_BYTES_AFTER_END = 1u << 16,
	/* a chunk is used again although its last slow path died */
	FLAW_REUSED_AFTER_DEATH = 1u << 17,
};
#define FLAWS 18

struct machine_config {
	uint32_t slots;	     /* of the first chunk */
	uint32_t slots_most; /* chunks double up to here */
	uint32_t chunks;     /* memory: chunks that may exist */
	bool signals_open;   /* slow paths cannot block signals */
	uint32_t flaws;
};

/** An event is half folded: folded again, it counts twice. */
enum machine_doubt {
	DOUBT_NONE,
	DOUBT_NUMBER, /* only the number of events */
	DOUBT_CALL,   /* also a call and its times */
};

/** An event on its way. */
struct machine_event {
	uint64_t word; /* without lap */
	uint64_t stack_pointer;
	uint64_t time; /* set by the hook: word 1 of the event */
	uint32_t id;   /* the observer's */
};

/** All calls come at the very moment of the store; step() comes after it. */
struct machine_observer {
	void (*step)(void *context, const char *what);
	void (*reserved)(void *context, uint32_t id); /* has its place in the order of events now */
	void (*storing)(void *context, uint32_t id);  /* the first store into its slot */
	void (*stored)(void *context, uint32_t id);   /* counts from now on, whatever happens */
	void (*dropped)(void *context, uint32_t id, enum ap_drop why);
	uint32_t (*gap)(void *context, const struct machine_event *event); /* a gap's id */
	void *context;
};

/** Private memory of the thread; a fork wipes it. */
struct machine_control {
	struct ap_thread *thread; /* NULL: no ring */
	uint64_t end;		  /* of the chunk's slots; 0: nothing may be reserved */
	uint64_t bytes;		  /* of the chunk's slots */
	uint64_t lap;
	uint64_t slow_sp; /* stack pointer of a slow path at work; 0 none */
	ap_ref spare;	  /* chunks to be used again */
	uint32_t chunks;
};

struct machine_range {
	uint64_t start, end;
};

/* The spool. References count from here. */
struct machine_spool {
	struct ap_spool_header header;
	struct ap_thread thread;
	struct ap_shard shard;
	struct ap_frame frames[MACHINE_FRAMES];
	struct ap_node nodes[MACHINE_NODES];
	struct ap_node_stat stats[MACHINE_NODES];
	unsigned char heap[MACHINE_CHUNKS_MOST * 512] __attribute__((aligned(64)));
} __attribute__((aligned(4096)));

struct machine {
	const struct machine_config *config;
	const struct machine_observer *observer;
	struct machine_spool *spool;
	struct machine_control control;
	uint64_t now;		   /* the clock */
	bool blocked;		   /* signals */
	enum machine_doubt midway; /* what a death now would leave in doubt */
	uint32_t busy;		   /* so many times still, another thread holds the shard */
	struct machine_range made[MACHINE_CHUNKS_MOST]; /* slots of all chunks that ever were */
	uint32_t made_n;
	bool wild; /* a hook stored (or would have) where no chunk of the thread has a slot */
	uint64_t batch_fold; /* the position that FLAW_POSITION_PER_BATCH keeps to itself */
};

/** machine_start() - an empty spool, a thread without a ring. Borrows all but @machine. */
void machine_start(struct machine *machine, const struct machine_config *config,
		   const struct machine_observer *observer, struct machine_spool *spool,
		   uint64_t now);

/** machine_hook() - record an event. */
void machine_hook(struct machine *machine, struct machine_event *event);

/** machine_flush() - what the fork wrapper does first: fold what can be folded. */
void machine_flush(struct machine *machine, uint64_t stack_pointer);

/** machine_fork() - become the child: control is wiped, @spool is its own, frames are taken over. */
void machine_fork(struct machine *machine, struct machine_spool *spool);

/** machine_unwound() - what the longjmp wrapper does last: a slow path below the target is gone. */
void machine_unwound(struct machine *machine, uint64_t stack_pointer);

/** machine_died() - a vfork child stopped dead: the parent's signal mask is its own. Its guard stays
 * behind: where signals are open, deeper slow paths are taken for nested ones until one is not deeper. */
void machine_died(struct machine *machine);

/* The fold (machine_fold.c). */
enum fold_end {
	FOLD_ALL,
	FOLD_HOLE,
};
/** machine_fold() - fold finished events. @tear: give up holes of chunks that are not the last. */
enum fold_end machine_fold(struct machine *machine, struct machine_spool *spool, bool tear);
/** machine_finish() - the same for a reader of a dead process: all holes are given up. */
void machine_finish(struct machine *machine, struct machine_spool *spool);

/* Services shared by the parts of the machine. */
static inline void machine_step(struct machine *m, const char *what)
{
	if (m->observer)
		m->observer->step(m->observer->context, what);
}

static inline bool machine_flaw(const struct machine *m, enum machine_flaw flaw)
{
	return (m->config->flaws & flaw) != 0;
}

static inline void *machine_at(struct machine_spool *spool, ap_ref ref)
{
	return (char *)spool + (uint64_t)ref * AP_REF_UNIT;
}

static inline ap_ref machine_ref(const struct machine_spool *spool, const void *p)
{
	return (ap_ref)((uint64_t)((const char *)p - (const char *)spool) / AP_REF_UNIT);
}

static inline struct ap_event *machine_slots(struct ap_chunk *chunk)
{
	return (struct ap_event *)(chunk + 1);
}

static inline uint64_t machine_chunk_start(struct ap_chunk *chunk)
{
	return (uint64_t)(uintptr_t)machine_slots(chunk);
}

static inline uint64_t machine_chunk_end(struct ap_chunk *chunk)
{
	return machine_chunk_start(chunk) + chunk->slots * sizeof(struct ap_event);
}

/** machine_reserved() - slots of the last chunk that were handed out; a cursor elsewhere means all. */
static inline uint32_t machine_reserved(const struct ap_thread *thread, struct ap_chunk *last)
{
	const uint64_t used = thread->cursor - machine_chunk_start(last);
	const uint64_t slots = used / sizeof(struct ap_event);
	return thread->cursor < machine_chunk_start(last) || slots > last->slots ? last->slots
										 : (uint32_t)slots;
}

/** machine_position() - sequence number of the next event to fold, full width. */
static inline uint64_t machine_position(const struct ap_thread *thread,
					const struct ap_chunk *first)
{
	const uint64_t base = AP_CHUNK_BASE(first->lap_base);
	const uint32_t ahead = (AP_FOLD_POSITION(thread->fold) - (uint32_t)base) & 0x7fffffffu;
	return base + (ahead > 1u << 30 ? 0 : ahead);
}

static inline uint64_t machine_address(uint32_t function)
{
	return 0x401000u + function * 0x40u;
}

#endif
