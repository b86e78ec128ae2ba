/* SPDX-License-Identifier: MIT */
/* runtime/patch.c - hooks of demoted functions are patched out of the code (asleep), and come back now and then (awake).
 *
 * Which hooks there are was listed by the attendant (spool/patch.h); of each function all or none. Whatever is not as
 * expected ends it, with a note.
 *
 * While all of them are awake, gates count as ever (gate.c); how much is not counted in sleep, the reader estimates from that.
 * Every thread closes its gates of functions that are patched before it records much else, so no call is lost. Calls
 * of other functions say when a phase is over (patch_pace.c); a program none of whose other hooks is called sleeps on. */
#include <sys/prctl.h>
#include <time.h>

#include "runtime/patch.h"
#include "runtime/sys.h"
#include "spool/names.h"
#include "spool/pause.h"
#include "spool/sums.h"

/* That nothing was called in a phase which would tell of it: so long, and so many sleeps, four times as long as until it is looked at. */
#define LATE_NS 100000000ull
#define LATE_SLEEPS 16u
#define LIST_NS 60000000000ull /* longer than any list takes */
#define STACK_BYTES 16384u
#define FORK_STEPS 20000 /* a second */

static struct ap_patch patch;
static char stack[STACK_BYTES] __attribute__((aligned(16))); /* of who holds the lock */

static void set_due(uint64_t ticks)
{
	__atomic_store_n(&ap_runtime.patch_due, ticks, __ATOMIC_RELAXED);
}

static void set_asleep(bool asleep)
{
	__atomic_store_n(&patch.asleep, asleep, __ATOMIC_RELAXED);
}

/* Threads that have not joined need not any more. */
static void leave_off(void)
{
	patch.over = true;
	__atomic_store_n(&ap_runtime.patched_n, 0, __ATOMIC_RELEASE);
}

/* Hooks are there by now, or cannot come back. */
static void give_up_silently(struct ap_control *c, const char *why)
{
	leave_off();
	set_due(0);
	ap_space_note(c, why);
	__atomic_store_n(&c->header->patch_state, AP_PATCH_FAILED, __ATOMIC_RELEASE);
}

static void give_up(struct ap_control *c, const char *why)
{
	ap_log(why, 0);
	give_up_silently(c, why);
}

static void note_uncounted(struct ap_control *c)
{
	for (uint32_t i = 0; i < patch.chosen_n; i++)
		__atomic_store_n(&ap_patched_at(c, i)->uncounted, 1, __ATOMIC_RELAXED);
}

/* It is tried again, but nobody knows how long that will take. */
static void note_stuck(struct ap_control *c)
{
	note_uncounted(c);
	if (!patch.over)
		give_up(c, "patch: hooks could not be put back when it was time: the process's "
			   "memory cannot be opened or written any more");
}

/* Return: are hooks back, but for those that somebody else has changed? */
static bool write_awake(struct ap_control *c)
{
	const enum ap_patch_written written = ap_patch_code_write(&patch, false);
	if (written == AP_PATCH_FOREIGN) {
		note_uncounted(c);
		if (!patch.over)
			give_up(c, "patch: somebody else changes the code");
	}
	if (written == AP_PATCH_UNWRITTEN)
		note_stuck(c);
	return written != AP_PATCH_UNWRITTEN;
}

/* With hooks: @gates are those of the thread that comes by; NULL: of none. */
static void begin_phase_of(struct ap_gates *gates)
{
	patch.since_cpu_ns = ap_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	patch.woken_for = gates;
	patch.before_n = gates ? ap_gates_used(gates) : 0;
	patch.before_others = gates ? gates->others : 0;
	for (uint32_t u = 0; u < patch.before_n; u++)
		patch.before[u] = ap_gate_calls(ap_gate_used(gates, u));
}

/* Longer than that without others' calls, a phase of either kind is no sample of what the program does. */
static uint64_t late_ns(void)
{
	return ap_larger(ap_patch_sleep_ns(&patch) * LATE_SLEEPS, LATE_NS);
}

/* Until when it lasts is said by others' calls; when that is looked at again if they do not come, by this. */
static void pace(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	const uint64_t most = ap_patch_pace(&patch), now = ap_ticks();
	set_due(now + most);
	h->asleep_late_cpu_ns = patch.drawn_cpu_ns + late_ns();
	h->asleep_late = now + ap_ticks_of_ns(late_ns());
}

/* Where hooks cannot come back, or there are none that could go. By then, not by others' calls. */
static void try_again_later(void)
{
	ap_patch_pace_begin(&patch);
	set_due(ap_ticks() + ap_ticks_of_ns(ap_patch_sleep_ns(&patch)));
}

