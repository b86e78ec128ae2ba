/* SPDX-License-Identifier: MIT */
/* runtime/gate.c - gates: calls of demoted functions are counted by their hooks, and recorded in windows only.
 *
 * A thread has its own table. It closes gates by itself, in its slow path, when all of its events are folded: so each call is
 * either counted or recorded, whatever is demoted when, and its enter decides. Who unloads code opens those of all. Each gate has a random number of calls, until
 * a window begins with one of its calls, for every N-th would follow the program's own rhythm: exponential, so that over all
 * gates together it is as if there were one such number. A window lasts for AP_WINDOW_CALLS calls of any
 * function: meanwhile all is recorded. What windows say of the time between them: fold_thin.c and profile/estimate.c.
 *
 * Who is demoted is said by govern.c. */
#include "runtime/govern.h"

#define LASTING_NS 100000ull
#define AP_GATES_BYTES (sizeof(struct ap_gates) + sizeof(struct ap_governor))

/* Where hooks are patched, those that are not look more often, as their calls say when the others come back. Nobody knows
 * beforehand which these will be. */
static bool looks_often(const struct ap_gate *gate)
{
	return !(gate->kept & AP_GATE_PATCHED) && ap_patch_goes_on();
}

static uint64_t calls_to_window(const struct ap_gates *gates, struct ap_governor *governor)
{
	const uint64_t mean = (uint64_t)AP_WINDOW_CALLS << (gates->weight_log2 & 31);
	return ap_random_exponential(&governor->random, mean);
}

