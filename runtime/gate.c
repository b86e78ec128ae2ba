/* SPDX-License-Identifier: MIT */
/* runtime/gate.c - gates: calls of demoted functions are counted by their hooks, and recorded in windows only.
 *
 * A thread has its own table, which only it changes, in its slow path, when all of its events are folded: so each call is
 * either counted or recorded, whatever is demoted when, and its enter decides. A window begins after a random number of
 * demoted calls, for every N-th would follow the program's own rhythm, and lasts for AP_WINDOW_CALLS calls of any
 * function: meanwhile all is recorded. What windows say of the time between them: fold_thin.c and profile/estimate.c.
 *
 * Who is demoted is said by govern.c. */
#include "runtime/govern.h"

#define LASTING_NS 100000ull
#define AP_GATES_BYTES (sizeof(struct ap_gates) + sizeof(struct ap_governor))

static uint64_t next_random(struct ap_governor *governor)
{
	uint64_t x = governor->random;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	governor->random = x;
	return x;
}

/* -ln(u) of a random u in (0, 1], times 2^16: the logarithm to base 2 from the place of the highest bit, and between powers of
 * two a parabola through both ends, off by at most 0.01. */
static uint64_t exponential(uint64_t random)
{
	const uint64_t u = random | 1;
	const unsigned zeros = (unsigned)__builtin_clzll(u);
	const uint64_t fraction = zeros == 63 ? 0 : (u << (zeros + 1)) >> 48;
	const uint64_t log2 = fraction + ((fraction * (65536 - fraction) >> 16) * 22477 >> 16);
	const uint64_t bits = ((uint64_t)(zeros + 1) << 16) - log2;
	return bits * 45426 >> 16; /* ln 2 */
}

int32_t ap_gate_draw(struct ap_gates *gates, struct ap_governor *governor)
{
	const uint64_t mean = (uint64_t)AP_WINDOW_CALLS << (gates->weight_log2 & 31);
	return (int32_t)(exponential(next_random(governor)) * mean >> 16);
}

/* Handlers that come in between find everything as it was, and no turn to make. One may fork: in the child there are
 * neither gates nor a governor. */
void ap_gate_turn(struct ap_ctl *ctl)
{
	struct ap_governor *const governor = ctl->governor;
	struct ap_gates *const gates = ctl->gates_all;
	if (ctl->skip >= 0 || !governor || !gates)
		return;
	ctl->skip = INT32_MAX;
	ap_pause_look(ap_runtime.control, ap_ticks()); /* counting needs no slow path that would */
	const uint32_t group = ctl->window ? 0 : governor->windows++ % AP_WINDOW_GROUPS + 1;
	const int32_t skip = group ? (int32_t)AP_WINDOW_CALLS : ap_gate_draw(gates, governor);
	ap_record_special(AP_SPECIAL_WINDOW, group);
	if (ctl->governor != governor)
		return;
	ctl->window = group;
	ctl->gates = group ? NULL : gates->gate;
	ctl->skip = skip;
}

void ap_gate_end_window(struct ap_ctl *ctl)
{
	struct ap_thread *thread = ctl->thread;
	ctl->window = 0;
	thread->window = AP_WINDOW(AP_WINDOW_EPOCH(thread->window), 0u);
	ctl->skip = ap_gate_draw(ctl->gates_all, ctl->governor);
}

/* Exits of functions that end by a jump, or have used alloca, come with another stack pointer than their enters: then nothing
 * tells those of a call that is kept from those of deeper ones. Told by the last chunk, which holds thousands. */
static bool exits_move(const struct ap_control *c, const struct ap_thread *thread, uint64_t address)
{
	const struct ap_chunk *chunk = ap_at(c, thread->last_chunk);
	const struct ap_event *events = (const struct ap_event *)(chunk + 1);
	uint32_t enter = 0, site = 0;
	bool entered = false;
	for (uint32_t i = 0; i < chunk->slots; i++) {
		const enum ap_event_kind kind = ap_event_kind(events[i].word);
		if (kind == AP_EVENT_SPECIAL || ap_event_address(events[i].word) != address)
			continue;
		const uint32_t stack = ap_event_stack(events[i].word, events[i].time);
		if (kind == AP_EVENT_EXIT && entered && ap_event_site(events[i].word) == site &&
		    stack != enter)
			return true;
		entered = kind == AP_EVENT_ENTER; /* of this exit, if that comes next */
		enter = stack;
		site = ap_event_site(events[i].word);
	}
	return false;
}

