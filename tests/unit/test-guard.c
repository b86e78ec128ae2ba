/* SPDX-License-Identifier: MIT */
/* tests/unit/test-guard.c - a guarded child takes nobody with it; and how the ends of others
 * are found out. */
#include "monitor/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/watch.h"
#include "tests/support/ap_check.h"

/* With this sanitizer the memory has no limit, and there is no filter. */
#ifdef __SANITIZE_ADDRESS__
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

static int say(void *arg)
{
	return *(int *)arg;
}

static int crash(void *arg)
{
	(void)arg;
	__builtin_trap(); /* raise() would be refused */
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

	ck_assert_int_eq(ap_guard_run(map, &bytes, NULL), is_sanitized);
	ck_assert_int_eq(ap_guard_run(map, &bytes, &more), 1);
}
END_TEST

/* Whatever hostile input might make a reader do. Return: how many of them were not refused. */
static int try_everything(void *arg)
{
	char *const argv[] = {(char *)"/bin/true", NULL};
	char *const none[] = {NULL};
	int done = 0;

	(void)arg;
	done += socket(AF_INET, SOCK_STREAM, 0) >= 0;
	done += socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
	done += (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0;
	done += execve(argv[0], argv, none) == 0;
	done += kill(getppid(), 0) == 0;
	done += ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
	done += setuid(getuid()) == 0;
	done += chmod("/", 0755) == 0;
	done += rename("/nonexistent/a", "/nonexistent/b") == 0 || errno != EPERM;
	done += mount("none", "/", "tmpfs", MS_REMOUNT, NULL) == 0;
	done += (int)syscall(0x40000000 + SYS_getpid) >= 0; /* by the number of x32 */
	done += prctl(PR_SET_DUMPABLE, 1) == 0;
	return done;
}

START_TEST(it_may_read_and_write_and_nothing_else)
{
	ck_assert_int_eq(ap_guard_run(try_everything, NULL, NULL), 0);
}
END_TEST

static int read_and_write(void *arg)
{
	char name[] = "/tmp/ap-guard-XXXXXX", text[8] = "";
	struct stat st;

	(void)arg;
	const int fd = mkstemp(name);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w+");
	if (!file || fputs("text", file) < 0 || fflush(file) != 0 || stat(name, &st) < 0 ||
	    st.st_size != 4 || pread(fd, text, 4, 0) != 4 || strcmp(text, "text") != 0) {
		return 1;
	}
	free(malloc(64u << 20));
	return unlink(name) == 0 ? 0 : 2;
}

START_TEST(its_work_is_not_in_the_way)
{
	ck_assert_int_eq(ap_guard_run(read_and_write, NULL, NULL), 0);
}
END_TEST

/* Return: bits of what holds: no new privileges, the filter, the limits. */
static int tell_limits(void *arg)
{
	char text[4096] = "";
	struct rlimit memory, files, core;

	(void)arg;
	const int fd = open("/proc/self/status", O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || getrlimit(RLIMIT_AS, &memory) < 0 ||
	    getrlimit(RLIMIT_NOFILE, &files) < 0 || getrlimit(RLIMIT_CORE, &core) < 0) {
		return 0;
	}
	return (strstr(text, "NoNewPrivs:\t1") != NULL) |
	       (strstr(text, "Seccomp:\t2") != NULL) << 1 | (memory.rlim_max == 2ul << 30) << 2 |
	       (files.rlim_max <= 256) << 3 | (core.rlim_max == 0) << 4;
}

START_TEST(it_is_under_limits_and_a_filter)
{
	const struct ap_guard_limits network = {.network = true};

	ck_assert_int_eq(ap_guard_run(tell_limits, NULL, NULL), 31);
	ck_assert_int_eq(ap_guard_run(tell_limits, NULL, &network), 31 - 3);
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
	tcase_add_test(guard, its_work_is_not_in_the_way);
	if (!is_sanitized) {
		tcase_add_test(guard, it_may_read_and_write_and_nothing_else);
		tcase_add_test(guard, it_is_under_limits_and_a_filter);
	}
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
