/* SPDX-License-Identifier: MIT */
/* tests/model/oracle.c - see oracle.h. */
#include "tests/model/oracle.h"

#include <stdlib.h>
#include <string.h>

void oracle_start(struct oracle *o, uint32_t slots)
{
	o->slots = slots;
	o->events_n = o->calls_n = o->places_n = o->first_place = 0;
	o->forked = o->ambiguous = false;
	o->stored = o->dropped = o->late = 0;
	memset(o->enters, 0, sizeof o->enters);
}

uint32_t oracle_call(struct oracle *o, uint32_t function, uint64_t stack_pointer)
{
	if (o->calls_n == ORACLE_CALLS)
		abort();
	o->calls[o->calls_n] =
		(struct oracle_call){.function = function, .stack_pointer = stack_pointer};
	return o->calls_n++;
}

uint32_t oracle_event(struct oracle *o, enum ap_event_kind kind, uint32_t call, uint64_t target)
{
	if (o->events_n == ORACLE_EVENTS)
		abort();
	o->events[o->events_n] =
		(struct oracle_event){.kind = kind, .call = call, .target = target};
	return o->events_n++;
}

static void place(struct oracle *o, uint32_t event, uint64_t time)
{
	if (o->places_n == 2 * ORACLE_EVENTS)
		abort();
	o->places[o->places_n++] = (struct oracle_place){event, time & AP_EVENT_TIME_MASK};
}

/* Held open while its own chunk and the next one became full: a fold may have passed it. */
static void note_late(struct oracle *o, struct oracle_event *e)
{
	uint32_t since = 0;

	for (uint32_t i = e->place + 1; i < o->places_n && since <= o->slots; i++)
		since += o->places[i].event != ORACLE_VOID;
	if (e->late || since <= o->slots)
		return;
	e->late = true;
	o->late++;
}

static void give_up_place(struct oracle *o, struct oracle_event *e)
{
	o->places[e->place].event = ORACLE_VOID;
	if (e->place >= o->first_place)
		note_late(o, e);
}

void oracle_reserved(struct oracle *o, uint32_t event)
{
	struct oracle_event *e = &o->events[event];
	if (e->placed)
		give_up_place(o, e);
	e->placed = true;
	e->place = o->places_n;
	place(o, event, e->machine.time);
}

/* From its first store on: a late event may write over somebody else's time, even if it is never finished. */
void oracle_storing(struct oracle *o, uint32_t event)
{
	if (o->events[event].place >= o->first_place)
		note_late(o, &o->events[event]);
}

void oracle_stored(struct oracle *o, uint32_t event)
{
	struct oracle_event *e = &o->events[event];
	if (e->place < o->first_place)
		return; /* a child finished its parent's event: whose memory it went to is checked elsewhere */
	e->stored = true;
	note_late(o, e);
	if (e->kind == AP_EVENT_ENTER)
		o->enters[o->calls[e->call].function]++;
	o->stored++;
}

void oracle_dropped(struct oracle *o, uint32_t event)
{
	o->events[event].dropped = true;
	o->dropped++;
}

uint32_t oracle_gap(struct oracle *o, const struct machine_event *gap)
{
	const uint32_t id = oracle_event(o, AP_EVENT_SPECIAL, 0, 0);
	o->events[id].machine = *gap;
	o->events[id].gap = true;
	return id;
}

void oracle_dead(struct oracle *o, uint32_t call, const uint32_t *open, uint32_t open_n)
{
	o->calls[call].dead = true;
	for (uint32_t i = 0; i < open_n; i++)
		o->ambiguous |= o->calls[open[i]].function == o->calls[call].function;
}

void oracle_forked(struct oracle *o)
{
	o->first_place = o->places_n;
	o->forked = true;
	o->stored = o->dropped = o->late = 0;
	memset(o->enters, 0, sizeof o->enters);
}

/* --- what the profile must say ----------------------------------------------------------------------- */

struct replay {
	struct oracle *o;
	uint64_t now, gap;
	uint32_t open[ORACLE_CALLS];
	uint32_t depth;
};

static uint32_t path_of(struct oracle *o, uint32_t parent, uint32_t function)
{
	if (parent && o->paths[parent].function == function)
		return parent;
	for (uint32_t i = 1; i < o->paths_n; i++) {
		if (o->paths[i].parent == parent && o->paths[i].function == function)
			return i;
	}
	if (o->paths_n == ORACLE_PATHS)
		abort();
	o->paths[o->paths_n] = (struct oracle_path){.parent = parent, .function = function};
	return o->paths_n++;
}

static void replay_close(struct replay *r)
{
	struct oracle_call *call = &r->o->calls[r->open[--r->depth]];
	struct oracle_path *path = &r->o->paths[call->path];
	const uint64_t total = r->now - r->gap - call->start;
	struct oracle_call *parent = r->depth ? &r->o->calls[r->open[r->depth - 1]] : NULL;

	call->open = false;
	path->calls++;
	path->total += total;
	path->self += total - call->children;
	if (!parent || parent->path != call->path)
		path->outer += total;
	if (parent)
		parent->children += total;
}

static void replay_enter(struct replay *r, uint32_t id)
{
	struct oracle_call *call = &r->o->calls[id];
	const uint32_t parent = r->depth ? r->o->calls[r->open[r->depth - 1]].path : 0;

	call->path = path_of(r->o, parent, call->function);
	call->start = r->now - r->gap;
	call->children = 0;
	call->open = true;
	r->open[r->depth++] = id;
}