/* Calls that are open were recorded when they began. Of those that are open for long, a recursion, a loop over everything,
 * the innermost is kept, with all that is above it; of others the exits will not be recorded. */
static void look_at_open(const struct ap_control *c, const struct ap_thread *thread,
			 struct ap_gate *gate)
{
	struct ap_frame *frames = ap_at(c, thread->frames);
	const uint32_t depth = AP_FOLD_DEPTH(thread->fold);
	const uint64_t now = thread->last_ticks - thread->gap_ticks[AP_FOLD_GAP(thread->fold)];
	const uint64_t long_ago = now - ap_ticks_of_ns(LASTING_NS);
	uint32_t i = depth < thread->frames_max ? depth : thread->frames_max;
	for (; i > 0; i--) {
		struct ap_frame *frame = &frames[i - 1];
		if (ap_event_address(frame->word) != AP_GATE_ADDRESS(gate->function) ||
		    frame->flags & AP_FRAME_PART)
			continue;
		const bool lasts =
			(int64_t)(frame->start - long_ago) < 0 || frame->flags & AP_FRAME_INHERITED;
		if (lasts && !gate->moves) {
			gate->kept = ap_event_stack(frame->word, (uint64_t)frame->stack << 48);
			gate->function |= AP_GATE_KEEPS;
			frame->flags &= (uint16_t)~AP_FRAME_DEMOTED;
			return;
		}
		frame->flags |= frame->flags & AP_FRAME_INHERITED ? 0 : AP_FRAME_DEMOTED;
	}
}

static struct ap_gate *free_gate(struct ap_gates *gates, uint64_t address)
{
	struct ap_gate *gate = &gates->gate[ap_gate_index(address)];
	for (uint32_t k = 0; k < AP_GATES_NEAR; k++)
		if (!gate[k].function)
			return &gate[k];
	return NULL;
}

bool ap_gate_close(struct ap_control *c, struct ap_ctl *ctl, uint64_t address)
{
	const uint32_t there = ap_gate_find(ctl->gates_all->gate, address);
	struct ap_gate *gate = there < AP_GATES ? &ctl->gates_all->gate[there]
						: free_gate(ctl->gates_all, address);
	if (!gate)
		return false;
	if (!gate->function)
		gate->id = ap_function_id(c, address, ap_ticks());
	const struct ap_gate before = *gate;
	gate->moves |= exits_move(c, ctl->thread, address);
	gate->function = address;
	look_at_open(c, ctl->thread, gate);
	ctl->governor->active += !before.function || before.function & AP_GATE_OPEN;
	ctl->governor->changed |= gate->function != before.function || gate->kept != before.kept;
	return true;
}

void ap_gate_open(struct ap_ctl *ctl, struct ap_gate *gate)
{
	gate->function |= AP_GATE_OPEN;
	ctl->governor->active--;
	ctl->governor->changed = true;
}

void ap_gates_off(void)
{
	if (!__atomic_load_n(&ap_runtime.gated, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&ap_runtime.gated, false, __ATOMIC_RELAXED);
	ap_way_choose();
}

/* Where it is in the list of all it stays, with what it has counted. */
static ap_ref new_table(struct ap_control *c)
{
	const ap_ref ref = ap_space_alloc(c, AP_GATES_BYTES);
	if (!ref)
		return 0;
	struct ap_gates *gates = ap_at(c, ref);
	do
		gates->next = __atomic_load_n(&c->header->gates, __ATOMIC_ACQUIRE);
	while (!__atomic_compare_exchange_n(&c->header->gates, &gates->next, ref, false,
					    __ATOMIC_RELEASE, __ATOMIC_ACQUIRE));
	return ref;
}

struct ap_gates *ap_gates_take(struct ap_control *c, struct ap_thread *thread)
{
	ap_ref ref = (ap_ref)thread->gates;
	if (!ref)
		ref = ap_block_pop(c, &c->free_gates);
	if (!ref)
		ref = new_table(c);
	if (!ref)
		return NULL;
	struct ap_gates *gates = ap_at(c, ref);
	gates->weight_log2 = AP_WEIGHT_FIRST;
	for (uint32_t i = 0; i < AP_GATES; i++)
		if (gates->gate[i].function)
			gates->gate[i].function |= AP_GATE_OPEN;
	thread->gates = ref;
	return gates;
}

void ap_gates_give(struct ap_control *c, struct ap_thread *thread)
{
	const ap_ref ref = (ap_ref)thread->gates;
	thread->gates = 0;
	if (ref)
		ap_block_push(c, &c->free_gates, ref);
}
