/* SPDX-License-Identifier: MIT */
/* runtime/patch.c - hooks of demoted functions are patched out of the code (asleep), and come back now and then (awake).
 *
 * Which hooks there are was listed by the attendant (spool/patch.h); of each function all or none. Whatever is not as
 * expected ends it, with a note.
 *
 * While all of them are awake, gates count as ever (gate.c); how much is not counted in sleep, the reader estimates from that.
 * Every thread closes its gates of functions that are patched before it records much else, so no call is lost. Who
 * comes by when a phase is over begins the next one; a program none of whose other hooks is called sleeps on. */
#include <sys/prctl.h>
#include <time.h>

#include "runtime/patch.h"
#include "runtime/sys.h"
#include "spool/names.h"
#include "spool/pause.h"

#define AWAKE_NS 500000ull
#define RATIO 16u /* asleep to awake */
#define TURNS 64u /* a sleep is so many times as long as a turn takes, or more */
/* When it goes on for so many times as long as it was to be, and for so long, nothing that was called in it tells of it. */
#define LATE 16u
#define LATE_NS 100000000ull
#define ABANDONED_NS 1000000000ull
#define LIST_NS 60000000000ull /* longer than any list takes */
#define STACK_BYTES 16384u
#define YIELDS 100
#define STEP_NS 50000
#define FORK_STEPS 20000 /* a second */

static struct ap_patch patch;
static uint32_t lock; /* thread that holds it */
static uint64_t locked_ticks;
static char stack[STACK_BYTES] __attribute__((aligned(16))); /* of who holds it */

/* A vfork child that died in here is not waited for. */
static bool is_abandoned(uint32_t owner)
{
	return ap_ticks() - __atomic_load_n(&locked_ticks, __ATOMIC_RELAXED) >
		       ap_ticks_of_ns(ABANDONED_NS) &&
	       !ap_task_runs(owner);
}

