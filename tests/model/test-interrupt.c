/* SPDX-License-Identifier: MIT */
/* tests/model/test-interrupt.c - the real hooks, interrupted after every instruction.
 *
 * A tracer steps tests/model/interrupted.c into its hooks and delivers a signal there; the handler calls
 * instrumented functions itself. Then the spool is read by profile/: everything must be in it, once. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "profile/profile.h"
#include "tests/support/ap_check.h"

struct victim {
	unsigned calls_before; /* 0: the first call of all is the one that is interrupted */
	unsigned odd;
	unsigned handler_calls;
	const char *
		ending; /* of the handler; "kill": SIGKILL instead of a handler; "vfork": of a vfork child */
};

/* What a run came to. */
struct outcome {
	bool stepped; /* far enough: the signal was sent between the breakpoints */
	int status;
	char addresses[128];
};

static char dir[] = "/tmp/ap-interrupt-XXXXXX";

/* --- running --------------------------------------------------------------------------------------- */

static void run_child(const struct victim *v, int out)
{
	char options[128], before[16], odd[16], calls[16];
	snprintf(options, sizeof options, "dir=%s:report=none:monitor=off:memory=2M", dir);
	snprintf(before, sizeof before, "%u", v->calls_before);
	snprintf(odd, sizeof odd, "%u", v->odd);
	snprintf(calls, sizeof calls, "%u", v->handler_calls);
	setenv("AUTOPROF_OPTIONS", options, 1);
	setenv("LD_PRELOAD", AP_TEST_LIBRARY, 1);
	dup2(out, 1);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execl(AP_TEST_VICTIM, "interrupted", before, odd, calls, v->ending, NULL);
	_exit(127);
}

static int wait_stop(pid_t pid)
{
	int status = 0;
	ck_assert_int_eq(waitpid(pid, &status, __WALL), pid);
	return status;
}

static bool at_breakpoint(int status)
{
	return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

static void go_on(enum __ptrace_request how, pid_t pid, long signal)
{
	ptrace(how, pid, NULL, (void *)signal);
}

/* From the first breakpoint, @steps instructions. Return: false when the second came before. */
static bool step(pid_t pid, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		siginfo_t info;
		go_on(PTRACE_SINGLESTEP, pid, 0);
		if (!at_breakpoint(wait_stop(pid)))
			return false;
		ptrace(PTRACE_GETSIGINFO, pid, NULL, &info);
		if (info.si_code == SI_KERNEL)
			return false;
	}
	return true;
}

static void run_to_end(pid_t pid, struct outcome *outcome)
{
	while (WIFSTOPPED(outcome->status)) {
		const int signal = WSTOPSIG(outcome->status);
		go_on(PTRACE_CONT, pid, signal == SIGTRAP ? 0 : signal);
		outcome->status = wait_stop(pid);
	}
}

/* The vfork child makes the call, and is killed in it. Return: false when it had made it. */
static bool kill_vfork_child(pid_t parent, unsigned steps)
{
	unsigned long child = 0;
	ptrace(PTRACE_GETEVENTMSG, parent, NULL, &child);
	wait_stop((pid_t)child);
	go_on(PTRACE_CONT, parent, 0);
	go_on(PTRACE_CONT, (pid_t)child, 0);
	ck_assert(at_breakpoint(wait_stop((pid_t)child)));
	const bool stepped = step((pid_t)child, steps);
	kill((pid_t)child, SIGKILL);
	ck_assert(WIFSIGNALED(wait_stop((pid_t)child)));
	return stepped;
}

