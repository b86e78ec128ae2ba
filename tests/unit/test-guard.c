/* SPDX-License-Identifier: MIT */
/* tests/unit/test-guard.c - a guarded child takes nobody with it; and how the ends of others
 * are found out. */
#include "monitor/guard.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/watch.h"
#include "tests/support/ap_check.h"

static int say(void *arg)
{
	return *(int *)arg;
}

static int crash(void *arg)
{
	(void)arg;
	raise(SIGSEGV);
	return 0;
}

static int hang(void *arg)
{
	(void)arg;
	for (;;) {
		pause();
	}
	return 0;
}

static int burn(void *arg)
{
	volatile unsigned *turns = arg;

	for (;;) {
		++*turns;
	}
	return 0;
}

/* Can @arg bytes be mapped? */
static int map(void *arg)
{
	return mmap(NULL, *(size_t *)arg, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0) != MAP_FAILED;
}

START_TEST(the_child_s_word_comes_back)
{
	int word = 7;

	ck_assert_int_eq(ap_guard_run(say, &word, NULL), 7);
	word = 0;
	ck_assert_int_eq(ap_guard_run(say, &word, NULL), 0);
}
END_TEST

START_TEST(a_crash_is_told)
{
	ck_assert_int_eq(ap_guard_run(crash, NULL, NULL), -ECHILD);
}
END_TEST

START_TEST(a_child_that_sleeps_for_ever_is_killed)
{
	const struct ap_guard_limits limits = {.wall_s = 1};

	ck_assert_int_eq(ap_guard_run(hang, NULL, &limits), -ETIMEDOUT);
}
END_TEST

START_TEST(a_child_that_burns_the_processor_is_killed)
{
	const struct ap_guard_limits limits = {.cpu_s = 1};
	unsigned turns = 0;

	ck_assert_int_eq(ap_guard_run(burn, &turns, &limits), -ECHILD);
}
END_TEST

START_TEST(memory_ends_somewhere)
{
	const struct ap_guard_limits more = {.extra_memory_bytes = 8ull << 30};
	size_t bytes = 4ull << 30;

#ifndef __SANITIZE_ADDRESS__ /* there the memory has no limit */
	ck_assert_int_eq(ap_guard_run(map, &bytes, NULL), 0);
#endif
	ck_assert_int_eq(ap_guard_run(map, &bytes, &more), 1);
}
END_TEST

/* A child that waits to be killed; its head as a spool would have it. */
static pid_t start(struct ap_profile_head *ret)
{
	const pid_t child = fork();

	if (child == 0) {
		hang(NULL);
	}
	*ret = (struct ap_profile_head){.pid = (uint32_t)child};
	return child;
}

static void assert_end_known(bool reap_first)
{
	struct ap_profile_known_end end = {0};
	struct ap_profile_head head;
	struct pollfd fd = {.events = POLLIN};
	int wait_status;

	const pid_t child = start(&head);
	fd.fd = ap_watch_open(&head);
	ck_assert_int_ge(fd.fd, 0);
	ck_assert_int_eq(poll(&fd, 1, 0), 0); /* lives */
	ap_watch_end(fd.fd, &head, &end);
	ck_assert(!end.known);
	kill(child, SIGKILL);
	ck_assert_int_eq(poll(&fd, 1, 10000), 1);
	if (reap_first) {
		ck_assert_int_eq(waitpid(child, &wait_status, 0), child);
	}
	ap_watch_end(fd.fd, &head, &end);
	if (!reap_first) {
		ck_assert(end.known);
		ck_assert_int_eq(waitpid(child, &wait_status, 0), child);
	}
	if (end.known) { /* after the reaping only on kernels since 6.15 */
		ck_assert_int_eq(end.wait_status, wait_status);
		ck_assert_int_eq(WTERMSIG(end.wait_status), SIGKILL);
	}
	close(fd.fd);
}

START_TEST(the_end_of_a_zombie_is_known)
{
	assert_end_known(false);
}
END_TEST

START_TEST(the_end_of_a_reaped_process_is_known_or_not_but_never_wrong)
{
	assert_end_known(true);
}
END_TEST

START_TEST(another_process_with_the_pid_is_not_ours)
{
	struct ap_profile_known_end end = {0};
	struct ap_profile_head head = {.pid = (uint32_t)getpid(), .proc_start = 1};

	ck_assert_int_eq(ap_watch_open(&head), -ESRCH);
	const pid_t child = fork();
	if (child == 0) {
		_exit(3);
	}
	siginfo_t info;
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	head.pid = (uint32_t)child;
	ap_watch_end(-1, &head, &end);
	ck_assert(!end.known);
	head.proc_start = 0; /* unknown: the pid must do */
	ap_watch_end(-1, &head, &end);
	ck_assert(end.known);
	ck_assert_int_eq(WEXITSTATUS(end.wait_status), 3);
	waitpid(child, NULL, 0);
}
END_TEST

START_TEST(mapped_files_are_seen)
{
	ck_assert_int_eq(ap_watch_maps(getpid(), "libc.so"), 1);
	ck_assert_int_eq(ap_watch_maps(getpid(), "no-such-file.spool"), 0);
	ck_assert_int_lt(ap_watch_maps(0x7ffffffe, "x"), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("guard");
	TCase *guard = tcase_create("guard");
	TCase *watch = tcase_create("watch");

	tcase_set_timeout(guard, 60);
	tcase_add_test(guard, the_child_s_word_comes_back);
	tcase_add_test(guard, a_crash_is_told);
	tcase_add_test(guard, a_child_that_sleeps_for_ever_is_killed);
	tcase_add_test(guard, a_child_that_burns_the_processor_is_killed);
	tcase_add_test(guard, memory_ends_somewhere);
	suite_add_tcase(s, guard);
	tcase_set_timeout(watch, 60);
	tcase_add_test(watch, the_end_of_a_zombie_is_known);
	tcase_add_test(watch, the_end_of_a_reaped_process_is_known_or_not_but_never_wrong);
	tcase_add_test(watch, another_process_with_the_pid_is_not_ours);
	tcase_add_test(watch, mapped_files_are_seen);
	suite_add_tcase(s, watch);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