/* Functions that would have woken them were not called for long, and the process was not idle: it did something else. While
 * recording was off nobody would have woken them. */
static bool is_late(const struct ap_spool_header *h)
{
	const uint64_t now = ap_ticks();
	return (int64_t)(now - h->asleep_late) > 0 &&
	       ap_clock_ns(CLOCK_PROCESS_CPUTIME_ID) > h->asleep_late_cpu_ns &&
	       !ap_pause_between(h, h->asleep_since, now);
}

/* Where a batch ends: what is no other any more was one in all of it. */
static void choose(struct ap_control *c)
{
	const uint32_t chosen_n = patch.chosen_n;
	struct ap_gates *gates = patch.woken_for;
	if (!gates || (ap_patch_sleepers_of(c, gates) && !ap_patch_batch_is_over(gates)))
		return;
	const uint64_t others = ap_patch_others(c, &patch, gates);
	const uint64_t calls = ap_patch_choose(c, &patch, gates); /* more by now, if it goes on */
	if (patch.chosen_n == chosen_n)
		return;
	ap_patch_count_tell(c, &patch, 2);
	ap_patch_count_from_here(c, &patch, chosen_n);
	ap_patch_pace_others(&patch, others > calls ? others - calls : 0, others);
}

static void fall_asleep(struct ap_control *c, struct ap_gates *gates)
{
	const uint64_t now = ap_ticks();
	ap_patch_count_phase(c, &patch);
	choose(c);
	ap_patch_count_tell(c, &patch, AP_PATCH_BATCH);
	__atomic_store_n(&ap_runtime.patched_n, patch.chosen_n, __ATOMIC_RELEASE);
	if (patch.chosen_n == 0) {
		begin_phase_of(gates);
		try_again_later();
		return;
	}
	set_asleep(true);
	__atomic_store_n(&c->header->asleep_since, now, __ATOMIC_RELEASE);
	const enum ap_patch_written written = ap_patch_code_write(&patch, true);
	pace(c);
	if (written == AP_PATCH_WRITTEN)
		return;
	if (!write_awake(c)) { /* they sleep on, until they can come back */
		try_again_later();
		return;
	}
	set_asleep(false);
	note_uncounted(c); /* for that moment */
	__atomic_store_n(&c->header->asleep_since, 0, __ATOMIC_RELEASE);
	if (!patch.over)
		give_up(c, "patch: code cannot be written here");
}

/* @gates: of the thread that comes by; NULL: of none. What a turn costs is measured here: when hooks go for the first time each page
 * of code is copied, which takes five times as long, and would make the first sleep that much longer. */
static void wake_up(struct ap_control *c, struct ap_gates *gates)
{
	const uint64_t cpu_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	const bool late = is_late(c->header), awake = write_awake(c);
	const uint64_t now = ap_ticks(), written_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (!awake) {
		try_again_later();
		return;
	}
	if (late)
		note_uncounted(c);
	ap_patch_count_phase(c, &patch);
	c->header->sleeps++;
	__atomic_store_n(&patch.phase, patch.phase + 1, __ATOMIC_RELAXED);
	c->header->asleep_ticks += now - c->header->asleep_since;
	__atomic_store_n(&c->header->asleep_since, 0, __ATOMIC_RELEASE);
	set_asleep(false);
	begin_phase_of(gates);
	const uint64_t counted_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	patch.turn_ns = ap_larger(written_ns - cpu_ns, counted_ns - written_ns);
	if (patch.over)
		set_due(0);
	else
		pace(c);
}

/* The same with hooks: what calls nothing else for so long would keep them, and pass the budget, for as long as it does. */
static bool outlasts(void)
{
	return ap_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - patch.since_cpu_ns > late_ns();
}

/* It is as long as many of its kind, and not over: others are called less often by now, or not at all. */
static void go_on(struct ap_control *c, struct ap_gates *gates)
{
	const bool over = !patch.asleep && outlasts();
	if (over || (patch.asleep && is_late(c->header)))
		note_uncounted(c);
	if (over)
		fall_asleep(c, gates);
	else
		pace(c);
}

static void turn_body(void *argument)
{
	struct ap_control *c = ap_runtime.control;
	const struct ap_ctl *ctl = argument;
	if (patch.forking)
		return;
	if (patch.chosen_n && !patch.over && !ap_patch_pace_is_over())
		go_on(c, ctl->gates_all);
	else if (patch.asleep)
		wake_up(c, ctl->gates_all);
	else if (patch.over)
		set_due(0);
	else
		fall_asleep(c, ctl->gates_all);
}