/* @less: of its calls, which will be recorded. A handler may come at any time, and count. */
static void draw(const struct ap_gates *gates, struct ap_governor *governor, struct ap_gate *gate,
		 uint32_t less)
{
	const uint64_t random = looks_often(gate)
					? ap_random_exponential(&governor->random, AP_LOOK_CALLS)
					: calls_to_window(gates, governor);
	const uint32_t n = (uint32_t)random + 1;
	uint64_t before = __atomic_load_n(&gate->counts, __ATOMIC_RELAXED), after;
	do {
		const uint32_t calls = (uint32_t)before + (uint32_t)(before >> 32) - less;
		after = (uint64_t)(calls + n) << 32 | (0u - n);
	} while (!__atomic_compare_exchange_n(&gate->counts, &before, after, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	gate->known = ap_gate_calls(gate);
}

void ap_gates_draw(struct ap_ctl *ctl)
{
	for (uint32_t u = 0; u < ap_gates_used(ctl->gates_all); u++) {
		struct ap_gate *gate = ap_gate_used(ctl->gates_all, u);
		if (ap_gate_is_closed(gate))
			draw(ctl->gates_all, ctl->governor, gate, 0);
	}
}

/* A window would see nothing of functions whose hooks are patched out. */
static bool begins_window(struct ap_ctl *ctl, const struct ap_gates *gates,
			  struct ap_governor *governor, const struct ap_gate *gate, uint64_t now)
{
	if (!(gate->kept & AP_GATE_PATCHED) && ap_patch_pace_counts(now)) {
		ap_patch_turn(ap_runtime.control, ctl);
		return false;
	}
	if (ctl->window || ap_patch_asleep())
		return false;
	return !looks_often(gate) || calls_to_window(gates, governor) < AP_LOOK_CALLS;
}

void ap_gate_pass(struct ap_ctl *ctl)
{
	struct ap_governor *const governor = ctl->governor;
	if (ctl->look_later >= 0) { /* as none has come for long */
		ap_patch_turn(ap_runtime.control, ctl);
		return;
	}
	ctl->look_later = governor
				  ? (int32_t)ap_random_exponential(&governor->random, AP_LOOK_CALLS)
				  : (int32_t)AP_LOOK_CALLS;
	if (ap_patch_pace_counts(ap_ticks()))
		ap_patch_turn(ap_runtime.control, ctl);
}

/* Windows are dealt to groups in turn, so that what differs between these is what differs between windows. Where hooks are patched
 * windows come in phases, and those of one phase are alike: then phases are dealt. */
static uint32_t turn_of(struct ap_governor *governor)
{
	return __atomic_load_n(&ap_runtime.patched_n, __ATOMIC_RELAXED) ? ap_patch_phase()
									: governor->windows++;
}

/* A handler that comes in between may fork: in the child there are neither gates nor a governor. */
bool ap_gate_look(struct ap_ctl *ctl, struct ap_gate *gate)
{
	struct ap_governor *const governor = ctl->governor;
	struct ap_gates *const gates = ctl->gates_all;
	if (!governor || !gates)
		return true;
	const uint64_t now = ap_ticks();
	ap_pause_look(ap_runtime.control, now); /* counting needs no slow path that would */
	const bool begins = begins_window(ctl, gates, governor, gate, now);
	if (ctl->governor != governor)
		return true;
	draw(gates, governor, gate, begins);
	if (!begins)
		return false;
	const uint32_t group = turn_of(governor) % AP_WINDOW_GROUPS + 1;
	ap_record_special(AP_SPECIAL_WINDOW, group);
	if (ctl->governor != governor)
		return true;
	ctl->window = group;
	ctl->gates = NULL;
	ctl->skip = AP_WINDOW_CALLS;
	return true;
}

/* Handlers that come in between find nothing to end. */
void ap_gate_leave_window(struct ap_ctl *ctl)
{
	struct ap_gates *const gates = ctl->gates_all;
	if (!ctl->window || !gates)
		return;
	ctl->skip = INT32_MAX;
	ap_record_special(AP_SPECIAL_WINDOW, 0);
	if (ctl->gates_all != gates)
		return;
	ctl->window = 0;
	ctl->gates = gates->gate;
}

void ap_gate_end_window(struct ap_ctl *ctl)
{
	struct ap_thread *thread = ctl->thread;
	ctl->window = 0;
	thread->window = AP_WINDOW(AP_WINDOW_EPOCH(thread->window), 0u);
}

/* Enters of one function whose exits have not come yet, the last of them. */
#define OPEN_MOST 32u
struct open_calls {
	uint32_t stack[OPEN_MOST], site[OPEN_MOST];
	uint32_t n;
};

static void add_enter(struct open_calls *open, uint32_t stack, uint32_t site)
{
	const uint32_t i = open->n++ % OPEN_MOST;
	open->stack[i] = stack;
	open->site[i] = site;
}

/* Those above it were left by a longjmp. Return: is there one with the stack pointer of this exit? */
static bool take_enter(struct open_calls *open, uint32_t stack)
{
	const uint32_t most = open->n < OPEN_MOST ? open->n : OPEN_MOST;
	for (uint32_t k = 1; k <= most; k++) {
		if (open->stack[(open->n - k) % OPEN_MOST] == stack) {
			open->n -= k;
			return true;
		}
	}
	return false;
}

/* From the same place another call was entered, and that is not over: then this may be its exit. */
static bool is_of_last(const struct open_calls *open, uint32_t site)
{
	return open->n && open->site[(open->n - 1) % OPEN_MOST] == site;
}

#define STRAY_EXITS 8u /* one in so many is that of a call which was entered before */

/* Exits of functions that end by a jump come with a higher stack pointer than their enters, but not above that of their caller's
 * call. After alloca they come with a lower one: then nothing tells those of a call that is kept from those of deeper ones. Told by
 * the last chunk, which holds thousands. Return: AP_GATE_MOVES, AP_GATE_SINKS. */
static uint32_t how_exits_move(const struct ap_control *c, const struct ap_thread *thread,
			       uint64_t address)
{
	const struct ap_chunk *chunk = ap_at(c, thread->last_chunk);
	const struct ap_event *events = (const struct ap_event *)(chunk + 1);
	struct open_calls open = {.n = 0};
	uint32_t higher = 0, lower = 0, exits = 0;
	for (uint32_t i = 0; i < chunk->slots; i++) {
		const uint64_t word = events[i].word;
		const enum ap_event_kind kind = ap_event_kind(word);
		if (kind == AP_EVENT_SPECIAL || ap_event_address(word) != address)
			continue;
		const uint32_t stack = ap_event_stack(word, events[i].time);
		const uint32_t site = ap_event_site(word);
		if (kind == AP_EVENT_ENTER) {
			add_enter(&open, stack, site);
			continue;
		}
		exits++;
		if (take_enter(&open, stack) || !is_of_last(&open, site))
			continue;
		const uint32_t up = stack - open.stack[--open.n % OPEN_MOST];
		*((up & 0x7ffffu) < 0x40000u ? &higher : &lower) += 1;
	}
	return ((higher + lower) * STRAY_EXITS > exits ? AP_GATE_MOVES : 0) |
	       (lower * STRAY_EXITS > exits ? AP_GATE_SINKS : 0);
}

/* Who makes a turn may mark the gate as patched meanwhile. */
static bool keep(struct ap_gate *gate, uint32_t stack)
{
	uint32_t before = __atomic_load_n(&gate->kept, __ATOMIC_RELAXED);
	return !(before & (AP_GATE_SINKS | AP_GATE_PATCHED)) &&
	       __atomic_compare_exchange_n(&gate->kept, &before, (before & AP_GATE_MOVES) | stack,
					   false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
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
		if (lasts &&
		    keep(gate, ap_event_stack(frame->word, (uint64_t)frame->stack << 48))) {
			gate->function |= AP_GATE_KEEPS;
			frame->flags &= (uint16_t)~AP_FRAME_DEMOTED;
			return;
		}
		frame->flags |= frame->flags & AP_FRAME_INHERITED ? 0 : AP_FRAME_DEMOTED;
	}
}

/* By its thread alone; whoever makes a turn reads the list. */
static void add_used(struct ap_gates *gates, const struct ap_gate *gate)
{
	const uint32_t n = gates->used_n;
	gates->used[n] = (uint16_t)(gate - gates->gate);
	__atomic_store_n(&gates->used_n, n + 1, __ATOMIC_RELEASE);
}

struct ap_gate *ap_gate_make(struct ap_control *c, struct ap_ctl *ctl, uint64_t address)
{
	const uint32_t there = ap_gate_find(ctl->gates_all->gate, address);
	struct ap_gate *gate = there < AP_GATES ? &ctl->gates_all->gate[there]
						: ap_gate_free(ctl->gates_all->gate, address);
	if (gate && !gate->function) {
		gate->id = ap_function_id(c, address, ap_ticks());
		gate->function = address | AP_GATE_OPEN;
		add_used(ctl->gates_all, gate);
	}
	return gate;
}

/* Once code has been unloaded, an address that is not there for good may mean something else at any time. */
static bool may_close(const struct ap_control *c, uint64_t address)
{
	return !__atomic_load_n(&c->unloads_n, __ATOMIC_SEQ_CST) || ap_module_stays(address);
}

bool ap_gate_close(struct ap_control *c, struct ap_ctl *ctl, uint64_t address, bool patched)
{
	struct ap_gate *gate = may_close(c, address) ? ap_gate_make(c, ctl, address) : NULL;
	if (!gate)
		return false;
	const struct ap_gate before = *gate;
	__atomic_fetch_or(&gate->kept,
			  how_exits_move(c, ctl->thread, address) | (patched ? AP_GATE_PATCHED : 0),
			  __ATOMIC_RELAXED);
	gate->function = address;
	look_at_open(c, ctl->thread, gate);
	draw(ctl->gates_all, ctl->governor, gate, 0);
	ctl->governor->active += (before.function & AP_GATE_OPEN) != 0;
	ctl->governor->changed |= gate->function != before.function || gate->kept != before.kept;
	/* Either this sees that something was unloaded, or who unloads sees the gate. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (may_close(c, address))
		return true;
	ap_gate_open(ctl, gate);
	return false;
}

void ap_gate_open(struct ap_ctl *ctl, struct ap_gate *gate)
{
	gate->function |= AP_GATE_OPEN;
	ctl->governor->active -= ctl->governor->active > 0;
	ctl->governor->changed = true;
}

void ap_gates_unload(struct ap_control *c)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (struct ap_gates *gates = ap_gates_first(c); gates; gates = ap_gates_next(c, gates)) {
		for (uint32_t u = 0; u < ap_gates_used(gates); u++) {
			struct ap_gate *gate = ap_gate_used(gates, u);
			if (!ap_gate_is_closed(gate) ||
			    ap_module_stays(AP_GATE_ADDRESS(gate->function)))
				continue;
			__atomic_fetch_or(&gate->kept, AP_GATE_UNLOADED, __ATOMIC_RELAXED);
			__atomic_fetch_or(&gate->function, AP_GATE_OPEN, __ATOMIC_RELEASE);
		}
	}
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
	for (uint32_t u = 0; u < ap_gates_used(gates); u++) {
		struct ap_gate *gate = ap_gate_used(gates, u);
		gate->function |= AP_GATE_OPEN;
		gate->kept &= ~(AP_GATE_PATCHED | AP_GATE_UNLOADED);
	}
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
