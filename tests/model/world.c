/* SPDX-License-Identifier: MIT */
/* tests/model/world.c - see world.h. */
#include "tests/model/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_TOP 0x7ffff000u
#define FRAME_BYTES 64u
#define SIGNAL_BYTES 256u

/* Two processes at most: parent and child. Static, since addresses are part of the machine's state. */
static struct machine_spool spools[2];
static struct machine_spool parent_then;
static struct oracle the_oracle;

/* --- randomness ------------------------------------------------------------------------------------ */

uint32_t world_random(struct world *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)(w->random >> 24);
}

/* --- the true stack -------------------------------------------------------------------------------- */

static uint64_t stack_pointer_at(const struct world *w, uint32_t depth)
{
	return depth ? w->oracle->calls[w->stack[depth - 1]].stack_pointer : STACK_TOP;
}

static void record(struct world *w, enum ap_event_kind kind, uint32_t call, uint64_t stack_pointer,
		   uint64_t word)
{
	const uint32_t id = oracle_event(w->oracle, kind, call, w->unwinding);
	struct machine_event *event = &w->oracle->events[id].machine;
	event->id = id;
	event->word = word;
	event->stack_pointer = stack_pointer;
	w->hook_sp = stack_pointer;
	machine_hook(&w->machine, event);
}

/* Where the code that runs now has its stack pointer. */
static uint64_t stack_pointer_now(const struct world *w)
{
	const struct runner *runner = &w->runners[w->runners_n - 1];
	return w->depth > runner->base ? stack_pointer_at(w, w->depth) : runner->floor;
}

static void record_call(struct world *w, enum ap_event_kind kind, uint32_t id)
{
	const struct oracle_call call = w->oracle->calls[id];
	record(w, kind, id, call.stack_pointer,
	       ap_event_make_word(machine_address(call.function), kind, 0, call.stack_pointer,
				  id & 0x3ff));
}

void world_enter(struct world *w, uint32_t function)
{
	if (w->depth == WORLD_DEPTH)
		abort();
	const uint32_t id = oracle_call(w->oracle, function, stack_pointer_now(w) - FRAME_BYTES);
	w->stack[w->depth++] = id;
	record_call(w, AP_EVENT_ENTER, id);
}

void world_exit(struct world *w)
{
	record_call(w, AP_EVENT_EXIT, w->stack[w->depth - 1]);
	w->depth--;
}

void world_work(struct world *w, uint32_t ticks)
{
	w->machine.now += ticks;
}

/* --- what may happen ------------------------------------------------------------------------------- */

static void handler_calls(struct world *w, enum happening what)
{
	world_enter(w, 2);
	world_work(w, 5);
	if (what == HAPPEN_CALLS) {
		world_enter(w, 3);
		world_work(w, 3);
		world_exit(w);
	}
	world_exit(w);
}

/* A handler is a level of its own: what it calls may jump back into it, and then it returns. */
static void in_handler(struct world *w, void (*body)(struct world *w, enum happening what),
		       enum happening what)
{
	struct runner *runner = &w->runners[w->runners_n];

	runner->base = w->depth;
	runner->floor = w->hook_sp - SIGNAL_BYTES;
	w->runners_n++;
	if (!setjmp(runner->landing))
		body(w, what);
	w->runners_n--;
	w->hook_sp = runner->floor + SIGNAL_BYTES;
}

/* A fold that is left in the middle of an event may count that event again. */
static void note_doubt(struct world *w)
{
	if (w->machine.midway == DOUBT_NONE)
		return;
	w->doubt.events += 2;
	w->doubt.calls += w->machine.midway == DOUBT_CALL;
	if (!w->machine.config->signals_open)
		w->machine.midway =
			DOUBT_NONE; /* else it may be a fold further out that is not left yet */
}

/* Where a jump out of a hook's function ends: in its caller, or in the handler that called it. */
static uint32_t callers_depth(const struct world *w, uint32_t runner)
{
	if (runner > 0)
		return w->runners[runner].base;
	const uint32_t depth = w->runners_n > 1 ? w->runners[1].base : w->depth;
	return depth ? depth - 1 : 0;
}

/* longjmp: the wrapper records where it goes, before it goes. No jump out of that goes less far. */
static void handler_jumps(struct world *w, enum happening what)
{
	const bool near = what == HAPPEN_JUMP_NEAR && !w->unwinding;
	const uint32_t runner = near ? w->runners_n - 2 : 0;
	const uint32_t depth = near ? callers_depth(w, runner) : 0;
	const uint64_t target = stack_pointer_at(w, depth);

	if (near)
		world_enter(w, 2);
	w->unwinding = target;
	record(w, AP_EVENT_SPECIAL, 0, stack_pointer_now(w) - FRAME_BYTES,
	       ap_special_make_word(AP_SPECIAL_UNWIND, target >> 4, 0));
	w->unwinding = 0;
	note_doubt(w);
	machine_unwound(&w->machine, target);
	w->depth = depth;
	w->runners_n = runner + 1;
	longjmp(w->runners[runner].landing, 1);
}

static _Noreturn void die(struct world *w)
{
	const uint32_t depth = callers_depth(w, w->runners_n - 1);
	for (; w->depth > depth; w->depth--)
		oracle_dead(w->oracle, w->stack[w->depth - 1], w->stack, w->depth - 1);
	note_doubt(w);
	machine_died(&w->machine);
	longjmp(w->runners[w->runners_n - 1].landing, 1);
}

static void fork_child(struct world *w)
{
	machine_flush(&w->machine, w->hook_sp - SIGNAL_BYTES);
	memcpy(&parent_then, &spools[0], sizeof parent_then);
	machine_fork(&w->machine, &spools[1]);
	oracle_forked(w->oracle);
	w->doubt = (struct oracle_doubt){0};
}