/* The dead are found out by the first event above them that is not their own exit. */
static void replay_bury(struct replay *r, const struct oracle_event *e)
{
	while (r->depth) {
		const uint32_t id = r->open[r->depth - 1];
		const struct oracle_call *top = &r->o->calls[id];
		if (!top->dead || r->o->calls[e->call].stack_pointer < top->stack_pointer ||
		    (e->kind == AP_EVENT_EXIT && e->call == id))
			return;
		replay_close(r);
	}
}

static bool replay_event(struct replay *r, const struct oracle_event *e)
{
	if (e->kind == AP_EVENT_SPECIAL) {
		while (r->depth && r->o->calls[r->open[r->depth - 1]].stack_pointer < e->target)
			replay_close(r);
		return true;
	}
	replay_bury(r, e);
	if (e->kind == AP_EVENT_ENTER) {
		replay_enter(r, e->call);
		return true;
	}
	if (!r->o->calls[e->call].open)
		return false;
	while (r->o->calls[e->call].open)
		replay_close(r);
	return true;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool replay(struct replay *r)
{
	struct oracle *o = r->o;
	for (uint32_t i = o->first_place; i < o->places_n; i++) {
		const struct oracle_place *p = &o->places[i];
		const uint64_t before = r->now;
		if (p->event == ORACLE_VOID || !o->events[p->event].stored)
			continue;
		r->now = p->time > r->now ? p->time : r->now;
		if (o->events[p->event].gap)
			r->gap += least(r->now - before,
					ap_special_value(o->events[p->event].machine.word) << 4);
		else if (!replay_event(r, &o->events[p->event]))
			return false;
	}
	return true;
}

/* --- comparison ------------------------------------------------------------------------------------ */

static uint32_t node_of_path(const struct oracle *o, const struct machine_spool *s, uint32_t path)
{
	const uint32_t parent =
		o->paths[path].parent ? node_of_path(o, s, o->paths[path].parent) : AP_ID_ROOT;
	for (uint32_t i = AP_ID_FIRST; i < s->header.nodes; i++) {
		if (s->nodes[i].parent == parent &&
		    s->nodes[i].address == machine_address(o->paths[path].function))
			return i;
	}
	return AP_ID_NONE;
}

static const char *check_paths(const struct oracle *o, const struct machine_spool *s)
{
	if (s->header.nodes - AP_ID_FIRST != o->paths_n - 1)
		return "paths";
	for (uint32_t i = 1; i < o->paths_n; i++) {
		const struct oracle_path *path = &o->paths[i];
		const struct ap_node_stat *stat = &s->stats[node_of_path(o, s, i)];
		if (stat->leaf_calls + stat->calls != path->calls)
			return "calls of a path";
		if (stat->leaf_ticks + stat->total_ticks != path->total)
			return "total time of a path";
		if (stat->leaf_ticks + stat->outer_ticks != path->outer)
			return "outer time of a path";
		if (stat->leaf_ticks + stat->self_ticks != path->self)
			return "self time of a path";
	}
	return NULL;
}

static const char *check_frames(const struct replay *r, const struct machine_spool *s)
{
	if (AP_FOLD_DEPTH(s->thread.fold) != r->depth)
		return "depth of the open frames";
	for (uint32_t i = 0; i < r->depth; i++) {
		const struct oracle_call *call = &r->o->calls[r->open[i]];
		if (s->nodes[s->frames[i].node].address != machine_address(call->function))
			return "function of an open frame";
		if (s->frames[i].start != call->start)
			return "start of an open frame";
		if (s->frames[i].child_ticks != call->children)
			return "children of an open frame";
	}
	return NULL;
}

static const char *check_exactly(struct oracle *o, const struct machine_spool *s)
{
	struct replay r;
	r.o = o;
	r.now = r.gap = 0;
	r.depth = 0;
	o->paths_n = 1;
	memset(o->paths, 0, sizeof o->paths[0]);
	for (uint32_t i = 0; i < o->calls_n; i++)
		o->calls[i].open = false;
	if (!replay(&r))
		return "the oracle itself: an exit without its enter";
	const char *wrong = check_paths(o, s);
	return wrong ? wrong : check_frames(&r, s);
}

/* Signed: what was counted twice may have been subtracted. */
static uint64_t distance(uint64_t a, uint64_t b)
{
	const int64_t d = (int64_t)(a - b);
	return (uint64_t)(d < 0 ? -d : d);
}

/* Holes belong to hooks that were left for good between reserving and storing. */
static uint64_t most_torn(const struct oracle *o)
{
	uint64_t n = 2 * o->late; /* its own slot, and the one that it may have overwritten */
	for (uint32_t i = o->first_place; i < o->places_n; i++) {
		const uint32_t event = o->places[i].event;
		n += event != ORACLE_VOID && !o->events[event].stored && !o->events[event].dropped;
	}
	return n;
}

const char *oracle_check(struct oracle *o, const struct reading *r, const struct machine_spool *s,
			 struct oracle_doubt doubt)
{
	uint64_t off = 0;

	if (distance(r->attempted, r->folded + r->pending + r->torn) > doubt.events)
		return "identity";
	if (r->dropped != o->dropped)
		return "dropped";
	if (r->torn > most_torn(o) + doubt.events)
		return "torn";
	if (distance(r->folded + r->pending, o->stored) > doubt.events + 2 * o->late)
		return "events recorded";
	for (uint32_t i = 0; i < MACHINE_FUNCTIONS; i++)
		off += distance(r->calls[i], o->enters[i]);
	if (off > doubt.calls + 2 * o->late)
		return "calls";
	if (doubt.calls || o->late || o->dropped || o->forked || o->ambiguous)
		return NULL;
	if (s->thread.state != AP_THREAD_LIVE)
		return o->stored ? "thread" : NULL;
	if (s->thread.clamps)
		return "clamps";
	return check_exactly(o, s);
}