static struct outcome run(const struct victim *v, unsigned steps)
{
	struct outcome outcome = {0};
	int out[2];
	ck_assert_int_eq(pipe(out), 0);
	const pid_t pid = fork();
	if (pid == 0)
		run_child(v, out[1]);
	close(out[1]);
	ck_assert(at_breakpoint(wait_stop(pid))); /* exec */
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL);
	go_on(PTRACE_CONT, pid, 0);
	outcome.status = wait_stop(pid);
	ck_assert_msg(at_breakpoint(outcome.status), "the victim did not run: status %x",
		      outcome.status);
	if (strcmp(v->ending, "vfork") == 0) {
		outcome.stepped = kill_vfork_child(pid, steps);
		outcome.status = wait_stop(pid);
	} else if ((outcome.stepped = step(pid, steps))) {
		const bool kill = strcmp(v->ending, "kill") == 0;
		go_on(PTRACE_CONT, pid, kill ? SIGKILL : SIGUSR1);
		outcome.status = wait_stop(pid);
	}
	run_to_end(pid, &outcome);
	const ssize_t n = read(out[0], outcome.addresses, sizeof outcome.addresses - 1);
	outcome.addresses[n > 0 ? n : 0] = 0;
	close(out[0]);
	return outcome;
}

/* --- reading --------------------------------------------------------------------------------------- */

/* The spool of the run, in memory. A forked child leaves a second one: it is the one with a parent. */
static struct ap_profile *read_spool(bool of_child)
{
	struct ap_profile *found = NULL;
	DIR *d = opendir(dir);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[512];
		struct ap_profile *profile = NULL;
		struct ap_profile_error error;
		if (!strstr(e->d_name, ".spool"))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		ck_assert_msg(ap_profile_open(path, NULL, &profile, &error) == 0, "%s", error.text);
		if ((profile->process.parent_spool_id != 0) == of_child && !found)
			found = profile;
		else
			ap_profile_free(profile);
	}
	closedir(d);
	return found;
}

