/* SPDX-License-Identifier: MIT */
/* runtime/end.c - the process announces its end, and waits a bounded time for its report. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"
#include "spool/names.h"

#define WAIT_STEP_NS 100000000ull
#define BUSY_WAIT_NS 1000000000ull
#define KIN_MOST_BYTES (1u << 20) /* no write is beyond the limit that may_write() asks for */

/* Cost of one call above that of hooks that do nothing: its two hooks, and what folding two events took on average. */
uint64_t ap_hook_ticks_x1000(const struct ap_spool_header *h)
{
	const struct ap_hook_cost *hooks = &ap_runtime.hook_cost;
	const uint64_t events = __atomic_load_n(&h->fold_events, __ATOMIC_RELAXED);
	const uint64_t fold_ns = __atomic_load_n(&h->fold_ns, __ATOMIC_RELAXED);
	const uint64_t fold_cost = events ? ap_ticks_of_ns(fold_ns) * 2000 / events : 0;
	return __atomic_load_n(&hooks->pair, __ATOMIC_RELAXED) -
	       __atomic_load_n(&hooks->empty, __ATOMIC_RELAXED) + fold_cost;
}

/** ap_usage_update() - CPU time, peak memory and a clock pair into the spool: about 3 us, so now and then. */
void ap_usage_update(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	struct rusage usage;
	ap_clock_pair(&h->clock_last);
	h->hook_ticks_x1000 = ap_hook_ticks_x1000(h);
	h->usage.cpu_ns = ap_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	h->usage.cpu_at_ticks = h->usage.at_ticks = h->clock_last.ticks;
	if (ap_sys2(SYS_getrusage, RUSAGE_SELF, &usage) == 0)
		h->usage.max_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

void ap_attendant_wake(struct ap_control *c)
{
	ap_sys6(SYS_futex, &c->header->life, FUTEX_WAKE, 0x7fffffff, 0, 0, 0);
}

static bool attendant_lives(const struct ap_control *c)
{
	uint32_t pid = __atomic_load_n(&c->header->attendant_pid, __ATOMIC_ACQUIRE);
	if (!pid)
		pid = c->attendant_pid;
	return !pid || ap_sys2(SYS_kill, pid, 0) != -ESRCH;
}

/* Wait until the report is there, the deadline has passed, or nobody is left to make it. */
static void wait_for_report(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	const uint64_t begin = ap_clock_ns(CLOCK_MONOTONIC);
	for (;;) {
		const uint32_t state = __atomic_load_n(&h->report_state, __ATOMIC_ACQUIRE);
		const uint64_t waited = ap_clock_ns(CLOCK_MONOTONIC) - begin;
		if (state >= AP_REPORT_DONE || waited >= h->deadline_ns || !attendant_lives(c))
			return;
		const uint64_t left = h->deadline_ns - waited;
		const struct timespec step = {0, (long)(left < WAIT_STEP_NS ? left : WAIT_STEP_NS)};
		ap_sys6(SYS_futex, &h->report_state, FUTEX_WAIT, state, &step, 0, 0);
	}
}

/* Threads that are inside a fold finish it: a report in the middle of one would count part of a batch. It is
 * bounded work, but with more threads than processors it may wait for its turn; a thread that was stopped or
 * killed in there is not waited for. Who gets a shard from now on gives it back (ring.c). */
static void wait_for_folds(struct ap_control *c)
{
	const uint64_t begin = ap_clock_ns(CLOCK_MONOTONIC);
	for (;;) {
		bool busy = false;
		for (uint32_t i = 0; i < c->header->shards; i++) {
			const ap_ref ref = c->header->shard_refs[i];
			busy |= ref && __atomic_load_n(&((struct ap_shard *)ap_at(c, ref))->owner,
						       __ATOMIC_ACQUIRE);
		}
		if (!busy || ap_clock_ns(CLOCK_MONOTONIC) - begin > BUSY_WAIT_NS)
			return;
		ap_sys0(SYS_sched_yield);
	}
}

bool ap_recorded_anything(const struct ap_control *c)
{
	return c->header->threads > 0;
}

static void announce(struct ap_control *c, enum ap_end kind, int status)
{
	struct ap_spool_header *h = c->header;
	h->end_ticks = ap_ticks();
	h->end_kind = kind;
	h->end_status = (uint32_t)status;
	ap_gates_off(); /* who counts only has no buffer that could be frozen */
	ap_threads_freeze(c);
	wait_for_folds(c);
	ap_usage_update(c); /* after the threads that would do it, too */
	__atomic_store_n(&h->life, AP_LIFE_EXITING, __ATOMIC_RELEASE);
	ap_attendant_wake(c);
}

/* Else it is left for `autoprof report`, or for `autoprof run` who waits for us. Return: is there an attendant? */
static bool have_attended(struct ap_control *c)
{
	const struct ap_settings *s = &ap_runtime.settings;
	if (!s->report || !s->monitor)
		return false;
	const uint64_t mask = ap_signals_block();
	const bool attended = ap_attendant_start(c);
	ap_signals_restore(mask);
	return attended;
}

/* Is this our process, up and running, and is this the first end? */
static bool may_end(struct ap_control *c)
{
	uint32_t before = 0;
	return c && __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) == AP_STATE_ON && !c->ending &&
	       c->pid == ap_getpid() &&
	       __atomic_compare_exchange_n(&c->ending, &before, 1, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* `autoprof run` wants to know whose child our children are: a line is what is left of us. */
static void leave_nothing(const struct ap_control *c)
{
	const struct ap_settings *s = &ap_runtime.settings;
	char path[560], text[96];
	struct ap_line where = {path, sizeof path, 0}, line = {text, sizeof text, 0};
	if (s->report && !s->monitor && ap_names_run_pid(ap_names_last(s->dir))) {
		ap_line_str(&where, s->dir);
		ap_line_str(&where, "/" AP_RUN_KIN);
		ap_line_u64(&line, c->pid);
		ap_line_str(&line, " ");
		ap_line_u64(&line, c->header->ppid);
		ap_line_str(&line, " ");
		ap_line_u64(&line, c->header->start_unix_ns);
		ap_line_str(&line, "\n");
		ap_append(path, &line, KIN_MOST_BYTES);
	}
	ap_space_discard();
}

void ap_end(enum ap_end kind, int status, bool wait)
{
	struct ap_control *c = ap_runtime.control;
	if (c && c->state == AP_STATE_ON && !c->ending && c->pid == ap_getpid())
		ap_flush(false);
	if (!may_end(c))
		return;
	const uint64_t mask = ap_signals_block();
	if (!ap_recorded_anything(c)) {
		leave_nothing(c);
	} else {
		announce(c, kind, status);
		if (have_attended(c) && wait)
			wait_for_report(c);
	}
	ap_signals_restore(mask);
}

/* As the kernel counts: a directory for each. Unknown is many. */
static bool only_thread(void)
{
	struct stat tasks;
	return ap_sys4(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &tasks, 0) == 0 &&
	       tasks.st_nlink == 3;
}

/* exec failed after a spool without events was unlinked. The next event makes a new one; nobody else is here. */
static void start_anew(struct ap_control *c)
{
	ap_sys2(SYS_munmap, ap_runtime.spool_base, ap_runtime.spool_bytes);
	ap_runtime.spool_base = NULL;
	ap_runtime.spool_pid = 0;
	*c = (struct ap_control){.state = AP_STATE_NEW};
}

/** ap_end_exec() - this image may be about to end: nothing is frozen, because exec may fail.
 * @begin: false when it did fail. */
void ap_end_exec(bool begin)
{
	struct ap_control *c = ap_runtime.control;
	if (!c || c->state != AP_STATE_ON || c->ending || c->pid != ap_getpid())
		return;
	struct ap_spool_header *h = c->header;
	if (!begin) {
		h->end_kind = AP_END_NONE;
		h->end_ticks = 0;
		if (!ap_runtime.spool_path[0])
			start_anew(c);
		return;
	}
	ap_flush(false);
	if (!ap_recorded_anything(c) && only_thread()) { /* else another may be about to record */
		leave_nothing(c);
		return;
	}
	ap_usage_update(c);
	h->end_ticks = ap_ticks();
	__atomic_store_n(&h->end_kind, AP_END_EXEC, __ATOMIC_RELEASE);
	have_attended(c);
	ap_attendant_wake(c);
}

/** ap_end_abort() - abort() was called: what is in the ring is folded, and somebody will report. */
void ap_end_abort(void)
{
	struct ap_control *c = ap_runtime.control;
	if (!c || c->state != AP_STATE_ON || c->ending || c->pid != ap_getpid())
		return;
	ap_flush(false);
	ap_usage_update(c);
	if (ap_recorded_anything(c))
		have_attended(c);
}

/* Recording ends; whoever has recorded is reported. */
static void confine_recorder(struct ap_control *c)
{
	ap_patch_end(c); /* while hooks can be put back */
	ap_flush(false);
	if (ap_recorded_anything(c))
		have_attended(c);
	ap_usage_update(c);
	c->header->flags |= AP_SPOOL_FROZEN;
	__atomic_store_n(&c->ending, 1, __ATOMIC_SEQ_CST);
	ap_threads_freeze(c);
}

bool ap_confine(bool begin)
{
	struct ap_control *c = ap_runtime.control;
	const bool started = c && __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != AP_STATE_NEW;
	if (begin && ap_runtime.off)
		return false;
	if (started && (c->state != AP_STATE_ON || (begin && (c->ending || c->pid != ap_getpid()))))
		return false;
	if (begin) {
		if (started)
			confine_recorder(c);
		ap_switch_off(); /* for children too: they inherit the filter */
		return true;
	}
	ap_switch_on();
	if (started) {
		c->header->flags &= ~(uint32_t)AP_SPOOL_FROZEN;
		__atomic_store_n(&c->ending, 0, __ATOMIC_SEQ_CST);
	}
	return true;
}