static bool may_happen(const struct world *w, enum happening what)
{
	switch (what) {
	case HAPPEN_KILL:
	case HAPPEN_BUSY:
		return true;
	case HAPPEN_DIE:
		/* Without memory a ring that a death left half changed must be used again as it is. */
		return !w->unwinding && w->config.chunks == MACHINE_CHUNKS_MOST;
	case HAPPEN_FORK_CHILD:
		return !w->machine.blocked && !w->machine.control.slow_sp && !w->oracle->forked;
	default:
		return !w->machine.blocked && w->runners_n < WORLD_RUNNERS &&
		       w->depth + 4 < WORLD_DEPTH / 2;
	}
}

static void happen(struct world *w, enum happening what)
{
	w->happened++;
	switch (what) {
	case HAPPEN_CALL:
	case HAPPEN_CALLS:
		in_handler(w, handler_calls, what);
		return;
	case HAPPEN_JUMP_NEAR:
	case HAPPEN_JUMP_OUT:
		in_handler(w, handler_jumps, what);
		return;
	case HAPPEN_FORK_PARENT:
		machine_flush(&w->machine, w->hook_sp - SIGNAL_BYTES);
		return;
	case HAPPEN_FORK_CHILD:
		fork_child(w);
		return;
	case HAPPEN_DIE:
		die(w);
	case HAPPEN_BUSY:
		w->machine.busy += 2;
		return;
	case HAPPEN_KILL:
		note_doubt(w);
		longjmp(w->end, 1);
	default:
		return;
	}
}

/* --- observer -------------------------------------------------------------------------------------- */

static enum happening next_happening(struct world *w)
{
	if (w->plan_at < w->plan_n && w->plan[w->plan_at].step == w->steps)
		return w->plan[w->plan_at++].what;
	if (w->random && world_random(w) % w->rarity == 0) {
		/* most deaths are left to the few: they end the run or blur it */
		const enum happening what = 1 + world_random(w) % (HAPPENINGS - 1);
		return what >= HAPPEN_FORK_CHILD && world_random(w) % 8 ? HAPPEN_CALL : what;
	}
	return HAPPEN_NOTHING;
}

static const char *const names[HAPPENINGS] = {
	"nothing",	"handler calls", "handler calls two", "jump to the caller", "jump out",
	"fork, parent", "fork, child",	 "vfork child dies",  "shard busy",	    "kill",
};

static void on_step(void *context, const char *what)
{
	struct world *w = context;
	if (w->tracing)
		fprintf(stderr, "%*s%u %s\n", (int)w->runners_n * 2, "", w->steps, what);
	if (!w->armed)
		return;
	const enum happening next = next_happening(w);
	w->steps++;
	if (next == HAPPEN_NOTHING || !may_happen(w, next))
		return;
	if (w->tracing)
		fprintf(stderr, "%*s-- %s\n", (int)w->runners_n * 2, "", names[next]);
	happen(w, next);
	if (w->tracing)
		fprintf(stderr, "%*s-- back\n", (int)w->runners_n * 2, "");
}

static void on_reserved(void *context, uint32_t id)
{
	oracle_reserved(((struct world *)context)->oracle, id);
}

static void on_storing(void *context, uint32_t id)
{
	oracle_storing(((struct world *)context)->oracle, id);
}

static void on_stored(void *context, uint32_t id)
{
	oracle_stored(((struct world *)context)->oracle, id);
}

static void on_dropped(void *context, uint32_t id, enum ap_drop why)
{
	(void)why;
	oracle_dropped(((struct world *)context)->oracle, id);
}

static uint32_t on_gap(void *context, const struct machine_event *gap)
{
	return oracle_gap(((struct world *)context)->oracle, gap);
}

/* --- life ------------------------------------------------------------------------------------------ */

void world_start(struct world *w, const struct machine_config *config, uint64_t seed,
		 uint32_t rarity)
{
	memset(w, 0, sizeof *w);
	w->config = *config;
	w->random = seed;
	w->rarity = rarity;
	w->runners_n = 1;
	w->runners[0].floor = STACK_TOP;
	w->oracle = &the_oracle;
	oracle_start(w->oracle, config->slots);
	w->observer = (struct machine_observer){.step = on_step,
						.reserved = on_reserved,
						.storing = on_storing,
						.stored = on_stored,
						.dropped = on_dropped,
						.gap = on_gap,
						.context = w};
	machine_start(&w->machine, &w->config, &w->observer, &spools[0], 1u << 20);
}

/* A forked child may write to its own memory only. */
static const char *check_parent(const struct world *w)
{
	if (!w->oracle->forked || !machine_flaw(&w->machine, FLAW_SPOOL_AFTER_FORK))
		return NULL;
	return memcmp(&spools[0], &parent_then, sizeof parent_then)
		       ? "the child wrote to its parent's spool"
		       : NULL;
}

const char *world_run(struct world *w, world_program *program, void *argument)
{
	if (!setjmp(w->end))
		program(w, argument);
	const struct reading reading = reader_read(&w->machine);
	const char *wrong = oracle_check(w->oracle, &reading, w->machine.spool, w->doubt);
	if (wrong && w->tracing)
		fprintf(stderr,
			"attempted %lu folded %lu pending %lu torn %lu dropped %lu, doubt %u; "
			"oracle: stored %u dropped %u late %u\n",
			reading.attempted, reading.folded, reading.pending, reading.torn,
			reading.dropped, w->doubt.events, w->oracle->stored, w->oracle->dropped,
			w->oracle->late);
	if (w->machine.wild)
		return "a store outside of the ring";
	return wrong ? wrong : check_parent(w);
}