static bool is_due(uint64_t ticks)
{
	const uint64_t due = __atomic_load_n(&ap_runtime.patch_due, __ATOMIC_RELAXED);
	return due != 0 && (ap_patch_pace_is_over() || (int64_t)(ticks - due) >= 0);
}

static bool has_filter(void)
{
	return ap_sys2(SYS_prctl, PR_GET_SECCOMP, 0) > 0;
}

/* A filter on system calls that came by a raw system call, of which nobody told us: what a turn needs may be forbidden by now,
 * and be death. Where there was one from the beginning another one is not seen. */
static bool is_barred(struct ap_control *c)
{
	if (patch.barred || patch.had_filter || !has_filter())
		return patch.barred;
	patch.barred = true;
	if (patch.asleep)
		note_uncounted(c);
	give_up_silently(c, "patch: system calls are filtered by now: hooks stay as they are");
	return true;
}

/* Where nobody else is at it, with signals blocked. */
static void turn_if_due(struct ap_control *c, struct ap_ctl *ctl)
{
	if (!ap_patch_lock_try())
		return;
	if (patch.list && is_due(ap_ticks()) && !is_barred(c))
		ap_arch_call_on_stack(turn_body, ctl, stack + sizeof stack);
	ap_patch_unlock();
}

void ap_patch_turn(struct ap_control *c, struct ap_ctl *ctl)
{
	/* A forked child's first hook comes before its start, that of vfork's never has one. */
	if (!c || !c->header || !ctl->thread || ap_patch_lock_is_held() ||
	    __atomic_load_n(&patch.forking, __ATOMIC_RELAXED) || ctl->tid != ap_gettid())
		return;
	const uint64_t start = ap_ticks();
	const uint64_t mask = ap_signals_block();
	turn_if_due(c, ctl);
	ap_signals_restore(mask);
	ap_record_gap(start);
}

/* A handler may have forked: then there is no control yet. */
bool ap_patch_goes_on(void)
{
	const struct ap_control *c = ap_runtime.control;
	return c && c->header && c->header->patch_wanted && !patch.over;
}

uint32_t ap_patch_phase(void)
{
	return __atomic_load_n(&patch.phase, __ATOMIC_RELAXED);
}

bool ap_patch_asleep(void)
{
	return __atomic_load_n(&patch.asleep, __ATOMIC_RELAXED);
}

/* What is left of the parent's is a list, and code that is as it was. */
static bool prepare(struct ap_control *c)
{
	if (!patch.list)
		patch.list = ap_patch_list_read();
	if (!patch.list || !ap_patch_code_prepare())
		return false;
	if (!c->header->patched)
		c->header->patched = ap_space_alloc(c, AP_PATCHED_MOST * sizeof(struct ap_patched));
	return c->header->patched != 0;
}

static void begin(struct ap_control *c, struct ap_gates *gates)
{
	if (!prepare(c)) {
		give_up(c, "patch: neither list nor memory nor membarrier() for it");
		return;
	}
	c->header->patch_functions = patch.list->functions;
	c->header->patch_sites = patch.list->sites;
	c->header->patch_unfit = patch.list->unfit;
	c->header->patch_unread = patch.list->unread;
	__atomic_store_n(&c->header->patch_state, AP_PATCH_LISTED, __ATOMIC_RELEASE);
	const uint64_t now = ap_ticks();
	patch.random = now | 1;
	patch.had_filter = has_filter();
	begin_phase_of(gates);
	try_again_later();
}

/* Of whoever reports of us in the end: the attendant, or the `autoprof run` that we are of. */
static void ask_for_list(struct ap_control *c)
{
	patch.asked_ticks = ap_ticks();
	__atomic_store_n(&c->header->patch_state, AP_PATCH_WANTED, __ATOMIC_RELEASE);
	const bool asked = ap_runtime.settings.monitor
				   ? ap_attendant_start(c)
				   : ap_names_run_pid(ap_names_last(ap_runtime.settings.dir)) != 0;
	if (asked)
		ap_attendant_wake(c);
	else
		give_up(c, "patch: nobody to list the hooks: no attendant");
}

static void look_for_list(struct ap_control *c, struct ap_gates *gates)
{
	const uint32_t state = __atomic_load_n(&c->header->patch_state, __ATOMIC_ACQUIRE);
	const uint64_t waits = ap_ticks() - patch.asked_ticks;
	if (patch.list || state == AP_PATCH_LISTED)
		begin(c, gates);
	else if (state == AP_PATCH_OFF)
		ask_for_list(c);
	else if (state == AP_PATCH_FAILED)
		give_up(c, "patch: no hook can be patched, or no list of them could be made");
	else if (waits > ap_ticks_of_ns(LIST_NS))
		give_up(c, "patch: who was to list the hooks did not");
}

