/* SPDX-License-Identifier: MIT */
/* family KIND N - processes of all kinds below one. Each says what it is and what it calls before it ends:
 * "row PID PARENT CALLS", where CALLS are all of its calls of main(), life() and work(), and "calls NAME N". */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static volatile unsigned long sink;
static char self[4096];
static char number[32], parent[32];

static APART void work(void)
{
	sink++;
}

/* In one write: the lines of many processes must not mix. */
static UNTRACED void say(int mains, int above, int times)
{
	char text[256];
	const int n = snprintf(text, sizeof(text),
			       "row %d %d %d\ncalls main %d\ncalls life 1\ncalls work %d\n",
			       (int)getpid(), above, mains + 1 + times, mains, times);
	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		_exit(9);
}

static APART void life(int mains, int above, int times)
{
	for (int i = 0; i < times; i++)
		work();
	say(mains, above, times);
}

static UNTRACED int reap(pid_t pid)
{
	int status = -1;
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static UNTRACED int by_fork(int n)
{
	for (int i = 0; i < n; i++) {
		const pid_t pid = fork();
		if (pid == 0) {
			life(0, (int)getppid(), 100 + i);
			exit(i % 3);
		}
		if (reap(pid) != (i % 3) << 8)
			return 1;
	}
	return 0;
}

/* All at once. */
static UNTRACED int by_flock(int n)
{
	int bad = 0;
	for (int i = 0; i < n; i++) {
		const pid_t pid = fork();
		if (pid == 0) {
			life(0, (int)getppid(), 100 + i);
			exit(0);
		}
		bad |= pid < 0;
	}
	for (int i = 0; i < n; i++)
		bad |= reap(-1) > 0;
	return bad;
}

/* Each is the only child of the one before it. */
static UNTRACED int by_line(int n)
{
	for (int i = 1; i <= n; i++) {
		const pid_t pid = fork();
		if (pid)
			exit(reap(pid) == 0 ? 0 : 1);
		life(0, (int)getppid(), 100 * i);
	}
	exit(0);
}

/* Every second child has children of its own. */
static UNTRACED int by_tree(int n)
{
	for (int i = 0; i < n; i++) {
		const pid_t pid = fork();
		if (pid == 0) {
			life(0, (int)getppid(), 10 * n + i);
			exit(i % 2 ? by_tree(n - 1) : 0);
		}
		if (reap(pid))
			return 1;
	}
	return 0;
}

static UNTRACED int by_exec(int n)
{
	for (int i = 0; i < n; i++) {
		const pid_t pid = fork();
		if (pid == 0) {
			snprintf(number, sizeof(number), "%d", 50 + i);
			execl(self, "family", "leaf", number, (char *)NULL);
			_exit(9);
		}
		if (reap(pid))
			return 1;
	}
	return 0;
}

/* A shell stands between: the parent that counts is ours. */
static UNTRACED int by_system(int n)
{
	char command[4300];
	for (int i = 0; i < n; i++) {
		snprintf(command, sizeof(command), "'%s' leaf %d %d; true", self, 20 + i,
			 (int)getpid());
		if (system(command))
			return 1;
	}
	return 0;
}

static UNTRACED int by_kill(int n)
{
	for (int i = 0; i < n; i++) {
		const pid_t pid = fork();
		if (pid == 0) {
			life(0, (int)getppid(), 1000 + i);
			raise(SIGKILL);
		}
		if (reap(pid) != SIGKILL)
			return 1;
	}
	return 0;
}

/* Becomes itself again, N times. */
static UNTRACED int by_become(int n)
{
	if (n == 0)
		return 0;
	snprintf(number, sizeof(number), "%d", n - 1);
	snprintf(parent, sizeof(parent), "%d", (int)getpid());
	execl(self, "family", "become", number, parent, (char *)NULL);
	return 9;
}

/* Outlives us, in a session of its own and without a descriptor, until a file "stop" is there. We end when it has
 * made its calls. */
static UNTRACED int by_daemon(int n)
{
	struct stat st;
	char done;
	int fds[2];
	const pid_t pid = pipe(fds) ? -1 : fork();
	if (pid)
		return pid < 0 || reap(pid) || read(fds[0], &done, 1) != 1;
	setsid();
	if (fork())
		_exit(0);
	life(0, 0, 300 + n);
	if (write(fds[1], "", 1) != 1)
		_exit(9);
	close_range(0, ~0u, 0);
	for (int i = 0; i < 3000 && stat("stop", &st) < 0; i++)
		usleep(10000);
	_exit(5);
}

static UNTRACED int nothing_more(int n)
{
	(void)n;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int n);
} kinds[] = {
	{"fork", by_fork},     {"flock", by_flock},    {"line", by_line}, {"tree", by_tree},
	{"exec", by_exec},     {"system", by_system},  {"kill", by_kill}, {"become", by_become},
	{"daemon", by_daemon}, {"leaf", nothing_more},
};

int main(int argc, char **argv)
{
	const int n = argc > 2 ? atoi(argv[2]) : 0;

	if (argc < 3 || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	life(1, argc > 3 ? atoi(argv[3]) : (int)getppid(), 7 + n);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, argv[1]) == 0)
			return kinds[i].run(n);
	return 2;
}