/* Signals are blocked: no handler finds the lock held by its own thread. */
static bool try_lock(void)
{
	uint32_t before = __atomic_load_n(&lock, __ATOMIC_RELAXED);
	if (before && !is_abandoned(before))
		return false;
	if (!__atomic_compare_exchange_n(&lock, &before, ap_gettid(), false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&locked_ticks, ap_ticks(), __ATOMIC_RELAXED);
	return true;
}

static void unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static void nap(void)
{
	const struct timespec step = {0, STEP_NS};
	ap_sys2(SYS_nanosleep, &step, 0);
}

/* Who has it only writes some bytes. One of a lower priority needs the processor for that. */
static uint64_t wait_for_lock(void)
{
	const uint64_t mask = ap_signals_block();
	for (int i = 0; !try_lock(); i++) {
		if (i < YIELDS)
			ap_sys0(SYS_sched_yield);
		else
			nap();
	}
	return mask;
}

static void unlock_all(uint64_t mask)
{
	unlock();
	ap_signals_restore(mask);
}

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

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A test says it by itself. */
static uint64_t awake_ticks(void)
{
	const uint64_t us = ap_runtime.settings.awake_us;
	const uint64_t worth = patch.turn_ticks * TURNS / RATIO;
	return us ? ap_ticks_of_ns(us * 1000) : larger(worth, ap_ticks_of_ns(AWAKE_NS));
}

/* Of a random length: a program with a period of its own is not to keep time with it. */
static uint64_t sleep_ticks(void)
{
	return ap_random_exponential(&patch.random, awake_ticks() * RATIO);
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

static void begin_phase(uint64_t now)
{
	patch.since = now;
	patch.since_cpu_ns = ap_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void set_sleep(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	const uint64_t sleep = sleep_ticks(), now = ap_ticks();
	const uint64_t late = larger(awake_ticks() * RATIO * LATE, ap_ticks_of_ns(LATE_NS));
	set_due(now + sleep);
	begin_phase(now);
	h->asleep_since_cpu_ns = patch.since_cpu_ns;
	h->asleep_late_cpu_ns = patch.since_cpu_ns + ap_ns_of_ticks(late);
	h->asleep_late = now + sleep + late;
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

static void fall_asleep(struct ap_control *c)
{
	const uint64_t now = ap_ticks();
	const uint32_t chosen_n = patch.chosen_n;
	ap_patch_count_phase(c, &patch);
	if (patch.woken_for)
		ap_patch_choose(c, &patch, patch.woken_for);
	ap_patch_count_from_here(c, &patch, chosen_n);
	__atomic_store_n(&ap_runtime.patched_n, patch.chosen_n, __ATOMIC_RELEASE);
	if (patch.chosen_n == 0) {
		begin_phase(now);
		set_due(now + sleep_ticks());
		return;
	}
	set_asleep(true);
	__atomic_store_n(&c->header->asleep_since, now, __ATOMIC_RELEASE);
	const enum ap_patch_written written = ap_patch_code_write(&patch, true);
	set_sleep(c);
	if (written == AP_PATCH_WRITTEN)
		return;
	if (!write_awake(c)) { /* they sleep on, until they can come back */
		set_due(ap_ticks() + sleep_ticks());
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
static void wake_up(struct ap_control *c, const struct ap_gates *gates)
{
	const uint64_t cpu_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	const bool late = is_late(c->header), awake = write_awake(c);
	const uint64_t now = ap_ticks(), written_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (!awake) {
		set_due(now + sleep_ticks());
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
	begin_phase(now);
	patch.woken_for = gates;
	for (uint32_t i = 0; gates && i < AP_GATES; i++)
		patch.before[i] = ap_gate_calls(&gates->gate[i]);
	const uint64_t counted_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	patch.turn_ticks = ap_ticks_of_ns(larger(written_ns - cpu_ns, counted_ns - written_ns));
	set_due(patch.over ? 0 : now + awake_ticks());
}

static void turn_body(void *argument)
{
	struct ap_control *c = ap_runtime.control;
	const struct ap_ctl *ctl = argument;
	if (patch.forking)
		return;
	if (patch.asleep)
		wake_up(c, ctl->gates_all);
	else if (patch.over)
		set_due(0);
	else
		fall_asleep(c);
}

bool ap_patch_is_due(uint64_t ticks)
{
	const uint64_t due = __atomic_load_n(&ap_runtime.patch_due, __ATOMIC_RELAXED);
	return due != 0 && (int64_t)(ticks - due) >= 0;
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
	if (!try_lock())
		return;
	if (patch.list && ap_patch_is_due(ap_ticks()) && !is_barred(c))
		ap_arch_call_on_stack(turn_body, ctl, stack + sizeof stack);
	unlock();
}

void ap_patch_turn(struct ap_control *c, struct ap_ctl *ctl)
{
	/* A forked child's first hook comes before its start, that of vfork's never has one. */
	if (!c || !c->header || !ctl->thread || __atomic_load_n(&lock, __ATOMIC_RELAXED) ||
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

static void begin(struct ap_control *c, const struct ap_gates *gates)
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
	begin_phase(now);
	patch.had_filter = has_filter();
	patch.woken_for = gates;
	set_due(now);
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

static void look_for_list(struct ap_control *c, const struct ap_gates *gates)
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

/* After hours without a call the low bits of the time that events have may be on either side again. */
void ap_patch_look(struct ap_control *c, struct ap_ctl *ctl)
{
	if (!c->header->patch_wanted)
		return;
	if (ap_runtime.patch_due) {
		if (ap_patch_is_due(ap_ticks()))
			turn_if_due(c, ctl);
		return;
	}
	if (patch.over || !try_lock())
		return;
	if (!patch.over && !patch.forking)
		look_for_list(c, ctl->gates_all);
	unlock();
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
	if (!try_lock())
		return false;
	if (!patch.forking && !is_barred(c))
		stop(c);
	const bool over = is_over(c);
	unlock();
	return over;
}

void ap_patch_end(struct ap_control *c)
{
	if (is_over(c))
		return;
	uint64_t mask = wait_for_lock();
	/* A child that is being made would keep a descriptor. */
	for (int i = 0; patch.forking && i < FORK_STEPS; i++) {
		unlock_all(mask);
		nap();
		mask = wait_for_lock();
	}
	if (!is_barred(c))
		stop(c);
	unlock_all(mask);
}

void ap_patch_before_fork(void)
{
	if (is_over(ap_runtime.control))
		return;
	const uint64_t mask = wait_for_lock();
	patch.forking++;
	unlock_all(mask);
}

void ap_patch_after_fork(void)
{
	if (is_over(ap_runtime.control))
		return;
	const uint64_t mask = wait_for_lock();
	patch.forking -= patch.forking > 0; /* 0: it had not begun when the fork did */
	unlock_all(mask);
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
	for (uint32_t i = 0; i < AP_GATES; i++)
		patch.before[i] = 0;
	ap_runtime.patched_n = 0;
	set_due(0);
	set_asleep(!back);
	unlock();
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
	set_due(patch.chosen_n ? now + sleep_ticks() : 0);
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