static void empty_dir(void)
{
	DIR *d = opendir(dir);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static uint64_t calls_of(const struct ap_profile *p, uint64_t address)
{
	uint64_t calls = 0;
	for (size_t i = 0; i < p->functions_n; i++)
		calls += p->functions[i].address == address ? p->functions[i].calls : 0;
	return calls;
}

static uint64_t dropped(const struct ap_profile *p)
{
	uint64_t events = 0;
	for (int i = 0; i < AP_PROFILE_DROPS; i++)
		events += p->quality.dropped[i].events;
	return events;
}

struct addresses {
	unsigned long filler, probed, handled, odd;
};

static struct addresses addresses_of(const struct outcome *o)
{
	struct addresses a;
	ck_assert_int_eq(
		sscanf(o->addresses, "%lx %lx %lx %lx", &a.filler, &a.probed, &a.handled, &a.odd),
		4);
	return a;
}

/* --- checks ---------------------------------------------------------------------------------------- */

static void check_complete(const struct victim *v, const struct outcome *o, const char *where)
{
	struct ap_profile *p = read_spool(false);
	ck_assert_msg(WIFEXITED(o->status) && WEXITSTATUS(o->status) == 0, "%s: status %x", where,
		      o->status);
	ck_assert_msg(p != NULL, "%s: no spool", where);
	const struct addresses a = addresses_of(o);
	ck_assert_msg(p->quality.identity_holds, "%s: identity", where);
	ck_assert_msg(dropped(p) == 0, "%s: %lu events dropped", where, (unsigned long)dropped(p));
	ck_assert_msg(calls_of(p, a.handled) == v->handler_calls, "%s: handled %lu", where,
		      (unsigned long)calls_of(p, a.handled));
	ck_assert_msg(calls_of(p, a.probed) == 1, "%s: probed %lu", where,
		      (unsigned long)calls_of(p, a.probed));
	ck_assert_msg(calls_of(p, a.filler) == v->calls_before + 100, "%s: filler %lu", where,
		      (unsigned long)calls_of(p, a.filler));
	ck_assert_msg(calls_of(p, a.odd) == v->odd, "%s: odd", where);
	const uint64_t calls = v->calls_before + 100 + v->handler_calls + 1 + v->odd;
	ck_assert_msg(p->quality.attempted - p->quality.specials == 2 * calls,
		      "%s: attempted %lu, %lu special", where, (unsigned long)p->quality.attempted,
		      (unsigned long)p->quality.specials);
	ck_assert_msg(p->quality.unmatched_exits == 0 && p->quality.unclosed_frames == 0,
		      "%s: frames", where);
	ap_profile_free(p);
}

/* The hook that was interrupted is left for good: its event may be there or not, and its slot be open. */
static void check_left(const struct victim *v, const struct outcome *o, const char *where)
{
	struct ap_profile *p = read_spool(false);
	ck_assert_msg(WIFEXITED(o->status) && WEXITSTATUS(o->status) == 0, "%s: status %x", where,
		      o->status);
	ck_assert_msg(p != NULL, "%s: no spool", where);
	const struct addresses a = addresses_of(o);
	ck_assert_msg(p->quality.identity_holds, "%s: identity", where);
	ck_assert_msg(dropped(p) <= 1, "%s: %lu events dropped", where, (unsigned long)dropped(p));
	ck_assert_msg(calls_of(p, a.handled) == v->handler_calls, "%s: handled", where);
	ck_assert_msg(calls_of(p, a.probed) <= 1, "%s: probed", where);
	ck_assert_msg(calls_of(p, a.filler) == v->calls_before + 100, "%s: filler %lu", where,
		      (unsigned long)calls_of(p, a.filler));
	ap_profile_free(p);
}

static void check_killed(const struct victim *v, const struct outcome *o, const char *where)
{
	struct ap_profile *p = read_spool(false);
	ck_assert_msg(WIFSIGNALED(o->status), "%s: status %x", where, o->status);
	ck_assert_msg(p != NULL, "%s: no spool", where);
	ck_assert_msg(p->quality.identity_holds, "%s: identity", where);
	ck_assert_msg(dropped(p) <= 1, "%s: %lu events dropped", where, (unsigned long)dropped(p));
	uint64_t calls = 0;
	for (size_t i = 0; i < p->functions_n; i++)
		calls += p->functions[i].calls;
	const uint64_t least = v->calls_before + v->odd;
	ck_assert_msg(calls >= least && calls <= least + 2, "%s: %lu calls", where,
		      (unsigned long)calls);
	ap_profile_free(p);
}

/* The child's own calls: the handler's after the fork, and what the parent's code goes on with. */
static void check_child(const struct victim *v, const struct outcome *o, const char *where)
{
	struct ap_profile *p = read_spool(true);
	const struct addresses a = addresses_of(o);
	ck_assert_msg(p != NULL, "%s: no spool of the child", where);
	ck_assert_msg(p->quality.identity_holds, "%s: identity of the child", where);
	ck_assert_msg(calls_of(p, a.handled) == 1, "%s: child handled", where);
	ck_assert_msg(calls_of(p, a.probed) <= 1, "%s: child probed", where);
	ck_assert_msg(calls_of(p, a.filler) == 100, "%s: child filler %lu", where,
		      (unsigned long)calls_of(p, a.filler));
	ck_assert_msg(dropped(p) == 0, "%s: %lu events of the child dropped", where,
		      (unsigned long)dropped(p));
	ap_profile_free(p);
	check_complete(v, o, where);
}

/* Events in doubt: that of the child, and the one that its fold was at. */
static void check_orphaned(const struct victim *v, const struct outcome *o, const char *where)
{
	struct ap_profile *p = read_spool(false);
	ck_assert_msg(WIFEXITED(o->status) && WEXITSTATUS(o->status) == 0, "%s: status %x", where,
		      o->status);
	ck_assert_msg(p != NULL, "%s: no spool", where);
	const struct addresses a = addresses_of(o);
	const uint64_t filler = calls_of(p, a.filler), least = v->calls_before + 1100;
	ck_assert_msg(filler == least || filler == least + 1, "%s: filler %lu", where,
		      (unsigned long)filler);
	ck_assert_msg(calls_of(p, a.probed) <= 1, "%s: probed", where);
	ck_assert_msg(dropped(p) <= 1, "%s: %lu events dropped", where, (unsigned long)dropped(p));
	const uint64_t accounted = p->quality.folded + p->quality.pending + dropped(p);
	ck_assert_msg(accounted - p->quality.attempted <= 2, "%s: identity %lu, %lu", where,
		      (unsigned long)p->quality.attempted, (unsigned long)accounted);
	ap_profile_free(p);
}

typedef void check_function(const struct victim *v, const struct outcome *o, const char *where);

/* Every instruction of a hook's way through the ring and into the slow path; of the thousands that follow
 * with signals blocked, some. */
#define STEPS_MOST 4000
static unsigned next_step(const struct victim *v, unsigned steps)
{
	if (steps < 60)
		return steps + 1;
	return strcmp(v->ending, "vfork") == 0 ? steps + 37 : steps + 1 + steps / 6;
}

static void at_every_instruction(const struct victim *v, check_function *check)
{
	for (unsigned steps = 0; steps < STEPS_MOST; steps = next_step(v, steps)) {
		char where[128];
		const struct outcome outcome = run(v, steps);
		snprintf(where, sizeof where, "%u+%u calls before, %u in the handler, %s, step %u",
			 v->calls_before, v->odd, v->handler_calls, v->ending, steps);
		if (!outcome.stepped) {
			empty_dir();
			ck_assert_uint_gt(steps, 20);
			return;
		}
		check(v, &outcome, where);
		empty_dir();
	}
}

/* Where the call falls in a chunk of 64 whose second slot is a gap: well inside, with its enter behind the
 * end, with its exit behind the end; and the first call of all. */
static const struct {
	unsigned calls, odd;
} places[] = {{3, 0}, {31, 0}, {30, 1}, {0, 0}};
#define PLACES (int)(sizeof places / sizeof *places)

static void setup(void)
{
	strcpy(dir, "/tmp/ap-interrupt-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	empty_dir();
	rmdir(dir);
}

START_TEST(a_handler_with_one_call_loses_nothing)
{
	at_every_instruction(&(struct victim){places[_i].calls, places[_i].odd, 1, "return"},
			     check_complete);
}
END_TEST

START_TEST(a_handler_with_forty_calls_loses_nothing)
{
	at_every_instruction(&(struct victim){places[_i].calls, places[_i].odd, 40, "return"},
			     check_complete);
}
END_TEST

START_TEST(a_handler_that_jumps_away_loses_one_event_at_most)
{
	at_every_instruction(&(struct victim){places[_i].calls, places[_i].odd, 1, "jump"},
			     check_left);
}
END_TEST

START_TEST(a_handler_that_forks_leaves_two_complete_profiles)
{
	at_every_instruction(&(struct victim){places[_i].calls, places[_i].odd, 0, "fork"},
			     check_child);
}
END_TEST

START_TEST(a_kill_loses_one_event_at_most)
{
	at_every_instruction(&(struct victim){places[_i].calls, places[_i].odd, 0, "kill"},
			     check_killed);
}
END_TEST

START_TEST(a_vfork_child_that_dies_in_a_slow_path_leaves_a_ring_that_goes_on)
{
	at_every_instruction(&(struct victim){31, 0, 0, "vfork"}, check_orphaned);
}
END_TEST

/* Containers may forbid it. */
static bool may_trace(void)
{
	int status = 0;
	const pid_t pid = fork();
	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void)
{
	if (!may_trace()) {
		puts("1..0 # SKIP ptrace is not permitted here");
		return 0;
	}
	Suite *suite = suite_create("interrupt");
	TCase *tc = tcase_create("interrupt");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_handler_with_one_call_loses_nothing, 0, PLACES);
	tcase_add_loop_test(tc, a_handler_with_forty_calls_loses_nothing, 0, PLACES);
	tcase_add_loop_test(tc, a_handler_that_jumps_away_loses_one_event_at_most, 0, 2);
	tcase_add_loop_test(tc, a_handler_that_forks_leaves_two_complete_profiles, 0, PLACES);
	tcase_add_test(tc, a_vfork_child_that_dies_in_a_slow_path_leaves_a_ring_that_goes_on);
	tcase_add_loop_test(tc, a_kill_loses_one_event_at_most, 0, 2);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
