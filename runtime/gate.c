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

void ap_gate_draw(struct ap_ctl *ctl, struct ap_governor *governor)
{
	const uint64_t mean = (uint64_t)AP_WINDOW_CALLS << ctl->gates_all->weight_log2;
	ctl->skip = (int32_t)(exponential(next_random(governor)) * mean >> 16);
}

void ap_gate_turn(struct ap_ctl *ctl)
{
	struct ap_governor *governor = ctl->governor;
	if (ctl->skip >= 0 || !governor)
		return; /* a handler came in between and has done it */
	const uint32_t group = ctl->window ? 0 : governor->windows++ % AP_WINDOW_GROUPS + 1;
	if (group)
		ctl->skip = (int32_t)AP_WINDOW_CALLS;
	else
		ap_gate_draw(ctl, governor);
	ap_record_special(AP_SPECIAL_WINDOW, group);
	ctl->window = group;
	ctl->gates = group ? NULL : ctl->gates_all->gate;
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
		    frame->flags & (AP_FRAME_INHERITED | AP_FRAME_PART))
			continue;
		if ((int64_t)(frame->start - long_ago) < 0) {
			gate->kept = ap_event_stack(frame->word, (uint64_t)frame->stack << 48);
			gate->function |= AP_GATE_KEEPS;
			return;
		}
		frame->flags |= AP_FRAME_DEMOTED;
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
	struct ap_gate *gate = ap_gate_of(ctl->gates_all, address);
	if (!gate)
		gate = free_gate(ctl->gates_all, address);
	if (!gate)
		return false;
	if (!gate->function)
		gate->id = ap_function_id(c, address, ap_ticks());
	const struct ap_gate before = *gate;
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

void ap_gates_spill(struct ap_control *c, struct ap_shard *shard, struct ap_thread *thread)
{
	if (!thread->gates)
		return;
	struct ap_gates *gates = ap_at(c, (ap_ref)thread->gates);
	for (uint32_t i = 0; i < AP_GATES; i++) {
		if (!gates->gate[i].function)
			continue;
		ap_shard_function_stat(c, shard, gates->gate[i].id)->counted +=
			gates->gate[i].calls;
		gates->gate[i] = (struct ap_gate){0};
	}
}
