/* SPDX-License-Identifier: MIT */
/* raw_children clone|_Fork|fork|clone3|thread N CALLS - children that no handler of fork() hears of, and children of theirs:
 * clone() on a stack of its own, _Fork(), the bare system calls, one of them made by a second thread. */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static volatile unsigned long sink;
static int calls;
static char stack[64 << 10] __attribute__((aligned(64)));

static APART void work(void)
{
	sink++;
}

static APART void in_child(void)
{
	sink++;
}

static UNTRACED void repeat(void (*function)(void), int n)
{
	for (int i = 0; i < n; i++)
		function();
}

static UNTRACED pid_t by_fork_call(void)
{
#ifdef SYS_fork
	return (pid_t)syscall(SYS_fork);
#else
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

static UNTRACED pid_t by_clone3(void)
{
	struct clone_args args;
	memset(&args, 0, sizeof args);
	args.exit_signal = SIGCHLD;
	return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static UNTRACED void say(int parent, int n)
{
	char text[80];
	const int length = snprintf(text, sizeof text, "process %d %d in_child %d\n", (int)getpid(),
				    parent, n);
	if (write(STDOUT_FILENO, text, (size_t)length) != length)
		_exit(9);
}

static UNTRACED int reap(pid_t pid)
{
	int status = -1;
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Every second child has one of its own. */
static APART int life(int n)
{
	const pid_t parent = getppid(), me = getpid();
	repeat(in_child, calls + n);
	say((int)parent, calls + n);
	if (n % 2 == 0)
		return 3;
	const pid_t pid = by_fork_call();
	if (pid == 0) {
		repeat(in_child, 2 * calls);
		say((int)me, 2 * calls);
		_exit(4);
	}
	return reap(pid) == 4 ? 3 : 8;
}

static UNTRACED int on_own_stack(void *n)
{
	return life(*(int *)n);
}

static UNTRACED pid_t by_clone(int n)
{
	return clone(on_own_stack, stack + sizeof stack, SIGCHLD, &n);
}

/* The child's only thread is not the one it was born with. */
static void *in_thread(void *n)
{
	static int status;
	const pid_t pid = by_fork_call();
	if (pid == 0)
		_exit(life(*(int *)n));
	status = reap(pid);
	return &status;
}

static UNTRACED int one(const char *how, int n)
{
	pid_t pid;
	if (strcmp(how, "clone") == 0)
		return reap(by_clone(n));
	if (strcmp(how, "thread") == 0) {
		pthread_t thread;
		void *status;
		if (pthread_create(&thread, NULL, in_thread, &n) || pthread_join(thread, &status))
			return -1;
		return *(int *)status;
	}
	if (strcmp(how, "_Fork") == 0)
		pid = _Fork();
	else
		pid = strcmp(how, "clone3") == 0 ? by_clone3() : by_fork_call();
	if (pid == 0) {
		if (n % 4 < 2)
			_exit(life(n));
		exit(life(n));
	}
	return reap(pid);
}

int main(int argc, char **argv)
{
	int good = 0;
	if (argc < 4)
		return 2;
	const int n = atoi(argv[2]);
	calls = atoi(argv[3]);
	repeat(work, 1000);
	for (int i = 0; i < n; i++)
		good += one(argv[1], i) == 3;
	repeat(work, 1000);
	SAY_CALLS("main", 1);
	SAY_CALLS("work", 2000);
	fflush(stdout);
	return good == n ? 0 : 1;
}