void ap_patch_look(struct ap_control *c, struct ap_ctl *ctl)
{
	if (!c->header->patch_wanted)
		return;
	if (ap_runtime.patch_due) {
		if (is_due(ap_ticks()))
			turn_if_due(c, ctl);
		return;
	}
	if (patch.over || !ap_patch_lock_try())
		return;
	if (!patch.over && !patch.forking)
		look_for_list(c, ctl->gates_all);
	ap_patch_unlock();
}

static void stop(struct ap_control *c)
{
	leave_off();
	if (patch.asleep)
		wake_up(c, NULL);
	if (!patch.asleep)
		set_due(0);
}

/* Nothing is patched, or ever will be; or it stays as it is, and no system call is made that somebody may have forbidden. */
static bool is_over(const struct ap_control *c)
{
	return !c || !c->header || !c->header->patch_wanted || (patch.over && !patch.asleep) ||
	       patch.barred || ap_runtime.off;
}

bool ap_patch_stop(struct ap_control *c)
{
	if (is_over(c))
		return true;
	if (!ap_patch_lock_try())
		return false;
	if (!patch.forking && !is_barred(c))
		stop(c);
	const bool over = is_over(c);
	ap_patch_unlock();
	return over;
}

void ap_patch_end(struct ap_control *c)
{
	if (is_over(c))
		return;
	uint64_t mask = ap_patch_lock_wait();
	/* A child that is being made would keep a descriptor. */
	for (int i = 0; patch.forking && i < FORK_STEPS; i++) {
		ap_patch_unlock_all(mask);
		ap_patch_nap();
		mask = ap_patch_lock_wait();
	}
	if (!is_barred(c))
		stop(c);
	ap_patch_unlock_all(mask);
}

void ap_patch_before_fork(void)
{
	if (is_over(ap_runtime.control))
		return;
	const uint64_t mask = ap_patch_lock_wait();
	patch.forking++;
	ap_patch_unlock_all(mask);
}

void ap_patch_after_fork(void)
{
	if (is_over(ap_runtime.control))
		return;
	const uint64_t mask = ap_patch_lock_wait();
	patch.forking -= patch.forking > 0; /* 0: it had not begun when the fork did */
	ap_patch_unlock_all(mask);
}

/* Return: are they back? */
static bool put_back(void)
{
	const uint64_t mask =
		ap_signals_block(); /* a handler's hooks may start the child: the same once more */
	const bool back = !patch.asleep || ap_patch_code_write(&patch, false) != AP_PATCH_UNWRITTEN;
	ap_signals_restore(mask);
	return back;
}

bool ap_patch_child(void)
{
	const bool were_out = patch.list && patch.asleep;
	const bool back = !were_out || (!patch.barred && !ap_runtime.off && put_back());
	patch.over = !back;
	patch.forking = 0;
	if (back)
		patch.chosen_n = patch.sites = 0;
	patch.before_n = 0;
	ap_runtime.patched_n = 0;
	set_due(0);
	set_asleep(!back);
	ap_patch_unlock();
	return were_out;
}

/* It begins with a sleep, which ends when they can come back. */
static void begin_asleep(struct ap_control *c)
{
	const uint64_t now = ap_ticks();
	c->header->patched = ap_space_alloc(c, AP_PATCHED_MOST * sizeof(struct ap_patched));
	patch.chosen_n = c->header->patched ? patch.chosen_n : 0;
	set_asleep(patch.chosen_n != 0);
	for (uint32_t i = 0; i < patch.chosen_n; i++) {
		const uint64_t address = ap_patch_listed(&patch, patch.chosen[i])->address;
		*ap_patched_at(c, i) = (struct ap_patched){
			.function = ap_function_id(c, address, now),
			.address = address,
			.uncounted = 1,
		};
	}
	c->header->patched_n = patch.chosen_n;
	c->header->asleep_since = patch.chosen_n ? now : 0;
	if (patch.chosen_n)
		try_again_later();
	else
		set_due(0);
	ap_space_note(c,
		      "patch: hooks that its parent had patched out could not be put back: calls "
		      "of these functions are missing");
}

void ap_patch_child_starts(struct ap_control *c, bool were_out)
{
	if (were_out)
		ap_space_note(c, "patch: forked while hooks were out: calls before the first one "
				 "that was left were not counted");
	if (patch.asleep)
		begin_asleep(c);
}
